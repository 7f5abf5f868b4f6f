//! Reads rows by window, in pages.
//!
//! A read transaction keeps the writer's log from being recycled, so that it lasts no longer than it takes to decode one
//! page of rows; a window of any length costs the memory of one row. The end of a scan is fixed when it begins: rows that
//! are written meanwhile do not prolong it.
//!
//! Rows that fail their checksum or do not parse are passed on as damaged and never end a scan.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use monitor_core::SlowCall;
use rusqlite::{Connection, OptionalExtension};

use super::{
    Warning,
    head::Row,
    lease::Quiet,
    schema,
    series::{self, StoredSeries},
    slow,
    writer::INTERVAL_KEY,
};
use crate::{error::Error, util::guard::checksum};

/// Rows decoded in one read transaction.
const PAGE: i64 = 500;

/// A span of time in microseconds: after the one, up to and including the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) after: i64,
    pub(crate) until: i64,
}

impl Window {
    pub(crate) const ALL: Self = Self { after: i64::MIN, until: i64::MAX };
}

/// What a scan meets.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Row(i64, Row<'a>),
    Damaged(Warning),
}

/// A connection that cannot write.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    path: Arc<Path>,
    /// Keeps writers away, if there was none. After the connection, which relies on it.
    _quiet: Option<Quiet>,
}

impl Reader {
    pub(super) fn open(path: &Arc<Path>) -> Result<Self, Error> {
        let (connection, quiet) = schema::open_read_only(path)?;
        Ok(Self { connection, path: Arc::clone(path), _quiet: quiet })
    }

    /// The series called one of `names`, or all of them, by ascending number.
    pub(crate) fn series(&self, names: Option<&[&str]>) -> Result<Vec<StoredSeries>, Error> {
        series::load(&self.connection, names).map_err(|error| self.failed(error))
    }

    /// The newest exemplars of slow calls in a window that `keep` accepts, newest first.
    pub(crate) fn slow_calls(&self, window: Window, keep: impl Fn(&SlowCall) -> bool) -> Result<Vec<SlowCall>, Error> {
        slow::load(&self.connection, window, keep).map_err(|error| self.failed(error))
    }

    /// The flush interval of the newest recording in microseconds, 0 if it is not known.
    pub(crate) fn interval_us(&self) -> Result<i64, Error> {
        self.connection
            .prepare("SELECT v FROM meta WHERE k = ?1 AND typeof(v) = 'integer'")
            .and_then(|mut statement| statement.query_row([INTERVAL_KEY], |row| row.get(0)).optional())
            .map(Option::unwrap_or_default)
            .map_err(|error| self.failed(error))
    }

    /// The time of the newest row.
    pub(crate) fn newest(&self) -> Result<Option<i64>, Error> {
        self.connection.query_row("SELECT max(ts) FROM head", [], |row| row.get(0)).map_err(|error| self.failed(error))
    }

    /// Whether there is a row at or before `ts`.
    pub(crate) fn any_until(&self, ts: i64) -> Result<bool, Error> {
        self.connection
            .query_row("SELECT EXISTS(SELECT 1 FROM head WHERE ts <= ?1)", [ts], |row| row.get(0))
            .map_err(|error| self.failed(error))
    }

    /// Visits the rows in `window`, oldest first.
    pub(crate) fn scan(&self, window: Window, visit: &mut dyn FnMut(Found<'_>)) -> Result<(), Error> {
        let Some(newest) = self.newest()? else { return Ok(()) };
        let until = window.until.min(newest);
        let sql = "SELECT ts, n, crc, b FROM head WHERE ts >= ?1 AND ts <= ?2 ORDER BY ts LIMIT ?3";
        let mut from = if window.after == i64::MIN { Some(i64::MIN) } else { window.after.checked_add(1) };
        while let Some(start) = from.filter(|&start| start <= until) {
            let last = self.page(sql, start, until, &mut |found| {
                visit(found);
                ControlFlow::Continue(())
            })?;
            from = last.and_then(|last| last.checked_add(1));
        }
        Ok(())
    }

    /// Visits the rows from `until` back to `oldest`, both included, newest first, until `visit` has enough.
    pub(crate) fn scan_back(
        &self,
        until: i64,
        oldest: i64,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let sql = "SELECT ts, n, crc, b FROM head WHERE ts >= ?1 AND ts <= ?2 ORDER BY ts DESC LIMIT ?3";
        let mut upper = Some(until);
        while let Some(end) = upper.filter(|&end| end >= oldest) {
            let last = self.page(sql, oldest, end, visit)?;
            upper = last.and_then(|last| last.checked_sub(1));
        }
        Ok(())
    }

    /// Visits one page. Returns the time of its last row if another page may follow.
    fn page(
        &self,
        sql: &str,
        from: i64,
        until: i64,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<Option<i64>, Error> {
        let failed = |error| self.failed(error);
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query((from, until, PAGE)).map_err(failed)?;
        let mut visited = 0;
        let mut last = None;
        while let Some(row) = rows.next().map_err(failed)? {
            let ts: i64 = row.get(0).map_err(failed)?;
            let count: i64 = row.get(1).map_err(failed)?;
            let crc: i64 = row.get(2).map_err(failed)?;
            let sound = match row.get_ref(3).map_err(failed)?.as_blob() {
                Ok(blob) if i64::from(checksum(ts, blob)) != crc => Err("its checksum does not match"),
                Ok(blob) => Row::parse(blob, count),
                Err(_) => Err("it holds no blob"),
            };
            let found = match sound {
                Ok(row) => Found::Row(ts, row),
                Err(reason) => Found::Damaged(Warning::new(ts, reason)),
            };
            if visit(found).is_break() {
                return Ok(None);
            }
            visited += 1;
            last = Some(ts);
        }
        Ok(last.filter(|_| visited == PAGE))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        Error::sqlite("read", &self.path, schema::READER_PATIENCE, error)
    }
}
