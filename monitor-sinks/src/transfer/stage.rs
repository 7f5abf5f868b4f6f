//! Where samples wait until all of a text has been read, and are sorted.
//!
//! A text may have its series and times in any order, and more of them than fit into memory. So samples go into a table
//! of a temporary database, which SQLite keeps in the folder for temporary files, without a name, so that nothing is left
//! of it when the process ends in whatever way. Only the series are held in memory; how many there may be is limited.
//!
//! Whether instants are seconds or milliseconds is known at the end of a text only. Until then they are kept as they are
//! written.

use std::collections::HashMap;

use monitor_core::{Number, SeriesKey};
use rusqlite::{Connection, params};

use super::meaning::{Meant, Part};
use crate::error::Error;

/// Samples of all texts of an import.
#[derive(Debug)]
pub(super) struct Stage {
    connection: Connection,
    /// The series without their units, which do not tell them apart; of several units the first one counts.
    numbers: HashMap<SeriesKey, (u32, String)>,
    most: usize,
    /// The text that is being read.
    text: i64,
    /// How many rows there are, and how many there were before it.
    rows: i64,
    before: i64,
}

/// A sample in the order in which they are wanted: by stretches of time, then series, time and part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    pub(super) stretch: i64,
    pub(super) series: u32,
    pub(super) ts: i64,
    pub(super) part: Part,
    pub(super) is_own: bool,
    pub(super) value: Number,
}

/// Stretches of time, numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// The earliest time.
    first: i64,
    /// How wide they are, in microseconds.
    width: i64,
}

impl Grid {
    const fn stretch(self, ts: i64) -> i64 {
        ts.saturating_sub(self.first) / self.width
    }

    /// The latest time of a stretch.
    pub(super) const fn end(self, stretch: i64) -> i64 {
        self.first.saturating_add((stretch + 1).saturating_mul(self.width)).saturating_sub(1)
    }
}

/// Samples of a series that a stretch of time should have about.
const IN_STRETCH: i64 = 1_000;

/// `t` is an instant as it is written, NULL if there is none; `value` are the bits of a number, `whole` tells of which kind.
const TABLES: &str = "
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384; PRAGMA temp_store = FILE;
CREATE TABLE sample(text INTEGER, series INTEGER, t REAL, part INTEGER, own INTEGER, whole INTEGER, value INTEGER);
CREATE TABLE text(id INTEGER PRIMARY KEY, factor REAL NOT NULL, otherwise INTEGER) STRICT;
CREATE VIEW timed AS SELECT series, part, own, whole, value, sample.rowid AS place,
    coalesce(CAST(round(t * factor) AS INTEGER), otherwise) AS ts FROM sample JOIN text ON text.id = sample.text;
BEGIN;
";

impl Stage {
    /// An empty stage for at most `most` series.
    pub(super) fn new(most: usize) -> Result<Self, Error> {
        let connection = Connection::open("").map_err(failed)?;
        connection.execute_batch(TABLES).map_err(failed)?;
        Ok(Self { connection, numbers: HashMap::new(), most, text: 0, rows: 0, before: 0 })
    }

    /// Sets how many series there may be.
    pub(super) const fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Begins with the next text.
    pub(super) fn begin(&mut self) {
        self.text += 1;
        self.before = self.rows;
    }

    /// Ends a text. Its instants are multiplied by `factor` to be microseconds; samples without one are of `otherwise`.
    pub(super) fn end(&self, factor: f64, otherwise: Option<i64>) -> Result<(), Error> {
        let insert = "INSERT INTO text(id, factor, otherwise) VALUES(?1, ?2, ?3)";
        self.connection.execute(insert, params![self.text, factor, otherwise]).map(|_| ()).map_err(failed)
    }

    /// Forgets what was taken of a text that has not ended.
    pub(super) fn forget(&mut self) -> Result<(), Error> {
        self.connection.execute("DELETE FROM sample WHERE rowid > ?1", [self.before]).map_err(failed)?;
        self.rows = self.before;
        Ok(())
    }

