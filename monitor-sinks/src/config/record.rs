//! `[[record]]`: rules that record.

use std::time::Duration;

use super::{rule::is_promql, table::Table};
use crate::rule::{Entry, Group, Recording};

/// Intervals that make sense.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_hours(24);

/// A rule of the file that records.
pub(super) struct Record {
    pub(super) recording: Recording,
    /// Where it stands.
    pub(super) at: usize,
    pub(super) interval: Option<Duration>,
}

/// The rule that a table describes.
pub(super) fn record(mut table: Table<'_>) -> Option<Record> {
    let name = table.needed_text("record", "\"job:calls:rate5m\"");
    if let Some(name) = name {
        table.name = format!("the record `{}`", name.value);
    }
    let at = name.map_or(table.at, |name| name.at);
    let expr = table.needed_text("expr", "\"sum(rate(function_calls_total[5m]))\"");
    let labels = table.named_texts("labels");
    let interval = table.duration_in("interval", SHORTEST..=LONGEST);
    table.finish();
    let (name, expr) = (name?, expr?);
    let recording = Recording::new(name.value, expr.value);
    let recording = labels.into_iter().fold(recording, |recording, (label, value)| recording.label(label, value.value));
    if !is_promql(&table, expr) {
        return None;
    }
    if let Err(error) = recording.check() {
        table.fault(at, error);
    }
    Some(Record { recording, at, interval })
}

/// The rules in groups, in their order: a group for each interval that follows another one.
pub(super) fn groups(records: Vec<Record>, name: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for Record { recording, interval, .. } in records {
        match groups.last_mut() {
            Some(last) if last.interval == interval => last.entries.push(Entry::Record(recording)),
            _ => {
                let number = groups.len() + 1;
                let group = Group { interval, ..Group::new(format!("{name} record {number}")) };
                groups.push(group.record(recording));
            }
        }
    }
    groups
}
