//! A damaged row is told of, is never fatal, and takes no count away.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{path::Path, time::Duration};

use common::start;
use monitor_core::{Distribution, MetricKind, Number, Sample, SeriesKey, Value};
use monitor_sinks::{Retention, Store, store::bench::Recorder};
use rusqlite::Connection;

const ROWS: i64 = 8;

/// A store with a row for each flush; flush `n` adds `n` rows, one call and one value.
fn recorded(path: &Path) -> Store {
    let (monitor, feed) = start(path);
    for round in 1..=ROWS {
        feed.with(move |registry| {
            registry.count("rows", &[], round.unsigned_abs());
            registry.call("m", "f", "ok", 0.001);
            registry.record(MetricKind::Histogram, "sizes", &[], 1.0);
        });
        monitor.flush().unwrap();
    }
    monitor.shutdown().unwrap();
    Store::open_read_only(path).unwrap()
}

fn times(database: &Connection) -> Vec<i64> {
    let mut statement = database.prepare("SELECT ts FROM unsealed ORDER BY ts").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_row_but_the_last_may_be_damaged_without_a_loss_of_counts() {
    for damage in ["b = zeroblob(length(b))", "crc = crc + 1", "b = x''", "b = x'ff', crc = 0"] {
        for victim in 0..ROWS as usize - 1 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("metrics.db");
            let store = recorded(&path);
            let database = Connection::open(&path).unwrap();
            let ts = times(&database)[victim];
            database.execute(&format!("UPDATE head SET {damage} WHERE ts = ?1"), [ts]).unwrap();

            let stats = store.query().function("f").stats().unwrap();
            assert_eq!(stats.calls, ROWS.unsigned_abs(), "{damage} in row {victim}");
            assert_eq!(stats.durations().count(), ROWS.unsigned_abs() - 1);
            assert_eq!(stats.warnings().len(), 1);
            let series = &store.query().metric("rows").series().unwrap()[0];
            assert_eq!(series.increase().to_bits(), 36.0_f64.to_bits());
            assert_eq!(series.points.len(), 7);
            let check = store.check().unwrap();
            assert_eq!(check.len(), 1);
            assert!(check[0].to_string().contains(&ts.to_string()), "{}", check[0]);
        }
    }
}

#[test]
fn a_wrong_number_of_entries_is_found_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let store = recorded(&path);
    let database = Connection::open(&path).unwrap();
    database.execute("UPDATE head SET n = n + 1 WHERE ts = ?1", [times(&database)[3]]).unwrap();
    assert_eq!(store.query().function("f").stats().unwrap().calls, ROWS.unsigned_abs());
    assert_eq!(store.check().unwrap().len(), 1);
}

#[test]
fn a_window_that_begins_before_a_damaged_row_loses_no_counts_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let store = recorded(&path);
    let database = Connection::open(&path).unwrap();
    let times = times(&database);
    database.execute("UPDATE head SET crc = crc + 1 WHERE ts = ?1", [times[3]]).unwrap();
    let at = |ts: i64| std::time::UNIX_EPOCH + std::time::Duration::from_micros(ts.unsigned_abs());
    let series = store.query().metric("rows").between(at(times[2]), at(times[5])).series().unwrap();
    assert_eq!(series[0].increase().to_bits(), f64::from(4 + 5 + 6).to_bits());
    assert_eq!(series[0].warnings().len(), 1);
}

#[test]
fn a_deleted_row_takes_no_count_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let store = recorded(&path);
    let database = Connection::open(&path).unwrap();
    database.execute("DELETE FROM head WHERE ts = ?1", [times(&database)[4]]).unwrap();
    assert_eq!(store.query().function("f").stats().unwrap().calls, ROWS.unsigned_abs());
}

