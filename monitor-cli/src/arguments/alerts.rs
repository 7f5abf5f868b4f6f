//! What can be said of alerts on the command line.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use monitor_sinks::rule::Fingerprint;

use crate::duration;

pub(super) const NOTES: &str = "\
Alerts are listed of which something is going on: pending, firing, recovering, without data, flapping. What is asked of
them is left in the store; the program that records to it takes note at its next evaluation, or when it starts again.

Examples:
  monitor alerts --db m.db
  monitor explain --db m.db 0123456789abcdef0123456789abcdef
  monitor ack --db m.db --for 2h --note 'on it' 0123456789abcdef0123456789abcdef
  monitor silence --db m.db --for 30m 'high_cpu{host=\"a\"}'

Exit codes:
  0  done, be there alerts or not
  1  the store cannot be read or written to
  2  the arguments make no sense, there is no such alert, or no program with rules records to the store";

/// What is going on.
#[derive(Debug, Args)]
pub(crate) struct Alerts {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// Print each alert as a JSON object on a line of its own
    #[arg(long)]
    pub(crate) json: bool,
}

/// Why an alert is as it is.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The alert, as `monitor alerts` lists it
    #[arg(value_name = "ALERT")]
    pub(crate) alert: Fingerprint,

    /// Print it as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Somebody takes care of an alert.
#[derive(Debug, Args)]
pub(crate) struct Ack {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The alert, as `monitor alerts` lists it
    #[arg(value_name = "ALERT")]
    pub(crate) alert: Fingerprint,

    /// For how long; the alert is told again after that
    #[arg(long = "for", value_name = "TIME", default_value = "24h", value_parser = duration::parse)]
    pub(crate) lasts: Duration,

    /// Who; the user's name if it is not said
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,

    /// What there is to say of it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,

    /// Print what was done as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Nobody is told of some alerts for a while.
#[derive(Debug, Args)]
pub(crate) struct Silence {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// Which alerts: the name of a rule, labels, or both, such as `high_cpu{host="a"}` or `{severity="low"}`
    #[arg(value_name = "ALERTS")]
    pub(crate) alerts: String,

    /// For how long; until none of them is active any more if it is not said
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    pub(crate) lasts: Option<Duration>,

    /// Who wants it; the user's name if it is not said
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,

    /// What for
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) comment: String,

    /// Print what was done as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// The end of a silence.
#[derive(Debug, Args)]
pub(crate) struct Unsilence {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The number of the silence, as `monitor silence` has printed it
    #[arg(value_name = "NUMBER")]
    pub(crate) id: i64,

    /// Print what was done as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
