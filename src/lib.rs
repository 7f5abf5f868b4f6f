//! Complete monitoring for any program from one dependency and one attribute.
//!
//! `#[monitored]` on a function counts its calls by outcome, its errors by type and its calls in flight, and records how
//! long they took. One background thread brings that into a SQLite file; a query API reads it back, in the same process
//! or in another one. A call records without a lock, an allocation or a system call.
//!
//! The guide below is kept in `src/guide`, one file a subject. Its examples are run by `cargo test`.
#![cfg_attr(any(feature = "sqlite", feature = "sqlite-system"), doc = include_str!("guide/start.md"))]
#![doc = include_str!("guide/functions.md")]
#![doc = include_str!("guide/metrics.md")]
#![cfg_attr(any(feature = "sqlite", feature = "sqlite-system"), doc = include_str!("guide/store.md"))]
#![cfg_attr(
    all(feature = "host", any(feature = "sqlite", feature = "sqlite-system")),
    doc = include_str!("guide/host.md")
)]
#![cfg_attr(
    all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")),
    doc = include_str!("guide/alerts.md")
)]
#![doc = include_str!("guide/features.md")]

extern crate self as monitored;

#[doc(hidden)]
pub use monitor_core::__private;
pub use monitor_core::{
    CountValue, Counter, CounterHandle, Distribution, ErrorKind, Figures, Gauge, GaugeHandle, Histogram,
    HistogramHandle, MetricBuilder, MetricError, MetricKind, Mode, Number, Objective, Sample, SampleValue, SeriesKey,
    SiteInfo, SlowCall, Timer, TimerHandle, TimerSpan, Value, counter, gauge, histogram, series_limit, set,
    set_series_limit, set_total_series_limit, site_count, sites, timer, total_series_limit,
};
pub use monitor_macros::{ErrorKind, monitored};
#[cfg(feature = "http")]
pub use monitor_sinks::http;
#[cfg(feature = "promql")]
pub use monitor_sinks::promql;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub use monitor_sinks::{
    BackupProgress, Builder, Error, Exported, Format, FunctionStats, Group, Import, Imported, Latest, Listed, Loss,
    Monitor, Point, Points, Progress, Query, Reading, Resolution, Retention, Salvage, Series, SeriesInfo, Sql, SqlRows,
    SqlValue, Steps, Store, Stored, Summary, TableExport, TableProgress, Warning, runtime::Source,
};
#[cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]
pub use monitor_sinks::{Question, StoreSource};
#[cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]
pub use monitor_sinks::{notify, rule};

#[cfg(all(feature = "config", any(feature = "sqlite", feature = "sqlite-system")))]
pub use monitor_sinks::config;

#[cfg(all(feature = "host", any(feature = "sqlite", feature = "sqlite-system")))]
pub use monitor_sinks::{Family, Host, HostSampling, TopProcess, TopProcesses};

/// What most programs need, for `use monitored::prelude::*`: the attribute, the metrics and the monitor.
pub mod prelude {
    #[cfg(all(feature = "host", any(feature = "sqlite", feature = "sqlite-system")))]
    pub use crate::HostSampling;
    #[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
    pub use crate::Monitor;
    pub use crate::{Counter, ErrorKind, Gauge, Histogram, Timer, counter, gauge, histogram, monitored, timer};
}

/// The example of the README, compiled.
#[cfg(all(doctest, any(feature = "sqlite", feature = "sqlite-system")))]
#[doc = include_str!("../README.md")]
mod readme {}
