//! The answer for functions: calls by outcome, errors by type, calls in flight, and how long they took.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use monitor_core::{
    Distribution, Number,
    names::{CALLS, CONCURRENT, DURATION, ERRORS},
    to_duration,
};

use super::{
    Resolution, Warnings,
    fold::{Fold, Gathered},
    resolution::Resolutions,
    select,
};
use crate::store::{StoredSeries, Warning};

/// The metrics of an annotated function.
pub(super) const METRICS: [&str; 4] = [CALLS, ERRORS, DURATION, CONCURRENT];

pub(super) const FUNCTION: &str = "function";
pub(super) const MODULE: &str = "module";
const OUTCOME: &str = "outcome";
const ERROR_TYPE: &str = "error_type";

/// The labels that are not tags of the user.
pub(super) const OWN_LABELS: [&str; 4] = [FUNCTION, MODULE, OUTCOME, ERROR_TYPE];

/// What a function did in a window of time.
///
/// Counts are exact. Durations are of all finished calls, whatever their outcome; quantiles are within 1.6 % of the exact
/// ones.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FunctionStats {
    /// The function's name, with the type for a method: `Pipeline::transform`.
    pub function: String,
    /// The module that it is defined in.
    pub module: String,
    /// The services that recorded it, sorted.
    pub services: Vec<String>,
    /// Calls that ended in the window, in whatever way.
    pub calls: u64,
    /// Calls that returned a value which is not an error.
    pub ok: u64,
    /// Calls that returned an error.
    pub errors: u64,
    /// Calls that ended by a panic.
    pub panicked: u64,
    /// Calls whose future was dropped before it was ready.
    pub cancelled: u64,
    /// Calls that had begun and not ended at the end of the window; 0 if that is not known any more, because the last
    /// row of the recording is more than five minutes and three flush intervals older.
    pub in_flight: u64,
    /// Errors by their type.
    pub errors_by_type: BTreeMap<String, u64>,
    durations: Distribution,
    resolutions: Resolutions,
    warnings: Warnings,
}

impl FunctionStats {
    /// The full path: module and function.
    #[must_use]
    pub fn path(&self) -> String {
        select::join(&self.module, &self.function)
    }

    /// The shortest call; `None` if none ended.
    #[must_use]
    pub fn min(&self) -> Option<Duration> {
        self.durations.min().map(to_duration)
    }

    /// The longest call; `None` if none ended.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.durations.max().map(to_duration)
    }

    /// The mean duration of a call; `None` if none ended.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.durations.mean().map(to_duration)
    }

    /// The time spent in all calls, added up over threads and nested calls; `None` if none was timed.
    ///
    /// Where only a sample of the calls is timed, it is their mean times the number of calls.
    #[must_use]
    pub fn total(&self) -> Option<Duration> {
        let timed = self.durations.count();
        let scale = if timed < self.calls { self.calls as f64 / timed as f64 } else { 1.0 };
        (timed > 0).then(|| to_duration(self.durations.sum() * scale))
    }

    /// The duration that the share `q` (0 to 1) of all calls did not exceed; `None` if none ended.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        self.durations.quantile(q).map(to_duration)
    }

    /// The durations of all calls, in seconds.
    #[must_use]
    pub const fn durations(&self) -> &Distribution {
        &self.durations
    }

    /// How fine the data are that the answer comes from, the finest first; empty if the window has none of the function.
    #[must_use]
    pub fn resolutions(&self) -> &[Resolution] {
        self.resolutions.as_slice()
    }

    /// Damaged rows in the window. Empty means that the answer is complete.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn new(function: &str, module: &str, warnings: Warnings) -> Self {
        Self {
            function: function.to_owned(),
            module: module.to_owned(),
            services: Vec::new(),
            calls: 0,
            ok: 0,
            errors: 0,
            panicked: 0,
            cancelled: 0,
            in_flight: 0,
            errors_by_type: BTreeMap::new(),
            durations: Distribution::new(),
            resolutions: Resolutions::NONE,
            warnings,
        }
    }

    fn add(&mut self, series: &StoredSeries, fold: Fold) {
        self.resolutions.note_all(&fold.resolutions);
        match series.name.as_str() {
            CALLS => {
                let increase = whole(fold.increase);
                add(&mut self.calls, increase);
                match series.label(OUTCOME) {
                    "ok" => add(&mut self.ok, increase),
                    "error" => add(&mut self.errors, increase),
                    "panicked" => add(&mut self.panicked, increase),
                    "cancelled" => add(&mut self.cancelled, increase),
                    // An outcome of a newer release is a call all the same.
                    _ => {}
                }
            }
            ERRORS => {
                let increase = whole(fold.increase);
                if increase > 0 {
                    add(self.errors_by_type.entry(series.label(ERROR_TYPE).to_owned()).or_default(), increase);
                }
            }
            CONCURRENT => add(&mut self.in_flight, fold.gauge.unwrap_or(0.0).max(0.0).round() as u64),
            DURATION => self.durations.merge(&fold.merged.into_distribution()),
            _ => {}
        }
    }
}

/// One answer for all `series`, which are of one function.
pub(super) fn merged(series: &[StoredSeries], gathered: Gathered) -> FunctionStats {
    let first = series.first();
    let label = |key| first.map_or("", |series| series.label(key));
    let mut stats = FunctionStats::new(label(FUNCTION), label(MODULE), gathered.warnings);
    let services: BTreeSet<&str> = series.iter().map(|series| series.service.as_str()).collect();
    stats.services = services.into_iter().map(str::to_owned).collect();
    for (series, fold) in series.iter().zip(gathered.folds) {
        stats.add(series, fold);
    }
    stats
}

/// One answer for each service, module and function that did something.
pub(super) fn each(series: &[StoredSeries], gathered: Gathered) -> Vec<FunctionStats> {
    let mut by_function: BTreeMap<(&str, &str, &str), FunctionStats> = BTreeMap::new();
    for (series, fold) in series.iter().zip(gathered.folds) {
        let (function, module) = (series.label(FUNCTION), series.label(MODULE));
        by_function
            .entry((&series.service, module, function))
            .or_insert_with(|| FunctionStats {
                services: vec![series.service.clone()],
                ..FunctionStats::new(function, module, gathered.warnings.clone())
            })
            .add(series, fold);
    }
    let mut active: Vec<FunctionStats> =
        by_function.into_values().filter(|stats| stats.calls > 0 || stats.in_flight > 0).collect();
    // Stable: functions that took the same time stay in the order of their names.
    active.sort_by(|a, b| b.durations.sum().total_cmp(&a.durations.sum()));
    active
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

fn whole(number: Number) -> u64 {
    match number {
        Number::Int(value) => value,
        Number::Float(value) => value.max(0.0).round() as u64,
    }
}
