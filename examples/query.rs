//! Questions to a store that another program left behind: functions, one metric by its tags, and a mistyped name.
//!
//! ```text
//! cargo run --example query
//! ```

use std::error::Error;
use std::path::Path;
use std::time::SystemTime;

use monitored::Store;
use monitored::prelude::*;

#[monitored(tags(stage = "load"))]
fn load(table: &str, rows: u64) -> Result<u64, String> {
    if rows == 0 {
        return Err(format!("{table} is empty"));
    }
    counter!("rows_loaded", rows, "table" => table);
    Ok(rows)
}

/// Stands for a program that ran some time ago.
fn record(file: &Path) -> Result<(), Box<dyn Error>> {
    let monitor = Monitor::builder().service("etl").sqlite(file).start()?;
    for (table, rows) in [("flights", 27_004), ("weather", 2_226), ("planes", 0), ("flights", 24_951)] {
        let _ = load(table, rows);
    }
    monitor.shutdown()?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("metrics.db");
    let start = SystemTime::now();
    record(&file)?;

    let store = Store::open_read_only(&file)?;
    let window = || store.query().between(start, SystemTime::now());
    for stats in window().functions()? {
        let (calls, errors, max) = (stats.calls, stats.errors, stats.max().unwrap_or_default());
        println!("{} of {:?}: {calls} calls, {errors} failed, slowest {max:?}", stats.path(), stats.services);
    }
    for series in window().metric("rows_loaded").series()? {
        println!("{} {:?}: {}", series.name, series.labels, series.increase());
    }
    let flights = window().metric("rows_loaded").tag("table", "flights").series()?;
    println!("of flights alone: {}", flights.iter().map(monitored::Series::increase).sum::<f64>());

    if let Err(error) = window().function("laod").stats() {
        println!("asked for `laod`: {error}");
    }
    Ok(())
}
