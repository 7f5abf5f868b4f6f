//! Timers: distributions of durations.

use std::time::Duration;

use super::Series;
use super::builder::MetricBuilder;
use super::histogram::record;
use super::value::SampleValue;
use crate::MetricKind;
use crate::bucket::UNITS;
use crate::clock::{self, Stamp};

super::macros::declare_metric! {
    /// A distribution of durations, in seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use monitor_core::Timer;
    ///
    /// static LOAD: Timer = Timer::new("load_duration_seconds");
    ///
    /// LOAD.record(Duration::from_millis(12)); // measured elsewhere
    /// let rows = LOAD.time(|| 2 + 2); // measured here
    /// let _span = LOAD.start(); // until the end of the scope
    /// # assert_eq!(rows, 4);
    /// ```
    Timer => TimerHandle, MetricKind::Timer
}

impl Timer {
    /// Adds a duration: a [`Duration`], or a number of seconds.
    #[inline]
    pub fn record(&self, duration: impl SampleValue) {
        self.handle().record(duration);
    }

    /// Runs `body` and adds how long it took.
    #[inline]
    pub fn time<R>(&self, body: impl FnOnce() -> R) -> R {
        let _span = self.start();
        body()
    }

    /// Starts to measure; the time until the returned span is dropped is added.
    #[inline]
    pub fn start(&self) -> TimerSpan {
        self.handle().start()
    }
}

impl TimerHandle {
    /// Adds a duration: a [`Duration`], or a number of seconds.
    #[inline]
    pub fn record(self, duration: impl SampleValue) {
        record(self.0, duration.to_sample());
    }

    /// Runs `body` and adds how long it took.
    #[inline]
    pub fn time<R>(self, body: impl FnOnce() -> R) -> R {
        let _span = self.start();
        body()
    }

    /// Starts to measure; the time until the returned span is dropped is added.
    #[inline]
    pub fn start(self) -> TimerSpan {
        TimerSpan { handle: self, start: clock::now() }
    }
}

/// A measurement in progress. Ends, and is recorded, when it is dropped.
#[derive(Debug)]
#[must_use = "the measurement ends when the span is dropped"]
pub struct TimerSpan {
    handle: TimerHandle,
    start: Stamp,
}

impl TimerSpan {
    /// The time so far.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        crate::to_duration(clock::units_since(self.start) as f64 / UNITS)
    }
}

impl Drop for TimerSpan {
    #[inline]
    fn drop(&mut self) {
        self.handle.record(clock::units_since(self.start) as f64 / UNITS);
    }
}
