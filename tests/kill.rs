//! Promise: after kill -9 at any instant the database is intact and holds everything up to the last flush.
//!
//! The test runs itself as a child that records, flushes and says so, and kills it. The number of kills is 10, or
//! `MONITORED_KILLS` (`cargo xtask prove` makes it 200).

#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use monitored::{Monitor, Store, monitored};

const FILE: &str = "MONITORED_TEST_FILE";

#[monitored]
fn step(number: u64) -> Result<u64, std::fmt::Error> {
    if number.is_multiple_of(7) { Err(std::fmt::Error) } else { Ok(number) }
}

/// Records for ever, when it is run as the child.
#[test]
fn child() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let monitor =
        Monitor::builder().service("kill").sqlite(file).flush_every(Duration::from_millis(2)).start().unwrap();
    let mut out = std::io::stdout();
    for round in 1.. {
        for number in 0..100 {
            let _ = step(number);
        }
        if round % 3 == 0 {
            monitor.flush().unwrap();
            writeln!(out, "flushed {}", round * 100).unwrap();
            out.flush().unwrap();
        }
    }
}

/// Runs the child for `life` after its first flush; returns the calls of the last flush that it reported.
fn record_and_kill(file: &Path, life: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut flushed = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("flushed ")?.parse().ok());
    let mut last = flushed.next().expect("the child flushes");
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    for calls in flushed {
        last = calls;
    }
    last
}

#[test]
fn a_killed_program_leaves_an_intact_store_with_all_that_was_flushed() {
    if std::env::var_os(FILE).is_some() {
        return;
    }
    let kills: u64 = std::env::var("MONITORED_KILLS").map_or(10, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("killed.db");
    let mut before = 0;
    for kill in 0..kills {
        // Spread over the phases of a flush, from a fixed seed.
        let life = Duration::from_micros(kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 40_000);
        let flushed = record_and_kill(&file, life);

        let connection = rusqlite::Connection::open(&file).unwrap();
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "after kill {kill}");
        drop(connection);

        let stats = Store::open_read_only(&file).unwrap().query().function("step").stats().unwrap();
        assert!(stats.warnings().is_empty(), "{:?}", stats.warnings());
        assert!(stats.calls >= before + flushed, "kill {kill}: {} of {before} + {flushed}", stats.calls);
        assert_eq!(stats.calls, stats.ok + stats.errors);
        before = stats.calls;
    }
}
