//! A rule at work: its alerts, and whether it can be evaluated.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    super::{
        condition::Condition,
        evaluate::{Elements, evaluate, evaluate_read, observed},
        event::Event,
        model::Rule,
        step::{Observed, Tick, step},
    },
    clock::Now,
    function::{Answer, Function},
    joined::{Joined, Rough},
    schedule::Schedule,
    tracked::Tracked,
};
use crate::{
    error::Error,
    promql::{Labels, Prepared, Reach, Source},
    util::report,
};

/// For so long two messages about failures of one rule are enough.
const WHILE_MS: u64 = 600_000;

/// What a rule may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many alerts it has at most, or series that it records. Those that are known stay; further ones are left out, and
    /// that is told.
    pub(crate) alerts: usize,
    /// One in how many seconds it may be evaluated for.
    pub(crate) share: u64,
    /// How long an expression may take. One that takes longer has failed.
    pub(crate) deadline: Duration,
    /// How long a flush waits for functions of the program, for all of them together.
    pub(crate) grace: Duration,
}

impl Limits {
    pub(crate) const USUAL: Self =
        Self { alerts: 10_000, share: 50, deadline: Duration::from_secs(2), grace: Duration::from_millis(10) };
}

/// A rule of a running monitor.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) rule: Rule,
    /// Its expression, if it has one.
    question: Option<Prepared>,
    /// Whether windows of five minutes do for what is long ago.
    pub(super) is_rough: bool,
    /// Its function, if that decides.
    function: Option<Function>,
    pub(super) alerts: BTreeMap<Labels, Tracked>,
    /// Why it could not be evaluated the last time.
    pub(super) failure: Option<String>,
    /// Whether it was said to fail, and when things were said of that, by the steady clock.
    is_said_to_fail: bool,
    said_ms: Vec<u64>,
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
            function: match rule.condition() {
                Condition::Closure(_, closure) => Some(Function::new(&rule, closure)),
                _ => None,
            },
            rule,
            alerts: BTreeMap::new(),
            failure: None,
            is_said_to_fail: false,
            said_ms: Vec::new(),
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

    /// Whether it is to be run. One whose function was asked is, until there is an answer.
    pub(super) fn is_due(&self, now: Now) -> bool {
        self.schedule.is_due(now) || self.is_asked()
    }

    /// Whether it can wait for the next flush if this one has taken too long: of a cheap rule that is not worth it.
    pub(super) const fn can_wait(&self) -> bool {
        self.evaluated_ms.is_none() || self.schedule.interval_ms > self.schedule.every_ms()
    }

    /// Whether its function thinks about an answer.
    pub(super) fn is_asked(&self) -> bool {
        self.function.as_ref().is_some_and(Function::is_asked)
    }

    /// Whether its function has an answer.
    pub(super) fn has_answered(&self) -> bool {
        self.function.as_ref().is_some_and(Function::has_answered)
    }

    /// Asks its function, if that decides.
    pub(super) fn ask(&mut self, samples: &Arc<Joined>, now: Now) {
        if let Some(function) = &mut self.function {
            function.ask(samples, now);
        }
    }

    /// Evaluates it, takes all its alerts on, and plans the next time. `None` if its function goes on thinking, after it
    /// was waited for as long as `grace`.
    pub(super) fn run(
        &mut self,
        samples: &Joined,
        now: Now,
        limits: Limits,
        grace: Duration,
    ) -> Option<(Happened, Turn)> {
        let (at, Answer { found, took }) = match &mut self.function {
            Some(function) => function.answer(grace, now)?,
            None => (now, self.express(samples, now, limits.deadline)),
        };
        let tick = Tick {
            wall_ms: at.wall_ms,
            elapsed_ms: self.evaluated_ms.map_or(0, |last| at.steady_ms.saturating_sub(last)),
            interval_ms: self.schedule.interval_ms,
        };
        (self.evaluated_ms, self.evaluated_wall_ms) = (Some(at.steady_ms), at.wall_ms);
        self.schedule.plan(at, took);
        Some(match found {
            Ok(elements) => self.found(elements, tick, limits.alerts, at.steady_ms),
            Err(message) => {
                let happened =
                    self.take_on(self.alerts.keys().map(|labels| (labels.clone(), Observed::Failed)).collect(), tick);
                (happened, self.turn(Some(message), at.steady_ms))
            }
        })
    }

    /// What its expression says.
    fn express(&self, samples: &Joined, now: Now, deadline: Duration) -> Answer {
        let begun = Instant::now();
        let rough = Rough(samples);
        let samples: &dyn Source = if self.is_rough { &rough } else { samples };
        let found = catch_unwind(AssertUnwindSafe(|| self.evaluate(samples, now.at_ms, begun.checked_add(deadline))));
        let found = match found {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("rule `{}`: it panicked", self.rule.name())),
        };
        let took = begun.elapsed();
        let found = if took > deadline && found.is_ok() {
            Err(format!("rule `{}`: it took {:.1} s, longer than {deadline:?}", self.rule.name(), took.as_secs_f64()))
        } else {
            found
        };
        Answer { found, took }
    }

    fn found(&mut self, mut elements: Elements, tick: Tick, most: usize, steady_ms: u64) -> (Happened, Turn) {
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
        (happened, self.turn(message, steady_ms))
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

    /// Takes note of a failure, or that there is none, and says so when it changes; but not more than twice in a while, so
    /// that a rule that fails now and then fills no mailbox. What has come of it is said after that.
    fn turn(&mut self, failure: Option<String>, steady_ms: u64) -> Turn {
        self.failure = failure;
        self.said_ms.retain(|said| steady_ms.saturating_sub(*said) < WHILE_MS);
        if self.failure.is_some() == self.is_said_to_fail || self.said_ms.len() >= 2 {
            return Turn::Same;
        }
        self.said_ms.push(steady_ms);
        self.is_said_to_fail = self.failure.is_some();
        if let Some(message) = &self.failure {
            report::line(format_args!("{message}. Its alerts stay as they are until it works again"));
            Turn::Failed
        } else {
            report::line(format_args!("rule `{}` works again", self.rule.name()));
            Turn::Works
        }
    }
}
