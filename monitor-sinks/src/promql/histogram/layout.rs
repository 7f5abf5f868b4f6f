//! Bounds of buckets, and how two histograms come to have the same ones.

use std::sync::Arc;

use super::{Bucket, Buckets, CUSTOM, Histogram, sparse};

impl Histogram {
    /// All buckets that are not empty, from the lowest to the highest.
    pub(crate) fn all_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let zero = self.zero_threshold;
        let negative = self.negative.iter().rev().map(move |&(index, count)| {
            let upper = (-self.upper(index - 1)).min(-zero);
            Bucket { lower: -self.upper(index), upper, count }
        });
        let around = (self.zero_count > 0.0).then_some(Bucket { lower: -zero, upper: zero, count: self.zero_count });
        let positive = self.positive.iter().map(move |&(index, count)| {
            let bucket = self.bucket(index, count);
            let lower = if self.is_custom() { bucket.lower } else { bucket.lower.max(zero) };
            Bucket { lower, ..bucket }
        });
        negative.chain(around).chain(positive)
    }

    /// A bucket of positive values.
    pub(super) fn bucket(&self, index: i32, count: f64) -> Bucket {
        let lower = if self.is_custom() && index <= 0 { f64::NEG_INFINITY } else { self.upper(index - 1) };
        Bucket { lower, upper: self.upper(index), count }
    }

    /// The upper bound of the bucket of positive values with this index.
    pub(super) fn upper(&self, index: i32) -> f64 {
        match self.schema {
            CUSTOM => {
                let bound = usize::try_from(index).ok().and_then(|index| self.bounds.get(index));
                bound.copied().unwrap_or(if index < 0 { f64::NEG_INFINITY } else { f64::INFINITY })
            }
            schema if schema <= 0 => last_before_infinity(i64::from(index) << -schema, 0.0),
            schema => {
                let parts = 1_i64 << schema;
                let index = i64::from(index);
                last_before_infinity(index.div_euclid(parts), index.rem_euclid(parts) as f64 / parts as f64)
            }
        }
    }

    /// Makes the layouts of both the same, in place and in a copy of the other one. Both must be of the same kind.
    ///
    /// Says whether custom bounds had to be reduced to those that both have.
    pub(super) fn align(&mut self, other: &Self) -> (Self, bool) {
        let mut other = other.clone();
        if self.is_custom() {
            if self.bounds == other.bounds {
                return (other, false);
            }
            let common: Arc<[f64]> = self.bounds.iter().copied().filter(|bound| other.bounds.contains(bound)).collect();
            self.reduce_bounds(&common);
            other.reduce_bounds(&common);
            return (other, true);
        }
        let schema = self.schema.min(other.schema);
        self.reduce_schema(schema);
        other.reduce_schema(schema);
        // Each round raises a threshold to a bound of a bucket, of which there are finitely many.
        while self.zero_threshold < other.zero_threshold || other.zero_threshold < self.zero_threshold {
            if self.zero_threshold < other.zero_threshold {
                self.widen_zero(other.zero_threshold);
            } else {
                other.widen_zero(self.zero_threshold);
            }
        }
        (other, false)
    }

    /// Merges buckets so that the schema is `schema`, which is not finer than the present one.
    pub(crate) fn reduce_schema(&mut self, schema: i32) {
        if self.is_custom() || schema >= self.schema || schema == CUSTOM {
            return;
        }
        let shift = self.schema - schema;
        let reduce = |buckets: &Buckets| {
            sparse(buckets.iter().map(|&(index, count)| ((index.wrapping_sub(1) >> shift).wrapping_add(1), count)))
        };
        self.positive = reduce(&self.positive);
        self.negative = reduce(&self.negative);
        self.schema = schema;
    }

    /// Merges buckets so that the bounds are `common`, all of which are bounds already.
    pub(super) fn reduce_bounds(&mut self, common: &Arc<[f64]>) {
        let place = |index: i32| {
            let upper = self.upper(index);
            index_of(common.iter().position(|&bound| bound >= upper).unwrap_or(common.len()))
        };
        self.positive = sparse(self.positive.iter().map(|&(index, count)| (place(index), count)));
        self.bounds = common.clone();
    }

    /// Raises the threshold of zero at least to `threshold`; beyond it if that falls into a bucket that is not empty.
    pub(super) fn widen_zero(&mut self, threshold: f64) {
        let (count, threshold) = self.zero_with(threshold);
        self.zero_count = count;
        self.zero_threshold = threshold;
        let bounds = |index: i32| self.upper(index - 1) >= threshold;
        let positive = self.positive.iter().copied().filter(|&(index, _)| bounds(index)).collect();
        let negative = self.negative.iter().copied().filter(|&(index, _)| bounds(index)).collect();
        (self.positive, self.negative) = (positive, negative);
    }

    /// The count around zero and the threshold, if that were at least `threshold`.
    pub(super) fn zero_with(&self, mut threshold: f64) -> (f64, f64) {
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        loop {
            let inside = |&&(index, _): &&(i32, f64)| self.upper(index - 1) < threshold;
            let swallowed: Vec<(i32, f64)> =
                self.positive.iter().filter(inside).chain(self.negative.iter().filter(inside)).copied().collect();
            let reach = swallowed.iter().map(|&(index, _)| self.upper(index)).fold(threshold, f64::max);
            if reach <= threshold {
                return (swallowed.iter().fold(self.zero_count, |sum, (_, count)| sum + count), threshold);
            }
            threshold = reach;
        }
    }
}

/// The index of a custom bucket; a list of bounds is never so long that this is cut.
pub(super) fn index_of(place: usize) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}

/// `2^(whole + fraction)`, where the last bucket below infinity ends at the greatest number.
fn last_before_infinity(whole: i64, fraction: f64) -> f64 {
    if whole == 1024 && fraction == 0.0 {
        return f64::MAX;
    }
    // Whole powers of two are exact, whatever the fraction of the library.
    let whole = whole.clamp(-1100, 1100) as i32;
    let power = if whole < -1000 { 2f64.powi(whole + 200) * 2f64.powi(-200) } else { 2f64.powi(whole) };
    power * fraction.exp2()
}
