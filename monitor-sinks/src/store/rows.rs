//! The rows of `head`: one a flush until it is sealed, in slots that are used again.
//!
//! A row lies in a slot. Sealing moves the mark behind which rows count no more, and the slots of these rows are
//! overwritten by later flushes. So a flush in the steady state changes the page of its slot and one of the index of
//! times, and nothing that SQLite keeps about free and used pages; inserting and deleting rows instead takes twice the
//! pages and twice the log. It also wants rows of one length: SQLite then writes over the bytes of the old one instead of
//! giving its pages back and taking others. So longer rows are padded to a few lengths, and a free slot of the right
//! length is taken where there is one.
//!
//! Until there are slots that can be used again, new ones are needed, and taking a page from SQLite changes several others.
//! So they are taken in batches: beside a row that needs one, half as many spare slots as there are already. A spare slot
//! has a time that no row can have.
//!
//! Whoever reads rows reads the view `unsealed`, which knows the mark.

use rusqlite::{Connection, OptionalExtension, params};

use crate::util::guard::checksum;

/// The name in `meta` of the mark. The view `unsealed` names it too.
const SEALED_KEY: &str = "sealed_us";

/// Rows that are sealed stay for so long, counted back from the mark, in microseconds: what is newest is then found in one
/// of them, a full one at the latest, and not in the chunks of all series.
pub(super) const LINGER_US: i64 = 120_000_000;

/// Every row is later than this; spare slots are before it. The view `unsealed` names it too.
pub(super) const NEVER: i64 = -9_000_000_000_000_000_000;

/// The fewest and the most spare slots that are made at once.
const SPARE: std::ops::RangeInclusive<i64> = 2..=32;

/// Free slots that are kept for the next flushes; more than that were needed once, when sealing was held up.
const KEPT: i64 = 1_024;

/// The slots that may be overwritten.
#[derive(Debug, Default)]
pub(super) struct Slots {
    free: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    id: i64,
    bytes: usize,
}

/// What a row that was put has changed, once it is committed.
#[derive(Debug)]
pub(super) struct Put {
    /// The place of its slot among the free ones, unless it took a new one.
    place: Option<usize>,
    spare: Vec<Slot>,
}

impl Slots {
    /// The spare ones, and those of the rows that are sealed, but for the newest.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let free_until = sealed(connection)?.map_or(NEVER, |sealed| sealed.saturating_sub(LINGER_US).max(NEVER));
        let mut statement =
            connection.prepare_cached("SELECT slot, length(b) FROM head WHERE ts <= ?1 ORDER BY ts DESC")?;
        let free = statement.query_map([free_until], |row| {
            Ok(Slot { id: row.get(0)?, bytes: row.get::<_, i64>(1)?.try_into().unwrap_or(0) })
        })?;
        Ok(Self { free: free.collect::<rusqlite::Result<_>>()? })
    }

    /// Writes a row of `entries` entries as of `ts`, which must be later than [`NEVER`]. What that has changed here is to
    /// be given to [`committed`](Self::committed).
    pub(super) fn put(&self, connection: &Connection, ts: i64, entries: u32, row: &[u8]) -> rusqlite::Result<Put> {
        let fitting = self.free.iter().rposition(|slot| slot.bytes == row.len());
        let place = fitting.or_else(|| self.free.len().checked_sub(1));
        let slot = place.map(|place| self.free[place].id);
        let sql = match slot {
            Some(_) => "UPDATE head SET ts = ?1, n = ?2, crc = ?3, b = ?4 WHERE slot = ?5",
            None => "INSERT INTO head(ts, n, crc, b, slot) VALUES(?1, ?2, ?3, ?4, ?5)",
        };
        let crc = checksum(ts, row).cast_signed();
        connection.prepare_cached(sql)?.execute(params![ts, entries, crc, row, slot])?;
        let spare = if place.is_none() { spare(connection, row.len())? } else { Vec::new() };
        Ok(Put { place, spare })
    }

    /// Takes note that what was put is committed.
    pub(super) fn committed(&mut self, put: Put) {
        if let Some(place) = put.place {
            self.free.remove(place);
        }
        self.free.extend(put.spare);
    }

    /// Removes some slots if there are far more than a segment needs. Call it after sealing, within a transaction.
    pub(super) fn trim(connection: &Connection) -> rusqlite::Result<()> {
        let Some(sealed) = sealed(connection)? else { return Ok(()) };
        connection
            .prepare_cached(
                "DELETE FROM head WHERE slot IN (SELECT slot FROM head WHERE ts <= ?1 ORDER BY ts DESC LIMIT 64 OFFSET ?2)",
            )?
            .execute(params![sealed, KEPT])?;
        Ok(())
    }
}

/// Makes spare slots for rows of `bytes` bytes.
fn spare(connection: &Connection, bytes: usize) -> rusqlite::Result<Vec<Slot>> {
    let (slots, last): (i64, i64) = connection
        .prepare_cached("SELECT count(*), max(slot) FROM head")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut insert =
        connection.prepare_cached("INSERT INTO head(ts, n, crc, b, slot) VALUES(?1, 0, 0, zeroblob(?2), ?3)")?;
    (1..=(slots / 2).clamp(*SPARE.start(), *SPARE.end()))
        .map(|next| {
            let id = last + next;
            // Slots number up from 1, so that no two of these times are the same.
            insert.execute(params![i64::MIN + id, i64::try_from(bytes).unwrap_or(0), id])?;
            Ok(Slot { id, bytes })
        })
        .collect()
}

/// Up to which time rows are sealed.
pub(super) fn sealed(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT v FROM meta WHERE k = ?1 AND typeof(v) = 'integer'")?
        .query_row([SEALED_KEY], |row| row.get(0))
        .optional()
}

/// Takes note that the rows up to `ts` are sealed, those in `damaged` excepted, which could not be read.
pub(super) fn seal_until(connection: &Connection, ts: i64, damaged: &[(i64, &'static str)]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO damaged(ts, reason) VALUES(?1, ?2)")?;
    for (at, reason) in damaged.iter().filter(|(at, _)| *at <= ts) {
        insert.execute(params![at, reason])?;
    }
    connection
        .prepare_cached("INSERT INTO meta(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v")?
        .execute(params![SEALED_KEY, ts])?;
    Ok(())
}

/// The rows of a time that were damaged when it was sealed, with the reasons.
pub(super) fn damaged(
    connection: &Connection,
    after: i64,
    until: i64,
    visit: &mut dyn FnMut(i64, String),
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT ts, reason FROM damaged WHERE ts > ?1 AND ts <= ?2 ORDER BY ts")?;
    let mut rows = statement.query([after, until])?;
    while let Some(row) = rows.next()? {
        visit(row.get(0)?, row.get(1)?);
    }
    Ok(())
}
