//! At most one writer a store, and none while a reader takes the file for complete.
//!
//! Two writers would not damage the file, but their rows would interleave and each run's totals would look like resets of
//! the other's. The lease is an advisory lock on a file beside the store. The system gives it back when the process ends
//! in whatever way, so that there is nothing to clean up after a crash; the file stays, because removing it would race
//! with the next one who locks it.
//!
//! The writer's lock is exclusive. A reader that finds it free holds a shared one while it reads the file past SQLite's
//! own locks; a writer waits for such readers, which are quick, and not for another writer.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, Write},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::schema::beside;
use crate::error::{Error, Kind};

/// The end of the name of the lease's file.
const SUFFIX: &str = "-lock";

/// How often a writer looks whether the readers are done.
const RETRY: Duration = Duration::from_millis(2);

/// Readers that take longer let a writer go first.
const QUICK: Duration = Duration::from_millis(50);

/// The right to write to a store, for as long as it lives.
#[derive(Debug)]
pub(super) struct Lease {
    /// Holds the lock.
    file: File,
}

/// Gives the lock back by name: closing alone would leave it with a child process that is just being forked.
impl Drop for Lease {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl Lease {
    /// Takes the lease of the store at `path`. Waits up to `patience` for readers.
    pub(super) fn take(path: &Path, patience: Duration) -> Result<Self, Error> {
        let name = beside(path, SUFFIX);
        let failed = |error| failed(path, &name, error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&name).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Some network file systems have no such locks. SQLite's own still keep the file sound there.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            // Beside readers there is room for a shared lock, beside a writer there is not.
            let readers = file.try_lock_shared().is_ok();
            if !readers || start.elapsed() >= patience {
                let holder = if readers { None } else { holder(&mut file) };
                return Err(Kind::InUse { path: path.to_owned(), holder }.into());
            }
            file.unlock().map_err(failed)?;
            thread::sleep(RETRY);
        }
        // For the message above only. A full disk may refuse it, the lock holds nonetheless.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

/// The assurance that nobody writes to a store, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Quiet {
    /// `None` where no writer has ever been: a copy of a store comes without the file.
    file: Option<File>,
    since: Instant,
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
    }
}

impl Quiet {
    /// Keeps writers away from the store at `path`; `None` if one is there, or it cannot be told.
    pub(super) fn at(path: &Path) -> Option<Self> {
        match File::open(beside(path, SUFFIX)) {
            Ok(file) => file.try_lock_shared().is_ok().then(|| Self::from_now_on(Some(file))),
            Err(error) => (error.kind() == ErrorKind::NotFound).then(|| Self::from_now_on(None)),
        }
    }

    fn from_now_on(file: Option<File>) -> Self {
        Self { file, since: Instant::now() }
    }

    /// Whether a writer may have waited for long.
    pub(super) fn is_overlong(&self) -> bool {
        self.since.elapsed() > QUICK
    }

    /// Ends it, and leaves a writer that waits the time to look.
    pub(super) fn give_way(self) {
        drop(self);
        thread::sleep(RETRY * 2);
    }
}

/// The error for a lease's file, `name`, that cannot be opened or locked.
fn failed(path: &Path, name: &Path, error: io::Error) -> Error {
    let denied = matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    match error.kind() {
        // Without a file of this name it is the folder that does not let one be made.
        _ if name.symlink_metadata().is_err() => Error::io("lock", path, error),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::io("lock", path, error)
        }
        _ => Kind::Companion {
            path: path.to_owned(),
            companion: name.to_owned(),
            read_only: denied,
            source: Arc::new(error),
        }
        .into(),
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lease_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let first = Lease::take(&path, Duration::ZERO).unwrap();
        let start = Instant::now();
        let error = Lease::take(&path, Duration::from_secs(20)).unwrap_err();
        assert!(error.is_in_use(), "{error}");
        assert!(error.to_string().contains("this process"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10), "a writer is not waited for");
        assert!(Quiet::at(&path).is_none());
        drop(first);
        Lease::take(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_writer_waits_for_readers_that_are_quick() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        drop(Lease::take(&path, Duration::ZERO).unwrap());
        let reader = Quiet::at(&path).unwrap();
        assert!(Lease::take(&path, Duration::ZERO).unwrap_err().is_in_use());
        thread::scope(|scope| {
            let writer = scope.spawn(|| Lease::take(&path, Duration::from_secs(20)).is_ok());
            thread::sleep(Duration::from_millis(20));
            drop(reader);
            assert!(writer.join().unwrap());
        });
    }

    #[test]
    fn a_lease_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        std::fs::create_dir(beside(&path, SUFFIX)).unwrap();
        let error = Lease::take(&path, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("metrics.db-lock cannot be written"), "{error}");
    }
}
