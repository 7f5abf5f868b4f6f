//! Futures that a function returns, and futures whose polls are timed: a call from the first poll to the end.
//!
//! A function that makes a future has done nothing yet, so what is measured is the future. It is wrapped in one that begins
//! the call when it is polled first and ends it when it is ready or dropped. The call is taken out of the wrapper while the
//! future is polled. So a panic of the poll finds it there, and one that is dropped with the wrapper was cancelled, be it
//! because its owner panics.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::task::{Context, Poll};

use once_cell::race::OnceBox;

use super::span::AsyncSpan;
use super::{CallSite, Outcome, Plan, slow};
use crate::MetricKind;
use crate::bucket::UNITS;
use crate::clock::{self, Stamp};
use crate::metric::family::Family;
use crate::metric::{Data, Series};
use crate::shard::{CallCell, EPOCH, End};
use crate::tag::SERVICE;

/// A future whose polls belong to a call of a site.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Measured<M, T, F, O> {
    future: F,
    /// `None` once it is ready or has panicked, and while it is polled.
    call: Option<(M, O)>,
    output: PhantomData<fn() -> T>,
}

/// Wraps a future; `outcome` says what its value means.
///
/// That `F` is a future that gives a `T` is left to the place where the wrapper is used as one: asked here too, one mistake
/// in the user's types would be two errors.
#[inline]
pub fn future<M, T, F, O>(site: &'static CallSite, future: F, outcome: O) -> Measured<M, T, F, O>
where
    M: Meter,
    O: FnOnce(&T) -> Outcome,
{
    Measured { future, call: Some((M::waiting(site), outcome)), output: PhantomData }
}

/// Wraps the future that `body` makes.
#[inline]
pub fn made<M, T, F, O>(site: &'static CallSite, body: impl FnOnce() -> F, outcome: O) -> Measured<M, T, F, O>
where
    M: Meter,
    O: FnOnce(&T) -> Outcome,
{
    future(site, body(), outcome)
}

/// Wraps and boxes the future that `body` makes; for boxed futures into whose box we cannot get.
#[inline]
pub fn boxed<M, T, F, O>(
    site: &'static CallSite,
    body: impl FnOnce() -> F,
    outcome: O,
) -> Pin<Box<Measured<M, T, F, O>>>
where
    M: Meter,
    F: Future<Output = T>,
    O: FnOnce(&T) -> Outcome,
{
    Box::pin(future(site, body(), outcome))
}

impl<M, T, F, O> Future for Measured<M, T, F, O>
where
    M: Meter,
    F: Future<Output = T>,
    O: FnOnce(&T) -> Outcome,
{
    type Output = T;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // SAFETY: `future` is pinned with the whole and is never moved out of it; `call` is never pinned. There is no
        // `Drop` of ours, and `Unpin` is asked of both.
        let (future, call) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.call)
        };
        let Some((meter, outcome)) = call.take() else { return future.poll(context) };
        let mut polling = Polling(ManuallyDrop::new(meter));
        let polled = polling.0.during(|| future.poll(context));
        let meter = polling.over();
        match polled {
            Poll::Ready(value) => {
                let outcome = outcome(&value);
                meter.finish(outcome);
                Poll::Ready(value)
            }
            Poll::Pending => {
                *call = Some((meter, outcome));
                Poll::Pending
            }
        }
    }
}

/// A call whose future is being polled. Dropped, the poll has panicked.
struct Polling<M: Meter>(ManuallyDrop<M>);

impl<M: Meter> Polling<M> {
    /// The call, after the poll.
    #[inline]
    fn over(self) -> M {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped and not used again, so the call is moved out once.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<M: Meter> Drop for Polling<M> {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: this is the only drop, and nothing uses the call after it.
        unsafe { ManuallyDrop::take(&mut self.0) }.panicked();
    }
}

/// How a future is timed. Dropped without an end, a call was cancelled; if it was never polled, there was no call.
pub trait Meter: Sized {
    /// Waits for the first poll.
    fn waiting(site: &'static CallSite) -> Self;
    /// Runs one poll. The first one begins the call.
    fn during<R>(&mut self, poll: impl FnOnce() -> R) -> R;
    /// Ends the call.
    fn finish(self, outcome: Outcome);
    /// Ends the call after a poll that panicked.
    fn panicked(self);
}

/// From the first poll to the end.
#[derive(Debug)]
pub struct Whole(AsyncSpan);

impl Meter for Whole {
    #[inline]
    fn waiting(site: &'static CallSite) -> Self {
        Self(AsyncSpan::waiting(site))
    }

    #[inline]
    fn during<R>(&mut self, poll: impl FnOnce() -> R) -> R {
        self.0.begin();
        poll()
    }

    #[inline]
    fn finish(self, outcome: Outcome) {
        self.0.finish(outcome);
    }

