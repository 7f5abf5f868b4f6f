//! What the parts of one statement share: the store that it is about, its time, and what happens on the way.
//!
//! SQLite calls back from several places, the tables, the authorizer, the clock, and can hand on little of what they have
//! to say. So they note it here, and the answer or the error is made of it.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{catalogue, column::Shape, stream::Stream};
use crate::{
    error::Error,
    store::{Reader, Store, Warning, Warnings},
};

#[derive(Debug)]
pub(super) struct Session {
    store: Store,
    /// When the time is up; never, if there is no such instant.
    deadline: Option<Instant>,
    notes: Mutex<Notes>,
}

/// What has happened.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// How many entries were looked at.
    pub(super) scanned: u64,
    pub(super) warnings: Warnings,
    /// Why a table could not go on.
    pub(super) failure: Option<Error>,
    /// What was not allowed.
    pub(super) refused: Option<String>,
    pub(super) is_overdue: bool,
    /// Whether the statement reads plain tables of the file.
    pub(super) reads_file: bool,
    /// The streams of the tables that were read, so that a join does not look them up for each of its rows.
    streams: [Option<Arc<[Stream]>>; 3],
}

impl Session {
    pub(super) fn new(store: Store, within: Option<Duration>) -> Self {
        let deadline = within.and_then(|within| Instant::now().checked_add(within));
        Self { store, deadline, notes: Mutex::default() }
    }

    /// Where the store lies.
    pub(super) fn path(&self) -> &Path {
        self.store.path()
    }

    /// A connection of its own, so that nothing that is read here holds on to what is read elsewhere.
    pub(super) fn reader(&self) -> Result<Reader, Error> {
        self.store.reader()
    }

    /// The streams of a table, as they were when it was first read.
    pub(super) fn streams(&self, shape: Shape, reader: &Reader) -> Result<Arc<[Stream]>, Error> {
        if let Some(known) = &self.notes().streams[shape as usize] {
            return Ok(Arc::clone(known));
        }
        let found: Arc<[Stream]> = catalogue::streams(shape, reader)?.into();
        self.notes().streams[shape as usize] = Some(Arc::clone(&found));
        Ok(found)
    }

    /// Whether the time is up; it stays noted.
    pub(super) fn is_overdue(&self) -> bool {
        let is_overdue = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_overdue {
            self.notes().is_overdue = true;
        }
        is_overdue
    }

    pub(super) fn warn(&self, warning: Warning) {
        self.notes().warnings.push(warning);
    }

    /// Nobody panics while holding the lock; the notes are sound even so.
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
