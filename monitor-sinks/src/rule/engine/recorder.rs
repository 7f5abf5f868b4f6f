//! A rule that records, at work: which series it has, and whether it can be evaluated.
//!
//! A series that is not in the result any more ends at once, as in Prometheus. While the rule cannot be evaluated nothing
//! is known of its series, and they keep their values for as long as PromQL looks back; then they end, too.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use monitor_core::{MetricKind, SeriesKey};

use super::{
    super::recording::Recording,
    LOOKBACK_MS,
    clock::Now,
    joined::{Joined, Rough},
    live::{Limits, Turn},
    schedule::Schedule,
};
use crate::{
    error::Error,
    promql::{Labels, NAME, Prepared, Reach},
    store::{Derived, Refused},
    util::report,
};

/// A recording rule of a running monitor.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) recording: Recording,
    /// What tells it from the others that record.
    number: usize,
    /// Its expression, if it has one.
    question: Option<Prepared>,
    /// Whether windows of five minutes do for what is long ago.
    pub(super) is_rough: bool,
    /// The numbers of all series that it has ever recorded, which are bounded.
    series: BTreeMap<Labels, usize>,
    /// Those that were in the last result.
    current: Vec<usize>,
    /// Why it could not be evaluated the last time.
    pub(super) failure: Option<String>,
    /// When it could be.
    succeeded_ms: u64,
    pub(super) schedule: Schedule,
}

/// What became of the series of a result.
#[derive(Debug, Default)]
struct LeftOut {
    /// Because the rule has as many as it may have.
    of_rule: usize,
    /// Because there are as many as there may be.
    of_all: usize,
    /// One that another rule records, and how many there are.
    taken: Option<(Labels, usize)>,
}

impl Recorder {
    pub(super) fn new(recording: Recording, number: usize, schedule: Schedule, steady_ms: u64) -> Self {
        let question = Prepared::new(&recording.expr).ok();
        let schedule = question.as_ref().map_or(schedule, |question| schedule.reaching(&question.reach()));
        Self {
            is_rough: question.as_ref().is_some_and(Prepared::is_of_increases),
            question,
            recording,
            number,
            series: BTreeMap::new(),
            current: Vec::new(),
            failure: None,
            succeeded_ms: steady_ms,
            schedule,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.recording.record
    }

    /// What it needs of a source.
    pub(super) fn reach(&self) -> Reach {
        self.question.as_ref().map_or(Reach { names: None, back: Some(0) }, Prepared::reach)
    }

    /// Evaluates it, sets its series, and plans the next time. The numbers of the series that were set or ended come with
    /// how it went.
    pub(super) fn run(
        &mut self,
        samples: &Joined,
        now: Now,
        limits: Limits,
        derived: &mut Derived,
    ) -> (Vec<usize>, Turn) {
        let begun = Instant::now();
        let found = catch_unwind(AssertUnwindSafe(|| self.evaluate(samples, now.at_ms, begun, limits.deadline)));
        let found = match found {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("rule `{}`: it panicked", self.name())),
        };
        self.schedule.plan(now, begun.elapsed());
        match found {
            Ok(elements) => {
                self.succeeded_ms = now.steady_ms;
                let (touched, left_out) = self.found(elements, limits, derived);
                let failure = left_out.message(self.name(), limits.alerts, derived.most());
                (touched, self.turn(failure))
            }
            Err(message) => {
                let is_long_ago = now.steady_ms.saturating_sub(self.succeeded_ms) >= LOOKBACK_MS.unsigned_abs();
                let ended = if is_long_ago { self.end(&[], derived) } else { Vec::new() };
                (ended, self.turn(Some(message)))
            }
        }
    }

    fn evaluate(
        &self,
        samples: &Joined,
        at_ms: i64,
        begun: Instant,
        deadline: Duration,
    ) -> Result<Vec<(Labels, f64)>, Error> {
        let question = self.question.as_ref().ok_or_else(|| Error::rule(self.name(), "it has no expression"))?;
        let rough = Rough(samples);
        let question = question.ask(if self.is_rough { &rough } else { samples });
        let question = if let Some(by) = begun.checked_add(deadline) { question.deadline(by) } else { question };
        self.recording.ask(&question, at_ms)
    }

