//! Throughput of the example with monitoring and without.
//!
//! "Without" is the same source with every `#[monitored]` line and every metric macro taken out, built as an example of
//! its own, and the monitor not started. Both run in turns; the medians are compared.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{Outcome, cargo, root, run, target};

const ROUNDS: usize = 21;
const REPEAT: &str = "36";
/// Throughput with monitoring over that without that must hold.
const BOUND: f64 = 0.97;
const BARE: &str = "flights_bare";

/// Measures, prints, and fails when the bound does not hold.
pub(crate) fn measure() -> Outcome {
    let bare = root().join("examples").join(BARE);
    strip(&root().join("examples/flights"), &bare)
        .map_err(|error| format!("cannot write {}: {error}", bare.display()))?;
    let outcome = build_and_compare();
    // The copy is of no use to anyone else, and cargo would take it for an example.
    let _ = fs::remove_dir_all(bare);
    outcome
}

fn build_and_compare() -> Outcome {
    let examples = ["build", "--release", "--example", "flights", "--example", BARE];
    run("build the example with and without monitoring", cargo(None).args(examples))?;
    let programs = target("release/examples");
    let folder = std::env::temp_dir().join(format!("monitored-overhead-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let file = folder.join(format!("{round}.db"));
        let mut monitored = Command::new(programs.join("flights"));
        monitored.args(["--repeat", REPEAT, "--db"]).arg(file);
        let mut bare = Command::new(programs.join(BARE));
        bare.args(["--repeat", REPEAT, "--bare"]);
        // Each goes first in half of the rounds, so that a machine that warms up or slows down favours neither.
        if round % 2 == 0 {
            with.push(rate(&mut monitored)?);
            without.push(rate(&mut bare)?);
        } else {
            without.push(rate(&mut bare)?);
            with.push(rate(&mut monitored)?);
        }
    }
    let _ = fs::remove_dir_all(folder);
    let (with, without) = (median(with), median(without));
    let ratio = with / without;
    println!("== overhead: {with:.0} rows/s with monitoring, {without:.0} without: {:.1} %", 100.0 * ratio);
    if ratio < BOUND {
        return Err(format!("throughput with monitoring is {:.1} % of that without", 100.0 * ratio));
    }
    Ok(())
}

/// Rows a second, as the example reports them.
fn rate(command: &mut Command) -> Result<f64, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.split_once('(').and_then(|(_, rest)| rest.split_once(" rows/s")).map(|(rate, _)| rate.parse());
    match rate {
        Some(Ok(rate)) if output.status.success() => Ok(rate),
        _ => Err(format!("the example failed: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Copies the example without its monitoring.
fn strip(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let kept = text.lines().filter(|line| {
            let line = line.trim_start();
            !["#[monitored", "counter!(", "histogram!("].iter().any(|start| line.starts_with(start))
        });
        let mut bare = String::from(if path.ends_with("main.rs") { "#![allow(unused_imports)]\n" } else { "" });
        for line in kept {
            bare.push_str(line);
            bare.push('\n');
        }
        if let Some(name) = path.file_name() {
            fs::write(to.join(name), bare)?;
        }
    }
    Ok(())
}
