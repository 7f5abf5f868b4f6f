//! A copy of a store, made while it is recorded to.
//!
//! Copying the file would miss what is in the log, or catch the file in the middle of a change. SQLite's backup interface
//! does neither, but begins anew whenever it sees a change, which with a flush a second might be for ever. So the whole copy
//! is made in one read transaction: it holds the store as it was when the copy began. The writer is not held up by that;
//! its log only grows meanwhile, by what it writes.
//!
//! The copy is made in steps. Between them there is a pause for the disk if somebody records, and none if nobody does:
//! then a recording that is about to start waits for the end of the copy.

use std::{fs, path::Path, sync::Arc, thread, time::Duration};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{Reader, Store, fresh::Fresh, walk};
use crate::error::{Error, Kind};

/// Pages of a step: half a megabyte of a store.
const STEP: i32 = 64;

/// How long a step leaves the disk to the writer.
const PAUSE: Duration = Duration::from_millis(1);

/// How far a backup has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupProgress {
    /// Bytes that are copied.
    pub copied_bytes: u64,
    /// Bytes that the copy will have.
    pub total_bytes: u64,
}

impl Store {
    /// Copies the store to a new file, while it is recorded to or not, by this process or another one.
    ///
    /// The copy holds what the store held when it was begun, and is a store of its own: open it, record to it, move it to
    /// another machine. It is written half a megabyte at a time under another name, opened to see that it can be, brought
    /// to the disk, and only then given its name. Damage is copied as it is; see [`check`](Self::check) and
    /// [`salvage`](Self::salvage).
    ///
    /// Returns the size of the copy in bytes. Cost: one pass over the file. The log of a store that is recorded to grows
    /// meanwhile. Where nobody records, a recording that starts waits for the end of the copy, up to two seconds.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, there is a file of that name already, or the copy cannot be written, such as on a full
    /// disk; nothing is left of it then.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, copy) = (folder.path().join("metrics.db"), folder.path().join("copy.db"));
    /// let monitor = monitor_sinks::Monitor::builder().sqlite(path).start()?;
    /// monitor.flush()?;
    /// monitor.store().backup(&copy)?;
    /// assert!(monitor_sinks::Store::open_read_only(&copy)?.check()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<u64, Error> {
        self.backup_with(to, |_| {})
    }

    /// Like [`backup`](Self::backup), and tells `progress` after each step how far it has come.
    ///
    /// # Errors
    ///
    /// As for [`backup`](Self::backup).
    pub fn backup_with(&self, to: impl AsRef<Path>, progress: impl FnMut(BackupProgress)) -> Result<u64, Error> {
        let fresh = Fresh::begin(to.as_ref())?;
        let reader = self.reader()?;
        let newest = copy(&reader, fresh.path(), progress)?;
        verify(fresh.path(), newest)?;
        let copied = fresh.finish()?;
        fs::metadata(&copied).map(|file| file.len()).map_err(|error| Error::io("look at", &copied, error))
    }
}

/// Copies what `reader` sees now to the file at `to`. Returns the time of its newest row.
fn copy(reader: &Reader, to: &Path, mut progress: impl FnMut(BackupProgress)) -> Result<Option<i64>, Error> {
    let failed = |error| Error::sqlite("write a copy to", to, Duration::ZERO, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags).map_err(failed)?;
    // If it is not completed it is removed, so that nothing has to be undone, and it is brought to the disk as a whole.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").map_err(failed)?;
    let snapshot = reader.snapshot()?;
    let newest = walk::newest(&snapshot).map_err(failed)?;
    let pause = if reader.is_quiet() { Duration::ZERO } else { PAUSE };
    let page_bytes: u32 = snapshot.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(failed)?;
    let backup = Backup::new(&snapshot, &mut copy).map_err(failed)?;
    loop {
        let step = backup.step(STEP).map_err(failed)?;
        let pages = backup.progress();
        let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * u64::from(page_bytes);
        progress(BackupProgress {
            copied_bytes: bytes(pages.pagecount.saturating_sub(pages.remaining)),
            total_bytes: bytes(pages.pagecount),
        });
        match step {
            StepResult::Done => return Ok(newest),
            StepResult::More => thread::sleep(pause),
            // Nobody else has the copy open, and the original is read in the transaction that is open already.
            _ => return Err(Kind::Locked { path: to.to_owned(), waited: Duration::ZERO }.into()),
        }
    }
}

/// Sees that the copy at `path` can be opened and has the newest row.
fn verify(path: &Path, newest: Option<i64>) -> Result<(), Error> {
    if Reader::open(&Arc::from(path), &Arc::default())?.newest()? == newest {
        return Ok(());
    }
    Err(Kind::Incomplete { path: path.to_owned() }.into())
}
