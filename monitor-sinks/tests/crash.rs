//! A process that is killed loses what it had not flushed, and nothing else.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use common::start;
use monitor_sinks::Store;
use rusqlite::Connection;

const CHILD: &str = "MONITOR_SINKS_TEST_CHILD";

/// Records to the path in the environment, and says after each commit how many calls have been committed.
#[test]
fn child_that_records_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let (monitor, feed) = start(Path::new(&path));
    let mut out = std::io::stdout();
    for calls in 1_u64.. {
        feed.with(|registry| registry.call("m", "f", "ok", 0.001));
        monitor.flush().unwrap();
        writeln!(out, "\ncommitted {calls}").unwrap();
    }
}

#[test]
fn everything_up_to_the_last_flush_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = 0x1234_5678_9abc_def1_u64;
    let (mut least, mut most) = (0, 0);
    for round in 0..12 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let target = 1 + (random >> 33) % 60;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_records_until_it_is_killed", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut committed = || lines.find_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok());
        while committed().expect("the child records") < target {}
        child.kill().unwrap();
        // What the child could still say before it died counts too.
        let told = std::iter::from_fn(committed).last().unwrap_or(target).max(target);
        child.wait().unwrap();

        least += told;
        // One more flush may have been committed and not told of.
        most += told + 1;
        let store = Store::open_read_only(&path).unwrap();
        let stats = store.query().function("f").stats().unwrap();
        assert!((least..=most).contains(&stats.calls), "round {round}: {} not in {least} to {most}", stats.calls);
        assert_eq!(stats.durations().count(), stats.calls);
        assert!(store.check().unwrap().is_empty());
        (least, most) = (stats.calls, stats.calls);
        let verdict: String =
            Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
    }
}
