//! `monitor rules`: checks alert rules, runs their tests, tries them on what is recorded, and writes them for Prometheus.

mod check;
mod dry_run;
mod test;

use std::{
    io::{self, Write},
    path::Path,
};

use monitor_sinks::{config::rule_groups, rule::prometheus};
use serde_json::json;

use crate::{
    arguments::{RuleTask, Rules},
    exit::Exit,
    failure::Failure,
};

pub(crate) fn run(rules: &Rules) -> Result<Exit, Failure> {
    match &rules.task {
        RuleTask::Check(files) => Ok(check::run(&files.files, rules.json)),
        RuleTask::Test(files) => Ok(test::run(&files.files, rules.json)),
        RuleTask::DryRun(dry_run) => dry_run::run(dry_run, rules.json),
        RuleTask::Export(export) => self::export(&export.config, rules.json),
    }
}

/// Writes the rules of a file as a rule file of Prometheus.
fn export(path: &Path, json: bool) -> Result<Exit, Failure> {
    let written = prometheus::write(&rule_groups(path)?);
    let mut out = io::stdout().lock();
    // Whoever reads may have seen enough.
    if json {
        let _ = writeln!(out, "{}", json!({"yaml": written.yaml, "notes": written.notes}));
    } else {
        let _ = out.write_all(written.yaml.as_bytes());
        for note in &written.notes {
            let _ = writeln!(io::stderr(), "monitor rules: not in the file: {note}");
        }
    }
    Ok(Exit::Done)
}
