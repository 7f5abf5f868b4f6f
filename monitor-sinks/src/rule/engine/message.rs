//! What is said of alerts, in words.
//!
//! The title is the annotation `summary`, or else the rule with its labels; the text is the annotation `description` with
//! the facts below it. Everything is filled in when it happens: a message that waits tells of its own moment.

use std::fmt::Write;

use super::{
    super::{fingerprint::Fingerprint, model::Rule, route::Grouping, template::Facts},
    tell::Note,
    tracked::{Acknowledgement, Tracked},
};
use crate::{
    error::Error,
    notify::{Active, Kind, Message, Severity},
    promql::Labels,
    util::time::rfc3339,
};

/// What is told of an alert, perhaps together with others.
pub(super) fn of_alert(
    rule: &Rule,
    alert: &Tracked,
    note: &Note,
    grouping: Option<Grouping<'_>>,
    instance: &str,
) -> Message {
    let facts = Facts::new(rule, note.severity, note.value, &alert.labels);
    let (labels, mut notes) = facts.labels();
    let (annotations, more) = facts.annotations();
    notes.extend(more);
    let mut message = Message::new(note.kind, rule.name(), alert.fingerprint.to_string());
    message.incident = note.incident;
    message.ordinal = note.ordinal;
    instance.clone_into(&mut message.instance);
    message.severity = note.severity;
    message.value = note.value.filter(|value| value.is_finite());
    message.started_ms = note.started_ms;
    message.at_ms = note.at_ms;
    message.ended_ms = (note.kind == Kind::Resolved).then_some(note.at_ms);
    message.labels = labels.iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
    message.annotations = annotations;
    message.group = grouping.map(|grouping| grouping.name(&message.labels)).unwrap_or_default();
    message.title = title(rule, &message, &alert.labels);
    message.text = text(&message, note, alert, &notes);
    message
}

/// An alert that fires, for those who hold what does.
pub(super) fn active(rule: &Rule, alert: &Tracked) -> Active {
    let state = &alert.memory.state;
    let severity = state.severity.unwrap_or_else(|| rule.condition().lowest());
    let facts = Facts::new(rule, severity, state.last_value, &alert.labels);
    let mut active = Active::new(rule.name(), state.started_ms);
    active.severity = severity;
    active.labels = facts.labels().0.iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
    active.annotations = facts.annotations().0;
    active
}

/// That a rule cannot be evaluated, or can be again.
pub(super) fn of_rule(rule: &Rule, failure: Option<&str>, instance: &str, now_ms: i64) -> Message {
    let print = Fingerprint::new(rule.name(), &Labels::new([("alertname", "rule failure")]));
    let mut message = Message::new(Kind::Meta, rule.name(), print.to_string());
    instance.clone_into(&mut message.instance);
    message.ordinal = now_ms.unsigned_abs();
    message.severity = Severity::Medium;
    (message.started_ms, message.at_ms) = (now_ms, now_ms);
    if let Some(failure) = failure {
        message.title = format!("rule `{}` cannot be evaluated", rule.name());
        message.text = format!("{failure}\nIts alerts stay as they are until it can be.");
    } else {
        message.title = format!("rule `{}` works again", rule.name());
        message.text = String::from("Its alerts are evaluated again.");
    }
    message
}

/// That the store takes nothing, or does again.
pub(super) fn of_store(failure: Option<&Error>, instance: &str, now_ms: i64) -> Message {
    let print = Fingerprint::new("store", &Labels::new([("alertname", "store failure")]));
    let mut message = Message::new(Kind::Meta, "store", print.to_string());
    instance.clone_into(&mut message.instance);
    message.ordinal = now_ms.unsigned_abs();
    (message.started_ms, message.at_ms) = (now_ms, now_ms);
    "store".clone_into(&mut message.group);
    if let Some(failure) = failure {
        message.severity = Severity::High;
        message.title = String::from("the metric store cannot be written to");
        message.text = format!("{failure}\nRules go on, and alerts are told without it. Values are kept in memory.");
    } else {
        message.severity = Severity::Low;
        message.title = String::from("the metric store is written to again");
        message.text = String::from("What was kept in memory is stored.");
    }
    message
}

/// What a rule says, in a line for people.
pub(super) fn definition(rule: &Rule) -> String {
    rule.to_text().unwrap_or_else(|| String::from("a function of the program"))
}

fn title(rule: &Rule, message: &Message, labels: &Labels) -> String {
    let subject = match message.annotations.get("summary").map(|summary| summary.trim()) {
        Some(summary) if !summary.is_empty() => summary.lines().next().unwrap_or_default().to_owned(),
        _ if labels.is_empty() => rule.name().to_owned(),
        _ => format!("{} {labels}", rule.name()),
    };
    match message.kind {
        Kind::Resolved => format!("[resolved] {subject}"),
        Kind::NoData => format!("[no data] {subject}"),
        Kind::Flapping => format!("[flapping] {subject}"),
        Kind::Acknowledged => format!("[acknowledged] {subject}"),
        Kind::Repeat => format!("[{}, still] {subject}", message.severity),
        _ => format!("[{}] {subject}", message.severity),
    }
}

fn text(message: &Message, note: &Note, alert: &Tracked, notes: &[String]) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let mut line = |line: std::fmt::Arguments<'_>| _ = writeln!(text, "{line}");
    if let Some(description) = message.annotations.get("description") {
        line(format_args!("{}\n", description.trim_end()));
    }
    line(format_args!("rule: {}", message.rule));
    line(format_args!("severity: {}", message.severity));
    if let Some(value) = message.value {
        line(format_args!("value: {value}"));
    }
    for (label, value) in message.labels.iter().filter(|(label, _)| *label != "alertname") {
        line(format_args!("{label}: {value}"));
    }
    line(format_args!("since: {}", rfc3339(message.started_ms.saturating_mul(1_000))));
    if let (Some(ended_ms), Some(reason)) = (message.ended_ms, note.reason) {
        line(format_args!("ended: {} ({reason})", rfc3339(ended_ms.saturating_mul(1_000))));
    }
    match message.kind {
        Kind::NoData => line(format_args!("There has been no value for a while; the alert stays as it is.")),
        Kind::Flapping => {
            line(format_args!("It came again within an hour; what becomes of it is told when it stays as it is."));
        }
        Kind::Acknowledged => alert.memory.ack.iter().for_each(|Acknowledgement { by, note, until_ms, .. }| {
            let until = rfc3339(until_ms.saturating_mul(1_000));
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            line(format_args!("{by} takes care of it until {until}{note}"));
        }),
        _ => {}
    }
    for note in notes {
        line(format_args!("note: {note}"));
    }
    text
}
