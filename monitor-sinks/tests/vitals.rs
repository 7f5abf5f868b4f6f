//! Promise: the store tells how it is, as metrics like any other, and writes no row for it.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::time::Duration;

use common::key;
use monitor_core::{MetricKind, Sample, Value};
use monitor_sinks::{Retention, Store, store::bench::Recorder};
use rusqlite::Connection;

const START: i64 = 1_700_000_040_000_000;
const SECOND: i64 = 1_000_000;

fn rows(store: &Store) -> i64 {
    Connection::open(store.path()).unwrap().query_row("SELECT count(*) FROM unsealed", [], |row| row.get(0)).unwrap()
}

fn last(store: &Store, metric: &str) -> f64 {
    store.query().metric(metric).series().unwrap()[0].last().unwrap().value
}

struct Recording {
    recorder: Recorder,
    at: i64,
}

impl Recording {
    fn begin(path: &std::path::Path) -> Self {
        let recorder = Recorder::open(path, START, Duration::from_secs(1), Retention::FOREVER).unwrap().with_vitals();
        Self { recorder, at: START }
    }

    /// Flushes each second. A gauge changes each time, or never.
    fn run(&mut self, seconds: i64, is_idle: bool) {
        let key = key(MetricKind::Gauge, "level", &[("filler", &"x".repeat(500))]);
        for _ in 0..seconds {
            self.at += SECOND;
            let value = if is_idle { 0.0 } else { self.at as f64 };
            let sample =
                || std::iter::once(Sample { index: 0, key: &key, value: Value::Gauge(value), changed: !is_idle });
            self.recorder.flush(self.at, sample).unwrap();
            while self.recorder.upkeep(self.at).unwrap() {}
        }
    }
}

#[test]
fn a_busy_store_tells_of_itself_each_minute() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::begin(&folder.path().join("metrics.db"));
    recording.run(59, false);
    let store = recording.recorder.store();
    assert!(store.query().metric("monitored_store_flushes_total").series().is_err(), "there is nothing to tell yet");
    recording.run(122, false);
    let flushes = &store.query().metric("monitored_store_flushes_total").series().unwrap()[0];
    assert!((flushes.increase() - 179.0).abs() < 2.0, "{}", flushes.increase());
    assert_eq!(flushes.points.len(), 3, "once a minute");
    for metric in [
        "flush_seconds_total",
        "longest_flush_seconds",
        "upkeep_seconds_total",
        "wal_bytes",
        "file_bytes",
        "waiting_rows",
    ] {
        assert!(last(&store, &format!("monitored_store_{metric}")) > 0.0, "{metric}");
    }
    assert!(
        last(&store, "monitored_store_longest_flush_seconds") < last(&store, "monitored_store_flush_seconds_total")
    );
    assert!((last(&store, "monitored_store_series") - 11.0).abs() < 0.1, "a gauge and ten of the store's own");
    assert!(last(&store, "monitored_store_pinned_checkpoints_total").abs() < 0.1);
    let source: String = Connection::open(store.path())
        .unwrap()
        .query_row("SELECT DISTINCT source FROM series WHERE name LIKE 'monitored_store_%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(source, "own");
    recording.recorder.close().unwrap();
    assert_eq!(store.check().unwrap(), []);
}

#[test]
fn an_idle_program_writes_no_row_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let nothing = || std::iter::empty::<Sample<'_>>();
    let mut recorder = Recorder::open(&path, START, Duration::from_secs(1), Retention::FOREVER).unwrap().with_vitals();
    for second in 0..600 {
        recorder.flush(START + second * SECOND, nothing).unwrap();
        while recorder.upkeep(START + second * SECOND).unwrap() {}
    }
    assert_eq!(rows(&recorder.store()), 0);
    recorder.close().unwrap();
    // Nor more than it did before, where it has series that do not change.
    let mut recording = Recording::begin(&path);
    recording.run(1, false);
    recording.run(599, true);
    let store = recording.recorder.store();
    assert!((10..=11).contains(&rows(&store)), "{}", rows(&store));
}

#[test]
fn a_reader_that_holds_the_log_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut recording = Recording::begin(&path);
    recording.run(2, false);
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM head").unwrap();
    recording.run(800, false);
    let store = recording.recorder.store();
    assert!(last(&store, "monitored_store_wal_bytes") > f64::from(4 << 20));
    let pinned = last(&store, "monitored_store_pinned_checkpoints_total");
    assert!(pinned >= 1.0, "{pinned}");
    reader.execute_batch("COMMIT").unwrap();
    recording.run(180, false);
    let after = last(&store, "monitored_store_pinned_checkpoints_total");
    recording.run(120, false);
    assert!((last(&store, "monitored_store_pinned_checkpoints_total") - after).abs() < 0.1, "it is over");
}
