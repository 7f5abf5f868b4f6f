//! Answers by group of series, over the whole range or in steps.
//!
//! Without [`Query::group_by`] every series is a group of its own, so that there is one way to increases, rates and
//! quantiles, whether of one series or of many.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use monitor_core::MetricKind;

use super::{
    Asked, Part, Query, Resolution, Warnings,
    grid::{Grid, length},
    resolution::Resolutions,
    select,
    step::{self, Stepped},
    summary::Summary,
};
use crate::{
    error::Error,
    store::{Reader, StoredSeries, Warning, Window},
    util::time::from_micros,
};

/// What the service of a series is called among its labels.
const SERVICE: &str = "service";

/// The series of one metric that agree in the labels that they were grouped by, over a window of time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Group {
    /// The metric's name.
    pub name: String,
    /// What kind of value it holds.
    pub kind: MetricKind,
    /// The base unit; empty when none was given.
    pub unit: String,
    /// The labels that were grouped by, without those that are empty; all of them, and the service as `service`, if there
    /// was no grouping.
    pub labels: BTreeMap<String, String>,
    /// What the series come to.
    pub summary: Summary,
    resolutions: Resolutions,
    warnings: Warnings,
}

/// The series of one metric that agree in the labels that they were grouped by, step by step.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Steps {
    /// The metric's name.
    pub name: String,
    /// What kind of value it holds.
    pub kind: MetricKind,
    /// The base unit; empty when none was given.
    pub unit: String,
    /// The labels that were grouped by, without those that are empty; all of them, and the service as `service`, if there
    /// was no grouping.
    pub labels: BTreeMap<String, String>,
    /// What the series come to in each step in which one of them has a value, oldest first.
    pub steps: Vec<Summary>,
    resolutions: Resolutions,
    warnings: Warnings,
}

impl Group {
    /// How fine the data are that the answer comes from, the finest first; empty if nothing was stored in the window.
    #[must_use]
    pub fn resolutions(&self) -> &[Resolution] {
        self.resolutions.as_slice()
    }

    /// Damaged rows in the window. Empty means that the answer is complete.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl Steps {
    /// How fine the data are that the answer comes from, the finest first; empty if nothing was stored in the window.
    ///
    /// A step that is shorter than the windows that are left has what happened in a window at the end of it.
    #[must_use]
    pub fn resolutions(&self) -> &[Resolution] {
        self.resolutions.as_slice()
    }

