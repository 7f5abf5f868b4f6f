//! The answer to a statement: columns, rows, and values of the five types that SQLite has.

use std::fmt::{self, Write as _};

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::store::Warning;

/// The rows that a statement answered with.
///
/// # Examples
///
/// ```no_run
/// let store = monitor_sinks::Store::open_read_only("metrics.db")?;
/// let rows = store.sql("SELECT metric_name, sum(metric_value) FROM app_metrics GROUP BY metric_name").rows()?;
/// for row in rows.iter() {
///     println!("{} {}", row[0], row[1]);
/// }
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqlRows {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<SqlValue>>,
    pub(super) cut: bool,
    pub(super) scanned: u64,
    pub(super) warnings: Vec<Warning>,
}

impl SqlRows {
    /// The names of the columns, in order. Names may be empty, and may be there twice.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows, each with a value for every column.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[SqlValue]> {
        self.rows.iter().map(Vec::as_slice)
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether there are more rows than [`first`](super::Sql::first) asked for.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    /// How many stored values were looked at for the answer: few, if the statement names metrics and times.
    #[must_use]
    pub const fn scanned(&self) -> u64 {
        self.scanned
    }

    /// What was damaged in what was looked at. Empty means that the answer is complete.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl IntoIterator for SqlRows {
    type Item = Vec<SqlValue>;
    type IntoIter = std::vec::IntoIter<Vec<SqlValue>>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

/// A value of a row, or one that is bound to a parameter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SqlValue {
    /// Nothing. Not-a-number, which SQLite does not have, is this as well.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl SqlValue {
    /// A number as a float; `None` for what is no number.
    #[must_use]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            _ => None,
        }
    }

    /// A whole number; `None` for anything else.
    #[must_use]
    pub const fn as_i64(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// Text; `None` for anything else.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// About how many bytes it takes.
    pub(super) const fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Text(text) => text.len(),
                Self::Blob(bytes) => bytes.len(),
                _ => 0,
            }
    }
}

/// As SQL would write it, but for text, which stands without quotes.
impl fmt::Display for SqlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.pad("NULL"),
            Self::Integer(value) => value.fmt(f),
            Self::Real(value) => f.pad(&format!("{value:?}")),
            Self::Text(text) => f.pad(text),
            Self::Blob(bytes) => f.pad(&format!("x'{}'", hexadecimal(bytes))),
        }
    }
}

/// Two digits a byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl From<ValueRef<'_>> for SqlValue {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Integer(value),
            ValueRef::Real(value) => Self::Real(value),
            // Text that is not UTF-8 is shown as well as it goes; a cast can make it.
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_owned()),
        }
    }
}

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<i64> for SqlValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for SqlValue {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for SqlValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for SqlValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for SqlValue {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_sql_writes_them() {
        let shown = |value: SqlValue| value.to_string();
        assert_eq!(shown(SqlValue::Null), "NULL");
        assert_eq!(shown(3_i64.into()), "3");
        assert_eq!(shown(3.0.into()), "3.0");
        assert_eq!(shown("it's".into()), "it's");
        assert_eq!(shown(vec![0, 255].into()), "x'00ff'");
        assert_eq!(format!("[{:>5}] [{:<5}]", SqlValue::Integer(3), SqlValue::Null), "[    3] [NULL ]");
    }

    #[test]
    fn only_numbers_are_numbers() {
        assert_eq!((SqlValue::Integer(2).as_f64(), SqlValue::Real(0.5).as_f64()), (Some(2.0), Some(0.5)));
        assert_eq!((SqlValue::from("2").as_f64(), SqlValue::Real(2.0).as_i64()), (None, None));
        assert_eq!(SqlValue::from(None::<i64>), SqlValue::Null);
    }
}
