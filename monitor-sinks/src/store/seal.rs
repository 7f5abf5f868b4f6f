//! Sealing: the rows of many flushes become one segment.
//!
//! What is sealed is the longest span of rows at the front of `head` that one recording wrote, once it has enough rows, is
//! old enough, or belongs to a recording that is over. It is done in slices, each a transaction of its own, so that none
//! takes long and flushes go on between them. The rows stay until the last slice, which makes the segment exist and
//! removes them in one transaction: a crash before it changes nothing that anybody reads, and sealing begins anew.
//!
//! Rows that are damaged stay in `head`, where every reader is told of them, until what surrounds them is dropped.

use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    build::Build,
    head::Row,
    segment::{self, Draft},
    tier::Tier,
};
use crate::util::guard::checksum;

/// Rows of a segment. More pack tighter, and take longer to read where only a few are wanted.
pub(super) const ROWS: usize = 360;

/// Rows that are older are sealed, however few they are.
pub(super) const OLDEST_US: i64 = 2 * 3_600_000_000;

/// Series of one slice. With fewer a slice is shorter, and the rows are gone through more often.
const SLICE: usize = 50;

/// A span of rows that is being sealed.
#[derive(Debug)]
pub(super) struct Seal {
    draft: Draft,
    interval_us: i64,
    /// The times of the rows, without damaged ones.
    times: Vec<i64>,
    /// The series in them, ascending.
    ids: Vec<u64>,
    /// How many of them are done.
    done: usize,
}

/// The rows that wait for being sealed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rows {
    pub(super) count: usize,
    /// The time of the oldest one.
    pub(super) oldest: Option<i64>,
}

/// When rows are sealed.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) now_us: i64,
    /// The recording that is going on.
    pub(super) run: u64,
    /// Rows up to here are wanted in a segment soon, because they are to be rolled up.
    pub(super) wanted_until: Option<i64>,
    /// The grid of the flushes, in microseconds.
    pub(super) interval_us: i64,
}

impl Seal {
    /// Begins to seal, if that is due; else tells what waits.
    ///
    /// Cost: all rows of a segment are read.
    pub(super) fn begin(connection: &Connection, when: When) -> rusqlite::Result<Result<Self, Rows>> {
        let front = front(connection)?;
        let Some(run) = front.run.filter(|_| front.is_due(when)) else {
            return Ok(Err(Rows { count: front.times.len(), oldest: front.times.first().copied() }));
        };
        let draft = Draft::begin(connection, Tier::Raw, run)?;
        Ok(Ok(Self { draft, interval_us: when.interval_us, times: front.times, ids: front.ids, done: 0 }))
    }

    /// Seals the next series in one transaction. Returns whether all is done.
    pub(super) fn slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let end = (self.done + SLICE).min(self.ids.len());
        let mut builds: Vec<Build> = Vec::new();
        builds.resize_with(end - self.done, Build::default);
        self.read(&transaction, &self.ids[self.done..end], &mut builds)?;
        for (id, build) in self.ids[self.done..end].iter().zip(&mut builds) {
            // Entries that make no chunk were written by another release, or by a mistake of this one. The rest is worth
            // more than they are.
            let _ = build.finish(&transaction, &mut self.draft, *id, self.times.len())?;
        }
        if end == self.ids.len() && self.draft.finish(&transaction, &self.times, self.interval_us)? {
            let mut delete = transaction.prepare_cached("DELETE FROM head WHERE ts = ?1")?;
            for ts in &self.times {
                delete.execute([ts])?;
            }
        }
        transaction.commit()?;
        self.done = end;
        Ok(end == self.ids.len())
    }

    /// Reads the entries of the series `ids`, which follow each other in `self.ids`, from all rows.
    fn read(&self, connection: &Connection, ids: &[u64], builds: &mut [Build]) -> rusqlite::Result<()> {
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Ok(()) };
        let (Some(&from), Some(&to)) = (self.times.first(), self.times.last()) else { return Ok(()) };
        let mut statement =
            connection.prepare_cached("SELECT ts, b FROM head WHERE ts BETWEEN ?1 AND ?2 ORDER BY ts")?;
        let mut rows = statement.query(params![from, to])?;
        let mut at = 0;
        while let Some(row) = rows.next()? {
            let ts: i64 = row.get(0)?;
            if self.times.get(at) != Some(&ts) {
                continue;
            }
            if let Some(found) = row.get_ref(1)?.as_blob().ok().and_then(|blob| Row::open(blob).ok()) {
                let mut entries = found.entries();
                entries.skip_to(first);
                let wanted = entries.flatten().skip_while(|entry| entry.0 < first).take_while(|entry| entry.0 <= last);
                let mut place = 0;
                for (id, entry) in wanted {
                    while ids.get(place).is_some_and(|known| *known < id) {
                        place += 1;
                    }
                    if ids.get(place) == Some(&id) {
                        let _ = builds[place].push(at as u32, entry);
                    }
                }
            }
            at += 1;
        }
        Ok(())
    }
}

/// The sound rows of one recording after the newest segment, as many as a segment holds.
#[derive(Debug, Default)]
struct Front {
    run: Option<u64>,
    times: Vec<i64>,
    /// The series in them, ascending.
    ids: Vec<u64>,
    /// Whether nothing can come to them any more: there are enough, or another recording follows.
    is_complete: bool,
}

impl Front {
    fn is_due(&self, when: When) -> bool {
        let Some(&oldest) = self.times.first() else { return false };
        self.is_complete
            || self.run != Some(when.run)
            || when.now_us.saturating_sub(oldest) >= OLDEST_US
            || when.wanted_until.is_some_and(|until| oldest <= until)
    }
}

fn front(connection: &Connection) -> rusqlite::Result<Front> {
    let sealed = segment::newest(connection, Tier::Raw)?.unwrap_or(i64::MIN);
    let mut statement = connection.prepare_cached("SELECT ts, n, crc, b FROM head WHERE ts > ?1 ORDER BY ts")?;
    let mut rows = statement.query([sealed])?;
    let mut front = Front::default();
    while !front.is_complete
        && let Some(row) = rows.next()?
    {
        let (ts, count, crc): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let blob = row.get_ref(3)?.as_blob().unwrap_or_default();
        let is_sound = i64::from(checksum(ts, blob)) == crc;
        let Some(found) = is_sound.then(|| Row::parse(blob, count).ok()).flatten() else { continue };
        if *front.run.get_or_insert(found.run) != found.run {
            front.is_complete = true;
            break;
        }
        front.times.push(ts);
        front.ids.extend(found.entries().flatten().map(|entry| entry.0));
        // Rows hold much the same series: what is collected stays small if it is sorted now and then.
        if front.times.len() % 32 == 0 {
            tidy(&mut front.ids);
        }
        front.is_complete = front.times.len() == ROWS;
    }
    tidy(&mut front.ids);
    Ok(front)
}

fn tidy(ids: &mut Vec<u64>) {
    ids.sort_unstable();
    ids.dedup();
}
