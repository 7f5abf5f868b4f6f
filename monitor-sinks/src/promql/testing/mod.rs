//! Scripts that load series, ask questions, and say what must come out.
//!
//! The language is that of the test files of Prometheus, so that those, and any others written in it, say whether this
//! engine answers as Prometheus does:
//!
//! ```text
//! load 1m
//!   calls_total{job="etl"} 0+10x10
//!
//! eval instant at 10m rate(calls_total[5m])
//!   {job="etl"} 0.16666666666666666
//!
//! eval range from 0 to 2m step 1m calls_total
//!   calls_total{job="etl"} 0 10 20
//! ```
//!
//! Every question about an instant is asked as one about a range, too, and must have the same answer in its middle.
//!
//! - `points`: series and their points, as they are written. `load`: what is loaded.
//! - `script`: the commands of a file. `compare`: whether an answer is what was expected.

mod compare;
mod load;
mod points;
mod script;

use self::{
    compare::check,
    load::{Load, Loaded},
    points::parse_series,
    script::{Case, Command, commands},
};

use super::{labels::Labels, memory::Memory};

/// What came of the cases of a script.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many cases were as expected.
    pub passed: usize,
    /// What was not as expected, or is no command at all, by line.
    pub failed: Vec<(usize, String)>,
    /// What was not asked, by line, and why not.
    pub skipped: Vec<(usize, String)>,
}

/// Runs a script. Each case counts once, whatever it asks.
///
/// ```
/// use monitor_sinks::promql::testing::run;
///
/// let report = run("load 1m\n  up 1 0\n\neval instant at 1m up == 0\n  up 0\n\neval instant at 1m up == 1\n  up 1\n");
/// assert_eq!(report.passed, 1);
/// assert_eq!(report.failed, [(7, "up == 1: up: expected, but it is not there".to_owned())]);
/// ```
#[must_use]
pub fn run(script: &str) -> Report {
    let mut report = Report::default();
    let mut loaded = Loaded::default();
    for (line, command) in commands(script) {
        match command {
            Err(message) => report.failed.push((line, message)),
            Ok(Command::Clear) => loaded = Loaded::default(),
            Ok(Command::Load(load)) => loaded.add(load),
            Ok(Command::Eval(case)) => run_case(line, &case, &mut loaded, &mut report),
        }
    }
    report
}

/// Series with points, each in a line `name{label="value"} points`, the points `step_ms` apart from 1970 on.
#[allow(dead_code, reason = "there are builds without rules")]
pub(crate) fn memory(step_ms: i64, lines: &[String]) -> Result<Memory, String> {
    let series = lines.iter().map(|line| parse_series(line).map_err(|message| format!("{line}: {message}")));
    let mut loaded = Loaded::default();
    loaded.add(Load { step: step_ms, series: series.collect::<Result<_, _>>()?, ..Load::default() });
    Ok(loaded.source().clone())
}

/// Whether two numbers are the same as far as scripts are concerned.
#[allow(dead_code, reason = "there are builds without rules")]
pub(crate) fn is_near(one: f64, other: f64) -> bool {
    compare::is_near(one, other)
}

/// Labels as such a line has them.
#[allow(dead_code, reason = "there are builds without rules")]
pub(crate) fn labels(text: &str) -> Result<Labels, String> {
    points::parse_labels(text)
}

fn run_case(line: usize, case: &Case, loaded: &mut Loaded, report: &mut Report) {
    if loaded.has_start_times() {
        report.skipped.push((line, String::from("needs start timestamps")));
        return;
    }
    match check(case, loaded.source()) {
        Ok(()) => report.passed += 1,
        Err(message) => report.failed.push((line, format!("{}: {message}", case.expr))),
    }
}
