//! How an alert goes on: from its state and what was seen to its next state and what there is to tell.
//!
//! Each threshold of a rule is watched by itself: it is off, rises for as long as the rule asks for, is on, and falls for as
//! long as the rule keeps firing. Everything else follows: the alert fires while a threshold is on, recovers while one
//! falls, is pending while one rises, and has the highest severity of those that are on or falling. So `for` and
//! `keep_firing` hold for an escalation as for the first alarm.
//!
//! Time counts between two evaluations that both had an answer, and no more than two intervals of it: what happened while
//! nobody looked is not known. Neither a clock that is set nor a downtime can make an alert fire or resolve.

use std::time::Duration;

use super::{
    condition::{Condition, Level},
    event::{Event, EventKind, Reason},
    model::{Missing, Rule},
    state::{Lifecycle, State, Watch},
};
use crate::notify::Severity;

/// What an evaluation saw of one alert.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Observed {
    /// The element is in the result, with this value.
    Value(f64),
    /// The condition is known not to hold, without a value that says so.
    Clear,
    /// The element is not in the result.
    Absent,
    /// The rule could not be evaluated.
    Failed,
}

/// When an evaluation took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Milliseconds since 1970, for display only: may jump.
    pub wall_ms: i64,
    /// Milliseconds since the last evaluation of this rule, by a clock that is never set; 0 for the first one of a process.
    pub elapsed_ms: u64,
    /// Milliseconds from one evaluation to the next, as planned.
    pub interval_ms: u64,
}

/// Takes an alert on by one evaluation.
///
/// A function of its arguments alone. Allocates only for what there is to tell, and for the list of the last changes.
///
/// # Examples
///
/// ```
/// use monitor_sinks::rule::{EventKind, Observed, Rule, State, Tick, step};
///
/// let rule = Rule::new("high_cpu").when("cpu").above(80.0);
/// let mut state = State::default();
/// let tick = Tick { wall_ms: 1_000, elapsed_ms: 0, interval_ms: 1_000 };
/// let events = step(&rule, &mut state, Observed::Value(95.0), tick);
/// assert_eq!(events[0].kind, EventKind::Fired);
/// ```
pub fn step(rule: &Rule, state: &mut State, observed: Observed, tick: Tick) -> Vec<Event> {
    let cap = tick.interval_ms.saturating_mul(2);
    let passed = tick.elapsed_ms.min(cap);
    state.watched_ms = state.watched_ms.saturating_add(passed);
    let mut step = Step { rule, state, tick, passed, events: Vec::new() };
    step.run(observed);
    step.events
}

/// Ends an alert whose rule is gone; what there is to tell, if it had an incident.
pub fn remove(state: &mut State, wall_ms: i64) -> Option<Event> {
    let severity = state.severity.filter(|_| state.is_active())?;
    state.watches = [Watch::Off; 4];
    state.severity = None;
    state.lifecycle = Lifecycle::Resolved;
    state.since_ms = wall_ms;
    let kind = EventKind::Resolved { reason: Reason::RuleRemoved };
    Some(Event { kind, severity, value: state.last_value, at_ms: wall_ms, incident: state.incident })
}

/// An alert whose value is this near to its threshold must stay clear for so long.
const SETTLE_MS: u64 = 120_000;
/// More changes than this, in this many windows, are flapping.
const MANY_CHANGES: usize = 6;
const WINDOWS: u64 = 10;
/// A window is at least so long.
const LEAST_WINDOW_MS: u64 = 60_000;
/// So long without a change ends it.
const QUIET_MS: u64 = 3_600_000;
/// Data must have been missing for this many intervals, and for so long, before it is told.
const MISSING_INTERVALS: u64 = 5;
const LEAST_MISSING_MS: u64 = 120_000;

struct Step<'a> {
    rule: &'a Rule,
    state: &'a mut State,
    tick: Tick,
    /// How much of the time since the last evaluation counts.
    passed: u64,
    events: Vec<Event>,
}

/// What a value says of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fires,
    /// Neither does it fire, nor has it cleared.
    Stays,
    /// It has cleared, but may be beyond the threshold again in a moment.
    Near,
    Clear,
}

