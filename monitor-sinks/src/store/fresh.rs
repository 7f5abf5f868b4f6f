//! A file that comes to be as a whole or not at all.
//!
//! A copy of a store is worth something only once it is complete. It is therefore written under another name in the same
//! folder, brought to the disk, and only then given its own name. A file that is there already is never replaced: most
//! likely it is the copy that somebody is about to need.

use std::{
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use super::schema::{self, beside};
use crate::error::{Error, Kind};

/// A file on the way. Dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Fresh {
    target: PathBuf,
    partial: PathBuf,
}

impl Fresh {
    /// Begins the file that will be called `target`; its folder must exist.
    pub(super) fn begin(target: &Path) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let target = schema::resolve(target);
        if target.symlink_metadata().is_ok() {
            return Err(Kind::Exists { path: target }.into());
        }
        if !target.parent().is_some_and(Path::is_dir) {
            return Err(Kind::FolderMissing { path: target }.into());
        }
        // Relaxed: the number only has to be another one each time.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let partial = beside(&target, &format!(".partial-{}-{number}", process::id()));
        Ok(Self { target, partial })
    }

    /// Where to write it meanwhile. Nothing is there yet.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Brings what was written to the disk and gives it its name, unless the name was taken meanwhile.
    pub(super) fn finish(self) -> Result<PathBuf, Error> {
        let failed = |error| Error::io("write", &self.target, error);
        OpenOptions::new().write(true).open(&self.partial).and_then(|file| file.sync_all()).map_err(failed)?;
        // A link never replaces a file, a new name does. Where there are no links, looking first has to do.
        match fs::hard_link(&self.partial, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(Kind::Exists { path: self.target.clone() }.into());
            }
            Err(_) if self.target.symlink_metadata().is_ok() => {
                return Err(Kind::Exists { path: self.target.clone() }.into());
            }
            Err(_) => fs::rename(&self.partial, &self.target).map_err(failed)?,
        }
        sync_folder(&self.target);
        Ok(self.target.clone())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm", "-lock"] {
            let _ = fs::remove_file(beside(&self.partial, suffix));
        }
    }
}

/// Brings the name of `file` to the disk, where folders can be told to. Without it the file may be nameless after a power
/// failure, and never half of one.
pub(super) fn sync_folder(file: &Path) {
    if let Some(folder) = file.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_finished_has_its_name_and_what_is_not_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy.db");
        let fresh = Fresh::begin(&target).unwrap();
        fs::write(fresh.path(), "half").unwrap();
        drop(fresh);
        assert!(names(folder.path()).is_empty());
        let fresh = Fresh::begin(&target).unwrap();
        fs::write(fresh.path(), "whole").unwrap();
        fresh.finish().unwrap();
        assert_eq!(names(folder.path()), ["copy.db"]);
        assert_eq!(fs::read(&target).unwrap(), b"whole");
    }

    #[test]
    fn a_name_that_is_taken_is_refused_at_either_end() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy.db");
        let fresh = Fresh::begin(&target).unwrap();
        fs::write(fresh.path(), "new").unwrap();
        fs::write(&target, "old").unwrap();
        assert!(fresh.finish().unwrap_err().is_already_there());
        assert!(Fresh::begin(&target).unwrap_err().is_already_there());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["copy.db"]);
        assert!(Fresh::begin(&folder.path().join("missing/copy.db")).unwrap_err().is_not_found());
    }
}
