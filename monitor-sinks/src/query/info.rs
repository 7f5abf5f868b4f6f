//! Which series a part of an answer is about.

use std::collections::BTreeMap;

use monitor_core::MetricKind;

use crate::store::StoredSeries;

/// What a series is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SeriesInfo {
    /// The metric's name.
    pub name: String,
    /// What kind of value it holds.
    pub kind: MetricKind,
    /// The base unit; empty when none was given.
    pub unit: String,
    /// The service that recorded it.
    pub service: String,
    /// Labels (tags).
    pub labels: BTreeMap<String, String>,
}

impl From<StoredSeries> for SeriesInfo {
    fn from(series: StoredSeries) -> Self {
        let StoredSeries { name, kind, unit, service, labels, .. } = series;
        Self { name, kind, unit, service, labels }
    }
}