    /// Sets the series of a result, and ends those that are not in it any more.
    fn found(&mut self, elements: Vec<(Labels, f64)>, limits: Limits, derived: &mut Derived) -> (Vec<usize>, LeftOut) {
        let mut left_out = LeftOut::default();
        let mut current = Vec::with_capacity(elements.len());
        for (labels, value) in elements {
            match self.claim(&labels, limits, derived) {
                Ok(Some(number)) => {
                    derived.set(number, value);
                    current.push(number);
                }
                Ok(None) => left_out.of_rule += 1,
                Err(Refused::Full) => left_out.of_all += 1,
                Err(Refused::Taken) => left_out.taken.get_or_insert((labels, 0)).1 += 1,
            }
        }
        current.sort_unstable();
        let ended = self.end(&current, derived);
        self.current.clone_from(&current);
        current.extend(ended);
        (current, left_out)
    }

    /// The number of a series; none if the rule has as many as it may have.
    fn claim(&mut self, labels: &Labels, limits: Limits, derived: &mut Derived) -> Result<Option<usize>, Refused> {
        if let Some(&number) = self.series.get(labels) {
            return derived.reclaim(number, self.number).map(|()| Some(number));
        }
        if self.series.len() >= limits.alerts {
            return Ok(None);
        }
        let number = derived.claim(key(labels), self.number)?;
        self.series.insert(labels.clone(), number);
        Ok(Some(number))
    }

    /// Ends its series but those that stay, which are sorted. Which ones have ended.
    fn end(&mut self, staying: &[usize], derived: &mut Derived) -> Vec<usize> {
        let mut before = std::mem::take(&mut self.current);
        before.retain(|number| staying.binary_search(number).is_err() && derived.end(*number, self.number));
        before
    }

    /// Takes note of a failure, or that there is none, and says so when it changes.
    fn turn(&mut self, failure: Option<String>) -> Turn {
        let before = std::mem::replace(&mut self.failure, failure);
        match (before, &self.failure) {
            (None, Some(message)) => {
                report::line(format_args!("{message}"));
                Turn::Failed
            }
            (Some(_), None) => {
                report::line(format_args!("rule `{}` works again", self.name()));
                Turn::Works
            }
            _ => Turn::Same,
        }
    }
}

impl LeftOut {
    /// What there is to say of it.
    fn message(&self, rule: &str, most: usize, most_of_all: usize) -> Option<String> {
        let cure = "sum by fewer labels";
        if let Some((labels, others)) = &self.taken {
            let others = if *others > 1 { format!(" and {} more", others - 1) } else { String::new() };
            let message = format!("{labels}{others} is recorded by another rule as well; give one of them a label");
            return Some(format!("rule `{rule}`: {message}"));
        }
        if self.of_rule > 0 {
            let of_rule = self.of_rule;
            return Some(format!("rule `{rule}`: it has recorded {most} series, and {of_rule} are left out; {cure}"));
        }
        let of_all = self.of_all;
        (of_all > 0).then(|| {
            format!("rule `{rule}`: rules have recorded {most_of_all} series, and {of_all} of it are left out; {cure}")
        })
    }
}

/// What the store calls a series of these labels. The service is the one that the labels name. If they name none it has
/// none: it is not of this program but of what it was summed from, and joins with other series go by equal labels.
fn key(labels: &Labels) -> SeriesKey {
    let own = labels.iter().filter(|(label, _)| !matches!(*label, NAME | "service"));
    SeriesKey {
        name: labels.name().to_owned(),
        kind: MetricKind::Gauge,
        unit: String::new(),
        service: Some(labels.get("service").unwrap_or_default().to_owned()),
        labels: own.map(|(label, value)| (label.to_owned(), value.to_owned())).collect(),
    }
}
