//! A question and its answer.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    deadline::Deadline,
    error::{Error, hint, seconds},
    eval::{Blocks, Context, Limits, Plan, Root, Sample, Times},
    labels::{Labels, NAME},
    matcher::{MatchOp, Matcher},
    source::Source,
    syntax::{Expr, Kind, Span, parse},
    value::{Data, Element, Line, Point, Value},
};

/// A question in PromQL, to be asked at an instant or over a range.
///
/// Instants are milliseconds since 1970 and may be negative. The limits are those of Prometheus unless said otherwise.
///
/// # Examples
///
/// ```
/// use monitor_sinks::promql::{Data, Labels, Memory, Query};
///
/// let mut memory = Memory::new();
/// for (job, rise) in [("etl", 1.0), ("web", 2.0)] {
///     let labels = Labels::new([("__name__", "calls_total"), ("job", job)]);
///     (0..=20).for_each(|minute| memory.push(&labels, minute * 60_000, rise * minute as f64));
/// }
///
/// let answer = Query::new(&memory, "sum by (job) (increase(calls_total[5m]))").at(600_000)?;
/// let Data::Vector(elements) = answer.data() else { panic!() };
/// assert_eq!(elements[1].labels.get("job"), Some("web"));
/// assert_eq!(elements[1].value.as_float(), Some(10.0));
/// # Ok::<(), monitor_sinks::promql::Error>(())
/// ```
#[must_use = "a question is answered by `at` or `range`"]
#[derive(Clone)]
pub struct Query<'a> {
    source: &'a dyn Source,
    text: String,
    /// The text as an expression, if it has been read before.
    pub(super) expr: Option<Arc<Expr>>,
    lookback: Duration,
    subquery_step: Duration,
    max_text: usize,
    max_steps: usize,
    max_samples: usize,
    deadline: Option<Instant>,
    clock: fn() -> Instant,
}

/// An answer, with the remarks that go with it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    data: Data,
    warnings: Vec<String>,
    infos: Vec<String>,
}

/// The farthest instant from 1970, about a million years: arithmetic on instants and lengths never overflows.
const FARTHEST: i64 = 1 << 55;

impl<'a> Query<'a> {
    /// A question to a source. The text is not looked at before it is asked.
    pub fn new(source: &'a dyn Source, text: impl Into<String>) -> Self {
        Self {
            source,
            text: text.into(),
            expr: None,
            lookback: Duration::from_mins(5),
            subquery_step: Duration::from_mins(1),
            max_text: 64 << 10,
            max_steps: 11_000,
            max_samples: 50_000_000,
            deadline: None,
            clock: Instant::now,
        }
    }

    /// How long a sample stands for its series; 5 minutes if not said, as in Prometheus.
    pub fn lookback(mut self, lookback: Duration) -> Self {
        self.lookback = lookback;
        self
    }

    /// The step of subqueries that name none, such as `x[1h:]`; 1 minute if not said, as in Prometheus.
    pub fn subquery_step(mut self, step: Duration) -> Self {
        self.subquery_step = step;
        self
    }

    /// How long the text may be, in bytes; 65,536 if not said, which no person and no dashboard reaches.
    pub fn max_text(mut self, bytes: usize) -> Self {
        self.max_text = bytes;
        self
    }

