//! `monitor functions`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Window;

pub(super) const NOTES: &str = "\
Durations are of all calls that ended, whatever the outcome; quantiles are within 1.6 %. The rate is in calls a second
over the window, as far as the store reaches back. The share is that of the time spent in all functions, in which calls
within calls count twice. Types of errors are listed with how often there were.

Times are RFC 3339 (2026-11-28T10:00:00Z; without a zone they are UTC), seconds since 1970, `now`, or a span before now
such as 2h or `2h ago`. Errors are red in a terminal, unless NO_COLOR is set.

Examples:
  monitor functions --db m.db --last 1h --sort p99 --limit 10
  monitor functions --db m.db --filter 'etl::*::parse'

Exit codes:
  0  printed, be it nothing
  1  the store cannot be read
  2  the arguments make no sense, or name a service that the store does not have";

/// Which functions are to be shown, and how.
#[derive(Debug, Args)]
pub(crate) struct Functions {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The column to sort by: numbers from the largest, names from a
    #[arg(long, value_name = "COLUMN", value_enum, default_value_t = Column::Share)]
    pub(crate) sort: Column,

    /// Only functions whose path has this text in it; with * or ? the path or its end has to match, case does not matter
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,

    /// Only this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    #[command(flatten)]
    pub(crate) window: Window,

    /// How many functions to show at most
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) limit: usize,

    /// Print one JSON object; durations are in seconds
    #[arg(long)]
    pub(crate) json: bool,
}

/// A column of the table of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    Function,
    Calls,
    Rate,
    Errors,
    Panicked,
    Cancelled,
    P50,
    P95,
    P99,
    Max,
    Share,
}
