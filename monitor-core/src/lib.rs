//! Vocabulary and hot path of the crate [`monitored`](https://docs.rs/monitored): call sites, metrics, clock, snapshots.
//!
//! Invariant: this crate opens no file and no socket, starts no thread, and takes no lock to record. What it records it
//! keeps in memory, cell by cell; a [`Collector`] turns that into series for whoever stores or exports them.
//!
//! Recording, warm, costs two reads of the clock and a few plain additions; it does not allocate and it does not fail.

// The model checker sees the shards alone; the rest of the crate hangs on statics, which it cannot have.
#![cfg_attr(loom, allow(dead_code, unused_imports, unreachable_pub))]

mod bucket;
mod primitive;
mod push_list;
#[cfg_attr(feature = "off", allow(dead_code, unused_imports))]
mod shard;

#[cfg(not(loom))]
#[cfg_attr(feature = "off", allow(dead_code, unused_imports))]
pub mod clock;
#[cfg(not(loom))]
mod collect;
mod distribution;
#[cfg(not(loom))]
mod metric;
#[cfg(not(loom))]
mod name;
#[cfg(not(loom))]
pub mod own;
mod sample;
#[cfg(not(loom))]
mod tag;

#[cfg(not(loom))]
#[cfg_attr(feature = "off", allow(dead_code, unused_imports))]
mod site;

#[cfg(all(test, loom))]
mod model;

#[cfg(not(loom))]
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(not(loom))]
pub use crate::{
    collect::{Collector, names},
    distribution::{Distribution, to_duration},
    metric::{
        CountValue, Counter, CounterHandle, Gauge, GaugeHandle, Handle, Histogram, HistogramHandle, MetricBuilder,
        SampleValue, Timer, TimerHandle, TimerSpan, series_limit, set_series_limit, set_total_series_limit,
        total_series_limit,
    },
    name::{MAX_NAME, MAX_TAG_VALUE, MAX_TAGS, MAX_UNIT, MetricError},
    sample::{MetricKind, Number, Sample, SeriesKey, Value},
    site::{ErrorKind, Figures, Mode, Objective, SiteInfo, SlowCall, set, site_count, sites},
};
