//! What can be said about alerts, and about rules and channels before there are any.

use clap::Subcommand;

use super::{Ack, Alert, Alerts, Explain, Rules, Silence, Unsilence, alert, alerts, rules};

/// The commands about alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum Alerting {
    /// Check alert rules, test them, try them on what is recorded, write them for Prometheus
    #[command(after_help = rules::NOTES)]
    Rules(Rules),
    /// Try the channels that alerts are told through
    #[command(after_help = alert::NOTES)]
    Alert(Alert),
    /// List the alerts of which something is going on
    #[command(after_help = alerts::NOTES)]
    Alerts(Alerts),
    /// Say why an alert is as it is
    #[command(after_help = alerts::NOTES)]
    Explain(Explain),
    /// Take care of an alert, so that it is not told again for a while
    #[command(after_help = alerts::NOTES)]
    Ack(Ack),
    /// Have nobody told of some alerts for a while
    #[command(after_help = alerts::NOTES)]
    Silence(Silence),
    /// End a silence
    #[command(after_help = alerts::NOTES)]
    Unsilence(Unsilence),
}
