//! Promise: what an older release wrote is read as it was, and recorded to after it was brought up to date.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{fs, path::Path, time::Duration};

use common::{
    start,
    tape::{MINUTE, START, Tape},
};
use monitor_core::MetricKind;
use monitor_sinks::{Retention, Store};
use rusqlite::Connection;

/// Two runs of ten flushes of a program with a function, a counter, a gauge and a histogram, by the first schema.
const FIRST: &[u8] = include_bytes!("golden/version-1.store");

fn holds_what_was_recorded(store: &Store) {
    let stats = store.query().function("load").stats().unwrap();
    assert_eq!((stats.calls, stats.ok, stats.errors), (20, 12, 8));
    assert_eq!(stats.errors_by_type["ParseIntError"], 8);
    assert_eq!(stats.durations().count(), 20);
    let increase = |metric: &str| store.query().metric(metric).series().unwrap()[0].increase();
    assert_eq!(increase("rows_total").to_bits(), 90.0_f64.to_bits());
    let queue = &store.query().metric("queue_length").series().unwrap()[0];
    assert_eq!((queue.points.len(), queue.points[0].value.to_bits()), (20, 0.0_f64.to_bits()));
}

fn version(path: &Path) -> i64 {
    Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_file_of_the_first_schema_is_read_as_it_is_and_recorded_to_after_a_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    fs::write(&path, FIRST).unwrap();
    let store = Store::open_read_only(&path).unwrap();
    holds_what_was_recorded(&store);
    assert_eq!(store.check().unwrap(), []);
    assert_eq!(fs::read(&path).unwrap(), FIRST, "reading changes nothing");

    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.flush().unwrap();
    holds_what_was_recorded(monitor.store());
    monitor.shutdown().unwrap();
    assert!(version(&path) > 1);
    holds_what_was_recorded(&store);
    assert_eq!(store.query().function("m::f").stats().unwrap().calls, 1);
    assert_eq!(store.check().unwrap(), []);
}

#[test]
fn a_stranger_with_a_shell_finds_plain_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| {
        registry.count("rows", &[("table", "flights")], 3);
        registry.gauge("queue", &[], 1.5);
    });
    monitor.flush().unwrap();
    feed.with(|registry| registry.count("rows", &[("table", "flights")], 4));
    monitor.shutdown().unwrap();
    let database = Connection::open(&path).unwrap();
    let texts: i64 = database.query_row("SELECT count(*) FROM about", [], |row| row.get(0)).unwrap();
    assert!(texts > 4);
    let mut statement = database.prepare("SELECT name, labels, value, time FROM latest ORDER BY name").unwrap();
    let rows: Vec<(String, String, f64, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].0.as_str(), rows[0].2.to_bits()), ("queue", 1.5_f64.to_bits()));
    assert_eq!((rows[1].1.as_str(), rows[1].2.to_bits()), (r#"{"table":"flights"}"#, 7.0_f64.to_bits()));
    assert!(rows[1].3.starts_with("20"), "{}", rows[1].3);
}

#[test]
fn a_newer_schema_is_never_written_to_and_read_if_it_says_that_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.shutdown().unwrap();
    // As a newer release would leave it, which adds to what there is.
    let newer = |readable_from: i64| {
        let database = Connection::open(&path).unwrap();
        database.execute_batch("CREATE TABLE IF NOT EXISTS addition(x); PRAGMA user_version = 9").unwrap();
        database.execute("UPDATE meta SET v = ?1 WHERE k = 'readable_from'", [readable_from]).unwrap();
        assert_eq!(database.changes(), 1);
    };
    for (readable_from, is_readable) in [(2, true), (9, false)] {
        newer(readable_from);
        let before = fs::read(&path).unwrap();
        let store = Store::open_read_only(&path);
        assert_eq!(store.is_ok(), is_readable, "{store:?}");
        if let Ok(store) = store {
            assert_eq!(store.query().function("f").stats().unwrap().calls, 1);
            assert_eq!(store.check().unwrap(), []);
        }
        let error = common::builder(&path).start_with(common::Feed::default().source()).unwrap_err();
        assert!(error.is_schema_too_new() && error.to_string().contains("update this program"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

/// Eighteen hours of a counter, a gauge and a histogram, a flush a minute: rows, segments and windows of five minutes.
const SECOND: &[u8] = include_bytes!("golden/version-2.store");

const MINUTES: i64 = 18 * 60;

/// What the second golden file holds, written by this release. `UPDATE_GOLDEN=1 cargo test --test migration` keeps it, which
/// is right as long as no release has written the format.
fn record_second(path: &Path) {
    let mut tape = Tape::record(path, START, MINUTE, Retention::FOREVER);
    for step in 1..=MINUTES {
        tape.registry.count("rows_total", &[("table", "flights")], (step % 7).unsigned_abs());
        tape.registry.gauge("queue_length", &[], (step % 90) as f64 / 4.0);
        tape.registry.record(MetricKind::Histogram, "batch_rows", &[], (step % 50) as f64);
        let at = START + step * MINUTE;
        tape.flush(at);
        tape.upkeep(at);
    }
    tape.stop();
}

fn holds_the_second(store: &Store) {
    let rows: i64 = (1..=MINUTES).map(|step| step % 7).sum();
    let increase = store.query().metric("rows_total").series().unwrap()[0].increase();
    assert_eq!(increase.to_bits(), (rows as f64).to_bits());
    let queue = &store.query().metric("queue_length").series().unwrap()[0];
    let recorded: Vec<f64> = (1..=MINUTES).map(|step| (step % 90) as f64 / 4.0).collect();
    assert_eq!(queue.points.iter().map(|point| point.value).collect::<Vec<_>>(), recorded);
    let groups = store.query().metric("batch_rows").groups().unwrap();
    assert_eq!(groups[0].summary.increase(), Some(MINUTES as f64));
    let steps = store.query().metric("rows_total").step(Duration::from_hours(1)).steps().unwrap();
    assert!(steps[0].resolutions().len() > 1, "it has no windows");
}

#[test]
fn a_file_of_the_second_schema_is_read_and_recorded_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        record_second(&path);
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/version-2.store");
        fs::copy(&path, golden).unwrap();
        fs::remove_file(&path).unwrap();
        return;
    }
    fs::write(&path, SECOND).unwrap();
    let store = Store::open_read_only(&path).unwrap();
    holds_the_second(&store);
    assert_eq!(store.check().unwrap(), []);
    assert_eq!(fs::read(&path).unwrap(), SECOND, "reading changes nothing");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.count("rows_total", &[("table", "flights")], 1));
    monitor.shutdown().unwrap();
    assert_eq!(store.check().unwrap(), []);
    let latest = store.query().metric("rows_total").latest().unwrap();
    let current: f64 = latest.iter().filter(|latest| latest.is_current).map(|latest| latest.point.value).sum();
    assert_eq!(current.to_bits(), 1.0_f64.to_bits());
    assert_eq!(latest.len(), 2, "what was recorded before is of another service");
}
