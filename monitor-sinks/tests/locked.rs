//! Promise: a store that another process holds locked costs no value, however long it lasts, and nobody waits for it.
//!
//! The lock lasts a second, or as many as `MONITORED_LOCK_SECONDS` says.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::{Feed, builder};
use rusqlite::Connection;

const PATH: &str = "MONITOR_SINKS_TEST_LOCKED";

fn seconds() -> Duration {
    let given = std::env::var("MONITORED_LOCK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(given.unwrap_or(1))
}

/// Holds the store of the parent locked.
#[test]
fn child_that_holds_the_lock() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let connection = Connection::open(Path::new(&path)).unwrap();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    writeln!(std::io::stdout(), "\nlocked").unwrap();
    std::thread::sleep(seconds());
    connection.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn a_lock_of_another_process_is_sat_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let feed = Feed::default();
    let monitor = builder(&path).flush_every(Duration::from_millis(20)).start_with(feed.source()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_holds_the_lock", "--nocapture"])
        .env(PATH, &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "locked"), "the child gets the lock");
    let begun = Instant::now();
    let (mut recorded, mut refused) = (0_u64, 0);
    while child.try_wait().unwrap().is_none() {
        feed.with(|registry| registry.count("rows", &[], 1));
        recorded += 1;
        if recorded.is_multiple_of(50) {
            let asked = Instant::now();
            refused += u32::from(monitor.flush().is_err_and(|error| error.is_locked()));
            assert!(asked.elapsed() < Duration::from_secs(5), "a flush gives up: {:?}", asked.elapsed());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(begun.elapsed() + Duration::from_millis(500) >= seconds());
    assert!(refused > 0, "it was locked");
    monitor.flush().unwrap();
    let series = monitor.query().metric("rows").series().unwrap();
    assert!((series[0].increase() - recorded as f64).abs() < 0.5, "{} of {recorded}", series[0].increase());
    assert_eq!(monitor.store().check().unwrap(), []);
    monitor.shutdown().unwrap();
}