impl Step<'_> {
    fn run(&mut self, observed: Observed) {
        match observed {
            Observed::Failed => self.state.seen = false,
            Observed::Absent => self.missing(),
            Observed::Value(value) if value.is_nan() && !self.is_present() => self.missing(),
            Observed::Value(value) => {
                self.state.last_value = Some(value);
                self.found();
                self.judge(Reason::Cleared, |condition, severity| verdict(condition, severity, value));
            }
            Observed::Clear => {
                self.found();
                self.judge(Reason::Cleared, |_, _| Verdict::Clear);
            }
        }
        self.calm();
    }

    fn is_present(&self) -> bool {
        matches!(self.rule.condition(), Condition::Present(_))
    }

    /// There is a value.
    fn found(&mut self) {
        self.state.missing_ms = 0;
        if std::mem::take(&mut self.state.no_data) {
            self.tell(EventKind::DataBack);
        }
    }

    /// There is no value, and nobody knows why.
    fn missing(&mut self) {
        match self.rule.missing_policy() {
            Missing::Resolve if self.is_present() => self.judge(Reason::Cleared, |_, _| Verdict::Clear),
            Missing::Resolve => self.judge(Reason::Missing, |_, _| Verdict::Clear),
            Missing::Fire => {
                let lowest = self.rule.condition().lowest();
                let fires = |severity| if severity == lowest { Verdict::Fires } else { Verdict::Clear };
                self.judge(Reason::Missing, |_, severity| fires(severity));
            }
            Missing::Ignore => {
                if let Some(value) = self.state.last_value {
                    self.judge(Reason::Cleared, |condition, severity| verdict(condition, severity, value));
                }
            }
            Missing::Keep => self.keep(),
        }
    }

    fn keep(&mut self) {
        self.state.seen = false;
        self.state.missing_ms = self.state.missing_ms.saturating_add(self.passed);
        let long = LEAST_MISSING_MS.max(self.tick.interval_ms.saturating_mul(MISSING_INTERVALS));
        let is_told = self.state.is_active() || self.rule.alerts_on_no_data();
        if !self.state.no_data && is_told && self.state.missing_ms >= long {
            self.state.no_data = true;
            self.tell(EventKind::NoData);
        }
    }

    /// Moves all thresholds on, and the alert with them.
    fn judge(&mut self, reason: Reason, verdict: impl Fn(&Condition, Severity) -> Verdict) {
        let passed = if self.state.seen { self.passed } else { 0 };
        self.state.seen = true;
        let condition = self.rule.condition();
        adopt(&mut self.state.watches, condition);
        let waits = Waits { held_for: millis(self.rule.held_for_time()), keep: millis(self.rule.keep_firing_time()) };
        for (severity, watch) in Severity::ALL.into_iter().zip(&mut self.state.watches) {
            if condition.has(severity) {
                *watch = watch.moved(verdict(condition, severity), passed, waits);
            }
        }
        self.settle(reason);
    }

    /// Draws from the thresholds what the alert is now.
    fn settle(&mut self, reason: Reason) {
        let watches = Severity::ALL.into_iter().zip(self.state.watches);
        let highest = watches.filter(|(_, watch)| watch.is_active()).map(|(severity, _)| severity).max();
        let was_active = self.state.is_active();
        let is = |wanted: fn(&Watch) -> bool| self.state.watches.iter().any(wanted);
        let lifecycle = match highest {
            Some(_) if is(|watch| *watch == Watch::On) => Lifecycle::Firing,
            Some(_) => Lifecycle::Recovering,
            None if was_active => Lifecycle::Resolved,
            None if is(|watch| matches!(watch, Watch::Rising(_))) => Lifecycle::Pending,
            None => Lifecycle::Inactive,
        };
        if lifecycle != self.state.lifecycle {
            self.state.lifecycle = lifecycle;
            self.state.since_ms = self.tick.wall_ms;
        }
        let before = std::mem::replace(&mut self.state.severity, highest);
        match (before.filter(|_| was_active), highest) {
            (None, Some(_)) => {
                self.state.incident += 1;
                self.state.started_ms = self.tick.wall_ms;
                self.changed(EventKind::Fired);
            }
            (Some(from), Some(to)) if from < to => self.changed(EventKind::Escalated { from }),
            (Some(from), Some(to)) if from > to => self.changed(EventKind::Deescalated { from }),
            (Some(severity), None) => {
                self.state.severity = Some(severity);
                self.changed(EventKind::Resolved { reason });
                self.state.severity = None;
            }
            _ => {}
        }
    }

    /// Tells a change, and whether there were too many of them.
    fn changed(&mut self, kind: EventKind) {
        self.tell(kind);
        let State { changes, watched_ms, flapping, .. } = &mut *self.state;
        changes.push(*watched_ms);
        if changes.len() > MANY_CHANGES + 1 {
            changes.remove(0);
        }
        let longest = millis(self.rule.held_for_time()).max(millis(self.rule.keep_firing_time()));
        let window = longest.max(LEAST_WINDOW_MS).max(self.tick.interval_ms);
        let is_often = changes.len() > MANY_CHANGES && *watched_ms - changes[0] <= window.saturating_mul(WINDOWS);
        if is_often && !std::mem::replace(flapping, true) {
            self.tell(EventKind::Flapping);
        }
    }

    fn calm(&mut self) {
        let last = self.state.changes.last().copied().unwrap_or(0);
        if self.state.flapping && self.state.watched_ms - last >= QUIET_MS {
            self.state.flapping = false;
            self.state.changes.clear();
            self.tell(EventKind::Calm);
        }
    }

    fn tell(&mut self, kind: EventKind) {
        let &mut State { severity, last_value, incident, .. } = self.state;
        let severity = severity.unwrap_or_else(|| self.rule.condition().lowest());
        self.events.push(Event { kind, severity, value: last_value, at_ms: self.tick.wall_ms, incident });
    }
}

