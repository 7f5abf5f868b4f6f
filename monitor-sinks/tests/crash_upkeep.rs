//! A process that is killed in the middle of sealing, rolling up or dropping loses nothing that had been committed.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use monitor_core::{Distribution, MetricKind, Number, Sample, SeriesKey, Value};
use monitor_sinks::{Retention, Store, store::bench::Recorder};
use rusqlite::Connection;

const CHILD: &str = "MONITOR_SINKS_TEST_UPKEEP";
const START: i64 = 1_700_000_000_000_000;
const MINUTE: i64 = 60_000_000;
/// Series beside the one that is counted, so that there are several slices of everything.
const OTHERS: usize = 150;

fn key(kind: MetricKind, name: &str) -> SeriesKey {
    SeriesKey { name: name.to_owned(), kind, unit: String::new(), service: None, labels: Vec::new() }
}

fn newest(path: &Path) -> i64 {
    if !path.exists() {
        return START;
    }
    let sql = "SELECT max(coalesce((SELECT max(ts) FROM unsealed), 0), coalesce((SELECT max(t1) FROM segment WHERE tier = 0), 0))";
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().max(START)
}

/// A minute of recording a millisecond, with all the upkeep of so long a time. After each commit it says how much has been
/// counted.
#[test]
fn child_that_records_days_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let path = Path::new(&path);
    let mut at = newest(path);
    let retention = Retention::default().raw(Duration::from_hours(8)).minutes(Duration::from_hours(130));
    let mut recorder = Recorder::open(path, at, Duration::from_mins(1), retention).unwrap();
    let (rows, sizes) = (key(MetricKind::Counter, "rows"), key(MetricKind::Histogram, "sizes"));
    let others: Vec<SeriesKey> = (0..OTHERS).map(|n| key(MetricKind::Gauge, &format!("gauge_{n}"))).collect();
    let mut out = std::io::stdout();
    for step in 1_u64.. {
        at += MINUTE;
        let mut values = Distribution::new();
        values.record(step as f64);
        let samples = || {
            let counter = Value::Counter { total: Number::Int(step), fresh: Number::Int(1) };
            let own = [
                Sample { index: 0, key: &rows, value: counter, changed: true },
                Sample { index: 1, key: &sizes, value: Value::Distribution(&values), changed: true },
            ];
            let others = others.iter().enumerate().map(|(n, key)| Sample {
                index: n + 2,
                key,
                value: Value::Gauge((step * (n as u64 + 1) % 977) as f64),
                changed: true,
            });
            own.into_iter().chain(others)
        };
        recorder.flush(at, samples).unwrap();
        writeln!(out, "\ncommitted {step}").unwrap();
        while recorder.upkeep(at).unwrap() {}
    }
}

#[test]
fn nothing_that_was_committed_is_lost_wherever_the_process_is_killed() {
    let rounds: u64 = std::env::var("MONITORED_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = 0x0dd0_5eed_1234_5678_u64;
    let (mut least, mut most) = (0, 0);
    for round in 0..rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let target = 1 + (random >> 33) % 900;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_records_days_until_it_is_killed", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut committed = || lines.find_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok());
        while committed().expect("the child records") < target {}
        // Somewhere in the upkeep that follows, or in the flush after it.
        std::thread::sleep(Duration::from_micros((random >> 20) % 3_000));
        child.kill().unwrap();
        let told = std::iter::from_fn(committed).last().unwrap_or(target).max(target);
        child.wait().unwrap();

        least += told;
        most += told + 1;
        let store = Store::open_read_only(&path).unwrap();
        assert_eq!(store.check().unwrap(), [], "round {round}");
        let increase = store.query().metric("rows").series().unwrap()[0].increase() as u64;
        assert!((least..=most).contains(&increase), "round {round}: {increase} not in {least} to {most}");
        let sizes = &store.query().metric("sizes").series().unwrap()[0];
        assert_eq!(sizes.distribution().count(), increase, "round {round}");
        (least, most) = (increase, increase);
        let verdict: String =
            Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "round {round}");
    }
    let tiers: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(DISTINCT tier) FROM segment", [], |row| row.get(0))
        .unwrap();
    println!("{least} flushes, {tiers} tiers");
}
