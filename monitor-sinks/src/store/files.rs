//! Which files a store consists of, told apart from others that take their place under the same paths.

use std::{io::ErrorKind, path::Path};

use super::schema::beside;

/// The files of a store, as they are at some time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) main: Option<Identity>,
    pub(super) log: Option<Identity>,
    /// The index of the log, which connections share as memory.
    pub(super) index: Option<Identity>,
}

impl Files {
    pub(super) fn at(path: &Path) -> Self {
        let [log, index] = COMPANIONS.map(|suffix| identity(&beside(path, suffix)));
        Self { main: identity(path), log, index }
    }

    /// Removes the log and its index where they were left by a store that is gone: either there is no file that they
    /// could belong to, or they are those of the file that has just been lost. Applied to another file, a log is damage.
    pub(super) fn remove_orphans(self, path: &Path) {
        let is_gone = std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let is_other = identity(path) != self.main;
        for (suffix, ours) in COMPANIONS.into_iter().zip([self.log, self.index]) {
            let companion = beside(path, suffix);
            if is_gone || (is_other && ours.is_some() && ours == identity(&companion)) {
                let _ = std::fs::remove_file(companion);
            }
        }
    }
}

/// The ends of the names of the log and its index.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// What tells a file from another one that takes its place under the same path.
type Identity = (u64, u64);

/// The file at `path`; `None` where there is none or the system does not tell files apart. The writer keeps its file
/// open, so that no other can get the same numbers.
#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
const fn identity(_path: &Path) -> Option<Identity> {
    None
}
