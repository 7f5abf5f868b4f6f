//! Sealing: the rows of many flushes become one segment.
//!
//! What is sealed is the longest span of rows at the front of `head` that one recording wrote, once it has enough rows, is
//! old enough, or belongs to a recording that is over. It is done in slices, each a transaction of its own, so that none
//! takes long and flushes go on between them. The rows stay until the last slice, which makes the segment exist and
//! removes them in one transaction: a crash before it changes nothing that anybody reads, and sealing begins anew.
//!
//! Rows that are damaged stay in `head`, where every reader is told of them.

use rusqlite::{Connection, TransactionBehavior, params};

use super::{build::Build, chunk::MOST_FLUSHES, head::Row, segment::Draft, tier::Tier};
use crate::util::guard::checksum;

/// Rows of a segment. More pack tighter, and take longer to read where only a few are wanted.
pub(super) const ROWS: usize = 360;

/// Rows that are older are sealed, however few they are.
const OLDEST_US: i64 = 2 * 3_600_000_000;

/// Series of one slice: few enough to take a few milliseconds with all their rows.
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
    /// Begins to seal, if that is due.
    pub(super) fn begin(connection: &Connection, when: When) -> rusqlite::Result<Option<Self>> {
        let Some((run, times, ids)) = front(connection, when)? else { return Ok(None) };
        let draft = Draft::begin(connection, Tier::Raw, run)?;
        Ok(Some(Self { draft, interval_us: when.interval_us, times, ids, done: 0 }))
    }

    /// How many rows it seals.
    pub(super) fn rows(&self) -> usize {
        self.times.len()
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

/// The rows at the front that are to be sealed: their recording, their times, and the series in them.
#[expect(clippy::type_complexity, reason = "it is taken apart at once")]
fn front(connection: &Connection, when: When) -> rusqlite::Result<Option<(u64, Vec<i64>, Vec<u64>)>> {
    let mut statement = connection.prepare_cached("SELECT ts, n, crc, b FROM head ORDER BY ts LIMIT ?1")?;
    let mut rows = statement.query([i64::try_from(ROWS).unwrap_or(i64::MAX).saturating_add(1)])?;
    let (mut times, mut ids, mut of) = (Vec::new(), Vec::new(), None);
    let mut is_over = false;
    while let Some(row) = rows.next()? {
        let (ts, count, crc): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let blob = row.get_ref(3)?.as_blob().unwrap_or_default();
        let sound = i64::from(checksum(ts, blob)) == crc;
        let Some(found) = sound.then(|| Row::parse(blob, count).ok()).flatten() else { continue };
        let run = *of.get_or_insert(found.run);
        if run != found.run || times.len() == ROWS.min(MOST_FLUSHES) {
            is_over = true;
            break;
        }
        times.push(ts);
        ids.extend(found.entries().flatten().map(|entry| entry.0));
        // Rows hold much the same series: what is collected stays small if it is sorted now and then.
        if times.len() % 32 == 0 {
            tidy(&mut ids);
        }
    }
    let (Some(run), Some(&oldest)) = (of, times.first()) else { return Ok(None) };
    let is_old = when.now_us.saturating_sub(oldest) >= OLDEST_US;
    let is_wanted = when.wanted_until.is_some_and(|until| oldest <= until);
    if !(is_over || run != when.run || is_old || is_wanted || times.len() >= ROWS) {
        return Ok(None);
    }
    tidy(&mut ids);
    Ok(Some((run, times, ids)))
}

fn tidy(ids: &mut Vec<u64>) {
    ids.sort_unstable();
    ids.dedup();
}
