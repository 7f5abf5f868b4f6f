//! Histograms: distributions of values.

use super::builder::MetricBuilder;
use super::value::SampleValue;
use super::{Data, Series};
use crate::MetricKind;
use crate::shard::EPOCH;

super::macros::declare_metric! {
    /// A distribution of values, for example sizes of requests: count, sum, extremes and any quantile within 1.6 %.
    ///
    /// Takes values from 3e-8 to 1.8e16 with that precision; smaller ones count as 0, larger ones as the largest.
    ///
    /// # Examples
    ///
    /// ```
    /// use monitor_core::Histogram;
    ///
    /// static SIZE: Histogram = Histogram::new("request_size_bytes").unit("bytes");
    ///
    /// SIZE.record(1_500);
    /// ```
    Histogram => HistogramHandle, MetricKind::Histogram
}

impl Histogram {
    /// Adds a value. What is negative or not finite is left out and counted in `monitored_rejected_total`.
    #[inline]
    pub fn record(&self, value: impl SampleValue) {
        self.handle().record(value);
    }
}

impl HistogramHandle {
    /// Adds a value. What is negative or not finite is left out and counted in `monitored_rejected_total`.
    #[inline]
    pub fn record(self, value: impl SampleValue) {
        record(self.0, value.to_sample());
    }
}

/// Adds a value to a series of distributions.
#[inline]
pub(super) fn record(series: &'static Series, value: f64) {
    match &series.data {
        Data::Values(shards) if value.is_finite() && value >= 0.0 => {
            shards.write(|cell| cell.record(EPOCH.current(), value));
        }
        _ => crate::own::rejected_value(),
    }
}
