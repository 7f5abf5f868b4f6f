//! Where messages wait until they have arrived: a table beside the samples.
//!
//! A row is written in the transaction that stores the change which it tells of, so that none is lost and none is about
//! something that was rolled back. It leaves the state `pending` for one of these only, and never silently:
//!
//! ```text
//! sent         its channel took it
//! parked       its channel will never take it; told through the other channels
//! superseded   another row tells what it told
//! expired      it was not delivered for a day
//! ```
//!
//! Whoever sends a row holds a lease on it, so that two processes on one file send it once. The key of a row is unique: a
//! row that is queued again, because it is not known whether it was stored, stays one.
//!
//! Functions work on a connection or transaction of the caller, and time is passed in, as milliseconds since 1970. A clock
//! that is set back makes no row wait: instants that lie further ahead than any wait count as passed.

mod backoff;
mod breaker;
mod collapse;
mod digest;
mod due;
mod group;
mod outcome;
#[cfg(test)]
mod tests;

use rusqlite::{Connection, OptionalExtension, params};

pub use self::{
    backoff::Jitter,
    due::{Lane, due},
    outcome::{Note, Outcome, apply, expire},
};
use super::{Kind, Message};

/// How long a lease lasts that is not renewed.
const LEASE_MS: i64 = 60_000;

/// The longest time that a row waits for its next attempt.
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// How long rows are kept that do not wait any more; a key is not taken a second time for so long.
const KEPT_MS: i64 = 7 * 86_400_000;

/// Rows that are removed at once.
const PRUNED: i64 = 500;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS outbox(
    id INTEGER PRIMARY KEY,
    place INTEGER,
    key TEXT NOT NULL,
    channel TEXT NOT NULL,
    sequence TEXT NOT NULL,
    incident TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until_ms INTEGER,
    group_key TEXT,
    group_interval_ms INTEGER,
    state TEXT NOT NULL DEFAULT 'pending',
    superseded_by INTEGER,
    done_ms INTEGER,
    last_error TEXT,
    receipt TEXT,
    UNIQUE(key, channel)
);
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox(channel) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS outbox_done ON outbox(channel, done_ms) WHERE done_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_group ON outbox(channel, group_key, done_ms, not_before_ms)
    WHERE group_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_superseded ON outbox(superseded_by) WHERE superseded_by IS NOT NULL;
CREATE TABLE IF NOT EXISTS outbox_channel(
    channel TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    for_good INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
";

/// Makes the tables where they are missing.
pub fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)
}

/// Queues a message for a channel, to be sent in `hold_ms` at the earliest. Says whether it was not there already.
pub fn insert(
    connection: &Connection,
    message: &Message,
    channel: &str,
    now_ms: i64,
    hold_ms: i64,
) -> rusqlite::Result<bool> {
    put(connection, message, channel, now_ms, now_ms + hold_ms.clamp(0, LONGEST_WAIT_MS), None)
}

/// How a message waits for others that it is told together with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Company {
    /// How long the first message of a group waits, in milliseconds.
    pub wait_ms: i64,
    /// How long it takes until more of a group is told after something of it was.
    pub interval_ms: i64,
}

/// Queues a message for its channel, to be told together with others of its [`group`](Message::group): with those that wait
/// already, or when it has waited for others itself. Says whether it was not there already.
pub fn insert_together(
    connection: &Connection,
    message: &Message,
    company: Company,
    now_ms: i64,
) -> rusqlite::Result<bool> {
    let before = connection
        .prepare_cached(
            "SELECT not_before_ms FROM outbox WHERE channel = ?1 AND group_key = ?2 AND done_ms IS NULL
             AND attempts = 0 AND lease_until_ms IS NULL ORDER BY not_before_ms LIMIT 1",
        )?
        .query_row([&message.channel, &message.group], |row| row.get(0))
        .optional()?;
    let wait_ms = company.wait_ms.clamp(0, LONGEST_WAIT_MS);
    put(connection, message, &message.channel, now_ms, before.unwrap_or(now_ms + wait_ms), Some(company))
}

