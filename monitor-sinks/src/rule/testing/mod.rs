//! Tests of rules on time that is passed in: what must be the state of which alert when.
//!
//! Series are written as promtool writes them; see [`promql::testing`](crate::promql::testing).

mod expectation;
#[cfg(feature = "config")]
mod unit;

use std::time::Duration;

use self::expectation::Expectation;
use super::{
    alerts::Alerts,
    evaluate::evaluate,
    model::Rule,
    state::{Lifecycle, State},
};
use crate::{
    error::Error,
    notify::Severity,
    promql::{
        Labels, Memory,
        testing::{labels, memory},
    },
};

#[cfg(feature = "config")]
pub use self::unit::{UnitReport, run_units, run_units_with};

/// A test of one rule.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use monitor_sinks::rule::{Lifecycle, Rule, testing::RuleTest};
///
/// let rule = Rule::new("high_cpu").when("avg_over_time(cpu[1m])").above(80.0).held_for(Duration::from_secs(30));
/// RuleTest::new(&rule)
///     .every(Duration::from_secs(10))
///     .series("cpu{host=\"h1\"}", "10x5 95x12 10x12")
///     .expect_at(Duration::from_secs(50), Lifecycle::Inactive)
///     .expect_at(Duration::from_secs(150), Lifecycle::Firing)
///     .expect_at(Duration::from_secs(220), Lifecycle::Inactive)
///     .run()?;
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a test does nothing until it is run"]
pub struct RuleTest<'a> {
    rule: &'a Rule,
    every: Duration,
    points_every: Option<Duration>,
    series: Vec<String>,
    expectations: Vec<Expectation>,
}

impl<'a> RuleTest<'a> {
    /// A test of a rule that is evaluated each minute, on no series.
    pub fn new(rule: &'a Rule) -> Self {
        Self { rule, every: Duration::from_mins(1), points_every: None, series: Vec::new(), expectations: Vec::new() }
    }

    /// How often the rule is evaluated, from 0 on; each minute if not said.
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How far apart points of series are; as far as evaluations if not said.
    pub fn points_every(mut self, every: Duration) -> Self {
        self.points_every = Some(every);
        self
    }

    /// A series, such as `cpu{host="h1"}`, with its points, such as `10x5 _x3 95x12 stale`.
    pub fn series(mut self, series: &str, points: &str) -> Self {
        self.series.push(format!("{series} {points}"));
        self
    }

    /// What the alert that is farthest on must be at a time: that of the highest lifecycle, in the order of
    /// `Inactive`, `Resolved`, `Pending`, `Recovering`, `Firing`.
    pub fn expect_at(mut self, at: Duration, lifecycle: Lifecycle) -> Self {
        self.expectations.push(Expectation::new(at, None, lifecycle));
        self
    }

    /// What the alert of an element with these labels, such as `{host="h1"}`, must be at a time.
    pub fn expect_of(mut self, at: Duration, labels: &str, lifecycle: Lifecycle) -> Self {
        self.expectations.push(Expectation::new(at, Some(labels.to_owned()), lifecycle));
        self
    }

    /// How urgent the alert meant by the expectation before must be.
    pub fn with_severity(mut self, severity: Severity) -> Self {
        if let Some(last) = self.expectations.last_mut() {
            last.severity = Some(severity);
        }
        self
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If the rule or a series makes no sense, the rule has an error, or an expectation is not met: the message has a line
    /// for each, with what was instead.
    pub fn run(self) -> Result<(), Error> {
        self.rule.check()?;
        let fail = |message: String| Error::rule(self.rule.name(), message);
        let millis = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let (every, points_every) = (millis(self.every), millis(self.points_every.unwrap_or(self.every)));
        let last = self.expectations.iter().map(|expectation| millis(expectation.at)).max().unwrap_or(0);
        if every <= 0 || points_every <= 0 || last / every > MOST_STEPS {
            return Err(fail(format!("a test has up to {MOST_STEPS} evaluations that are some time apart")));
        }
        let source = memory(points_every, &self.series).map_err(fail)?;
        let mut faults = Vec::new();
        let mut alerts = Alerts::new(self.rule, every.unsigned_abs());
        for at_ms in (0..=last / every).map(|step| step * every) {
            if let Err(error) = tick(self.rule, &mut alerts, &source, at_ms) {
                alerts.failed(at_ms);
                faults.push(format!("at {}: {error}", expectation::time(at_ms)));
            }
            let due = |expectation: &&Expectation| (at_ms..at_ms + every).contains(&millis(expectation.at));
            for expectation in self.expectations.iter().filter(due) {
                faults.extend(expectation.fault(&alerts).map_err(fail)?);
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(fail(faults.join("\n"))) }
    }
}

/// A test is read by people; this is a week of seconds.
const MOST_STEPS: i64 = 604_800;

fn tick(rule: &Rule, alerts: &mut Alerts<'_>, source: &Memory, at_ms: i64) -> Result<(), Error> {
    evaluate(rule, source, at_ms, None).map(|elements| drop(alerts.tick(&elements, at_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn rule() -> Rule {
        let rule = Rule::new("high_cpu").when("avg_over_time(host_cpu_percent[1m])").above(80.0).clear_below(80.0);
        rule.severity(Severity::High).held_for(seconds(30)).keep_firing(seconds(20))
    }

    fn test(rule: &Rule) -> RuleTest<'_> {
        RuleTest::new(rule).every(seconds(10)).series("host_cpu_percent{host=\"h1\"}", "10x5 95x12 10x12")
    }

    #[test]
    fn what_is_expected_is_found() {
        test(&rule())
            .series("host_cpu_percent{host=\"h2\"}", "10x30")
            .expect_at(seconds(40), Lifecycle::Inactive)
            .expect_at(seconds(110), Lifecycle::Pending)
            .expect_of(seconds(150), "{host=\"h1\"}", Lifecycle::Firing)
            .with_severity(Severity::High)
            .expect_of(seconds(150), "{host=\"h2\"}", Lifecycle::Inactive)
            .expect_at(seconds(200), Lifecycle::Recovering)
            .expect_at(seconds(300), Lifecycle::Inactive)
            .run()
            .unwrap();
    }

    #[test]
    fn every_expectation_that_is_not_met_is_told() {
        let error = test(&rule())
            .expect_at(seconds(150), Lifecycle::Pending)
            .expect_of(seconds(150), "{host=\"h3\"}", Lifecycle::Firing)
            .expect_of(seconds(155), "{host=\"h1\"}", Lifecycle::Firing)
            .with_severity(Severity::Low)
            .run()
            .unwrap_err();
        let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "rule `high_cpu`: at 2m30s: pending expected, but it is firing, {host=\"h1\"}",
                "at 2m30s: firing expected of {host=\"h3\"}, but there is no such alert; there are: {host=\"h1\"}",
                "at 2m35s: severity low expected of {host=\"h1\"}, but it is high",
            ]
        );
    }

    #[test]
    fn errors_of_the_rule_fail_a_test() {
        let rule = Rule::new("r").when("sum by (host) (a) / on () b").above(1.0);
        let test = RuleTest::new(&rule).series("a{host=\"1\"}", "1").series("a{host=\"2\"}", "1").series("b", "1");
        let error = test.expect_at(seconds(0), Lifecycle::Inactive).run().unwrap_err();
        assert!(error.to_string().contains("at 0s: rule `r`: "), "{error}");
    }
}
