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

use monitor_core::{MetricKind, SeriesKey};

use super::{
    PARTS,
    bucket::Sums,
    read::{NOT_STORED, Part},
};
use crate::{
    live::{Current, Live, Moment},
    promql::{Reset, Select, Series},
    store::{SeriesInfo, StoredSeries, Window},
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
        let moment = live.moment(select.name().map(names), select.time_left())?;
        let at = moment.at_us.div_euclid(1_000).min(select.to);
        (at > select.from).then_some(Self { moment, at })
    }

    /// Takes the values of everything.
    pub(super) fn of_all(live: &Live) -> Option<Self> {
        live.moment(None, None).map(|moment| Self { at: moment.at_us.div_euclid(1_000), moment })
    }

    /// The rows that may be read.
    pub(super) fn window(&self, after: i64) -> Window {
        Window { after, until: self.newest_row().max(after) }
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

    /// Adds what is now to the samples of a series, or of a part of it. Of a histogram or timer, `stored` is in the rows of
    /// this recording.
    pub(super) fn tell(&self, series: &mut Series, part: Part, current: &Current, stored: Sums) {
        match current {
            Current::Counter { total, fresh } => {
                let begins = total == fresh && !total.is_zero();
                self.add(&mut series.floats, begins.then_some(0.0), total.as_f64());
            }
            Current::Gauge(value) => self.add(&mut series.floats, None, *value),
            Current::Distribution(fresh) if stored.is_empty() && fresh.is_empty() => {}
            Current::Distribution(fresh) => {
                let mut sums = stored;
                let zero = sums.is_empty().then(|| sums.histogram(Reset::Reset));
                sums.add(fresh.sum(), fresh.buckets(), 1.0);
                let (count, sum) = sums.moments();
                match part {
                    Part::Count => self.add(&mut series.floats, zero.map(|_| 0.0), count),
                    Part::Sum => self.add(&mut series.floats, zero.map(|_| 0.0), sum),
                    Part::Whole | Part::Buckets => {
                        self.add(&mut series.histograms, zero, sums.histogram(Reset::Unknown));
                    }
                }
            }
        }
    }

    /// Adds the last sample. A series whose values are all newer than the rows begins with a `zero` at the newest row; see
    /// `sample`.
    fn add<T>(&self, samples: &mut Vec<(i64, T)>, zero: Option<T>, value: T) {
        let begun = self.newest_row().div_euclid(1_000);
        if let Some(zero) = zero.filter(|_| samples.last().is_none_or(|last| last.0 < begun)) {
            samples.push((begun, zero));
        }
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
        let info = SeriesInfo { name, kind, unit: String::new(), service, labels };
        StoredSeries { id: NOT_STORED, info: info.into() }
    }
}

/// The metrics that may be meant by a name.
fn names(name: &str) -> BTreeSet<String> {
    let metrics = PARTS.iter().filter_map(|(end, _)| name.strip_suffix(end));
    metrics.chain([name]).map(str::to_owned).collect()
}
