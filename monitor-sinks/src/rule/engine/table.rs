//! The tables of alerts: rules, alerts, what happened to them, silences, commands.
//!
//! They are written in the transaction of a flush, so that samples, alerts and messages are of one moment. Plain columns
//! are for readers, among them people with a SQLite shell; `memory` is what a restart goes on from.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    super::{event::Event, fingerprint::Fingerprint},
    silence::Silence,
    tracked::{Memory, Tracked},
};
use crate::promql::Labels;

/// How many events are kept.
const EVENTS: i64 = 100_000;

/// Numbers of commands are never used again: silences are called by them.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS alert_rule(
    name TEXT PRIMARY KEY, expr TEXT NOT NULL, definition TEXT NOT NULL, evaluated_us INTEGER NOT NULL,
    elements INTEGER NOT NULL, error TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alert_instance(
    fingerprint TEXT PRIMARY KEY, rule TEXT NOT NULL, labels TEXT NOT NULL, lifecycle TEXT NOT NULL, severity TEXT,
    value REAL, since_us INTEGER NOT NULL, incident INTEGER NOT NULL, is_live INTEGER NOT NULL, memory TEXT NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alert_event(
    id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, fingerprint TEXT, rule TEXT, kind TEXT NOT NULL, severity TEXT,
    value REAL, incident INTEGER, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS alert_silence(
    id INTEGER PRIMARY KEY, matchers TEXT NOT NULL, until_us INTEGER, since_us INTEGER NOT NULL, made_by TEXT NOT NULL,
    comment TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS alert_command(id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL) STRICT;
INSERT OR REPLACE INTO about(topic, text) VALUES('9 alerts',
    'alert_rule has the rules, alert_instance each alert that there ever was, alert_event what happened to them, \
alert_silence what nobody is told of, outbox the messages that wait or were sent. SELECT rule, labels, lifecycle, severity, \
value FROM alert_instance WHERE is_live; shows what is going on.');
";

/// Something that happened, to an alert or to a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) at_ms: i64,
    pub(super) alert: Option<Fingerprint>,
    pub(super) rule: Option<String>,
    pub(super) kind: &'static str,
    pub(super) event: Option<Event>,
    pub(super) text: String,
}

/// How a rule fares.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RuleRow {
    pub(super) name: String,
    pub(super) expr: String,
    pub(super) definition: String,
    pub(super) evaluated_ms: i64,
    pub(super) elements: usize,
    pub(super) error: Option<String>,
}

/// Makes the tables where there are none.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)
}

/// The alerts that are stored, with the names of their rules.
pub(super) fn alerts(connection: &Connection) -> rusqlite::Result<Vec<(String, Labels, Memory)>> {
    let mut statement = connection.prepare("SELECT rule, labels, memory FROM alert_instance")?;
    let mut rows = statement.query([])?;
    let mut alerts = Vec::new();
    while let Some(row) = rows.next()? {
        // What cannot be read begins anew.
        let (labels, memory): (String, String) = (row.get(1)?, row.get(2)?);
        if let (Some(labels), Ok(memory)) = (labels_of(&labels), serde_json::from_str(&memory)) {
            alerts.push((row.get(0)?, labels, memory));
        }
    }
    Ok(alerts)
}

/// The silences that are stored.
pub(super) fn silences(connection: &Connection) -> rusqlite::Result<Vec<Silence>> {
    let mut statement = connection
        .prepare("SELECT id, matchers, until_us, since_us, made_by, comment FROM alert_silence ORDER BY id")?;
    let silences = statement.query_map([], |row| {
        Ok(Silence {
            id: row.get(0)?,
            matchers: row.get(1)?,
            until_ms: row.get::<_, Option<i64>>(2)?.map(|micros| micros / 1_000),
            since_ms: row.get::<_, i64>(3)? / 1_000,
            by: row.get(4)?,
            comment: row.get(5)?,
        })
    })?;
    silences.collect()
}

