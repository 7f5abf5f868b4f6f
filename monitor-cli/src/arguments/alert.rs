//! `monitor alert test`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(super) const NOTES: &str = "\
Exit codes:
  0  the channel took the message
  1  it did not; the reason is printed
  2  the arguments or the settings make no sense";

/// What to do with channels.
#[derive(Debug, Args)]
pub(crate) struct Alert {
    #[command(subcommand)]
    pub(crate) task: AlertTask,

    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertTask {
    /// Send a message that says that it is a test
    #[command(after_help = NOTES)]
    Test(ChannelTest),
}

#[derive(Debug, Args)]
pub(crate) struct ChannelTest {
    /// Where the channel is described
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// The name of the channel
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: String,
}