    /// Damaged rows in the window. Empty means that the answer is complete.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl Query {
    /// Puts series together that agree in these labels; `service` is the service that recorded them. Of no labels at all, it
    /// puts all series of a metric together.
    ///
    /// For [`groups`](Self::groups) and [`steps`](Self::steps). Series of different metrics, or of different kinds, are
    /// never put together.
    pub fn group_by<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.group_by = Some(labels.into_iter().map(Into::into).collect());
        self
    }

    /// Cuts the window into steps of this length, for [`steps`](Self::steps).
    ///
    /// Each ends at a whole multiple of its length since 1970 in UTC; the first and the last are cut short by the window.
    /// Steps of five minutes or an hour, and multiples of these, are answered from stored windows where there are some,
    /// which is quicker.
    pub fn step(mut self, step: Duration) -> Self {
        self.step = Some(step);
        self
    }

    /// Limits how many points or steps each series or group has, as a plot needs it; at least 4.
    ///
    /// For [`steps`](Self::steps) the shortest round step is taken that makes so few. For [`series`](Self::series) points
    /// are left out, never those that stand out: see there.
    pub fn at_most(mut self, most: usize) -> Self {
        self.at_most = Some(most);
        self
    }

    /// What the series that match come to over the window, group by group, ordered by name and labels.
    ///
    /// Groups without a value in the window are left out. Without a window, rates are over the time that the file covers.
    ///
    /// # Errors
    ///
    /// If a name asked for or grouped by is unknown ([`Error::is_unknown_name`]), if a step was given or a short name asked
    /// for ([`Error::is_invalid_setting`]), or if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # let store = monitor_sinks::Store::open_read_only("metrics.db")?;
    /// let hour = Duration::from_secs(3600);
    /// let requests = store.query().metric("http_requests_total").last(hour);
    /// for group in requests.group_by(["path", "status"]).groups()? {
    ///     println!("{:?}: {:?} a second", group.labels, group.summary.rate());
    /// }
    /// # Ok::<(), monitor_sinks::Error>(())
    /// ```
    pub fn groups(&self) -> Result<Vec<Group>, Error> {
        self.refuse(&[Part::Step, Part::AtMost], "groups() answers for the window as a whole", "ask for steps()")?;
        let answer = |key: Key, unit, stepped: Stepped, warnings| {
            let summary = stepped.summaries.into_iter().next()?;
            let Key { name, kind, labels } = key;
            Some(Group { name, kind, unit, labels, summary, resolutions: stepped.resolutions, warnings })
        };
        self.grouped(answer)
    }

    /// What the series that match come to in each [step](Self::step) of the window, group by group, ordered by name and
    /// labels.
    ///
    /// Groups without a value in the window are left out, and so are steps. What was added in the steps comes to what was
    /// added in the window.
    ///
    /// # Errors
    ///
    /// If neither a step nor a number of steps was given, both, or one that makes no sense
    /// ([`Error::is_invalid_setting`]); if a name asked for or grouped by is unknown ([`Error::is_unknown_name`]); or if the
    /// store cannot be read.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # let store = monitor_sinks::Store::open_read_only("metrics.db")?;
    /// let day = Duration::from_secs(24 * 3600);
    /// let parse = store.query().metric("function_calls_duration_seconds").function("parse").last(day);
    /// for by_service in parse.group_by(["service"]).step(Duration::from_secs(300)).steps()? {
    ///     for step in &by_service.steps {
    ///         println!("{:?} until {:?}: p99 {:?} s", by_service.labels, step.until, step.quantile(0.99));
    ///     }
    /// }
    /// # Ok::<(), monitor_sinks::Error>(())
    /// ```
    pub fn steps(&self) -> Result<Vec<Steps>, Error> {
        if self.step.is_none() && self.at_most.is_none() {
            return Err(Error::setting(
                "steps() needs a step(...), or at_most(...) steps; without them, ask for groups()",
            ));
        }
        let answer = |key: Key, unit, stepped: Stepped, warnings| {
            let Key { name, kind, labels } = key;
            let Stepped { summaries: steps, resolutions } = stepped;
            (!steps.is_empty()).then_some(Steps { name, kind, unit, labels, steps, resolutions, warnings })
        };
        self.grouped(answer)
    }

    /// From when to when the query looks, as far as the store reaches back; `None` if nothing is stored before its end.
    ///
    /// A count of the window, divided by its length, is a rate. Without a window it is the time that the file covers. What
    /// a flush holds was recorded since the one before, so that a file covers an interval before its first flush.
    ///
    /// # Errors
    ///
    /// If the window makes no sense ([`Error::is_invalid_setting`]), or the store cannot be read.
    pub fn window(&self) -> Result<Option<(SystemTime, SystemTime)>, Error> {
        let Asked { window, end } = self.checked(SystemTime::now())?;
        let reader = self.store.reader()?;
        let Some(covered) = reader.covered()? else { return Ok(None) };
        let after = window.after.max(since(&reader, covered)?);
        let until = end.unwrap_or(covered.until);
        Ok((after < until).then(|| (from_micros(after), from_micros(until))))
    }

    fn grouped<A>(&self, answer: impl Fn(Key, String, Stepped, Warnings) -> Option<A>) -> Result<Vec<A>, Error> {
        let asked = self.checked(SystemTime::now())?;
        let reader = self.store.reader()?;
        let series = self.matching_in_full(&reader)?;
        self.check_labels(&series)?;
        let Some((range, grid)) = self.grid(&reader, asked)? else { return Ok(Vec::new()) };
        let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (place, series) in series.iter().enumerate() {
            groups.entry(self.key(series)).or_default().push(place);
        }
        let mut group_of = vec![0; series.len()];
        for (group, places) in groups.values().enumerate() {
            for &place in places {
                group_of[place] = group;
            }
        }
        let kinds: Vec<MetricKind> = groups.keys().map(|key| key.kind).collect();
        let (stepped, warnings) = step::fold(&reader, range, grid, &series, group_of, &kinds)?;
        let unit = |places: &[usize]| places.first().map(|&place| series[place].unit.clone()).unwrap_or_default();
        let answers = groups.into_iter().zip(stepped);
        Ok(answers
            .filter_map(|((key, places), stepped)| answer(key, unit(&places), stepped, warnings.clone()))
            .collect())
    }

    /// The window to be walked, and its steps; `None` if nothing is stored.
    fn grid(&self, reader: &Reader, asked: Asked) -> Result<Option<(Window, Grid)>, Error> {
        let Asked { window, end } = asked;
        self.check_steps(Window { until: end.unwrap_or(i64::MAX), ..window })?;
        let Some(covered) = reader.covered()? else { return Ok(None) };
        let since = since(reader, covered)?;
        let until = end.unwrap_or(covered.until);
        let range = |step_us: i64| {
            let since = since.div_euclid(step_us).saturating_mul(step_us);
            Window { after: window.after.max(since).min(until), until }
        };
        let grid = match (self.step, self.at_most) {
            (Some(step), _) => Grid::stepped(range(crate::util::time::duration_micros(step).max(1)), step)?,
            (None, Some(most)) => Grid::at_most(range(1), most),
            (None, None) if window.after == i64::MIN => Grid::whole(range(1)),
            (None, None) => Grid::whole(Window { until, ..window }),
        };
        Ok(Some((window, grid)))
    }

    /// Refuses steps that contradict each other or the window.
    fn check_steps(&self, window: Window) -> Result<(), Error> {
        match (self.step, self.at_most) {
            (Some(_), Some(_)) => {
                Err(Error::setting("step(...) and at_most(...) both say how long a step is; leave one of them out"))
            }
            (Some(step), None) if step > length(window) => Err(Error::setting(format!(
                "step({step:?}) is longer than the {:?} asked for; give a shorter step, or ask for groups() without one",
                length(window)
            ))),
            (None, Some(most)) => check_most(most),
            _ => Ok(()),
        }
    }

    /// Refuses labels that no series has.
    fn check_labels(&self, series: &[StoredSeries]) -> Result<(), Error> {
        let known: BTreeSet<&str> =
            series.iter().flat_map(|series| series.labels.keys()).map(String::as_str).chain([SERVICE]).collect();
        let unknown = self.group_by.iter().flatten().find(|label| !known.contains(label.as_str()));
        match unknown {
            Some(label) if !series.is_empty() => Err(select::unknown_label(label, &known)),
            _ => Ok(()),
        }
    }

    fn key(&self, series: &StoredSeries) -> Key {
        let value = |label: &str| match series.label(label) {
            "" if label == SERVICE => series.service.clone(),
            value => value.to_owned(),
        };
        let mut labels: BTreeMap<String, String> = if let Some(by) = &self.group_by {
            by.iter().map(|label| (label.clone(), value(label))).collect()
        } else {
            let service = (SERVICE.to_owned(), value(SERVICE));
            series.labels.clone().into_iter().chain([service]).collect()
        };
        labels.retain(|_, value| !value.is_empty());
        Key { name: series.name.clone(), kind: series.kind, labels }
    }
}

/// Since when there are values of what a file covers: what a flush holds was recorded since the one before, an interval
/// ago.
fn since(reader: &Reader, covered: Window) -> Result<i64, Error> {
    Ok(covered.after.saturating_sub((reader.interval_us()? - 1).max(0)))
}

/// What groups are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: String,
    labels: BTreeMap<String, String>,
    kind: MetricKind,
}

/// Refuses a number of points that is too small to keep what stands out.
pub(super) fn check_most(most: usize) -> Result<(), Error> {
    if most >= 4 {
        return Ok(());
    }
    Err(Error::setting(format!("at_most({most}) is too few to show anything by; ask for 4 or more")))
}
