//! Our buckets as those of native histograms.
//!
//! Ours cut an octave into 32 equal parts. Those of a native histogram grow by a constant factor, so that only the edges
//! of octaves are the same. Each bucket of ours goes, as a whole, into the one of schema 8 (256 an octave) that holds its
//! middle. That bucket is narrower than ours, so no two of ours meet in one, and a quantile is within 0.3 % of what
//! [`Distribution::quantile`] tells, which tells the middle as well. Schema 5 has as many buckets an octave as we do, but
//! would merge ours at the upper end of each, and add its own width of 2.2 % to the error. A finer schema costs nothing:
//! buckets are sparse.

use std::sync::{Arc, LazyLock};

use monitor_core::Distribution;

use crate::promql::{Histogram, Reset};

/// The finest schema that there is.
const SCHEMA: i32 = 8;

/// How many indices an octave has.
pub(super) const OCTAVE: i32 = 1 << SCHEMA;

/// How many buckets we have.
const BUCKETS: u16 = 2_560;

/// Values closer to 0 than this count as 0: half a unit of ours, which is 2^-30.
const ZERO: f64 = 1.0 / (1_u64 << 31) as f64;

/// The index in a native histogram of each bucket but the first, which is the one around zero.
static INDEX: LazyLock<Vec<i32>> = LazyLock::new(|| {
    let one_of_each = Distribution::from_parts((0..BUCKETS).map(|number| (number, 1)).collect(), 0.0, None);
    one_of_each.edges().map(|(lower, upper, _)| index_of(f64::midpoint(lower, upper - 2.0 * ZERO))).collect()
});

/// The index of the bucket that holds a value.
fn index_of(value: f64) -> i32 {
    (value.log2() * f64::from(1 << SCHEMA)).ceil() as i32
}

/// The power of two that a bucket of ours begins at or above, and ends below twice of; `None` for the one around zero.
pub(super) fn octave(number: u16) -> Option<i32> {
    INDEX.get(usize::from(number)).filter(|_| number > 0).map(|index| (index - 1).div_euclid(OCTAVE))
}

/// What a series recorded so far, in our buckets. Counts are exact up to 2^53.
///
/// The buckets of a series are a narrow band of all that there are, so their counts lie next to each other, and adding an
/// entry is an addition a bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sums {
    count: f64,
    sum: f64,
    /// The number of the bucket that the first count is of.
    first: usize,
    counts: Vec<f64>,
}

impl Sums {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// Adds a share of what was recorded, in our buckets, which ascend.
    pub(super) fn add(&mut self, sum: f64, buckets: &[(u16, u64)], share: f64) {
        let (Some(&(low, _)), Some(&(high, _))) = (buckets.first(), buckets.last()) else { return };
        self.reach(usize::from(low), usize::from(high));
        self.sum += sum * share;
        for &(number, count) in buckets {
            let count = count as f64 * share;
            self.count += count;
            if let Some(sum) = self.counts.get_mut(usize::from(number).wrapping_sub(self.first)) {
                *sum += count;
            }
        }
    }

    /// Makes room for the buckets from `low` to `high`.
    fn reach(&mut self, low: usize, high: usize) {
        if self.counts.is_empty() {
            self.first = low;
        } else if low < self.first {
            self.counts.splice(..0, std::iter::repeat_n(0.0, self.first - low));
            self.first = low;
        }
        if high - self.first >= self.counts.len() {
            self.counts.resize(high - self.first + 1, 0.0);
        }
    }

    /// How many values were recorded, and their sum.
    pub(super) const fn moments(&self) -> (f64, f64) {
        (self.count, self.sum)
    }

    /// As a native histogram, with what is known of its relation to the one before it. Cost: a copy of the buckets.
    pub(super) fn histogram(&self, reset: Reset) -> Arc<Histogram> {
        let (mut zero, mut positive) = (0.0, Vec::with_capacity(self.counts.len()));
        for (number, &count) in (self.first..).zip(&self.counts).filter(|bucket| *bucket.1 != 0.0) {
            match INDEX.get(number) {
                Some(&index) if number > 0 => positive.push((index, count)),
                _ => zero += count,
            }
        }
        let empty = Histogram::exponential(SCHEMA, 0, self.sum).zero(ZERO, zero).with_reset(reset);
        Arc::new(Histogram { count: self.count, positive, ..empty })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_buckets_meet_and_octaves_keep_their_edges() {
        let indices: BTreeSet<i32> = INDEX[1..].iter().copied().collect();
        assert_eq!(indices.len(), usize::from(BUCKETS) - 1);
        // The first bucket of the octave from 1 to 2, and the last one below it.
        let of = |value: f64| {
            let mut one = Distribution::new();
            one.record(value);
            INDEX[usize::from(one.buckets()[0].0)]
        };
        assert!(of(1.0) > 0 && of(1.0) <= 256 / 32 && of(1.99) <= 256 && of(0.999) <= 0);
    }

    #[test]
    fn a_quantile_is_within_the_width_of_a_bucket_of_the_middle() {
        let mut values = Distribution::new();
        let mut random = crate::random::Random(3);
        (0..5_000).for_each(|_| values.record((random.next() % 1_000_000) as f64 / 1e5));
        let mut sums = Sums::default();
        sums.add(values.sum(), values.buckets(), 1.0);
        let histogram = sums.histogram(Reset::Unknown);
        assert!((histogram.count() - 5_000.0).abs() < 0.5 && (histogram.sum() - values.sum()).abs() < 1e-9);
        for (lower, upper, count) in histogram.buckets() {
            let near =
                values.edges().find(|edge| edge.0 <= upper && lower <= edge.1 && (edge.2 as f64 - count).abs() < 0.5);
            assert!(near.is_some(), "({lower}, {upper}]: {count}");
        }
    }
}
