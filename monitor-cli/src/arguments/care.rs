//! `monitor backup`, `check` and `salvage`.

use std::path::PathBuf;

use clap::Args;

pub(super) const COPY_NOTES: &str = "\
The copy is complete or not there. A file that is there already is never replaced.

Exit codes:
  0  the copy is made
  1  it could not be made
  2  the arguments make no sense";

pub(super) const SALVAGE_NOTES: &str = "\
Prints what could not be saved, and how much was. The damaged file is not changed; nobody may record to it meanwhile.

Exit codes:
  0  what could be read is saved, whatever was lost
  1  nothing could be saved
  2  the arguments make no sense
  3  another program records to the file";

pub(super) const CHECK_NOTES: &str = "\
Prints each finding on a line of its own. Nothing is changed.

Exit codes:
  0  the store is sound
  1  it is damaged, or cannot be read
  2  the arguments make no sense";

/// A store, and a new file for a copy of it.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The file to make; there must be none of that name
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A store.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
