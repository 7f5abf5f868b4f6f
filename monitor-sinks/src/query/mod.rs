//! Questions to a store: which series, over which window, in which form.
//!
//! - `select`: which function is meant by a name, and what to say when none or several are.
//! - `fold`: rows of a window into increases, last values and distributions; `step`: into those of many steps, which
//!   `grid` lays out.
//! - `function`, `series`, `group`, `latest`, `listing`, `page`: the forms of answer; `summary`, `info`, `resolution`: their parts;
//!   `thin`: fewer points that look the same.
//! - `alias`: short names for figures of a host; `sum`: series added up, where such a name stands for several.
//!
//! The answers are computed from the stored rows alone, so that a query in the recording process and one in another
//! process, next week, give the same result.

mod alias;
mod fold;
mod function;
mod grid;
mod group;
mod latest;
mod listing;
mod page;
mod resolution;
mod select;
mod series;
mod step;
mod sum;
mod summary;
mod thin;

use std::{
    cmp::Ordering,
    sync::Arc,
    time::{Duration, SystemTime},
};

use monitor_core::SlowCall;

pub(crate) use self::alias::{Alias, Form};
use self::{fold::gather, select::Selector};
pub use self::{
    function::FunctionStats,
    group::{Group, Steps},
    latest::Latest,
    listing::Listed,
    page::{Points, Reading, Stored},
    resolution::Resolution,
    series::{Point, Series},
    summary::Summary,
};
use crate::{
    error::Error,
    store::{Reader, Store, StoredSeries, Window},
    util::time::{duration_micros, to_micros},
};

impl Store {
    /// Begins a query.
    pub fn query(&self) -> Query {
        Query {
            store: self.clone(),
            function: None,
            metric: None,
            service: None,
            tags: Vec::new(),
            span: Span::Everything,
            group_by: None,
            step: None,
            at_most: None,
        }
    }
}

/// A question to a store. Steps narrow it; what is asked for last answers it:
///
/// - [`stats`](Self::stats), [`functions`](Self::functions): what functions did.
/// - [`series`](Self::series): series with their points; [`latest`](Self::latest): with their newest value only;
///   [`points`](Self::points): everything that is stored of them, page by page.
/// - [`groups`](Self::groups), [`steps`](Self::steps): increases, rates, extremes and quantiles of series, one by one or
///   grouped by labels, over the window or step by step.
/// - [`slow_calls`](Self::slow_calls): single calls.
/// - [`listed`](Self::listed): which series there are; [`window`](Self::window): over what time.
///
/// Without a window it covers everything stored. A window is half open: it contains its end, not its beginning, so that
/// adjoining windows add up.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// # let store = monitor_sinks::Store::open_read_only("metrics.db")?;
/// let hour = Duration::from_secs(3600);
/// let parse = store.query().function("parse").service("etl").last(hour).stats()?;
/// println!("{} calls, p99 {:?}", parse.calls, parse.quantile(0.99));
///
/// for series in store.query().metric("rows_loaded").tag("table", "flights").last(hour).series()? {
///     println!("{} {:?}: {}", series.name, series.labels, series.increase());
/// }
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a query does nothing until it is asked for an answer, such as stats, functions or series"]
pub struct Query {
    store: Store,
    function: Option<String>,
    metric: Option<String>,
    service: Option<String>,
    tags: Vec<(String, String)>,
    span: Span,
    group_by: Option<Vec<String>>,
    step: Option<Duration>,
    at_most: Option<usize>,
}

/// A step of a query that not every answer can follow.
#[derive(Debug, Clone, Copy)]
enum Part {
    GroupBy,
    Step,
    AtMost,
}

#[derive(Debug, Clone, Copy)]
enum Span {
    Everything,
    Last(Duration),
    Between(SystemTime, SystemTime),
}

/// A window with the time that "now" means at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    window: Window,
    /// The instant at which gauges are read; `None` is that of the newest row.
    end: Option<i64>,
}

impl Query {
    /// Keeps one function: its name (`parse`, `Pipeline::transform`), or the end of its path at a `::` (`etl::parse`).
    ///
    /// A full path always means that function, also where it is the end of another's path.
    pub fn function(mut self, name: impl Into<String>) -> Self {
        self.function = Some(name.into());
        self
    }

