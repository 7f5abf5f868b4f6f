//! Which rules a monitor has: those that alert, those that record, and those of what functions have promised.
//!
//! Rules are kept in groups, in the order in which the builder was given them; they are evaluated in this order.

use std::time::Duration;

use super::{Builder, alert::Alerts};
use crate::{
    error::Error,
    rule::{Group, Recording, Rule, objective_groups},
    util::distance::nearest,
};

/// Rules that a builder has been given.
#[derive(Debug, Clone, Default)]
pub(super) struct Ruled {
    pub(super) groups: Vec<Group>,
    /// Whether the objectives of functions are watched.
    pub(super) objectives: bool,
    pub(super) every: Option<Duration>,
}

/// The group of rules that were given to a builder one by one. Files have the same.
const OWN_GROUP: &str = "monitor";

impl Builder {
    /// Watches a rule: it is evaluated at each flush, and its alerts are stored and told.
    ///
    /// A rule is known by its name. Its alerts go on where they were when the program starts again, also if the rule was
    /// changed meanwhile; those of a rule that is gone end.
    ///
    /// # Examples
    ///
    /// ```
    /// use monitor_sinks::{Monitor, notify::Severity, rule::Rule};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("metrics.db");
    /// let rule = Rule::new("queue_is_long").when("queue_length").above(100.0).severity(Severity::High);
    /// let monitor = Monitor::builder().sqlite(path).rule(rule).start()?;
    /// assert!(monitor.alerts()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rule(self, rule: Rule) -> Self {
        self.rules([rule])
    }

    /// Watches several rules; see [`rule`](Self::rule).
    pub fn rules(self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.rule_group(Group::of_rules(OWN_GROUP, rules))
    }

    /// Records what an expression gives under a name of its own: it is evaluated at each flush, and stored with it.
    ///
    /// The series are gauges like any other, with the labels of the result. The label `service` is there only if the result
    /// has it. Rules that come after this one see what it has recorded at the same instant. A series that is not in
    /// the result any more ends. A rule that cannot be evaluated is told as one that alerts: an event, one line on standard
    /// error, and `monitored_rule_evaluation_failures_total`; its series end five minutes later.
    ///
    /// A rule records at most 10,000 series, and all of them at most as many as
    /// [`max_series`](Self::max_series) says, in the life of the monitor. Those that are known stay; that there are more
    /// counts as a failure.
    ///
    /// See [`Recording`] for an example.
    pub fn record(self, recording: Recording) -> Self {
        self.rule_group(Group::new(OWN_GROUP).record(recording))
    }

    /// Evaluates the rules of a group one after the other, in their order, and as often as the group says.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use monitor_sinks::{Monitor, rule::{Group, Recording, Rule}};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("metrics.db");
    /// let group = Group::new("calls")
    ///     .every(Duration::from_secs(30))
    ///     .record(Recording::new("job:calls:rate5m", "sum(rate(function_calls_total[5m]))"))
    ///     .rule(Rule::new("too_many_calls").when("job:calls:rate5m").above(1_000.0));
    /// let monitor = Monitor::builder().sqlite(path).rule_group(group).start()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rule_group(self, group: Group) -> Self {
        self.rule_groups([group])
    }

    /// Evaluates several groups, such as those of a rule file; see [`rule_group`](Self::rule_group).
    pub fn rule_groups(mut self, groups: impl IntoIterator<Item = Group>) -> Self {
        self.invited.settings(|alerts: &mut Alerts| alerts.ruled.groups.extend(groups));
        self
    }

    /// Watches what functions have promised by `#[monitored(objective(...))]`: an alert for each promise, with a severity
    /// for each speed at which it is being broken, and `function_objective_budget_left:ratio`, what is left of its budget
    /// of 30 days.
    ///
    /// A function is watched from its first call on. The rules are evaluated once a minute; see
    /// [`objective_group`](crate::rule::objective_group).
    pub fn objectives(mut self) -> Self {
        self.invited.settings(|alerts: &mut Alerts| alerts.ruled.objectives = true);
        self
    }

    /// Evaluates rules each time this long has passed, at a flush; those of a group with an interval by that. Default: at
    /// every flush.
    pub fn evaluate_every(mut self, every: Duration) -> Self {
        self.invited.settings(|alerts: &mut Alerts| alerts.ruled.every = Some(every));
        self
    }
}

impl Ruled {
    /// All rules that alert.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(Group::rules)
    }

    /// Refuses rules that make no sense, by themselves or together.
    pub(super) fn check(&self, channels: &[&str]) -> Result<(), Error> {
        if self.every.is_some_and(|every| every.is_zero()) {
            return Err(Error::setting("evaluate_every(0) is out of range; leave it out to evaluate at every flush"));
        }
        if let Some(group) = self.groups.iter().find(|group| group.interval.is_some_and(|every| every.is_zero())) {
            let name = &group.name;
            return Err(Error::setting(format!("the group `{name}` has an interval of 0; leave it out")));
        }
        self.check_alerts(channels)?;
        let mut seen: Vec<&Recording> = Vec::new();
        for recording in self.groups.iter().flat_map(Group::recordings) {
            recording.check()?;
            if seen.contains(&recording) {
                return Err(Error::rule(&recording.record, "it is there twice; take one out"));
            }
            seen.push(recording);
        }
        Ok(())
    }

    fn check_alerts(&self, channels: &[&str]) -> Result<(), Error> {
        let promised = if self.objectives { objective_groups(&monitor_core::sites()) } else { Vec::new() };
        let names: Vec<&str> = self.rules().chain(promised.iter().flat_map(Group::rules)).map(Rule::name).collect();
        for rule in self.rules() {
            rule.check()?;
            if names.iter().filter(|name| **name == rule.name()).count() > 1 {
                return Err(Error::rule(rule.name(), "there are two rules of this name; give each its own"));
            }
            known(rule, "rule", rule.dependencies(), &names)?;
            known(rule, "channel", rule.channel_names(), channels)?;
        }
        Ok(())
    }
}

/// Refuses names that nothing is called by.
fn known(rule: &Rule, what: &str, names: &[String], known: &[&str]) -> Result<(), Error> {
    let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let hint = nearest(unknown, known.iter().copied(), 1);
    let hint = hint.first().map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    Err(Error::rule(rule.name(), format!("there is no {what} `{unknown}`{hint}")))
}
