//! Where series come from.
//!
//! The engine asks a source once for each distinct set of matchers of a question, over the whole time that the
//! question looks at; where that would take too much memory, over one stretch of time after the other. A source need not
//! keep anything between calls.
//!
//! With the matchers it is told what the samples are for, as a store of Prometheus is by its `SelectHints`: hints may be
//! used to read less, never to give something else than was recorded.

use std::{cell::RefCell, ops::ControlFlow, sync::Arc, time::Duration};

use super::{
    annotation::{Remark, Remarks},
    deadline::Deadline,
    error::{Error, Kind},
    histogram::Histogram,
    labels::Labels,
    matcher::Matcher,
    syntax::Span,
};

/// Something that has series.
///
/// Several sources are put together by [`Sources`].
///
/// # Examples
///
/// A source with one series that is its own clock:
///
/// ```
/// use std::ops::ControlFlow;
/// use monitor_sinks::promql::{Data, Error, Labels, Query, Select, Series, Source};
///
/// struct Clock;
///
/// impl Source for Clock {
///     fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
///         let labels = Labels::new([("__name__", "clock_seconds")]);
///         if select.wants(&labels) {
///             let first = select.from.div_euclid(1000) + 1;
///             let floats = (first..=select.to.div_euclid(1000)).map(|second| (second * 1000, second as f64));
///             let _ = give(Series::new(labels).with_floats(floats));
///         }
///         Ok(())
///     }
/// }
///
/// let answer = Query::new(&Clock, "clock_seconds").at(42_000).unwrap();
/// let Data::Vector(elements) = answer.data() else { panic!() };
/// assert_eq!(elements[0].value.as_float(), Some(42.0));
/// ```
pub trait Source {
    /// Gives every series that all matchers accept, with its samples in `(from, to]`, one series after the other.
    ///
    /// Series may come in any order. Samples of a series are ordered by time, at most one an instant; markers of
    /// [`stale`](super::stale) included. Samples outside of the time may be given and are ignored. When `give` breaks,
    /// a limit was hit: return `Ok(())` at once.
    ///
    /// # Errors
    ///
    /// [`Error::from_source`], if the data cannot be read.
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error>;

    /// Gives the labels of every series that all matchers accept and that has a sample in `(from, to]`, as
    /// [`select`](Self::select) gives series. Without an implementation they are those of `select`, which reads the
    /// samples only to see that they are there.
    ///
    /// # Errors
    ///
    /// [`Error::from_source`], if the data cannot be read.
    fn labels(&self, select: &Select<'_>, give: &mut dyn FnMut(Labels) -> ControlFlow<()>) -> Result<(), Error> {
        self.select(select, &mut |series| {
            if series.has_samples_in(select) { give(series.labels) } else { ControlFlow::Continue(()) }
        })
    }

    /// Whether each series is given once, with all of its samples, whenever [`select`](Self::select) is asked. Then what is
    /// computed from ranges is computed as series come, and their samples are not kept. `false` without an implementation.
    ///
    /// If a series comes twice all the same, the source is asked again, and its samples are kept.
    fn gives_whole_series(&self) -> bool {
        false
    }

    /// What is known of metrics beyond their samples. Without an implementation: nothing.
    ///
    /// # Errors
    ///
    /// [`Error::from_source`], if the data cannot be read.
    fn metadata(&self) -> Result<Vec<Metadata>, Error> {
        Ok(Vec::new())
    }
}

/// Several sources as one: series of the same labels become one series.
pub struct Sources<'a>(Vec<&'a dyn Source>);

/// Which series are asked for, and when.
#[derive(Debug)]
#[non_exhaustive]
pub struct Select<'a> {
    /// Conditions, all of which must hold.
    pub matchers: &'a [Matcher],
    /// Samples are wanted after this instant, in milliseconds since 1970.
    pub from: i64,
    /// Samples are wanted up to this instant, which is included.
    pub to: i64,
    /// The function whose argument the samples are, such as `rate`, if nothing else looks at them, and the source
    /// [gives whole series](Source::gives_whole_series); else empty.
    pub function: &'a str,
    /// How long the ranges are that the function looks at, in milliseconds; 0 if there is no such function. They end at
    /// `from + range`, and then each `step` up to `to`.
    pub range: i64,
    /// How far the ends of two ranges are apart, in milliseconds; 0 if there is one range, or no function.
    pub step: i64,
    asker: Option<Asker<'a>>,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) deadline: Option<Deadline>,
    pub(crate) remarks: &'a RefCell<Remarks>,
    /// Where in the text the selector is.
    pub(crate) span: Span,
}

/// A series with samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub(crate) labels: Labels,
    pub(crate) floats: Vec<(i64, f64)>,
    pub(crate) histograms: Vec<(i64, Arc<Histogram>)>,
}

