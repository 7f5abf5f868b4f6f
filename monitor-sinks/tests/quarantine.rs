//! Promise: a damaged store stops no program, neither at its start nor later; a file that is none of ours is left alone.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use common::{
    Feed, Random, builder,
    damaged::{PAGE, SERIES, record},
    key, start,
};
use monitor_core::{MetricKind, Number, Sample, Value};
use monitor_sinks::{Retention, Store, store::bench::Recorder};
use rusqlite::Connection;

/// Flushes that the store in `small` has.
const FLUSHES: u64 = 12;

/// A store with a row for each of a few flushes.
fn small(path: &Path) -> Vec<u8> {
    let (monitor, feed) = start(path);
    for _ in 0..FLUSHES {
        feed.with(|registry| registry.call("m", "f", "ok", 0.001));
        monitor.flush().unwrap();
    }
    monitor.shutdown().unwrap();
    fs::read(path).unwrap()
}

fn calls(path: &Path) -> u64 {
    Store::open_read_only(path).unwrap().query().function("f").stats().map_or(0, |stats| stats.calls)
}

/// The files in a folder whose names contain `part`, without their logs.
fn named(folder: &Path, part: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
    files.filter(|file| names(file).contains(part) && !names(file).ends_with("-wal")).collect()
}

/// What came of a start on a damaged file.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// As if nothing had happened.
    WentOn,
    SetAside,
    Refused,
}

/// Puts `bytes` in the place of a store, and records to it.
fn outcome(bytes: &[u8], what: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    fs::write(&path, bytes).unwrap();
    let feed = Feed::default();
    let monitor = match builder(&path).start_with(feed.source()) {
        Ok(monitor) => monitor,
        Err(error) => {
            assert_eq!(fs::read(&path).unwrap(), bytes, "{what}: what is refused is left alone");
            assert!(error.is_schema_too_new() || error.is_of_another_application(), "{what}: {error}");
            return Outcome::Refused;
        }
    };
    feed.with(|registry| registry.call("m", "f", "ok", 0.001));
    monitor.flush().unwrap_or_else(|error| panic!("{what}: {error}"));
    let _ = monitor.shutdown();
    let aside = named(folder.path(), ".corrupt-");
    if aside.is_empty() {
        assert_eq!(calls(&path), FLUSHES + 1, "{what}");
        return Outcome::WentOn;
    }
    assert_eq!(aside.len(), 1, "{what}");
    // Damage that nobody met before the call was stored turns up in the upkeep after it.
    assert!(calls(&path) <= 1, "{what}: a new file was begun");
    let saved = named(folder.path(), ".salvaged-");
    assert_eq!(saved.len(), 1, "{what}: what can be read is saved");
    assert!(calls(&saved[0]) >= FLUSHES - 1, "{what}");
    assert_eq!(Store::open_read_only(&saved[0]).unwrap().check().unwrap(), [], "{what}");
    Outcome::SetAside
}

#[test]
fn a_flipped_byte_in_the_header_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sound = small(&folder.path().join("metrics.db"));
    let (mut refused, mut set_aside) = (Vec::new(), 0);
    for at in 0..100 {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x41;
        match outcome(&bytes, &format!("byte {at}")) {
            Outcome::Refused => refused.push(at),
            Outcome::SetAside => set_aside += 1,
            Outcome::WentOn => {}
        }
    }
    // The last byte of the version cannot be told from that of a newer release.
    assert_eq!(refused, [63]);
    assert!(set_aside > 25, "{set_aside}");
}

#[test]
fn without_a_header_the_rows_tell_that_it_was_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let sound = small(&folder.path().join("metrics.db"));
    for (length, fill) in [(16, 0), (100, 0xff), (PAGE, 0)] {
        let mut bytes = sound.clone();
        bytes[..length].fill(fill);
        assert_eq!(outcome(&bytes, &format!("the first {length}")), Outcome::SetAside);
    }
}

#[test]
fn damage_in_a_page_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sound = small(&folder.path().join("metrics.db"));
    let mut random = Random(0xdead_10cc_dead_10cc);
    for page in 1..sound.len() / PAGE {
        let mut bytes = sound.clone();
        bytes[page * PAGE..][..PAGE].fill_with(|| random.next() as u8);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        fs::write(&path, bytes).unwrap();
        let feed = Feed::default();
        let monitor = builder(&path).start_with(feed.source()).unwrap_or_else(|error| panic!("page {page}: {error}"));
        for _ in 0..3 {
            feed.with(|registry| registry.call("m", "f", "ok", 0.001));
            monitor.flush().unwrap_or_else(|error| panic!("page {page}: {error}"));
        }
        let _ = monitor.shutdown();
        assert!(named(folder.path(), ".corrupt-").len() <= 1, "page {page}");
    }
}

