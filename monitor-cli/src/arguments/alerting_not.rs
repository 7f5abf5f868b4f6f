//! Commands about alerts, where the program knows none.

use clap::Subcommand;

/// None: this program was built without the feature `alerts`.
#[derive(Debug, Subcommand)]
pub(crate) enum Alerting {}
