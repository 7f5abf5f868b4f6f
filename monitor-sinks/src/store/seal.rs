//! Sealing: the rows of many flushes become one segment.
//!
//! What is sealed is a span of rows at the front of `head` that one recording wrote. It ends where a round span of time
//! does (five minutes, an hour), so that whoever asks for hours finds whole segments; it has enough rows to pack well, or
//! they are old, or their recording is over.
//!
//! It is done in slices, so that flushes go on in between: rows are read for a group of series, these are packed, a few in
//! one slice, and the group is written in a transaction of its own. The rows count until the last slice, which makes the segment exist and
//! moves the mark of what is sealed in one transaction: a crash before it changes nothing that anybody reads, and sealing
//! begins anew.
//!
//! Rows that are damaged cannot be sealed. The mark passes them, and a note tells every reader of their time.

use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    build::Build,
    head::Row,
    rows::{self, Slots},
    segment::{Draft, Packed},
    tier::Tier,
};
use crate::util::guard::{checksum, is_same};

/// With so many rows a segment packs well.
pub(super) const ENOUGH: usize = 240;

/// A segment has no more rows than this: more take longer to read where only a few are wanted.
pub(super) const MOST: usize = 720;

/// Rows that are older are sealed, however few they are.
pub(super) const OLDEST_US: i64 = 2 * 3_600_000_000;

/// Bytes of rows that are read for one group of series. In memory they take up to some twenty times as much.
const GROUP_BYTES: usize = 512 << 10;

/// Numbers that are packed in one slice, about: a few milliseconds of work.
const SLICE: usize = 15_000;

/// The spans of time at whose ends segments end.
const SPANS_US: [i64; 6] = [300_000_000, 600_000_000, 900_000_000, 1_800_000_000, 3_600_000_000, 7_200_000_000];

/// The end of the span of time that holds `ts`, for flushes every `interval_us`: the shortest span in which there are
/// enough of them. As for windows, what lies at the end of a span belongs to it.
pub(super) fn span_end(ts: i64, interval_us: i64) -> i64 {
    let enough = |span: &i64| (*span / interval_us.max(1)).unsigned_abs() >= ENOUGH as u64;
    let span = SPANS_US.into_iter().find(enough).unwrap_or(OLDEST_US);
    ts.saturating_sub(1).div_euclid(span).saturating_add(1).saturating_mul(span)
}

/// A span of rows that is being sealed.
#[derive(Debug)]
pub(super) struct Seal {
    draft: Draft,
    interval_us: i64,
    front: Front,
    /// Series of one group.
    group: usize,
    /// How many series are done.
    done: usize,
    /// What the rows hold of the series that are being packed, the next one last.
    read: Vec<(u64, Build)>,
    /// What of the group is packed.
    packed: Vec<(u64, Packed)>,
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
        let mut front = Front::read(connection, when.interval_us)?;
        let Some(run) = front.run.filter(|_| front.is_due(when)) else {
            return Ok(Err(Rows { count: front.times.len(), oldest: front.times.first().copied() }));
        };
        front.cut(when);
        let draft = Draft::begin(connection, Tier::Raw, run)?;
        let bytes_each = (front.bytes / front.ids.len().max(1)).max(1);
        let group = (GROUP_BYTES / bytes_each).max(1);
        let interval_us = when.interval_us;
        Ok(Ok(Self { draft, interval_us, front, group, done: 0, read: Vec::new(), packed: Vec::new() }))
    }

    /// Does the next slice: reads a group of series, packs some of it, or writes it in one transaction. Returns whether all
    /// is done.
    pub(super) fn slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        if !self.read.is_empty() {
            self.pack();
            return Ok(false);
        }
        if self.packed.is_empty() && self.done < self.front.ids.len() {
            let end = (self.done + self.group).min(self.front.ids.len());
            self.read = self.front.gather(connection, self.done..end)?;
            self.done = end;
            return Ok(false);
        }
        self.write(connection)
    }

    /// Packs the next few series that have been read.
    fn pack(&mut self) {
        let mut numbers = 0;
        while numbers < SLICE
            && let Some((series, build)) = self.read.pop()
        {
            numbers += build.numbers();
            // Entries that make no chunk were written by another release, or by a mistake of this one. The rest is worth
            // more than they are.
            if let Ok(Some(chunk)) = build.pack(self.front.times.len()) {
                self.packed.push((series, chunk));
            }
        }
    }

    fn write(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let is_last = self.done == self.front.ids.len();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (series, chunk) in self.packed.drain(..) {
            self.draft.add(&transaction, series, &chunk)?;
        }
        let Front { times, damaged, .. } = &self.front;
        if is_last
            && let Some(&last) = times.last()
            && self.draft.finish(&transaction, times, self.interval_us)?
        {
            rows::seal_until(&transaction, last, damaged)?;
            Slots::trim(&transaction)?;
        }
        transaction.commit()?;
        Ok(is_last)
    }
}

