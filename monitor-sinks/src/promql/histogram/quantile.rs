//! Quantiles of a histogram, and how much of it lies between two values.
//!
//! Inside a bucket of a formula the observations are taken to be spread evenly over its logarithm; inside of a custom
//! bucket and of the one around zero, evenly. Observations of not-a-number are in no bucket, but count as the greatest.

use super::{Bucket, Histogram};

/// That a histogram has observations of not-a-number, and what that does to a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NanObservations {
    /// The result is not-a-number.
    Result,
    /// The result is greater than without them.
    Skew,
    /// They are in no fraction.
    Excluded,
}

impl Histogram {
    /// The value below which the part `q` of all observations lies.
    pub(crate) fn quantile(&self, q: f64) -> (f64, Option<NanObservations>) {
        match q {
            q if q < 0.0 => return (f64::NEG_INFINITY, None),
            q if q > 1.0 => return (f64::INFINITY, None),
            q if q.is_nan() || self.count == 0.0 => return (f64::NAN, None),
            _ => {}
        }
        // From the nearer end, but not from the end where values that are in no bucket would be.
        let forward = self.sum.is_nan() || q < 0.5;
        let rank = if forward { q * self.count } else { (1.0 - q) * self.count };
        let (bucket, count) =
            if forward { reach(rank, self.all_buckets()) } else { reach(rank, self.all_buckets().rev()) };
        let Some(mut bucket) = bucket else {
            // All observations are in no bucket.
            let remark = self.sum.is_nan().then_some(NanObservations::Result);
            return (if self.sum.is_nan() || rank == 0.0 { f64::NAN } else { 0.0 }, remark);
        };
        match bucket {
            Bucket { lower: f64::NEG_INFINITY, upper, .. } if upper <= 0.0 => return (upper, None),
            Bucket { lower: f64::NEG_INFINITY, .. } => bucket.lower = 0.0,
            Bucket { lower, upper: f64::INFINITY, .. } if self.is_custom() => return (lower, None),
            _ if !self.is_custom() => bucket = self.narrowed(bucket),
            _ => {}
        }
        let count = count.min(self.count);
        if count < rank {
            let none_reaches =
                if self.sum.is_nan() { (f64::NAN, Some(NanObservations::Result)) } else { (bucket.upper, None) };
            return none_reaches;
        }
        let into = if forward { rank - (count - bucket.count) } else { count - rank };
        (self.value_at(bucket, into / bucket.count), self.nan_observations().then_some(NanObservations::Skew))
    }

    /// The part of all observations between two values.
    pub(crate) fn fraction(&self, lower: f64, upper: f64) -> (f64, Option<NanObservations>) {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return (f64::NAN, None);
        }
        if lower >= upper {
            return (0.0, None);
        }
        let in_buckets: f64 = self.all_buckets().map(|bucket| bucket.count).sum();
        let total = if self.sum.is_nan() { in_buckets } else { self.count };
        let part = (self.rank_of(upper, total) - self.rank_of(lower, total)) / self.count;
        (part, self.nan_observations().then_some(NanObservations::Excluded))
    }

    /// The mean squared distance of the observations from their mean, each taken to be in the middle of its bucket.
    pub(crate) fn variance(&self) -> f64 {
        let mean = self.sum / self.count;
        let (mut sum, mut lost) = (0.0, 0.0);
        for bucket in self.all_buckets().filter(|bucket| bucket.count != 0.0) {
            let distance = self.middle(bucket) - mean;
            (sum, lost) = super::add_exactly(bucket.count * distance * distance, sum, lost);
        }
        (sum + lost) / self.count
    }

    fn middle(&self, bucket: Bucket) -> f64 {
        match bucket {
            _ if self.is_custom() => f64::midpoint(bucket.lower, bucket.upper),
            Bucket { lower, upper, .. } if lower <= 0.0 && upper >= 0.0 => 0.0,
            Bucket { lower, upper, .. } => (lower * upper).sqrt().copysign(upper),
        }
    }

    /// How many observations are below `value`.
    fn rank_of(&self, value: f64, total: f64) -> f64 {
        let mut rank: f64 = 0.0;
        for bucket in self.all_buckets() {
            let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
            let bucket = if is_zero { self.narrowed(bucket) } else { bucket };
            if bucket.lower >= value {
                return rank.min(total);
            }
            if bucket.upper > value {
                let part = match bucket.lower {
                    f64::NEG_INFINITY => return bucket.count.min(total),
                    _ if self.is_custom() || is_zero => (value - bucket.lower) / (bucket.upper - bucket.lower),
                    _ => exponential_part(bucket, value),
                };
                return (rank + bucket.count * part).min(total);
            }
            rank += bucket.count;
        }
        total
    }

    /// The bucket around zero without the side on which there are no values. Custom buckets are all of positive values.
    fn narrowed(&self, bucket: Bucket) -> Bucket {
        if bucket.lower > 0.0 || bucket.upper < 0.0 {
            return bucket;
        }
        match (self.negative.is_empty(), self.positive.is_empty()) {
            (true, false) => Bucket { lower: 0.0, ..bucket },
            (false, true) => Bucket { upper: 0.0, ..bucket },
            _ => bucket,
        }
    }

    fn value_at(&self, bucket: Bucket, part: f64) -> f64 {
        let Bucket { lower, upper, .. } = bucket;
        if self.is_custom() || lower <= 0.0 && upper >= 0.0 {
            return lower + (upper - lower) * part;
        }
        let (low, high) = (lower.abs().log2(), upper.abs().log2());
        if lower > 0.0 { (low + (high - low) * part).exp2() } else { -(high + (low - high) * (1.0 - part)).exp2() }
    }

    /// Whether some observations are in no bucket; a sum of both infinities is not-a-number, too.
    fn nan_observations(&self) -> bool {
        self.sum.is_nan() && self.all_buckets().map(|bucket| bucket.count).sum::<f64>() < self.count
    }
}

/// The bucket in which the count reaches `rank`, else the last one, and the count up to it.
fn reach(rank: f64, buckets: impl Iterator<Item = Bucket>) -> (Option<Bucket>, f64) {
    let (mut last, mut count) = (None, 0.0);
    for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
        last = Some(bucket);
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    (last, count)
}

/// How far into a bucket of a formula a value lies.
pub(super) fn exponential_part(bucket: Bucket, value: f64) -> f64 {
    let (low, high, at) = (bucket.lower.abs().log2(), bucket.upper.abs().log2(), value.abs().log2());
    if value > 0.0 { (at - low) / (high - low) } else { 1.0 - (at - high) / (low - high) }
}
