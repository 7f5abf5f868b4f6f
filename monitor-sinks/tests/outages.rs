//! While the store cannot be written to, values are kept; as soon as it can, they arrive to the last one.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    fs,
    time::{Duration, Instant},
};

use common::{Feed, Tmpfs, builder, start};
use monitor_core::{MetricKind, Sample, Value};
use monitor_sinks::{Monitor, Store, runtime::Source};
use rusqlite::Connection;

fn increase(store: &Store, metric: &str) -> f64 {
    store.query().metric(metric).series().unwrap()[0].increase()
}

#[test]
fn a_lock_held_by_another_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let feed = Feed::default();
    let monitor = builder(&path).flush_every(Duration::from_millis(2)).start_with(feed.source()).unwrap();
    feed.with(|registry| registry.count("rows", &[], 1));
    monitor.flush().unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for _ in 0..5 {
        feed.with(|registry| {
            registry.count("rows", &[], 10);
            registry.record(MetricKind::Histogram, "sizes", &[], 4.0);
            registry.gauge("level", &[], 7.0);
        });
        assert!(monitor.flush().unwrap_err().is_locked());
    }
    assert_eq!(increase(monitor.store(), "rows").to_bits(), 1.0_f64.to_bits(), "reading goes on meanwhile");

    other.execute_batch("ROLLBACK").unwrap();
    monitor.flush().unwrap();
    assert_eq!(increase(monitor.store(), "rows").to_bits(), 51.0_f64.to_bits());
    let sizes = &monitor.query().metric("sizes").series().unwrap()[0];
    assert_eq!(sizes.distribution().count(), 5);
    assert_eq!(
        monitor.query().metric("level").series().unwrap()[0].points.last().unwrap().value.to_bits(),
        7.0_f64.to_bits()
    );
    monitor.shutdown().unwrap();
}

#[test]
fn a_full_disk() {
    let Some(disk) = Tmpfs::mount(1_024) else { return };
    let path = disk.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.count("rows", &[], 1));
    monitor.flush().unwrap();

    let ballast = disk.path().join("ballast");
    let mut left = 1_024 * 1_024;
    while left > 512 {
        // As much as still fits; the last pages go one by one.
        let mut text = fs::read(&ballast).unwrap_or_default();
        text.resize(text.len() + left, 0);
        if fs::write(&ballast, &text).is_err() {
            left /= 2;
        }
    }
    let mut failures = 0;
    for round in 0..200_u64 {
        feed.with(move |registry| {
            registry.count("rows", &[], 1);
            registry.record(MetricKind::Histogram, "sizes", &[("round", &round.to_string())], round as f64);
        });
        if let Err(error) = monitor.flush() {
            assert!(error.is_full(), "{error}");
            failures += 1;
        }
    }
    assert!(failures > 0, "the disk must have been full");

    fs::remove_file(&ballast).unwrap();
    monitor.flush().unwrap();
    assert_eq!(increase(monitor.store(), "rows").to_bits(), 201.0_f64.to_bits());
    assert_eq!(monitor.query().metric("sizes").series().unwrap().len(), 200);
    assert!(monitor.store().check().unwrap().is_empty());
    monitor.shutdown().unwrap();
}

/// Panics on its second drain.
struct Fragile {
    inner: common::Fed,
    drains: u32,
}

impl Source for Fragile {
    fn collect(&mut self) {
        self.inner.collect();
        self.drains += 1;
        assert!(self.drains != 2, "second drain");
    }

    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.inner.samples().map(|sample| Sample { value: self.checked(sample.value), ..sample })
    }

    fn delivered(&mut self) {
        self.inner.delivered();
    }
}

impl Fragile {
    /// Panics in the middle of the third drain, inside the transaction's preparation.
    fn checked<'a>(&self, value: Value<'a>) -> Value<'a> {
        assert!(self.drains != 3, "third drain");
        value
    }
}

#[test]
fn a_panic_in_the_background() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let feed = Feed::default();
    let source = Fragile { inner: feed.source(), drains: 0 };
    let monitor: Monitor = builder(&path).start_with(source).unwrap();
    for drain in 1..=4 {
        feed.with(|registry| registry.count("rows", &[], 1));
        assert_eq!(monitor.flush().is_ok(), drain == 1 || drain == 4, "drain {drain}");
    }
    assert_eq!(increase(monitor.store(), "rows").to_bits(), 4.0_f64.to_bits());
    monitor.shutdown().unwrap();
}

