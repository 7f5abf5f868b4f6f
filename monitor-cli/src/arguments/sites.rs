//! `monitor sites`.

use std::path::PathBuf;

use clap::Args;

use super::Window;

pub(super) const NOTES: &str = "\
A site is a function of a service. Its tags are those of all its series. The store learns a source file from slow calls
(`slow = \"250ms\"` at the function): without one it is not known. With --slow single calls are listed, the newest first.

Times are RFC 3339 (2026-11-28T10:00:00Z; without a zone they are UTC), seconds since 1970, `now`, or a span before now
such as 2h or `2h ago`.

Exit codes:
  0  printed, be it nothing
  1  the store cannot be read
  2  the arguments make no sense, or name what the store does not have";

/// Which sites, or which slow calls.
#[derive(Debug, Args)]
pub(crate) struct Sites {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// List single calls that took longer than the bound of their function
    #[arg(long)]
    pub(crate) slow: bool,

    /// Only functions whose path has this text in it; with * or ? the path or its end has to match, case does not matter
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,

    /// Only this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    #[command(flatten)]
    pub(crate) window: Window,

    /// How many to list at most
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) limit: usize,

    /// Print each as a JSON object on a line of its own; durations are in seconds, times in seconds since 1970
    #[arg(long)]
    pub(crate) json: bool,
}
