//! PromQL over a store: the series of the file as a source of the engine, and questions to it.
//!
//! - `grid`: the instants that series have samples at. `sample`: what they are; `histogram`, `bucket`: of histograms;
//!   `classic`: these as counters by `le`.
//! - `read`: reading it; `short`: short names. `now`: what a recording has not stored yet.
//!   `recent`: the samples of the last flushes, in memory.
//!
//! Counters and gauges have their stored names, labels, and the label `service`. Histograms and timers are native
//! histograms; `NAME_count`, `NAME_sum` and `NAME_bucket` are their parts as numbers, where no metric is called so, and
//! only for those who ask by that name. Of two metrics of one name and different kinds, samples at the same instant count
//! once.
//!
//! Invariant: an answer is what a Prometheus server would give that had scraped the program at every flush, as far as the
//! file holds every flush. Where it holds windows only, these are spread out; see `sample`.

mod bucket;
mod classic;
mod grid;
mod histogram;
mod now;
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

use self::{
    now::{Known, Now},
    read::{Part, Wanted, is_plain},
};
use crate::{
    error,
    live::{Current, Live},
    promql::{self, Answer, Data, Labels, Metadata, Query, Select, Series, Source, check_names},
    query::Alias,
    store::{Reader, Store, StoredSeries},
    util::time::{from_micros, to_micros},
};

#[cfg(feature = "rules")]
pub(crate) use self::recent::Recent;

/// A store as a source of series for PromQL.
///
/// Each selector of a question looks at the file by itself, so a source never stands in the way of a recording. What was damaged
/// is missing from the answer, which warns of it. An answer from windows that were rolled up says so.
///
/// The source of a [`Monitor`](crate::Monitor) also has what is recorded and not stored yet: for a question that reaches up to now, or to
/// two seconds ago, it asks the background thread for the values of this moment, which become the last sample of each
/// series, at the end of what is asked. What is stored later is the same, and counted once. A thread that does not answer
/// within two seconds, such as while the disk hangs, is not waited for; then the answer is of what is stored. Nor is it
/// waited for beyond the deadline of the question.
///
/// Beside the samples that a question holds, reading takes some megabytes, whatever is asked; or, where that is more, the
/// samples of a single series.
#[derive(Debug, Clone)]
pub struct StoreSource {
    store: Store,
    /// The recording that goes on, where it is to be asked as well.
    live: Option<Live>,
    /// For how long before the end of a question single flushes are wanted, in milliseconds; windows of five minutes do for
    /// what was before.
    exact_ms: i64,
}

/// A question in PromQL to a store; see [`Store::promql`].
#[derive(Debug, Clone)]
#[must_use = "a question is answered by `at`, `newest` or `range`"]
pub struct Question {
    source: StoreSource,
    text: String,
    within: Option<Duration>,
}

/// What a selector asks for, in a file that was opened for it.
struct Asked {
    reader: Reader,
    now: Option<Now>,
    /// Before it, windows do.
    exact_since: i64,
    wanted: Vec<Wanted>,
    /// What the selector names, if that is no metric.
    alias: Option<&'static Alias>,
}

impl Store {
    /// A question in PromQL, to be asked at an instant or over a range.
    ///
    /// Counters, gauges, histograms, timers and short names such as `cpu_percent_total` are there under their names, with
    /// their labels and the label `service`. Histograms and timers are native histograms:
    /// `histogram_quantile(0.99, rate(function_calls_duration_seconds[5m]))` needs no `le`.
    ///
    /// Dashboards that were written for classic histograms are answered as well: `NAME_count`, `NAME_sum`, and
    /// `NAME_bucket` with `le` at powers of two. They are there when a question names them, and not listed beside the
    /// histogram. A quantile of classic buckets is within its octave, that of the native one within 1.6 %; and each
    /// histogram becomes as many series as it has octaves, 10 to 20 for durations.
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
        Question::new(self.promql_source(), text)
    }

    /// The store as a source of series, for [`promql::Query`] with limits of its own.
    #[must_use]
    pub fn promql_source(&self) -> StoreSource {
        StoreSource { store: self.clone(), live: None, exact_ms: i64::MAX }
    }
}

impl StoreSource {
    /// With what a recording has not stored yet.
    pub(crate) fn with_live(self, live: Live) -> Self {
        Self { live: Some(live), ..self }
    }

    /// The same, of which windows of five minutes do for what is longer than `exact_ms` before the end of a question.
    #[allow(dead_code, reason = "only rules ask so")]
    pub(crate) fn rough_before(&self, exact_ms: i64) -> Self {
        Self { exact_ms, ..self.clone() }
    }
}

