//! Imports beside recordings: over sealing, roll-ups and retention, and when they are broken off.

use std::{path::Path, time::Duration};

use monitor_core::{MetricKind, Number, Sample, SeriesKey, Value};
use rusqlite::Connection;

use super::{Backfill, Stretch};
use crate::{
    registry::key,
    store::{Origin, Retention, Settings, Store, Writer},
    util::time::from_micros,
};

const START: i64 = 1_700_000_040_000_000;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

fn series(name: &str) -> SeriesKey {
    SeriesKey { service: Some(String::from("test")), ..key(MetricKind::Counter, name, &[]) }
}

/// Records a counter that grows by one a minute, from the end of hour `from` to that of hour `to`, with all upkeep.
fn record(path: &Path, from: i64, to: i64) {
    let settings = Settings {
        service: String::from("test"),
        interval: Duration::from_mins(1),
        start_patience: Duration::ZERO,
        patience: Duration::ZERO,
        retention: Retention::default().raw(Duration::from_hours(7)),
        vitals: false,
    };
    let rows = series("rows_total");
    let mut writer = Writer::open(path, settings, START + from * HOUR).unwrap();
    for minute in from * 60 + 1..=to * 60 {
        let at = START + minute * MINUTE;
        let total = Number::Int((minute - from * 60).unsigned_abs());
        let value = Value::Counter { total, fresh: Number::Int(1) };
        let sample = || std::iter::once(Origin::App.sample(Sample { index: 0, key: &rows, value, changed: true }));
        writer.write(at, sample, &[]).unwrap();
        while writer.maintain(at).unwrap() {}
    }
    writer.close().unwrap();
}

/// Imports a counter that grows by ten every minute, half a minute after it was recorded.
fn import(path: &Path, name: &str, from: i64, to: i64) -> (usize, usize) {
    let mut backfill = Backfill::open(path, START + to * HOUR).unwrap();
    let (id, is_known) = backfill.series(series(name)).unwrap();
    let mut stretch = Stretch::default();
    let (mut written, mut known) = (0, 0);
    for minute in from * 60..to * 60 {
        let ts = START + minute * MINUTE + MINUTE / 2;
        if is_known && backfill.known(id, ts, ts).unwrap().has(ts) {
            known += 1;
            continue;
        }
        written += 1;
        let total = Number::Int((minute * 10).unsigned_abs());
        let increase = if minute == from * 60 { 0 } else { 10 };
        stretch.push_counter(ts, total, Number::Int(increase));
        if stretch.len() == Stretch::MOST {
            backfill.add(id, &mut stretch).unwrap();
        }
    }
    backfill.add(id, &mut stretch).unwrap();
    backfill.publish().unwrap();
    (written, known)
}

fn increase(path: &Path, metric: &str, from: i64, to: i64) -> f64 {
    let window = (from_micros(START + from * HOUR), from_micros(START + to * HOUR));
    let series =
        Store::open_read_only(path).unwrap().query().metric(metric).between(window.0, window.1).series().unwrap();
    assert!(
        series.iter().all(|series| series.warnings().is_empty() && series.points.is_sorted_by_key(|point| point.time))
    );
    series.iter().map(crate::Series::increase).sum()
}

#[test]
fn imported_values_are_told_between_those_of_every_tier() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    record(&path, 0, 20);
    let before = increase(&path, "rows_total", 0, 20);
    assert!((before - 1_200.0).abs() < 0.5);
    // The first hours are rolled up by now, the last ones are rows.
    assert_eq!(import(&path, "rows_total", 14, 19), (300, 0));
    assert_eq!(import(&path, "other_total", 1, 19), (1_080, 0));
    let added = 2_990.0;
    assert!((increase(&path, "rows_total", 0, 20) - before - added).abs() < 0.5);
    assert!((increase(&path, "other_total", 0, 20) - 10_790.0).abs() < 0.5);
    // A window of an hour has an hour of both.
    assert!((increase(&path, "rows_total", 16, 17) - 660.0).abs() < 0.5);
    // Recording, sealing, rolling up and dropping go on beside it.
    record(&path, 20, 40);
    assert!((increase(&path, "rows_total", 0, 40) - 2_400.0 - added).abs() < 0.5);
    assert!((increase(&path, "rows_total", 16, 17) - 660.0).abs() < 0.5);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(store.check().unwrap(), []);
    // Where single values were dropped, those that were imported are still there, and not imported again.
    assert_eq!(import(&path, "rows_total", 14, 19), (0, 300));
}

#[test]
fn values_that_were_rolled_up_meanwhile_are_not_imported_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    record(&path, 0, 20);
    let mut backfill = Backfill::open(&path, START).unwrap();
    let (id, is_known) = backfill.series(series("rows_total")).unwrap();
    assert!(is_known);
    for (minute, wanted) in [(1, true), (60, true), (20 * 60 - 1, true), (-70, false), (20 * 60 + 1, false)] {
        // Where single values were dropped, all times of their windows are taken.
        let ts = START + minute * MINUTE + if minute < 100 { MINUTE / 2 } else { 0 };
        assert_eq!(backfill.known(id, ts, ts).unwrap().has(ts), wanted, "minute {minute}");
    }
    backfill.abandon();
}

#[test]
fn what_an_import_left_that_was_broken_off_is_unseen_and_removed_by_the_upkeep_of_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    record(&path, 0, 1);
    let count = |sql: &str| Connection::open(&path).unwrap().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let mut backfill = Backfill::open(&path, START).unwrap();
    for number in 0..450 {
        let (id, _) = backfill.series(series(&format!("broken_{number}"))).unwrap();
        let mut stretch = Stretch::default();
        stretch.push_counter(START + number, Number::Int(1), Number::ZERO);
        backfill.add(id, &mut stretch).unwrap();
    }
    drop(backfill);
    assert_eq!(count("SELECT count(*) FROM segment WHERE tier = 4"), 399);
    assert_eq!(count("SELECT count(*) FROM series"), 1);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!((store.query().series().unwrap().len(), store.check().unwrap().len()), (1, 0));
    record(&path, 1, 2);
    assert_eq!(count("SELECT count(*) FROM segment WHERE tier = 4"), 0);
    assert_eq!(count("SELECT count(*) FROM chunk WHERE segment NOT IN (SELECT id FROM segment)"), 0);
    assert!((increase(&path, "rows_total", 0, 2) - 120.0).abs() < 0.5);
}
