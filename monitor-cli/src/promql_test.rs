//! `monitor promql-test`: runs test scripts of PromQL and prints what came of them.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use monitor_sinks::promql::testing::{Report, run as run_script};
use serde_json::{Value as Json, json};

use crate::{arguments::PromqlTest, exit::Exit};

/// Runs all scripts, also after one has failed.
pub(crate) fn run(scripts: &PromqlTest) -> Exit {
    let mut out = io::stdout().lock();
    let mut sum = Report::default();
    let mut unread = 0;
    for path in &scripts.files {
        match fs::read_to_string(path) {
            Ok(script) => {
                let report = run_script(&script);
                // Nobody may be there to read it; the exit code is what counts.
                let _ = if scripts.json {
                    writeln!(out, "{}", json_of(path, &report))
                } else {
                    write_report(&mut out, path, &report, scripts.quiet)
                };
                sum.passed += report.passed;
                sum.failed.extend(report.failed);
                sum.skipped.extend(report.skipped);
            }
            Err(error) => {
                unread += 1;
                let _ = writeln!(io::stderr(), "monitor: cannot read {}: {error}", path.display());
            }
        }
    }
    if scripts.files.len() > 1 && !scripts.json {
        let _ = writeln!(out, "total: {}", counts(&sum));
    }
    if sum.failed.is_empty() && unread == 0 { Exit::Done } else { Exit::Failed }
}

fn write_report(out: &mut impl Write, path: &Path, report: &Report, quiet: bool) -> io::Result<()> {
    let path = path.display();
    if !quiet {
        for (line, message) in &report.failed {
            writeln!(out, "{path}:{line}: {message}")?;
        }
    }
    writeln!(out, "{path}: {}", counts(report))
}

fn json_of(path: &Path, report: &Report) -> Json {
    let failed = report.failed.iter().map(|(line, message)| json!({"line": line, "message": message}));
    let skipped = report.skipped.iter().map(|(line, reason)| json!({"line": line, "reason": reason}));
    json!({
        "file": path.to_string_lossy(), "passed": report.passed, "failed": failed.collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
    })
}

/// Counts of passed, failed, and skipped by reason.
fn counts(report: &Report) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, reason) in &report.skipped {
        *reasons.entry(reason).or_default() += 1;
    }
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let because = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    format!("{} passed, {} failed, {} skipped{because}", report.passed, report.failed.len(), report.skipped.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_cases_are_counted_by_reason() {
        let mut report = Report::default();
        report.passed = 3;
        report.skipped = vec![(1, String::from("needs b")), (2, String::from("needs a")), (3, String::from("needs b"))];
        assert_eq!(counts(&report), "3 passed, 0 failed, 3 skipped (1 needs a, 2 needs b)");
    }
}
