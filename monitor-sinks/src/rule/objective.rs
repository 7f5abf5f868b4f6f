//! Rules of objectives: what `objective(...)` on a function promises, watched by how fast it is being broken.
//!
//! An objective allows some calls to be bad; that share is its budget. What is worth waking up for is the speed at which the
//! budget is spent, the burn rate: 1 spends just all of it in the time that the objective is about. The rules are those of
//! the Site Reliability Workbook (multiple windows, multiple burn rates): each rate is looked at over a long window, so
//! that it means something, and over one of a twelfth, so that the alert ends soon after its cause does.
//!
//! ```text
//! burn rate   windows        of a budget of 30 days   severity
//!     14.4    1h and 5m      2 % in an hour           critical
//!      6      6h and 30m     5 % in six hours         high
//!      3      1d and 2h      10 % in a day            medium
//!      1      3d and 6h      10 % in three days       low
//! ```
//!
//! What is left of the budget is recorded, to be looked at.

use std::{collections::BTreeMap, time::Duration};

use monitor_core::{Objective, SiteInfo};

use super::{Comparison, Entry, Group, Level, Missing, Recording, Rule};
use crate::{
    notify::Severity,
    promql::syntax::{duration_text, quote},
};

/// A burn rate with its windows, in seconds, and what it is worth.
const BURNS: [(f64, i64, i64, Severity); 4] = [
    (14.4, 3_600, 300, Severity::Critical),
    (6.0, 6 * 3_600, 1_800, Severity::High),
    (3.0, 86_400, 2 * 3_600, Severity::Medium),
    (1.0, 3 * 86_400, 6 * 3_600, Severity::Low),
];
/// The time that budgets are for, in seconds.
const BUDGET: i64 = 30 * 86_400;

/// The name under which what is left of the budget is recorded, from 1 (all) over 0 (nothing) to below.
const LEFT: &str = "function_objective_budget_left:ratio";
/// How far apart evaluations are. Windows of days are read from the store, and little changes in them within a minute.
const EVERY: Duration = Duration::from_mins(1);
/// The label that tells the two promises of an objective apart: `errors` or `latency`.
const OBJECTIVE: &str = "objective";
/// The names of rules that alert begin with it; then the promise and the function follow.
const PREFIX: &str = "objective_";

/// Rules for every objective among functions, such as those of [`sites`](monitor_core::sites): one group a function.
///
/// The same function at two places, and its tags, are one objective; see [`objective_group`].
///
/// # Examples
///
/// ```
/// let groups = monitor_sinks::rule::objective_groups(&monitor_core::sites());
/// assert!(groups.is_empty(), "no function here has promised anything");
/// ```
#[must_use]
pub fn objective_groups(sites: &[SiteInfo]) -> Vec<Group> {
    let mut functions = BTreeMap::new();
    for site in sites {
        let labels = Labels { service: site.service.as_deref(), module: &site.module, function: &site.function };
        if let Some(objective) = site.objective {
            functions.entry(labels).or_insert(objective);
        }
    }
    functions.into_iter().map(|(labels, objective)| group(labels, objective)).collect()
}

/// Whether a rule of this name may be one of an objective.
pub(super) fn is_name(rule: &str) -> bool {
    let promise = rule.strip_prefix(PREFIX).and_then(|rest| rest.split_once(": "));
    promise.is_some_and(|(promise, _)| matches!(promise, "errors" | "latency"))
}

/// Rules for the objective of one function.
///
/// They are evaluated each minute. For each promise the group has one rule with four severities, and records what is left of the budget of 30 days as
/// `function_objective_budget_left:ratio`: 1 is all of it, 0 nothing, and less than 0 a broken promise. An error is a call
/// whose outcome is `error` or `panicked`; a slow call is one that ended, however, but not within its latency.
#[must_use]
pub fn objective_group(service: Option<&str>, module: &str, function: &str, objective: Objective) -> Group {
    group(Labels { service, module, function }, objective)
}

/// What tells one function from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Labels<'a> {
    service: Option<&'a str>,
    module: &'a str,
    function: &'a str,
}

/// One promise: which calls are bad, and how many may be.
struct Promise {
    /// `errors` or `latency`.
    name: &'static str,
    /// The share of calls that may be bad.
    budget: f64,
    /// The share of calls that were bad, over a window that is to be put in.
    bad: fn(&str, &str) -> String,
    /// In words.
    words: String,
}

