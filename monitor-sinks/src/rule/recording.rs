//! Groups of rules, and rules that record: what files of rules are made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{evaluate::elements, model::Rule};
use crate::{
    ask::is_short_name,
    error::Error,
    promql::{
        Data, Labels, Query, Source, selector,
        syntax::{is_label_name, parse},
        value::Type,
    },
};

/// Rules that are evaluated one after the other, in their order, so that one can use what another has recorded.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How far apart evaluations are; as often as all rules if not said.
    pub interval: Option<Duration>,
    /// Its rules, in order.
    pub entries: Vec<Entry>,
}

/// A rule of a group.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// One that alerts.
    Alert(Box<Rule>),
    /// One that records.
    Record(Recording),
}

/// A rule that stores what an expression gives as series of another name.
///
/// # Examples
///
/// ```
/// use monitor_sinks::{Monitor, rule::{Recording, Rule}};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("metrics.db");
/// let record = Recording::new("job:calls:rate5m", "sum(rate(function_calls_total[5m]))");
/// let rule = Rule::new("too_many_calls").when("job:calls:rate5m").above(1_000.0);
/// let monitor = Monitor::builder().sqlite(path).record(record).rule(rule).start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recording {
    /// The name of the series.
    pub record: String,
    /// What is stored: an expression of PromQL.
    pub expr: String,
    /// Labels that all of its series get, over their own.
    pub labels: BTreeMap<String, String>,
}

impl Group {
    /// A group without rules.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), interval: None, entries: Vec::new() }
    }

    /// A group of rules that alert.
    pub fn of_rules(name: impl Into<String>, rules: impl IntoIterator<Item = Rule>) -> Self {
        let entries = rules.into_iter().map(|rule| Entry::Alert(Box::new(rule))).collect();
        Self { entries, ..Self::new(name) }
    }

    /// How far apart evaluations are; as often as all rules without it.
    #[must_use]
    pub const fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Another rule that records, after those that it has.
    #[must_use]
    pub fn record(mut self, recording: Recording) -> Self {
        self.entries.push(Entry::Record(recording));
        self
    }

    /// Another rule that alerts, after those that it has.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.entries.push(Entry::Alert(Box::new(rule)));
        self
    }

    /// Its rules that alert.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.entries.iter().filter_map(|entry| if let Entry::Alert(rule) = entry { Some(&**rule) } else { None })
    }

    /// Its rules that record.
    pub fn recordings(&self) -> impl Iterator<Item = &Recording> {
        self.entries
            .iter()
            .filter_map(|entry| if let Entry::Record(recording) = entry { Some(recording) } else { None })
    }

    /// Checks all of its rules, and that no two that alert have one name.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn check(&self) -> Result<(), Error> {
        let mut names = BTreeSet::new();
        for entry in &self.entries {
            match entry {
                Entry::Alert(rule) => rule.check()?,
                Entry::Record(recording) => recording.check()?,
            }
            if let Entry::Alert(rule) = entry
                && !names.insert(rule.name())
            {
                return Err(Error::rule(rule.name(), format!("the group `{}` has two rules of this name", self.name)));
            }
        }
        Ok(())
    }
}

impl Recording {
    /// Stores `expr` as `record`.
    #[allow(clippy::needless_pass_by_value, reason = "an expression is given away")]
    pub fn new(record: impl Into<String>, expr: impl ToString) -> Self {
        Self { record: record.into(), expr: expr.to_string(), labels: BTreeMap::new() }
    }

    /// Another label of all of its series.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(label.into(), value.into());
        self
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    ///
    /// If the name cannot be that of a metric or is a short name, a label cannot be one, or the expression is not PromQL or has no values.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::rule(&self.record, message));
        if self.record.contains(['{', ' ']) || !selector(&self.record).is_ok_and(|matchers| matchers.len() == 1) {
            return wrong(String::from("what is recorded needs the name of a metric, such as job:calls:rate5m"));
        }
        if is_short_name(&self.record) {
            return wrong(String::from(
                "that is a short name, which stands for another metric already; choose another one",
            ));
        }
        if let Some(label) = self.labels.keys().find(|label| !is_label_name(label) || label.starts_with("__")) {
            return wrong(format!("`{label}` cannot be the name of a label; letters, digits and _ can"));
        }
        match parse(&self.expr) {
            Ok(expr) if matches!(expr.of_type(), Type::Scalar | Type::Vector) => Ok(()),
            Ok(expr) => wrong(format!("the expression is a {}; it has no values at an instant", expr.of_type())),
            Err(error) => wrong(error.to_string()),
        }
    }

    /// The series that it stores at an instant, in milliseconds since 1970, with their values.
    ///
    /// # Errors
    ///
    /// If the expression has no answer or one of histograms, or two series would have the same labels.
    pub fn evaluate(&self, source: &dyn Source, at_ms: i64) -> Result<Vec<(Labels, f64)>, Error> {
        self.ask(&Query::new(source, &self.expr), at_ms)
    }

    /// As [`evaluate`](Self::evaluate), with the question to the expression as it was read before.
    pub(super) fn ask(&self, question: &Query<'_>, at_ms: i64) -> Result<Vec<(Labels, f64)>, Error> {
        let wrong = |message: String| Error::rule(&self.record, message);
        let answer = question.at(at_ms).map_err(|error| wrong(error.to_string()))?;
        if let Data::Vector(elements) = answer.data()
            && elements.iter().any(|element| element.value.as_float().is_none())
        {
            let message = "the result is a histogram; record a quantile of it, its count or its sum";
            return Err(wrong(String::from(message)));
        }
        let mut recorded = BTreeMap::new();
        for (labels, value) in elements(answer.into_data()).map_err(wrong)? {
            let own = self.labels.iter().fold(labels, |labels, (label, value)| labels.with(label, value));
            if let Some(_twice) = recorded.insert(own.with("__name__", &self.record), value) {
                return Err(wrong(format!("two series would have the labels {own}; tell them apart")));
            }
        }
        Ok(recorded.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Memory;

    #[test]
    fn what_is_recorded_has_the_name_and_the_labels_of_the_rule() {
        let mut memory = Memory::new();
        for host in ["a", "b"] {
            memory.push(&Labels::new([("__name__", "up"), ("host", host), ("dc", "1")]), 0, 1.0);
        }
        let recording = Recording::new("dc:up:sum", "sum by (dc) (up)").label("dc", "2").label("team", "x");
        recording.check().unwrap();
        let recorded = recording.evaluate(&memory, 0).unwrap();
        let named = recorded.iter().map(|(labels, value)| format!("{labels} {value}"));
        assert_eq!(named.collect::<Vec<_>>(), [r#"{__name__="dc:up:sum", dc="2", team="x"} 2"#]);
        let twice = Recording::new("x", "up").label("host", "c").evaluate(&memory, 0).unwrap_err();
        assert!(twice.to_string().contains("tell them apart"), "{twice}");
    }

    #[test]
    fn names_are_checked() {
        for record in ["", "a b", "up{a=\"b\"}", "1x", "sum(x)", "cpu_percent_total"] {
            assert!(Recording::new(record, "up").check().is_err(), "{record}");
        }
        assert!(Recording::new("a:b", "up[5m]").check().is_err());
        let group = Group { entries: vec![Entry::Alert(Box::new(Rule::new("r").when("up"))); 2], ..Group::new("g") };
        assert!(group.check().unwrap_err().to_string().contains("two rules of this name"));
    }
}
