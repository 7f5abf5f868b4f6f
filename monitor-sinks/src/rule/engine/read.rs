//! Alerts as readers of the store see them, in this process or another one.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, OptionalExtension};

use super::{
    super::{
        fingerprint::Fingerprint,
        state::{Lifecycle, State},
    },
    command::{self, Command},
    silence::{self, Silence},
    table,
    tracked::{Acknowledgement, Memory},
};
use crate::{
    error::Error,
    notify::Severity,
    promql::Labels,
    store::{Store, schema},
    util::time::{from_micros, to_micros},
};

/// An alert, as it was at the last flush.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Alert {
    /// What tells it from all others.
    pub fingerprint: Fingerprint,
    /// The rule that it comes from.
    pub rule: String,
    /// The labels of the element that it is about.
    pub labels: BTreeMap<String, String>,
    /// Where in its life it is.
    pub lifecycle: Lifecycle,
    /// How urgent it is, if it is firing or recovering.
    pub severity: Option<Severity>,
    /// The last value that was seen; up to a minute old unless something has changed.
    pub value: Option<f64>,
    /// Since when it has been where it is.
    pub since: SystemTime,
    /// When the incident began, if there is one.
    pub started: Option<SystemTime>,
    /// The number of the incident, from 1; that of the last one while there is none.
    pub incident: u64,
    /// Whether its data is missing, and that was told.
    pub has_no_data: bool,
    /// Whether it changes so often that changes are not told.
    pub is_flapping: bool,
    /// For how long its condition has held without firing, or not held without resolving.
    pub waited: Duration,
    /// Who takes care of it.
    pub acknowledged: Option<Acknowledgement>,
    /// The number of the silence that keeps messages back.
    pub silenced_by: Option<i64>,
    /// The rule that keeps messages back, because it fires.
    pub inhibited_by: Option<String>,
    /// The channels that know that it fires.
    pub told: Vec<String>,
}

/// Something that happened to an alert or a rule.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertEvent {
    /// When.
    pub at: SystemTime,
    /// To which alert, if to one.
    pub fingerprint: Option<Fingerprint>,
    /// Of which rule, if of one.
    pub rule: Option<String>,
    /// What: `fired`, `escalated`, `resolved`, `no_data`, `flapping`, `ack`, `rule_failed` and others.
    pub kind: String,
    /// How urgent it was.
    pub severity: Option<Severity>,
    /// The value at the time.
    pub value: Option<f64>,
    /// The number of the incident.
    pub incident: Option<u64>,
    /// What there is to say of it, such as why an alert ended.
    pub text: String,
}

/// Why an alert is as it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The alert.
    pub alert: Alert,
    /// What its rule says; empty if there is no such rule any more.
    pub rule: String,
    /// Why, one reason a line.
    pub reasons: Vec<String>,
    /// What happened to it, the newest first.
    pub events: Vec<AlertEvent>,
}

/// How many events explain an alert.
const EVENTS: usize = 20;

/// How long somebody takes care of an alert who does not say.
pub(crate) const ACK: Duration = Duration::from_hours(24);