/// The number of the last command that was ever given.
pub(super) fn last_command(connection: &Connection) -> rusqlite::Result<i64> {
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'alert_command'";
    connection.query_row(last, [], |row| row.get(0)).optional().map(Option::unwrap_or_default)
}

/// Goes on numbering commands after `number`, in a file that has just been begun.
pub(super) fn number_after(transaction: &Transaction<'_>, number: i64) -> rusqlite::Result<()> {
    if last_command(transaction)? < number {
        transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'alert_command'", [])?;
        transaction.execute("INSERT INTO sqlite_sequence(name, seq) VALUES('alert_command', ?1)", [number])?;
    }
    Ok(())
}

/// Writes an alert over what was there of it.
pub(super) fn put_alert(transaction: &Transaction<'_>, rule: &str, alert: &Tracked) -> rusqlite::Result<()> {
    let state = &alert.memory.state;
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO alert_instance(
                 fingerprint, rule, labels, lifecycle, severity, value, since_us, incident, is_live, memory)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            alert.fingerprint.to_string(),
            rule,
            labels_text(&alert.labels),
            state.lifecycle.as_str(),
            state.severity.map(crate::notify::Severity::name),
            state.last_value.filter(|value| !value.is_nan()),
            micros(state.since_ms),
            state.incident.cast_signed(),
            !state.is_idle() || alert.memory.told.restless,
            serde_json::to_string(&alert.memory).unwrap_or_default(),
        ])
        .map(|_| ())
}

/// Writes what happened; of old entries the oldest go.
pub(super) fn put_entries(transaction: &Transaction<'_>, entries: &[Entry]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO alert_event(at_us, fingerprint, rule, kind, severity, value, incident, text)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for entry in entries {
        let event = entry.event.as_ref();
        insert.execute(params![
            micros(entry.at_ms),
            entry.alert.map(|print| print.to_string()),
            entry.rule,
            entry.kind,
            event.map(|event| event.severity.name()),
            event.and_then(|event| event.value).filter(|value| !value.is_nan()),
            event.map(|event| event.incident.cast_signed()),
            entry.text,
        ])?;
    }
    if !entries.is_empty() {
        let oldest = transaction.last_insert_rowid() - EVENTS;
        transaction.prepare_cached("DELETE FROM alert_event WHERE id <= ?1")?.execute([oldest])?;
    }
    Ok(())
}

/// Writes how rules fare; those that are not among `names` go.
pub(super) fn put_rules(transaction: &Transaction<'_>, rows: &[RuleRow]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO alert_rule(name, expr, definition, evaluated_us, elements, error)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for row in rows {
        let elements = i64::try_from(row.elements).unwrap_or(i64::MAX);
        insert.execute(params![row.name, row.expr, row.definition, micros(row.evaluated_ms), elements, row.error])?;
    }
    Ok(())
}

/// Takes out the rules that were there before.
pub(super) fn clear_rules(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM alert_rule", []).map(|_| ())
}

/// Writes all silences in place of those that were there.
pub(super) fn put_silences<'a>(
    transaction: &Transaction<'_>,
    silences: impl Iterator<Item = &'a Silence>,
) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM alert_silence", [])?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO alert_silence(id, matchers, until_us, since_us, made_by, comment) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for silence in silences {
        let Silence { id, matchers, until_ms, by, comment, since_ms } = silence;
        insert.execute(params![id, matchers, until_ms.map(micros), micros(*since_ms), by, comment])?;
    }
    Ok(())
}

/// Labels as one object of JSON, sorted by name.
pub(super) fn labels_text(labels: &Labels) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        labels.iter().map(|(label, value)| (label.to_owned(), value.into())).collect();
    serde_json::Value::Object(object).to_string()
}

/// The inverse of [`labels_text`].
pub(super) fn labels_of(text: &str) -> Option<Labels> {
    let object: std::collections::BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    Some(Labels::new(object))
}

fn micros(millis: i64) -> i64 {
    millis.saturating_mul(1_000)
}
