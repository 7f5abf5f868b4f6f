//! Segments and their chunks, as rows of the tables.
//!
//! A segment is a span of flushes of one recording, or of windows that were rolled up from them. It exists once its row
//! does: chunks are written first, in as many transactions as it takes, and whoever reads goes by the segments. So a crash
//! on the way leaves chunks that nobody sees, at the end of the table, where the next writer removes them; and a segment is
//! dropped by its row first and its chunks after that.
//!
//! The checksum of a chunk covers its blobs, whose they are, and the plain columns as SQLite keeps them: not-a-number is
//! NULL there, and zero has no sign.

use monitor_core::Number;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Window,
    chunk::{Reason, Scratch, times},
    entry::Span,
    tier::Tier,
};
use crate::util::guard;

/// A row of the table of segments.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) id: i64,
    pub(crate) run: u64,
    pub(crate) t0: i64,
    pub(crate) t1: i64,
    pub(crate) flushes: usize,
    pub(crate) chunks: i64,
    pub(crate) first_chunk: i64,
    pub(crate) last_chunk: i64,
    crc: u32,
    times: Vec<u8>,
}

const COLUMNS: &str = "id, run, t0, t1, flushes, chunks, first_chunk, last_chunk, crc, b";

impl Segment {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            run: row.get::<_, i64>(1)?.cast_unsigned(),
            t0: row.get(2)?,
            t1: row.get(3)?,
            flushes: row.get::<_, i64>(4).map(|flushes| usize::try_from(flushes).unwrap_or(0))?,
            chunks: row.get(5)?,
            first_chunk: row.get(6)?,
            last_chunk: row.get(7)?,
            crc: row.get::<_, i64>(8).map(|crc| u32::try_from(crc).unwrap_or(0))?,
            times: row.get(9)?,
        })
    }

    fn checksum(&self) -> u32 {
        let flushes = i64::try_from(self.flushes).unwrap_or(0);
        let numbers = [self.id, self.run.cast_signed(), self.t0, self.t1, flushes, self.first_chunk, self.last_chunk];
        guard::checksum_of(&numbers, &[&self.times])
    }

    /// Fails if what it says of itself is damaged.
    pub(crate) fn check(&self) -> Result<(), Reason> {
        if self.checksum() == self.crc { Ok(()) } else { Err("the checksum of its segment does not match") }
    }

    /// The times of its flushes, in place of the contents of `out`.
    pub(crate) fn times(&self, scratch: &mut Scratch, out: &mut Vec<i64>) -> Result<(), Reason> {
        self.check()?;
        times::decode(&self.times, self.flushes, scratch, out)?;
        let ends = out.first().zip(out.last());
        if ends == Some((&self.t0, &self.t1)) { Ok(()) } else { Err("its segment has other times than it says") }
    }

    /// Whether all of it lies in `window`.
    pub(crate) const fn is_within(&self, window: Window) -> bool {
        self.t0 > window.after && self.t1 <= window.until
    }
}

/// Where a walk along the segments of a tier has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    t1: i64,
    id: i64,
}

impl Cursor {
    /// Before every segment that ends after `ts`.
    pub(crate) const fn after(ts: i64) -> Self {
        Self { t1: ts, id: i64::MAX }
    }

    /// The time up to which the walk has seen everything.
    pub(crate) const fn time(self) -> i64 {
        self.t1
    }
}

impl Segment {
    /// The place after this one.
    pub(crate) const fn cursor(&self) -> Cursor {
        Cursor { t1: self.t1, id: self.id }
    }
}

/// The first segment of `tier` after `cursor`.
pub(crate) fn next(connection: &Connection, tier: Tier, cursor: Cursor) -> rusqlite::Result<Option<Segment>> {
    Ok(some(connection, tier, cursor, i64::MAX, 1)?.pop())
}