#[test]
fn a_file_that_is_cut_off_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sound = small(&folder.path().join("metrics.db"));
    for length in [101, 600, PAGE - 1, PAGE, 3 * PAGE, sound.len() - PAGE, sound.len() - 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        fs::write(&path, &sound[..length]).unwrap();
        let (monitor, feed) = start(&path);
        feed.with(|registry| registry.call("m", "f", "ok", 0.001));
        monitor.flush().unwrap_or_else(|error| panic!("{length}: {error}"));
        let _ = monitor.shutdown();
    }
}

#[test]
fn what_is_none_of_ours_is_left_alone_however_damaged_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "application_id", 42).unwrap();
    other
        .execute_batch("CREATE TABLE head(ts INTEGER PRIMARY KEY, n, crc, b); INSERT INTO head VALUES(1, 2, 3, x'00')")
        .unwrap();
    drop(other);
    let sound = fs::read(&path).unwrap();
    let mut random = Random(0x00dd_ba11_00dd_ba11);
    let mut cases = vec![sound.clone(), b"MONd".repeat(5_000), b"SQLite format 3\0".to_vec(), vec![0; 20_000]];
    for at in [0, 16, 18, 47, 60, 100] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x55;
        cases.push(bytes);
    }
    cases.push((0..50_000).map(|_| random.next() as u8).collect());
    cases.push(sound[..sound.len() / 2].to_vec());
    for (case, bytes) in cases.into_iter().enumerate() {
        fs::write(&path, &bytes).unwrap();
        let error = builder(&path).start_with(Feed::default().source()).unwrap_err();
        assert!(error.to_string().contains("other.db"), "case {case}: {error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "case {case}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "case {case}: nothing was put beside it");
    }
}

/// Overwrites the page where a table or an index begins, and makes the writer look at the file again.
fn damage(path: &Path, name: &str) {
    let database = Connection::open(path).unwrap();
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: i64 = database.query_row(sql, [name], |row| row.get(0)).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((page.unsigned_abs() - 1) * PAGE as u64)).unwrap();
    file.write_all(&[0xa5; PAGE]).unwrap();
    database.execute_batch("INSERT INTO meta VALUES('test', 1) ON CONFLICT DO UPDATE SET v = v + 1").unwrap();
}

#[test]
fn damage_that_turns_up_while_recording_costs_no_flush() {
    for table in ["head", "segment", "segment_time", "chunk", "sqlite_autoindex_chunk_1"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        drop(record(&path));
        let key = key(MetricKind::Counter, "rows", &[]);
        let minute = 60_000_000;
        let begin = 1_700_100_000_000_000;
        let mut recorder = Recorder::open(&path, begin, Duration::from_mins(1), Retention::FOREVER).unwrap();
        let mut total = 0;
        let mut flush = |recorder: &mut Recorder, step: i64| {
            total += 1;
            let sample = || {
                let value = Value::Counter { total: Number::Int(total), fresh: Number::Int(1) };
                std::iter::once(Sample { index: 0, key: &key, value, changed: true })
            };
            let at = begin + step * minute;
            recorder.flush(at, sample).unwrap_or_else(|error| panic!("{table}, flush {step}: {error}"));
            while recorder.upkeep(at).unwrap_or_else(|error| panic!("{table}, upkeep {step}: {error}")) {}
        };
        (1..=3).for_each(|step| flush(&mut recorder, step));
        damage(&path, table);
        (4..=500).for_each(|step| flush(&mut recorder, step));
        let _ = recorder.close();
        assert_eq!(named(folder.path(), ".corrupt-").len(), 1, "{table}");
        let store = Store::open_read_only(&path).unwrap();
        assert_eq!(store.check().unwrap(), [], "{table}");
        let series = &store.query().metric("rows").series().unwrap()[0];
        assert!(series.increase() > 0.0, "{table}: {series:?}");
        let saved = Store::open_read_only(&named(folder.path(), ".salvaged-")[0]).unwrap();
        assert_eq!(saved.check().unwrap(), [], "{table}");
        // Without the row of its segment a chunk is worth nothing.
        assert!(table == "segment" || saved.query().series().unwrap().len() >= SERIES, "{table}");
    }
}

#[test]
fn a_disk_that_damages_every_file_is_not_filled_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    let mut failures = 0;
    for _ in 0..6 {
        feed.with(|registry| registry.call("m", "f", "ok", 0.001));
        failures += u32::from(monitor.flush().is_err());
        if failures == 0 {
            damage(&path, "head");
        }
    }
    assert!(failures > 0, "in the end it is an outage like any other");
    assert_eq!(named(folder.path(), ".corrupt-").len(), 3);
    let _ = monitor.shutdown();
}
