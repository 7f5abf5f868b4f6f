//! What became of rows that were sent.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    backoff::{Jitter, wait_ms},
    breaker::{self, Breaker},
    insert, message, sequence,
};
use crate::notify::{Class, Kind, Message, Receipt, Refusal, Severity};

/// How long a row may wait for its channel.
const LIFE_MS: i64 = 86_400_000;

/// How long a channel may fail before the others are told.
const FAILING_LONG_MS: i64 = 5 * 60_000;

/// Once a channel answers again, no row waits longer than this.
const SOON_MS: i64 = 30_000;

/// What a channel made of a message.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// [`Message::key`] of the message.
    pub key: String,
    /// The channel's name.
    pub channel: String,
    /// What the channel said.
    pub result: Result<Receipt, Refusal>,
}

/// Something that is to be recorded, counted and said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant says what its parts are of")]
pub enum Note {
    /// A message has arrived.
    Sent { channel: String, key: String },
    /// A message was not delivered and is tried again.
    Failed { channel: String, key: String, reason: String },
    /// A message will not be delivered.
    Parked { channel: String, key: String, reason: String },
    /// A message was not delivered for a day and is given up.
    Expired { channel: String, key: String },
    /// A channel has not delivered for long, or will not before somebody acts.
    Failing { channel: String, reason: String },
    /// A channel delivers again of which that was said.
    Recovered { channel: String },
}

/// Marks the row that the outcome is of, and tells the other channels of `channels` if something is the matter.
///
/// A row that is not there, or does not wait any more, is left as it is.
pub fn apply(
    connection: &Connection,
    outcome: &Outcome,
    channels: &[&str],
    now_ms: i64,
    jitter: &mut Jitter,
) -> rusqlite::Result<Vec<Note>> {
    let Outcome { key, channel, result } = outcome;
    let Some(row) = Row::find(connection, key, channel)? else { return Ok(Vec::new()) };
    let told = row.told(connection, channels);
    let mut notes = Vec::new();
    match result {
        Ok(receipt) => {
            row.sent(connection, receipt, now_ms)?;
            notes.push(Note::Sent { channel: channel.clone(), key: key.clone() });
            for (recipient, refusal) in &receipt.refused {
                notes.extend(row.split(connection, recipient, refusal, now_ms, jitter)?);
            }
            notes.extend(told.recovered(now_ms)?);
        }
        Err(refusal) if refusal.class == Class::Message => {
            row.park(connection, &refusal.reason, now_ms)?;
            notes.push(told.parked(&row, &refusal.reason, now_ms)?);
            notes.extend(told.recovered(now_ms)?);
        }
        Err(refusal) => {
            row.wait(connection, refusal, now_ms, jitter)?;
            breaker::failed(connection, channel, refusal, now_ms, jitter)?;
            notes.push(Note::Failed { channel: channel.clone(), key: key.clone(), reason: refusal.reason.clone() });
            notes.extend(told.failing(now_ms)?);
        }
    }
    Ok(notes)
}

/// Gives up what has waited for too long.
pub fn expire(connection: &Connection, now_ms: i64) -> rusqlite::Result<Vec<Note>> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox SET state = 'expired', done_ms = ?1, lease_owner = NULL, lease_until_ms = NULL
         WHERE state = 'pending' AND created_ms <= ?2 AND (lease_owner IS NULL OR lease_until_ms <= ?1)
         RETURNING channel, key",
    )?;
    let rows = statement
        .query_map([now_ms, now_ms - LIFE_MS], |row| Ok(Note::Expired { channel: row.get(0)?, key: row.get(1)? }))?;
    rows.collect()
}

/// A row that waits.
struct Row {
    id: i64,
    attempts: u32,
    created_ms: i64,
    message: Message,
}

impl Row {
    fn find(connection: &Connection, key: &str, channel: &str) -> rusqlite::Result<Option<Self>> {
        let found = connection
            .prepare_cached(
                "SELECT id, attempts, created_ms FROM outbox WHERE key = ?1 AND channel = ?2 AND state = 'pending'",
            )?
            .query_row([key, channel], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((id, attempts, created_ms)) = found else { return Ok(None) };
        Ok(Some(Self { id, attempts, created_ms, message: message(connection, id, channel)? }))
    }

    fn sent(&self, connection: &Connection, receipt: &Receipt, now_ms: i64) -> rusqlite::Result<()> {
        self.done(connection, "sent", None, Some(&receipt.text), now_ms)?;
        if self.message.is_over() && self.message.recipients.is_empty() {
            // Some recipients may still wait for the beginning; after the end it would be a false alarm.
            connection
                .prepare_cached(
                    "UPDATE outbox SET state = 'superseded', superseded_by = ?1, done_ms = ?4
                     WHERE channel = ?2 AND incident = ?3 AND state = 'pending' AND lease_owner IS NULL
                     AND sequence <> ?5 AND kind NOT IN ('resolved', 'fired_and_resolved')",
                )?
                .execute(params![
                    self.id,
                    self.message.channel,
                    self.message.incident_key(),
                    now_ms,
                    sequence(&self.message)
                ])?;
        }
        Ok(())
    }

    fn park(&self, connection: &Connection, reason: &str, now_ms: i64) -> rusqlite::Result<()> {
        self.done(connection, "parked", Some(reason), None, now_ms)
    }

    fn done(
        &self,
        connection: &Connection,
        state: &str,
        error: Option<&str>,
        receipt: Option<&str>,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE outbox SET state = ?2, last_error = ifnull(?3, last_error), receipt = ?4, done_ms = ?5,
                 attempts = attempts + 1, lease_owner = NULL, lease_until_ms = NULL WHERE id = ?1",
            )?
            .execute(params![self.id, state, error, receipt, now_ms])?;
        Ok(())
    }

