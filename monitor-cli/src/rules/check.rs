//! `monitor rules check`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use monitor_sinks::{config::rule_groups, rule::Entry};
use serde_json::json;

use crate::exit::Exit;

/// Checks all files, also after one with mistakes.
pub(super) fn run(files: &[PathBuf], json: bool) -> Exit {
    let mut out = io::stdout().lock();
    let mut exit = Exit::Done;
    for path in files {
        let found = rule_groups(path);
        let mistakes: Vec<String> = found
            .as_ref()
            .err()
            .map(|error| error.to_string().lines().map(str::to_owned).collect())
            .unwrap_or_default();
        let entries: Vec<Entry> = found.unwrap_or_default().into_iter().flat_map(|group| group.entries).collect();
        let alerts = entries.iter().filter(|entry| matches!(entry, Entry::Alert(_))).count();
        let records = entries.len() - alerts;
        let shown = path.display();
        // Nobody may be there to read it; the exit code is what counts.
        let _ = if json {
            let object = json!({
                "file": shown.to_string(), "is_sound": mistakes.is_empty(), "alerts": alerts, "records": records,
                "mistakes": mistakes,
            });
            writeln!(out, "{object}")
        } else if mistakes.is_empty() {
            let records = if records > 0 { format!(", {records} that record") } else { String::new() };
            writeln!(out, "{shown}: sound; {alerts} rules that alert{records}")
        } else {
            mistakes.iter().try_for_each(|mistake| writeln!(out, "{mistake}"))
        };
        if !mistakes.is_empty() {
            exit = Exit::Failed;
        }
    }
    exit
}
