//! Days of recording in seconds: what was written, sealed, rolled up and dropped is compared with what was recorded.

#![allow(clippy::float_cmp, reason = "what was recorded comes back bit by bit")]

use std::{path::Path, time::Duration};

use monitor_core::{MetricKind, Number, Sample, Value};

use super::{Detail, Entry, Found, Origin, Retention, Settings, Store, Tier, Window, Writer};
use crate::{random::Random, registry::key, util::time::from_micros};

const START: i64 = 1_700_000_040_000_000;
const SECOND: i64 = 1_000_000;

fn open(path: &Path, at: i64, retention: Retention) -> Writer {
    let settings = Settings {
        service: String::from("test"),
        interval: Duration::from_secs(10),
        start_patience: Duration::ZERO,
        patience: Duration::ZERO,
        retention,
        vitals: false,
    };
    Writer::open(path, settings, at).unwrap()
}

/// What was recorded of one counter and one gauge: at each flush.
#[derive(Default)]
struct Recorded {
    flushes: Vec<(i64, u64, f64)>,
}

impl Recorded {
    fn rows(&self, after: i64, until: i64) -> u64 {
        self.flushes.iter().filter(|flush| flush.0 > after && flush.0 <= until).map(|flush| flush.1).sum()
    }
}

/// Records `hours` of flushes every so many seconds. After each there is upkeep; now and then the writer is dropped as by a
/// crash, in the middle of whatever job it was at.
fn record(path: &Path, hours: i64, every: i64, retention: Retention, random: &mut Random, crashes: bool) -> Recorded {
    let mut recorded = Recorded::default();
    let (rows, queue) = (key(MetricKind::Counter, "rows", &[]), key(MetricKind::Gauge, "queue", &[]));
    let mut writer = open(path, START, retention);
    let mut total = 0;
    for flush in 0..hours * 3_600 / every {
        let at = START + flush * every * SECOND + (random.next() % 3_000).cast_signed();
        if crashes && random.next().is_multiple_of(700) {
            drop(writer);
            writer = open(path, at, retention);
            total = 0;
        }
        let fresh = random.next() % 9;
        total += fresh;
        let value = (flush % 360) as f64 / 2.0;
        let samples = || {
            let counter = Value::Counter { total: Number::Int(total), fresh: Number::Int(fresh) };
            [
                Origin::App.sample(Sample { index: 0, key: &rows, value: counter, changed: fresh > 0 }),
                Origin::App.sample(Sample { index: 1, key: &queue, value: Value::Gauge(value), changed: true }),
            ]
            .into_iter()
        };
        writer.write(at, samples, &[]).unwrap();
        recorded.flushes.push((at, fresh, value));
        // Not to the end, so that jobs lie around when the writer crashes.
        for _ in 0..random.next() % 4 {
            writer.maintain(at).unwrap();
        }
    }
    let end = START + hours * 3_600 * SECOND;
    while writer.maintain(end).unwrap() {}
    writer.close().unwrap();
    recorded
}

fn rows(store: &Store, after: i64, until: i64) -> f64 {
    let series = store.query().metric("rows").between(from_micros(after), from_micros(until)).series().unwrap();
    assert!(series[0].warnings().is_empty(), "{:?}", series[0].warnings());
    series[0].increase()
}

