//! At most one writer a store.
//!
//! Two writers would not damage the file, but their rows would interleave and each run's totals would look like resets of
//! the other's. The lease is an advisory lock on a file beside the store. The system gives it back when the process ends
//! in whatever way, so that there is nothing to clean up after a crash; the file stays, because removing it would race
//! with the next one who locks it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use super::schema::beside;
use crate::error::{Error, Kind};

/// The right to write to a store, for as long as it lives.
#[derive(Debug)]
pub(super) struct Lease {
    /// Holds the lock; closing it gives the lock back.
    _file: File,
}

impl Lease {
    /// Takes the lease of the store at `path`.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(beside(path, "-lock"))
            .map_err(|error| Error::io("lock", path, error))?;
        match file.try_lock() {
            // Some network file systems have no such locks. SQLite's own still keep the file sound there.
            Ok(()) => {}
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Kind::InUse { path: path.to_owned(), holder: holder(&mut file) }.into());
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
        }
        // For the message above only. A full disk may refuse it, the lock holds nonetheless.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
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
        let first = Lease::take(&path).unwrap();
        let error = Lease::take(&path).unwrap_err();
        assert!(error.is_in_use(), "{error}");
        assert!(error.to_string().contains("this process"), "{error}");
        drop(first);
        Lease::take(&path).unwrap();
    }
}
