//! What must be the state of an alert at a time.

use super::{Alerts, Duration, Labels, Lifecycle, Severity, State, labels};
use crate::promql::syntax::duration_text;

#[derive(Debug, Clone)]
pub(super) struct Expectation {
    pub(super) at: Duration,
    /// Of which alert; of the one that is farthest on, if not said.
    labels: Option<String>,
    lifecycle: Lifecycle,
    pub(super) severity: Option<Severity>,
}

impl Expectation {
    pub(super) fn new(at: Duration, labels: Option<String>, lifecycle: Lifecycle) -> Self {
        Self { at, labels, lifecycle, severity: None }
    }

    /// What is not as expected, in words.
    pub(super) fn fault(&self, alerts: &Alerts<'_>) -> Result<Option<String>, String> {
        let at = time(i64::try_from(self.at.as_millis()).unwrap_or(i64::MAX));
        let (of, found) = match &self.labels {
            Some(text) => {
                let wanted = labels(text)?;
                let found = alerts.states().find(|(labels, _)| **labels == wanted);
                (format!(" of {wanted}"), found)
            }
            None => (String::new(), alerts.states().max_by_key(|(_, state)| progress(state.lifecycle))),
        };
        let Some((labels, state)) = found else {
            // An alert that is not there is as inactive as can be.
            let all: Vec<String> = alerts.states().map(|(labels, _)| labels.to_string()).collect();
            let fault = || {
                format!(
                    "at {at}: {} expected{of}, but there is no such alert; there are: {}",
                    self.lifecycle,
                    all.join(", ")
                )
            };
            return Ok((self.lifecycle != Lifecycle::Inactive).then(fault));
        };
        Ok(self.fault_of(&at, &of, labels, state))
    }

    fn fault_of(&self, at: &str, of: &str, labels: &Labels, state: &State) -> Option<String> {
        let found = state.lifecycle;
        if found != self.lifecycle {
            let which = if of.is_empty() { format!(", {labels}") } else { String::new() };
            return Some(format!("at {at}: {} expected{of}, but it is {found}{which}", self.lifecycle));
        }
        let wanted = self.severity.filter(|wanted| state.severity != Some(*wanted))?;
        let found = state.severity.map_or_else(|| String::from("not active"), |severity| severity.to_string());
        Some(format!("at {at}: severity {wanted} expected of {labels}, but it is {found}"))
    }
}

/// A time since the beginning of a test, in milliseconds, in words.
pub(super) fn time(at_ms: i64) -> String {
    duration_text(at_ms)
}

/// How far on an alert is.
fn progress(lifecycle: Lifecycle) -> u8 {
    match lifecycle {
        Lifecycle::Inactive => 0,
        Lifecycle::Resolved => 1,
        Lifecycle::Pending => 2,
        Lifecycle::Recovering => 3,
        Lifecycle::Firing => 4,
    }
}