    /// How many instants a range may have; 11,000 if not said: a week by the minute, and more points than a screen.
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = steps;
        self
    }

    /// How many samples may be in memory at a time; 50 million if not said, about 1.5 GB.
    ///
    /// Most questions hold far less. Beside its answer and the points of its subqueries, a question over a range holds what
    /// its selectors and functions come to at a block of its instants, about 50 MB at the most, and the samples of the
    /// series that is being read; whatever the range, and however many series there are. More than that it holds only of a
    /// single instant, or of an eighth of its longest range; and of whole ranges in subqueries, and where a source gives
    /// series in pieces.
    pub fn max_samples(mut self, samples: usize) -> Self {
        self.max_samples = samples;
        self
    }

    /// When to give up. Without it the other limits bound the time, too, but not to what anyone would wait for.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The clock that tells when the deadline has come; that of the system if not said. For tests.
    pub fn clock(mut self, clock: fn() -> Instant) -> Self {
        self.clock = clock;
        self
    }

    /// The answer at an instant.
    ///
    /// # Errors
    ///
    /// If the text is not PromQL, a limit is hit, the data has no answer or cannot be read; see [`Error`].
    pub fn at(&self, time: i64) -> Result<Answer, Error> {
        let times = self.times(time, time, 0, false)?;
        self.answer(times, |root, context| instant(root, time, context, self.source))
    }

    /// The answer at each instant from `start` to `end`, `step` milliseconds apart.
    ///
    /// # Errors
    ///
    /// As for [`at`](Self::at), and if the instants make no range, are too many, or the expression is a range or text.
    pub fn range(&self, start: i64, end: i64, step: i64) -> Result<Answer, Error> {
        let times = self.times(start, end, step, true)?;
        self.answer(times, |root, context| over(root, context, self.source))
    }

    fn times(&self, start: i64, end: i64, step: i64, is_range: bool) -> Result<Times, Error> {
        if start.abs() > FARTHEST || end.abs() > FARTHEST {
            return Err(Error::setting("the instants are more than a million years from 1970; give milliseconds"));
        }
        if end < start {
            return Err(Error::setting("end timestamp must not be before start time"));
        }
        if is_range && !(1..=FARTHEST).contains(&step) {
            return Err(Error::setting("the step must be at least 1 ms, and no more than a million years"));
        }
        if is_range && (end - start) / step >= i64::try_from(self.max_steps).unwrap_or(i64::MAX) {
            return Err(Error::too_large(format!(
                "exceeded maximum resolution of {} points per timeseries. Try decreasing the query resolution (?step=XX)",
                self.max_steps
            )));
        }
        let millis = |length: Duration, what: &str| match i64::try_from(length.as_millis()) {
            Ok(millis) if millis > 0 && millis < FARTHEST => Ok(millis),
            _ => Err(Error::setting(format!("{what} of {} is out of range", seconds(length)))),
        };
        let lookback = millis(self.lookback, "a lookback")?;
        let subquery_step = millis(self.subquery_step, "a step of subqueries")?;
        Ok(Times { start, end, step, lookback, subquery_step, is_range })
    }

    fn answer(
        &self,
        times: Times,
        run: impl FnOnce(&mut Root, &mut Context) -> Result<Data, Error>,
    ) -> Result<Answer, Error> {
        if self.text.len() > self.max_text {
            return Err(Error::too_large(format!(
                "the expression has {} bytes, more than {}; name parts of it with recording rules",
                self.text.len(),
                self.max_text
            )));
        }
        let expr = self.expr.clone().map_or_else(|| parse(&self.text).map(Arc::new), Ok)?;
        let deadline = self.deadline.map(|at| Deadline { at, clock: self.clock });
        let mut context = Context::new(times, Limits { samples: self.max_samples, deadline });
        let mut root = Plan::of(&expr, &mut context).map_err(|error| error.located_in(&self.text))?;
        let data = run(&mut root, &mut context)?;
        let (warnings, infos) = context.remarks.into_inner().written(&self.text);
        Ok(Answer { data, warnings, infos })
    }
}

impl Answer {
    /// What was answered.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// What was answered, for keeps.
    #[must_use]
    pub fn into_data(self) -> Data {
        self.data
    }

    /// Why the answer may be wrong, in the words of Prometheus, with the place in the text.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Why the question may not be what was meant, in the words of Prometheus, with the place in the text.
    #[must_use]
    pub fn infos(&self) -> &[String] {
        &self.infos
    }

    /// The first number of the answer: of a scalar, of the first element, of the last point of the first series.
    #[must_use]
    pub fn first_float(&self) -> Option<f64> {
        match &self.data {
            Data::Scalar { value, .. } => Some(*value),
            Data::Text { .. } => None,
            Data::Vector(elements) => elements.first()?.value.as_float(),
            Data::Matrix(lines) => lines.first()?.points.last()?.value.as_float(),
        }
    }
}

