//! The samples of one series in a range, as functions see them.

use std::{cell::RefCell, sync::Arc};

use crate::promql::{
    annotation::{Remark, Remarks},
    error::Error,
    histogram::Histogram,
    syntax::{RangeMode, Span},
    value::Value,
};

/// A function of the samples of a range; `None` if they have no result.
pub(crate) type WindowFunction = fn(&Window<'_>) -> Result<Option<Value>, Error>;

/// The samples of one series in `(start, end]`, in milliseconds since 1970, without markers of its end.
///
/// In an anchored or smoothed range there are samples outside of it, as far as the lookback reaches.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    pub(crate) floats: &'a [(i64, f64)],
    pub(crate) histograms: &'a [(i64, Arc<Histogram>)],
    /// Whether it is known that no number is smaller than the one before it.
    pub(crate) never_falls: bool,
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// The instant of evaluation.
    pub(crate) at: i64,
    pub(crate) mode: RangeMode,
    /// The name of the series.
    pub(crate) name: &'a str,
    /// The scalar arguments.
    pub(crate) scalars: &'a [f64],
    /// The place of the first argument.
    pub(crate) span: Span,
    pub(crate) remarks: &'a RefCell<Remarks>,
}

impl Window<'_> {
    pub(super) fn remark(&self, remark: &Remark<'_>) {
        self.remarks.borrow_mut().add(self.span, remark);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    /// Whether there are numbers; if there are histograms too, remarks that they are left out.
    pub(super) fn has_floats(&self) -> bool {
        if !self.floats.is_empty() && !self.histograms.is_empty() {
            self.remark(&Remark::IgnoredInRange { name: self.name });
        }
        !self.floats.is_empty()
    }

    /// Whether there are both numbers and histograms, which is remarked.
    pub(super) fn is_mixed(&self) -> bool {
        let mixed = !self.floats.is_empty() && !self.histograms.is_empty();
        if mixed {
            self.remark(&Remark::MixedSamples { name: self.name });
        }
        mixed
    }

    pub(super) fn range_seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }

    /// Numbers and histograms in order of time.
    pub(super) fn merged(&self) -> Vec<(i64, Value)> {
        let floats = self.floats.iter().map(|&(time, value)| (time, Value::Float(value)));
        let histograms = self.histograms.iter().map(|(time, histogram)| (*time, Value::Histogram(histogram.clone())));
        let mut all: Vec<_> = floats.chain(histograms).collect();
        all.sort_by_key(|&(time, _)| time);
        all
    }

    /// For an anchored range, the place of the last number at or before its start, else of the first number; `None` if
    /// no number is in the range.
    pub(super) fn anchor(&self) -> Option<usize> {
        if self.mode != RangeMode::Anchored {
            return Some(0);
        }
        self.floats.last().filter(|(time, _)| *time > self.start)?;
        Some(self.floats.partition_point(|&(time, _)| time <= self.start).saturating_sub(1))
    }
}
