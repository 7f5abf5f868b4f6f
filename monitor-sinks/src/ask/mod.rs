//! PromQL over a store: the series of the file as a source of the engine, and questions to it.
//!
//! - `grid`: the instants that series have samples at. `sample`: what they are. `bucket`: histograms.
//! - `read`: reading it; `short`: short names; `recent`: the samples of the last flushes, in memory.
//!
//! Counters and gauges have their stored names, labels, and the label `service`. Histograms and timers are native
//! histograms; `NAME_count` and `NAME_sum` are their parts as numbers, where no metric is called so. Of two metrics of one
//! name and different kinds, samples at the same instant count once.
//!
//! Invariant: an answer is what a Prometheus server would give that had scraped the program at every flush, as far as the
//! file holds every flush. Where it holds windows only, these are spread out; see `sample`.

mod bucket;
mod grid;
mod read;
#[cfg(feature = "rules")]
mod recent;
mod sample;
mod short;

use std::{
    ops::ControlFlow,
    time::{Duration, Instant, SystemTime},
};

use monitor_core::MetricKind;

use self::read::{Part, Wanted, is_plain};
use crate::{
    error,
    promql::{self, Answer, Data, Labels, Metadata, Query, Select, Series, Source, check_names},
    query::Alias,
    store::{Reader, Store, StoredSeries, Window},
    util::time::{from_micros, to_micros},
};

#[cfg(feature = "rules")]
pub(crate) use self::recent::Recent;

/// A store as a source of series for PromQL.
///
/// Each selector of a question opens the file anew, so a source never stands in the way of a recording. What was damaged
/// is missing from the answer; [`Store::check`] tells of it.
#[derive(Debug, Clone)]
pub struct StoreSource {
    store: Store,
}

/// A question in PromQL to a store; see [`Store::promql`].
#[derive(Debug, Clone)]
#[must_use = "a question is answered by `at`, `newest` or `range`"]
pub struct Question {
    source: StoreSource,
    text: String,
    within: Option<Duration>,
}

impl Store {
    /// A question in PromQL, to be asked at an instant or over a range.
    ///
    /// Counters, gauges, histograms, timers and short names such as `cpu_percent_total` are there under their names, with
    /// their labels and the label `service`. Histograms and timers are native histograms:
    /// `histogram_quantile(0.99, rate(function_calls_duration_seconds[5m]))` needs no `le`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::{Duration, SystemTime};
    ///
    /// let store = monitor_sinks::Store::open_read_only("metrics.db")?;
    /// let errors = store.promql("sum by (function) (rate(function_errors_total[5m]))").newest()?;
    /// println!("{:?}", errors.data());
    ///
    /// let hour = Duration::from_secs(3_600);
    /// let now = SystemTime::now();
    /// let p99 = "histogram_quantile(0.99, sum(rate(function_calls_duration_seconds[5m])))";
    /// let line = store.promql(p99).range(now - hour, now, Duration::from_secs(60))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn promql(&self, text: impl Into<String>) -> Question {
        Question { source: self.promql_source(), text: text.into(), within: None }
    }

    /// The store as a source of series, for [`promql::Query`] with limits of its own.
    #[must_use]
    pub fn promql_source(&self) -> StoreSource {
        StoreSource { store: self.clone() }
    }
}

impl Question {
    /// Gives up after this time, see [`promql::Error::is_timeout`]. Without it, limits of the engine alone bound an answer.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// The answer at an instant.
    ///
    /// # Errors
    ///
    /// If the text is not PromQL, a limit is hit, the data has no answer or cannot be read; and if the answer is empty and
    /// the text names a metric that the store does not hold ([`promql::Error::is_unknown_name`]).
    pub fn at(&self, time: SystemTime) -> Result<Answer, promql::Error> {
        self.explain(self.query().at(millis(time))?)
    }

    /// The answer at the newest instant that the store has something of; now, while somebody records.
    ///
    /// # Errors
    ///
    /// As for [`at`](Self::at).
    pub fn newest(&self) -> Result<Answer, promql::Error> {
        let newest = self.source.newest().map_err(promql::Error::from_source)?;
        self.at(newest.unwrap_or(SystemTime::UNIX_EPOCH))
    }

    /// The answer at each instant from `from` to `to`, `step` apart, which is rounded down to milliseconds.
    ///
    /// # Errors
    ///
    /// As for [`at`](Self::at), and if the instants make no range, are more than 11,000, or the expression is a range or
    /// text.
    pub fn range(&self, from: SystemTime, to: SystemTime, step: Duration) -> Result<Answer, promql::Error> {
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        self.explain(self.query().range(millis(from), millis(to), step)?)
    }