    /// Takes a sample. The outer error is one of the temporary file; the inner one says what is wrong with the sample.
    pub(super) fn put(&mut self, meant: Meant, t: Option<f64>, value: Number) -> Result<Result<(), String>, Error> {
        let Meant { mut key, part, is_own } = meant;
        let unit = std::mem::take(&mut key.unit);
        let next = self.numbers.len() as u32;
        let series = match self.numbers.get(&key) {
            Some(known) => known.0,
            None if self.numbers.len() >= self.most => {
                return Ok(Err(format!(
                    "there are more than {} series; import fewer at once, or raise the limit",
                    self.most
                )));
            }
            None => self.numbers.entry(key).or_insert((next, unit)).0,
        };
        let (is_whole, bits) = match value {
            Number::Int(whole) => (true, whole),
            Number::Float(value) => (false, value.to_bits()),
        };
        self.connection
            .prepare_cached("INSERT INTO sample VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            .and_then(|mut insert| {
                insert.execute(params![self.text, series, t, code(part), is_own, is_whole, bits.cast_signed()])
            })
            .map_err(failed)?;
        self.rows += 1;
        Ok(Ok(()))
    }

    /// The series, by their numbers.
    pub(super) fn take_series(&mut self) -> Vec<SeriesKey> {
        let mut series: Vec<(SeriesKey, (u32, String))> = self.numbers.drain().collect();
        series.sort_unstable_by_key(|(_, (number, _))| *number);
        series.into_iter().map(|(key, (_, unit))| SeriesKey { unit, ..key }).collect()
    }

    /// Stretches of time in which there are about a thousand samples of a series.
    pub(super) fn grid(&self) -> Result<Grid, Error> {
        let sql =
            "SELECT count(*), max(1, count(DISTINCT series)), coalesce(min(ts), 0), coalesce(max(ts), 0) FROM timed";
        let grid = |row: &rusqlite::Row<'_>| {
            let (samples, series): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (first, last): (i64, i64) = (row.get(2)?, row.get(3)?);
            let stretches = samples / series / IN_STRETCH + 1;
            Ok(Grid { first, width: (last - first) / stretches + 1 })
        };
        self.connection.query_row(sql, [], grid).map_err(failed)
    }

    /// Visits all samples in order.
    pub(super) fn each(&self, grid: Grid, visit: &mut dyn FnMut(Row) -> Result<(), Error>) -> Result<(), Error> {
        let sql =
            "SELECT series, ts, part, own, whole, value FROM timed ORDER BY (ts - ?1) / ?2, series, ts, part, place";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([grid.first, grid.width]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            visit(read(row, grid).map_err(failed)?)?;
        }
        Ok(())
    }
}

fn read(row: &rusqlite::Row<'_>, grid: Grid) -> rusqlite::Result<Row> {
    let (series, ts): (u32, i64) = (row.get(0)?, row.get(1)?);
    let (is_whole, bits): (bool, i64) = (row.get(4)?, row.get(5)?);
    let bits = bits.cast_unsigned();
    let value = if is_whole { Number::Int(bits) } else { Number::Float(f64::from_bits(bits)) };
    let part = part_of(row.get(2)?);
    Ok(Row { stretch: grid.stretch(ts), series, ts, part, is_own: row.get(3)?, value })
}

/// Parts as numbers that order them.
const fn code(part: Part) -> u32 {
    match part {
        Part::Created => 0,
        Part::Value => 1,
        Part::Sum => 2,
        Part::Count => 3,
        Part::UpTo(bucket) => 4 + bucket as u32,
    }
}

const fn part_of(code: u32) -> Part {
    match code {
        0 => Part::Created,
        1 => Part::Value,
        2 => Part::Sum,
        3 => Part::Count,
        bucket => Part::UpTo((bucket - 4) as u16),
    }
}

fn failed(error: rusqlite::Error) -> Error {
    let reason = std::io::Error::other(error);
    Error::stream("keep what is imported in the folder for temporary files (TMPDIR)", reason)
}

#[cfg(test)]
mod tests {
    use monitor_core::MetricKind;

    use super::*;

    fn meant(name: &str, part: Part) -> Meant {
        let key = SeriesKey {
            name: name.to_owned(),
            kind: MetricKind::Gauge,
            unit: String::new(),
            service: None,
            labels: Vec::new(),
        };
        Meant { key, part, is_own: false }
    }

    #[test]
    fn samples_of_texts_in_both_units_come_sorted() {
        let mut stage = Stage::new(2).unwrap();
        stage.begin();
        for (name, t) in [("a", Some(2.5)), ("b", Some(1.0)), ("a", None)] {
            stage.put(meant(name, Part::Value), t, Number::Int(1)).unwrap().unwrap();
        }
        stage.end(1e6, Some(7)).unwrap();
        stage.begin();
        stage.put(meant("a", Part::Value), Some(1_500.0), Number::Float(f64::NAN)).unwrap().unwrap();
        let refused = stage.put(meant("c", Part::Value), Some(0.0), Number::Int(1)).unwrap();
        assert!(refused.unwrap_err().contains("more than 2 series"));
        stage.end(1e3, None).unwrap();
        let mut found = Vec::new();
        stage
            .each(stage.grid().unwrap(), &mut |row| {
                found.push((row.series, row.ts));
                Ok(())
            })
            .unwrap();
        assert_eq!(found, [(0, 7), (0, 1_500_000), (0, 2_500_000), (1, 1_000_000)]);
    }

    #[test]
    fn a_text_that_failed_leaves_nothing() {
        let mut stage = Stage::new(2).unwrap();
        stage.begin();
        stage.put(meant("a", Part::Value), Some(2.5), Number::Int(1)).unwrap().unwrap();
        stage.forget().unwrap();
        stage.end(1e6, None).unwrap();
        stage.each(stage.grid().unwrap(), &mut |_| panic!("nothing is left")).unwrap();
    }
}