/// The sound rows of one recording that are not sealed, as many as a segment holds.
#[derive(Debug, Default)]
struct Front {
    run: Option<u64>,
    times: Vec<i64>,
    /// The series in them, ascending.
    ids: Vec<u64>,
    /// Their bytes in all.
    bytes: usize,
    /// How many of them lie before the newest end of a span of time.
    whole: usize,
    /// Whether nothing more belongs to them: they are enough and end with a span, are as many as a segment holds, or
    /// another recording follows.
    is_complete: bool,
    /// The rows that could not be read, with the reasons.
    damaged: Vec<(i64, &'static str)>,
}

impl Front {
    fn read(connection: &Connection, interval_us: i64) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached("SELECT ts, n, crc, b FROM unsealed ORDER BY ts")?;
        let mut rows = statement.query([])?;
        let mut front = Self::default();
        while !front.is_complete
            && let Some(row) = rows.next()?
        {
            let (ts, count, crc): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let blob = row.get_ref(3)?.as_blob().unwrap_or_default();
            let sound = if is_same(crc, checksum(ts, blob)) { Row::open(blob) } else { Err(Row::OTHER_CHECKSUM) };
            match sound.and_then(|row| front.ids_of(&row, count).map(|ids| (row, ids))) {
                Ok((row, ids)) => front.take(ts, row.run, ids, blob.len(), interval_us),
                Err(reason) => front.damaged.push((ts, reason)),
            }
        }
        Ok(front)
    }

    /// The series of `row` that are not known yet.
    fn ids_of(&self, row: &Row<'_>, count: i64) -> Result<Vec<u64>, &'static str> {
        let (mut new, mut place, mut found) = (Vec::new(), 0, 0);
        for entry in row.entries() {
            let (id, _) = entry?;
            found += 1;
            // Rows hold much the same series, in the same order.
            while self.ids.get(place).is_some_and(|known| *known < id) {
                place += 1;
            }
            if self.ids.get(place) != Some(&id) {
                new.push(id);
            }
        }
        if found == count { Ok(new) } else { Err(Row::OTHER_COUNT) }
    }

    fn take(&mut self, ts: i64, run: u64, new: Vec<u64>, bytes: usize, interval_us: i64) {
        if *self.run.get_or_insert(run) != run {
            self.is_complete = true;
            return;
        }
        if self.times.last().is_some_and(|last| span_end(*last, interval_us) < ts) {
            self.whole = self.times.len();
            if self.whole >= ENOUGH {
                self.is_complete = true;
                return;
            }
        }
        if !new.is_empty() {
            self.ids.extend(new);
            self.ids.sort_unstable();
        }
        self.times.push(ts);
        self.bytes += bytes;
        if ts == span_end(ts, interval_us) {
            self.whole = self.times.len();
        }
        self.is_complete = self.times.len() == MOST || self.whole == self.times.len() && self.whole >= ENOUGH;
    }

    fn is_due(&self, when: When) -> bool {
        let Some(&oldest) = self.times.first() else { return false };
        self.is_complete
            || self.run != Some(when.run)
            || when.now_us.saturating_sub(oldest) >= OLDEST_US
            || when.wanted_until.is_some_and(|until| oldest <= until)
    }

    /// Leaves the rows after the last end of a span for the next segment, unless no others will come.
    fn cut(&mut self, when: When) {
        let is_full = self.times.len() == MOST && self.whole < ENOUGH;
        if self.whole > 0 && !is_full && self.run == Some(when.run) {
            self.times.truncate(self.whole);
        }
    }

    /// Reads the entries of the series `of` from all rows. The first series comes last.
    fn gather(&self, connection: &Connection, of: std::ops::Range<usize>) -> rusqlite::Result<Vec<(u64, Build)>> {
        let ids = &self.ids[of];
        let mut builds: Vec<(u64, Build)> = ids.iter().map(|id| (*id, Build::default())).collect();
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Ok(builds) };
        let (Some(&from), Some(&to)) = (self.times.first(), self.times.last()) else { return Ok(builds) };
        let mut statement =
            connection.prepare_cached("SELECT ts, b FROM unsealed WHERE ts BETWEEN ?1 AND ?2 ORDER BY ts")?;
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
                        let _ = builds[place].1.push(at as u32, entry);
                    }
                }
            }
            at += 1;
        }
        builds.reverse();
        Ok(builds)
    }
}