/// How long thresholds rise and fall, in milliseconds.
#[derive(Clone, Copy)]
struct Waits {
    held_for: u64,
    keep: u64,
}

impl Watch {
    fn moved(self, verdict: Verdict, passed: u64, waits: Waits) -> Self {
        let rise = |ms: u64| if ms >= waits.held_for { Self::On } else { Self::Rising(ms) };
        let keep = if verdict == Verdict::Near { waits.keep.max(SETTLE_MS) } else { waits.keep };
        let fall = |ms: u64| if ms >= keep { Self::Off } else { Self::Falling(ms) };
        match (self, verdict) {
            (Self::Off, Verdict::Fires) => rise(0),
            (Self::Rising(ms), Verdict::Fires) => rise(ms.saturating_add(passed)),
            (Self::Off | Self::Rising(_), _) => Self::Off,
            (Self::On | Self::Falling(_), Verdict::Fires | Verdict::Stays) => Self::On,
            (Self::On, Verdict::Near | Verdict::Clear) => fall(0),
            (Self::Falling(ms), Verdict::Near | Verdict::Clear) => fall(ms.saturating_add(passed)),
        }
    }

    fn is_active(self) -> bool {
        matches!(self, Self::On | Self::Falling(_))
    }
}

/// What a value says of the threshold that has this severity.
fn verdict(condition: &Condition, severity: Severity, value: f64) -> Verdict {
    let of_level = |level: &Level| match level {
        level if level.fires(value) => Verdict::Fires,
        level if level.stays(value) => Verdict::Stays,
        level if level.is_near(value) => Verdict::Near,
        _ => Verdict::Clear,
    };
    match condition {
        Condition::Levels(levels) => {
            levels.iter().find(|level| level.severity == severity).map_or(Verdict::Clear, of_level)
        }
        Condition::Closure(..) if value == 0.0 => Verdict::Clear,
        Condition::Present(_) | Condition::Closure(..) => Verdict::Fires,
    }
}

/// Hands what a threshold has come to over to the next one when the rule has got other severities meanwhile, so that an
/// edited rule goes on where it was.
fn adopt(watches: &mut [Watch; 4], condition: &Condition) {
    for at in (0..watches.len()).filter(|at| !condition.has(Severity::ALL[*at])) {
        let watch = std::mem::take(&mut watches[at]);
        let above = Severity::ALL[at..].iter().copied().find(|above| condition.has(*above));
        let below = Severity::ALL[..at].iter().rev().copied().find(|below| condition.has(*below));
        if let Some(heir) = above.or(below).filter(|_| watch != Watch::Off) {
            let own = &mut watches[heir as usize];
            if *own == Watch::Off {
                *own = watch;
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
