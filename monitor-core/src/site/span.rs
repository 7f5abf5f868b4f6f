//! The two guards around a call: what the expansion of `#[monitored]` runs.
//!
//! A guard that is dropped without [`finish`](Span::finish) during unwinding means that the call did not come back; a
//! future's guard dropped at any other time means that the future was dropped before its end. The synchronous guard keeps
//! the thread's cell; the asynchronous one looks it up again, because a future may be polled by several threads.
//!
//! A plain site, one that is measured in full and asks for nothing else, takes the short way, which is all inlined. Every
//! other way through this file begins with `planned`.

use std::marker::PhantomData;
use std::mem;

use super::plan::Plan;
use super::{CallSite, Outcome, slow};
use crate::clock::{self, Stamp};
use crate::shard::table::Claim;
use crate::shard::{CallCell, EPOCH, End};

/// Runs `body` as a call of `site`; `outcome` says what its value means.
#[inline(always)]
pub fn call<R>(site: &'static CallSite, body: impl FnOnce() -> R, outcome: impl FnOnce(&R) -> Outcome) -> R {
    let span = enter(site);
    let value = body();
    span.finish_with(|| outcome(&value));
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
    if site.plan().is_plain()
        && let Some(cell) = site.cell()
    {
        cell.start();
        return Span { site, cell: Some(cell), start: clock::now(), here: PhantomData };
    }
    let (cell, start) = begin_planned(site, Way::Sync);
    Span { site, cell, start, here: PhantomData }
}

/// Begins a call that may move between threads.
#[inline(always)]
#[must_use = "the call ends when the span is dropped"]
pub fn start(site: &'static CallSite) -> AsyncSpan {
    if site.plan().is_plain()
        && let Some(cell) = site.cell()
    {
        cell.start();
        return AsyncSpan { site, start: clock::now() };
    }
    AsyncSpan { site, start: begin_planned(site, Way::Async).1 }
}

/// Which kind of guard a call has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Sync,
    Async,
}

/// Begins a call of a site with a plan of its own, or without a cell at hand. The cell is `None` if the thread may not
/// keep it, because it is ending.
#[inline]
fn begin_planned(site: &'static CallSite, way: Way) -> (Option<&'static CallCell>, Stamp) {
    if site.plan().is_off() {
        return (None, Stamp::OFF);
    }
    match site.cell() {
        Some(cell) => (Some(cell), begin_on(site.plan(), cell, way)),
        None => begin_cold(site, way),
    }
}

#[cold]
#[inline(never)]
fn begin_cold(site: &'static CallSite, way: Way) -> (Option<&'static CallCell>, Stamp) {
    let claim = site.claim();
    // The first call of all has put the site under the rules given before it.
    let plan = site.plan();
    let kept = match claim {
        Claim::Kept(cell) => Some(cell),
        Claim::Borrowed(_) => None,
    };
    let mut begun = Stamp::OFF;
    claim.write(|cell| {
        if !plan.is_off() {
            // A cell that is only borrowed does not come back to this thread, so it cannot hold the depth of a recursion.
            let way = if kept.is_some() { way } else { Way::Async };
            begun = begin_on(plan, cell, way);
        }
    });
    (kept, begun)
}

/// Begins a call on a cell that the thread owns.
#[inline(always)]
fn begin_on(plan: Plan, cell: &CallCell, way: Way) -> Stamp {
    if plan.is_outermost() && way == Way::Sync && cell.descend() {
        return Stamp::NESTED;
    }
    let number = cell.start();
    if plan.times(number) || plan.is_watched() { clock::now() } else { Stamp::UNTIMED }
}

#[cold]
#[inline(never)]
fn end_cold(site: &'static CallSite, start: Stamp, end: End) {
    if start != Stamp::OFF {
        site.claim().write(|cell| end_on(site, cell, start, end));
    }
}

/// Ends a call of a site with a plan of its own, or one that began under another plan than holds now.
#[inline]
fn end_on(site: &'static CallSite, cell: &CallCell, start: Stamp, end: End) {
    match start {
        Stamp::OFF => {}
        Stamp::NESTED => cell.ascend(),
        Stamp::UNTIMED => {
            cell.surface();
            cell.count(end);
        }
        timed => {
            let units = clock::units_since(timed);
            if site.plan().is_watched() {
                slow::watch(site, cell, units, end);
            }
            cell.surface();
            cell.end(EPOCH.current(), units, end);
        }
    }
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
        self.finish_with(|| outcome);
    }

    /// Ends the call. The outcome is not asked for where nothing is counted.
    #[inline(always)]
    pub fn finish_with(self, outcome: impl FnOnce() -> Outcome) {
        if self.start != Stamp::OFF {
            let end = match outcome() {
                Outcome::Ok => End::Ok,
                error @ Outcome::Error(_) => end_of(self.site, error),
            };
            self.record(end);
        }
        mem::forget(self);
    }

    #[inline(always)]
    fn record(&self, end: End) {
        match self.cell {
            Some(cell) if self.site.plan().is_plain() && self.start.is_time() => {
                cell.end(EPOCH.current(), clock::units_since(self.start), end);
            }
            Some(cell) => end_on(self.site, cell, self.start, end),
            None => end_cold(self.site, self.start, end),
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
        match self.site.cell() {
            Some(cell) if self.site.plan().is_plain() && self.start.is_time() => {
                cell.end(EPOCH.current(), clock::units_since(self.start), end);
            }
            Some(cell) => end_on(self.site, cell, self.start, end),
            None => end_cold(self.site, self.start, end),
        }
    }
}

impl Drop for AsyncSpan {
    #[cold]
    fn drop(&mut self) {
        self.record(if std::thread::panicking() { End::Panicked } else { End::Cancelled });
    }
}
