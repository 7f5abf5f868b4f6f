//! Looks for damage: reads everything that the file holds.

use rusqlite::{Connection, params};

use super::{
    Warning, Warnings,
    build::unpack,
    chunk::{Kind, Scratch, counter, gauge, kind_of, merged, values},
    entry::Entry,
    head::Row,
    rows,
    segment::{self, Chunk, Cursor, Segment},
    tier::Tier,
};
use crate::util::guard::{checksum, is_same};

/// What is wrong, the oldest first within rows and within segments.
pub(super) fn check(connection: &Connection) -> rusqlite::Result<Vec<Warning>> {
    let mut warnings = Warnings::default();
    structure(connection, &mut warnings)?;
    rows::damaged(connection, i64::MIN, i64::MAX, &mut |ts, reason| warnings.push(Warning::new(ts, reason)))?;
    every_row(connection, &mut warnings)?;
    for tier in [Tier::Raw, Tier::Minutes, Tier::Hours, Tier::Imported] {
        segments(connection, tier, &mut warnings)?;
    }
    Ok(warnings.into_vec())
}

/// SQLite's own look at its pages and indexes, but not at what is in them.
fn structure(connection: &Connection, warnings: &mut Warnings) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA quick_check(10)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        if text != "ok" {
            warnings.push(Warning::new(0, format!("SQLite says: {text}")));
        }
    }
    Ok(())
}

/// All rows, those that are sealed included: a flipped bit tells of the disk wherever it is.
fn every_row(connection: &Connection, warnings: &mut Warnings) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT ts, n, crc, b FROM head WHERE ts > ?1 ORDER BY ts")?;
    let mut rows = statement.query([rows::NEVER])?;
    let mut buckets = Vec::new();
    while let Some(row) = rows.next()? {
        let (ts, count, crc): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let read = match row.get_ref(3)?.as_blob() {
            Ok(blob) if !is_same(crc, checksum(ts, blob)) => Err(Row::OTHER_CHECKSUM),
            Ok(blob) => read_row(blob, count, &mut buckets),
            Err(_) => Err("it holds no blob"),
        };
        if let Err(reason) = read {
            warnings.push(Warning::new(ts, reason));
        }
    }
    Ok(())
}

fn read_row(blob: &[u8], count: i64, buckets: &mut Vec<(u16, u64)>) -> Result<(), &'static str> {
    for (_, entry) in Row::parse(blob, count)?.entries().flatten() {
        if let Entry::Distribution(encoded) = entry {
            encoded.buckets(buckets)?;
        }
    }
    Ok(())
}

fn segments(connection: &Connection, tier: Tier, warnings: &mut Warnings) -> rusqlite::Result<()> {
    let mut cursor = Cursor::after(i64::MIN);
    let mut before: Option<Segment> = None;
    let mut room = Room::default();
    while let Some(segment) = segment::next(connection, tier, cursor)? {
        cursor = segment.cursor();
        let mut wrong = |reason: String| warnings.push(Warning::new(segment.t1, reason));
        if let Err(reason) = segment.times(&mut room.scratch, &mut room.times) {
            wrong(reason.to_owned());
        }
        // Windows of two recordings may bear one time, and what was imported may lie anywhere.
        let overlaps = |before: &Segment| {
            tier != Tier::Imported && (before.t1 > segment.t0 || (before.run == segment.run && before.t1 == segment.t0))
        };
        if before.as_ref().is_some_and(overlaps) {
            wrong(String::from("its segment begins before the one before it has ended"));
        }
        if segment.t0 > segment.t1 {
            wrong(String::from("its segment ends before it begins"));
        }
        let mut found = 0;
        segment::every_chunk(connection, &segment, &mut |series, chunk| {
            found += 1;
            if let Err(reason) = chunk.and_then(|chunk| room.read(&chunk, &segment)) {
                wrong(format!("the chunk of series {series}: {reason}"));
            }
        })?;
        if found != segment.chunks {
            wrong(format!("its segment has {found} chunks and should have {}", segment.chunks));
        }
        before = Some(segment);
    }
    let strangers: i64 = connection.query_row(
        "SELECT count(*) FROM segment WHERE tier = ?1 AND chunks > 0 AND NOT EXISTS
             (SELECT 1 FROM series JOIN chunk ON chunk.series = series.id WHERE chunk.id = segment.first_chunk)",
        params![tier.code()],
        |row| row.get(0),
    )?;
    if strangers > 0 {
        warnings
            .push(Warning::new(0, format!("{strangers} segments begin with the chunk of a series that is not known")));
    }
    Ok(())
}

/// Memory that is used again.
#[derive(Debug, Default)]
struct Room {
    scratch: Scratch,
    times: Vec<i64>,
    counters: Vec<counter::Entry>,
    gauges: Vec<gauge::Entry>,
    values: values::Values,
    buckets: Vec<(u16, u64)>,
}

impl Room {
    fn read(&mut self, chunk: &Chunk<'_>, segment: &Segment) -> Result<(), &'static str> {
        let Self { scratch, counters, gauges, values, buckets, .. } = self;
        let flushes = segment.flushes;
        match kind_of(chunk.blob)? {
            Kind::Counter => counter::decode(chunk.blob, flushes, scratch, counters),
            Kind::Gauge => {
                gauge::decode(chunk.blob, flushes, scratch, gauges)?;
                let Some(packed) = chunk.merged else { return Ok(()) };
                for column in unpack(packed).ok_or("what was rolled up is cut short")? {
                    gauge::decode(column, flushes, scratch, gauges)?;
                }
                Ok(())
            }
            Kind::Values => {
                values::decode(chunk.blob, flushes, scratch, values)?;
                let merged = chunk.merged.ok_or("its merged distribution is missing")?;
                merged::decode(merged, buckets)?;
                let total =
                    |buckets: &[(u16, u64)]| buckets.iter().fold(0_u64, |sum, bucket| sum.saturating_add(bucket.1));
                let each = values.iter().fold(0_u64, |sum, (_, _, buckets)| sum.saturating_add(total(buckets)));
                if each == total(buckets) { Ok(()) } else { Err("its merged distribution does not fit its values") }
            }
        }
    }
}