/// The first segments of `tier` after `cursor` that begin at or before `until`, `most` at the most.
pub(crate) fn some(
    connection: &Connection,
    tier: Tier,
    cursor: Cursor,
    until: i64,
    most: usize,
) -> rusqlite::Result<Vec<Segment>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM segment WHERE tier = ?1 AND (t1, id) > (?2, ?3) AND t0 <= ?4 ORDER BY t1, id LIMIT ?5"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    statement.query_map(params![tier.code(), cursor.t1, cursor.id, until, most], Segment::of_row)?.collect()
}

/// The newest segment of `tier` that begins at or before `until` and comes before segment `before`, if one is given.
pub(crate) fn previous(
    connection: &Connection,
    tier: Tier,
    until: i64,
    before: Option<Cursor>,
) -> rusqlite::Result<Option<Segment>> {
    let before = before.unwrap_or(Cursor { t1: i64::MAX, id: i64::MAX });
    let sql = format!(
        "SELECT {COLUMNS} FROM segment WHERE tier = ?1 AND (t1, id) < (?2, ?3) AND t0 <= ?4 ORDER BY t1 DESC, id DESC LIMIT 1"
    );
    connection
        .prepare_cached(&sql)?
        .query_row(params![tier.code(), before.t1, before.id, until], Segment::of_row)
        .optional()
}

/// The segment of this number, if it is of `tier`.
pub(super) fn numbered(connection: &Connection, tier: Tier, id: i64) -> rusqlite::Result<Option<Segment>> {
    let sql = format!("SELECT {COLUMNS} FROM segment WHERE id = ?1 AND tier = ?2");
    connection.prepare_cached(&sql)?.query_row(params![id, tier.code()], Segment::of_row).optional()
}

/// The earliest time of a tier.
pub(crate) fn oldest(connection: &Connection, tier: Tier) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT t0 FROM segment WHERE tier = ?1 ORDER BY t1 LIMIT 1";
    connection.prepare_cached(sql)?.query_row([tier.code()], |row| row.get(0)).optional()
}

/// The latest time of a tier.
pub(crate) fn newest(connection: &Connection, tier: Tier) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT max(t1) FROM segment WHERE tier = ?1";
    connection.prepare_cached(sql)?.query_row([tier.code()], |row| row.get(0))
}

/// What one series has in a segment, checked against its checksum.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) plain: Plain,
    pub(crate) merged: Option<&'a [u8]>,
    pub(crate) blob: &'a [u8],
}