impl Store {
    /// The alerts of which something is going on: pending, firing, recovering, without data, flapping; by rule and labels.
    ///
    /// They are those of the last flush. A store whose monitor has no rules has none.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn alerts(&self) -> Result<Vec<Alert>, Error> {
        self.asked(|connection| {
            let mut alerts = load(connection, "WHERE is_live ORDER BY rule, labels", [])?;
            let is_over = |alert: &Alert| matches!(alert.lifecycle, Lifecycle::Inactive | Lifecycle::Resolved);
            alerts.retain(|alert| !is_over(alert) || alert.has_no_data || alert.is_flapping);
            Ok(alerts)
        })
    }

    /// The silences that hold, by number.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn silences(&self) -> Result<Vec<Silence>, Error> {
        self.asked(table::silences)
    }

    /// The newest `limit` things that happened to alerts and rules, the newest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn alert_events(&self, limit: usize) -> Result<Vec<AlertEvent>, Error> {
        self.asked(|connection| events(connection, None, limit))
    }

    /// Why an alert is as it is: whether its condition holds, what it waits for, what keeps messages back, who was told.
    ///
    /// # Errors
    ///
    /// If there is no such alert, or the store cannot be read.
    pub fn explain(&self, fingerprint: Fingerprint) -> Result<Explanation, Error> {
        let found = self.asked(|connection| {
            let alert = load(connection, "WHERE fingerprint = ?1", [fingerprint.to_string()])?.pop();
            let Some(alert) = alert else { return Ok(Vec::new()) };
            let rule = connection
                .query_row("SELECT definition, error FROM alert_rule WHERE name = ?1", [&alert.rule], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
                })
                .optional()?;
            let events = events(connection, Some(fingerprint), EVENTS)?;
            Ok(vec![explained(alert, rule, events)])
        })?;
        found.into_iter().next().ok_or_else(|| {
            Error::setting(format!("{} holds no alert {fingerprint}; `alerts` lists them", self.path().display()))
        })
    }

    /// Takes care of an alert: it is not told again until `until`, or for a day; its end is told, and that somebody takes care
    /// of it is told to those who know of it. The program that records to the store takes note at its next evaluation.
    ///
    /// # Errors
    ///
    /// If there is no such alert, no program with rules has ever recorded to the store, or it cannot be written to.
    pub fn ack(
        &self,
        fingerprint: Fingerprint,
        by: impl Into<String>,
        note: impl Into<String>,
        until: Option<SystemTime>,
    ) -> Result<(), Error> {
        let until = until.unwrap_or_else(|| SystemTime::now() + ACK);
        let (fingerprint, until_ms) = (fingerprint.to_string(), millis(until));
        command::leave(self.path(), &Command::Ack { fingerprint, by: by.into(), note: note.into(), until_ms })
            .map(|_| ())
    }

    /// Keeps messages back of the alerts that `matchers` are for, such as `high_cpu{host="a"}` or `{severity="low"}`, until
    /// `until`; without it, until none of them is active any more. Returns the number of the silence.
    ///
    /// # Errors
    ///
    /// If the matchers make no sense, no program with rules has ever recorded to the store, or it cannot be written to.
    pub fn silence(
        &self,
        matchers: &str,
        until: Option<SystemTime>,
        by: impl Into<String>,
        comment: impl Into<String>,
    ) -> Result<i64, Error> {
        silence::read(matchers)?;
        let (matchers, until_ms) = (matchers.to_owned(), until.map(millis));
        command::leave(self.path(), &Command::Silence { matchers, until_ms, by: by.into(), comment: comment.into() })
    }

    /// Ends a silence.
    ///
    /// # Errors
    ///
    /// If no program with rules has ever recorded to the store, or it cannot be written to.
    pub fn unsilence(&self, id: i64) -> Result<(), Error> {
        command::leave(self.path(), &Command::Unsilence { id }).map(|_| ())
    }

    /// What the tables of alerts tell; nothing where there are none.
    fn asked<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<Vec<T>>) -> Result<Vec<T>, Error> {
        // Kept as long as the file is read.
        let (_quiet, connection) = self.reader()?.into_parts();
        let failed = |error| Error::sqlite("read", self.path(), schema::READER_PATIENCE, error);
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'alert_command'";
        let tables: i64 = connection.query_row(tables, [], |row| row.get(0)).map_err(failed)?;
        if tables == 0 { Ok(Vec::new()) } else { ask(&connection).map_err(failed) }
    }
}

fn load<P: rusqlite::Params>(connection: &Connection, which: &str, parameters: P) -> rusqlite::Result<Vec<Alert>> {
    let mut statement = connection.prepare(&format!("SELECT rule, labels, memory FROM alert_instance {which}"))?;
    let mut rows = statement.query(parameters)?;
    let mut alerts = Vec::new();
    while let Some(row) = rows.next()? {
        let (labels, memory): (String, String) = (row.get(1)?, row.get(2)?);
        if let (Some(labels), Ok(memory)) = (table::labels_of(&labels), serde_json::from_str(&memory)) {
            alerts.push(alert(row.get(0)?, &labels, memory));
        }
    }
    Ok(alerts)
}

