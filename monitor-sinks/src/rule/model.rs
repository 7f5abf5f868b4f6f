//! What a rule says.
//!
//! A rule is put together by steps that cannot fail; [`Rule::check`] is the last word on it, and whoever takes rules
//! asks for it. So a mistake is told once, with all that is known about it, and at one place.

mod check;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{
    condition::{Closure, Comparison, Condition, Level},
    route::{Grouping, Route},
    view::View,
};
use crate::notify::Severity;

/// When to alert, and what to say.
///
/// A rule watches the result of an expression of PromQL; each element of it is an alert of its own. Nothing is checked
/// before [`check`](Self::check), which everything that takes rules calls.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use monitor_sinks::{notify::Severity, rule::Rule};
///
/// let rule = Rule::new("high_cpu")
///     .when("avg_over_time(system_cpu_utilization_ratio[5m]) * 100")
///     .above(80.0)
///     .clear_below(70.0)
///     .severity(Severity::High)
///     .held_for(Duration::from_secs(60))
///     .annotation("summary", "CPU is at {{ value }} %");
/// rule.check()?;
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a rule does nothing until it is given to a monitor"]
pub struct Rule {
    name: String,
    expr: String,
    condition: Condition,
    held_for: Duration,
    keep_firing: Duration,
    missing: Option<Missing>,
    coverage: Option<Coverage>,
    alert_on_no_data: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    depends_on: Vec<String>,
    group_by: Option<Vec<String>>,
    group_wait: Option<Duration>,
    group_interval: Option<Duration>,
    repeat: Option<Duration>,
    channels: Vec<String>,
    /// The channels that are told of some severities only, with the least of them.
    least: BTreeMap<String, Severity>,
    /// What is said of its alerts from outside, by their labels.
    routes: Arc<[Route]>,
    /// How long its function may take.
    patience: Option<Duration>,
    /// A step that made no sense.
    mistake: Option<String>,
}

/// What a rule makes of an alert whose value is missing: the series is gone, or its value is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Missing {
    /// The alert stays as it is; after a while it is told that data is missing. Time without data does not count for
    /// anything.
    #[default]
    Keep,
    /// As if the condition did not hold; what Prometheus does.
    Resolve,
    /// As if the condition held, at the lowest of the rule's severities.
    Fire,
    /// As if the last value still stood; nothing is told.
    Ignore,
}

/// How much of the windows of an expression there must be values for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Coverage {
    /// The share of the expected samples, from 0 to 1.
    pub share: f64,
    /// How far apart samples are expected.
    pub every: Duration,
}

/// How long it takes until an alert that goes on is told again.
const REPEAT: Duration = Duration::from_hours(4);

