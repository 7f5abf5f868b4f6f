//! A connection that cannot write, and what it is asked.

use std::{collections::HashMap, ops::Range, path::Path, sync::Arc};

use monitor_core::SlowCall;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{
    Memory, Warning,
    back::Back,
    check,
    entry::Entry,
    latest,
    lease::Quiet,
    origin::Origin,
    plan, schema,
    series::{self, StoredSeries},
    shelf::Borrowed,
    slow,
    tier::Tier,
    walk::{self, Detail, Found, Pages, Walk},
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

    /// The places of those of `times`, which ascend, that lie in it.
    pub(super) fn places(self, times: &[i64]) -> Range<u32> {
        let place = |end: i64| times.partition_point(|&ts| ts <= end) as u32;
        place(self.after)..place(self.until)
    }
}

/// A connection that cannot write.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) connection: Borrowed,
    path: Arc<Path>,
    memory: Memory,
    /// Keeps writers away, if there was none. After the connection, which relies on it.
    quiet: Option<Quiet>,
    /// Whether writers were let in that the connection does not know of.
    is_paused: bool,
}

impl Reader {
    pub(super) fn open(path: &Arc<Path>, memory: &Memory) -> Result<Self, Error> {
        let (connection, quiet) = if let Some((connection, quiet)) = memory.shelf.take(path) {
            (connection, Some(quiet))
        } else {
            let (connection, quiet) = schema::open_read_only(path)?;
            (memory.shelf.lend(path, connection, quiet.as_ref()), quiet)
        };
        Ok(Self { connection, path: Arc::clone(path), memory: memory.clone(), quiet, is_paused: false })
    }

    /// A transaction that sees the store as it is at its first look, until it is dropped.
    pub(super) fn snapshot(&self) -> Result<Transaction<'_>, Error> {
        self.connection.unchecked_transaction().map_err(|error| self.failed(error))
    }

    /// Whether nobody writes as long as this reader is there.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet.is_some()
    }

    /// The time of the newest row.
    pub(super) fn newest(&self) -> Result<Option<i64>, Error> {
        walk::newest(&self.connection).map_err(|error| self.failed(error))
    }

    /// Lets writers in until [`resume`](Self::resume). Meanwhile nothing may be read from the file.
    pub(crate) fn pause(&mut self) {
        self.is_paused |= self.quiet.take().is_some();
        self.connection.keep_out();
    }

    /// Goes on after a pause, or lets a writer that waits go first, if it may have waited for long. In both cases what is
    /// read from here on is the file as it is then.
    ///
    /// For readings that take long: a program that starts to record waits for readers, but not for ever.
    pub(crate) fn resume(&mut self) -> Result<(), Error> {
        if let Some(quiet) = self.quiet.take_if(|quiet| quiet.is_overlong()) {
            quiet.give_way();
            self.is_paused = true;
        }
        if self.is_paused {
            self.connection.keep_out();
            *self = Self::open(&self.path, &self.memory)?;
        }
        Ok(())
    }

    /// The series called one of `names`, or all of them, of one name in the order of service and labels.
    pub(crate) fn series(&self, names: Option<&[&str]>) -> Result<Vec<StoredSeries>, Error> {
        self.series_that(|series| names.is_none_or(|names| names.contains(&series.name.as_str())))
    }

    /// The series that `keep` accepts, in the same order.
    pub(crate) fn series_that(&self, keep: impl FnMut(&StoredSeries) -> bool) -> Result<Vec<StoredSeries>, Error> {
        self.memory.roster.series(&self.connection, keep).map_err(|error| self.failed(error))
    }

    /// The newest exemplars of slow calls in a window that `keep` accepts, newest first.
    pub(crate) fn slow_calls(&self, window: Window, keep: impl Fn(&SlowCall) -> bool) -> Result<Vec<SlowCall>, Error> {
        slow::load(&self.connection, window, keep).map_err(|error| self.failed(error))
    }

    /// The flush interval of the newest recording in microseconds, 0 if it is not known.
    pub(crate) fn interval_us(&self) -> Result<i64, Error> {
        self.connection
            .prepare_cached("SELECT v FROM meta WHERE k = ?1 AND typeof(v) = 'integer'")
            .and_then(|mut statement| statement.query_row([INTERVAL_KEY], |row| row.get(0)).optional())
            .map(Option::unwrap_or_default)
            .map_err(|error| self.failed(error))
    }

    /// Visits what there is of the series `ids` in `window`, in windows of tiers up to `coarsest` where these do; see
    /// [`Walk`].
    pub(crate) fn walk(
        &self,
        ids: &[u64],
        window: Window,
        detail: Detail,
        coarsest: Tier,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<(), Error> {
        self.walk_unless(&|| false, ids, window, (detail, coarsest), visit)
    }

    /// As [`walk`](Self::walk), but ends early when `is_over` says so, which it asks between segments.
    pub(crate) fn walk_unless(
        &self,
        is_over: &dyn Fn() -> bool,
        ids: &[u64],
        window: Window,
        (detail, coarsest): (Detail, Tier),
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<(), Error> {
        let mut walk = Walk::new(&self.connection, ids, detail).unless(is_over);
        walk.run(window, coarsest, visit).map_err(|error| self.failed(error))
    }

    /// Has everything that `read` reads be of one moment.
    pub(crate) fn at_once<T>(&self, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let _snapshot = self.connection.unchecked_transaction().map_err(|error| self.failed(error))?;
        read()
    }

    /// The span that the file covers; `None` if nothing is in it.
    pub(crate) fn covered(&self) -> Result<Option<Window>, Error> {
        plan::covered(&self.connection).map_err(|error| self.failed(error))
    }

    /// The earliest time after `after` at which there is something.
    pub(crate) fn next(&self, after: i64) -> Result<Option<i64>, Error> {
        plan::next(&self.connection, after).map_err(|error| self.failed(error))
    }

    /// The series whose newest value is noted in plain columns, with the time and the value, by ascending number. A minute
    /// may be missing, and so are values that are not a number.
    pub(crate) fn noted(&self) -> Result<Vec<(u64, i64, f64)>, Error> {
        latest::load(&self.connection).map_err(|error| self.failed(error))
    }

    /// Begins to page through what there is of the series `ids` in `window`; see [`Pages`].
    pub(crate) fn pages(&self, ids: Vec<u64>, window: Window) -> Result<Pages, Error> {
        Pages::new(&self.connection, ids, window).map_err(|error| self.failed(error))
    }

    /// Visits the next of `pages`; returns whether there was one.
    pub(crate) fn next_page(&self, pages: &mut Pages, visit: &mut dyn FnMut(Found<'_>)) -> Result<bool, Error> {
        pages.next(&self.connection, visit).map_err(|error| self.failed(error))
    }

    /// When each series was entered, in microseconds.
    pub(crate) fn since(&self) -> Result<HashMap<u64, i64>, Error> {
        series::since(&self.connection).map_err(|error| self.failed(error))
    }

    /// The numbers of the series that come from `origin`, ascending.
    pub(crate) fn of_origin(&self, origin: Origin) -> Result<Vec<u64>, Error> {
        series::of_origin(&self.connection, origin).map_err(|error| self.failed(error))
    }

    /// The connection itself, for statements of the user's, and what keeps writers away while it is read from, if there
    /// was none. It must be kept as long as the file is read.
    pub(crate) fn into_parts(self) -> (Option<Quiet>, Connection) {
        (self.quiet, self.connection.into_connection())
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

    pub(super) fn failed(&self, error: rusqlite::Error) -> Error {
        Error::sqlite("read", &self.path, schema::READER_PATIENCE, error)
    }
}
