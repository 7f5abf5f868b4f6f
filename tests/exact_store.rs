//! Promise: the store's totals equal the true counts to the last one, for every outcome and every type of error.
//!
//! Threads come and go, calls fail, panic and are dropped, and the drain runs every millisecond. The number of runs is 3,
//! or `MONITORED_RUNS` (`cargo xtask prove` makes it 20).

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use monitored::{ErrorKind, Monitor, Store, counter, monitored};

const SPAWNERS: u64 = 4;
const THREADS: u64 = 25;
const CALLS: u64 = 10_000;
const ALL: u64 = SPAWNERS * THREADS * CALLS;

enum Fault {
    Missing,
    Malformed,
}

impl ErrorKind for Fault {
    fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
        }
    }
}

#[monitored]
fn load(step: u64) -> Result<u64, Fault> {
    match step % 10 {
        0 => Err(Fault::Missing),
        1 => Err(Fault::Malformed),
        2 if step % 100 == 2 => panic!("meant"),
        _ => Ok(step),
    }
}

#[monitored(tags(stage = "last"))]
async fn store(step: u64) -> Result<u64, std::num::ParseIntError> {
    match step % 10 {
        0 => "x".parse(),
        1 => pending().await,
        _ => Ok(step),
    }
}

struct Pipeline {
    offset: u64,
}

#[monitored]
impl Pipeline {
    const fn new() -> Self {
        Self { offset: 0 }
    }

    fn transform(&self, step: u64) -> u64 {
        counter!("rows_seen", 1, "table" => if step.is_multiple_of(2) { "even" } else { "odd" });
        step + self.offset
    }
}

fn work(step: u64) {
    let _ = catch_unwind(AssertUnwindSafe(|| load(step)));
    let mut future = pin!(store(step));
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    Pipeline::new().transform(step);
}

fn run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exact.db");
    let monitor =
        Monitor::builder().service("exact").sqlite(&file).flush_every(Duration::from_millis(1)).start().unwrap();
    thread::scope(|scope| {
        for _ in 0..SPAWNERS {
            scope.spawn(|| {
                for _ in 0..THREADS {
                    thread::spawn(|| (0..CALLS).for_each(work)).join().unwrap();
                }
            });
        }
    });
    monitor.shutdown().unwrap();

    let query = || Store::open_read_only(&file).unwrap().query().last(Duration::from_hours(1));
    let loaded = query().function("load").stats().unwrap();
    assert_eq!(loaded.calls, ALL);
    assert_eq!(loaded.errors, ALL / 5);
    assert_eq!(loaded.errors_by_type["missing"], ALL / 10);
    assert_eq!(loaded.errors_by_type["malformed"], ALL / 10);
    assert_eq!(loaded.panicked, ALL / 100);
    assert_eq!(loaded.ok, ALL - ALL / 5 - ALL / 100);
    assert_eq!((loaded.cancelled, loaded.in_flight), (0, 0));

    let stored = query().function("store").stats().unwrap();
    assert_eq!((stored.calls, stored.cancelled), (ALL, ALL / 10));
    assert_eq!(stored.errors_by_type["ParseIntError"], ALL / 10);
    assert_eq!((stored.ok, stored.in_flight), (ALL - ALL / 5, 0));

    let transformed = query().function("Pipeline::transform").stats().unwrap();
    assert_eq!((transformed.calls, transformed.ok), (ALL, ALL));

    let rows = query().metric("rows_seen").tag("table", "odd").series().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].increase() as u64, ALL / 2);
}

#[test]
fn the_store_has_every_call_exactly_once() {
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>() != Some(&"meant") {
            eprintln!("{info}");
        }
    }));
    let runs = std::env::var("MONITORED_RUNS").map_or(3, |runs| runs.parse().unwrap());
    for _ in 0..runs {
        run();
    }
}