fn count(path: &Path, sql: &str) -> i64 {
    rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn every_window_counts_right_whatever_is_sealed_and_whenever_the_writer_dies() {
    let rounds = std::env::var("MONITORED_LIVES").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(4);
    for seed in 1..=rounds {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed << 20));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let recorded = record(&path, 9, 10, Retention::FOREVER, &mut random, true);
        let store = Store::open_read_only(&path).unwrap();
        assert_eq!(store.check().unwrap(), [], "seed {seed}");
        assert!(count(&path, "SELECT count(*) FROM segment WHERE tier = 0") > 8, "seed {seed}");
        assert!(count(&path, "SELECT count(*) FROM unsealed") < 361, "seed {seed}");
        for _ in 0..60 {
            let span = (9 * 3_600 * SECOND).unsigned_abs();
            let after = START - SECOND + (random.next() % span).cast_signed();
            let until = after + (random.next() % (span / 2)).cast_signed();
            assert!((rows(&store, after, until) - recorded.rows(after, until) as f64).abs() < 0.5, "seed {seed}");
        }
        let points: Vec<f64> = {
            let series = &store.query().metric("queue").series().unwrap()[0];
            series.points.iter().map(|point| point.value).collect()
        };
        assert_eq!(points, recorded.flushes.iter().map(|flush| flush.2).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn what_is_dropped_at_full_resolution_lives_on_in_windows() {
    let mut random = Random(77);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let retention = Retention::default().raw(Duration::from_hours(8)).minutes(Duration::from_hours(150));
    let recorded = record(&path, 14 * 24, 60, retention, &mut random, false);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(store.check().unwrap(), []);
    for tier in 0..3 {
        assert!(count(&path, &format!("SELECT count(*) FROM segment WHERE tier = {tier}")) > 0, "tier {tier}");
    }
    // Nothing older than it should be, and not much less: a segment goes as a whole.
    let end = START + 14 * 24 * 3_600 * SECOND;
    let hour = 3_600 * SECOND;
    let ends = |tier: i64, what: &str| count(&path, &format!("SELECT min({what}) FROM segment WHERE tier = {tier}"));
    for (tier, kept) in [(0, 8), (1, 150)] {
        assert!(ends(tier, "t1") > end - (kept + 1) * hour, "tier {tier}");
        assert!(ends(tier, "t0") < end - (kept - 7) * hour, "tier {tier}");
    }
    // All of it, and windows whose ends fall on whole hours.
    let all = recorded.rows(i64::MIN, i64::MAX) as f64;
    assert!((store.query().metric("rows").series().unwrap()[0].increase() - all).abs() < 0.5);
    for (from, to) in [(24, 48), (30, 200), (200, 300), (100, 335), (330, 335)] {
        let whole = |hours: i64| (START + hours * hour).div_euclid(hour) * hour;
        let (after, until) = (whole(from), whole(to));
        let (found, wanted) = (rows(&store, after, until), recorded.rows(after, until) as f64);
        assert!((found - wanted).abs() < 0.5, "{from} to {to}: {found} for {wanted}");
    }
}

#[test]
fn damaged_rows_hold_nothing_up_and_go_with_what_surrounds_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let retention = Retention::default().raw(Duration::from_hours(8));
    let key = key(MetricKind::Gauge, "queue", &[]);
    let write = |writer: &mut Writer, flush: i64| {
        let at = START + flush * 60 * SECOND;
        let sample =
            || [Origin::App.sample(Sample { index: 0, key: &key, value: Value::Gauge(flush as f64), changed: true })];
        writer.write(at, || sample().into_iter(), &[]).unwrap();
        while writer.maintain(at).unwrap() {}
    };
    let mut writer = open(&path, START, retention);
    (0..20).for_each(|flush| write(&mut writer, flush));
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE head SET crc = crc + 1 WHERE ts > 0 AND (ts / 60000000) % 2 = 0", []).unwrap();
    let damaged = other.changes();
    assert_eq!(damaged, 10);
    (20..24).for_each(|flush| write(&mut writer, flush));
    let hour = 60;
    (24..9 * hour).for_each(|flush| write(&mut writer, flush));
    assert!(count(&path, "SELECT count(*) FROM segment WHERE tier = 1") > 0, "nothing was rolled up");
    assert_eq!(Store::open_read_only(&path).unwrap().check().unwrap().len() as u64, damaged);
    (9 * hour..40 * hour).for_each(|flush| write(&mut writer, flush));
    writer.close().unwrap();
    assert_eq!(Store::open_read_only(&path).unwrap().check().unwrap(), []);
    assert!(count(&path, "SELECT min(t0) FROM segment WHERE tier = 0") > START + 20 * 3_600 * SECOND);
}

#[test]
fn more_damaged_rows_than_a_segment_has_do_not_keep_the_rest_from_being_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let key = key(MetricKind::Gauge, "queue", &[]);
    let mut writer = open(&path, START, Retention::FOREVER);
    let mut write = |flush: i64, upkeep: bool| {
        let at = START + flush * SECOND;
        let sample =
            || [Origin::App.sample(Sample { index: 0, key: &key, value: Value::Gauge(flush as f64), changed: true })];
        writer.write(at, || sample().into_iter(), &[]).unwrap();
        while upkeep && writer.maintain(at).unwrap() {}
    };
    (0..400).for_each(|flush| write(flush, false));
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE head SET crc = crc + 1", []).unwrap();
    (400..1_200).for_each(|flush| write(flush, true));
    assert_eq!(count(&path, "SELECT count(*) FROM segment"), 1);
    assert_eq!(count(&path, "SELECT flushes FROM segment"), 720);
}