    #[cold]
    fn panicked(self) {
        self.0.panicked();
    }
}

/// Only while it is polled.
pub type Busy = Polled<()>;
/// From the first poll to the end, and apart from it only while it is polled.
pub type Both = Polled<Stamp>;

/// A call whose polls are timed. `S` keeps when it began, if that matters, so that the future grows no more than needed.
#[derive(Debug)]
pub struct Polled<S: Begin> {
    site: &'static CallSite,
    begin: S,
    /// The time in which it was polled, or one of the words below.
    busy: u64,
}

/// The call has not begun.
const WAITING: u64 = u64::MAX;
/// Nothing is counted of the call.
const OFF: u64 = u64::MAX - 1;
/// The call is counted, and its time is not taken.
const UNTIMED: u64 = u64::MAX - 2;

/// What is kept of the beginning of a call.
pub trait Begin {
    /// The beginning of a call that begins now.
    fn now() -> Self;
    /// The time since then, if it is what was asked for.
    fn wall(&self) -> Option<u64>;
}

impl Begin for () {
    fn now() {}

    fn wall(&self) -> Option<u64> {
        None
    }
}

impl Begin for Stamp {
    fn now() -> Self {
        clock::now()
    }

    fn wall(&self) -> Option<u64> {
        Some(clock::units_since(*self))
    }
}

impl<S: Begin> Meter for Polled<S> {
    fn waiting(site: &'static CallSite) -> Self {
        Self { site, begin: S::now(), busy: WAITING }
    }

    fn during<R>(&mut self, poll: impl FnOnce() -> R) -> R {
        /// Adds the time of a poll, even if it panics.
        struct Adds<'a>(&'a mut u64, Stamp);
        impl Drop for Adds<'_> {
            fn drop(&mut self) {
                *self.0 += clock::units_since(self.1);
            }
        }
        if self.busy == WAITING {
            self.begin();
        }
        if self.busy >= UNTIMED {
            return poll();
        }
        let _adds = Adds(&mut self.busy, clock::now());
        poll()
    }

    fn finish(self, outcome: Outcome) {
        self.record(match outcome {
            Outcome::Ok => End::Ok,
            Outcome::Error(label) => End::Error(self.site.kinds.number(label)),
        });
        mem::forget(self);
    }

    #[cold]
    fn panicked(self) {
        self.record(End::Panicked);
        mem::forget(self);
    }
}

impl<S: Begin> Drop for Polled<S> {
    #[cold]
    fn drop(&mut self) {
        self.record(End::Cancelled);
    }
}

impl<S: Begin> Polled<S> {
    fn begin(&mut self) {
        let begin = |plan: Plan, cell: &CallCell| match plan {
            plan if plan.is_off() => OFF,
            plan if plan.times(cell.start()) || plan.is_watched() => 0,
            _ => UNTIMED,
        };
        match self.site.cell() {
            Some(cell) => self.busy = begin(self.site.plan(), cell),
            // The first call of all puts the site under the rules given before it.
            None => match self.site.claim() {
                Some(claim) => claim.write(|cell| self.busy = begin(self.site.plan(), cell)),
                None => self.busy = OFF,
            },
        }
        self.begin = S::now();
    }

    fn record(&self, end: End) {
        if self.busy != OFF && self.busy != WAITING {
            match self.site.cell() {
                Some(cell) => self.record_on(cell, end),
                None => {
                    if let Some(claim) = self.site.claim() {
                        claim.write(|cell| self.record_on(cell, end));
                    }
                }
            }
        }
    }

    fn record_on(&self, cell: &CallCell, end: End) {
        if self.busy == UNTIMED {
            return cell.count(end);
        }
        let wall = self.begin.wall();
        let units = wall.unwrap_or(self.busy);
        if self.site.plan().is_watched() {
            slow::watch(self.site, cell, units, end);
        }
        cell.end(EPOCH.current(), units, end);
        if wall.is_some()
            && let Some(Data::Values(shards)) = busy_series(self.site).map(|series| &series.data)
        {
            shards.write(|cell| cell.record(EPOCH.current(), self.busy as f64 / UNITS));
        }
    }
}

/// The name of the metric that `time = both` adds.
const BUSY: &str = "function_calls_busy_seconds";

/// How many sites find their series without a look-up by its labels.
const KEPT: usize = 256;

/// The series of a site for the time in which its futures were polled.
fn busy_series(site: &'static CallSite) -> Option<&'static Series> {
    static SERIES: [OnceBox<(usize, &'static Series)>; KEPT] = [const { OnceBox::new() }; KEPT];
    let address = std::ptr::from_ref(site).addr();
    let slot = &SERIES[(address / align_of::<CallSite>()) % KEPT];
    match slot.get() {
        Some((of, series)) if *of == address => Some(*series),
        _ => {
            let series = find_series(site)?;
            // If the slot belongs to another site, this one is looked up every time.
            let _ = slot.set(Box::new((address, series)));
            Some(series)
        }
    }
}

#[cold]
fn find_series(site: &'static CallSite) -> Option<&'static Series> {
    let family = Family::obtain(BUSY, MetricKind::Timer, "seconds").ok()?;
    let (function, tags) = (site.meta.function_label(), site.tags());
    let own = [("function", function.as_str()), ("module", site.meta.module())];
    let service = site.meta.service_name().map(|service| (SERVICE, service));
    let tags = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Some(family.series(own.into_iter().chain(service).chain(tags)))
}
