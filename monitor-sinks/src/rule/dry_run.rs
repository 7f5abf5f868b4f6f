//! What a rule would have done on what is recorded.
//!
//! The expression is asked once, over all of the time, and its answer is stepped through: the same steps as the running
//! monitor takes. Other thresholds are tried on the same answer.

use std::{collections::BTreeMap, time::Duration};

use super::{
    condition::{Condition, Level},
    engine::Listener,
    evaluate::evaluate,
    event::{Event, EventKind},
    model::Rule,
    step::{Observed, Tick},
};
use crate::{
    error::Error,
    notify::Severity,
    promql::{Data, Labels, Query, Source},
};

/// What a rule would have done.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// How many incidents would have begun.
    pub firings: usize,
    /// How long there would have been an incident, summed over all alerts.
    pub total: Duration,
    /// The incidents in the order in which they begin.
    pub incidents: Vec<Incident>,
    /// How many messages each channel would have been given, if none was silenced or grouped with others: beginnings,
    /// escalations, ends, repetitions, missing data; of an alert that comes again within an hour, only that it does.
    pub notifications: usize,
}

/// One incident of a dry run. Instants in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Incident {
    /// Of which alert.
    pub labels: Labels,
    /// The highest severity that it reached.
    pub severity: Severity,
    /// When it began.
    pub started_ms: i64,
    /// When it ended; nothing if it goes on.
    pub ended_ms: Option<i64>,
    /// The value that it began with.
    pub value: Option<f64>,
}

/// What a threshold would have done, tried in place of the rule's own.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tried {
    /// The threshold.
    pub threshold: f64,
    /// What the rule would have done with it.
    pub report: Report,
}

/// The most evaluations of a dry run: a month of them, one each second.
const MOST_STEPS: i64 = 31 * 86_400;

/// What a rule would have done between two instants, evaluated every `step`; all in milliseconds, instants since 1970.
///
/// # Errors
///
/// If the rule makes no sense ([`Rule::check`]), the time has no or too many steps, or the expression has no answer.
///
/// # Examples
///
/// ```
/// use monitor_sinks::{promql::{Labels, Memory}, rule::{Rule, dry_run}};
///
/// let mut memory = Memory::new();
/// let cpu = Labels::new([("__name__", "cpu")]);
/// for (second, value) in [60.0, 90.0, 90.0, 60.0].into_iter().enumerate() {
///     memory.push(&cpu, second as i64 * 1000, value);
/// }
/// let report = dry_run(&Rule::new("high_cpu").when("cpu").above(80.0), &memory, 0, 3_000, 1_000)?;
/// assert_eq!((report.firings, report.total.as_secs(), report.notifications), (1, 2, 2));
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
pub fn dry_run(rule: &Rule, source: &dyn Source, from_ms: i64, to_ms: i64, step_ms: i64) -> Result<Report, Error> {
    let history = History::read(rule, source, from_ms, to_ms, step_ms)?;
    Ok(history.replay(rule))
}

/// What a rule with one threshold would have done with others. A clear threshold keeps its distance.
///
/// # Errors
///
/// As for [`dry_run`], and if the rule does not have exactly one threshold.
pub fn sweep(
    rule: &Rule,
    source: &dyn Source,
    from_ms: i64,
    to_ms: i64,
    step_ms: i64,
    thresholds: &[f64],
) -> Result<Vec<Tried>, Error> {
    let Condition::Levels(levels) = rule.condition() else {
        return Err(Error::rule(rule.name(), "it has no threshold that others could be tried for"));
    };
    let [level] = levels[..] else {
        return Err(Error::rule(rule.name(), "it has several thresholds; try others for a rule with one of them"));
    };
    let history = History::read(rule, source, from_ms, to_ms, step_ms)?;
    let tried = |threshold: f64| {
        let clear = level.clear.map(|clear| clear - level.threshold + threshold);
        let changed = rule.clone().with_levels(vec![Level { threshold, clear, ..level }]);
        changed.check().map(|()| Tried { threshold, report: history.replay(&changed) })
    };
    thresholds.iter().map(|threshold| tried(*threshold)).collect()
}

/// What a rule found at each evaluation.
struct History {
    from_ms: i64,
    step_ms: i64,
    steps: usize,
    /// The values of each element; not-a-number where there is none, but for results that are alerts by being there.
    lines: BTreeMap<Labels, Vec<Option<f64>>>,
}

