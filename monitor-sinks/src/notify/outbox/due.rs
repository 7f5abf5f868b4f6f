//! What is sent next: the rows of a channel whose turn it is.
//!
//! Order is kept within a sequence only. A row is never sent beside or before an older one of its sequence, whether that
//! one waits, is on its way, or is told by a digest that has not arrived; but one digest may tell both.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::{
    LEASE_MS,
    breaker::Breaker,
    collapse::{Fold, Waiting, folds},
    digest::digest,
    group::{put_off, units},
    insert, is_ahead, kind, message,
};
use crate::notify::{Kind, Message};

/// Rows that are looked at in one go, so that a long outage does not fill the memory.
const LOOKED_AT: i64 = 5_000;

/// Messages of one go that are sent one by one; more become a digest.
const AT_ONCE: usize = 3;

/// Messages of a channel within a minute.
const A_MINUTE: usize = 20;

/// A channel, and what it can take now.
#[derive(Debug, Clone, Copy)]
pub struct Lane<'a> {
    /// Its name.
    pub channel: &'a str,
    /// Whether many messages become one.
    pub digest: bool,
    /// How many messages it can take beside those that are on their way.
    pub room: usize,
}

/// Takes the rows whose turn it is, and a lease on them in the name of `owner`.
pub fn due(connection: &Connection, lane: Lane<'_>, owner: &str, now_ms: i64) -> rusqlite::Result<Vec<Message>> {
    let breaker = Breaker::load(connection, lane.channel)?;
    if lane.room == 0 || breaker.as_ref().is_some_and(|breaker| breaker.is_shut(now_ms)) {
        return Ok(Vec::new());
    }
    if lane.digest {
        put_off(connection, lane.channel, now_ms)?;
    }
    let mut rows = waiting(connection, lane.channel, now_ms)?;
    if collapse(connection, &rows, lane.channel, now_ms)? {
        rows = waiting(connection, lane.channel, now_ms)?;
    }
    let closed = closed(connection, &rows)?;
    let mut heads = if breaker.is_some() || !lane.digest {
        heads(&rows, closed, now_ms)
    } else {
        let units = units(&rows, closed, now_ms);
        let on_their_way = rows.iter().filter(|row| row.leased).count();
        // What may have arrived already is sent again under its own name.
        let (again, fresh): (Vec<_>, Vec<_>) = units.into_iter().partition(|unit| unit.iter().any(|row| row.uncertain));
        let mut heads: Vec<Waiting> = again.into_iter().flatten().collect();
        heads.extend(calm(connection, fresh, lane.channel, on_their_way, now_ms)?);
        heads
    };
    if breaker.is_some() {
        let is_on_its_way = rows.iter().any(|row| row.leased);
        heads.sort_by_key(|row| (row.not_before_ms, row.id));
        heads.truncate(usize::from(!is_on_its_way));
    }
    heads.truncate(lane.room);
    heads.iter().map(|row| lease(connection, row.id, lane.channel, owner, now_ms)).collect()
}