fn put(
    connection: &Connection,
    message: &Message,
    channel: &str,
    now_ms: i64,
    not_before_ms: i64,
    company: Option<Company>,
) -> rusqlite::Result<bool> {
    let payload =
        serde_json::to_string(message).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let rows = connection
        .prepare_cached(
            "INSERT INTO outbox(key, channel, sequence, incident, kind, severity, payload, created_ms, not_before_ms,
                 group_key, group_interval_ms)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, nullif(?10, ''), ?11) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            message.key(),
            channel,
            sequence(message),
            message.incident_key(),
            message.kind.name(),
            message.severity.name(),
            payload,
            now_ms,
            not_before_ms,
            message.group,
            company.map(|company| company.interval_ms.clamp(0, LONGEST_WAIT_MS)),
        ])?;
    Ok(rows > 0)
}

/// Messages of one sequence are sent one after the other: those of an alert, so that its end does not overtake its
/// beginning. Recipients that get a message later than the others do not hold up those.
fn sequence(message: &Message) -> String {
    let start = message.fingerprint.clone();
    message.recipients.iter().fold(start, |sequence, recipient| format!("{sequence}/{recipient}"))
}

/// Keeps the leases of `owner`, all of which are of rows on their way.
pub fn renew(connection: &Connection, owner: &str, now_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE outbox SET lease_until_ms = ?2 WHERE state = 'pending' AND lease_owner = ?1")?
        .execute(params![owner, now_ms + LEASE_MS])?;
    Ok(())
}

/// Takes a lease on the row of a message that is on its way already, if the row waits.
pub fn lease_sent(connection: &Connection, key: &str, channel: &str, owner: &str, now_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE outbox SET lease_owner = ?3, lease_until_ms = ?4
             WHERE key = ?1 AND channel = ?2 AND state = 'pending'",
        )?
        .execute(params![key, channel, owner, now_ms + LEASE_MS])?;
    Ok(())
}

/// Lets the leases of `owner` lapse, or all of them: for who knows that no other process sends, because it holds the only
/// lease of the store, those of a process that was killed need not lapse first.
pub fn release(connection: &Connection, owner: Option<&str>) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE outbox SET lease_until_ms = 0
         WHERE state = 'pending' AND lease_owner IS NOT NULL AND (?1 IS NULL OR lease_owner = ?1)",
        [owner],
    )?;
    Ok(())
}

/// When the next row of a channel may be sent that is not on its way; `None` if there is none.
pub fn next_due(connection: &Connection, now_ms: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT min(max(row.not_before_ms, ifnull(channel.not_before_ms, 0))) FROM outbox AS row
             LEFT JOIN outbox_channel AS channel USING(channel)
             WHERE row.state = 'pending' AND (row.lease_owner IS NULL OR row.lease_until_ms <= ?1)",
        )?
        .query_row([now_ms], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

/// How many rows there are of each channel and state.
pub fn counts(connection: &Connection) -> rusqlite::Result<Vec<(String, String, u64)>> {
    let mut statement = connection
        .prepare("SELECT channel, state, count(*) FROM outbox GROUP BY channel, state ORDER BY channel, state")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())))?;
    rows.collect()
}

/// Removes some of the rows that have not waited for a week.
pub fn prune(connection: &Connection, now_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE done_ms < ?1 AND done_ms IS NOT NULL LIMIT ?2)",
        )?
        .execute([now_ms - KEPT_MS, PRUNED])?;
    Ok(())
}

/// Whether an instant is still to come, by a clock that may have been set back.
const fn is_ahead(at_ms: i64, now_ms: i64) -> bool {
    now_ms < at_ms && at_ms <= now_ms.saturating_add(LONGEST_WAIT_MS)
}

/// The message of a row.
fn message(connection: &Connection, id: i64, channel: &str) -> rusqlite::Result<Message> {
    let payload: String =
        connection.prepare_cached("SELECT payload FROM outbox WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    let mut message: Message = serde_json::from_str(&payload).map_err(|error| unreadable(error.into()))?;
    channel.clone_into(&mut message.channel);
    Ok(message)
}

fn kind(name: &str) -> rusqlite::Result<Kind> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| unreadable(format!("there is no kind `{name}`").into()))
}

fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error)
}
