//! Gauges: values that go up and down.

use std::sync::atomic::Ordering;

use super::builder::MetricBuilder;
use super::series::GaugeData;
use super::value::SampleValue;
use super::{Data, Series};
use crate::MetricKind;

super::macros::declare_metric! {
    /// A value that goes up and down, for example the length of a queue. The last one set, by any thread, counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use monitor_core::Gauge;
    ///
    /// static QUEUE: Gauge = Gauge::new("queue_length");
    ///
    /// QUEUE.set(12);
    /// QUEUE.sub(2);
    /// ```
    Gauge => GaugeHandle, MetricKind::Gauge
}

impl Gauge {
    /// Sets the value. What is not finite is left out and counted in `monitored_rejected_total`.
    #[inline]
    pub fn set(&self, value: impl SampleValue) {
        self.handle().set(value);
    }

    /// Adds `by`, starting from 0.
    #[inline]
    pub fn add(&self, by: impl SampleValue) {
        self.handle().add(by);
    }

    /// Takes `by` away, starting from 0.
    #[inline]
    pub fn sub(&self, by: impl SampleValue) {
        self.handle().sub(by);
    }
}

impl GaugeHandle {
    /// Sets the value. What is not finite is left out and counted in `monitored_rejected_total`.
    #[inline]
    pub fn set(self, value: impl SampleValue) {
        let value = value.to_sample();
        self.change(value, |gauge| gauge.value.store(value.to_bits(), Ordering::Relaxed));
    }

    /// Adds `by`, starting from 0. Lock-free; threads that add at the same time try again.
    #[inline]
    pub fn add(self, by: impl SampleValue) {
        let by = by.to_sample();
        self.change(by, |gauge| {
            let add = |bits| Some(f64::from_bits(bits) + by).filter(|sum| sum.is_finite()).map(f64::to_bits);
            if gauge.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_err() {
                crate::own::rejected_value();
            }
        });
    }

    /// Takes `by` away, starting from 0.
    #[inline]
    pub fn sub(self, by: impl SampleValue) {
        self.add(-by.to_sample());
    }

    #[inline]
    fn change(self, value: f64, change: impl FnOnce(&GaugeData)) {
        match &self.0.data {
            Data::Gauge(gauge) if value.is_finite() => {
                change(gauge);
                // Release: pairs with the Acquire load of the reader.
                gauge.is_set.store(true, Ordering::Release);
            }
            _ => crate::own::rejected_value(),
        }
    }
}
