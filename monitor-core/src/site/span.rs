//! The two guards around a call: what the expansion of `#[monitored]` runs.
//!
//! A guard that is dropped without [`finish`](Span::finish) during unwinding means that the call did not come back; a
//! future's guard dropped at any other time means that the future was dropped before its end. The synchronous guard keeps the thread's cell; the asynchronous one looks
//! it up again, because a future may be polled by several threads.

use std::marker::PhantomData;
use std::mem;

use super::{CallSite, Outcome};
use crate::clock::{self, Stamp};
use crate::shard::{CallCell, EPOCH, End};

/// Runs `body` as a call of `site`; `outcome` says what its value means.
#[inline(always)]
pub fn call<R>(site: &'static CallSite, body: impl FnOnce() -> R, outcome: impl FnOnce(&R) -> Outcome) -> R {
    let span = enter(site);
    let value = body();
    span.finish(outcome(&value));
    value
}

/// Runs `body` as a call of `site` that cannot return an error.
#[inline(always)]
pub fn call_ok<R>(site: &'static CallSite, body: impl FnOnce() -> R) -> R {
    let span = enter(site);
    let value = body();
    span.finish(Outcome::Ok);
    value
}

/// Begins a call that starts and ends on this thread.
#[inline(always)]
#[must_use = "the call ends when the span is dropped"]
pub fn enter(site: &'static CallSite) -> Span {
    let cell = match site.cell() {
        Some(cell) => {
            cell.start();
            Some(cell)
        }
        None => begin_cold(site),
    };
    Span { site, cell, start: clock::now(), here: PhantomData }
}

/// Begins a call that may move between threads.
#[inline(always)]
#[must_use = "the call ends when the span is dropped"]
pub fn start(site: &'static CallSite) -> AsyncSpan {
    match site.cell() {
        Some(cell) => cell.start(),
        None => drop(begin_cold(site)),
    }
    AsyncSpan { site, start: clock::now() }
}

/// Counts a start without a cell at hand. `None` if the thread may not keep the cell, because it is ending.
#[cold]
#[inline(never)]
fn begin_cold(site: &'static CallSite) -> Option<&'static CallCell> {
    let claim = site.claim();
    let kept = match claim {
        crate::shard::table::Claim::Kept(cell) => Some(cell),
        crate::shard::table::Claim::Borrowed(_) => None,
    };
    claim.write(CallCell::start);
    kept
}

#[cold]
#[inline(never)]
fn end_cold(site: &'static CallSite, units: u64, end: End) {
    site.claim().write(|cell| cell.end(EPOCH.current(), units, end));
}

fn end_of(site: &'static CallSite, outcome: Outcome) -> End {
    match outcome {
        Outcome::Ok => End::Ok,
        Outcome::Error(label) => End::Error(site.kinds.number(label)),
    }
}

/// A call in progress on this thread. Dropped without [`finish`](Self::finish), it counts as panicked while the thread
/// unwinds, else as ok.
#[derive(Debug)]
pub struct Span {
    site: &'static CallSite,
    cell: Option<&'static CallCell>,
    start: Stamp,
    /// Not `Send`: the cell belongs to this thread.
    here: PhantomData<*const ()>,
}

impl Span {
    /// Ends the call.
    #[inline(always)]
    pub fn finish(self, outcome: Outcome) {
        let end = match outcome {
            Outcome::Ok => End::Ok,
            Outcome::Error(_) => end_of(self.site, outcome),
        };
        self.record(end);
        mem::forget(self);
    }

    #[inline(always)]
    fn record(&self, end: End) {
        let units = clock::units_since(self.start);
        match self.cell {
            Some(cell) => cell.end(EPOCH.current(), units, end),
            None => end_cold(self.site, units, end),
        }
    }
}

impl Drop for Span {
    #[cold]
    fn drop(&mut self) {
        // A function that returns through the guard alone (`#[track_caller]`) drops it in the ordinary way.
        self.record(if std::thread::panicking() { End::Panicked } else { End::Ok });
    }
}

/// A call in progress that may move between threads. Dropped without [`finish`](Self::finish), it counts as panicked
/// while the thread unwinds, else as cancelled.
#[derive(Debug)]
pub struct AsyncSpan {
    site: &'static CallSite,
    start: Stamp,
}

impl AsyncSpan {
    /// Ends the call.
    #[inline(always)]
    pub fn finish(self, outcome: Outcome) {
        let end = match outcome {
            Outcome::Ok => End::Ok,
            Outcome::Error(_) => end_of(self.site, outcome),
        };
        self.record(end);
        mem::forget(self);
    }

    #[inline(always)]
    fn record(&self, end: End) {
        let units = clock::units_since(self.start);
        match self.site.cell() {
            Some(cell) => cell.end(EPOCH.current(), units, end),
            None => end_cold(self.site, units, end),
        }
    }
}

impl Drop for AsyncSpan {
    #[cold]
    fn drop(&mut self) {
        self.record(if std::thread::panicking() { End::Panicked } else { End::Cancelled });
    }
}
