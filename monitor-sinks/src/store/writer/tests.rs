//! What the writer promises of rows, times, recordings, and files that come and go.

use std::path::PathBuf;

use monitor_core::MetricKind;

use super::*;
use crate::{
    registry::{Registry, key},
    store::{Detail, Entry, Found, Origin, Store, Tier, Window, head::Row},
};

const START: i64 = 1_700_000_040_000_000;

fn open(path: &Path, now_us: i64) -> Writer {
    let settings = Settings {
        service: String::from("test"),
        interval: Duration::from_secs(1),
        start_patience: Duration::ZERO,
        patience: Duration::ZERO,
        retention: Retention::FOREVER,
        vitals: false,
    };
    Writer::open(path, settings, now_us).unwrap()
}

fn write(writer: &mut Writer, registry: &mut Registry, at_us: i64) -> Result<Option<i64>, Error> {
    let samples = || {
        registry.samples().map(|(index, key, value, changed)| Origin::App.sample(Sample { index, key, value, changed }))
    };
    let written = writer.write(at_us, samples, &[]);
    if written.is_ok() {
        registry.delivered();
    }
    written
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    (folder, path)
}

/// Time, run, fullness and number of entries of each row.
fn rows(path: &Path) -> Vec<(i64, u64, bool, usize)> {
    let mut rows = Vec::new();
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT ts, n, b FROM unsealed ORDER BY ts").unwrap();
    let mut found = statement.query([]).unwrap();
    while let Some(row) = found.next().unwrap() {
        let parsed = Row::parse(row.get_ref(2).unwrap().as_blob().unwrap(), row.get(1).unwrap()).unwrap();
        rows.push((row.get(0).unwrap(), parsed.run, parsed.full, parsed.entries().count()));
    }
    rows
}

#[test]
fn times_ascend_even_when_the_clock_goes_back() {
    let (_folder, path) = folder();
    let mut registry = Registry::default();
    let mut writer = open(&path, START);
    let mut written = Vec::new();
    let set_back = [-7_200_000_000, -7_199_000_000, -7_198_500_000];
    for at in [0, 1_000, 1_000].into_iter().chain(set_back).chain([2_000, 5_000_000]) {
        registry.count("rows", &[], 1);
        written.push(write(&mut writer, &mut registry, START + at).unwrap().unwrap() - START);
    }
    // While it is behind, a second stays a second; once it has caught up, its time holds again.
    assert_eq!(written, [0, 1_000, 1_001, 1_002, 1_001_002, 1_501_002, 2_501_002, 5_000_000]);
}

#[test]
fn flushes_that_follow_each_other_closely_do_not_run_ahead_of_the_clock() {
    let (_folder, path) = folder();
    let mut registry = Registry::default();
    let mut writer = open(&path, START);
    // The pace of 20,000 flushes in two seconds.
    for at in (START..START + 200_000).step_by(100) {
        registry.count("rows", &[], 1);
        assert_eq!(write(&mut writer, &mut registry, at).unwrap(), Some(at));
    }
}

#[test]
fn an_idle_flush_looks_at_each_sample_once() {
    let (_folder, path) = folder();
    let mut registry = Registry::default();
    registry.count("rows", &[], 1);
    let mut writer = open(&path, START);
    write(&mut writer, &mut registry, START).unwrap();
    let looked_at = std::cell::Cell::new(0);
    let samples = || {
        registry.samples().map(|(index, key, value, changed)| {
            looked_at.set(looked_at.get() + 1);
            Origin::App.sample(Sample { index, key, value, changed })
        })
    };
    assert_eq!(writer.write(START + 1_000, samples, &[]).unwrap(), None);
    assert_eq!(looked_at.get(), 1);
}

#[test]
fn an_idle_writer_notices_within_a_second_that_its_file_is_gone() {
    let (_folder, path) = folder();
    let mut registry = Registry::default();
    registry.count("rows", &[], 1);
    let mut writer = open(&path, START);
    write(&mut writer, &mut registry, START).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(write(&mut writer, &mut registry, START + 500_000).unwrap(), None);
    assert!(write(&mut writer, &mut registry, START + 1_000_000).unwrap().is_some());
    assert!(path.exists());
}

#[test]
fn what_did_not_change_is_written_once_a_minute() {
    let (_folder, path) = folder();
    let mut registry = Registry::default();
    registry.count("rows", &[], 1);
    registry.gauge("level", &[], 0.5);
    let mut writer = open(&path, START);
    for second in 0..130 {
        if second == 10 {
            registry.count("rows", &[], 1);
        }
        write(&mut writer, &mut registry, START + second * 1_000_000).unwrap();
    }
    let run = START.unsigned_abs();
    // The recording begins 40 s into a minute: full rows at its first flush and at each whole minute.
    let minute = START + 60_000_000 - START.rem_euclid(60_000_000);
    assert_eq!(
        rows(&path),
        [
            (START, run, true, 2),
            (START + 10_000_000, run, false, 1),
            (minute, run, true, 2),
            (minute + 60_000_000, run, true, 2)
        ]
    );
}

