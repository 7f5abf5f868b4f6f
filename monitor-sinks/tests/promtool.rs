//! Promise: Prometheus takes what is exported as OpenMetrics, every value of it.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command};

use common::promtool;
use monitor_sinks::{Format, Import, Store};

const STEP: u64 = 60;
const STEPS: u64 = 180;

/// Three hours of a counter that is reset, of gauges with odd values, and of a timer, as an export writes them.
fn text() -> String {
    let mut text = String::from(
        "# HELP rows Stored by monitored as counter rows in rows\n# TYPE rows counter\n\
         # HELP odd Stored by monitored as gauge odd\n# TYPE odd gauge\n\
         # HELP parse_seconds Stored by monitored as timer parse_seconds in seconds\n# TYPE parse_seconds histogram\n\
         # UNIT parse_seconds seconds\n",
    );
    for step in 0..STEPS {
        let at = 1_700_000_000 + step * STEP;
        let odd = ["NaN", "+Inf", "-Inf", "-0.0", "5e-324", "0.1"][step as usize % 6];
        writeln!(text, "rows_total{{service=\"etl\",table=\"a \\\"b\\\"\\\\\"}} {} {at}.25", step % 100 * 7).unwrap();
        writeln!(text, "odd {odd} {at}").unwrap();
        for (bound, count) in [("0.125", step), ("0.5", 2 * step), ("+Inf", 3 * step)] {
            writeln!(text, "parse_seconds_bucket{{le=\"{bound}\"}} {count} {at}").unwrap();
        }
        writeln!(text, "parse_seconds_count {} {at}\nparse_seconds_sum {}.5 {at}", 3 * step, step).unwrap();
        if step == 0 {
            writeln!(text, "parse_seconds_created {at} {at}").unwrap();
        }
    }
    text + "# EOF\n"
}

/// Sample lines by the name of the series, each with value and time in milliseconds.
fn values_by_name(text: &str) -> BTreeMap<String, Vec<(i64, f64)>> {
    let mut found: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, rest) = line.split_at(line.rfind('}').map_or_else(|| line.find(' ').unwrap(), |place| place + 1));
        let mut words = rest.split_ascii_whitespace();
        let value: f64 = words.next().unwrap().parse().unwrap();
        let seconds: f64 = words.next().unwrap().parse().unwrap();
        let name = series.split('{').next().unwrap();
        found.entry(name.to_owned()).or_default().push(((seconds * 1_000.0) as i64, value));
    }
    sorted(found)
}

/// The same of what promtool dumps: `{__name__="a", b="c"} value milliseconds`.
fn dumped(text: &str) -> BTreeMap<String, Vec<(i64, f64)>> {
    let mut found: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for line in text.lines() {
        let name = line.split("__name__=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut words = line[line.rfind('}').unwrap() + 1..].split_ascii_whitespace();
        let value: f64 = words.next().unwrap().parse().unwrap();
        found.entry(name.to_owned()).or_default().push((words.next().unwrap().parse().unwrap(), value));
    }
    sorted(found)
}

fn sorted(mut found: BTreeMap<String, Vec<(i64, f64)>>) -> BTreeMap<String, Vec<(i64, f64)>> {
    for values in found.values_mut() {
        values.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    }
    found
}

fn run(promtool: &Path, arguments: &[&str]) -> String {
    let output = Command::new(promtool).args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn promtool_makes_blocks_of_an_export_that_hold_every_value() {
    let Some(promtool) = promtool() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let mut import = Import::open(&path).unwrap();
    import.read("text", text().as_bytes()).unwrap();
    assert_eq!(import.finish().unwrap().series, 3);
    let mut exported = Vec::new();
    Store::open_read_only(&path).unwrap().query().export(Format::OpenMetrics, &mut exported).unwrap();
    let (input, blocks) = (folder.path().join("export.om"), folder.path().join("blocks"));
    fs::write(&input, &exported).unwrap();

    let [input, blocks] = [input.to_str().unwrap(), blocks.to_str().unwrap()];
    run(&promtool, &["tsdb", "create-blocks-from", "openmetrics", input, blocks]);
    // It looks for the log of a server, which blocks alone do not have.
    fs::create_dir(Path::new(blocks).join("wal")).unwrap();
    let there = dumped(&run(&promtool, &["tsdb", "dump", blocks]));
    let here = values_by_name(&String::from_utf8(exported).unwrap());
    for name in ["rows_total", "odd", "parse_seconds_bucket", "parse_seconds_count", "parse_seconds_sum"] {
        let (here, there) = (&here[name], &there[name]);
        assert_eq!(there.len(), here.len(), "{name}");
        for (there, here) in there.iter().zip(here) {
            let is_same = there.1.to_bits() == here.1.to_bits() || (there.1.is_nan() && here.1.is_nan());
            assert!(is_same && there.0 == here.0, "{name}: {there:?} {here:?}");
        }
    }
    assert_eq!(here["odd"].len() as u64, STEPS);
}
