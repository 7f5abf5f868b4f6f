//! What a histogram recorded over some time: a sparse, mergeable copy of its buckets.
//!
//! Buckets hold counts under the numbering of [`crate::bucket`], so merging is addition and loses nothing: the quantile
//! of a union of windows has the same bound as that of one window.

use std::time::Duration;

use crate::bucket::{CALL_BUCKETS, UNITS, VALUE_BUCKETS, last_units, lower_units, middle_units};

/// Recorded values, bucketed: count, sum, extremes and quantiles.
///
/// Values are in the metric's base unit (seconds for calls and timers). A quantile is within 1.6 % of the exact one of
/// the same values; count and sum are exact; the extremes are exact but for a value that was recorded at the very
/// instant of a drain, which is then known to within its bucket (3.2 %).
///
/// # Examples
///
/// ```
/// use monitor_core::Distribution;
///
/// let mut seconds = Distribution::new();
/// for millis in 1..=100 {
///     seconds.record(f64::from(millis) / 1000.0);
/// }
/// assert_eq!(seconds.count(), 100);
/// let median = seconds.quantile(0.5).unwrap();
/// assert!((median - 0.050).abs() / 0.050 < 0.016);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    /// `(bucket, count)`, ascending, no zero counts.
    buckets: Vec<(u16, u64)>,
    count: u64,
    sum: f64,
    extremes: Option<(f64, f64)>,
}

impl Distribution {
    /// An empty distribution.
    #[must_use]
    pub const fn new() -> Self {
        Self { buckets: Vec::new(), count: 0, sum: 0.0, extremes: None }
    }

    /// Puts a distribution together from stored parts.
    ///
    /// `buckets` are `(number, count)` pairs in any order; pairs with the same number are added. `extremes` are the
    /// smallest and largest value where they are known; else the edges of the outermost buckets stand in.
    #[must_use]
    pub fn from_parts(mut buckets: Vec<(u16, u64)>, sum: f64, extremes: Option<(f64, f64)>) -> Self {
        buckets.sort_unstable_by_key(|bucket| bucket.0);
        buckets.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(later.1);
            }
            same
        });
        buckets.retain(|bucket| bucket.1 > 0);
        let count = buckets.iter().fold(0_u64, |total, bucket| total.saturating_add(bucket.1));
        let extremes = buckets.first().zip(buckets.last()).map(|(first, last)| plausible(first.0, last.0, extremes));
        Self { buckets, count, sum, extremes }
    }

    /// Adds one value. Values that are negative or not finite are left out.
    pub fn record(&mut self, value: f64) {
        if value.is_finite() && value >= 0.0 {
            let number = crate::bucket::of_value(value).min(VALUE_BUCKETS - 1) as u16;
            self.merge(&Self::from_parts(vec![(number, 1)], value, Some((value, value))));
        }
    }

    /// Adds everything that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        self.extremes = match (self.extremes, other.extremes) {
            (Some((min, max)), Some((low, high))) => Some((min.min(low), max.max(high))),
            (known, None) | (None, known) => known,
        };
        self.count = self.count.saturating_add(other.count);
        self.sum += other.sum;
        self.buckets = merge_sorted(&self.buckets, &other.buckets);
    }

    /// How many values there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The sum of all values; 0 when there are none.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// The smallest value.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.extremes.map(|(min, _)| min)
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.extremes.map(|(_, max)| max)
    }

    /// The mean of all values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The value below or at which the share `q` of all values lies, by nearest rank.
    ///
    /// `q` outside 0 to 1 is brought to the nearer end; `None` when there are no values or `q` is NaN. The answer is
    /// the middle of the bucket that holds the value of that rank, kept between the extremes. Cost: one pass over the
    /// buckets in use.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let (min, max) = self.extremes?;
        if q.is_nan() {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank == self.count {
            return Some(max);
        }
        let mut below = 0_u64;
        let bucket = self.buckets.iter().find(|bucket| {
            below = below.saturating_add(bucket.1);
            below >= rank
        })?;
        Some((middle_units(bucket.0) / UNITS).clamp(min, max))
    }

    /// The buckets in use: `(number, count)`, ascending.
    #[must_use]
    pub fn buckets(&self) -> &[(u16, u64)] {
        &self.buckets
    }

    /// The extremes as stored, `(smallest, largest)`.
    #[must_use]
    pub const fn extremes(&self) -> Option<(f64, f64)> {
        self.extremes
    }

    /// The buckets in use as `(lower edge, upper edge, count)` in the base unit; the upper edge is exclusive.
    pub fn edges(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        self.buckets
            .iter()
            .map(|&(number, count)| (lower_units(number) / UNITS, lower_units(number.saturating_add(1)) / UNITS, count))
    }
}

