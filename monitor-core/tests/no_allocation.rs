//! Promise: a warm record does not allocate, whatever it records.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use monitor_core::__private::{CallSite, Label, Meta, Outcome, Whole, call, enter, future};
use monitor_core::{Counter, Gauge, Histogram, Timer, counter, gauge, histogram, timer};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations that this thread makes in `body`.
fn allocations(body: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    body();
    ALLOCATIONS.with(Cell::get) - before
}

static SITE: CallSite = CallSite::new(Meta::new("site", module_path!(), file!(), line!()));
static ROWS: Counter = Counter::new("alloc_rows");
static QUEUE: Gauge = Gauge::new("alloc_queue");
static SIZE: Histogram = Histogram::new("alloc_size");
static LOAD: Timer = Timer::new("alloc_load_seconds");

fn record(step: u64, table: &str) {
    black_box(call(&SITE, || step, |_| Outcome::Ok));
    black_box(call(&SITE, || step, |_| Outcome::Error(Label::Kind("missing"))));
    drop(enter(&SITE));
    let mut context = Context::from_waker(Waker::noop());
    let ready = pin!(future::<Whole, _, _, _>(&SITE, std::future::ready(step), |_| Outcome::Ok));
    assert!(ready.poll(&mut context).is_ready());
    let pending = pin!(future::<Whole, u8, _, _>(&SITE, std::future::pending(), |_| Outcome::Ok));
    assert!(pending.poll(&mut context).is_pending());
    ROWS.add(step);
    ROWS.add(0.5);
    ROWS.add(-1);
    QUEUE.set(step);
    QUEUE.set(f64::NAN);
    SIZE.record(step * step * 1_000);
    LOAD.record(Duration::from_nanos(step * step));
    counter!("alloc_macro", 17, "table" => "flights");
    counter!("alloc_macro", 17, "table" => table, "service" => "etl");
    gauge!("alloc_macro_gauge", step, "table" => table);
    histogram!("alloc_macro_histogram", step, "table" => table);
    let _span = timer!("alloc_macro_seconds", "table" => table);
}

#[test]
fn a_warm_record_does_not_allocate() {
    record(1, "flights");
    assert_eq!(allocations(|| (0..10_000).for_each(|step| record(step, "flights"))), 0);
}

#[test]
fn a_record_beyond_the_limit_of_series_does_not_allocate_either() {
    let users: Vec<String> = (0..1_100).map(|user| user.to_string()).collect();
    let record = || users.iter().for_each(|user| counter!("alloc_overflow", 1, "user" => user));
    record();
    assert_eq!(allocations(record), 0);
}

#[test]
fn the_counter_of_allocations_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
}