/// The text of an expression as it is printed by the engine: one space around operators, nothing left out.
///
/// # Errors
///
/// If the text is not PromQL.
pub fn format(text: &str) -> Result<String, Error> {
    parse(text).map(|expr| expr.to_string())
}

/// The conditions of an instant selector, such as `up{job="etl"}`, which must have no `offset` and no `@`.
///
/// # Errors
///
/// If the text is another expression, or none.
pub fn selector(text: &str) -> Result<Vec<Matcher>, Error> {
    let expr = parse(text)?;
    match expr.kind {
        Kind::Selector(selector) if selector.to_string() == expr.to_string() => Ok(selector.matchers),
        _ => Err(Error::syntax(expr.span, "expected a selector such as `up{job=\"etl\"}`").located_in(text)),
    }
}

/// The names of metrics that an expression selects, each once, in order; with the nearest of `known` names where one is
/// not known.
///
/// An expression over a metric that does not exist is no mistake in PromQL: its answer is empty. This finds out what
/// was meant when it is.
///
/// ```
/// let names = monitor_sinks::promql::selected_names("rate(cals_total[5m]) + up", &["calls_total", "up"])?;
/// assert_eq!(names, ["there is no metric `cals_total`; did you mean `calls_total`?"]);
/// # Ok::<(), monitor_sinks::promql::Error>(())
/// ```
///
/// # Errors
///
/// If the text is not PromQL.
pub fn selected_names(text: &str, known: &[&str]) -> Result<Vec<String>, Error> {
    let expr = parse(text)?;
    let mut names: Vec<&str> = names_of(&expr).into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let unknown = names.into_iter().filter(|name| !known.contains(name));
    Ok(unknown.map(|name| no_metric(name, known)).collect())
}

/// Refuses an expression that selects a metric which is not among the `known` ones: the error has the place of the
/// first, and the nearest name that there is.
///
/// For those who know all metrics, and have an answer that is empty; see [`selected_names`].
///
/// ```
/// let error = monitor_sinks::promql::check_names("sum(rate(cals_total[5m]))", &["calls_total"]).unwrap_err();
/// assert!(error.is_unknown_name());
/// assert_eq!(error.to_string(), "1:10: there is no metric `cals_total`; did you mean `calls_total`?");
/// ```
///
/// # Errors
///
/// If the text is not PromQL, or a name is not known ([`Error::is_unknown_name`]).
pub fn check_names(text: &str, known: &[&str]) -> Result<(), Error> {
    let expr = parse(text)?;
    let unknown = names_of(&expr).into_iter().find(|(name, _)| !known.contains(name));
    unknown.map_or(Ok(()), |(name, span)| Err(Error::unknown_name(span, no_metric(name, known)).located_in(text)))
}

/// The names that selectors of an expression ask for, in the order of the text, with the places of these.
fn names_of(expr: &Expr) -> Vec<(&str, Span)> {
    fn gather<'e>(expr: &'e Expr, names: &mut Vec<(&'e str, Span)>) {
        if let Kind::Selector(selector) | Kind::Range { selector, .. } = &expr.kind {
            let is_name = |matcher: &&Matcher| matcher.label == NAME && matcher.op == MatchOp::Equal;
            names.extend(selector.matchers.iter().filter(is_name).map(|matcher| (matcher.value.as_str(), expr.span)));
        }
        expr.kind.children().for_each(|child| gather(child, names));
    }
    let mut names = Vec::new();
    gather(expr, &mut names);
    names
}

fn no_metric(name: &str, known: &[&str]) -> String {
    format!("there is no metric `{name}`{}", hint(name, known.iter().copied()))
}

