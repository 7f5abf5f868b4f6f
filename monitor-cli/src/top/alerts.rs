//! Alerts, as the screen tells of them.

use std::time::SystemTime;

use monitor_sinks::{Error, Store, rule::Alert};

use crate::duration;

/// The alerts of a store that somebody should know of, the most urgent first.
pub(super) fn notices(store: &Store, now: SystemTime) -> Result<Vec<String>, Error> {
    let mut alerts = store.alerts()?;
    alerts.retain(|alert| alert.started.is_some() || alert.has_no_data);
    alerts.sort_by_key(|alert| std::cmp::Reverse((alert.severity, alert.since)));
    Ok(alerts.iter().map(|alert| notice(alert, now)).collect())
}

fn notice(alert: &Alert, now: SystemTime) -> String {
    let labels: Vec<String> = alert.labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(", ")) };
    let severity = alert.severity.map(|severity| format!("{severity}: ")).unwrap_or_default();
    let value = alert.value.map(|value| format!(" at {value:.4}")).unwrap_or_default();
    let since = alert.started.and_then(|started| now.duration_since(started).ok());
    let since = since.map(|since| format!(" for {}", duration::about(since))).unwrap_or_default();
    let states = [
        (alert.has_no_data, "no data"),
        (alert.is_flapping, "flapping"),
        (alert.silenced_by.is_some(), "silenced"),
        (alert.inhibited_by.is_some(), "inhibited"),
        (alert.acknowledged.is_some(), "acknowledged"),
    ];
    let states = states.iter().filter(|(is_so, _)| *is_so).map(|(_, state)| *state);
    let what = format!("{severity}{}{labels}{value}{since}", alert.rule);
    std::iter::once(what.as_str()).chain(states).collect::<Vec<_>>().join(", ")
}
