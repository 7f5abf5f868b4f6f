//! `monitor rules test`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use monitor_sinks::{config::rule_groups, rule::testing::run_units_of};
use serde_json::json;

use crate::exit::Exit;

/// Runs all files, also after one has failed.
pub(super) fn run(files: &[PathBuf], json: bool) -> Exit {
    let mut out = io::stdout().lock();
    let mut exit = Exit::Done;
    for path in files {
        let shown = path.display();
        let (passed, failed) = match run_units_of(path, |rules| rule_groups(rules)) {
            Ok(report) => {
                let lines = report.failed.iter().map(|(line, message)| format!("{shown}:{line}: {message}"));
                (report.passed, lines.collect())
            }
            Err(error) => (0, vec![error.to_string()]),
        };
        // Nobody may be there to read it; the exit code is what counts.
        let _ = if json {
            writeln!(out, "{}", json!({"file": shown.to_string(), "passed": passed, "failed": failed}))
        } else {
            let told = failed.iter().try_for_each(|line| writeln!(out, "{line}"));
            told.and_then(|()| writeln!(out, "{shown}: {passed} passed, {} failed", failed.len()))
        };
        if !failed.is_empty() {
            exit = Exit::Failed;
        }
    }
    exit
}
