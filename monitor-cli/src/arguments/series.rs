//! `monitor series`.

use std::path::PathBuf;

use clap::Args;

pub(super) const NOTES: &str = "\
The selector is one of PromQL: a name, conditions on labels, or both; the label service is the service. The value of a
counter is its total since its recording began; of a histogram or timer, how many values there were since then and their
mean. `since` is when the store first had the series, for imported ones when they were imported.

Examples:
  monitor series --db m.db
  monitor series --db m.db 'function_calls_total{function=~\"parse.*\"}'

Exit codes:
  0  printed, be it nothing
  1  the store cannot be read
  2  the arguments make no sense, or name a metric that there is none of";

/// Which series.
#[derive(Debug, Args)]
pub(crate) struct Series {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// Which series [default: all]
    #[arg(value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,

    /// How many to list at most
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) limit: usize,

    /// Print each as a JSON object on a line of its own; times are in seconds since 1970
    #[arg(long)]
    pub(crate) json: bool,
}
