//! What a recording has not stored yet, told at the end of what a question looks at.
//!
//! A question that reaches up to now gets the values of this moment as the last sample of each series. It is stamped with
//! the end of the question where that lies before the moment, by [`EARLY`] at most: between deciding on an instant and
//! reading values some time passes, and what was recorded before the question was asked must not be missing from its answer.
//!
//! Invariant: rows that were written after the moment was taken are not read. What they hold is in the moment already.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use monitor_core::{Distribution, MetricKind, Number, SeriesKey};

use super::{
    PARTS,
    bucket::Sums,
    read::NOT_STORED,
    sample::{Floats, Histograms},
};
use crate::{
    promql::{Reset, Select},
    runtime::{Current, Live, Moment},
    store::{StoredSeries, Window},
};

/// What tells a series from others in the store.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    name: String,
    kind: MetricKind,
    service: String,
    labels: BTreeMap<String, String>,
}

/// How much earlier than they were read values may be told.
const EARLY: Duration = Duration::from_secs(2);

/// The values of a moment, and when they are told.
#[derive(Debug)]
pub(super) struct Now {
    moment: Moment,
    /// In milliseconds since 1970.
    at: i64,
}

impl Now {
    /// Takes the values of what is selected. `None` if they do not belong to the answer, or are not to be had.
    pub(super) fn take(live: &Live, select: &Select<'_>, now_ms: i64) -> Option<Self> {
        let early = i64::try_from(EARLY.as_millis()).unwrap_or(i64::MAX);
        if select.to.saturating_add(early) < now_ms {
            return None;
        }
        let moment = live.moment(select.name().map(names))?;
        let at = moment.at_us.div_euclid(1_000).min(select.to);
        (at > select.from).then_some(Self { moment, at })
    }

    /// Takes the values of everything.
    pub(super) fn of_all(live: &Live) -> Option<Self> {
        live.moment(None).map(|moment| Self { at: moment.at_us.div_euclid(1_000), moment })
    }

    /// The rows that may be read.
    pub(super) fn window(&self, after: i64) -> Window {
        Window { after, until: self.newest_row().max(after) }
    }

    /// The rows of this recording that may be read.
    pub(super) fn recording(&self) -> Window {
        self.window(i64::try_from(self.moment.run).unwrap_or(i64::MAX).saturating_sub(1))
    }

    /// The name of this recording.
    pub(super) fn run(&self) -> u64 {
        self.moment.run
    }

    /// The values of a metric, or all, by series.
    pub(super) fn values(&self, metric: Option<&str>) -> BTreeMap<Known, Current> {
        let meant = self.moment.values.iter().filter(|(key, _)| metric.is_none_or(|metric| key.name == metric));
        meant.map(|(key, value)| (Known::of_key(key), value.clone())).collect()
    }

    /// Adds what a counter or gauge is now.
    pub(super) fn tell_float(&self, floats: &mut Floats, current: &Current) {
        let value = match current {
            Current::Counter { total, fresh } => {
                if begins(*total, *fresh) {
                    self.begin(floats, 0.0);
                }
                total.as_f64()
            }
            Current::Gauge(value) => *value,
            Current::Distribution(_) => return,
        };
        self.tell(floats, value);
    }

    /// Adds what a histogram or timer has now, of which `stored` is in the rows of this recording.
    pub(super) fn tell_histogram(&self, histograms: &mut Histograms, stored: &Sums, fresh: &Distribution) {
        if stored.is_empty() && fresh.is_empty() {
            return;
        }
        if stored.is_empty() {
            self.begin(histograms, stored.histogram(Reset::Reset));
        }
        let mut sums = stored.clone();
        sums.add(fresh.sum(), fresh.buckets(), 1.0);
        self.tell(histograms, sums.histogram(Reset::Unknown));
    }

    /// A series begins with a 0 at the flush before its first value; see `sample`.
    fn begin<T>(&self, samples: &mut Vec<(i64, T)>, zero: T) {
        let at = self.newest_row().div_euclid(1_000);
        if samples.last().is_none_or(|last| last.0 < at) {
            samples.push((at, zero));
        }
    }

    fn tell<T>(&self, samples: &mut Vec<(i64, T)>, value: T) {
        samples.truncate(samples.partition_point(|sample| sample.0 < self.at));
        samples.push((self.at, value));
    }

    /// The time of the newest row; when the recording began, if it has none.
    fn newest_row(&self) -> i64 {
        self.moment.stored_us.unwrap_or_else(|| i64::try_from(self.moment.run).unwrap_or(i64::MAX))
    }
}

impl Known {
    fn of_key(key: &SeriesKey) -> Self {
        let (name, service) = (key.name.clone(), key.service.clone().unwrap_or_default());
        Self { name, kind: key.kind, service, labels: key.labels.iter().cloned().collect() }
    }

    pub(super) fn of_stored(series: &StoredSeries) -> Self {
        let (name, service) = (series.name.clone(), series.service.clone());
        Self { name, kind: series.kind, service, labels: series.labels.clone() }
    }

    /// A series that the store does not have.
    pub(super) fn into_series(self) -> StoredSeries {
        let Self { name, kind, service, labels } = self;
        StoredSeries { id: NOT_STORED, name, kind, unit: String::new(), service, labels }
    }
}

/// The metrics that may be meant by a name.
fn names(name: &str) -> BTreeSet<String> {
    let metrics = PARTS.iter().filter_map(|(end, _)| name.strip_suffix(end));
    metrics.chain([name]).map(str::to_owned).collect()
}

/// Whether all of a counter is newer than the rows.
fn begins(total: Number, fresh: Number) -> bool {
    total == fresh && !total.is_zero()
}
