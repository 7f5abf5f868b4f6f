//! What one thread counts in one series: a part of a counter, or of a histogram.

use crate::bucket::{self, VALUE_BUCKETS};
use crate::primitive::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sample::Number;
use crate::shard::bump::{bump32, bump64, own64, publish32};
use crate::shard::{Cell, Extremes, Link};

/// One thread's part of a counter: whole numbers apart from fractions, so that the former stay exact beyond 2^53.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct CounterCell {
    whole: AtomicU64,
    /// The bits of a float.
    fraction: AtomicU64,
    link: Link<Self>,
}

impl Cell for CounterCell {
    fn fresh() -> Box<Self> {
        Box::new(Self { whole: AtomicU64::new(0), fraction: AtomicU64::new(0), link: Link::owned() })
    }

    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl CounterCell {
    /// Adds to the counter. Only the owner of the cell calls this.
    #[inline(always)]
    pub(crate) fn add(&self, by: Number) {
        match by {
            Number::Int(by) => bump64(&self.whole, by),
            Number::Float(by) => {
                // A sum that has no room any more stays at the largest float rather than become infinite for good.
                let sum = (f64::from_bits(own64(&self.fraction)) + by).min(f64::MAX);
                self.fraction.store(sum.to_bits(), Ordering::Relaxed);
            }
        }
    }

    /// The whole part (wrapping) and the fractions.
    pub(crate) fn read(&self) -> (u64, f64) {
        (self.whole.load(Ordering::Relaxed), f64::from_bits(self.fraction.load(Ordering::Relaxed)))
    }
}

/// One thread's part of a histogram or timer.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct ValueCell {
    count: AtomicU32,
    /// The bits of a float.
    sum: AtomicU64,
    extremes: Extremes,
    link: Link<Self>,
    histogram: [AtomicU32; VALUE_BUCKETS],
}

impl Cell for ValueCell {
    fn fresh() -> Box<Self> {
        Box::new(Self {
            count: AtomicU32::new(0),
            sum: AtomicU64::new(0),
            extremes: Extremes::new(),
            link: Link::owned(),
            histogram: std::array::from_fn(|_| AtomicU32::new(0)),
        })
    }

    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl ValueCell {
    /// Adds a value in the current epoch, which must be finite and not negative. Only the owner of the cell calls this.
    #[inline(always)]
    pub(crate) fn record(&self, epoch: u32, value: f64) {
        // -0.0 has the bits of a very large integer.
        let value = value + 0.0;
        bump32(&self.histogram[bucket::of_value(value).min(VALUE_BUCKETS - 1)]);
        let sum = (f64::from_bits(own64(&self.sum)) + value).min(f64::MAX);
        self.sum.store(sum.to_bits(), Ordering::Relaxed);
        self.extremes.record(epoch, value.to_bits());
        // Last, and published: who reads the count first reads a bucket and a sum that are at least as new.
        publish32(&self.count);
    }

    /// How many values were recorded, wrapping. Read before the rest.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// The sum of all values.
    pub(crate) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }

    /// The extremes, as bits of floats.
    pub(crate) fn extremes(&self) -> &Extremes {
        &self.extremes
    }

    /// Tells `gained` what each bucket gained since `seen`, which is brought up to date.
    pub(crate) fn take_buckets(&self, seen: &mut [u32; VALUE_BUCKETS], mut gained: impl FnMut(u16, u64)) {
        for (number, (bucket, seen)) in self.histogram.iter().zip(seen).enumerate() {
            let now = bucket.load(Ordering::Relaxed);
            if now != *seen {
                gained(number as u16, u64::from(now.wrapping_sub(*seen)));
                *seen = now;
            }
        }
    }
}
