//! The shortest whole program: one attribute, one monitor, one question.
//!
//! ```text
//! cargo run --example quickstart
//! ```

use std::error::Error;
use std::time::Duration;

use monitored::prelude::*;

#[monitored]
fn parse(line: &str) -> Result<u32, std::num::ParseIntError> {
    line.trim().parse()
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let monitor = Monitor::builder().service("etl").sqlite(folder.path().join("metrics.db")).start()?;

    for line in ["17", " 4 ", "", "four", "23"].iter().cycle().take(1_000) {
        let _ = parse(line);
    }

    monitor.flush()?;
    let stats = monitor.query().function("parse").last(Duration::from_hours(1)).stats()?;
    println!("{} calls: {} ok, {} errors {:?}", stats.calls, stats.ok, stats.errors, stats.errors_by_type);
    for share in [0.5, 0.99, 1.0] {
        println!("{:>4.0} % took at most {:?}", share * 100.0, stats.quantile(share).unwrap_or_default());
    }
    monitor.shutdown()?;
    Ok(())
}