    fn query(&self) -> Query<'_> {
        let query = Query::new(&self.source, &self.text);
        match self.within.and_then(|within| Instant::now().checked_add(within)) {
            Some(deadline) => query.deadline(deadline),
            None => query,
        }
    }

    /// Looks for what was meant if there is no answer.
    fn explain(&self, answer: Answer) -> Result<Answer, promql::Error> {
        let is_empty = match answer.data() {
            Data::Vector(elements) => elements.is_empty(),
            Data::Matrix(lines) => lines.is_empty(),
            _ => false,
        };
        if is_empty {
            let names = self.source.names().map_err(promql::Error::from_source)?;
            check_names(&self.text, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(answer)
    }
}

impl StoreSource {
    /// The newest instant that there is something of.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn newest(&self) -> Result<Option<SystemTime>, error::Error> {
        Ok(self.store.reader()?.covered()?.map(|covered| from_micros(covered.until)))
    }

    /// All names that a selector may ask for.
    fn names(&self) -> Result<Vec<String>, error::Error> {
        let all = self.store.reader()?.series(None)?;
        let mut names: Vec<String> = Alias::known(&all).map(str::to_owned).collect();
        for series in &all {
            names.push(series.name.clone());
            if !is_plain(series) {
                names.extend(PARTS.iter().map(|(end, _)| format!("{}{end}", series.name)));
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn read(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), error::Error> {
        let reader = self.store.reader()?;
        // A sample counts at the millisecond that it lies in.
        let micros = |millis: i64| millis.saturating_add(1).saturating_mul(1_000).saturating_sub(1);
        let window = Window { after: micros(select.from), until: micros(select.to) };
        let wanted = wanted(&reader, select)?;
        if let Some(alias) = select.name().filter(|_| wanted.is_empty()).and_then(Alias::find) {
            for series in short::series(&reader, window, alias)? {
                if select.wants(series.labels()) && give(series).is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let asked = wanted.into_iter().filter(|wanted| select.wants(&wanted.labels)).collect();
        read::read(&reader, window, asked, give)
    }
}

impl Source for StoreSource {
    fn select(
        &self,
        select: &Select<'_>,
        give: &mut dyn FnMut(Series) -> ControlFlow<()>,
    ) -> Result<(), promql::Error> {
        self.read(select, give).map_err(promql::Error::from_source)
    }

    fn metadata(&self) -> Result<Vec<Metadata>, promql::Error> {
        let series = self.store.reader().and_then(|reader| reader.series(None)).map_err(promql::Error::from_source)?;
        let mut all: Vec<Metadata> = Vec::new();
        for series in series {
            let kind = match series.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                _ => "histogram",
            };
            // Ordered by name.
            if all.last().is_none_or(|last| (last.name.as_str(), last.kind.as_str()) != (series.name.as_str(), kind)) {
                all.push(Metadata { unit: series.unit.clone(), ..Metadata::new(&series.name, kind) });
            }
        }
        Ok(all)
    }
}

/// Ends of names that stand for parts of a histogram.
const PARTS: [(&str, Part); 2] = [("_count", Part::Count), ("_sum", Part::Sum)];

/// The series called as the selector says; all of them, if it does not.
fn wanted(reader: &Reader, select: &Select<'_>) -> Result<Vec<Wanted>, error::Error> {
    let Some(name) = select.name() else {
        let whole =
            |stored: StoredSeries| Wanted { labels: labels_of(&stored, &stored.name), stored, part: Part::Whole };
        return Ok(reader.series(None)?.into_iter().map(whole).collect());
    };
    let called = |metric: &str, part: Part| -> Result<Vec<Wanted>, error::Error> {
        let stored = reader.series(Some(&[metric]))?.into_iter();
        let stored = stored.filter(|series| part == Part::Whole || !is_plain(series));
        Ok(stored.map(|stored| Wanted { labels: labels_of(&stored, name), stored, part }).collect())
    };
    let whole = called(name, Part::Whole)?;
    if !whole.is_empty() {
        return Ok(whole);
    }
    for (end, part) in PARTS {
        if let Some(metric) = name.strip_suffix(end) {
            return called(metric, part);
        }
    }
    Ok(Vec::new())
}

/// The labels of a series under a name. A label of its own called `service` comes before the service.
fn labels_of(series: &StoredSeries, name: &str) -> Labels {
    let own = series.labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    Labels::new([("service", series.service.as_str())].into_iter().chain(own).chain([("__name__", name)]))
}

/// An instant in milliseconds since 1970, rounded down.
fn millis(time: SystemTime) -> i64 {
    to_micros(time).div_euclid(1_000)
}
