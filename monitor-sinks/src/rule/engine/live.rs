//! A rule at work: its alerts, and whether it can be evaluated.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::{
    super::{
        evaluate::{Elements, evaluate, evaluate_read, observed},
        event::Event,
        model::Rule,
        step::{Observed, Tick, step},
    },
    clock::Now,
    schedule::Schedule,
    tracked::Tracked,
};
use crate::{
    error::Error,
    promql::{Labels, Prepared, Reach, Source},
    util::report,
};

/// A rule that takes longer than this has failed.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// What a rule may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many alerts it has at most, or series that it records. Those that are known stay; further ones are left out, and
    /// that is told.
    pub(crate) alerts: usize,
    /// One in how many seconds it may be evaluated for.
    pub(crate) share: u64,
}

impl Limits {
    pub(crate) const USUAL: Self = Self { alerts: 10_000, share: 50 };
}

/// A rule of a running monitor.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) rule: Rule,
    /// Its expression, if it has one.
    question: Option<Prepared>,
    /// Whether windows of five minutes do for what is long ago.
    pub(super) is_rough: bool,
    pub(super) alerts: BTreeMap<Labels, Tracked>,
    /// Why it could not be evaluated the last time.
    pub(super) failure: Option<String>,
    /// When it was evaluated last, by both clocks.
    pub(super) evaluated_ms: Option<u64>,
    pub(super) evaluated_wall_ms: i64,
    /// How many elements its result had.
    pub(super) elements: usize,
    /// What of this has been written.
    pub(super) saved: Option<(u64, Option<String>)>,
    pub(super) schedule: Schedule,
}

/// What an evaluation has brought: for each alert that anything happened to, what it was.
pub(super) type Happened = BTreeMap<Labels, Vec<Event>>;

/// How a rule came out of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Same,
    /// It has begun to fail.
    Failed,
    /// It works again.
    Works,
}

impl Live {
    pub(super) fn new(rule: Rule, schedule: Schedule) -> Self {
        let question = Prepared::new(&rule.question()).ok();
        let schedule = question.as_ref().map_or(schedule, |question| schedule.reaching(&question.reach()));
        Self {
            is_rough: question.as_ref().is_some_and(Prepared::is_of_increases),
            question,
            rule,
            alerts: BTreeMap::new(),
            failure: None,
            evaluated_ms: None,
            evaluated_wall_ms: 0,
            elements: 0,
            saved: None,
            schedule,
        }
    }

    /// What it needs of a source. Of a function nobody knows.
    pub(super) fn reach(&self) -> Reach {
        self.question.as_ref().map_or(Reach { names: None, back: Some(0) }, Prepared::reach)
    }

    fn evaluate(&self, source: &dyn Source, at_ms: i64, deadline: Option<Instant>) -> Result<Elements, Error> {
        match &self.question {
            Some(question) => evaluate_read(&self.rule, question, source, at_ms, deadline),
            None => evaluate(&self.rule, source, at_ms, deadline),
        }
    }

    /// Evaluates it, takes all its alerts on, and plans the next time.
    pub(super) fn run(&mut self, source: &dyn Source, now: Now, limits: Limits) -> (Happened, Turn) {
        let begun = Instant::now();
        let found = catch_unwind(AssertUnwindSafe(|| self.evaluate(source, now.at_ms, begun.checked_add(DEADLINE))));
        let found = match found {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("rule `{}`: it panicked", self.rule.name())),
        };
        let took = begun.elapsed();
        let found = if took > DEADLINE && found.is_ok() {
            Err(format!("rule `{}`: it took {:.1} s, longer than {DEADLINE:?}", self.rule.name(), took.as_secs_f64()))
        } else {
            found
        };
        let tick = Tick {
            wall_ms: now.wall_ms,
            elapsed_ms: self.evaluated_ms.map_or(0, |last| now.steady_ms.saturating_sub(last)),
            interval_ms: self.schedule.interval_ms,
        };
        (self.evaluated_ms, self.evaluated_wall_ms) = (Some(now.steady_ms), now.wall_ms);
        self.schedule.plan(now, took);
        match found {
            Ok(elements) => self.found(elements, tick, limits.alerts),
            Err(message) => {
                let happened =
                    self.take_on(self.alerts.keys().map(|labels| (labels.clone(), Observed::Failed)).collect(), tick);
                (happened, self.turn(Some(message)))
            }
        }
    }

    fn found(&mut self, mut elements: Elements, tick: Tick, most: usize) -> (Happened, Turn) {
        self.elements = elements.len();
        let known = elements.keys().filter(|labels| self.alerts.contains_key(labels)).count();
        let room = most.saturating_sub(self.alerts.len());
        let surplus = elements.len().saturating_sub(known).saturating_sub(room);
        if surplus > 0 {
            let mut new = 0;
            elements.retain(|labels, _| {
                let is_known = self.alerts.contains_key(labels);
                new += usize::from(!is_known);
                is_known || new <= room
            });
        }
        let seen = observed(&self.rule, &elements, self.alerts.keys());
        let happened = self.take_on(seen, tick);
        let is_full = surplus > 0;
        let message = is_full.then(|| {
            let name = self.rule.name();
            format!("rule `{name}`: it has {most} alerts, and {surplus} more are left out; sum by fewer labels")
        });
        (happened, self.turn(message))
    }

    fn take_on(&mut self, seen: Vec<(Labels, Observed)>, tick: Tick) -> Happened {
        let mut happened = Happened::new();
        for (labels, observed) in seen {
            let name = self.rule.name();
            let alert = self.alerts.entry(labels).or_insert_with_key(|labels| Tracked::new(name, labels, None));
            let events = step(&self.rule, &mut alert.memory.state, observed, tick);
            let is_gone = observed == Observed::Absent && alert.is_forgettable();
            if !events.is_empty() {
                happened.insert(alert.labels.clone(), events);
            } else if is_gone {
                let labels = alert.labels.clone();
                self.alerts.remove(&labels);
            }
        }
        happened
    }

    /// Takes note of a failure, or that there is none, and says so when it changes.
    fn turn(&mut self, failure: Option<String>) -> Turn {
        let before = std::mem::replace(&mut self.failure, failure);
        match (before, &self.failure) {
            (None, Some(message)) => {
                report::line(format_args!("{message}. Its alerts stay as they are until it works again"));
                Turn::Failed
            }
            (Some(_), None) => {
                report::line(format_args!("rule `{}` works again", self.rule.name()));
                Turn::Works
            }
            _ => Turn::Same,
        }
    }
}