#[test]
fn origins_that_number_their_series_alike_stay_apart() {
    let (_folder, path) = folder();
    let mut writer = open(&path, START);
    let [rows, load] = [key(MetricKind::Counter, "rows", &[]), key(MetricKind::Gauge, "load", &[])];
    let total = Number::Int(2);
    for at in [START, START + 1_000] {
        let samples = || {
            let rows = Sample { index: 0, key: &rows, value: Value::Counter { total, fresh: total }, changed: true };
            let load = Sample { index: 0, key: &load, value: Value::Gauge(0.5), changed: true };
            [Origin::App.sample(rows), Origin::Host.sample(load)].into_iter()
        };
        assert_eq!(writer.write(at, samples, &[]).unwrap(), Some(at));
    }
    writer.close().unwrap();
    let query = |metric| Store::open_read_only(&path).unwrap().query().metric(metric).series().unwrap().remove(0);
    for (metric, value) in [("rows", 2.0_f64), ("load", 0.5)] {
        assert_eq!(query(metric).points.iter().map(|point| point.value).collect::<Vec<_>>(), [value; 2]);
    }
    let source = |name: &str| -> String {
        let connection = Connection::open(&path).unwrap();
        connection.query_row("SELECT source FROM series WHERE name = ?1", [name], |row| row.get(0)).unwrap()
    };
    assert_eq!((source("rows"), source("load")), (String::from("app"), String::from("host")));
}

#[test]
fn an_empty_registry_writes_nothing() {
    let (_folder, path) = folder();
    let mut writer = open(&path, START);
    assert_eq!(write(&mut writer, &mut Registry::default(), START).unwrap(), None);
    assert!(rows(&path).is_empty());
}

#[test]
fn a_failed_flush_is_made_up_for_by_the_next() {
    let (_folder, path) = folder();
    let mut registry = Registry::default();
    let mut writer = open(&path, START);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    registry.count("rows", &[], 3);
    assert!(write(&mut writer, &mut registry, START).unwrap_err().is_locked());
    other.execute_batch("ROLLBACK").unwrap();
    registry.count("rows", &[], 4);
    write(&mut writer, &mut registry, START + 1_000).unwrap();
    let reader = Store::open_read_only(&path).unwrap().reader().unwrap();
    let mut increases = Vec::new();
    reader
        .walk(&[1], Window::ALL, Detail::Each, Tier::Raw, &mut |found| {
            if let Found::Entry { entry: Entry::Counter { increase, .. }, .. } = found {
                increases.push(increase);
            }
        })
        .unwrap();
    assert_eq!(increases, [Number::Int(7)]);
}

#[test]
fn each_recording_has_a_name_of_its_own_whatever_the_clock_says() {
    let (_folder, path) = folder();
    for start in [START, START, START - 500_000_000] {
        let mut registry = Registry::default();
        registry.count("rows", &[], 1);
        let mut writer = open(&path, start);
        write(&mut writer, &mut registry, start).unwrap();
        writer.close().unwrap();
    }
    let mut runs: Vec<u64> = rows(&path).iter().map(|row| row.1).collect();
    runs.dedup();
    assert_eq!(runs.len(), 3);
    assert!(runs.is_sorted());
}

#[test]
fn equal_labels_are_one_series_over_all_recordings() {
    let (_folder, path) = folder();
    for at in [START, START + 1_000] {
        let mut registry = Registry::default();
        registry.add(key(MetricKind::Counter, "rows", &[("b", "2"), ("a", "1")]), Number::Int(1));
        let mut writer = open(&path, at);
        write(&mut writer, &mut registry, at).unwrap();
    }
    assert_eq!(Store::open_read_only(&path).unwrap().reader().unwrap().series(None).unwrap().len(), 1);
}

#[test]
fn a_clean_end_leaves_one_file_the_lease_and_the_ballast() {
    let (folder, path) = folder();
    let mut registry = Registry::default();
    registry.count("rows", &[], 1);
    let mut writer = open(&path, START);
    write(&mut writer, &mut registry, START).unwrap();
    writer.close().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["metrics.db", "metrics.db-ballast", "metrics.db-lock"]);
}

#[test]
fn the_end_brings_what_strangers_read_up_to_date_even_if_nothing_is_left_to_store() {
    let (_folder, path) = folder();
    let mut registry = Registry::default();
    let mut writer = open(&path, START);
    for second in 0..3 {
        registry.count("rows", &[], 1);
        write(&mut writer, &mut registry, START + second * 1_000_000).unwrap();
    }
    writer.end_with_next();
    assert_eq!(write(&mut writer, &mut registry, START + 3_000_000).unwrap(), None);
    writer.close().unwrap();
    assert_eq!(rows(&path).len(), 3);
    let noted: (i64, f64) = Connection::open(&path)
        .unwrap()
        .query_row("SELECT ts, value FROM latest", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(noted, (START + 2_000_000, 3.0));
}

#[test]
fn only_what_must_outlive_a_power_cut_is_written_through() {
    let (_folder, path) = folder();
    let mut writer = open(&path, START);
    let mut levels = Vec::new();
    for (second, is_durable) in [false, true, false, true].into_iter().enumerate() {
        if second == 3 {
            // A file of its own in the place of this one.
            std::fs::remove_file(&path).unwrap();
        }
        let mut write = |transaction: &Transaction<'_>, _| {
            levels.push(transaction.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0))?);
            Ok(())
        };
        let rider = Rider { is_durable, write: &mut write };
        let at_us = START + 2_000_000 * (1 + i64::try_from(second).unwrap());
        writer.write_with(at_us, std::iter::empty, &[], Some(rider)).unwrap();
    }
    // NORMAL is 1, FULL is 2.
    assert_eq!(levels, [1, 2, 1, 2]);
}
