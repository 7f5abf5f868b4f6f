//! Adds up distributions in place.
//!
//! Rows of one series use much the same buckets, a narrow band of all that there are. So the counts of the band lie next to
//! each other, and adding a row is one addition a bucket; keeping a list of the buckets in use instead, and going along it
//! for each row, takes several times as long.

use monitor_core::Distribution;

use super::entry::Encoded;

/// Distributions added up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Merger {
    /// The number of the bucket that the first count is of.
    first: usize,
    counts: Vec<u64>,
    sum: f64,
    extremes: Option<(f64, f64)>,
}

impl Merger {
    /// Room that is made at either end at the least, so that a band that widens does so seldom.
    const MARGIN: usize = 16;

    pub(crate) const EMPTY: Self = Self { first: 0, counts: Vec::new(), sum: 0.0, extremes: None };

    /// Adds a distribution, whose buckets, which ascend, have been read into `buckets`.
    pub(crate) fn add(&mut self, encoded: &Encoded<'_>, buckets: &[(u16, u64)]) {
        let (Some(&(low, _)), Some(&(high, _))) = (buckets.first(), buckets.last()) else { return };
        self.reach(usize::from(low), usize::from(high));
        for &(number, count) in buckets {
            if let Some(sum) = self.counts.get_mut(usize::from(number).wrapping_sub(self.first)) {
                *sum = sum.saturating_add(count);
            }
        }
        self.sum += encoded.sum;
        self.extremes = Some(match self.extremes {
            None => (encoded.min, encoded.max),
            Some((min, max)) => (min.min(encoded.min), max.max(encoded.max)),
        });
    }

    /// What was added up.
    pub(crate) fn into_distribution(self) -> Distribution {
        let used = (self.first..).zip(self.counts).filter(|&(_, count)| count > 0);
        let buckets = used.filter_map(|(number, count)| Some((u16::try_from(number).ok()?, count))).collect();
        Distribution::from_parts(buckets, self.sum, self.extremes)
    }

    /// Makes room for the buckets from `low` to `high`.
    fn reach(&mut self, low: usize, high: usize) {
        if self.counts.is_empty() {
            self.first = low.saturating_sub(Self::MARGIN);
        } else if low < self.first {
            let first = low.saturating_sub(Self::MARGIN);
            self.counts.splice(..0, std::iter::repeat_n(0, self.first - first));
            self.first = first;
        }
        if high - self.first >= self.counts.len() {
            self.counts.resize(high - self.first + 1 + Self::MARGIN, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::Random, store::chunk::merged::Moments};

    #[test]
    fn adding_up_is_merging_in_any_order_of_buckets() {
        let mut random = Random(7);
        for _ in 0..200 {
            let mut merger = Merger::EMPTY;
            let mut merged = Distribution::new();
            for _ in 0..random.below(8) {
                let mut values = Distribution::new();
                let scale = [1e-6, 1.0, 1e9][random.below(3)];
                for _ in 0..=random.below(20) {
                    values.record(random.below(1_000) as f64 * scale);
                }
                let (min, max) = values.extremes().unwrap();
                let moments = Moments { sum: values.sum(), min, max };
                merger.add(&Encoded::of_chunk(moments, values.buckets()), values.buckets());
                merged.merge(&values);
            }
            assert_eq!(merger.into_distribution(), merged);
        }
    }
}
