//! A connection that cannot write, and what it is asked.

use std::{path::Path, sync::Arc};

use monitor_core::SlowCall;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{
    Warning,
    back::Back,
    check,
    entry::Entry,
    lease::Quiet,
    schema,
    series::{self, StoredSeries},
    slow,
    walk::{self, Detail, Found, Walk},
    writer::INTERVAL_KEY,
};
use crate::error::Error;

/// A span of time in microseconds: after the one, up to and including the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) after: i64,
    pub(crate) until: i64,
}

impl Window {
    pub(crate) const ALL: Self = Self { after: i64::MIN, until: i64::MAX };
}

/// A connection that cannot write.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    path: Arc<Path>,
    /// Keeps writers away, if there was none. After the connection, which relies on it.
    quiet: Option<Quiet>,
}

impl Reader {
    pub(super) fn open(path: &Arc<Path>) -> Result<Self, Error> {
        let (connection, quiet) = schema::open_read_only(path)?;
        Ok(Self { connection, path: Arc::clone(path), quiet })
    }

    /// A transaction that sees the store as it is at its first look, until it is dropped.
    pub(super) fn snapshot(&self) -> Result<Transaction<'_>, Error> {
        self.connection.unchecked_transaction().map_err(|error| self.failed(error))
    }

    /// Whether nobody writes as long as this reader is there.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet.is_some()
    }

    /// The time of the newest row.
    pub(super) fn newest(&self) -> Result<Option<i64>, Error> {
        walk::newest(&self.connection).map_err(|error| self.failed(error))
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

    /// Visits what there is of the series `ids` in `window`; see [`Walk`].
    pub(crate) fn walk(
        &self,
        ids: &[u64],
        window: Window,
        detail: Detail,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<(), Error> {
        Walk::new(&self.connection, ids, detail).run(window, visit).map_err(|error| self.failed(error))
    }

    /// What is wrong with the file; see [`check`].
    pub(crate) fn check(&self) -> Result<Vec<Warning>, Error> {
        check::check(&self.connection).map_err(|error| self.failed(error))
    }

    /// Visits the newest entry of each of the series `ids` at or before `until`, and not before `oldest`; see [`Back`].
    pub(crate) fn look_back(
        &self,
        ids: &[u64],
        until: i64,
        oldest: i64,
        visit: &mut dyn FnMut(usize, i64, Entry<'_>),
    ) -> Result<Back, Error> {
        Back::look(&self.connection, ids, until, oldest, visit).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        Error::sqlite("read", &self.path, schema::READER_PATIENCE, error)
    }
}
