//! A histogram without the observations above or below a value.
//!
//! The bucket that the value falls into is split as if its observations were spread as for a quantile. The sum is
//! corrected by what was cut off: an observation of a bucket that goes as a whole is taken to be in its middle, one of a
//! bucket that is split in the middle of the part that stays, as Prometheus does it.

use super::{Bucket, Buckets, Histogram, quantile::exponential_part};

/// What is left of a bucket, and where the observations that are gone are taken to have been.
struct Cut {
    kept: f64,
    middle: f64,
}

impl Histogram {
    /// Keeps what is at most `at`, or at least `at` if `lower` is to go.
    pub(crate) fn trim(&mut self, at: f64, keep_below: bool) {
        let has_negative =
            !self.negative.is_empty() || self.is_custom() && self.custom_has(|bucket| bucket.lower < 0.0);
        let has_positive = !self.is_custom() && !self.positive.is_empty()
            || self.is_custom() && self.custom_has(|bucket| bucket.upper > 0.0);
        let (positive, kept_positive, gone_positive) = self.cut_all(&self.positive, false, at, keep_below);
        let (negative, kept_negative, gone_negative) = self.cut_all(&self.negative, true, at, keep_below);
        if self.zero_count > 0.0 {
            let zero = Bucket { lower: -self.zero_threshold, upper: self.zero_threshold, count: self.zero_count };
            let below = below(zero, at, true);
            self.zero_count = if keep_below { below } else { self.zero_count - below };
        }
        self.count = kept_positive + kept_negative + self.zero_count;
        self.sum = match self.sum - gone_positive - gone_negative {
            _ if self.count == 0.0 => 0.0,
            sum if sum < 0.0 && !has_negative || sum > 0.0 && !has_positive => 0.0,
            sum => sum,
        };
        (self.positive, self.negative) = (positive, negative);
    }

    /// Whether a bucket whose first bound is taken to be infinite fulfils a condition.
    fn custom_has(&self, condition: impl Fn(Bucket) -> bool) -> bool {
        self.positive.iter().any(|&(index, count)| condition(self.bucket(index, count)))
    }

    /// What is left of the buckets, its count, and the sum of what is gone.
    fn cut_all(&self, buckets: &Buckets, mirrored: bool, at: f64, keep_below: bool) -> (Buckets, f64, f64) {
        let (mut left, mut count, mut gone) = (Vec::new(), 0.0, 0.0);
        for &(index, before) in buckets {
            let bucket = self.bucket(index, before);
            let bucket =
                if mirrored { Bucket { lower: -bucket.upper, upper: -bucket.lower, count: before } } else { bucket };
            let cut = self.cut(bucket, at, keep_below);
            gone += (before - cut.kept) * cut.middle;
            count += cut.kept;
            if cut.kept != 0.0 {
                left.push((index, cut.kept));
            }
        }
        (left, count, gone)
    }

    fn cut(&self, bucket: Bucket, at: f64, keep_below: bool) -> Cut {
        let Bucket { lower, upper, count } = bucket;
        let whole = if keep_below { upper <= at } else { lower >= at };
        if whole {
            return Cut { kept: count, middle: 0.0 };
        }
        if lower.is_infinite() || upper.is_infinite() {
            return cut_infinite(bucket, at, keep_below);
        }
        let nothing = if keep_below { lower >= at } else { upper <= at };
        if nothing {
            return Cut { kept: 0.0, middle: self.between(lower, upper) };
        }
        let below = below(bucket, at, self.is_custom());
        if self.is_custom() {
            return Cut { kept: if keep_below { below } else { count - below }, middle: f64::midpoint(lower, upper) };
        }
        if keep_below {
            Cut { kept: below, middle: self.between(lower, at) }
        } else {
            Cut { kept: count - below, middle: self.between(at, upper) }
        }
    }

    /// The middle between two bounds on the same side of zero.
    fn between(&self, lower: f64, upper: f64) -> f64 {
        if self.is_custom() {
            return f64::midpoint(lower, upper);
        }
        let sign = if upper > 0.0 { 1.0 } else { -1.0 };
        sign * (lower.abs() * upper.abs()).sqrt()
    }
}

/// How much of a bucket with finite bounds is at most `at`.
fn below(bucket: Bucket, at: f64, linear: bool) -> f64 {
    match bucket {
        Bucket { lower, .. } if at <= lower => 0.0,
        Bucket { upper, count, .. } if at >= upper => count,
        Bucket { lower, upper, count } if linear => count * (at - lower) / (upper - lower),
        bucket => bucket.count * exponential_part(bucket, at),
    }
}

/// A bucket without a bound on one side goes as a whole, but the first one of positive values begins at zero.
fn cut_infinite(bucket: Bucket, at: f64, keep_below: bool) -> Cut {
    let Bucket { lower, upper, count } = bucket;
    if lower == f64::NEG_INFINITY && upper.is_finite() {
        if at >= 0.0 && upper > at {
            let part = at / upper;
            return if keep_below {
                Cut { kept: count * part, middle: f64::midpoint(at, upper) }
            } else {
                Cut { kept: count * (1.0 - part), middle: at / 2.0 }
            };
        }
        return Cut { kept: 0.0, middle: upper };
    }
    let bound = if lower.is_finite() { lower } else { upper };
    Cut { kept: 0.0, middle: if bound.is_finite() { bound } else { 0.0 } }
}