fn instant(root: &mut Root, time: i64, context: &mut Context, source: &dyn Source) -> Result<Data, Error> {
    Blocks::of(context).next(context, source)?;
    Ok(match root {
        Root::Scalar(scalar) => Data::Scalar { time, value: scalar.eval(time, context)? },
        Root::Text(text) => Data::Text { time, value: std::mem::take(text) },
        Root::Range(range) => Data::Matrix(range.lines(time, context)?),
        Root::Vector(node) => {
            let vector = node.eval(time, context)?;
            let mut seen = HashSet::new();
            let mut elements = Vec::with_capacity(vector.len());
            for Sample { id, value } in vector {
                let meta = node.series().get(id);
                let labels = if meta.drop_name { meta.labels.without_name() } else { meta.labels.clone() };
                if !seen.insert(labels.clone()) {
                    return Err(Error::same_labels());
                }
                elements.push(Element { labels, time, value });
            }
            Data::Vector(elements)
        }
    })
}

fn over(root: &mut Root, context: &mut Context, source: &dyn Source) -> Result<Data, Error> {
    let mut blocks = Blocks::of(context);
    match root {
        Root::Scalar(scalar) => {
            let mut points = Vec::new();
            while let Some(block) = blocks.next(context, source)? {
                for time in block.instants() {
                    context.hold(1)?;
                    points.push(Point { time, value: Value::Float(scalar.eval(time, context)?) });
                }
            }
            Ok(Data::Matrix(vec![Line { labels: Labels::empty(), points }]))
        }
        Root::Vector(node) => {
            let mut lines: Vec<Vec<Point>> = Vec::new();
            while let Some(block) = blocks.next(context, source)? {
                if let Some(found) = node.take_block(context) {
                    lines.resize_with(node.series().len(), Vec::new);
                    for (id, results) in found {
                        context.hold(results.iter().map(|result| result.1.weight()).sum())?;
                        let point = |(place, value)| Point { time: block.instant(place), value };
                        let points = results.into_iter().map(point);
                        // The first block's become points where they are.
                        if lines[id].is_empty() { lines[id] = points.collect() } else { lines[id].extend(points) }
                    }
                    continue;
                }
                for time in block.instants() {
                    context.next_instant();
                    let vector = node.eval(time, context)?;
                    if lines.len() < node.series().len() {
                        lines.resize_with(node.series().len(), Vec::new);
                    }
                    for Sample { id, value } in vector {
                        context.hold(value.weight())?;
                        lines[id].push(Point { time, value });
                    }
                }
            }
            let metas = (0..lines.len()).map(|id| node.series().get(id));
            let named = metas.map(|meta| if meta.drop_name { meta.labels.without_name() } else { meta.labels.clone() });
            merged(named.zip(std::mem::take(&mut lines)).collect()).map(Data::Matrix)
        }
        Root::Text(_) => Err(not_over_time("string")),
        Root::Range(_) => Err(not_over_time("range vector")),
    }
}

fn not_over_time(found: &str) -> Error {
    Error::setting(format!("invalid expression type {found:?} for range query, must be Scalar or instant Vector"))
}

/// Series of the same labels as one, if they have no instant in common; ordered by labels.
fn merged(lines: Vec<(Labels, Vec<Point>)>) -> Result<Vec<Line>, Error> {
    let mut by_labels: HashMap<Labels, Vec<Point>> = HashMap::with_capacity(lines.len());
    for (labels, points) in lines.into_iter().filter(|(_, points)| !points.is_empty()) {
        match by_labels.entry(labels) {
            Entry::Vacant(vacant) => drop(vacant.insert(points)),
            Entry::Occupied(mut known) => known.get_mut().extend(points),
        }
    }
    let mut merged = Vec::with_capacity(by_labels.len());
    for (labels, mut points) in by_labels {
        if !points.is_sorted_by(|left, right| left.time < right.time) {
            points.sort_by_key(|point| point.time);
            if points.windows(2).any(|pair| pair[0].time == pair[1].time) {
                return Err(Error::same_labels());
            }
        }
        merged.push(Line { labels, points });
    }
    merged.sort_by(|left, right| left.labels.cmp(&right.labels));
    Ok(merged)
}
