//! `monitor query`.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;

use crate::{duration, instant};

pub(super) const NOTES: &str = "\
Series have the names and labels that they are stored with, and the label service; histograms and timers are native
histograms. Without a time the answer is that of the newest instant in the store. With --from it is a range: a plot in a
terminal, else a table; --json is the data that the HTTP interface of Prometheus answers with.

Times are RFC 3339 (2026-11-28T10:00:00Z; without a zone they are UTC), seconds since 1970, `now`, or a span before now
such as 2h or `2h ago`.

Examples:
  monitor query --db m.db 'sum by (function) (rate(function_calls_total[5m]))'
  monitor query --db m.db --from 1h 'histogram_quantile(0.99, rate(function_calls_duration_seconds[5m]))'

Exit codes:
  0  it is answered, be it by nothing
  1  the store cannot be read, the data has no answer, or it takes too long or is too large
  2  the arguments or the expression make no sense, or it names a metric that there is none of";

/// A question in PromQL.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The expression
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) expression: String,

    /// The instant to ask at [default: the newest in the store]
    #[arg(long, value_name = "TIME", value_parser = instant::parse, conflicts_with = "from")]
    pub(crate) at: Option<SystemTime>,

    /// The first instant of a range
    #[arg(long, value_name = "TIME", value_parser = instant::parse)]
    pub(crate) from: Option<SystemTime>,

    /// The last instant of the range [default: the newest in the store]
    #[arg(long, value_name = "TIME", value_parser = instant::parse, requires = "from")]
    pub(crate) to: Option<SystemTime>,

    /// The time between two instants of the range [default: what makes about 120 of them]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, requires = "from")]
    pub(crate) step: Option<Duration>,

    /// Print the answer as JSON, as the HTTP interface of Prometheus does
    #[arg(long)]
    pub(crate) json: bool,

    /// How long the answer may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) within: Duration,
}
