//! The smallest and largest value between two drains, exact, kept without ever resetting a cell.
//!
//! A running maximum cannot be turned into that of a window by differences. So every drain starts a new epoch, and a
//! cell keeps two pairs of extremes, for even and odd epochs: the writer restarts the pair of the current epoch at its
//! first value, while the drain reads the pair of the one before. A value whose writer read the epoch just before a
//! drain and stores just after it may be missed; its bucket still says where it lies, and the reader falls back on that.

use crate::primitive::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::primitive::const_fn;
use crate::shard::bump::{own32, own64};

/// The number of the current epoch; every drain raises it by one. Starts at 1, so that a fresh cell belongs to none.
#[cfg(not(loom))]
pub(crate) static EPOCH: Epoch = Epoch::first();

/// See [`EPOCH`].
#[derive(Debug)]
pub(crate) struct Epoch(AtomicU32);

impl Epoch {
    const_fn! {
        pub(crate) fn first() -> Self {
            Self(AtomicU32::new(1))
        }
    }

    #[inline(always)]
    pub(crate) fn current(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends the current epoch and returns its number.
    pub(crate) fn advance(&self) -> u32 {
        self.0.fetch_add(1, Ordering::AcqRel)
    }
}

/// The extremes of one cell, for the current epoch and the one before it.
///
/// Values are unsigned integers or the bits of floats that are not negative: both order like integers.
#[derive(Debug)]
pub(crate) struct Extremes {
    epoch: [AtomicU32; 2],
    max: [AtomicU64; 2],
    min: [AtomicU64; 2],
}

impl Extremes {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                epoch: [AtomicU32::new(0), AtomicU32::new(0)],
                max: [AtomicU64::new(0), AtomicU64::new(0)],
                min: [AtomicU64::new(0), AtomicU64::new(0)],
            }
        }
    }

    /// Takes `value` into account. Only the owner of the cell calls this.
    #[inline(always)]
    pub(crate) fn record(&self, epoch: u32, value: u64) {
        let side = (epoch & 1) as usize;
        let (min, max) = (&self.min[side], &self.max[side]);
        if own32(&self.epoch[side]) == epoch {
            if value > own64(max) {
                max.store(value, Ordering::Relaxed);
            }
            if value < own64(min) {
                min.store(value, Ordering::Relaxed);
            }
        } else {
            max.store(value, Ordering::Relaxed);
            min.store(value, Ordering::Relaxed);
            // Pairs with the Acquire load in `of`: who sees the epoch sees the pair that opens it.
            self.epoch[side].store(epoch, Ordering::Release);
        }
    }

    /// `(smallest, largest)` of the given epoch, which must be over; `None` when nothing was recorded in it.
    pub(crate) fn of(&self, epoch: u32) -> Option<(u64, u64)> {
        let side = (epoch & 1) as usize;
        (self.epoch[side].load(Ordering::Acquire) == epoch)
            .then(|| (self.min[side].load(Ordering::Relaxed), self.max[side].load(Ordering::Relaxed)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_has_its_own_extremes() {
        let extremes = Extremes::new();
        extremes.record(1, 7);
        extremes.record(1, 3);
        assert_eq!(extremes.of(1), Some((3, 7)));
        extremes.record(2, 5);
        assert_eq!(extremes.of(1), Some((3, 7)));
        assert_eq!(extremes.of(2), Some((5, 5)));
        assert_eq!(extremes.of(3), None);
    }
}
