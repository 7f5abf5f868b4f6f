//! Groups of rules into YAML.
//!
//! Texts are quoted as JSON quotes them, which is YAML, too; so no text of a rule can be taken for anything else.

use std::{fmt::Write, time::Duration};

use super::go::to_go;
use crate::{
    promql::syntax::{BinaryOp, Kind, duration_text, parse},
    rule::{Condition, Entry, Group, Level, Missing, Recording, Rule},
};

/// A rule file of Prometheus, and what it could not say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The file.
    pub yaml: String,
    /// What of which rule is not in it.
    pub notes: Vec<String>,
}

/// Writes a rule file of Prometheus.
///
/// A rule with several thresholds becomes as many rules, told apart by their label `severity`. What Prometheus does not
/// have is left out and noted: clear thresholds, missing values that do not resolve, coverage, dependencies, grouping,
/// channels, functions of the program.
///
/// # Examples
///
/// ```
/// use monitor_sinks::rule::{Entry, Group, Missing, Rule, prometheus};
///
/// let rule = Rule::new("high_cpu").when("cpu").above(80.0).clear_below(80.0).missing(Missing::Resolve);
/// let mut group = Group::new("host");
/// group.entries.push(Entry::Alert(Box::new(rule)));
/// let written = prometheus::write(&[group]);
/// assert!(written.yaml.contains("expr: \"cpu > 80\""));
/// assert!(written.notes.is_empty());
/// ```
#[must_use]
pub fn write(groups: &[Group]) -> Written {
    let mut written = Written { yaml: String::from("groups:\n"), notes: Vec::new() };
    for group in groups {
        written.line(&format!("- name: {}", text(&group.name)));
        if let Some(interval) = group.interval {
            written.line(&format!("  interval: {}", duration(interval)));
        }
        written.line("  rules:");
        for entry in &group.entries {
            match entry {
                Entry::Alert(rule) => written.alert(rule),
                Entry::Record(recording) => written.record(recording),
            }
        }
    }
    written
}

impl Written {
    fn line(&mut self, line: &str) {
        self.yaml.push_str(line);
        self.yaml.push('\n');
    }

    fn note(&mut self, rule: &Rule, message: &str) {
        self.notes.push(format!("rule `{}`: {message}", rule.name()));
    }

    fn record(&mut self, recording: &Recording) {
        self.line(&format!("  - record: {}", text(&recording.record)));
        self.line(&format!("    expr: {}", text(&recording.expr)));
        self.map("labels", recording.labels.iter());
    }

    fn alert(&mut self, rule: &Rule) {
        match rule.condition() {
            Condition::Closure(..) => self.note(rule, "a function of the program decides; the rule is left out"),
            Condition::Present(severity) => {
                self.one(rule, rule.expr(), *severity);
                self.notes_of(rule);
            }
            Condition::Levels(levels) => {
                for level in levels {
                    let threshold =
                        format!("{} {} {}", operand(rule.expr()), level.comparison, number(level.threshold));
                    self.one(rule, &threshold, level.severity);
                }
                if levels.len() > 1 {
                    self.note(rule, "its severities are alerts of their own there");
                }
                if levels.iter().any(Level::has_margin) {
                    self.note(rule, "its alerts clear where they fire");
                }
                if rule.missing_policy() != Missing::Resolve {
                    self.note(
                        rule,
                        &format!("missing values end its alerts there; here the policy is {}", rule.missing_policy()),
                    );
                }
                self.notes_of(rule);
            }
        }
    }

    fn notes_of(&mut self, rule: &Rule) {
        let has = [
            (rule.coverage().is_some(), "a coverage"),
            (!rule.dependencies().is_empty(), "dependencies"),
            (rule.group_labels().is_some(), "grouping"),
            (!rule.channel_names().is_empty(), "channels"),
        ];
        for (_, what) in has.iter().filter(|(has, _)| *has) {
            self.note(rule, &format!("{what} cannot be written to a rule file"));
        }
    }

    fn one(&mut self, rule: &Rule, expr: &str, severity: crate::notify::Severity) {
        let severity = severity.to_string();
        let labels = rule.label_templates();
        let alertname = labels.get("alertname").map_or(rule.name(), String::as_str);
        self.line(&format!("  - alert: {}", text(alertname)));
        self.line(&format!("    expr: {}", text(expr)));
        for (word, length) in [("for", rule.held_for_time()), ("keep_firing_for", rule.keep_firing_time())] {
            if !length.is_zero() {
                self.line(&format!("    {word}: {}", duration(length)));
            }
        }
        let mut own: Vec<(String, String)> = self.translated(rule, &severity, labels.iter());
        own.retain(|(label, _)| label != "alertname");
        if !labels.contains_key("severity") {
            own.push((String::from("severity"), severity.clone()));
        }
        self.map("labels", own.iter().map(|(label, value)| (label, value)));
        let annotations = self.translated(rule, &severity, rule.annotation_templates().iter());
        self.map("annotations", annotations.iter().map(|(name, value)| (name, value)));
    }

    /// Texts as templates of Go; those that cannot be are left out and noted.
    fn translated<'a>(
        &mut self,
        rule: &Rule,
        severity: &str,
        texts: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for (name, value) in texts {
            match to_go(value, rule, severity) {
                Ok(value) => out.push((name.clone(), value)),
                Err(message) => self.note(rule, &format!("`{name}` is left out: {message}")),
            }
        }
        out
    }

    fn map<'a>(&mut self, name: &str, entries: impl Iterator<Item = (&'a String, &'a String)>) {
        for (at, (key, value)) in entries.enumerate() {
            if at == 0 {
                self.line(&format!("    {name}:"));
            }
            self.line(&format!("      {}: {}", text(key), text(value)));
        }
    }
}

fn text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn duration(length: Duration) -> String {
    duration_text(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
}

fn number(value: f64) -> String {
    if value.is_infinite() { format!("{}Inf", if value < 0.0 { "-" } else { "" }) } else { value.to_string() }
}

/// An expression that a comparison can follow.
fn operand(expr: &str) -> String {
    let is_loose = match parse(expr) {
        Ok(parsed) => {
            matches!(&parsed.kind, Kind::Binary { op, .. } if op.precedence() <= BinaryOp::Greater.precedence())
        }
        Err(_) => true,
    };
    let mut out = String::new();
    let _ = if is_loose { write!(out, "({expr})") } else { write!(out, "{expr}") };
    out
}