/// The rows of a channel that wait, in the order in which they were queued.
fn waiting(connection: &Connection, channel: &str, now_ms: i64) -> rusqlite::Result<Vec<Waiting>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, sequence, incident, kind, not_before_ms, lease_until_ms, group_key FROM outbox
         WHERE channel = ?1 AND state = 'pending' ORDER BY ifnull(place, id) LIMIT ?2",
    )?;
    let rows = statement.query_map(params![channel, LOOKED_AT], |row| {
        Ok(Waiting {
            id: row.get(0)?,
            sequence: row.get(1)?,
            incident: row.get(2)?,
            kind: kind(row.get_ref(3)?.as_str()?)?,
            not_before_ms: row.get(4)?,
            leased: row.get::<_, Option<i64>>(5)?.is_some_and(|until| is_ahead(until, now_ms)),
            uncertain: row.get::<_, Option<i64>>(5)?.is_some(),
            group: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// Folds what can be; says whether something was.
fn collapse(connection: &Connection, rows: &[Waiting], channel: &str, now_ms: i64) -> rusqlite::Result<bool> {
    let folds = folds(rows);
    for fold in &folds {
        match fold {
            Fold::Into { id, others } => supersede(connection, others, *id, now_ms)?,
            Fold::Both { firing, resolved, others } => {
                let both = both(connection, *firing, *resolved, channel)?;
                let id = queue(connection, &both, channel, *resolved, now_ms)?;
                supersede(connection, &[*firing, *resolved], id, now_ms)?;
                supersede(connection, others, id, now_ms)?;
            }
        }
    }
    Ok(!folds.is_empty())
}

/// The message that tells the beginning and the end of an incident.
fn both(connection: &Connection, firing: i64, resolved: i64, channel: &str) -> rusqlite::Result<Message> {
    let firing = message(connection, firing, channel)?;
    let mut both = message(connection, resolved, channel)?;
    both.kind = Kind::FiredAndResolved;
    both.severity = both.severity.max(firing.severity);
    both.started_ms = firing.started_ms;
    if !firing.text.is_empty() && firing.text != both.text {
        both.text = format!("{}\n{}", firing.text.trim_end(), both.text);
    }
    Ok(both)
}

/// Queues a row that stands for others, in the place of one of them, and returns its number. If that one waits for others
/// of its group, so does the new one.
fn queue(connection: &Connection, message: &Message, channel: &str, place: i64, now_ms: i64) -> rusqlite::Result<i64> {
    insert(connection, message, channel, now_ms, 0)?;
    connection
        .prepare_cached(
            "UPDATE outbox SET (place, group_interval_ms, not_before_ms) = (
                 SELECT ifnull(place, id), group_interval_ms, iif(group_key IS NULL, ?4, not_before_ms)
                 FROM outbox WHERE id = ?3)
             WHERE key = ?1 AND channel = ?2 RETURNING id",
        )?
        .query_row(params![message.key(), channel, place, now_ms], |row| row.get(0))
}

fn supersede(connection: &Connection, ids: &[i64], by: i64, now_ms: i64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'superseded', superseded_by = ?2, done_ms = ?3 WHERE id = ?1 AND id <> ?2",
    )?;
    ids.iter().try_for_each(|id| statement.execute([*id, by, now_ms]).map(drop))
}

/// The sequences of which something is on its way, or is told by a digest that has not arrived.
fn closed(connection: &Connection, rows: &[Waiting]) -> rusqlite::Result<HashSet<String>> {
    let mut closed: HashSet<String> = rows.iter().filter(|row| row.leased).map(|row| row.sequence.clone()).collect();
    for digest in rows.iter().filter(|row| row.kind == Kind::Digest) {
        closed.extend(told_by(connection, digest.id)?);
    }
    Ok(closed)
}

/// The first row of each sequence, if it may be sent.
fn heads(rows: &[Waiting], closed: HashSet<String>, now_ms: i64) -> Vec<Waiting> {
    let mut seen = closed;
    let firsts = rows.iter().filter(|row| seen.insert(row.sequence.clone()));
    firsts.filter(|row| !is_ahead(row.not_before_ms, now_ms)).cloned().collect()
}

/// The sequences that a digest tells of.
fn told_by(connection: &Connection, digest: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT sequence FROM outbox WHERE superseded_by = ?1")?;
    statement.query_map([digest], |row| row.get(0))?.collect()
}

/// Makes a digest of each unit, and one of all when they are too many.
fn calm(
    connection: &Connection,
    units: Vec<Vec<Waiting>>,
    channel: &str,
    on_their_way: usize,
    now_ms: i64,
) -> rusqlite::Result<Vec<Waiting>> {
    let room = A_MINUTE.saturating_sub(sent_lately(connection, channel, now_ms)? + on_their_way);
    let most = AT_ONCE.min(room);
    if most == 0 {
        return Ok(Vec::new());
    }
    // A digest of a digest would hide names.
    let is_digest = |unit: &Vec<Waiting>| unit.iter().any(|row| row.kind == Kind::Digest);
    let (digests, units): (Vec<_>, Vec<_>) = units.into_iter().partition(is_digest);
    let is_calm = digests.len() + units.len() <= most || units.len() < 2;
    let units = if is_calm { units } else { vec![units.into_iter().flatten().collect()] };
    let kept = if is_calm { most } else { most - 1 };
    let mut heads: Vec<Waiting> = digests.into_iter().flatten().take(kept).collect();
    for unit in units.into_iter().take(most - heads.len()) {
        heads.extend(bundle(connection, unit, channel, now_ms)?);
    }
    Ok(heads)
}

/// How many messages a channel has got within the last minute.
fn sent_lately(connection: &Connection, channel: &str, now_ms: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM outbox WHERE channel = ?1 AND done_ms > ?2 AND done_ms <= ?3 AND state = 'sent'",
        )?
        .query_row(params![channel, now_ms - 60_000, now_ms], |row| row.get::<_, isize>(0).map(isize::unsigned_abs))
}

/// Puts a digest in the place of these rows; one row stays as it is.
fn bundle(
    connection: &Connection,
    mut rows: Vec<Waiting>,
    channel: &str,
    now_ms: i64,
) -> rusqlite::Result<Option<Waiting>> {
    if rows.len() < 2 {
        return Ok(rows.pop());
    }
    let messages: Vec<Message> =
        rows.iter().map(|row| message(connection, row.id, channel)).collect::<rusqlite::Result<_>>()?;
    let first = rows.first().map_or(0, |row| row.id);
    let Some(digest) = digest(&messages, first, now_ms) else { return Ok(None) };
    let id = queue(connection, &digest, channel, first, now_ms)?;
    let group = Some(digest.group.clone()).filter(|group| !group.is_empty());
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    supersede(connection, &ids, id, now_ms)?;
    let (sequence, incident) = (digest.fingerprint.clone(), digest.incident_key());
    Ok(Some(Waiting {
        id,
        sequence,
        incident,
        kind: Kind::Digest,
        group,
        not_before_ms: now_ms,
        leased: false,
        uncertain: false,
    }))
}

fn lease(connection: &Connection, id: i64, channel: &str, owner: &str, now_ms: i64) -> rusqlite::Result<Message> {
    connection
        .prepare_cached("UPDATE outbox SET lease_owner = ?2, lease_until_ms = ?3 WHERE id = ?1")?
        .execute(params![id, owner, now_ms + LEASE_MS])?;
    message(connection, id, channel)
}
