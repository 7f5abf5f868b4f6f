//! Segments and their chunks, as rows of the tables.
//!
//! A segment is a span of flushes of one recording, or of windows that were rolled up from them. It exists once its row
//! does: chunks are written first, in as many transactions as it takes, and whoever reads goes by the segments. So a crash
//! on the way leaves chunks that nobody sees, at the end of the table, where the next writer removes them; and a segment is
//! dropped by its row first and its chunks after that.
//!
//! The checksum of a chunk covers its blobs and what says whose they are. It does not cover the plain columns, which SQLite
//! rounds: not-a-number becomes NULL there.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Window,
    chunk::{Reason, Scratch, times},
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

    /// The times of its flushes, in place of the contents of `out`.
    pub(crate) fn times(&self, scratch: &mut Scratch, out: &mut Vec<i64>) -> Result<(), Reason> {
        if self.checksum() != self.crc {
            return Err("the checksum of its segment does not match");
        }
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
    let sql = format!("SELECT {COLUMNS} FROM segment WHERE tier = ?1 AND (t1, id) > (?2, ?3) ORDER BY t1, id LIMIT 1");
    connection.prepare_cached(&sql)?.query_row(params![tier.code(), cursor.t1, cursor.id], Segment::of_row).optional()
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

/// What one series has in a segment: the blobs, which are sound, and how many entries they should have.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) merged: Option<&'a [u8]>,
    pub(crate) blob: &'a [u8],
}

/// Visits all chunks of `segment`.
pub(crate) fn every_chunk(
    connection: &Connection,
    segment: &Segment,
    visit: &mut dyn FnMut(u64, Result<Chunk<'_>, Reason>),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT series, entries, crc, merged, b FROM chunk WHERE id BETWEEN ?1 AND ?2 AND segment = ?3 ORDER BY id",
    )?;
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
    const COLUMNS: &str = "series, entries, crc, merged, b";
    if wanted.len() <= FEW {
        let sql = format!("SELECT {COLUMNS} FROM chunk WHERE series = ?1 AND segment = ?2");
        let mut statement = connection.prepare_cached(&sql)?;
        for &series in wanted {
            let mut rows = statement.query(params![series.cast_signed(), segment.id])?;
            if let Some(row) = rows.next()? {
                visit(series, chunk(row, segment)?);
            }
        }
        return Ok(());
    }
    let sql = format!("SELECT {COLUMNS} FROM chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
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

fn chunk<'a>(row: &'a Row<'_>, segment: &Segment) -> rusqlite::Result<Result<Chunk<'a>, Reason>> {
    let series: i64 = row.get(0)?;
    let entries: i64 = row.get(1)?;
    let crc: i64 = row.get(2)?;
    let (Ok(merged), Ok(blob)) = (row.get_ref(3)?.as_blob_or_null(), row.get_ref(4)?.as_blob()) else {
        return Ok(Err("it holds no blob"));
    };
    let found = guard::checksum_of(&[segment.id, series, entries], &[merged.unwrap_or_default(), blob]);
    if i64::from(found) != crc {
        return Ok(Err("its checksum does not match"));
    }
    Ok(Ok(Chunk { merged, blob }))
}

/// What is told of a chunk in plain columns.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plain {
    pub(crate) entries: usize,
    pub(crate) first: Option<f64>,
    pub(crate) last: Option<f64>,
    pub(crate) smallest: Option<f64>,
    pub(crate) largest: Option<f64>,
    pub(crate) total: Option<f64>,
    pub(crate) observations: Option<u64>,
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

    /// Adds the chunk of a series.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        series: u64,
        plain: Plain,
        merged: Option<&[u8]>,
        blob: &[u8],
    ) -> rusqlite::Result<()> {
        let entries = i64::try_from(plain.entries).unwrap_or(i64::MAX);
        let series = series.cast_signed();
        let crc = guard::checksum_of(&[self.id, series, entries], &[merged.unwrap_or_default(), blob]);
        connection
            .prepare_cached(
                "INSERT INTO chunk(segment, series, entries, first, last, smallest, largest, total, observations, crc, merged, b)
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                self.id,
                series,
                entries,
                plain.first,
                plain.last,
                plain.smallest,
                plain.largest,
                plain.total,
                plain.observations.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
                crc,
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