/// Visits all chunks of `segment`.
pub(crate) fn every_chunk(
    connection: &Connection,
    segment: &Segment,
    visit: &mut dyn FnMut(u64, Result<Chunk<'_>, Reason>),
) -> rusqlite::Result<()> {
    let sql = format!("SELECT {CHUNK_COLUMNS} FROM chunk WHERE id BETWEEN ?1 AND ?2 AND segment = ?3 ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![segment.first_chunk, segment.last_chunk, segment.id])?;
    while let Some(row) = rows.next()? {
        visit(row.get::<_, i64>(0)?.cast_unsigned(), chunk(row, segment)?);
    }
    Ok(())
}

/// How many series are asked for one by one rather than by a pass over the segment.
const FEW: usize = 24;

/// Visits the chunks that `segment` has of the series `wanted`, ascending.
pub(crate) fn chunks(
    connection: &Connection,
    segment: &Segment,
    wanted: &[u64],
    visit: &mut dyn FnMut(u64, Result<Chunk<'_>, Reason>),
) -> rusqlite::Result<()> {
    if wanted.len() <= FEW {
        let sql = format!("SELECT {CHUNK_COLUMNS} FROM chunk WHERE series = ?1 AND segment = ?2");
        let mut statement = connection.prepare_cached(&sql)?;
        for &series in wanted {
            let mut rows = statement.query(params![series.cast_signed(), segment.id])?;
            if let Some(row) = rows.next()? {
                visit(series, chunk(row, segment)?);
            }
        }
        return Ok(());
    }
    let sql = format!("SELECT {CHUNK_COLUMNS} FROM chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![segment.first_chunk, segment.last_chunk])?;
    while let Some(row) = rows.next()? {
        let series = row.get::<_, i64>(0)?.cast_unsigned();
        if wanted.binary_search(&series).is_ok() {
            visit(series, chunk(row, segment)?);
        }
    }
    Ok(())
}

const CHUNK_COLUMNS: &str = "series, entries, last, smallest, largest, total, observations, crc, merged, b";

fn chunk<'a>(row: &'a Row<'_>, segment: &Segment) -> rusqlite::Result<Result<Chunk<'a>, Reason>> {
    let series: i64 = row.get(0)?;
    let plain = Plain {
        entries: row.get(1)?,
        last: row.get(2)?,
        smallest: row.get(3)?,
        largest: row.get(4)?,
        total: row.get(5)?,
        observations: row.get(6)?,
    };
    let crc: i64 = row.get(7)?;
    let (Ok(merged), Ok(blob)) = (row.get_ref(8)?.as_blob_or_null(), row.get_ref(9)?.as_blob()) else {
        return Ok(Err("it holds no blob"));
    };
    if i64::from(plain.checksum(segment.id, series, merged, blob)) != crc {
        return Ok(Err("its checksum does not match"));
    }
    Ok(Ok(Chunk { plain, merged, blob }))
}

/// What is told of a chunk in plain columns. Each is there if it makes sense for the kind of series and is a number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plain {
    pub(crate) entries: i64,
    /// The newest value of a gauge, the newest total of a counter.
    pub(crate) last: Option<f64>,
    pub(crate) smallest: Option<f64>,
    pub(crate) largest: Option<f64>,
    /// The sum of the values, the increase of a counter.
    pub(crate) total: Option<f64>,
    /// How many values were recorded, where an entry may stand for several.
    pub(crate) observations: Option<i64>,
}

impl Plain {
    /// The total and the increase of a counter, where the columns hold them exactly.
    pub(crate) fn counter(&self) -> Option<(Number, Number)> {
        let exact = |number: f64| {
            let whole = number as u64;
            if (whole as f64).to_bits() != number.to_bits() {
                return Some(Number::Float(number));
            }
            (whole < 1 << 53).then_some(Number::Int(whole))
        };
        Some((exact(self.last?)?, exact(self.total?)?))
    }

    /// The values of a gauge, where all are numbers.
    pub(crate) fn gauge(&self) -> Option<Span> {
        let Self { last, smallest, largest, total, observations, entries } = *self;
        let count = observations.unwrap_or(entries) as f64;
        Some(Span { last: last?, smallest: smallest?, largest: largest?, sum: total?, count })
    }

    pub(super) fn checksum(&self, segment: i64, series: i64, merged: Option<&[u8]>, blob: &[u8]) -> u32 {
        let Self { entries, last, smallest, largest, total, observations } = *self;
        let [last, smallest, largest, total] = [last, smallest, largest, total].map(kept);
        let numbers = [segment, series, entries, last, smallest, largest, total, observations.unwrap_or(-1)];
        guard::checksum_of(&numbers, &[merged.unwrap_or_default(), blob])
    }
}

/// The bits of a number as it comes back from a column.
fn kept(number: Option<f64>) -> i64 {
    // Adding zero takes the sign off another zero.
    number.filter(|number| !number.is_nan()).map_or(i64::MIN, |number| (number + 0.0).to_bits().cast_signed())
}

/// A chunk that is to be written.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) plain: Plain,
    pub(crate) merged: Option<Vec<u8>>,
    pub(crate) blob: Vec<u8>,
}

/// A segment that is being written.
#[derive(Debug)]
pub(crate) struct Draft {
    id: i64,
    tier: Tier,
    run: u64,
    first_chunk: i64,
    last_chunk: i64,
    chunks: i64,
}

impl Draft {
    /// Begins a segment. There is at most one draft at a time.
    pub(crate) fn begin(connection: &Connection, tier: Tier, run: u64) -> rusqlite::Result<Self> {
        remove_unfinished(connection)?;
        let id = connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM segment", [], |row| row.get(0))?;
        Ok(Self { id, tier, run, first_chunk: 0, last_chunk: 0, chunks: 0 })
    }

    /// A segment of this number, which the caller knows to be free.
    pub(super) const fn numbered(id: i64, tier: Tier, run: u64) -> Self {
        Self { id, tier, run, first_chunk: 0, last_chunk: 0, chunks: 0 }
    }

    /// Adds the chunk of a series.
    pub(crate) fn add(&mut self, connection: &Connection, series: u64, chunk: &Packed) -> rusqlite::Result<()> {
        let Packed { plain, merged, blob } = chunk;
        let series = series.cast_signed();
        connection
            .prepare_cached(
                "INSERT INTO chunk(segment, series, entries, last, smallest, largest, total, observations, crc, merged, b)
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                self.id,
                series,
                plain.entries,
                plain.last,
                plain.smallest,
                plain.largest,
                plain.total,
                plain.observations,
                plain.checksum(self.id, series, merged.as_deref(), blob),
                merged,
                blob
            ])?;
        self.last_chunk = connection.last_insert_rowid();
        if self.chunks == 0 {
            self.first_chunk = self.last_chunk;
        }
        self.chunks += 1;
        Ok(())
    }

    /// Makes the segment exist. `flushes` are their times, and `interval_us` the grid that they are near.
    ///
    /// `false`, and nothing is done, if there are none, too many, or they do not ascend.
    pub(crate) fn finish(&self, connection: &Connection, flushes: &[i64], interval_us: i64) -> rusqlite::Result<bool> {
        let (Some(&t0), Some(&t1)) = (flushes.first(), flushes.last()) else { return Ok(false) };
        let mut times = Vec::new();
        if times::encode(flushes, interval_us, &mut times).is_err() {
            return Ok(false);
        }
        let segment = Segment {
            id: self.id,
            run: self.run,
            t0,
            t1,
            flushes: flushes.len(),
            chunks: self.chunks,
            first_chunk: self.first_chunk,
            last_chunk: self.last_chunk,
            crc: 0,
            times,
        };
        let sql = format!("INSERT INTO segment(tier, {COLUMNS}) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
        connection.prepare_cached(&sql)?.execute(params![
            self.tier.code(),
            segment.id,
            segment.run.cast_signed(),
            t0,
            t1,
            i64::try_from(flushes.len()).unwrap_or(0),
            segment.chunks,
            segment.first_chunk,
            segment.last_chunk,
            segment.checksum(),
            segment.times
        ])?;
        Ok(true)
    }
}

/// Makes `segment` say of its chunks what there is. Returns how many there are.
pub(super) fn mend(connection: &Connection, segment: &Segment) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*), coalesce(min(id), 0), coalesce(max(id), 0) FROM chunk WHERE segment = ?1 AND id BETWEEN ?2 AND ?3";
    let (chunks, first_chunk, last_chunk) =
        connection.prepare_cached(sql)?.query_row([segment.id, segment.first_chunk, segment.last_chunk], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    if chunks != segment.chunks {
        let mended = Segment { chunks, first_chunk, last_chunk, ..segment.clone() };
        let sql = "UPDATE segment SET chunks = ?2, first_chunk = ?3, last_chunk = ?4, crc = ?5 WHERE id = ?1";
        connection.prepare_cached(sql)?.execute(params![
            mended.id,
            chunks,
            first_chunk,
            last_chunk,
            mended.checksum()
        ])?;
    }
    Ok(chunks)
}

/// Removes the chunks of a draft that was not finished. They come after all others.
pub(crate) fn remove_unfinished(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM chunk WHERE id > (SELECT coalesce(max(last_chunk), 0) FROM segment)", [])?;
    Ok(())
}