fn group(labels: Labels<'_>, objective: Objective) -> Group {
    let mut group = Group::new(format!("objective {}", labels.path())).every(EVERY);
    let selector = labels.selector();
    for promise in promises(objective) {
        let left = format!("1 - {} / {}", (promise.bad)(&selector, &window(BUDGET)), promise.budget);
        let recording = labels
            .pairs()
            .into_iter()
            .fold(Recording::new(LEFT, left), |recording, (label, value)| recording.label(label, value));
        group.entries.push(Entry::Record(recording.label(OBJECTIVE, promise.name)));
        group.entries.push(Entry::Alert(Box::new(alert(labels, &selector, &promise))));
    }
    group
}

fn promises(objective: Objective) -> Vec<Promise> {
    let errors = objective.error_bound().map(|percent| Promise {
        name: "errors",
        budget: percent / 100.0,
        bad: |selector, window| {
            let bad =
                format!("sum(increase(function_calls_total{{{selector}, outcome=~\"error|panicked\"}}[{window}]))");
            format!("(({bad} or vector(0)) / {})", calls(selector, window))
        },
        words: format!("at most {percent} % of calls fail"),
    });
    let latency = objective.latency_bound().map(|bound| Promise {
        name: "latency",
        // A share such as 0.1 % is 0.0009999999999999432 otherwise.
        budget: ((100.0 - objective.target()) * 1e9).round() / 1e11,
        bad: |selector, window| {
            let kept = format!("sum(increase(function_calls_within_objective_total{{{selector}}}[{window}]))");
            format!("clamp_min(1 - ({kept} or vector(0)) / {}, 0)", calls(selector, window))
        },
        words: format!("{} % of calls take at most {bound:?}", objective.target()),
    });
    errors.into_iter().chain(latency).collect()
}

/// How many calls ended; nothing if none did, so that the share of bad ones is missing and not 0 / 0.
fn calls(selector: &str, window: &str) -> String {
    format!("(sum(increase(function_calls_total{{{selector}}}[{window}])) > 0)")
}

/// One rule with a severity for each burn rate.
///
/// A rule compares one value with its thresholds, but each burn rate has windows of its own. So the value is a rank: 4 if
/// both windows of the highest rate exceed it, else 3 if those of the next one do, and so on, down to 0.
fn alert(labels: Labels<'_>, selector: &str, promise: &Promise) -> Rule {
    let bad = |seconds: i64| (promise.bad)(selector, &window(seconds));
    let mut terms = Vec::new();
    let mut levels = Vec::new();
    for (rate, long, short, severity) in BURNS {
        let most = rate * promise.budget;
        let rank = severity as usize + 1;
        terms.push(format!("({} > {most} and {} > {most}) * 0 + {rank}", bad(long), bad(short)));
        let mut level = Level::new(severity, Comparison::AtLeast, rank as f64);
        level.clear = Some(level.threshold);
        levels.push(level);
    }
    terms.push(format!("{} * 0", bad(BURNS[BURNS.len() - 1].1)));
    let rule = Rule::new(format!("{PREFIX}{}: {}", promise.name, labels.path())).when(terms.join(" or "));
    let rule = levels.into_iter().fold(rule, Rule::level);
    let rule = labels.pairs().into_iter().fold(rule, |rule, (label, value)| rule.label(label, value));
    rule.label(OBJECTIVE, promise.name)
        .missing(Missing::Resolve)
        .annotation("summary", format!("{} spends its budget too fast: {}", labels.path(), promise.words))
}

fn window(seconds: i64) -> String {
    duration_text(seconds * 1000)
}

impl Labels<'_> {
    fn path(&self) -> String {
        format!("{}::{}", self.module, self.function)
    }

    fn pairs(&self) -> Vec<(&'static str, &str)> {
        let service = self.service.map(|service| ("service", service));
        [("function", self.function), ("module", self.module)].into_iter().chain(service).collect()
    }

    /// The conditions on the series of the function.
    fn selector(&self) -> String {
        let pairs = self.pairs().into_iter().map(|(label, value)| format!("{label}={}", quote(value)));
        pairs.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests;
