//! What series come to in one window of time: the summary of an answer, and the cell that it is gathered in.
//!
//! A series first comes to one value in the window: a counter to its increase, a gauge to its value at the end. Sum, mean
//! and extremes are over the values of the series of a group, as `sum by (...)` and its like are elsewhere. Only where the
//! stored data know more than that one value, more is used: the extremes of a gauge are those within the window, and
//! histograms are merged before anything is asked of them.

use std::time::SystemTime;

use monitor_core::{Distribution, MetricKind, Number};

use super::grid::length;
use crate::{
    store::{Merger, Span, Window},
    util::time::from_micros,
};

/// What a group of series, or a single one, comes to in a window of time.
///
/// What is asked of it depends on the kind of the metric:
///
/// | | counter | gauge | histogram, timer |
/// |---|---|---|---|
/// | [`increase`](Self::increase) | what was added | `None` | how many values were recorded |
/// | [`rate`](Self::rate) | the same a second | `None` | the same a second |
/// | [`sum`](Self::sum) | what was added | the values at the end, added up | the values recorded, added up |
/// | [`mean`](Self::mean) | what was added, a series | the value at the end, a series | of the values recorded |
/// | [`min`](Self::min), [`max`](Self::max) | the series that least, most was added to | of all values within the window | of the values recorded |
/// | [`mean_over_time`](Self::mean_over_time) | `None` | of all values within the window | `None` |
/// | [`quantile`](Self::quantile) | `None` | `None` | of the values recorded |
///
/// A gauge has a value at the end of a window if its recording went on until then; else it only has those before.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Summary {
    /// When the window begins; what was stored at this very instant is not in it.
    pub after: SystemTime,
    /// When the window ends; what was stored at this very instant is in it.
    pub until: SystemTime,
    /// How many series had a value.
    pub series: usize,
    kind: MetricKind,
    seconds: f64,
    sums: Sums,
    distribution: Distribution,
}

impl Summary {
    /// What was added to counters, or how many values histograms and timers recorded; `None` for gauges.
    ///
    /// Restarts are taken care of: a recording begins at 0, and what it counted is added to what those before it had.
    /// Exact up to 2^53.
    #[must_use]
    pub fn increase(&self) -> Option<f64> {
        match self.kind {
            MetricKind::Counter => Some(self.sums.increase.as_f64()),
            MetricKind::Histogram | MetricKind::Timer => Some(self.distribution.count() as f64),
            _ => None,
        }
    }

    /// The increase a second, over the whole length of the window; `None` for gauges.
    ///
    /// A window that lasted only for a moment, as the last step may, has the rate of that moment.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        self.increase().filter(|_| self.seconds > 0.0).map(|increase| increase / self.seconds)
    }

    /// The sum over the series; see the table above for of what.
    #[must_use]
    pub fn sum(&self) -> Option<f64> {
        match self.kind {
            MetricKind::Counter => self.increase(),
            MetricKind::Histogram | MetricKind::Timer => Some(self.distribution.sum()),
            _ => (self.sums.held > 0).then_some(self.sums.sum),
        }
    }

    /// The mean over the series, for histograms and timers that of all values recorded.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        match self.kind {
            MetricKind::Histogram | MetricKind::Timer => self.distribution.mean(),
            MetricKind::Counter => self.increase().map(|increase| increase / self.series as f64),
            _ => self.sum().map(|sum| sum / self.sums.held as f64),
        }
    }

    /// The smallest value; see the table above for of what. Not-a-number counts only if there is nothing else.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.distribution.min().or_else(|| self.sums.extremes.map(|(min, _)| min))
    }

    /// The largest value; see the table above for of what. Not-a-number counts only if there is nothing else.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.distribution.max().or_else(|| self.sums.extremes.map(|(_, max)| max))
    }

    /// The mean of all values that gauges had within the window, each as often as it was stored: when it changed, and once a
    /// minute.
    #[must_use]
    pub fn mean_over_time(&self) -> Option<f64> {
        (self.sums.readings > 0.0).then(|| self.sums.readings_sum / self.sums.readings)
    }

    /// The value that the share `q` (0 to 1) of all values recorded did not exceed, within 1.6 %; `None` without one.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.distribution.quantile(q)
    }

    /// All values that histograms and timers recorded, merged; empty for counters and gauges.
    #[must_use]
    pub const fn distribution(&self) -> &Distribution {
        &self.distribution
    }
}

/// What is added up over the series of a group.
#[derive(Debug, Clone, Copy)]
struct Sums {
    increase: Number,
    /// Of gauges, the values at the end of the window, and how many have one.
    sum: f64,
    held: usize,
    extremes: Option<(f64, f64)>,
    readings_sum: f64,
    readings: f64,
}

/// A window that is being gathered.
#[derive(Debug)]
pub(super) struct Cell {
    series: usize,
    sums: Sums,
    merged: Merger,
}

impl Cell {
    pub(super) const EMPTY: Self = Self {
        series: 0,
        sums: Sums { increase: Number::ZERO, sum: 0.0, held: 0, extremes: None, readings_sum: 0.0, readings: 0.0 },
        merged: Merger::EMPTY,
    };

    /// Adds what a counter grew by.
    pub(super) fn add_increase(&mut self, increase: Number) {
        self.series += 1;
        self.sums.increase += increase;
        self.spread(increase.as_f64(), increase.as_f64());
    }

    /// Adds values that a gauge had on the way.
    pub(super) fn add_readings(&mut self, span: Span) {
        self.sums.readings_sum += span.sum;
        self.sums.readings += span.count;
        self.spread(span.smallest, span.largest);
    }

    /// Counts a gauge, and adds the value that it has at the end, if its recording goes on until then.
    pub(super) fn add_last(&mut self, value: Option<f64>) {
        self.series += 1;
        if let Some(value) = value {
            self.sums.sum += value;
            self.sums.held += 1;
        }
    }

    /// Counts a histogram or timer, and gives the place where its values are merged.
    pub(super) const fn add_values(&mut self, is_new: bool) -> &mut Merger {
        self.series += is_new as usize;
        &mut self.merged
    }

    /// The summary, unless no series had a value.
    pub(super) fn summary(self, kind: MetricKind, window: Window) -> Option<Summary> {
        (self.series > 0).then(|| Summary {
            after: from_micros(window.after),
            until: from_micros(window.until),
            series: self.series,
            kind,
            seconds: length(window).as_secs_f64(),
            sums: self.sums,
            distribution: self.merged.into_distribution(),
        })
    }

    fn spread(&mut self, smallest: f64, largest: f64) {
        let (min, max) = self.sums.extremes.unwrap_or((smallest, largest));
        self.sums.extremes = Some((min.min(smallest), max.max(largest)));
    }
}
