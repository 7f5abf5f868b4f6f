//! What can be said of alerts on the command line.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use monitor_sinks::rule::Fingerprint;

use crate::duration;

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
}
