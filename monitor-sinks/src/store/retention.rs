//! Dropping what is too old, or too much.
//!
//! A segment goes by its row, in a transaction that also notes which chunks went with it; nobody sees them from then on.
//! The chunks themselves follow in slices, and the pages that become free are given back to the system a few at a time. A
//! crash on the way leaves the note, and the next writer goes on.
//!
//! What has not been rolled up yet is not dropped for its age, but it is for the size of the file and for a full disk.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{
    rollup,
    tier::{Retention, Tier},
};
use crate::util::time::duration_micros;

/// Chunks removed in one transaction.
const SLICE: i64 = 200;

/// Free pages that are given back in one step.
const PAGES: i64 = 64;

/// The name in `meta` of the chunks that are still to be removed.
const KEY: &str = "dropping";

/// Chunks that are being removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dropping {
    next: i64,
    last: i64,
}

impl Dropping {
    /// Goes on where an earlier writer left off.
    pub(super) fn left(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let text: Option<String> = connection
            .query_row("SELECT v FROM meta WHERE k = ?1 AND typeof(v) = 'text'", [KEY], |row| row.get(0))
            .optional()?;
        let parse = |text: String| {
            let (next, last) = text.split_once(' ')?;
            Some(Self { next: next.parse().ok()?, last: last.parse().ok()? })
        };
        Ok(text.and_then(parse))
    }

    /// Drops the segment that is expired longest, if one is.
    pub(super) fn begin(
        connection: &mut Connection,
        retention: &Retention,
        now_us: i64,
    ) -> rusqlite::Result<Option<Self>> {
        let expired = expired(connection, retention, now_us)?;
        expired.map(|segment| drop_segment(connection, segment)).transpose()
    }

    /// Drops the oldest segment of the finest tier that has one, whatever its age.
    pub(super) fn begin_oldest(connection: &mut Connection) -> rusqlite::Result<Option<Self>> {
        let oldest = oldest(connection)?;
        oldest.map(|segment| drop_segment(connection, segment)).transpose()
    }

    /// Removes the next chunks. Returns whether all are gone.
    pub(super) fn slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let end = self.next.saturating_add(SLICE - 1).min(self.last);
        transaction.execute("DELETE FROM chunk WHERE id BETWEEN ?1 AND ?2", [self.next, end])?;
        let is_done = end >= self.last;
        if is_done {
            transaction.execute("DELETE FROM meta WHERE k = ?1", [KEY])?;
        }
        transaction.commit()?;
        self.next = end.saturating_add(1);
        Ok(is_done)
    }
}

/// Removes the row of a segment, and notes that its chunks are to follow. What is told of damaged rows in its time
/// goes with it.
fn drop_segment(connection: &mut Connection, segment: i64) -> rusqlite::Result<Dropping> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (tier, t1, first, last): (i64, i64, i64, i64) = transaction.query_row(
        "DELETE FROM segment WHERE id = ?1 RETURNING tier, t1, first_chunk, last_chunk",
        [segment],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    if tier == Tier::Raw.code() {
        transaction.execute("DELETE FROM damaged WHERE ts <= ?1", [t1])?;
    }
    transaction.execute(
        "INSERT INTO meta(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v",
        params![KEY, format!("{first} {last}")],
    )?;
    transaction.commit()?;
    Ok(Dropping { next: first, last })
}

/// The segment that is to go next.
fn expired(connection: &Connection, retention: &Retention, now_us: i64) -> rusqlite::Result<Option<i64>> {
    for tier in [Tier::Unfinished, Tier::Raw, Tier::Minutes, Tier::Hours, Tier::Imported] {
        if let Some(expired) = expired_of(connection, tier, retention.keep(tier), now_us)? {
            return Ok(Some(expired));
        }
    }
    match retention.most_bytes() {
        Some(most) if size(connection)? > most => oldest(connection),
        _ => Ok(None),
    }
}

fn expired_of(connection: &Connection, tier: Tier, keep: Duration, now_us: i64) -> rusqlite::Result<Option<i64>> {
    if keep == Duration::MAX {
        return Ok(None);
    }
    let above = Tier::ROLLED.into_iter().find(|above| *above > tier);
    let rolled = match above {
        Some(above) => rollup::mark(connection, above)?.unwrap_or(i64::MIN),
        None => i64::MAX,
    };
    let until = now_us.saturating_sub(duration_micros(keep)).min(rolled);
    connection
        .prepare_cached("SELECT id FROM segment WHERE tier = ?1 AND t1 <= ?2 ORDER BY t1, id LIMIT 1")?
        .query_row([tier.code(), until], |row| row.get(0))
        .optional()
}

/// The oldest segment of the finest tier that has one.
fn oldest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM segment ORDER BY tier, t1, id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// The bytes of the file that are in use.
pub(super) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let used = pragma("page_count")? - pragma("freelist_count")?;
    Ok((used.max(0) * pragma("page_size")?).unsigned_abs())
}

/// Gives some free pages back to the system. Returns whether there were any.
pub(super) fn give_all_back(connection: &Connection) -> rusqlite::Result<bool> {
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free > 0 {
        connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES}); PRAGMA wal_checkpoint(TRUNCATE)"))?;
    }
    Ok(free > 0)
}

/// Gives some free pages back to the system, if more than an eighth of the file is free.
pub(super) fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if pragma("freelist_count")? > (pragma("page_count")? / 8).max(PAGES) {
        connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    }
    Ok(())
}
