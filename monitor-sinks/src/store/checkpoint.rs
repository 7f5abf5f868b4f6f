//! When the log is moved into the file: between flushes, and not in them.
//!
//! Left to itself, SQLite does this work in whichever commit makes the log long enough, and that flush then waits for the
//! disk. So the writer counts the pages of the log and moves them itself when it tidies up. Where it never gets to that,
//! SQLite does it after all, late.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use rusqlite::Connection;

/// Pages after which the log is moved: 1 MiB of them.
const EVERY: u32 = 128;

/// Pages after which a commit moves the log itself.
const LATE: u32 = 2_048;

/// What is known of the log of a connection.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    /// Its pages at the last commit. Relaxed: it is written and read on the one thread that the connection is used on.
    pages: Arc<AtomicU32>,
    /// How many there were when they were last moved, or could not be.
    moved: u32,
}

impl Checkpoints {
    /// Watches `connection`, which writes, instead of SQLite.
    pub(super) fn watch(connection: &mut Connection) -> rusqlite::Result<Self> {
        let checkpoints = Self::default();
        let pages = Arc::clone(&checkpoints.pages);
        connection.wal_hook(Some(move |log: &mut rusqlite::hooks::Wal, found: i32| {
            let found = u32::try_from(found).unwrap_or(0);
            pages.store(found, Ordering::Relaxed);
            if found >= LATE {
                // A reader in the way is no failure of the commit.
                let _ = log.checkpoint();
            }
            Ok(())
        }))?;
        Ok(checkpoints)
    }

    /// Whether enough has come to the log since it was moved. A log that a reader pins is tried again as it grows.
    pub(super) fn is_due(&mut self) -> bool {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.moved {
            self.moved = 0;
        }
        pages >= self.moved + EVERY
    }

    /// Moves what no reader needs any more. What cannot be moved now stays, and nothing is lost.
    pub(super) fn run(&mut self, connection: &Connection) {
        self.moved = self.pages.load(Ordering::Relaxed);
        let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}