    /// Keeps the series of one metric, by its stored name, such as `rows_loaded` or `function_calls_total`.
    ///
    /// What is asked of a host most often has short names beside: `cpu_percent_total`, `memory_percent`, `disk_percent`,
    /// `network_bytes_sent` and so on; the guide lists them. Only [`series`](Self::series) answers these.
    pub fn metric(mut self, name: impl Into<String>) -> Self {
        self.metric = Some(name.into());
        self
    }

    /// Keeps one service. Without it, services are merged.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Keeps series with this tag. Given several times, all of them must match.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// Keeps the last `span` up to now, including rows that the writer has stamped a moment ahead.
    pub fn last(mut self, span: Duration) -> Self {
        self.span = Span::Last(span);
        self
    }

    /// Keeps what was stored after `from`, up to and including `to`. Resolution: a microsecond.
    pub fn between(mut self, from: SystemTime, to: SystemTime) -> Self {
        self.span = Span::Between(from, to);
        self
    }

    /// Calls, outcomes, errors and durations of the one function that was asked for.
    ///
    /// Merged over services and tags unless they are given. A function without a call in the window has zeros.
    ///
    /// # Errors
    ///
    /// If no function was named; if the name is unknown ([`Error::is_unknown_name`]) or means several functions
    /// ([`Error::is_ambiguous_name`]); or if the store cannot be read.
    pub fn stats(&self) -> Result<FunctionStats, Error> {
        let Some(name) = &self.function else {
            return Err(Error::setting(
                "stats() answers for one function; name it with function(\"...\"), or ask for functions()",
            ));
        };
        self.refuse_metric("stats()")?;
        self.refuse(Part::ALL, "stats() answers for one function as a whole", "ask for groups() or steps()")?;
        let asked = self.checked(SystemTime::now())?;
        let reader = self.store.reader()?;
        // A path ends in the name of a function, and the name of a method in its last part.
        let end = name.rsplit("::").next().unwrap_or(name);
        let is_end = |series: &StoredSeries| series.label(function::FUNCTION).ends_with(end);
        let mut all =
            reader.series_that(|series| function::METRICS.contains(&series.name.as_str()) && is_end(series))?;
        let path = if let Ok(path) = self.selector().function(name, &all) {
            path
        } else {
            // Which names there are instead is known from all of them.
            all = reader.series(Some(&function::METRICS))?;
            self.selector().function(name, &all)?
        };
        let matching: Vec<StoredSeries> =
            all.into_iter().filter(|series| self.keeps(series) && select::path(series) == path).collect();
        let gathered = gather(&reader, asked, &matching, false)?;
        Ok(function::merged(&matching, gathered))
    }

    /// Every function that was called or in flight in the window, most total time first; one entry for each service,
    /// module and function.
    ///
    /// # Errors
    ///
    /// If the function, service or tag asked for is unknown ([`Error::is_unknown_name`]), or the store cannot be read. A
    /// store without functions gives an empty list.
    pub fn functions(&self) -> Result<Vec<FunctionStats>, Error> {
        self.refuse_metric("functions()")?;
        self.refuse(Part::ALL, "functions() answers for each function as a whole", "ask for groups() or steps()")?;
        let asked = self.checked(SystemTime::now())?;
        let reader = self.store.reader()?;
        let mut matching = reader.series(Some(&function::METRICS))?;
        if let Some(name) = &self.function {
            let path = self.selector().function(name, &matching)?;
            matching.retain(|series| select::path(series) == path);
        }
        matching.retain(|series| self.keeps(series));
        if matching.is_empty() {
            self.selector().check(&reader.series(None)?)?;
        }
        let gathered = gather(&reader, asked, &matching, false)?;
        Ok(function::each(&matching, gathered))
    }

