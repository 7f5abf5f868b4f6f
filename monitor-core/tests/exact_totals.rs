//! Promise: whatever threads come and go and however often the drain runs, totals are exact for every outcome.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::thread;

use monitor_core::__private::{CallSite, Label, Meta, Outcome, Whole, call, enter, future};
use monitor_core::{Collector, Counter, SeriesKey, Value, names};

static SITE: CallSite = CallSite::new(Meta::new("work", module_path!(), file!(), line!()).tags(&[("run", "exact")]));
static ROWS: Counter = Counter::new("exact_rows");

const SPAWNERS: u64 = 4;
const THREADS: u64 = 25;
const CALLS: u64 = if cfg!(miri) { 20 } else { 10_000 };

fn work(step: u64) {
    ROWS.inc();
    match step % 10 {
        0 => call(&SITE, || (), |()| Outcome::Error(Label::Kind("missing"))),
        1 => call(&SITE, || (), |()| Outcome::Error(Label::Type("etl::BadNumber"))),
        2 => drop_unfinished(),
        3 if step % 100 == 3 => {
            let unwound = std::panic::catch_unwind(|| call(&SITE, || panic!("meant"), |(): &()| Outcome::Ok));
            assert!(unwound.is_err());
        }
        4 => drop(enter(&SITE)),
        _ => call(&SITE, || (), |()| Outcome::Ok),
    }
}

fn drop_unfinished() {
    let unfinished = pin!(future::<Whole, (), _, _>(&SITE, std::future::pending(), |()| Outcome::Ok));
    assert!(unfinished.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

fn counted(collector: &Collector, is: impl Fn(&SeriesKey) -> bool) -> u64 {
    let totals = collector.samples().filter(|sample| is(sample.key)).map(|sample| match sample.value {
        Value::Counter { total, .. } => total.as_f64() as u64,
        Value::Gauge(value) => value as u64,
        _ => 0,
    });
    totals.sum()
}

fn label(key: &SeriesKey, name: &str, label: &str, value: &str) -> bool {
    key.name == name && key.labels.iter().any(|(k, v)| k == label && v == value)
}

#[test]
fn totals_are_exact_while_threads_come_and_go_under_a_running_drain() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut collector = Collector::new();
    let done = AtomicBool::new(false);
    let mut values = 0;
    thread::scope(|scope| {
        let drain = scope.spawn(|| {
            let mut values = 0;
            while !done.load(Ordering::Acquire) {
                collector.collect();
                values += durations(&collector);
                collector.delivered();
            }
            values
        });
        let spawners: Vec<_> = (0..SPAWNERS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..THREADS {
                        thread::scope(|inner| {
                            inner.spawn(|| (0..CALLS).for_each(work));
                        });
                    }
                })
            })
            .collect();
        for spawner in spawners {
            spawner.join().unwrap();
        }
        done.store(true, Ordering::Release);
        values += drain.join().unwrap();
    });
    collector.collect();
    values += durations(&collector);

    let all = SPAWNERS * THREADS * CALLS;
    let outcome = |wanted| counted(&collector, |key| label(key, names::CALLS, "outcome", wanted));
    let error = |wanted| counted(&collector, |key| label(key, names::ERRORS, "error_type", wanted));
    assert_eq!(outcome("error"), all / 5);
    assert_eq!(error("missing"), all / 10);
    assert_eq!(error("BadNumber"), all / 10);
    assert_eq!(outcome("cancelled"), all / 10);
    assert_eq!(outcome("panicked"), SPAWNERS * THREADS * CALLS.div_ceil(100));
    assert_eq!(outcome("ok") + outcome("error") + outcome("cancelled") + outcome("panicked"), all);
    assert_eq!(values, all, "every call has its duration");
    assert_eq!(counted(&collector, |key| key.name == names::CONCURRENT), 0);
    assert_eq!(counted(&collector, |key| key.name == "exact_rows"), all);
}

/// The durations that wait for delivery.
fn durations(collector: &Collector) -> u64 {
    let counts = collector.samples().map(|sample| match sample.value {
        Value::Distribution(values) if sample.key.name == names::DURATION => values.count(),
        _ => 0,
    });
    counts.sum()
}
