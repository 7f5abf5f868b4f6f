//! `monitor rules`.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Args, Subcommand};

use super::Window;
use crate::duration;

pub(super) const NOTES: &str = "\
Rules are read from a monitor.toml, or from rule files of Prometheus (every other name than *.toml). Secrets and variables
that a monitor.toml names need not be there.

Exit codes:
  0  all rules are sound, all tests passed, the answer was printed
  1  a rule or a file has a mistake, or a test failed
  2  the arguments make no sense, or there is no such rule";

/// What to do with alert rules.
#[derive(Debug, Args)]
pub(crate) struct Rules {
    #[command(subcommand)]
    pub(crate) task: Task,

    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Say whether rules are sound, and what is wrong where if they are not
    #[command(after_help = NOTES)]
    Check(Files),
    /// Run test files in the format of promtool; their `rule_files` may name a monitor.toml as well
    #[command(after_help = NOTES)]
    Test(Files),
    /// Show what rules would have done on what is recorded, also with other thresholds
    #[command(after_help = NOTES)]
    DryRun(DryRun),
    /// Write the rules as a rule file of Prometheus; what it cannot say is listed on standard error
    #[command(after_help = NOTES)]
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DryRun {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// Where the rules are
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// This rule only
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,

    /// How far apart evaluations are
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse_span)]
    pub(crate) every: Duration,

    /// Thresholds to try in place of the rule's own, such as 75,80,85
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', requires = "rule", allow_negative_numbers = true)]
    pub(crate) sweep: Vec<f64>,

    #[command(flatten)]
    pub(crate) window: Window,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where the rules are
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

impl Window {
    /// The window as two instants; `last` is how far it reaches back from its end if it does not say.
    pub(crate) fn range(&self, now: SystemTime, last: Duration) -> (SystemTime, SystemTime) {
        let to = self.to.unwrap_or(now);
        let back = || to.checked_sub(self.last.unwrap_or(last)).unwrap_or(UNIX_EPOCH);
        (self.from.unwrap_or_else(back), to)
    }
}