    /// The series that match, with their points in the window, ordered by name, service and labels.
    ///
    /// A counter or gauge that did not change in the window is there without points, as long as its recording goes on;
    /// [`Series::last`] gives its value. Other series without a point in the window are left out.
    ///
    /// With [`at_most`](Self::at_most) a series has no more points than that. They are ones that are stored: of every
    /// stretch of time the first, the last, the smallest and the largest, so that peaks stay and a line through them looks
    /// as one through all. Increase and distribution are those of all points.
    ///
    /// # Errors
    ///
    /// If the metric, function, service or tag asked for is unknown ([`Error::is_unknown_name`]), if a function is asked
    /// for a metric that is none of functions ([`Error::is_invalid_setting`]), or if the store cannot be read.
    pub fn series(&self) -> Result<Vec<Series>, Error> {
        self.refuse(
            &[Part::GroupBy, Part::Step],
            "series() answers with single series and what is stored of them",
            "ask for groups() or steps()",
        )?;
        let asked = self.checked(SystemTime::now())?;
        if let Some(most) = self.at_most {
            group::check_most(most)?;
        }
        let reader = self.store.reader()?;
        let (mut matching, alias) = self.matching(&reader)?;
        matching.sort_by(by_name);
        let gathered = gather(&reader, asked, &matching, true)?;
        let mut answers = match alias {
            None => series::answers(matching, gathered),
            Some(alias) => self.shortly(&reader, asked, alias, matching, gathered)?,
        };
        if let Some(most) = self.at_most {
            for answer in &mut answers {
                thin::thin(&mut answer.points, most);
            }
        }
        Ok(answers)
    }

    /// The calls that took longer than the bound of their function (`slow = "250ms"`), newest first, at most 1,000.
    ///
    /// A store keeps the newest 10,000 of all functions.
    ///
    /// # Errors
    ///
    /// If the function asked for is unknown or ambiguous, or the store cannot be read.
    pub fn slow_calls(&self) -> Result<Vec<SlowCall>, Error> {
        self.refuse(Part::ALL, "slow_calls() answers with single calls", "ask for functions()")?;
        let asked = self.asked(SystemTime::now())?;
        let reader = self.store.reader()?;
        let path = match &self.function {
            Some(name) => Some(self.selector().function(name, &reader.series(Some(&function::METRICS))?)?),
            None => None,
        };
        reader.slow_calls(asked.window, |call| {
            let named = path.as_ref().is_none_or(|path| *path == select::join(&call.module, &call.function));
            let served = self.service.is_none() || self.service == call.service;
            named && served && self.tags.iter().all(|tag| call.tags.contains(tag))
        })
    }

    /// The store that is asked.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// The series that match, ordered by name, service and labels, and the window, for `answer`, which knows nothing of
    /// groups and steps.
    pub(crate) fn selection(&self, answer: &str) -> Result<(Vec<StoredSeries>, Window), Error> {
        self.refuse(Part::ALL, answer, "ask for groups() or steps()")?;
        let asked = self.checked(SystemTime::now())?;
        let mut matching = self.matching(&self.store.reader()?)?.0;
        matching.sort_by(by_name);
        Ok((matching, asked.window))
    }

    /// The series that match; with the short name, if one was asked for.
    fn matching(&self, reader: &Reader) -> Result<(Vec<StoredSeries>, Option<&'static Alias>), Error> {
        let (mut matching, alias) = self.named(reader)?;
        if let Some(function) = &self.function {
            if let Some(metric) = &self.metric
                && !matching.iter().any(select::is_function)
            {
                return Err(Error::setting(format!(
                    "metric `{}` is none that functions have; leave function(...) out, or ask for one of {}",
                    select::cut(metric),
                    function::METRICS.join(", ")
                )));
            }
            let path = self.selector().function(function, &matching)?;
            matching.retain(|series| select::is_function(series) && select::path(series) == path);
        }
        self.selector().check(&matching)?;
        matching.retain(|series| self.keeps(series));
        Ok((matching, alias))
    }

    /// The series that match, where a short name would not do.
    fn matching_in_full(&self, reader: &Reader) -> Result<Vec<StoredSeries>, Error> {
        match self.matching(reader)? {
            (matching, None) => Ok(matching),
            (_, Some(alias)) => Err(Error::setting(format!(
                "`{}` is a short name, which only series() knows; ask for metric(\"{}\")",
                alias.name, alias.metric
            ))),
        }
    }

    /// The series of the metric asked for, or all; with the short name, if it is one.
    fn named(&self, reader: &Reader) -> Result<(Vec<StoredSeries>, Option<&'static Alias>), Error> {
        let Some(name) = self.metric.as_deref() else { return Ok((reader.series(None)?, None)) };
        let series = reader.series(Some(&[name]))?;
        if !series.is_empty() {
            return Ok((series, None));
        }
        let alias = Alias::find(name).ok_or_else(|| match reader.series(None) {
            Ok(all) => select::unknown_metric(name, &all),
            Err(error) => error,
        })?;
        Ok((alias.select(reader.series(Some(&[alias.metric]))?)?, Some(alias)))
    }

