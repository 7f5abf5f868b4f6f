//! What the store holds of one series at one time, wherever it was read from: a row of `head` or a chunk.

use monitor_core::Number;

use super::chunk::merged::{self, Moments};
use crate::util::STALE;

/// A series' value in a row or a chunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Entry<'a> {
    /// A counter's total in its run, and its increase since its previous entry.
    Counter { total: Number, increase: Number },
    /// A gauge's value.
    Gauge(f64),
    /// A gauge's values in a window that was rolled up.
    Span(Span),
    /// The values since the previous entry.
    Distribution(Encoded<'a>),
}

/// The values of a gauge in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) last: f64,
    pub(crate) smallest: f64,
    pub(crate) largest: f64,
    pub(crate) sum: f64,
    pub(crate) count: f64,
}

impl Span {
    /// Of one value; of none, if it says that the series ended.
    pub(crate) const fn of(value: f64) -> Self {
        if value.to_bits() == STALE {
            return Self { last: value, smallest: f64::NAN, largest: f64::NAN, sum: 0.0, count: 0.0 };
        }
        Self { last: value, smallest: value, largest: value, sum: value, count: 1.0 }
    }

    /// Adds what came later.
    pub(crate) fn add(&mut self, later: Self) {
        self.last = later.last;
        self.smallest = self.smallest.min(later.smallest);
        self.largest = self.largest.max(later.largest);
        self.sum += later.sum;
        self.count += later.count;
    }
}

/// A distribution that is still bytes, or was read from a chunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Encoded<'a> {
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    buckets: Buckets<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Buckets<'a> {
    Packed(&'a [u8]),
    Plain(&'a [(u16, u64)]),
}

impl<'a> Encoded<'a> {
    /// A distribution of a row, whose buckets are still `bytes`. `None` if its extremes are in the wrong order, or none at
    /// all, which would make quantiles meaningless.
    pub(crate) fn of_row(moments: Moments, bytes: &'a [u8]) -> Option<Self> {
        let Moments { sum, min, max } = moments;
        (min <= max).then_some(Self { sum, min, max, buckets: Buckets::Packed(bytes) })
    }

    /// A distribution of a chunk.
    pub(crate) const fn of_chunk(moments: Moments, buckets: &'a [(u16, u64)]) -> Self {
        Self { sum: moments.sum, min: moments.min, max: moments.max, buckets: Buckets::Plain(buckets) }
    }

    /// Replaces the contents of `out` by the buckets, ascending and at least one, or says what is wrong with them.
    ///
    /// Buckets are looked at only here, because most of a row's bytes are buckets that a query does not ask for.
    pub(crate) fn buckets(&self, out: &mut Vec<(u16, u64)>) -> Result<(), &'static str> {
        match self.buckets {
            Buckets::Packed(bytes) => merged::take_buckets(bytes, out),
            Buckets::Plain(buckets) => {
                out.clear();
                out.extend_from_slice(buckets);
                if out.is_empty() { Err(merged::NO_BUCKETS) } else { Ok(()) }
            }
        }
    }
}
