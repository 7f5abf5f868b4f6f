//! What one thread counts at one call site.
//!
//! Everything that a successful call touches, but for its bucket, lies in one cache line. Calls are not counted twice:
//! their number is the sum of the outcomes, so the outcomes add up to the calls at any instant, whatever a drain sees.
//! In-flight calls are the starts less the ends, over all cells: a future may start on one thread and end on another.
//!
//! **Late filing.** Counting the bucket of a duration at once would make the next read of the clock wait for a chain of
//! clock, index, load and store: 7 ns on the machine measured. So the end of a call counts the bucket of the duration
//! *before* it, whose address is known early, and leaves its own in `waiting`; the drain adds the waiting one. A fresh
//! cell holds -1 in bucket 0 and waits for 0, so no branch is needed. Recursion and interleaved futures only change who
//! files whom.
//!
//! Why a drain never counts a duration twice: the writer takes it out of `waiting` before it publishes its bucket
//! (Release), and the drain reads the buckets (Acquire) before `waiting`. It may miss the one that is between the two;
//! then it sees that bucket one too low for a moment, which [`CallCell::take_buckets`] leaves for the next time.

use crate::bucket::CALL_BUCKETS;
use crate::primitive::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::shard::bump::{bump32, bump64, own32, own64, publish32};
use crate::shard::{Cell, Extremes, Link};

/// Kinds of error told apart at one call site; the last one collects all further ones.
pub(crate) const KINDS: usize = if cfg!(loom) { 2 } else { 16 };

/// The counters of one thread at one call site. 5.7 KB, nearly all of it the histogram.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct CallCell {
    starts: AtomicU32,
    ok: AtomicU32,
    sum: AtomicU64,
    /// The last duration, whose bucket is not counted yet.
    waiting: AtomicU64,
    extremes: Extremes,
    panicked: AtomicU32,
    cancelled: AtomicU32,
    errors: [AtomicU32; KINDS],
    /// Calls that kept the latency of their objective.
    kept: AtomicU32,
    /// How deep the thread is in a recursion of which only the outermost call counts.
    depth: AtomicU32,
    link: Link<Self>,
    histogram: [AtomicU32; CALL_BUCKETS],
}

/// How a call ended, as the cell counts it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Ok,
    /// With the number of the kind of error at this site, below [`KINDS`].
    Error(usize),
    Panicked,
    Cancelled,
}

/// The counts of a cell at one moment, as far as they decide whether the rest is worth reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) ok: u32,
    pub(crate) panicked: u32,
    pub(crate) cancelled: u32,
    pub(crate) errors: [u32; KINDS],
}

