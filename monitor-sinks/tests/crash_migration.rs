//! A process that is killed while it brings an older file up to date leaves the old file or the new one, with all it held.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use common::{Random, start};
use monitor_sinks::{Retention, Store, store::bench::Recorder};
use rusqlite::Connection;

const CHILD: &str = "MONITOR_SINKS_TEST_MIGRATION";

/// Two runs of ten flushes, by the first schema.
const FIRST: &[u8] = include_bytes!("golden/version-1.store");

/// Brings one file after the other up to date, in the folder of the environment, and says which one it begins.
#[test]
fn child_that_migrates_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let folder = Path::new(&folder);
    let mut out = std::io::stdout();
    for number in 0_u64.. {
        let (whole, path) = (folder.join("whole"), folder.join(number.to_string()));
        fs::write(&whole, FIRST).unwrap();
        fs::rename(&whole, &path).unwrap();
        writeln!(out, "\nbegun {number}").unwrap();
        Recorder::open(&path, 1_800_000_000_000_000, Duration::from_secs(1), Retention::FOREVER).unwrap();
    }
}

fn version(path: &Path) -> i64 {
    Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn holds_what_was_recorded(store: &Store) {
    assert_eq!(store.check().unwrap(), []);
    let stats = store.query().function("load").stats().unwrap();
    assert_eq!((stats.calls, stats.ok, stats.errors), (20, 12, 8));
    assert_eq!(stats.durations().count(), 20);
    assert_eq!(store.query().metric("queue_length").series().unwrap()[0].points.len(), 20);
}

#[test]
fn a_kill_leaves_the_old_file_or_the_new_one() {
    let rounds: u64 = std::env::var("MONITORED_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(8);
    let mut random = Random(0x0151_ce11_0bad_cafe);
    let mut old = 0;
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_migrates_until_it_is_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut begun = || lines.find_map(|line| line.strip_prefix("begun ")?.parse::<u64>().ok());
        let target = random.next() % 8;
        while begun().expect("the child migrates") < target {}
        // Somewhere in what follows, a migration mostly.
        thread::sleep(Duration::from_micros(random.next() % 4_000));
        child.kill().unwrap();
        let newest = std::iter::from_fn(begun).last().unwrap_or(target);
        child.wait().unwrap();

        for number in 0..=newest {
            let path = folder.path().join(number.to_string());
            let store = Store::open_read_only(&path).unwrap();
            holds_what_was_recorded(&store);
            let found = version(&path);
            assert!(
                found == 2 || (found == 1 && number == newest),
                "round {round}: file {number} is of version {found}"
            );
            old += u64::from(found == 1);
        }
        let path = folder.path().join(newest.to_string());
        let (monitor, feed) = start(&path);
        feed.with(|registry| registry.call("m", "f", "ok", 0.1));
        monitor.shutdown().unwrap();
        assert_eq!(version(&path), 2);
        let store = Store::open_read_only(&path).unwrap();
        holds_what_was_recorded(&store);
        assert_eq!(store.query().function("m::f").stats().unwrap().calls, 1);
    }
    println!("{old} of {rounds} were killed before the end of a migration");
}
