//! `monitor sql`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::duration;

pub(super) const NOTES: &str = "\
Tables: samples; app_metrics and system_metrics, the same as older scripts store it; series, latest, function_hourly and
the other plain tables of the file, which the table about explains. Times are UTC. Nothing is ever changed.

Examples:
  monitor sql --db m.db \"SELECT * FROM latest\"
  monitor sql --db m.db \"SELECT timestamp, value FROM system_metrics
      WHERE metric_name = 'cpu_percent_total' AND timestamp > datetime('now', '-1 hour')\"

Exit codes:
  0  it is answered
  1  the store cannot be read, or the answer takes too long or is too large
  2  the arguments or the SQL make no sense, or would change something";

/// A question in SQL.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// One statement, such as SELECT
    #[arg(value_name = "SQL")]
    pub(crate) statement: String,

    /// Print each row as a JSON object on a line of its own
    #[arg(long)]
    pub(crate) json: bool,

    /// How many rows to print at most
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) limit: usize,

    /// How long the answer may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub(crate) within: Duration,
}