impl Cell for CallCell {
    fn fresh() -> Box<Self> {
        Box::new(Self {
            starts: AtomicU32::new(0),
            ok: AtomicU32::new(0),
            sum: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            extremes: Extremes::new(),
            panicked: AtomicU32::new(0),
            cancelled: AtomicU32::new(0),
            errors: std::array::from_fn(|_| AtomicU32::new(0)),
            kept: AtomicU32::new(0),
            depth: AtomicU32::new(0),
            link: Link::owned(),
            // Bucket 0 starts at -1: it pays for the 0 that waits before the first call.
            histogram: std::array::from_fn(|bucket| AtomicU32::new(if bucket == 0 { u32::MAX } else { 0 })),
        })
    }

    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl CallCell {
    /// Counts the start of a call; returns its number on this cell. Only the owner of the cell calls this.
    #[inline(always)]
    pub(crate) fn start(&self) -> u32 {
        let number = own32(&self.starts);
        self.starts.store(number.wrapping_add(1), Ordering::Relaxed);
        number
    }

    /// Goes one call deeper; returns whether the thread was in such a call already.
    #[inline]
    pub(crate) fn descend(&self) -> bool {
        bump32(&self.depth);
        own32(&self.depth) > 1
    }

    /// Comes back from a nested call.
    #[inline]
    pub(crate) fn ascend(&self) {
        self.depth.store(own32(&self.depth).saturating_sub(1), Ordering::Relaxed);
    }

    /// Comes back from the outermost call.
    #[inline]
    pub(crate) fn surface(&self) {
        if own32(&self.depth) != 0 {
            self.depth.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a call that kept the latency of its objective. Before its end is counted.
    pub(crate) fn keep_objective(&self) {
        bump32(&self.kept);
    }

    /// Counts the end of a call that took `units`, in the current epoch. Only the owner of the cell calls this.
    #[inline(always)]
    pub(crate) fn end(&self, epoch: u32, units: u64, end: End) {
        let before = own64(&self.waiting);
        self.waiting.store(units, Ordering::Relaxed);
        publish32(&self.histogram[bucket_of(before)]);
        bump64(&self.sum, units);
        self.extremes.record(epoch, units);
        self.count(end);
    }

    /// Counts the end of a call without its duration. Only the owner of the cell calls this.
    #[inline(always)]
    pub(crate) fn count(&self, end: End) {
        // Last, and published: see `ends`.
        match end {
            End::Ok => publish32(&self.ok),
            other => self.end_badly(other),
        }
    }

    #[cold]
    fn end_badly(&self, end: End) {
        publish32(match end {
            End::Ok => &self.ok,
            End::Error(kind) => &self.errors[kind.min(KINDS - 1)],
            End::Panicked => &self.panicked,
            End::Cancelled => &self.cancelled,
        });
    }

    /// The outcomes so far. Read before anything else of the cell: what is read after it is at least as new.
    pub(crate) fn ends(&self) -> Ends {
        Ends {
            ok: self.ok.load(Ordering::Acquire),
            panicked: self.panicked.load(Ordering::Acquire),
            cancelled: self.cancelled.load(Ordering::Acquire),
            errors: std::array::from_fn(|kind| self.errors[kind].load(Ordering::Acquire)),
        }
    }

    /// The calls started so far. Read before and after the ends, see [`crate::collect`].
    pub(crate) fn starts(&self) -> u32 {
        self.starts.load(Ordering::Acquire)
    }

    /// The calls that kept the latency of their objective, wrapping.
    pub(crate) fn kept(&self) -> u32 {
        self.kept.load(Ordering::Relaxed)
    }

    /// The sum of all durations in units, wrapping.
    pub(crate) fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// Tells `gained` what each bucket gained since `seen`, which is brought up to date.
    ///
    /// A bucket that reads lower than it was seen has lent its last duration to `waiting` and not got it back yet: it is
    /// left alone until it has. Right as long as no bucket gains 2^31 between two calls.
    pub(crate) fn take_buckets(&self, seen: &mut [u32; CALL_BUCKETS], mut gained: impl FnMut(u16, u64)) {
        // Acquire, and before `waiting`: see the module's header.
        let filed: [u32; CALL_BUCKETS] = std::array::from_fn(|bucket| self.histogram[bucket].load(Ordering::Acquire));
        let waiting = bucket_of(self.waiting.load(Ordering::Relaxed));
        for (bucket, (filed, seen)) in filed.into_iter().zip(seen).enumerate() {
            let total = filed.wrapping_add(u32::from(bucket == waiting));
            let fresh = total.wrapping_sub(*seen);
            if fresh != 0 && fresh < 1 << 31 {
                gained(bucket as u16, u64::from(fresh));
                *seen = total;
            }
        }
    }

    /// The extremes, in units.
    pub(crate) fn extremes(&self) -> &Extremes {
        &self.extremes
    }
}

/// The bucket of a duration in units.
#[inline(always)]
fn bucket_of(units: u64) -> usize {
    crate::bucket::of_units(units).min(CALL_BUCKETS - 1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_every_call_writes_lies_in_one_cache_line() {
        assert_eq!(std::mem::align_of::<CallCell>(), 64);
        assert!(std::mem::offset_of!(CallCell, panicked) <= 64);
        assert!(std::mem::size_of::<CallCell>() <= 6 * 1024);
    }

    #[test]
    fn a_call_of_a_century_counts_in_the_last_bucket() {
        let cell = CallCell::fresh();
        cell.start();
        cell.end(1, u64::MAX, End::Ok);
        assert_eq!(taken(&cell, &mut [0; CALL_BUCKETS]), [(CALL_BUCKETS as u16 - 1, 1)]);
        assert_eq!(cell.ends().ok, 1);
    }

    #[test]
    fn every_duration_is_taken_once_whether_it_waits_or_is_filed() {
        let cell = CallCell::fresh();
        let mut seen = [0; CALL_BUCKETS];
        assert_eq!(taken(&cell, &mut seen), []);
        for (units, expected) in [(0, 0), (5, 5), (5, 5), (9, 9)] {
            cell.end(1, units, End::Ok);
            assert_eq!(taken(&cell, &mut seen), [(expected, 1)]);
        }
        for units in [3, 3, 7] {
            cell.end(1, units, End::Ok);
        }
        assert_eq!(taken(&cell, &mut seen), [(3, 2), (7, 1)]);
        assert_eq!(taken(&cell, &mut seen), []);
    }

    fn taken(cell: &CallCell, seen: &mut [u32; CALL_BUCKETS]) -> Vec<(u16, u64)> {
        let mut gained = Vec::new();
        cell.take_buckets(seen, |bucket, count| gained.push((bucket, count)));
        gained
    }
}
