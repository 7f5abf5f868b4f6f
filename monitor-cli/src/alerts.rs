//! `monitor alerts`, `explain`, `ack`, `silence` and `unsilence`: what is going on, and who needs to be told of it.
//!
//! What is asked for is left in the store; the program that records to it takes note at its next evaluation, and it waits
//! there if no program does.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use monitor_sinks::{
    Error, Store,
    rule::{Alert, AlertEvent},
};
use serde_json::{Value, json};

use crate::{
    arguments::{Ack, Alerts, Explain, Silence, Unsilence},
    exit::Exit,
    instant,
    table::{self, Cell, shown},
};

/// Lists alerts. Whether there are some is told by the exit code to nobody: that is no failure.
pub(crate) fn list(alerts: &Alerts) -> Result<Exit, Error> {
    let found = Store::open_read_only(&alerts.db)?.alerts()?;
    let mut out = io::stdout().lock();
    // Whoever reads may have seen enough.
    let _ = if alerts.json {
        found.iter().try_for_each(|alert| writeln!(out, "{}", object(alert)))
    } else if found.is_empty() {
        writeln!(out, "all is quiet in {}", alerts.db.display())
    } else {
        write_table(&found, &mut out)
    };
    Ok(Exit::Done)
}

/// Says why an alert is as it is.
pub(crate) fn explain(explain: &Explain) -> Result<Exit, Error> {
    let explained = Store::open_read_only(&explain.db)?.explain(explain.alert)?;
    let mut out = io::stdout().lock();
    let _ = if explain.json {
        let events: Vec<Value> = explained.events.iter().map(event_object).collect();
        let (rule, reasons) = (&explained.rule, &explained.reasons);
        writeln!(
            out,
            "{}",
            json!({"alert": object(&explained.alert), "rule": rule, "reasons": reasons, "events": events})
        )
    } else {
        let alert = &explained.alert;
        let head = [
            format!("{} {}: {}", alert.rule, labels(alert), state(alert)),
            format!("rule: {}", if explained.rule.is_empty() { "there is none any more" } else { &explained.rule }),
        ];
        let reasons = explained.reasons.iter().map(|reason| format!("  {reason}"));
        let events = explained.events.iter().map(|event| {
            let text = if event.text.is_empty() { String::new() } else { format!(": {}", event.text) };
            format!("{}  {}{text}", instant::shown(event.at), event.kind)
        });
        let lines = head.into_iter().chain(reasons).chain(events);
        lines.map(|line| table::escaped(line.chars())).try_for_each(|line| writeln!(out, "{line}"))
    };
    Ok(Exit::Done)
}

/// Takes care of an alert.
pub(crate) fn ack(ack: &Ack) -> Result<Exit, Error> {
    let until = SystemTime::now() + ack.lasts;
    Store::open_read_only(&ack.db)?.ack(ack.alert, who(ack.by.as_ref()), &ack.note, Some(until))?;
    let (alert, end) = (ack.alert.to_string(), instant::shown(until));
    say(ack.json, &format!("alert {alert} is acknowledged until {end}"), &json!({"acknowledged": alert, "until": end}));
    Ok(Exit::Done)
}

/// Silences alerts.
pub(crate) fn silence(silence: &Silence) -> Result<Exit, Error> {
    let until = silence.lasts.map(|lasts| SystemTime::now() + lasts);
    let by = who(silence.by.as_ref());
    let id = Store::open_read_only(&silence.db)?.silence(&silence.alerts, until, by, &silence.comment)?;
    let end = until.map_or_else(|| String::from("none of them is active"), instant::shown);
    let object = json!({"silence": id, "alerts": silence.alerts, "until": until.map(instant::shown)});
    say(silence.json, &format!("silence {id}: nobody is told of {} until {end}", silence.alerts), &object);
    Ok(Exit::Done)
}

/// Ends a silence.
pub(crate) fn unsilence(unsilence: &Unsilence) -> Result<Exit, Error> {
    Store::open_read_only(&unsilence.db)?.unsilence(unsilence.id)?;
    let id = unsilence.id;
    say(unsilence.json, &format!("silence {id} ends at the next evaluation"), &json!({"ended": id}));
    Ok(Exit::Done)
}

fn write_table(alerts: &[Alert], out: &mut impl Write) -> io::Result<()> {
    let head = ["alert", "rule", "labels", "state", "severity", "value", "since", "told"].map(str::to_owned);
    let row = |alert: &Alert| {
        let value = alert.value.map_or_else(String::new, |value| value.to_string());
        let text = |text: String| Cell::text(shown(&text));
        vec![
            text(alert.fingerprint.to_string()),
            text(alert.rule.clone()),
            text(labels(alert)),
            text(state(alert)),
            text(alert.severity.map_or_else(String::new, |severity| severity.to_string())),
            Cell::number(shown(&value)),
            text(instant::shown(alert.since)),
            text(alert.told.join(", ")),
        ]
    };
    table::write(&head, &alerts.iter().map(row).collect::<Vec<_>>(), out)
}

/// Where an alert is, and what lies over it.
fn state(alert: &Alert) -> String {
    let overlays = [
        (alert.acknowledged.is_some(), "acknowledged"),
        (alert.silenced_by.is_some(), "silenced"),
        (alert.inhibited_by.is_some(), "inhibited"),
        (alert.has_no_data, "no data"),
        (alert.is_flapping, "flapping"),
    ];
    let overlays = overlays.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name);
    std::iter::once(alert.lifecycle.as_str()).chain(overlays).collect::<Vec<_>>().join(", ")
}

fn labels(alert: &Alert) -> String {
    let labels: Vec<String> = alert.labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    format!("{{{}}}", labels.join(", "))
}

fn object(alert: &Alert) -> Value {
    json!({
        "fingerprint": alert.fingerprint.to_string(),
        "rule": alert.rule,
        "labels": alert.labels,
        "state": alert.lifecycle.as_str(),
        "severity": alert.severity,
        "value": alert.value,
        "since": instant::shown(alert.since),
        "started": alert.started.map(instant::shown),
        "incident": alert.incident,
        "acknowledged_by": alert.acknowledged.as_ref().map(|ack| &ack.by),
        "silenced_by": alert.silenced_by,
        "inhibited_by": alert.inhibited_by,
        "no_data": alert.has_no_data,
        "flapping": alert.is_flapping,
        "told": alert.told,
    })
}

fn event_object(event: &AlertEvent) -> Value {
    json!({
        "at": instant::shown(event.at),
        "kind": event.kind,
        "severity": event.severity,
        "value": event.value,
        "incident": event.incident,
        "text": event.text,
    })
}

/// Who asks.
fn who(by: Option<&String>) -> String {
    let user = || ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    by.cloned().or_else(user).unwrap_or_else(|| String::from("somebody"))
}

/// Says what was done, to people or to programs.
fn say(is_json: bool, line: &str, object: &Value) {
    let mut out = io::stdout();
    let _ = if is_json { writeln!(out, "{object}") } else { writeln!(out, "{line}") };
}
