//! Where a monitor's values come from.
//!
//! The runtime needs three things of a registry: fold in what was recorded, list it, forget what has been stored. Behind
//! a trait, everything else here can be tested with values that are known, and other origins (a replay, another
//! process's counters) can take the registry's place.

use monitor_core::{Collector, Sample, SlowCall};

/// An origin of values.
///
/// Nothing is lost when a flush fails: `delivered` is then not called, and the next flush lists the same values with
/// what was added.
///
/// # Examples
///
/// ```
/// use monitor_core::{MetricKind, Number, Sample, SeriesKey, Value};
/// use monitor_sinks::runtime::{Monitor, Source};
///
/// /// Counts how often it was asked.
/// struct Asked {
///     key: SeriesKey,
///     total: u64,
///     stored: u64,
/// }
///
/// impl Source for Asked {
///     fn collect(&mut self) {
///         self.total += 1;
///     }
///
///     fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
///         let (total, fresh) = (Number::Int(self.total), Number::Int(self.total - self.stored));
///         [Sample { index: 0, key: &self.key, value: Value::Counter { total, fresh }, changed: true }].into_iter()
///     }
///
///     fn delivered(&mut self) {
///         self.stored = self.total;
///     }
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("metrics.db");
/// let key = SeriesKey {
///     name: String::from("asked_total"),
///     kind: MetricKind::Counter,
///     unit: String::new(),
///     service: None,
///     labels: Vec::new(),
/// };
/// let monitor = Monitor::builder().sqlite(path).start_with(Asked { key, total: 0, stored: 0 })?;
/// monitor.flush()?;
/// assert!(monitor.query().metric("asked_total").series()?[0].increase() >= 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Source: Send + 'static {
    /// Folds in what was recorded since the last time.
    fn collect(&mut self);

    /// Every series of this recording with its value as of the last `collect`.
    fn samples(&self) -> impl Iterator<Item = Sample<'_>>;

    /// The slow calls that have come in since the last time. By default there are none.
    fn slow_calls(&mut self) -> Vec<SlowCall> {
        Vec::new()
    }

    /// Takes note that what `samples` listed as changed has been stored.
    fn delivered(&mut self);
}

impl Source for Collector {
    fn collect(&mut self) {
        monitor_core::clock::discipline();
        Self::collect(self);
    }

    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        Self::samples(self)
    }

    fn slow_calls(&mut self) -> Vec<SlowCall> {
        Self::slow_calls(self)
    }

    fn delivered(&mut self) {
        Self::delivered(self);
    }
}