impl History {
    fn read(rule: &Rule, source: &dyn Source, from_ms: i64, to_ms: i64, step_ms: i64) -> Result<Self, Error> {
        rule.check()?;
        if step_ms <= 0 || to_ms < from_ms || (to_ms - from_ms) / step_ms >= MOST_STEPS {
            let message = format!("a dry run has 1 to {MOST_STEPS} evaluations; give a shorter time or a longer step");
            return Err(Error::rule(rule.name(), message));
        }
        let steps = ((to_ms - from_ms) / step_ms) as usize + 1;
        let mut history = Self { from_ms, step_ms, steps, lines: BTreeMap::new() };
        if let Condition::Closure(..) = rule.condition() {
            for at in 0..steps {
                let elements = evaluate(rule, source, history.instant(at), None)?;
                for (labels, value) in elements {
                    history.put(labels, at, value);
                }
            }
            return Ok(history);
        }
        let answer = Query::new(source, rule.question()).max_steps(steps + 1).range(from_ms, to_ms, step_ms);
        let Data::Matrix(lines) = answer.map_err(|error| Error::rule(rule.name(), error))?.into_data() else {
            return Err(Error::rule(rule.name(), "the expression has no values over time"));
        };
        for line in lines {
            let labels = line.labels.without_name();
            if history.lines.contains_key(&labels) {
                let message = format!("two elements of the result have the labels {labels}; tell them apart");
                return Err(Error::rule(rule.name(), message));
            }
            for point in line.points {
                let at = ((point.time - from_ms) / step_ms) as usize;
                history.put(labels.clone(), at, point.value.as_float().unwrap_or(f64::NAN));
            }
        }
        Ok(history)
    }

    fn instant(&self, at: usize) -> i64 {
        self.from_ms + i64::try_from(at).unwrap_or(0) * self.step_ms
    }

    fn put(&mut self, labels: Labels, at: usize, value: f64) {
        self.lines.entry(labels).or_insert_with(|| vec![None; self.steps])[at] = Some(value);
    }

    /// Steps all alerts through it.
    fn replay(&self, rule: &Rule) -> Report {
        let mut report = Report { firings: 0, total: Duration::ZERO, incidents: Vec::new(), notifications: 0 };
        for (labels, values) in &self.lines {
            self.replay_line(rule, labels, values, &mut report);
        }
        if self.lines.is_empty() {
            // Nothing at all was found; that is missing data, too.
            self.replay_line(rule, &Labels::empty(), &vec![None; self.steps], &mut report);
        }
        report.incidents.sort_by_key(|incident| incident.started_ms);
        report.firings = report.incidents.len();
        report
    }

    fn replay_line(&self, rule: &Rule, labels: &Labels, values: &[Option<f64>], report: &mut Report) {
        let first = values.iter().position(Option::is_some).unwrap_or(0);
        let mut alert = Listener::new(rule);
        let interval_ms = self.step_ms.unsigned_abs();
        for (at, value) in values.iter().enumerate().skip(first) {
            let wall_ms = self.instant(at);
            let elapsed_ms = if at == first { 0 } else { interval_ms };
            let seen = value.map_or(Observed::Absent, Observed::Value);
            let was_active = alert.state().is_active();
            let (events, messages) = alert.step(seen, Tick { wall_ms, elapsed_ms, interval_ms });
            for event in &events {
                report.take(labels, event);
            }
            report.notifications += messages;
            if was_active {
                report.total += Duration::from_millis(interval_ms);
            }
        }
    }
}

