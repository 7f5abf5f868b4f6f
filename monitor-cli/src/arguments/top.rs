//! `monitor top`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::duration;

pub(super) const NOTES: &str = "\
Shows the functions of a store, the machine as far as it is sampled, and what needs attention. Whoever records, such as
`monitor agent`, is not disturbed. Rates and durations are those of the window, up to now.

Keys: q, Esc or Ctrl-C ends it; up, down, PageUp, PageDown, Home, End select; s sorts by the next column, S by the one
before; / filters (Enter keeps the filter, Esc drops it); p pauses; + and - change the window. NO_COLOR is heeded.

Exit codes:
  0  ended by a key or a signal, or the frame is printed
  1  the store cannot be read, or the terminal cannot be used
  2  the arguments make no sense, or standard output is no terminal";

/// What is to be watched.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The window to begin with
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration::parse_span)]
    pub(crate) last: Duration,

    /// How often to look: 250ms to 1h
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration::parse_refresh)]
    pub(crate) every: Duration,

    /// Only this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// Print one frame as text
    #[arg(long)]
    pub(crate) once: bool,

    /// Print what one frame shows as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
