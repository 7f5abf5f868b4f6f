//! `monitor promql-test`.

use std::path::PathBuf;

use clap::Args;

pub(super) const NOTES: &str = "\
A script loads series, asks questions, and says what must come out. The language is that of the test files of
Prometheus (promql/promqltest). Each file is printed with its count of cases passed, failed and skipped, each failure
with its line.

Exit codes:
  0  nothing failed
  1  a case failed, or a file could not be read
  2  the arguments make no sense";

/// What scripts to run.
#[derive(Debug, Args)]
pub(crate) struct PromqlTest {
    /// The scripts
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Print counts only
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Print a JSON object for each file, on a line of its own
    #[arg(long)]
    pub(crate) json: bool,
}
