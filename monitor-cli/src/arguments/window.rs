//! The time that a command looks at: `--last`, or `--from` and `--to`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use monitor_sinks::Query;

use crate::{duration, instant};

/// A window of time; without any of the three, everything that is stored.
#[derive(Debug, Args)]
pub(crate) struct Window {
    /// Only the last so long, up to now
    #[arg(long, value_name = "TIME", value_parser = duration::parse_span, conflicts_with_all = ["from", "to"])]
    pub(crate) last: Option<Duration>,

    /// Only what was stored after this time
    #[arg(long, value_name = "TIME", value_parser = instant::parse)]
    pub(crate) from: Option<SystemTime>,

    /// Only what was stored up to this time
    #[arg(long, value_name = "TIME", value_parser = instant::parse)]
    pub(crate) to: Option<SystemTime>,
}

impl Window {
    /// The query, narrowed to the window. A beginning after the end is an error of the query.
    pub(crate) fn narrow(&self, query: Query) -> Query {
        match (self.last, self.from, self.to) {
            (Some(last), ..) => query.last(last),
            (None, None, None) => query,
            (None, from, to) => {
                // A window does not contain its beginning; no value is older than a century before 1970.
                let from = from.or_else(|| UNIX_EPOCH.checked_sub(Duration::from_hours(24 * 36_525)));
                query.between(from.unwrap_or(UNIX_EPOCH), to.unwrap_or_else(SystemTime::now))
            }
        }
    }

    /// Whether it leaves anything out.
    pub(crate) const fn is_narrow(&self) -> bool {
        self.last.is_some() || self.from.is_some() || self.to.is_some()
    }
}
