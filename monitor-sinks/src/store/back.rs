//! A look back: the newest entry of each of some series at or before a time.
//!
//! A row holds the series that changed, and a full one each minute holds all counters and gauges of its recording. So the
//! look goes back until every series was found, a full row was seen, or a segment that lasts longer than a minute; and not
//! into another recording, because what that one had does not hold any more.
//!
//! The rows are looked at before the segments: what is sealed meanwhile is found in a segment then.

use rusqlite::{Connection, params};

use super::{
    Window,
    entry::Entry,
    rows::{self, LINGER_US, NEVER},
    segment::{self, Segment},
    tier::Tier,
    walk::{Detail, Found, Walk, sound_row},
    writer::FULL_EVERY_US,
};

/// What a look back has come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back {
    /// Whether series that were not found did not exist in the recording at that time.
    pub(crate) complete: bool,
    /// The newest flush, and the recording that all entries are of.
    pub(crate) newest: Option<(i64, u64)>,
}

/// A look back that is going on.
struct Looking<'a> {
    connection: &'a Connection,
    /// The series, ascending, each with its place until it is found.
    wanted: Vec<(u64, Option<usize>)>,
    /// How many are not found yet.
    open: usize,
    newest: Option<(i64, u64)>,
    is_damaged: bool,
}

impl Back {
    /// Looks for the series `ids`. Entries of counters and gauges are visited with their place and time.
    pub(crate) fn look(
        connection: &Connection,
        ids: &[u64],
        until: i64,
        oldest: i64,
        visit: &mut dyn FnMut(usize, i64, Entry<'_>),
    ) -> rusqlite::Result<Self> {
        let mut wanted: Vec<(u64, Option<usize>)> =
            ids.iter().enumerate().map(|(place, id)| (*id, Some(place))).collect();
        wanted.sort_unstable();
        let mut looking = Looking { connection, open: wanted.len(), wanted, newest: None, is_damaged: false };
        let is_over = looking.rows(until, oldest, visit)? || looking.segments(until, oldest, visit)?;
        let complete = !looking.is_damaged && (is_over || (looking.newest.is_none() && !any_until(connection, until)?));
        Ok(Self { complete, newest: looking.newest })
    }
}

impl Looking<'_> {
    /// Looks through the rows; returns whether nothing older matters.
    fn rows(
        &mut self,
        until: i64,
        oldest: i64,
        visit: &mut dyn FnMut(usize, i64, Entry<'_>),
    ) -> rusqlite::Result<bool> {
        // Those that were sealed a moment ago are still there.
        let since =
            rows::sealed(self.connection)?.map_or(NEVER, |sealed| sealed.saturating_sub(LINGER_US)).max(NEVER) + 1;
        let mut statement = self
            .connection
            .prepare_cached("SELECT ts, n, crc, b FROM head WHERE ts <= ?1 AND ts >= ?2 ORDER BY ts DESC")?;
        let mut rows = statement.query(params![until, oldest.max(since)])?;
        while let Some(row) = rows.next()? {
            let ts: i64 = row.get(0)?;
            let Ok(found) = sound_row(row)? else {
                self.is_damaged = true;
                continue;
            };
            if !self.is_same(ts, found.run) {
                return Ok(true);
            }
            for (id, entry) in found.entries().flatten() {
                self.take(id, ts, entry, visit);
            }
            if found.full || self.open == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks through the segments; returns whether nothing older matters.
    fn segments(
        &mut self,
        until: i64,
        oldest: i64,
        visit: &mut dyn FnMut(usize, i64, Entry<'_>),
    ) -> rusqlite::Result<bool> {
        let mut before = None;
        while let Some(segment) = segment::previous(self.connection, Tier::Raw, until, before)? {
            if segment.t1 < oldest {
                break;
            }
            before = Some(segment.cursor());
            let mut last: Option<i64> = None;
            let ids: Vec<u64> = self.wanted.iter().filter(|wanted| wanted.1.is_some()).map(|wanted| wanted.0).collect();
            let mut found: Vec<Option<(i64, Kept)>> = ids.iter().map(|_| None).collect();
            let window = Window { after: segment.t0.saturating_sub(1), until };
            Walk::new(self.connection, &ids, Detail::Merged).one(&segment, window, &mut |what| match what {
                Found::Entry { place, ts, entry, .. } => {
                    if let Some(kept) = Kept::of(entry) {
                        found[place] = Some((ts, kept));
                    }
                }
                Found::Flush { ts, .. } => last = Some(ts),
                Found::Damaged(_) => self.is_damaged = true,
                Found::Tier(_) | Found::Line { .. } => {}
            })?;
            let Some(last) = last else { continue };
            if !self.is_same(last, segment.run) {
                return Ok(true);
            }
            for (id, found) in ids.iter().zip(found) {
                if let Some((ts, kept)) = found {
                    self.take(*id, ts, kept.entry(), visit);
                }
            }
            if self.open == 0 || lasts(&segment, last) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a flush is of the recording that is looked at, which the first one decides.
    fn is_same(&mut self, ts: i64, run: u64) -> bool {
        self.newest.get_or_insert((ts, run)).1 == run
    }

    fn take(&mut self, id: u64, ts: i64, entry: Entry<'_>, visit: &mut dyn FnMut(usize, i64, Entry<'_>)) {
        if matches!(entry, Entry::Distribution(_)) {
            return;
        }
        if let Ok(at) = self.wanted.binary_search_by_key(&id, |wanted| wanted.0)
            && let Some(place) = self.wanted[at].1.take()
        {
            self.open -= 1;
            visit(place, ts, entry);
        }
    }
}

/// Whether a segment, up to `last`, must hold a full row.
const fn lasts(segment: &Segment, last: i64) -> bool {
    last.saturating_sub(segment.t0) > FULL_EVERY_US
}

/// An entry that outlives its chunk.
#[derive(Debug, Clone, Copy)]
struct Kept(Entry<'static>);

impl Kept {
    fn of(entry: Entry<'_>) -> Option<Self> {
        match entry {
            Entry::Counter { total, increase } => Some(Self(Entry::Counter { total, increase })),
            Entry::Gauge(value) => Some(Self(Entry::Gauge(value))),
            Entry::Span(span) => Some(Self(Entry::Span(span))),
            Entry::Distribution(_) => None,
        }
    }

    const fn entry(self) -> Entry<'static> {
        self.0
    }
}

/// Whether there is anything at or before `ts`.
fn any_until(connection: &Connection, ts: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS(SELECT 1 FROM unsealed WHERE ts <= ?1)
                 OR EXISTS(SELECT 1 FROM segment WHERE t0 <= ?1 AND tier <= 2)",
        )?
        .query_row([ts], |row| row.get(0))
}