/// How long a function may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Rule {
    /// A rule without an expression; its name tells it from others, and its alerts keep their state while it stays.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            expr: String::new(),
            condition: Condition::Present(Severity::default()),
            held_for: Duration::ZERO,
            keep_firing: Duration::ZERO,
            missing: None,
            coverage: None,
            alert_on_no_data: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            depends_on: Vec::new(),
            group_by: None,
            group_wait: None,
            group_interval: None,
            repeat: None,
            channels: Vec::new(),
            least: BTreeMap::new(),
            routes: Arc::default(),
            patience: None,
            mistake: None,
        }
    }

    /// What to watch: an expression of PromQL, as text or from [`metric`](crate::promql::metric). Without a threshold
    /// each element of its result is an alert.
    #[allow(clippy::needless_pass_by_value, reason = "an expression is given away")]
    pub fn when(mut self, expr: impl ToString) -> Self {
        self.expr = expr.to_string();
        self
    }

    /// Alerts when a function of the program says so, for what no expression can say. `None` stands for "cannot be told"
    /// and is a missing value. Such a rule has one alert without labels, and cannot be written to a file.
    ///
    /// A panic inside, and an expression in it that fails, is an error of the rule: it changes nothing, and is told.
    ///
    /// In a running monitor it is called on a thread of its own, so that it may wait without holding up the recording. An
    /// answer within some milliseconds counts at once, a later one at a later flush, as of the instant that it was asked
    /// for. One that takes longer than [`answers_within`](Self::answers_within) is an error as well; the function is then
    /// called again when it has returned, and not before.
    pub fn when_fn<F>(mut self, decide: F) -> Self
    where
        F: Fn(&View<'_>) -> Option<bool> + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe + 'static,
    {
        self.condition = Condition::Closure(self.condition.lowest(), Closure::new(Arc::new(decide)));
        self
    }

    /// How long the function of the rule may take; 5 seconds if not said. It must be more than 0.
    pub fn answers_within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Alerts for values above `threshold`.
    pub fn above(self, threshold: f64) -> Self {
        self.compared(Comparison::Above, threshold)
    }

    /// Alerts for values of `threshold` and above.
    pub fn at_least(self, threshold: f64) -> Self {
        self.compared(Comparison::AtLeast, threshold)
    }

    /// Alerts for values below `threshold`.
    pub fn below(self, threshold: f64) -> Self {
        self.compared(Comparison::Below, threshold)
    }

    /// Alerts for values of `threshold` and below.
    pub fn at_most(self, threshold: f64) -> Self {
        self.compared(Comparison::AtMost, threshold)
    }

    /// Alerts for values equal to `value`.
    pub fn equal_to(self, value: f64) -> Self {
        self.compared(Comparison::Equal, value)
    }

    /// Alerts for values other than `value`.
    pub fn not_equal_to(self, value: f64) -> Self {
        self.compared(Comparison::NotEqual, value)
    }

    /// Lets an alert of the threshold given last go on until the value is at `threshold` or below; see [`Level::clear`].
    pub fn clear_below(self, threshold: f64) -> Self {
        self.cleared(threshold, "clear_below", [Comparison::Above, Comparison::AtLeast])
    }

    /// Lets an alert of the threshold given last go on until the value is at `threshold` or above; see [`Level::clear`].
    pub fn clear_above(self, threshold: f64) -> Self {
        self.cleared(threshold, "clear_above", [Comparison::Below, Comparison::AtMost])
    }

    /// Another threshold with its own severity. Alerts that pass from one to another escalate; they stay one incident.
    pub fn level(mut self, level: Level) -> Self {
        match &mut self.condition {
            Condition::Levels(levels) => levels.push(level),
            Condition::Present(_) => self.condition = Condition::Levels(vec![level]),
            Condition::Closure(..) => self.wrong("a function decides by itself; it can have no threshold"),
        }
        self
    }

    /// How urgent alerts of the threshold given last are; without a threshold, all alerts. Medium if not said.
    pub fn severity(mut self, severity: Severity) -> Self {
        match &mut self.condition {
            Condition::Levels(levels) => levels.iter_mut().next_back().into_iter().for_each(|l| l.severity = severity),
            Condition::Present(own) | Condition::Closure(own, _) => *own = severity,
        }
        self
    }

    /// How long the condition must hold before an alert fires; not at all if not said. Two evaluations that see it hold
    /// must be so far apart, and none in between may see it not hold.
    pub fn held_for(mut self, held_for: Duration) -> Self {
        self.held_for = held_for;
        self
    }

    /// How long an alert goes on firing when the condition has ceased to hold; not at all if not said.
    pub fn keep_firing(mut self, keep_firing: Duration) -> Self {
        self.keep_firing = keep_firing;
        self
    }

    /// What becomes of an alert whose value is missing: [`Missing::Keep`] if not said, so that an alert never ends because
    /// nobody knows. Without a threshold nothing can be missing: what is not in the result is no alert.
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = Some(missing);
        self
    }

    /// Takes a value as missing if less than `share` of the samples were there that its windows `x[5m]` should have, when
    /// there is one each `every`. Not asked for if not said, because how far apart samples are is not known.
    pub fn min_coverage(mut self, share: f64, every: Duration) -> Self {
        self.coverage = Some(Coverage { share, every });
        self
    }

    /// Tells that data is missing for series that had no alert, too.
    pub fn alert_on_no_data(mut self) -> Self {
        self.alert_on_no_data = true;
        self
    }

    /// A label of all alerts of the rule. A template; see the guide.
    pub fn label(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(label.into(), value.into());
        self
    }

    /// A text about all alerts of the rule, such as `summary`. A template; see the guide.
    pub fn annotation(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.annotations.insert(name.into(), text.into());
        self
    }

    /// Keeps quiet while the other rule has an alert that fires: of a host that is down, nobody needs to know more.
    pub fn depends_on(mut self, rule: impl Into<String>) -> Self {
        self.depends_on.push(rule.into());
        self
    }

    /// Alerts of the rule that have the same values of these labels are told together, in one message; without a label, all
    /// of them. Each is told by itself, and at once, if this is not said. Labels of the rule count as well as those of the
    /// series.
    ///
    /// Channels for which each alert is a thing of its own, such as PagerDuty, are told of each by itself all the same.
    pub fn group_by<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.group_by = Some(labels.into_iter().map(Into::into).collect());
        self
    }

    /// How long the first alert of a group waits for others; 5 seconds if not said, an hour at most. It goes with
    /// [`group_by`](Self::group_by).
    pub fn group_wait(mut self, wait: Duration) -> Self {
        self.group_wait = Some(wait);
        self
    }

    /// How long it takes until more of a group is told after something of it was; a minute if not said, an hour at most. It
    /// goes with [`group_by`](Self::group_by).
    pub fn group_interval(mut self, interval: Duration) -> Self {
        self.group_interval = Some(interval);
        self
    }

    /// How long it takes until an alert that goes on is told again; 4 hours if not said. 0 is never.
    pub fn repeat(mut self, repeat: Duration) -> Self {
        self.repeat = Some(repeat);
        self
    }

    /// The channels that are told; all if not said.
    pub fn channels<C: Into<String>>(mut self, channels: impl IntoIterator<Item = C>) -> Self {
        self.channels = channels.into_iter().map(Into::into).collect();
        self
    }

    /// A channel that is told as well, of alerts of this severity and above.
    pub fn channel_from(mut self, least: Severity, channel: impl Into<String>) -> Self {
        let channel = channel.into();
        self.least.insert(channel.clone(), least);
        if !self.channels.contains(&channel) {
            self.channels.push(channel);
        }
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The expression that it watches; empty if a function decides.
    #[must_use]
    pub fn expr(&self) -> &str {
        &self.expr
    }

    /// When it holds.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// How long the condition must hold.
    #[must_use]
    pub fn held_for_time(&self) -> Duration {
        self.held_for
    }

    /// How long it goes on firing.
    #[must_use]
    pub fn keep_firing_time(&self) -> Duration {
        self.keep_firing
    }

    /// What becomes of an alert whose value is missing.
    #[must_use]
    pub fn missing_policy(&self) -> Missing {
        match self.condition {
            Condition::Present(_) => Missing::Resolve,
            _ => self.missing.unwrap_or_default(),
        }
    }

    /// The policy that was asked for, if one was.
    pub(super) fn missing_as_given(&self) -> Option<Missing> {
        self.missing
    }

    /// How much of its windows there must be values for, if it says so.
    #[must_use]
    pub fn coverage(&self) -> Option<Coverage> {
        self.coverage
    }

    /// Whether it tells that data is missing for series that had no alert.
    #[must_use]
    pub fn alerts_on_no_data(&self) -> bool {
        self.alert_on_no_data
    }

    /// Its labels, as templates.
    #[must_use]
    pub fn label_templates(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Its annotations, as templates.
    #[must_use]
    pub fn annotation_templates(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The rules that it keeps quiet for.
    #[must_use]
    pub fn dependencies(&self) -> &[String] {
        &self.depends_on
    }

    /// The labels by which its alerts are told together; `None` if each is told by itself.
    #[must_use]
    pub fn group_labels(&self) -> Option<&[String]> {
        self.group_by.as_deref()
    }

    /// What it says itself of what is told together.
    pub(super) fn grouping(&self) -> Option<Grouping<'_>> {
        self.group_by
            .as_ref()
            .map(|labels| Grouping::new(Some(&self.name), labels, self.group_wait, self.group_interval))
    }

    /// How long it takes until an alert that goes on is told again; 0 is never. Routes may say otherwise.
    #[must_use]
    pub fn repeat_interval(&self) -> Duration {
        self.repeat.unwrap_or(REPEAT)
    }

    /// How long that takes, if it says so itself.
    pub(super) fn repeat_as_given(&self) -> Option<Duration> {
        self.repeat
    }

    /// The rule, with routes that its alerts may take.
    #[allow(dead_code, reason = "files have routes")]
    pub(crate) fn routed(mut self, routes: Arc<[Route]>) -> Self {
        self.routes = routes;
        self
    }

    /// The routes that its alerts may take.
    pub(super) fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The channels that are told; all if empty.
    #[must_use]
    pub fn channel_names(&self) -> &[String] {
        &self.channels
    }

    /// From which severity on a channel is told of its alerts.
    #[must_use]
    pub fn least_severity_for(&self, channel: &str) -> Severity {
        self.least.get(channel).copied().unwrap_or(Severity::Low)
    }

    /// How long its function may take, if it has one.
    pub(super) fn patience(&self) -> Duration {
        self.patience.unwrap_or(PATIENCE)
    }

    /// The severities that its alerts can have, the lowest first.
    #[must_use]
    pub fn severities(&self) -> Vec<Severity> {
        Severity::ALL.into_iter().filter(|severity| self.condition.has(*severity)).collect()
    }

    /// The rule with other thresholds.
    pub(super) fn with_levels(mut self, levels: Vec<Level>) -> Self {
        self.condition = Condition::Levels(levels);
        self
    }

    fn compared(self, comparison: Comparison, threshold: f64) -> Self {
        let severity = if let Condition::Present(own) = self.condition { own } else { Severity::default() };
        self.level(Level::new(severity, comparison, threshold))
    }

    fn cleared(mut self, threshold: f64, step: &str, comparisons: [Comparison; 2]) -> Self {
        match &mut self.condition {
            Condition::Levels(levels) => match levels.last_mut() {
                Some(level) if comparisons.contains(&level.comparison) => level.clear = Some(threshold),
                _ => self.wrong(&format!("`{step}` goes with another comparison")),
            },
            _ => self.wrong(&format!("`{step}` comes after its threshold, such as `above(80.0)`")),
        }
        self
    }

    fn wrong(&mut self, mistake: &str) {
        self.mistake.get_or_insert_with(|| mistake.to_owned());
    }
}

impl Missing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Keep, Self::Resolve, Self::Fire, Self::Ignore];

    /// Its name, as texts and files have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Resolve => "resolve",
            Self::Fire => "fire",
            Self::Ignore => "ignore",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
