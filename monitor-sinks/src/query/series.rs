//! The answer for single series: labels and points, with what they come to over the window.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use monitor_core::{Distribution, MetricKind};

use super::{
    Resolution, Warnings,
    fold::{Fold, Gathered},
    resolution::Resolutions,
};
use crate::store::{SeriesInfo, StoredSeries, Warning};

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Point {
    /// When it was stored.
    pub time: SystemTime,
    /// The value; what it means depends on the kind of the series, see [`Series::points`].
    pub value: f64,
}

/// One series over a window of time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Series {
    /// The metric's name; the short name, if that was asked for.
    pub name: String,
    /// What kind of value it holds.
    pub kind: MetricKind,
    /// The base unit; empty when none was given. Short names give percentages as `percent`.
    pub unit: String,
    /// The service that recorded it.
    pub service: String,
    /// Labels (tags).
    pub labels: BTreeMap<String, String>,
    /// The points in the window, oldest first. A row is written when a series changed, and once a minute; a short window
    /// in which nothing changed has none, and [`last`](Self::last) still knows the value.
    ///
    /// - Counter: the total since its recording started. It begins again at 0 with every recording, see
    ///   [`increase`](Self::increase).
    /// - Gauge: the value.
    /// - Histogram and timer: the mean of the values recorded since the point before.
    pub points: Vec<Point>,
    carried: Option<Point>,
    increase: f64,
    distribution: Distribution,
    resolutions: Resolutions,
    warnings: Warnings,
}

impl Series {
    /// What was added in the window.
    ///
    /// For a counter its growth, across restarts; for a histogram or timer the number of values recorded; for a gauge
    /// the last value less the first. Exact up to 2^53.
    #[must_use]
    pub const fn increase(&self) -> f64 {
        self.increase
    }

    /// The newest point of the window.
    ///
    /// For a counter or gauge that did not change in it, the value that it has had since before, with the time of the
    /// row that says so, which thus lies before the window.
    #[must_use]
    pub fn last(&self) -> Option<Point> {
        self.points.last().copied().or(self.carried)
    }

    /// All values that a histogram or timer recorded in the window, merged; empty for counters and gauges.
    #[must_use]
    pub const fn distribution(&self) -> &Distribution {
        &self.distribution
    }

    /// How fine the data are that the answer comes from, the finest first; empty if the window has no point.
    #[must_use]
    pub fn resolutions(&self) -> &[Resolution] {
        self.resolutions.as_slice()
    }

    /// Damaged rows in the window. Empty means that the answer is complete.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The same under another name.
    pub(super) fn renamed(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The same as a percentage of `whole`.
    pub(super) fn percent_of(mut self, whole: f64) -> Self {
        let factor = 100.0 / whole;
        for point in self.points.iter_mut().chain(&mut self.carried) {
            point.value *= factor;
        }
        self.increase *= factor;
        Self { unit: String::from("percent"), ..self }
    }
}

/// The answers for `series`, without those that have no point and no value that holds.
pub(super) fn answers(series: Vec<StoredSeries>, gathered: Gathered) -> Vec<Series> {
    let is_known = |fold: &Fold| !fold.points.is_empty() || fold.carried.is_some();
    let known = series.into_iter().zip(gathered.folds).filter(|(_, fold)| is_known(fold));
    let answer = |(series, fold): (StoredSeries, Fold)| {
        let distribution = fold.merged.into_distribution();
        let increase = match series.kind {
            MetricKind::Counter => fold.increase.as_f64(),
            MetricKind::Histogram | MetricKind::Timer => distribution.count() as f64,
            _ => fold.points.last().zip(fold.points.first()).map_or(0.0, |(last, first)| last.value - first.value),
        };
        let SeriesInfo { name, kind, unit, service, labels } = Arc::unwrap_or_clone(series.info);
        Series {
            name,
            kind,
            unit,
            service,
            labels,
            points: fold.points,
            carried: fold.carried,
            increase,
            distribution,
            resolutions: fold.resolutions,
            warnings: gathered.warnings.clone(),
        }
    };
    known.map(answer).collect()
}
