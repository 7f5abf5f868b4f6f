//! The guards around a call: what the expansion of `#[monitored]` runs.
//!
//! A body whose value has no meaning runs beside a [`Guard`], which ends the call when it goes. A body whose value may be
//! an error runs inside of [`call`], which sees the value. Both keep the thread's cell; the guard of a future,
//! [`AsyncSpan`], looks it up again, because a future may be polled by several threads.
//!
//! A plain site, one that is measured in full and asks for nothing else, takes the short way, which is all inlined. Every
//! other way through this file begins with `planned`. In a build with debug assertions nothing here is inlined: the
//! frames of monitored functions stay small, and a program can have this crate alone optimised.

use std::marker::PhantomData;
use std::{mem, thread};

use super::plan::Plan;
use super::{CallSite, Outcome, slow};
use crate::clock::{self, Stamp};
use crate::shard::table::Claim;
use crate::shard::{CallCell, EPOCH, End};

/// Runs `body` as a call of `site`; `outcome` says what its value means.
///
/// Expansions spell this out, because a parameter more is a copy more in the frames of a build without optimisation.
#[inline(always)]
pub fn call<R>(site: &'static CallSite, body: impl FnOnce() -> R, outcome: impl FnOnce(&R) -> Outcome) -> R {
    let mut span = begin(site);
    let value = body();
    span.finish(&value, outcome);
    value
}

/// Begins a call of `site` that starts and ends on this thread, and that is good if it comes back at all.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
#[must_use = "the call ends when the guard is dropped"]
pub fn enter(site: &'static CallSite) -> Guard {
    Guard { span: mem::ManuallyDrop::new(begin(site)), was_panicking: thread::panicking() }
}

/// Begins a call of `site` that starts and ends on this thread, and whose value is looked at.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
#[must_use = "the call ends with the span"]
pub fn begin(site: &'static CallSite) -> Span {
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
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
fn start(site: &'static CallSite) -> Stamp {
    if site.plan().is_plain()
        && let Some(cell) = site.cell()
    {
        cell.start();
        return clock::now();
    }
    begin_planned(site, Way::Async).1
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
    let Some(claim) = site.claim() else { return (None, Stamp::OFF) };
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
    if !matches!(start, Stamp::OFF | Stamp::WAITING)
        && let Some(claim) = site.claim()
    {
        claim.write(|cell| end_on(site, cell, start, end));
    }
}

/// Ends a call of a site with a plan of its own, or one that began under another plan than holds now.
#[inline]
fn end_on(site: &'static CallSite, cell: &CallCell, start: Stamp, end: End) {
    match start {
        Stamp::OFF | Stamp::WAITING => {}
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

#[inline(always)]
fn end_of(site: &'static CallSite, outcome: Outcome) -> End {
    match outcome {
        Outcome::Ok => End::Ok,
        Outcome::Error(label) => End::Error(site.kinds.number(label)),
    }
}

/// A call in progress on this thread. Dropped without [`finish`](Self::finish), it did not come back.
#[derive(Debug)]
pub struct Span {
    site: &'static CallSite,
    cell: Option<&'static CallCell>,
    start: Stamp,
    /// Not `Send`: the cell belongs to this thread.
    here: PhantomData<*const ()>,
}

impl Span {
    /// Ends the call. Its outcome is not asked for where nothing is counted.
    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn finish<R>(&mut self, value: &R, outcome: impl FnOnce(&R) -> Outcome) {
        if self.start != Stamp::OFF {
            let end = end_of(self.site, outcome(value));
            self.record(end);
        }
        self.start = Stamp::WAITING;
    }

    #[cold]
    #[inline(never)]
    fn panicked(&self) {
        self.record(End::Panicked);
    }

    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
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
    #[inline(always)]
    fn drop(&mut self) {
        if self.start != Stamp::WAITING {
            self.panicked();
        }
    }
}

/// A call in progress on this thread, which ends when the guard is dropped: as panicked if a panic began meanwhile, else
/// as ok.
#[derive(Debug)]
pub struct Guard {
    span: mem::ManuallyDrop<Span>,
    /// A destructor that runs because of a panic calls functions that come back.
    was_panicking: bool,
}

impl Drop for Guard {
    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn drop(&mut self) {
        if thread::panicking() && !self.was_panicking {
            return self.span.panicked();
        }
        self.span.record(End::Ok);
    }
}

/// A call that may move between threads, begun or not. Dropped without an end, it was cancelled, if it had begun.
#[derive(Debug)]
pub(super) struct AsyncSpan {
    site: &'static CallSite,
    start: Stamp,
}

impl AsyncSpan {
    /// A call that has not begun.
    #[inline(always)]
    pub(super) const fn waiting(site: &'static CallSite) -> Self {
        Self { site, start: Stamp::WAITING }
    }

    /// Begins the call, unless it has begun.
    #[inline(always)]
    pub(super) fn begin(&mut self) {
        if self.start == Stamp::WAITING {
            self.start = start(self.site);
        }
    }

    /// Ends the call.
    #[inline(always)]
    pub(super) fn finish(self, outcome: Outcome) {
        let end = end_of(self.site, outcome);
        self.end(end);
    }

    /// Ends the call, whose body has panicked.
    #[cold]
    pub(super) fn panicked(self) {
        self.end(End::Panicked);
    }

    #[inline(always)]
    fn end(self, end: End) {
        self.record(end);
        mem::forget(self);
    }

    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
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
        self.record(End::Cancelled);
    }
}