impl Report {
    fn take(&mut self, labels: &Labels, event: &Event) {
        let open = self.incidents.iter_mut().rev().find(|incident| incident.labels == *labels);
        match (event.kind, open) {
            (EventKind::Fired, _) => self.incidents.push(Incident {
                labels: labels.clone(),
                severity: event.severity,
                started_ms: event.at_ms,
                ended_ms: None,
                value: event.value,
            }),
            (EventKind::Escalated { .. }, Some(incident)) => incident.severity = incident.severity.max(event.severity),
            (EventKind::Resolved { .. }, Some(incident)) => incident.ended_ms = Some(event.at_ms),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promql::Memory, rule::Elements};

    fn memory(values: &[f64]) -> Memory {
        let mut memory = Memory::new();
        for (at, value) in (0..).zip(values) {
            memory.push(&Labels::new([("__name__", "cpu"), ("host", "h1")]), at * 10_000, *value);
        }
        memory
    }

    fn rule() -> Rule {
        Rule::new("high_cpu").when("cpu").above(80.0).clear_below(75.0)
    }

    #[test]
    fn incidents_have_their_beginning_their_end_and_their_worst() {
        let rule = rule().level(Level::new(Severity::Critical, crate::rule::Comparison::Above, 95.0));
        let memory = memory(&[70., 81., 96., 96., 60., 60., 85.]);
        let report = dry_run(&rule, &memory, 0, 60_000, 10_000).unwrap();
        let [first, second] = &report.incidents[..] else { panic!("{report:?}") };
        assert_eq!((first.started_ms, first.ended_ms, first.severity), (10_000, Some(40_000), Severity::Critical));
        assert_eq!((second.started_ms, second.ended_ms, second.severity), (60_000, None, Severity::Medium));
        assert_eq!((report.firings, report.total, report.notifications), (2, Duration::from_secs(30), 4));
        assert_eq!(first.labels.to_string(), r#"{host="h1"}"#);
    }

    #[test]
    fn of_an_alert_that_comes_and_goes_few_messages_are_counted_as_in_a_running_monitor() {
        let values: Vec<f64> = (0..720).map(|at| if at < 360 && at / 6 % 2 == 0 { 90.0 } else { 60.0 }).collect();
        let report = dry_run(&rule().channels(["mail"]), &memory(&values), 0, 7_190_000, 10_000).unwrap();
        assert_eq!((report.firings, report.notifications), (30, 4));
    }

    #[test]
    fn other_thresholds_are_tried_on_the_same_answer() {
        let memory = memory(&[70., 81., 60., 86., 60., 91., 60.]);
        let tried = sweep(&rule(), &memory, 0, 60_000, 10_000, &[80.0, 85.0, 90.0, 95.0]).unwrap();
        assert_eq!(tried.iter().map(|tried| tried.report.firings).collect::<Vec<_>>(), [3, 2, 1, 0]);
        let error = sweep(&Rule::new("r").when("up == 0"), &memory, 0, 1, 1, &[1.0]).unwrap_err();
        assert_eq!(error.to_string(), "rule `r`: it has no threshold that others could be tried for");
    }

    #[test]
    fn the_running_rule_and_the_dry_run_tell_the_same() {
        let values: Vec<f64> = (0..400).map(|at| 60.0 + f64::from(at / 7 * 37 % 53)).collect();
        let memory = memory(&values);
        let rule = rule().held_for(Duration::from_secs(20)).keep_firing(Duration::from_secs(10));
        let mut alerts = crate::rule::alerts::Alerts::new(&rule, 10_000);
        let mut fired = Vec::new();
        for at in 0..420 {
            let elements: Elements = evaluate(&rule, &memory, at * 10_000, None).unwrap();
            let events = alerts.tick(&elements, at * 10_000);
            fired.extend(
                events.iter().filter(|(_, event)| event.kind == EventKind::Fired).map(|(_, event)| event.at_ms),
            );
        }
        let report = dry_run(&rule, &memory, 0, 4_190_000, 10_000).unwrap();
        assert_eq!(report.incidents.iter().map(|incident| incident.started_ms).collect::<Vec<_>>(), fired);
        assert!(fired.len() > 3, "{fired:?}");
    }

    #[test]
    fn a_time_without_end_is_refused() {
        for (from, to, step) in [(0, 10, 0), (10, 0, 1), (0, i64::MAX, 1)] {
            assert!(dry_run(&rule(), &Memory::new(), from, to, step).unwrap_err().is_of_rule());
        }
    }

    /// Run with `--release -- --ignored`: a week at 10 s within 50 ms.
    #[test]
    #[ignore = "a measurement; `cargo xtask prove` runs it, optimised"]
    fn a_week_is_run_in_less_than_a_blink() {
        let values: Vec<f64> = (0..60_480).map(|at| 70.0 + f64::from(at * 7919 % 1000) / 50.0).collect();
        let memory = memory(&values);
        for expr in ["cpu", "avg_over_time(cpu[5m])"] {
            let rule = Rule::new("r").when(expr).above(80.0).held_for(Duration::from_mins(1));
            let took = (0..5).map(|_| {
                let begun = std::time::Instant::now();
                let report = dry_run(&rule, &memory, 0, 604_790_000, 10_000).unwrap();
                assert!(report.firings < 60_480);
                begun.elapsed()
            });
            let took = took.min().unwrap();
            println!("{expr}: {took:?}");
            assert!(took <= Duration::from_millis(50), "{expr}: {took:?}");
        }
    }
}
