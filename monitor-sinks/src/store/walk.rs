//! A walk along what the store holds of some series, from the oldest to the newest, over tiers, segments and rows.
//!
//! A walk sees every entry of its window once, whatever is sealed, rolled up or removed meanwhile. It goes in steps, each
//! in a read transaction of its own that looks at one segment or one page of rows, and remembers the time up to which it
//! has seen everything. Sealing moves rows into a segment with the same times, so a step finds them there or here. No
//! transaction lasts long enough to keep the writer's log from being recycled.
//!
//! Entries of one series come in the order of time. Those of different series do not: a segment is walked series by
//! series.
//!
//! Where single flushes have been dropped, or windows will do, windows stand in for them; see `plan`. What was imported is merged into that by
//! time. The recording that
//! wrote an entry is told with it, so that totals can be told from those of another one.

mod page;

use rusqlite::{Connection, params};

pub(crate) use self::page::Pages;
use super::{
    Warning, Window,
    build::unpack,
    chunk::{Scratch, counter, gauge, merged, values},
    entry::{Encoded, Entry, Span},
    head::Row,
    imported::Imported,
    line::Line,
    plan::{Part, parts},
    rows,
    segment::{self, Chunk, Cursor, Segment},
    tier::Tier,
};
use crate::util::guard::{checksum, is_same};

/// Rows looked at in one step.
const PAGE: i64 = 500;

/// Chunks looked at in one step, about; a segment is looked at as a whole.
const CHUNKS: usize = 32;

/// What a walk meets.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// An entry of the series at this place of those asked for.
    Entry { place: usize, ts: i64, run: u64, entry: Entry<'a> },
    /// Several entries of the series at this place, for those who asked for [`Detail::Lines`].
    Line { place: usize, run: u64, line: Line<'a> },
    /// What follows is of this tier.
    Tier(Tier),
    /// A flush of a recording, the latest of those that a step has seen.
    Flush { ts: i64, run: u64 },
    /// Something that should have been there could not be read.
    Damaged(Warning),
}

/// How entries come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// One by one.
    Each,
    /// Those of a chunk of numbers together, where it is as simple as that; else one by one.
    Lines,
    /// As one, where a whole chunk lies in the window.
    Merged,
}

/// What a walk has still to visit of a part.
#[derive(Debug, Clone, Copy)]
struct Left {
    tier: Tier,
    after: i64,
    until: i64,
    /// Where it has come to; `None` at the end.
    cursor: Option<Cursor>,
}

/// A walk that is going on.
pub(crate) struct Walk<'a> {
    connection: &'a Connection,
    /// The series asked for, ascending, and their places.
    ids: Vec<u64>,
    places: Vec<usize>,
    detail: Detail,
    /// Whether to end early, asked between steps.
    is_over: &'a dyn Fn() -> bool,
    room: Room,
}

/// Memory that the steps use again.
#[derive(Debug, Default)]
struct Room {
    scratch: Scratch,
    times: Vec<i64>,
    counters: Vec<counter::Entry>,
    gauges: Vec<gauge::Entry>,
    /// Of a gauge that was rolled up: smallest, largest, sums, counts.
    spans: [Vec<gauge::Entry>; 4],
    values: values::Values,
    buckets: Vec<(u16, u64)>,
    /// Of a line.
    line: Vec<f64>,
    line_times: Vec<i64>,
}

impl<'a> Walk<'a> {
    /// A walk for the series `ids`, in any order.
    pub(crate) fn new(connection: &'a Connection, ids: &[u64], detail: Detail) -> Self {
        let mut places: Vec<usize> = (0..ids.len()).collect();
        places.sort_unstable_by_key(|&place| ids[place]);
        let ids = places.iter().map(|&place| ids[place]).collect();
        Self { connection, ids, places, detail, is_over: &|| false, room: Room::default() }
    }

    /// A walk that ends early when `is_over` says so, which it asks between steps.
    pub(crate) fn unless(self, is_over: &'a dyn Fn() -> bool) -> Self {
        Self { is_over, ..self }
    }

    /// Visits all entries in `window`. Where whole windows of tiers up to `coarsest` lie in it, these do.
    pub(crate) fn run(
        &mut self,
        window: Window,
        coarsest: Tier,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> rusqlite::Result<()> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let mut imported = Imported::of(self.connection, &self.ids, &self.places, self.detail, window)?;
        for part in parts(self.connection, window, coarsest)? {
            imported.merge(Found::Tier(part.tier), visit);
            self.part(part, &mut |found| imported.merge(found, visit))?;
        }
        imported.finish(visit)
    }