/// What a metric is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// `counter`, `gauge`, `histogram`, `summary` or `unknown`.
    pub kind: String,
    /// What it tells, in words.
    pub help: String,
    /// Its unit, such as `seconds`; empty if it has none.
    pub unit: String,
}

impl<'a> Select<'a> {
    /// All series that the matchers accept, in `(from, to]`, for no known purpose.
    #[must_use]
    pub fn new(matchers: &'a [Matcher], from: i64, to: i64) -> Self {
        Self { matchers, from, to, function: "", range: 0, step: 0, asker: None }
    }

    /// For a function of ranges.
    pub(crate) fn for_function(self, function: &'a str, range: i64, step: i64) -> Self {
        Self { function, range, step, ..self }
    }

    /// For a question that has a deadline and takes remarks.
    pub(crate) fn asked_by(self, asker: Asker<'a>) -> Self {
        Self { asker: Some(asker), ..self }
    }

    /// Fails once nobody waits for the answer any more: look at it now and then while reading.
    ///
    /// # Errors
    ///
    /// If the deadline of the question has passed ([`Error::is_timeout`]).
    pub fn in_time(&self) -> Result<(), Error> {
        if self.time_left().is_some_and(|left| left.is_zero()) { Err(Kind::TooLate.into()) } else { Ok(()) }
    }

    /// The time until the deadline, if there is one.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.asker.and_then(|asker| asker.deadline).map(Deadline::left)
    }

    /// Has the answer warn that something is missing from it, or wrong.
    pub fn warn(&self, message: &str) {
        self.remark(&Remark::OfSource { message, is_warning: true });
    }

    /// Has the answer say how it came about.
    pub fn inform(&self, message: &str) {
        self.remark(&Remark::OfSource { message, is_warning: false });
    }

    fn remark(&self, remark: &Remark<'_>) {
        if let Some(asker) = self.asker {
            asker.remarks.borrow_mut().add(asker.span, remark);
        }
    }

    /// Whether a series with these labels is asked for.
    #[must_use]
    pub fn wants(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(labels))
    }

    /// The name that a series must have, if one is given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let is_name = |matcher: &&Matcher| matcher.label == super::labels::NAME && matcher.op == super::MatchOp::Equal;
        self.matchers.iter().find(is_name).map(Matcher::value)
    }
}

impl Series {
    /// A series without samples.
    #[must_use]
    pub fn new(labels: Labels) -> Self {
        Self { labels, floats: Vec::new(), histograms: Vec::new() }
    }

    /// With these samples, as milliseconds since 1970 and values, ordered by time.
    #[must_use]
    pub fn with_floats(mut self, floats: impl IntoIterator<Item = (i64, f64)>) -> Self {
        self.floats.extend(floats);
        self
    }

    /// With these histograms, ordered by time.
    #[must_use]
    pub fn with_histograms(mut self, histograms: impl IntoIterator<Item = (i64, Arc<Histogram>)>) -> Self {
        self.histograms.extend(histograms);
        self
    }

    pub(crate) fn has_samples_in(&self, select: &Select<'_>) -> bool {
        let is_in = |time: i64| select.from < time && time <= select.to;
        self.floats.iter().any(|&(time, _)| is_in(time)) || self.histograms.iter().any(|&(time, _)| is_in(time))
    }

    /// What tells it from other series.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl Metadata {
    /// A metric of a kind; without help and unit.
    #[must_use]
    pub fn new(name: &str, kind: &str) -> Self {
        Self { name: name.to_owned(), kind: kind.to_owned(), help: String::new(), unit: String::new() }
    }
}

impl<'a> Sources<'a> {
    /// These sources; where several have a sample at one instant, the first of them counts.
    pub fn new(sources: impl IntoIterator<Item = &'a dyn Source>) -> Self {
        Self(sources.into_iter().collect())
    }
}

impl Source for Sources<'_> {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        let mut flow = ControlFlow::Continue(());
        for source in &self.0 {
            source.select(select, &mut |series| {
                flow = give(series);
                flow
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn labels(&self, select: &Select<'_>, give: &mut dyn FnMut(Labels) -> ControlFlow<()>) -> Result<(), Error> {
        let mut flow = ControlFlow::Continue(());
        for source in &self.0 {
            source.labels(select, &mut |labels| {
                flow = give(labels);
                flow
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn gives_whole_series(&self) -> bool {
        self.0.len() == 1 && self.0[0].gives_whole_series()
    }

    fn metadata(&self) -> Result<Vec<Metadata>, Error> {
        let mut all: Vec<Metadata> = Vec::new();
        for source in &self.0 {
            for metric in source.metadata()? {
                if all.iter().all(|known| known.name != metric.name) {
                    all.push(metric);
                }
            }
        }
        Ok(all)
    }
}
