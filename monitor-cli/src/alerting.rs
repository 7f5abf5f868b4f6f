//! The commands about alerts, rules and channels, told apart.

use crate::{alert, alerts, arguments::Alerting, exit::Exit, failure::Failure, rules};

/// Does what is asked for.
pub(crate) fn run(about: &Alerting) -> Result<Exit, Failure> {
    match about {
        Alerting::Alert(alert) => alert::run(alert),
        Alerting::Rules(rules) => rules::run(rules),
        Alerting::Ack(ack) => alerts::ack(ack).map_err(Failure::Store),
        Alerting::Alerts(list) => alerts::list(list).map_err(Failure::Store),
        Alerting::Explain(explain) => alerts::explain(explain).map_err(Failure::Store),
        Alerting::Silence(silence) => alerts::silence(silence).map_err(Failure::Store),
        Alerting::Unsilence(unsilence) => alerts::unsilence(unsilence).map_err(Failure::Store),
    }
}
