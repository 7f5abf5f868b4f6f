//! The background is one thread, works by itself on the grid, and leaves nothing behind.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::time::{Duration, SystemTime};

use common::{Fed, Feed, builder};
use crossbeam_channel::{Receiver, Sender, bounded};
use monitor_core::Sample;
use monitor_sinks::{Store, runtime::Source};

/// Tells of each delivery.
struct Telling {
    inner: Fed,
    delivered: Sender<()>,
}

impl Source for Telling {
    fn collect(&mut self) {
        self.inner.collect();
    }

    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.inner.samples()
    }

    fn delivered(&mut self) {
        self.inner.delivered();
        let _ = self.delivered.try_send(());
    }
}

fn wait(told: &Receiver<()>) {
    told.recv_timeout(Duration::from_secs(20)).expect("the background drains by itself");
}

/// One test, because it counts the threads of the process.
#[test]
fn one_thread_drains_by_itself_on_the_grid_and_ends_with_the_monitor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let feed = Feed::default();
    let (delivered, told) = bounded(1_000);
    let source = Telling { inner: feed.source(), delivered };
    let interval = Duration::from_millis(20);
    let monitor = builder(&path).flush_every(interval).start_with(source).unwrap();
    for _ in 0..5 {
        while told.try_recv().is_ok() {}
        feed.with(|registry| registry.count("rows", &[], 1));
        wait(&told);
        wait(&told);
    }
    assert_eq!(threads(), expected(1));
    feed.with(|registry| registry.count("rows", &[], 1));
    monitor.shutdown().unwrap();
    assert_eq!(threads(), expected(0));

    let series = Store::open_read_only(&path).unwrap().query().metric("rows").series().unwrap().remove(0);
    assert_eq!(series.increase().to_bits(), 6.0_f64.to_bits());
    assert!(series.points.is_sorted_by(|a, b| a.time < b.time), "times ascend strictly");
    assert!(series.last().unwrap().time <= SystemTime::now(), "no row is stamped ahead of the clock");
}

fn expected(count: usize) -> Option<usize> {
    cfg!(target_os = "linux").then_some(count)
}

/// The threads of this process that are called "monitored"; unknown on systems that do not tell.
fn threads() -> Option<usize> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    Some(names.filter(|name| name.trim() == "monitored").count())
}
