//! A recording goes on when its file is deleted, whoever reads the store meanwhile, here or in another process.
#![cfg(all(unix, any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use common::start;
use monitor_sinks::Store;
use rusqlite::{Connection, OpenFlags};

const PATH: &str = "MONITOR_SINKS_TEST_DELETED";
const READING: &str = "MONITOR_SINKS_TEST_READING";

/// Records to the path in the environment, loses the file, and goes on after the parent has read the new one.
#[test]
fn child_that_loses_its_file() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let path = Path::new(&path);
    let (monitor, feed) = start(path);
    let call = || feed.with(|registry| registry.call("m", "f", "ok", 0.001));
    call();
    monitor.flush().unwrap();
    // A query of this process that is still at work on the file that is lost.
    let reading = std::env::var_os(READING).map(|_| {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.execute_batch("BEGIN; SELECT count(*) FROM head;").unwrap();
        connection
    });
    fs::remove_file(path).unwrap();
    call();
    monitor.flush().unwrap();
    drop(reading);
    writeln!(std::io::stdout(), "\nready").unwrap();
    // Goes on at full speed until the parent has read enough.
    let parent = std::thread::spawn(|| std::io::stdin().lock().read_line(&mut String::new()));
    let mut calls = 1;
    while !parent.is_finished() {
        call();
        monitor.flush().unwrap();
        calls += 1;
    }
    monitor.shutdown().unwrap();
    writeln!(std::io::stdout(), "\nsurvived {calls}").unwrap();
}

fn calls(path: &Path) -> u64 {
    Store::open_read_only(path).unwrap().query().function("f").stats().unwrap().calls
}

#[test]
fn a_reader_of_another_process_does_not_end_a_recording_that_lost_its_file() {
    for reading in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child_that_loses_its_file", "--nocapture"]).env(PATH, &path);
        if reading {
            command.env(READING, "1");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "ready"), "the child begins a new file");
        let query = |_| Store::open_read_only(&path)?.query().function("f").stats();
        let failed: Vec<_> = (0..100).map(query).filter_map(Result::err).collect();
        // A child that is gone does not listen; its end is told below.
        let _ = child.stdin.take().unwrap().write_all(b"\n");
        let survived = lines.find_map(|line| line.strip_prefix("survived ")?.parse::<u64>().ok());
        let end = child.wait().unwrap();
        assert!(end.success() && survived.is_some(), "reading: {reading}; the child ended: {end}");
        assert!(failed.is_empty(), "reading: {reading}; {failed:?}");
        assert_eq!(Some(calls(&path)), survived);
    }
}