    /// Puts the row off. That its channel failed for good says nothing against the row.
    fn wait(
        &self,
        connection: &Connection,
        refusal: &Refusal,
        now_ms: i64,
        jitter: &mut Jitter,
    ) -> rusqlite::Result<()> {
        let own = match refusal.class {
            Class::Channel => 0,
            _ => wait_ms(self.attempts.saturating_add(1), now_ms - self.created_ms, jitter),
        };
        let not_before_ms = now_ms + own.max(breaker::wished_ms(refusal));
        connection
            .prepare_cached(
                "UPDATE outbox SET attempts = attempts + 1, not_before_ms = ?2, last_error = ?3, lease_owner = NULL,
                 lease_until_ms = NULL WHERE id = ?1",
            )?
            .execute(params![self.id, not_before_ms, refusal.reason])?;
        Ok(())
    }

    /// Queues the message for a recipient that did not get it.
    fn split(
        &self,
        connection: &Connection,
        recipient: &str,
        refusal: &Refusal,
        now_ms: i64,
        jitter: &mut Jitter,
    ) -> rusqlite::Result<Option<Note>> {
        let mut message = self.message.clone();
        message.recipients = vec![recipient.to_owned()];
        let (channel, key) = (message.channel.clone(), message.key());
        insert(connection, &message, &channel, now_ms, 0)?;
        let Some(row) = Self::find(connection, &key, &channel)? else { return Ok(None) };
        let reason = refusal.reason.clone();
        if refusal.class == Class::Message {
            row.park(connection, &reason, now_ms)?;
            return Ok(Some(Note::Parked { channel, key, reason }));
        }
        row.wait(connection, refusal, now_ms, jitter)?;
        Ok(Some(Note::Failed { channel, key, reason }))
    }

    const fn told<'a>(&'a self, connection: &'a Connection, channels: &'a [&'a str]) -> Told<'a> {
        Told { connection, channels, message: &self.message }
    }
}

/// Tells the other channels what is the matter with one.
struct Told<'a> {
    connection: &'a Connection,
    channels: &'a [&'a str],
    /// The message with which it happened.
    message: &'a Message,
}

impl Told<'_> {
    fn failing(&self, now_ms: i64) -> rusqlite::Result<Option<Note>> {
        let channel = &self.message.channel;
        let Some(breaker) = Breaker::load(self.connection, channel)? else { return Ok(None) };
        let long = breaker.for_good || now_ms - breaker.since_ms >= FAILING_LONG_MS;
        if breaker.told || !long {
            return Ok(None);
        }
        breaker::told(self.connection, channel)?;
        let reason = breaker.last_error.clone();
        let title = format!("channel {channel} does not deliver: {reason}");
        self.tell(&format!("channel:{channel}"), Severity::High, 0, title, &breaker, now_ms)?;
        Ok(Some(Note::Failing { channel: channel.clone(), reason }))
    }

    fn recovered(&self, now_ms: i64) -> rusqlite::Result<Option<Note>> {
        let channel = &self.message.channel;
        let Some(breaker) = breaker::answered(self.connection, channel)? else { return Ok(None) };
        self.connection
            .prepare_cached(
                "UPDATE outbox SET not_before_ms = min(not_before_ms, ?2) WHERE channel = ?1 AND state = 'pending'",
            )?
            .execute(params![channel, now_ms + SOON_MS])?;
        if !breaker.told {
            return Ok(None);
        }
        let title = format!("channel {channel} delivers again");
        self.tell(&format!("channel:{channel}"), Severity::Low, 1, title, &breaker, now_ms)?;
        Ok(Some(Note::Recovered { channel: channel.clone() }))
    }

    fn parked(&self, row: &Row, reason: &str, now_ms: i64) -> rusqlite::Result<Note> {
        let Message { channel, kind, rule, title, .. } = self.message;
        // News of refused news would never end.
        if *kind != Kind::Meta {
            let said = format!("channel {channel} refused a message ({kind} of {rule}): {reason}");
            let mut meta = self.meta(&format!("refused:{channel}"), Severity::Medium, said, now_ms);
            meta.incident = row.id.unsigned_abs();
            title.clone_into(&mut meta.text);
            self.queue(&meta, now_ms)?;
        }
        Ok(Note::Parked { channel: channel.clone(), key: self.message.key(), reason: reason.to_owned() })
    }

    fn tell(
        &self,
        fingerprint: &str,
        severity: Severity,
        ordinal: u64,
        title: String,
        breaker: &Breaker,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        let mut meta = self.meta(fingerprint, severity, title, now_ms);
        meta.incident = breaker.since_ms.unsigned_abs();
        meta.ordinal = ordinal;
        meta.started_ms = breaker.since_ms;
        meta.ended_ms = (ordinal > 0).then_some(now_ms);
        self.queue(&meta, now_ms)
    }

    fn meta(&self, fingerprint: &str, severity: Severity, title: String, now_ms: i64) -> Message {
        let mut meta = Message::new(Kind::Meta, "notifications", fingerprint);
        meta.instance.clone_from(&self.message.instance);
        (meta.severity, meta.title, meta.started_ms, meta.at_ms) = (severity, title, now_ms, now_ms);
        meta
    }

    fn queue(&self, meta: &Message, now_ms: i64) -> rusqlite::Result<()> {
        let others = self.channels.iter().filter(|channel| **channel != self.message.channel);
        others.into_iter().try_for_each(|channel| insert(self.connection, meta, channel, now_ms, 0).map(drop))
    }
}
