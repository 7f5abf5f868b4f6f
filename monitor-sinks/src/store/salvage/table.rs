//! What kind of row a record is, and where it goes.
//!
//! Pages do not say which table they belong to, but no two tables of ours have columns alike, and the rows that matter
//! carry a checksum over what they are.

use rusqlite::{
    Connection, ErrorCode, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use super::super::{rows::NEVER, segment::Plain, series};
use crate::util::guard;

/// The kinds of rows that are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Head,
    /// A row of the first schema, whose number is its time.
    OldHead,
    Segment,
    Chunk,
    Series,
    /// An entry of the index of the series: all of a series but its origin and unit.
    SeriesIndex,
    SlowCall,
    LastValue,
    FunctionHourly,
    /// A number in the table of settings, such as up to where something has been done.
    Mark,
}

/// A row as it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) table: Table,
    /// The number of the row; 0 in tables that have none.
    pub(super) row: i64,
    pub(super) columns: &'a [ValueRef<'a>],
}

impl<'a> Found<'a> {
    /// The row of a table with numbers that these columns are; `None` if it is none that is saved.
    pub(super) fn of_row(row: i64, columns: &'a [ValueRef<'a>]) -> Option<Self> {
        use ValueRef::{Blob, Integer, Null, Text};
        let table = match columns {
            [Null, Integer(ts), Integer(_), Integer(_), Blob(_)] if *ts > NEVER => Table::Head,
            [Null, Integer(_), Integer(_), Blob(_)] => Table::OldHead,
            [Null, numbers @ .., Blob(_)] if numbers.len() == 9 && numbers.iter().all(is_integer) => Table::Segment,
            [Null, Integer(_), Integer(_), Integer(_), .., Integer(_), Null | Blob(_), Blob(_)]
                if columns.len() == 12 =>
            {
                Table::Chunk
            }
            [Null, Text(_), Text(_), Integer(_), Text(_), Text(_), Text(_), Integer(_)] => Table::Series,
            [Null, Integer(_), Integer(_) | ValueRef::Real(_), texts @ .., Integer(_)]
                if texts.len() == 7 && texts.iter().all(|value| matches!(value, Text(_))) =>
            {
                Table::SlowCall
            }
            [Null, Integer(_), Integer(_) | ValueRef::Real(_)] => Table::LastValue,
            _ => return None,
        };
        Some(Self { table, row, columns })
    }

    /// The entry of an index, or of a table that is one, that these columns are.
    pub(super) fn of_entry(columns: &'a [ValueRef<'a>]) -> Option<Self> {
        use ValueRef::{Integer, Text};
        let table = match columns {
            [Text(_), Text(_), Text(_), Integer(_), Integer(_)] => Table::SeriesIndex,
            [Text(_), Text(_), Text(_), Text(_), numbers @ ..] if numbers.len() == 9 => Table::FunctionHourly,
            [Text(_), Integer(_)] => Table::Mark,
            _ => return None,
        };
        Some(Self { table, row: 0, columns })
    }

    /// Whether it is what was written, as far as that can be told.
    pub(super) fn is_sound(&self) -> bool {
        let number = |at: usize| self.columns[at].as_i64().unwrap_or(0);
        let blob = |at: usize| self.columns[at].as_blob().unwrap_or_default();
        match self.table {
            Table::Head => guard::is_same(number(3), guard::checksum(number(1), blob(4))),
            Table::OldHead => guard::is_same(number(2), guard::checksum(self.row, blob(3))),
            Table::Chunk => {
                // A whole number takes less room as an integer.
                let real = |at: usize| match self.columns[at] {
                    ValueRef::Real(value) => Some(value),
                    ValueRef::Integer(value) => Some(value as f64),
                    _ => None,
                };
                let plain = Plain {
                    entries: number(3),
                    last: real(4),
                    smallest: real(5),
                    largest: real(6),
                    total: real(7),
                    observations: self.columns[8].as_i64_or_null().ok().flatten(),
                };
                let merged = self.columns[10].as_blob_or_null().ok().flatten();
                i64::from(plain.checksum(number(1), number(2), merged, blob(11))) == number(9)
            }
            Table::Segment => {
                let numbers = [self.row, number(2), number(3), number(4), number(5), number(7), number(8)];
                i64::from(guard::checksum_of(&numbers, &[blob(10)])) == number(9)
            }
            Table::Series => series::is_readable(number(3), text(self.columns[6])),
            Table::SeriesIndex => series::is_readable(number(3), text(self.columns[2])),
            Table::SlowCall | Table::LastValue | Table::FunctionHourly | Table::Mark => true,
        }
    }

    /// The time that the row is about, where it has one.
    pub(super) fn time(&self) -> Option<i64> {
        match self.table {
            Table::Head => self.columns[1].as_i64().ok(),
            Table::OldHead => Some(self.row),
            Table::Segment => self.columns[4].as_i64().ok(),
            _ => None,
        }
    }

    /// Adds the row to the new store. `false` if it has none of its values, or the row is there.
    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let sql = match self.table {
            Table::Head => "INSERT OR IGNORE INTO head VALUES(?1, ?2, ?3, ?4, ?5)",
            Table::OldHead => "INSERT OR IGNORE INTO head(ts, n, crc, b) VALUES(?1, ?2, ?3, ?4)",
            Table::Segment => "INSERT OR IGNORE INTO segment VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            Table::Chunk => "INSERT OR IGNORE INTO chunk VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            Table::Series => "INSERT INTO temp.candidate VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            Table::SeriesIndex => {
                "INSERT INTO temp.candidate(name, service, labels, kind, id) VALUES(?1, ?2, ?3, ?4, ?5)"
            }
            Table::SlowCall => "INSERT OR IGNORE INTO slow_call VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            Table::LastValue => "INSERT OR IGNORE INTO last_value VALUES(?1, ?2, ?3)",
            Table::FunctionHourly => {
                "INSERT OR IGNORE INTO function_hourly VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
            }
            Table::Mark => "INSERT OR IGNORE INTO meta VALUES(?1, ?2)",
        };
        // A column that is another name of the number is stored as NULL.
        let values = self.columns.iter().enumerate().map(|(at, &value)| match value {
            ValueRef::Null if at == 0 => ToSqlOutput::from(self.row),
            value => ToSqlOutput::Borrowed(value),
        });
        match connection.prepare_cached(sql)?.execute(params_from_iter(values)) {
            Ok(added) => Ok(added > 0),
            // Damaged into a value of another type.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_integer(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Integer(_))
}

fn text(value: ValueRef<'_>) -> &str {
    value.as_str().unwrap_or_default()
}