    /// Visits the entries of one tier.
    pub(crate) fn tier(
        &mut self,
        tier: Tier,
        window: Window,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> rusqlite::Result<()> {
        self.part(Part { tier, window }, visit)
    }

    /// Visits the entries of one segment.
    pub(crate) fn one(
        &mut self,
        segment: &Segment,
        window: Window,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> rusqlite::Result<()> {
        let Window { after, until } = window;
        let within = Window { after: after.max(segment.t0.saturating_sub(1)), until: until.min(segment.t1) };
        damaged(self.connection, within, visit)?;
        self.segment(self.connection, segment, window, visit)
    }

    fn part(&mut self, part: Part, visit: &mut dyn FnMut(Found<'_>)) -> rusqlite::Result<()> {
        let mut left = self.begin(part, visit)?;
        while !(self.is_over)() && self.step(&mut left, visit)? {}
        Ok(())
    }

    /// Begins a part, and tells of what was damaged in it before it was sealed.
    fn begin(&self, part: Part, visit: &mut dyn FnMut(Found<'_>)) -> rusqlite::Result<Left> {
        let Part { tier, window: Window { after, mut until } } = part;
        if tier == Tier::Raw {
            // Rows that are written meanwhile do not prolong the walk.
            until = until.min(newest(self.connection)?.unwrap_or(i64::MIN));
            damaged(self.connection, Window { after, until }, visit)?;
        }
        Ok(Left { tier, after, until, cursor: Some(Cursor::after(after)) })
    }

    /// Visits some segments, or a page of rows, of what is `left`. Returns whether there may be more.
    fn step(&mut self, left: &mut Left, visit: &mut dyn FnMut(Found<'_>)) -> rusqlite::Result<bool> {
        let Left { tier, after, until, cursor: left } = left;
        let Some(mut cursor) = *left else { return Ok(false) };
        let batch = (CHUNKS / self.ids.len().max(1)).max(1);
        let connection = self.connection;
        // A job of the writer walks within its own transaction.
        let _snapshot = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
        // The first window of a recording may bear the time of the last one of the recording before it.
        let segments = segment::some(connection, *tier, cursor, *until, batch)?;
        for segment in &segments {
            self.segment(connection, segment, Window { after: *after, until: *until }, visit)?;
            cursor = segment.cursor();
        }
        if segments.len() == batch {
            *left = Some(cursor);
        } else if *tier == Tier::Raw && cursor.time() < *until {
            let last = self.page(connection, Window { after: cursor.time(), until: *until }, visit)?;
            // What was seen as rows may be found in a segment next time, together with what was not.
            *after = last.unwrap_or(*after);
            *left = last.map(Cursor::after);
        } else {
            *left = None;
        }
        Ok(left.is_some())
    }

    /// Visits what a segment holds of the series.
    pub(super) fn segment(
        &mut self,
        connection: &Connection,
        segment: &Segment,
        window: Window,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> rusqlite::Result<()> {
        let Self { ids, places, detail, room, .. } = self;
        let whole = segment.is_within(window) && *detail == Detail::Merged;
        if let Err(reason) = if whole { room.begin(segment) } else { room.times(segment) } {
            visit(Found::Damaged(Warning::of_span(segment.t0, segment.t1, reason)));
            return Ok(());
        }
        segment::chunks(connection, segment, ids, &mut |series, chunk| {
            let Ok(at) = ids.binary_search(&series) else { return };
            let to = Target { place: places[at], segment, window };
            let read = chunk.and_then(|chunk| {
                if whole {
                    room.read_whole(&chunk, &to, visit)
                } else if *detail == Detail::Lines {
                    room.read_line(&chunk, &to, visit)
                } else {
                    room.read(&chunk, &to, visit)
                }
            });
            if let Err(reason) = read {
                visit(Found::Damaged(Warning::of_span(segment.t0, segment.t1, reason)));
            }
        })?;
        let newest = if segment.t1 <= window.until {
            Some(segment.t1)
        } else {
            let seen = room.times.partition_point(|&ts| ts <= window.until);
            room.times[..seen].last().copied()
        };
        if let Some(ts) = newest.filter(|&ts| ts > window.after) {
            visit(Found::Flush { ts, run: segment.run });
        }
        Ok(())
    }

    /// Visits a page of rows. Returns the time of its last row if another page may follow.
    fn page(
        &mut self,
        connection: &Connection,
        window: Window,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> rusqlite::Result<Option<i64>> {
        let mut statement = connection
            .prepare_cached("SELECT ts, n, crc, b FROM unsealed WHERE ts > ?1 AND ts <= ?2 ORDER BY ts LIMIT ?3")?;
        let mut rows = statement.query(params![window.after, window.until, PAGE])?;
        let mut visited = 0;
        let mut last = None;
        while let Some(row) = rows.next()? {
            let ts: i64 = row.get(0)?;
            match sound_row(row)? {
                Ok(found) => {
                    self.row(ts, found, visit);
                    visit(Found::Flush { ts, run: found.run });
                }
                Err(reason) => visit(Found::Damaged(Warning::new(ts, reason))),
            }
            visited += 1;
            last = Some(ts);
        }
        Ok(last.filter(|_| visited == PAGE))
    }

    fn row(&self, ts: i64, row: Row<'_>, visit: &mut dyn FnMut(Found<'_>)) {
        let mut entries = row.entries();
        let mut wanted = 0;
        entries.skip_to(self.ids[0]);
        while let Some(Ok((found, entry))) = entries.next() {
            let passed = self.ids[wanted..].iter().take_while(|&&id| id < found).count();
            wanted += passed;
            let is_match = self.ids.get(wanted) == Some(&found);
            if is_match {
                visit(Found::Entry { place: self.places[wanted], ts, run: row.run, entry });
                wanted += 1;
            }
            match self.ids.get(wanted) {
                Some(&next) if is_match || passed > 0 => entries.skip_to(next),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Tells of rows that were damaged when those around them were sealed.
fn damaged(connection: &Connection, window: Window, visit: &mut dyn FnMut(Found<'_>)) -> rusqlite::Result<()> {
    rows::damaged(connection, window.after, window.until, &mut |ts, reason| {
        visit(Found::Damaged(Warning::new(ts, reason)));
    })
}

/// A row whose checksum matches, or why it does not count.
pub(super) fn sound_row<'a>(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<Result<Row<'a>, &'static str>> {
    let (ts, crc): (i64, i64) = (row.get(0)?, row.get(2)?);
    Ok(match row.get_ref(3)?.as_blob() {
        Ok(blob) if !is_same(crc, checksum(ts, blob)) => Err(Row::OTHER_CHECKSUM),
        Ok(blob) => Row::open(blob),
        Err(_) => Err("it holds no blob"),
    })
}

/// Where the entries of a chunk belong.
struct Target<'a> {
    place: usize,
    segment: &'a Segment,
    window: Window,
}

impl Room {
    /// Begins a segment whose times are not needed, or not yet.
    fn begin(&mut self, segment: &Segment) -> Result<(), &'static str> {
        self.times.clear();
        segment.check()
    }

    /// Reads the times of a segment, if that has not been done.
    fn times(&mut self, segment: &Segment) -> Result<(), &'static str> {
        segment.times(&mut self.scratch, &mut self.times)
    }

    /// Visits all that a chunk holds, which lies in the window as a whole, as one entry at the time of its last one.
    fn read_whole(
        &mut self,
        chunk: &Chunk<'_>,
        to: &Target<'_>,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<(), &'static str> {
        let Target { place, segment, .. } = *to;
        let Some(at) = super::chunk::last_flush(chunk.blob, segment.flushes, &mut self.scratch)? else {
            return Err("it has no entries");
        };
        let ts = if at + 1 == segment.flushes {
            segment.t1
        } else {
            if self.times.is_empty() {
                self.times(segment)?;
            }
            self.times.get(at).copied().unwrap_or(segment.t1)
        };
        let mut entry = |entry| visit(Found::Entry { place, ts, run: segment.run, entry });
        match super::chunk::kind_of(chunk.blob)? {
            super::chunk::Kind::Counter => {
                if let Some((total, increase)) = chunk.plain.counter() {
                    entry(Entry::Counter { total, increase });
                    return Ok(());
                }
            }
            super::chunk::Kind::Gauge => {
                if let Some(span) = chunk.plain.gauge() {
                    entry(Entry::Span(span));
                    return Ok(());
                }
            }
            super::chunk::Kind::Values => {
                if let Some(merged) = chunk.merged {
                    let moments = merged::decode(merged, &mut self.buckets)?;
                    entry(Entry::Distribution(Encoded::of_chunk(moments, &self.buckets)));
                    return Ok(());
                }
            }
        }
        // What plain columns cannot tell, such as large numbers, is read in full.
        if self.times.is_empty() {
            self.times(segment)?;
        }
        self.read(chunk, to, visit)
    }

    /// Visits all entries of a chunk as one line, if they are numbers and no more.
    fn read_line(
        &mut self,
        chunk: &Chunk<'_>,
        to: &Target<'_>,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<(), &'static str> {
        let Self { scratch, times, line: values, line_times, .. } = self;
        let flushes = to.segment.flushes;
        let increase = match super::chunk::kind_of(chunk.blob)? {
            super::chunk::Kind::Counter => counter::totals(chunk.blob, flushes, scratch, values)?.map(Some),
            super::chunk::Kind::Gauge if chunk.merged.is_none() => {
                gauge::values(chunk.blob, flushes, scratch, values)?;
                Some(None)
            }
            super::chunk::Kind::Gauge | super::chunk::Kind::Values => None,
        };
        let Some(increase) = increase else { return self.read(chunk, to, visit) };
        let times = if values.len() == times.len() {
            &*times
        } else {
            line_times.clear();
            line_times.extend(scratch.places().iter().filter_map(|&at| times.get(at as usize)));
            line_times
        };
        if times.len() != values.len() {
            return Err("its flushes are not those of its segment");
        }
        let line = Line { times, values, increase };
        if let Some(line) = line.within(to.window.after, to.window.until) {
            visit(Found::Line { place: to.place, run: to.segment.run, line });
        }
        Ok(())
    }

    fn read(
        &mut self,
        chunk: &Chunk<'_>,
        to: &Target<'_>,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<(), &'static str> {
        let Self { scratch, times, counters, gauges, spans, values, .. } = self;
        let flushes = to.segment.flushes;
        let mut entry = |at: u32, entry: Entry<'_>| {
            let Some(&ts) = times.get(at as usize) else { return };
            if ts > to.window.after && ts <= to.window.until {
                visit(Found::Entry { place: to.place, ts, run: to.segment.run, entry });
            }
        };
        match super::chunk::kind_of(chunk.blob)? {
            super::chunk::Kind::Counter => {
                counter::decode(chunk.blob, flushes, scratch, counters)?;
                for found in counters {
                    entry(found.at, Entry::Counter { total: found.total, increase: found.increase });
                }
            }
            super::chunk::Kind::Gauge => {
                gauge::decode(chunk.blob, flushes, scratch, gauges)?;
                let Some(packed) = chunk.merged else {
                    for found in gauges {
                        entry(found.at, Entry::Gauge(found.value));
                    }
                    return Ok(());
                };
                let columns = unpack(packed).ok_or("what was rolled up is cut short")?;
                for (column, out) in columns.into_iter().zip(&mut *spans) {
                    gauge::decode(column, flushes, scratch, out)?;
                    if out.len() != gauges.len() {
                        return Err("its columns differ in length");
                    }
                }
                for (place, found) in gauges.iter().enumerate() {
                    let [smallest, largest, sum, count] = [0, 1, 2, 3].map(|column: usize| spans[column][place].value);
                    entry(found.at, Entry::Span(Span { last: found.value, smallest, largest, sum, count }));
                }
            }
            super::chunk::Kind::Values => {
                values::decode_some(chunk.blob, flushes, to.window.places(times), scratch, values)?;
                for (at, moments, buckets) in values.iter() {
                    entry(at, Entry::Distribution(Encoded::of_chunk(moments, buckets)));
                }
            }
        }
        Ok(())
    }
}

/// The newest time at full resolution. What was sealed counts even if it has been dropped since.
pub(crate) fn newest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let head = connection.prepare_cached("SELECT max(ts) FROM unsealed")?.query_row([], |row| row.get(0))?;
    match head {
        Some(newest) => Ok(Some(newest)),
        None => Ok(segment::newest(connection, Tier::Raw)?.max(rows::sealed(connection)?)),
    }
}

/// The oldest time at full resolution.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    match segment::oldest(connection, Tier::Raw)? {
        Some(oldest) => Ok(Some(oldest)),
        None => connection.prepare_cached("SELECT min(ts) FROM unsealed")?.query_row([], |row| row.get(0)),
    }
}