    fn keeps(&self, series: &StoredSeries) -> bool {
        self.selector().keeps(series)
    }

    /// An answer about functions knows all their metrics; one metric alone would be left unheard.
    fn refuse_metric(&self, answer: &str) -> Result<(), Error> {
        match &self.metric {
            None => Ok(()),
            Some(metric) => Err(Error::setting(format!(
                "{answer} answers for functions with all their metrics; leave metric(\"{}\") out, or ask for series()",
                select::cut(metric)
            ))),
        }
    }

    /// Refuses steps that an answer does not follow: they would be left unheard.
    fn refuse(&self, parts: &[Part], answer: &str, instead: &str) -> Result<(), Error> {
        let given = |part: &&Part| match part {
            Part::GroupBy => self.group_by.is_some(),
            Part::Step => self.step.is_some(),
            Part::AtMost => self.at_most.is_some(),
        };
        match parts.iter().find(given) {
            None => Ok(()),
            Some(part) => Err(Error::setting(format!("{answer}; leave {}(...) out, or {instead}", part.name()))),
        }
    }

    /// As [`asked`](Self::asked), once the names asked for have been looked at.
    fn checked(&self, now: SystemTime) -> Result<Asked, Error> {
        let names = [("function", &self.function), ("metric", &self.metric), ("service", &self.service)];
        for (step, name) in names {
            if name.as_ref().is_some_and(String::is_empty) {
                return Err(Error::setting(format!("{step}(\"\") names nothing; give a name, or leave it out")));
            }
        }
        self.asked(now)
    }

    fn selector(&self) -> Selector<'_> {
        Selector { service: self.service.as_deref(), tags: &self.tags }
    }

    /// The window in microseconds, asked at `now`.
    fn asked(&self, now: SystemTime) -> Result<Asked, Error> {
        match self.span {
            Span::Everything => Ok(Asked { window: Window::ALL, end: None }),
            Span::Last(span) => {
                let now = to_micros(now);
                let window = Window { after: now.saturating_sub(duration_micros(span)), until: i64::MAX };
                Ok(Asked { window, end: Some(now) })
            }
            Span::Between(from, to) if from > to => {
                Err(Error::setting("between(from, to) needs the earlier time first; exchange the two"))
            }
            Span::Between(from, to) => {
                let window = Window { after: to_micros(from), until: to_micros(to) };
                Ok(Asked { window, end: Some(window.until.min(to_micros(now))) })
            }
        }
    }
}

impl Part {
    const ALL: &[Self] = &[Self::GroupBy, Self::Step, Self::AtMost];

    const fn name(self) -> &'static str {
        match self {
            Self::GroupBy => "group_by",
            Self::Step => "step",
            Self::AtMost => "at_most",
        }
    }
}

/// By name, service and labels. The store has them nearly in this order already.
fn by_name(a: &StoredSeries, b: &StoredSeries) -> Ordering {
    (&a.name, &a.service, &a.labels).cmp(&(&b.name, &b.service, &b.labels))
}

/// A damaged row is told of in every answer that it touches; they share one list.
type Warnings = Arc<[crate::store::Warning]>;

#[cfg(test)]
mod tests {
    use std::{path::Path, time::UNIX_EPOCH};

    use super::*;

    fn query() -> Query {
        Store::at(Path::new("metrics.db").into()).query()
    }

    #[test]
    fn the_last_hour_begins_an_hour_before_now_and_has_no_end() {
        let now = UNIX_EPOCH + Duration::from_hours(2);
        let asked = query().last(Duration::from_hours(1)).asked(now).unwrap();
        assert_eq!(asked.window, Window { after: 3_600_000_000, until: i64::MAX });
        assert_eq!(asked.end, Some(7_200_000_000));
    }

    #[test]
    fn a_span_longer_than_time_itself_covers_everything() {
        let asked = query().last(Duration::MAX).asked(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
        assert!(asked.window.after < -1_000_000_000_000);
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_an_error() {
        let (early, late) = (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(1));
        assert!(query().between(late, early).asked(late).unwrap_err().is_invalid_setting());
        assert!(query().between(early, late).asked(late).is_ok());
    }

    #[test]
    fn statistics_without_a_function_say_what_is_missing() {
        let error = query().stats().unwrap_err();
        assert!(error.is_invalid_setting() && error.to_string().contains("function("), "{error}");
    }
}
