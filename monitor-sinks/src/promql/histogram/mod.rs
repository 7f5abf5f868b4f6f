//! Native histograms: counts in buckets whose bounds are a formula or a list.
//!
//! With a schema of -4 to 8 the bounds are powers of `2^(2^-schema)`, on both sides of a bucket around zero; with custom
//! bounds they are a list. Buckets are kept sparse and ordered by index, and an empty one is not kept, so that two
//! histograms of the same content are equal.
//!
//! - `layout`: bounds, and making the layouts of two histograms the same. `arithmetic`: sums, differences, resets.
//! - `quantile`: quantiles and fractions. `trim`: cutting at a value. `text`: as text.

mod arithmetic;
mod layout;
mod quantile;
mod text;
mod trim;

use std::sync::Arc;

pub(crate) use self::{
    arithmetic::{Sum, add_exactly},
    quantile::NanObservations,
};

/// The schema of histograms with custom bounds.
pub(crate) const CUSTOM: i32 = -53;
/// The finest and the coarsest schema that is a formula.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// A native histogram; counts may be fractions.
///
/// ```
/// use monitor_sinks::promql::Histogram;
///
/// // Of ten observations four were in (0.5, 1] and six in (1, 2].
/// let histogram = Histogram::exponential(0, 10, 12.0).positive([(0, 4.0), (1, 6.0)]);
/// assert_eq!(histogram.to_string(), "{count:10, sum:12, (0.5,1]:4, (1,2]:6}");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) zero_count: f64,
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) positive: Buckets,
    pub(crate) negative: Buckets,
    /// Upper bounds, if they are custom.
    pub(crate) bounds: Arc<[f64]>,
    pub(crate) reset: Reset,
}

/// Indices and counts, ordered by index, none of them 0.
pub(crate) type Buckets = Vec<(i32, f64)>;

/// What is known of a histogram's relation to the one before it in its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Reset {
    /// Nothing; a reset is recognised by counts that fall.
    #[default]
    Unknown,
    /// It counts from zero again.
    Reset,
    /// It goes on counting.
    NotReset,
    /// It does not count up, but may rise and fall.
    Gauge,
}

/// One bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

impl Histogram {
    /// A histogram whose bounds are powers of `2^(2^-schema)`; a schema outside of -4 to 8 is moved to the nearest.
    ///
    /// The bucket of index `i` holds values above `2^((i-1) * 2^-schema)` up to and including `2^(i * 2^-schema)`.
    #[must_use]
    pub fn exponential(schema: i32, count: u64, sum: f64) -> Self {
        let schema = schema.clamp(*SCHEMAS.start(), *SCHEMAS.end());
        Self { schema, count: count as f64, sum, ..Self::empty() }
    }

    /// A histogram with these upper bounds, which must rise; beyond the last there is one bucket more.
    #[must_use]
    pub fn custom(bounds: impl IntoIterator<Item = f64>, count: u64, sum: f64) -> Self {
        let bounds: Vec<f64> = bounds.into_iter().filter(|bound| bound.is_finite()).collect();
        Self { schema: CUSTOM, bounds: bounds.into(), count: count as f64, sum, ..Self::empty() }
    }

    /// With these counts of positive values, as pairs of index and count.
    #[must_use]
    pub fn positive(mut self, buckets: impl IntoIterator<Item = (i32, f64)>) -> Self {
        self.positive = sparse(buckets);
        if self.schema == CUSTOM {
            let last = layout::index_of(self.bounds.len());
            self.positive.retain(|&(index, _)| (0..=last).contains(&index));
        }
        self
    }

    /// With these counts of negative values; the indices are those of their absolute values.
    #[must_use]
    pub fn negative(mut self, buckets: impl IntoIterator<Item = (i32, f64)>) -> Self {
        self.negative = if self.schema == CUSTOM { Vec::new() } else { sparse(buckets) };
        self
    }

    /// With `count` values between `-threshold` and `threshold`.
    #[must_use]
    pub fn zero(mut self, threshold: f64, count: f64) -> Self {
        self.zero_threshold = if threshold.is_finite() { threshold.abs() } else { 0.0 };
        self.zero_count = count;
        self
    }

    /// With what is known of its relation to the one before it.
    #[must_use]
    pub fn with_reset(mut self, reset: Reset) -> Self {
        self.reset = reset;
        self
    }

    /// The number of observations.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.count
    }

    /// The sum of the observations.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The buckets that are not empty, as lower bound, upper bound and count, in ascending order.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        self.all_buckets().map(|bucket| (bucket.lower, bucket.upper, bucket.count))
    }

    /// Whether the content is the same, whatever is known of resets.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let sums = self.sum.to_bits() == other.sum.to_bits() || self.sum == other.sum;
        sums && Self { sum: 0.0, reset: Reset::Unknown, ..self.clone() }
            == Self { sum: 0.0, reset: Reset::Unknown, ..other.clone() }
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.schema == CUSTOM
    }

    /// How many float samples take as much memory.
    pub(crate) fn weight(&self) -> usize {
        1 + (size_of::<Self>() + 16 * (self.positive.len() + self.negative.len()) + 8 * self.bounds.len()) / 16
    }

    pub(crate) fn empty() -> Self {
        Self {
            schema: 0,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive: Vec::new(),
            negative: Vec::new(),
            bounds: Arc::from([]),
            reset: Reset::Unknown,
        }
    }
}

/// Ordered by index, equal indices added up, nothing empty.
fn sparse(buckets: impl IntoIterator<Item = (i32, f64)>) -> Buckets {
    let mut sorted: Buckets = buckets.into_iter().collect();
    sorted.sort_by_key(|&(index, _)| index);
    sorted.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    sorted.retain(|&(_, count)| count != 0.0);
    sorted
}

#[cfg(test)]
mod tests;