impl Question {
    pub(crate) fn new(source: StoreSource, text: impl Into<String>) -> Self {
        Self { source, text: text.into(), within: None }
    }

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
    /// The newest instant that there is something of; now, while the recording goes on that is asked as well.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn newest(&self) -> Result<Option<SystemTime>, error::Error> {
        if self.live.is_some() {
            return Ok(Some(SystemTime::now()));
        }
        Ok(self.store.reader()?.covered()?.map(|covered| from_micros(covered.until)))
    }

    /// All names that a selector may ask for.
    fn names(&self) -> Result<Vec<String>, error::Error> {
        let all = self.all_series()?;
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

    /// All series, ordered by name.
    fn all_series(&self) -> Result<Vec<StoredSeries>, error::Error> {
        let now = self.live.as_ref().and_then(Now::of_all);
        Ok(known(&self.store.reader()?, now.as_ref(), None)?.into_iter().map(|(series, _)| series).collect())
    }

    /// What a selector asks for. The moment is taken before the file is opened, so that every row that belongs to it is found.
    fn ask(&self, select: &Select<'_>) -> Result<Asked, error::Error> {
        let now = self.live.as_ref().and_then(|live| Now::take(live, select, millis(SystemTime::now())));
        let reader = self.store.reader()?;
        let mut wanted = wanted(&reader, now.as_ref(), select)?;
        let alias = select.name().filter(|_| wanted.is_empty()).and_then(Alias::find);
        // Whether the edges of a histogram are asked for is seen once there are some.
        wanted.retain(|wanted| wanted.part == Part::Buckets || select.wants(&wanted.labels));
        let exact_since = select.to.saturating_sub(self.exact_ms).saturating_mul(1_000);
        Ok(Asked { reader, now, exact_since, wanted, alias })
    }
}

impl Asked {
    fn read(self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), error::Error> {
        let mut give = |series: Series| {
            if select.wants(series.labels()) { give(series) } else { ControlFlow::Continue(()) }
        };
        let Some(alias) = self.alias else {
            return read::read(&self.reader, select, self.now.as_ref(), self.exact_since, self.wanted, &mut give);
        };
        let _ = short::series(&self.reader, select, alias)?.into_iter().try_for_each(give);
        Ok(())
    }

    /// Of most series a chunk in the window, or the moment, shows that they are there. Only what is left is read.
    fn read_labels(
        mut self,
        select: &Select<'_>,
        give: &mut dyn FnMut(Labels) -> ControlFlow<()>,
    ) -> Result<(), error::Error> {
        let window = read::window_of(select, self.now.as_ref());
        let (buckets, asked): (Vec<_>, Vec<_>) = self.wanted.into_iter().partition(|asked| asked.part == Part::Buckets);
        let sure = self.reader.sure_in(asked.iter().map(|wanted| wanted.stored.id), window)?;
        let is_there = |wanted: &Wanted| sure.contains(&wanted.stored.id) || wanted.is_fresh();
        let (there, open): (Vec<_>, Vec<_>) = asked.into_iter().partition(is_there);
        for wanted in there {
            if give(wanted.labels).is_break() {
                return Ok(());
            }
        }
        self.wanted = open.into_iter().chain(buckets).collect();
        self.read(select, &mut |series| {
            if series.has_samples_in(select) { give(series.labels) } else { ControlFlow::Continue(()) }
        })
    }
}

impl Source for StoreSource {
    fn select(
        &self,
        select: &Select<'_>,
        give: &mut dyn FnMut(Series) -> ControlFlow<()>,
    ) -> Result<(), promql::Error> {
        self.ask(select).and_then(|asked| asked.read(select, give)).map_err(promql::Error::from_source)?;
        select.in_time()
    }

    fn labels(
        &self,
        select: &Select<'_>,
        give: &mut dyn FnMut(Labels) -> ControlFlow<()>,
    ) -> Result<(), promql::Error> {
        self.ask(select).and_then(|asked| asked.read_labels(select, give)).map_err(promql::Error::from_source)?;
        select.in_time()
    }

    fn gives_whole_series(&self) -> bool {
        true
    }

    fn metadata(&self) -> Result<Vec<Metadata>, promql::Error> {
        let series = self.all_series().map_err(promql::Error::from_source)?;
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
const PARTS: [(&str, Part); 3] = [("_count", Part::Count), ("_sum", Part::Sum), ("_bucket", Part::Buckets)];

/// The series called as the selector says; all of them, if it does not.
fn wanted(reader: &Reader, now: Option<&Now>, select: &Select<'_>) -> Result<Vec<Wanted>, error::Error> {
    let Some(name) = select.name() else {
        let whole = |(stored, current): (StoredSeries, Option<Current>)| Wanted {
            labels: labels_of(&stored, &stored.name),
            stored,
            part: Part::Whole,
            current,
        };
        return Ok(known(reader, now, None)?.into_iter().map(whole).collect());
    };
    let called = |metric: &str, part: Part| -> Result<Vec<Wanted>, error::Error> {
        let found = known(reader, now, Some(metric))?.into_iter();
        let found = found.filter(|(series, _)| part == Part::Whole || !is_plain(series));
        let labels = |series: &StoredSeries| labels_of(series, name);
        Ok(found.map(|(stored, current)| Wanted { labels: labels(&stored), stored, part, current }).collect())
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

/// The series of a metric, or all, ordered by name, each with its current value where there is a moment.
fn known(
    reader: &Reader,
    now: Option<&Now>,
    metric: Option<&str>,
) -> Result<Vec<(StoredSeries, Option<Current>)>, error::Error> {
    let stored = reader.series(metric.as_ref().map(std::slice::from_ref))?;
    let Some(now) = now else { return Ok(stored.into_iter().map(|series| (series, None)).collect()) };
    let mut current = now.values(metric);
    let mut all: Vec<_> = stored
        .into_iter()
        .map(|series| {
            let value = current.remove(&Known::of_stored(&series));
            (series, value)
        })
        .collect();
    all.extend(current.into_iter().map(|(key, value)| (key.into_series(), Some(value))));
    all.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    Ok(all)
}

/// Whether a name stands for other metrics where none is called so.
#[allow(dead_code, reason = "nobody asks without the feature `rules`")]
pub(crate) fn is_short_name(name: &str) -> bool {
    Alias::find(name).is_some()
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
