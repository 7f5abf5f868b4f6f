//! Counters: totals that only grow.

use super::builder::MetricBuilder;
use super::value::CountValue;
use super::{Data, Series};
use crate::MetricKind;

super::macros::declare_metric! {
    /// A total that only grows, for example rows loaded or bytes sent.
    ///
    /// Adding takes about two nanoseconds, neither locks nor allocates, and is exact for whole numbers up to 2^64.
    ///
    /// # Examples
    ///
    /// ```
    /// use monitor_core::Counter;
    ///
    /// static ROWS: Counter = Counter::new("rows_loaded").unit("rows").service("etl");
    ///
    /// ROWS.add(17);
    /// ROWS.with(&[("table", "flights")]).add(3);
    /// ```
    Counter => CounterHandle, MetricKind::Counter
}

impl Counter {
    /// A counter of the monitor's own.
    pub(crate) const fn own(name: &'static str) -> Self {
        Self(super::declared::Declared::own(name, MetricKind::Counter))
    }

    /// Adds `by`. What is negative or not finite is left out and counted in `monitored_rejected_total`.
    #[inline]
    pub fn add(&self, by: impl CountValue) {
        self.handle().add(by);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1_u64);
    }
}

impl CounterHandle {
    /// Adds `by`. What is negative or not finite is left out and counted in `monitored_rejected_total`.
    #[inline]
    pub fn add(self, by: impl CountValue) {
        match (by.to_count(), &self.0.data) {
            (Some(by), Data::Counter(shards)) => shards.write(|cell| cell.add(by)),
            _ => crate::own::rejected_value(),
        }
    }

    /// Adds one.
    #[inline]
    pub fn inc(self) {
        self.add(1_u64);
    }
}