/// `seconds` as a [`Duration`], rounded to the nearest nanosecond and kept in range.
#[must_use]
pub fn to_duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64((seconds * 1e9).round() / 1e9).unwrap_or(if seconds > 0.0 {
        Duration::MAX
    } else {
        Duration::ZERO
    })
}

/// The extremes of values in buckets `first` to `last`: as known, where that agrees with the buckets, else their edges.
fn plausible(first: u16, last: u16, known: Option<(f64, f64)>) -> (f64, f64) {
    // Values were rounded to whole units on their way into a bucket: half a unit to either side belongs to it.
    let lower = |bucket| (lower_units(bucket) - 0.5).max(0.0) / UNITS;
    let upper = |bucket| (last_units(bucket) + 0.5) / UNITS;
    let (min, max) = known.unwrap_or((f64::NAN, f64::NAN));
    let is_open = |bucket| usize::from(bucket) + 1 == CALL_BUCKETS || usize::from(bucket) + 1 == VALUE_BUCKETS;
    let min_fits = lower(first) <= min && (min <= upper(first) || is_open(first));
    let max_fits = lower(last) <= max && (max <= upper(last) || is_open(last));
    (if min_fits { min } else { lower(first) }, if max_fits { max } else { upper(last) })
}

fn merge_sorted(left: &[(u16, u64)], right: &[(u16, u64)]) -> Vec<(u16, u64)> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().copied().peekable(), right.iter().copied().peekable());
    while let (Some(&a), Some(&b)) = (left.peek(), right.peek()) {
        merged.push(match a.0.cmp(&b.0) {
            std::cmp::Ordering::Less => a,
            std::cmp::Ordering::Greater => b,
            std::cmp::Ordering::Equal => (a.0, a.1.saturating_add(b.1)),
        });
        if a.0 <= b.0 {
            left.next();
        }
        if b.0 <= a.0 {
            right.next();
        }
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of nearest rank in `sorted`.
    fn exact(sorted: &[f64], q: f64) -> f64 {
        sorted[((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1]
    }

    #[test]
    fn quantiles_are_within_their_bound_over_any_union_of_windows() {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut all = Distribution::new();
        let mut values = Vec::new();
        for _ in 0..37 {
            let mut window = Distribution::new();
            for _ in 0..211 {
                let value = 10_f64.powf(random() * 11.0 - 7.0);
                window.record(value);
                values.push(value);
            }
            all.merge(&window);
        }
        values.sort_by(f64::total_cmp);
        for q in [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0] {
            let (found, wanted) = (all.quantile(q).unwrap(), exact(&values, q));
            assert!((found - wanted).abs() / wanted <= 0.016, "q {q}: {found} for {wanted}");
        }
        assert_eq!(all.count(), values.len() as u64);
        assert_eq!(all.min(), values.first().copied());
        assert_eq!(all.max(), values.last().copied());
    }

    #[test]
    fn an_empty_distribution_has_no_quantile() {
        assert_eq!(Distribution::new().quantile(0.5), None);
        assert_eq!(Distribution::new().mean(), None);
    }

    #[test]
    fn the_mean_lies_between_the_extremes_even_when_these_are_bucket_edges() {
        let known = Distribution::from_parts(vec![(100, 3), (101, 1)], 4.0 * 146.0 / UNITS, None);
        assert!(known.min() <= known.mean() && known.mean() <= known.max());
    }

    #[test]
    fn what_is_not_a_value_is_left_out() {
        let mut values = Distribution::new();
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            values.record(value);
        }
        assert!(values.is_empty());
    }

    #[test]
    fn values_beyond_the_range_keep_their_extremes() {
        let mut values = Distribution::new();
        for value in [1e300, 5e-324, 0.0, f64::MAX] {
            values.record(value);
        }
        assert_eq!((values.min(), values.max()), (Some(0.0), Some(f64::MAX)));
        assert!(values.quantile(0.9).unwrap().is_finite());
        assert!(Distribution::from_parts(vec![(u16::MAX, 1)], 1.0, None).count() == 1);
    }

    #[test]
    fn whole_nanoseconds_survive_the_way_through_seconds() {
        for nanos in [1_u64, 7, 29, 999, 5_000_000, 86_400_000_000_001] {
            let there = Duration::from_nanos(nanos);
            assert_eq!(to_duration(there.as_secs_f64()), there);
        }
    }
}
