//! What is known of a channel that does not deliver.
//!
//! While it fails, one row at a time is tried, so that a thousand rows do not run against a server that is down. The row
//! that waits longest for its turn is taken, so that one which its server will never take does not keep out the others.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    backoff::{Jitter, wait_ms},
    is_ahead,
};
use crate::notify::{Class, Refusal};

/// How often a channel is tried on which somebody has to act first.
const FOR_GOOD_WAIT_MS: i64 = 15 * 60_000;

/// The longest wait that a server is granted.
const LONGEST_WISH_MS: i64 = 3_600_000;

/// Since when and how a channel has been failing.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    pub(super) failures: u32,
    pub(super) since_ms: i64,
    pub(super) not_before_ms: i64,
    pub(super) last_error: String,
    /// Whether somebody has to act.
    pub(super) for_good: bool,
    /// Whether the other channels were told.
    pub(super) told: bool,
}

impl Breaker {
    /// `None` if the channel is well.
    pub(super) fn load(connection: &Connection, channel: &str) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT failures, since_ms, not_before_ms, last_error, for_good, told FROM outbox_channel WHERE channel = ?1",
            )?
            .query_row([channel], |row| {
                Ok(Self {
                    failures: row.get(0)?,
                    since_ms: row.get(1)?,
                    not_before_ms: row.get(2)?,
                    last_error: row.get(3)?,
                    for_good: row.get(4)?,
                    told: row.get(5)?,
                })
            })
            .optional()
    }

    /// Whether nothing may be sent yet.
    pub(super) const fn is_shut(&self, now_ms: i64) -> bool {
        is_ahead(self.not_before_ms, now_ms)
    }

    fn save(&self, connection: &Connection, channel: &str) -> rusqlite::Result<()> {
        let Self { failures, since_ms, not_before_ms, last_error, for_good, told } = self;
        connection
            .prepare_cached("INSERT OR REPLACE INTO outbox_channel VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![channel, failures, since_ms, not_before_ms, last_error, for_good, told])?;
        Ok(())
    }
}

/// The channel has failed. Says how long it waits.
pub(super) fn failed(
    connection: &Connection,
    channel: &str,
    refusal: &Refusal,
    now_ms: i64,
    jitter: &mut Jitter,
) -> rusqlite::Result<i64> {
    let before = Breaker::load(connection, channel)?;
    let failures = before.as_ref().map_or(0, |before| before.failures).saturating_add(1);
    // A clock that was set back starts the time anew.
    let since_ms = before.as_ref().map_or(now_ms, |before| before.since_ms.min(now_ms));
    let for_good = refusal.class == Class::Channel;
    let own = if for_good { FOR_GOOD_WAIT_MS } else { wait_ms(failures, now_ms - since_ms, jitter) };
    let wait = own.max(wished_ms(refusal));
    let last_error = refusal.reason.clone();
    let told = before.is_some_and(|before| before.told);
    Breaker { failures, since_ms, not_before_ms: now_ms + wait, last_error, for_good, told }
        .save(connection, channel)?;
    Ok(wait)
}

/// The channel has answered. Returns what was the matter with it, if something was.
pub(super) fn answered(connection: &Connection, channel: &str) -> rusqlite::Result<Option<Breaker>> {
    let before = Breaker::load(connection, channel)?;
    if before.is_some() {
        connection.prepare_cached("DELETE FROM outbox_channel WHERE channel = ?1")?.execute([channel])?;
    }
    Ok(before)
}

/// The other channels are told of it.
pub(super) fn told(connection: &Connection, channel: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE outbox_channel SET told = 1 WHERE channel = ?1")?.execute([channel])?;
    Ok(())
}

/// How long the receiver wants to be left alone.
pub(super) fn wished_ms(refusal: &Refusal) -> i64 {
    let wish = refusal.retry_after.unwrap_or_default().as_millis();
    i64::try_from(wish).unwrap_or(i64::MAX).min(LONGEST_WISH_MS)
}