#[test]
fn a_store_overwritten_at_random_gives_an_error_or_an_answer() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    drop(recorded(&path));
    let sound = std::fs::read(&path).unwrap();
    for round in 0..150 {
        let copy = folder.path().join(format!("copy{round}.db"));
        let mut bytes = sound.clone();
        for _ in 0..=random() % 24 {
            let at = random() as usize % bytes.len();
            bytes[at] = random() as u8;
        }
        if round % 5 == 0 {
            bytes.truncate(random() as usize % bytes.len());
        }
        std::fs::write(&copy, bytes).unwrap();
        if let Ok(store) = Store::open_read_only(&copy) {
            let _ = store.query().function("f").stats();
            let _ = store.query().functions();
            let _ = store.query().series();
            let _ = store.check();
        }
        if let Ok(monitor) = common::builder(&copy).start_with(common::Feed::default().source()) {
            let _ = monitor.flush();
            let _ = monitor.shutdown();
        }
    }
}

/// Hours of a counter, a gauge and a histogram, sealed and rolled up.
fn sealed(path: &Path) -> (Store, f64) {
    let key = |kind, name: &str| SeriesKey {
        name: name.to_owned(),
        kind,
        unit: String::new(),
        service: None,
        labels: Vec::new(),
    };
    let keys = [key(MetricKind::Counter, "rows"), key(MetricKind::Gauge, "queue"), key(MetricKind::Histogram, "sizes")];
    let start = 1_700_000_000_000_000;
    let minute = Duration::from_mins(1);
    let mut recorder = Recorder::open(path, start, minute, Retention::FOREVER).unwrap();
    let flushes: i32 = 16 * 60;
    for step in 1..=flushes {
        let mut values = Distribution::new();
        values.record(f64::from(step % 17 + 1));
        let total = Number::Int(step.unsigned_abs().into());
        let samples = || {
            let all = [
                Value::Counter { total, fresh: Number::Int(1) },
                Value::Gauge(f64::from(step).sin()),
                Value::Distribution(&values),
            ];
            keys.iter().zip(all).enumerate().map(|(index, (key, value))| Sample { index, key, value, changed: true })
        };
        let at = start + i64::from(step) * 60_000_000;
        recorder.flush(at, samples).unwrap();
        while recorder.upkeep(at).unwrap() {}
    }
    recorder.close().unwrap();
    (Store::open_read_only(path).unwrap(), f64::from(flushes))
}

#[test]
fn every_flipped_bit_of_a_blob_is_found_and_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (store, rows) = sealed(&path);
    assert_eq!(store.check().unwrap(), []);
    let database = Connection::open(&path).unwrap();
    let mut random = 0x1234_5678_9abc_def1_u64;
    let mut below = |limit: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % limit
    };
    for (table, column) in [("head", "b"), ("segment", "b"), ("chunk", "b"), ("chunk", "merged")] {
        let blobs: Vec<(i64, Vec<u8>)> = {
            let sql = format!("SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL");
            let mut statement = database.prepare(&sql).unwrap();
            let blobs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            blobs.map(Result::unwrap).collect()
        };
        assert!(!blobs.is_empty(), "{table}.{column}");
        let update = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
        for _ in 0..40 {
            let (id, blob) = &blobs[below(blobs.len() as u64) as usize];
            let mut flipped = blob.clone();
            let at = below(blob.len() as u64) as usize;
            flipped[at] ^= 1 << below(8);
            database.execute(&update, rusqlite::params![flipped, id]).unwrap();
            let found = store.check().unwrap();
            assert!(!found.is_empty(), "byte {at} of {table}.{column} {id}");
            // An answer or an error, and never a panic. A counter loses nothing but what lies at the edges.
            let increase = store.query().metric("rows").series().map(|series| series[0].increase());
            assert!(increase.is_ok_and(|increase| increase <= rows), "{table}.{column} {id}");
            database.execute(&update, rusqlite::params![blob, id]).unwrap();
        }
    }
    assert_eq!(store.check().unwrap(), []);
    assert!((store.query().metric("rows").series().unwrap()[0].increase() - rows).abs() < 0.5);
}
