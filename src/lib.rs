//! Complete monitoring for any program from one dependency and one attribute.

extern crate self as monitored;

#[doc(hidden)]
pub use monitor_core::__private;
pub use monitor_core::{
    CountValue, Counter, CounterHandle, Distribution, ErrorKind, Gauge, GaugeHandle, Histogram, HistogramHandle,
    MetricBuilder, MetricError, MetricKind, SampleValue, SiteInfo, Timer, TimerHandle, TimerSpan, counter, gauge,
    histogram, sites, timer,
};
pub use monitor_macros::monitored;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub use monitor_sinks::{Builder, Error, FunctionStats, Monitor, Point, Query, Series, Store, Warning};
