//! `monitor import`.

use std::{path::PathBuf, time::SystemTime};

use clap::Args;

use crate::instant;

pub(super) const NOTES: &str = "\
The store is complete or as it was before: an import that fails or is killed leaves nothing behind. What the store has
already, the same series at the same time, is left out, so that importing a file twice does not double it. Imported
values are kept at their resolution, for as long as the store keeps anything.

Exit codes: 0 done; 1 failed, the message names file and line; 2 the arguments make no sense; 3 another program records
to the store.";

/// What is to be imported, and where to.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The store to write; it is created if it does not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The files to read; - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The service of series that have no label `service`
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// The time of values without a timestamp; without this they are refused
    #[arg(long, value_name = "TIME", value_parser = instant::parse)]
    pub(crate) at: Option<SystemTime>,

    /// The most series of all files together
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(crate) max_series: usize,

    /// Tell what was imported as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