#[cfg(unix)]
#[test]
fn a_store_that_is_deleted_while_it_is_recorded_to() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("data");
    fs::create_dir(&home).unwrap();
    let path = home.join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.flush().unwrap();

    // The file alone: a new one is begun, with what was recorded since.
    fs::remove_file(&path).unwrap();
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.flush().unwrap();
    assert_eq!(monitor.query().function("f").stats().unwrap().calls, 1);

    // The whole folder: an outage, until it is back.
    fs::remove_dir_all(&home).unwrap();
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    assert!(monitor.flush().unwrap_err().is_not_found());
    fs::create_dir(&home).unwrap();
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.flush().unwrap();
    assert_eq!(monitor.query().function("f").stats().unwrap().calls, 2);
    assert!(builder(&path).start_with(Feed::default().source()).unwrap_err().is_in_use(), "the lease was renewed");
    monitor.shutdown().unwrap();
    assert_eq!(Store::open_read_only(&path).unwrap().query().function("f").stats().unwrap().calls, 2);
}

#[test]
fn a_lock_at_the_end_is_waited_for_once_and_told_of_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    feed.with(|registry| registry.count("rows", &[], 1));
    let start = Instant::now();
    let error = monitor.shutdown().unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(3_500), "{:?}", start.elapsed());
    assert!(error.is_locked());
    let message = error.to_string();
    assert!(message.contains("could not be stored") && message.contains("The next monitor"), "{message}");
    assert!(!message.contains("as soon as"), "{message}");
}

#[test]
fn flushes_of_many_threads_wait_for_a_locked_store_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    feed.with(|registry| registry.count("rows", &[], 1));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| assert!(monitor.flush().unwrap_err().is_locked()));
        }
    });
    // One after the other, forty drains of half a second would take twenty; one that is under way when the others ask,
    // and one more that answers them all, take about one, on a busy machine a few.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    monitor.shutdown().unwrap();
}

#[cfg(unix)]
#[test]
fn a_log_that_is_deleted_while_it_is_recorded_to() {
    for removed in [&["-wal", "-shm"][..], &["-wal"], &["-shm"]] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let (monitor, feed) = start(&path);
        for _ in 0..3 {
            feed.with(|registry| registry.call("m", "f", "ok", 0.1));
            monitor.flush().unwrap();
        }
        for suffix in removed {
            fs::remove_file(folder.path().join(format!("metrics.db{suffix}"))).unwrap();
        }
        for _ in 0..2 {
            feed.with(|registry| registry.call("m", "f", "ok", 0.1));
            monitor.flush().unwrap();
        }
        // What another process would find: everything that the path leads to.
        let copy = folder.path().join("copy.db");
        fs::copy(&path, &copy).unwrap();
        fs::copy(folder.path().join("metrics.db-wal"), folder.path().join("copy.db-wal")).unwrap();
        assert_eq!(Store::open_read_only(&copy).unwrap().query().function("f").stats().unwrap().calls, 5);
        assert_eq!(monitor.query().function("f").stats().unwrap().calls, 5);
        monitor.shutdown().unwrap();
        assert_eq!(Store::open_read_only(&path).unwrap().query().function("f").stats().unwrap().calls, 5);
    }
}

#[cfg(unix)]
#[test]
fn a_store_that_is_replaced_by_an_older_copy() {
    for with_log in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (path, away) = (folder.path().join("metrics.db"), folder.path().join("away.db"));
        // Rows of an earlier recording as well, so that totals begin anew in the middle of the store.
        for _ in 0..2 {
            let (monitor, feed) = start(&path);
            for _ in 0..3 {
                feed.with(|registry| registry.call("m", "f", "ok", 0.1));
                monitor.flush().unwrap();
            }
            monitor.shutdown().unwrap();
        }
        fs::copy(&path, &away).unwrap();
        let (monitor, feed) = start(&path);
        for _ in 0..3 {
            feed.with(|registry| registry.call("m", "f", "ok", 0.1));
            monitor.flush().unwrap();
        }
        // The log of the replaced file must not be taken for one of the copy.
        for suffix in ["-wal", "-shm"].iter().filter(|_| !with_log) {
            fs::remove_file(folder.path().join(format!("metrics.db{suffix}"))).unwrap();
        }
        fs::rename(&away, &path).unwrap();
        feed.with(|registry| registry.call("m", "f", "ok", 0.1));
        monitor.shutdown().unwrap();
        // Six calls of the copy and the one since; the three in between went with the file that was replaced.
        let store = Store::open_read_only(&path).unwrap();
        assert_eq!(store.query().function("f").stats().unwrap().calls, 7);
        assert!(store.check().unwrap().is_empty());
    }
}