#[test]
fn windows_keep_the_extremes_and_the_mean_of_a_gauge() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let retention = Retention::default().raw(Duration::from_hours(8));
    let recorded = record(&path, 30, 30, retention, &mut Random(5), false);
    let store = Store::open_read_only(&path).unwrap();
    let reader = store.reader().unwrap();
    let queue = reader.series(Some(&["queue"])).unwrap()[0].id;
    let mut windows = 0;
    reader
        .walk(&[queue], Window::ALL, Detail::Each, Tier::Raw, &mut |found| {
            let Found::Entry { ts, entry: Entry::Span(span), .. } = found else { return };
            windows += 1;
            let of: Vec<f64> = recorded
                .flushes
                .iter()
                .filter(|flush| flush.0 > ts - 300 * SECOND && flush.0 <= ts)
                .map(|flush| flush.2)
                .collect();
            assert_eq!(span.count, of.len() as f64);
            assert_eq!(Some(span.last), of.last().copied());
            assert_eq!(span.smallest, of.iter().copied().fold(f64::NAN, f64::min));
            assert_eq!(span.largest, of.iter().copied().fold(f64::NAN, f64::max));
            assert!((span.sum - of.iter().sum::<f64>()).abs() < 1e-9);
        })
        .unwrap();
    assert!(windows > 100, "{windows}");
}

#[test]
fn a_limit_on_the_size_drops_what_is_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let most = 200_000;
    record(&path, 5 * 24, 60, Retention::FOREVER.size(most), &mut Random(9), false);
    let used = count(&path, "SELECT (SELECT page_count FROM pragma_page_count) * 8192").unsigned_abs();
    let free = count(&path, "SELECT (SELECT freelist_count FROM pragma_freelist_count) * 8192").unsigned_abs();
    assert!(used - free <= most + 65_536, "{used} less {free}");
    assert_eq!(Store::open_read_only(&path).unwrap().check().unwrap(), []);
}

#[test]
fn a_clock_that_ran_ahead_does_not_put_retention_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let retention = Retention::default().raw(Duration::from_hours(8));
    let key = key(MetricKind::Gauge, "queue", &[]);
    let year = 365 * 24 * 3_600 * SECOND;
    let mut writer = open(&path, START + year, retention);
    for flush in 0..24 * 360 {
        // A year ahead at the first flush, and set right after it.
        let at = START + flush * 10 * SECOND + if flush == 0 { year } else { 0 };
        let value = Value::Gauge(flush as f64);
        let sample = || [Origin::App.sample(Sample { index: 0, key: &key, value, changed: true })];
        writer.write(at, || sample().into_iter(), &[]).unwrap();
        while writer.maintain(at).unwrap() {}
    }
    writer.close().unwrap();
    let newest = count(&path, "SELECT max(ts) FROM unsealed");
    assert!(newest > START + year);
    let span = newest - count(&path, "SELECT min(t0) FROM segment WHERE tier = 0");
    assert!(span < 15 * 3_600 * SECOND, "{} hours at full resolution", span / 3_600 / SECOND);
    assert_eq!(Store::open_read_only(&path).unwrap().check().unwrap(), []);
}

#[test]
fn a_recording_after_all_was_dropped_is_seen_though_the_clock_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    record(&path, 3, 10, Retention::FOREVER, &mut Random(21), false);
    // Another recording seals what the first one has left, and drops it all.
    let mut writer = open(&path, START + 4 * 3_600 * SECOND, Retention::FOREVER.size(1));
    while writer.maintain(START + 4 * 3_600 * SECOND).unwrap() {}
    writer.close().unwrap();
    assert_eq!(count(&path, "SELECT count(*) FROM segment") + count(&path, "SELECT count(*) FROM unsealed"), 0);

    let key = key(MetricKind::Counter, "rows", &[]);
    let mut writer = open(&path, START, Retention::FOREVER);
    let value = Value::Counter { total: Number::Int(7), fresh: Number::Int(7) };
    let sample = || [Origin::App.sample(Sample { index: 0, key: &key, value, changed: true })];
    writer.write(START, || sample().into_iter(), &[]).unwrap();
    writer.close().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    assert!((rows(&store, i64::MIN, i64::MAX) - 7.0).abs() < 0.5);
}