fn alert(rule: String, labels: &Labels, memory: Memory) -> Alert {
    let Memory { state, told, ack, silenced, inhibited } = memory;
    Alert {
        fingerprint: Fingerprint::new(&rule, labels),
        rule,
        labels: labels.iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect(),
        lifecycle: state.lifecycle,
        severity: state.severity,
        value: state.last_value,
        since: instant(state.since_ms),
        started: state.is_active().then(|| instant(state.started_ms)),
        incident: state.incident,
        has_no_data: state.no_data,
        is_flapping: state.flapping || told.restless,
        waited: waited(&state),
        acknowledged: ack,
        silenced_by: silenced,
        inhibited_by: inhibited,
        told: told.channels.into_iter().collect(),
    }
}

fn waited(state: &State) -> Duration {
    Duration::from_millis(state.waited_ms())
}

fn events(connection: &Connection, of: Option<Fingerprint>, limit: usize) -> rusqlite::Result<Vec<AlertEvent>> {
    let mut statement = connection.prepare(
        "SELECT at_us, fingerprint, rule, kind, severity, value, incident, text FROM alert_event
         WHERE ?1 IS NULL OR fingerprint = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let events = statement.query_map(rusqlite::params![of.map(|print| print.to_string()), limit], |row| {
        Ok(AlertEvent {
            at: from_micros(row.get(0)?),
            fingerprint: row.get::<_, Option<String>>(1)?.and_then(|text| text.parse().ok()),
            rule: row.get(2)?,
            kind: row.get(3)?,
            severity: row.get::<_, Option<String>>(4)?.and_then(|text| text.parse().ok()),
            value: row.get(5)?,
            incident: row.get::<_, Option<i64>>(6)?.map(i64::unsigned_abs),
            text: row.get(7)?,
        })
    })?;
    events.collect()
}

fn explained(alert: Alert, rule: Option<(String, Option<String>)>, events: Vec<AlertEvent>) -> Explanation {
    let mut reasons = Vec::new();
    let value = alert.value.map_or_else(|| String::from("unknown"), |value| value.to_string());
    reasons.push(match alert.lifecycle {
        Lifecycle::Pending => {
            format!("the condition has held for {:?}, not yet long enough; the value is {value}", alert.waited)
        }
        Lifecycle::Firing => format!("the condition holds; the value is {value}"),
        Lifecycle::Recovering => {
            format!("the condition has not held for {:?}, not yet long enough; the value is {value}", alert.waited)
        }
        _ => format!("the condition does not hold; the last value is {value}"),
    });
    match &rule {
        None => reasons.push(String::from("there is no such rule any more")),
        Some((_, Some(failure))) => reasons.push(format!("it stays as it is, because its rule fails: {failure}")),
        Some(_) => {}
    }
    if alert.has_no_data {
        reasons.push(String::from("there is no data; it stays as it was"));
    }
    if alert.is_flapping {
        reasons.push(String::from("it flaps: single changes are not told until it is calm"));
    }
    if let Some(id) = alert.silenced_by {
        reasons.push(format!("silence {id} keeps messages back"));
    }
    if let Some(rule) = &alert.inhibited_by {
        reasons.push(format!("rule `{rule}`, which it depends on, fires and keeps messages back"));
    }
    if let Some(ack) = &alert.acknowledged {
        reasons.push(format!("{} takes care of it and it is not told again: {}", ack.by, ack.note));
    }
    reasons.push(match &alert.told[..] {
        [] if alert.started.is_some() => String::from("nobody has been told"),
        [] => String::from("nobody is waiting to be told of its end"),
        told => format!("told: {}", told.join(", ")),
    });
    Explanation { rule: rule.map(|(definition, _)| definition).unwrap_or_default(), alert, reasons, events }
}

fn instant(millis: i64) -> SystemTime {
    from_micros(millis.saturating_mul(1_000))
}

fn millis(time: SystemTime) -> i64 {
    to_micros(time).div_euclid(1_000)
}
