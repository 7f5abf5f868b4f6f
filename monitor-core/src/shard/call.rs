//! What one thread counts at one call site.
//!
//! Everything that a successful call touches, but for its bucket, lies in one cache line. Calls are not counted twice:
//! their number is the sum of the outcomes, so the outcomes add up to the calls at any instant, whatever a drain sees.
//! In-flight calls are the starts less the ends, over all cells: a future may start on one thread and end on another.

use crate::bucket::CALL_BUCKETS;
use crate::primitive::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::shard::bump::{bump32, bump64, publish32};
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
    extremes: Extremes,
    panicked: AtomicU32,
    cancelled: AtomicU32,
    errors: [AtomicU32; KINDS],
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
            extremes: Extremes::new(),
            panicked: AtomicU32::new(0),
            cancelled: AtomicU32::new(0),
            errors: std::array::from_fn(|_| AtomicU32::new(0)),
            link: Link::owned(),
            histogram: std::array::from_fn(|_| AtomicU32::new(0)),
        })
    }

    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl CallCell {
    /// Counts the start of a call. Only the owner of the cell calls this.
    #[inline(always)]
    pub(crate) fn start(&self) {
        bump32(&self.starts);
    }

    /// Counts the end of a call that took `units`, in the current epoch. Only the owner of the cell calls this.
    #[inline(always)]
    pub(crate) fn end(&self, epoch: u32, units: u64, end: End) {
        let bucket = crate::bucket::of_units(units).min(CALL_BUCKETS - 1);
        bump32(&self.histogram[bucket]);
        bump64(&self.sum, units);
        self.extremes.record(epoch, units);
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

    /// The calls started so far. Read after the ends of all cells, so that no call ends before it starts.
    pub(crate) fn starts(&self) -> u32 {
        self.starts.load(Ordering::Acquire)
    }

    /// The sum of all durations in units, wrapping.
    pub(crate) fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// The buckets, each wrapping.
    pub(crate) fn histogram(&self) -> &[AtomicU32; CALL_BUCKETS] {
        &self.histogram
    }

    /// The extremes, in units.
    pub(crate) fn extremes(&self) -> &Extremes {
        &self.extremes
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_every_call_writes_lies_in_one_cache_line() {
        assert_eq!(std::mem::align_of::<CallCell>(), 64);
        assert!(std::mem::offset_of!(CallCell, cancelled) + 4 <= 64);
        assert!(std::mem::size_of::<CallCell>() <= 6 * 1024);
    }

    #[test]
    fn a_call_of_a_century_counts_in_the_last_bucket() {
        let cell = CallCell::fresh();
        cell.start();
        cell.end(1, u64::MAX, End::Ok);
        assert_eq!(cell.histogram()[CALL_BUCKETS - 1].load(Ordering::Relaxed), 1);
        assert_eq!(cell.ends().ok, 1);
    }
}