#[test]
fn chunks_that_could_not_be_removed_at_once_go_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    // So many that it takes three transactions to remove those of a segment.
    let keys: Vec<_> = (0..450).map(|n| key(MetricKind::Gauge, &format!("gauge_{n}"), &[])).collect();
    let samples = || {
        let value = Value::Gauge(0.5);
        let samples = keys.iter().enumerate();
        samples.map(move |(index, key)| Origin::App.sample(Sample { index, key, value, changed: true }))
    };
    for recording in 0..4 {
        let at = START + recording * 60 * SECOND;
        let mut writer = open(&path, at, Retention::FOREVER);
        while writer.maintain(at).unwrap() {}
        writer.write(at, samples, &[]).unwrap();
        writer.close().unwrap();
    }

    let end = START + 240 * SECOND;
    let mut writer = open(&path, end, Retention::FOREVER.size(1));
    let segments = || count(&path, "SELECT count(*) FROM segment");
    let other = rusqlite::Connection::open(&path).unwrap();
    let (mut before, mut refused) = (segments(), 0);
    while writer.maintain(end).unwrap() {
        // A segment is gone, and most of its chunks are to follow.
        if segments() < before {
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            assert!(writer.maintain(end).unwrap_err().is_locked());
            other.execute_batch("COMMIT").unwrap();
            refused += 1;
        }
        before = segments();
    }
    assert!(refused >= 3, "{refused}");
    assert_eq!(count(&path, "SELECT count(*) FROM meta WHERE k = 'dropping'"), 0);
    assert_eq!(count(&path, "SELECT count(*) FROM chunk"), 0, "chunks of segments that are gone");
}

/// Mounting needs root; without it there is nothing to fill.
#[test]
#[ignore = "takes half a minute when optimised; `cargo xtask prove` runs it"]
#[cfg(target_os = "linux")]
fn on_a_disk_that_is_too_small_the_oldest_goes_and_recording_goes_on() {
    use std::process::Command;
    struct Disk(tempfile::TempDir);
    impl Drop for Disk {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
        }
    }
    let disk = Disk(tempfile::tempdir().unwrap());
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(disk.0.path()).status();
    if !mount.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "this test mounts a small tmpfs, which needs root");
        eprintln!("SKIPPED: this test mounts a small tmpfs, which needs root");
        return;
    }
    let path = disk.0.path().join("metrics.db");
    let keys: Vec<_> = (0..150).map(|n| key(MetricKind::Gauge, &format!("gauge_{n}"), &[])).collect();
    let mut random = Random(3);
    let mut writer = open(&path, START, Retention::FOREVER);
    let (mut failed, mut stored) = (0, 0);
    for flush in 0..9_000 {
        let at = START + flush * 10 * SECOND;
        let values: Vec<f64> = keys.iter().map(|_| f64::from_bits(random.next() >> 2)).collect();
        let samples = || {
            keys.iter().zip(&values).enumerate().map(|(index, (key, value))| {
                Origin::App.sample(Sample { index, key, value: Value::Gauge(*value), changed: true })
            })
        };
        match writer.write(at, samples, &[]) {
            Ok(_) => stored += 1,
            Err(error) => {
                assert!(error.is_full(), "{error}");
                failed += 1;
            }
        }
        for _ in 0..3 {
            let _ = writer.maintain(at);
        }
    }
    writer.close().unwrap();
    assert!(failed < 100, "{failed} of {stored} flushes failed");
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(store.check().unwrap(), []);
    let newest = count(&path, "SELECT max(ts) FROM unsealed");
    assert!(newest > START + 8_900 * 10 * SECOND, "recording has stopped");
    let oldest = count(&path, "SELECT coalesce(min(t0), 9000000000000000000) FROM segment WHERE tier = 0");
    assert!(oldest > START + 3_600 * SECOND, "nothing was dropped");
}
