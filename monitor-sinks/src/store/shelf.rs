//! A connection that is put away after a question, for the next one.
//!
//! Opening one takes longer than most questions do: SQLite reads the schema, and every statement is compiled. But a
//! connection that is kept open must not stand in anybody's way. So only one that reads the file past SQLite's locks,
//! because nobody writes, is put away: it holds no lock while it lies there, and no place in the log. It is taken again
//! only while nobody writes again, and if the file is the one that it was, untouched since. A file that was written to just
//! before is not trusted: its time would not tell of what comes next.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;

use super::{lease::Quiet, schema};

/// The place for one connection.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Option<(Connection, Stamp)>>);

impl Shelf {
    /// The connection to the file at `path`, if one lies there that still fits, and what keeps writers away from it.
    pub(super) fn take(self: &Arc<Self>, path: &Path) -> Option<(Borrowed, Quiet)> {
        let (connection, stamp) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let quiet = schema::quiet(path)?;
        let is_same = Stamp::of(path).is_some_and(|now| now == stamp);
        is_same.then(|| (Borrowed { connection: Some(connection), home: Some((Arc::clone(self), stamp)) }, quiet))
    }

    /// Lends a connection that was just opened, to be put away if `quiet` says that nobody writes.
    pub(super) fn lend(self: &Arc<Self>, path: &Path, connection: Connection, quiet: Option<&Quiet>) -> Borrowed {
        let stamp = quiet.and_then(|_| Stamp::of(path)).filter(Stamp::is_settled);
        Borrowed { connection: Some(connection), home: stamp.map(|stamp| (Arc::clone(self), stamp)) }
    }
}

/// A connection that goes back to where it came from.
#[derive(Debug)]
pub(super) struct Borrowed {
    /// There until it is given away or dropped.
    connection: Option<Connection>,
    home: Option<(Arc<Shelf>, Stamp)>,
}

impl Borrowed {
    /// Has it not go back: the file may be written to from now on while it is in use.
    pub(super) fn keep_out(&mut self) {
        self.home = None;
    }

    /// The connection itself, which does not go back.
    pub(super) fn into_connection(mut self) -> Connection {
        let Some(connection) = self.connection.take() else { unreachable!("it is given away once") };
        connection
    }
}

impl Deref for Borrowed {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        let Some(connection) = &self.connection else { unreachable!("nobody has it after it is given away") };
        connection
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut Connection {
        let Some(connection) = &mut self.connection else { unreachable!("nobody has it after it is given away") };
        connection
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let (Some(connection), Some((shelf, stamp))) = (self.connection.take(), self.home.take())
            && connection.is_autocommit()
        {
            let before = shelf.0.lock().unwrap_or_else(PoisonError::into_inner).replace((connection, stamp));
            // Closed when nobody waits for the shelf.
            drop(before);
        }
    }
}

/// What tells a file from another one, and from itself after it was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    file: u64,
    length: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Stamp {
    /// Some file systems tell times in seconds, or in pairs of them.
    const COARSE_NS: i128 = 3_000_000_000;
    /// Those that tell parts of a second go by the ticks of the system, which are 10 ms apart at the most.
    const FINE_NS: i128 = 100_000_000;

    /// Of the file at `path`; `None` if there is none, or if it cannot be told from another one.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).ok()?;
        let ns = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Some(Self {
            device: found.dev(),
            file: found.ino(),
            length: found.len(),
            modified_ns: ns(found.mtime(), found.mtime_nsec()),
            changed_ns: ns(found.ctime(), found.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    const fn of(_path: &Path) -> Option<Self> {
        None
    }

    /// Whether the file was written to long enough ago for the next change to be seen by its time.
    fn is_settled(&self) -> bool {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now_ns = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX);
        let is_fine = |ns: i128| ns % 1_000_000_000 != 0;
        let tick = if is_fine(self.modified_ns) && is_fine(self.changed_ns) { Self::FINE_NS } else { Self::COARSE_NS };
        self.modified_ns.max(self.changed_ns) < now_ns - tick
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, path::PathBuf, time::SystemTime};

    use super::*;
    use crate::store::lease::Lease;

    struct Scene {
        folder: tempfile::TempDir,
        path: PathBuf,
        shelf: Arc<Shelf>,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("metrics.db");
            Self::fill(&path, 1);
            Self { folder, path, shelf: Arc::default() }
        }

        /// A file with a number in it, written some time ago.
        fn fill(path: &Path, number: i64) {
            let connection = Connection::open(path).unwrap();
            connection.execute_batch(&format!("CREATE TABLE t(x); INSERT INTO t VALUES({number})")).unwrap();
            drop(connection);
            Self::age(path, 60);
        }

        fn age(path: &Path, seconds: u64) {
            let then = SystemTime::now() - std::time::Duration::from_secs(seconds);
            fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
        }

        /// Puts a connection away.
        fn put_away(&self) {
            let connection = Some(Connection::open(&self.path).unwrap());
            let stamp = Stamp::of(&self.path).unwrap();
            drop(Borrowed { connection, home: Some((Arc::clone(&self.shelf), stamp)) });
        }

        fn number(&self) -> Option<i64> {
            let (connection, _quiet) = self.shelf.take(&self.path)?;
            Some(connection.query_row("SELECT x FROM t", [], |row| row.get(0)).unwrap())
        }
    }

    #[test]
    fn a_connection_is_used_again_and_by_one_at_a_time() {
        let scene = Scene::new();
        assert_eq!(scene.number(), None);
        scene.put_away();
        let taken = scene.shelf.take(&scene.path).unwrap();
        assert!(scene.shelf.take(&scene.path).is_none());
        drop(taken);
        assert_eq!(scene.number(), Some(1));
        assert_eq!(scene.number(), Some(1));
    }

    #[test]
    fn a_file_that_was_written_to_replaced_or_removed_is_opened_anew() {
        for change in [
            (|scene: &Scene| drop(fs::OpenOptions::new().append(true).open(&scene.path).unwrap().set_len(1)))
                as fn(&Scene),
            |scene| Scene::age(&scene.path, 30),
            |scene| {
                let other = scene.folder.path().join("other.db");
                Scene::fill(&other, 2);
                fs::rename(other, &scene.path).unwrap();
            },
            |scene| fs::remove_file(&scene.path).unwrap(),
            |scene| fs::write(schema::beside(&scene.path, "-wal"), "a log").unwrap(),
        ] {
            let scene = Scene::new();
            scene.put_away();
            change(&scene);
            assert_eq!(scene.number(), None);
        }
    }

    #[test]
    fn it_is_not_taken_while_somebody_writes_and_keeps_nobody_from_it() {
        let scene = Scene::new();
        scene.put_away();
        let lease = Lease::take(&scene.path, std::time::Duration::ZERO).unwrap();
        assert_eq!(scene.number(), None);
        drop(lease);
    }

    #[test]
    fn a_connection_in_the_middle_of_something_does_not_go_back() {
        let scene = Scene::new();
        scene.put_away();
        let (connection, _quiet) = scene.shelf.take(&scene.path).unwrap();
        connection.execute_batch("BEGIN; SELECT x FROM t").unwrap();
        drop(connection);
        assert!(scene.shelf.take(&scene.path).is_none());
        scene.put_away();
        let (mut connection, _quiet) = scene.shelf.take(&scene.path).unwrap();
        connection.keep_out();
        drop(connection);
        assert!(scene.shelf.take(&scene.path).is_none());
    }

    #[test]
    fn a_file_that_was_written_to_just_now_is_not_trusted() {
        let stamp = |ago_ns: i128, part_ns: i128| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let second = i128::from(now.as_secs()) * 1_000_000_000;
            let at = if part_ns == 0 { second - ago_ns } else { i128::try_from(now.as_nanos()).unwrap() - ago_ns };
            let at = if part_ns == 0 { at } else { at | 1 };
            Stamp { device: 1, file: 1, length: 1, modified_ns: at, changed_ns: at }.is_settled()
        };
        assert!(stamp(200_000_000, 1) && !stamp(10_000_000, 1));
        assert!(stamp(4_000_000_000, 0) && !stamp(1_000_000_000, 0), "by a clock of whole seconds");
        let scene = Scene::new();
        assert!(!Stamp::of(&scene.path).unwrap().is_settled(), "it was changed now, whatever its time of writing says");
        let quiet = Quiet::at(&scene.path);
        drop(scene.shelf.lend(&scene.path, Connection::open(&scene.path).unwrap(), quiet.as_ref()));
        drop(quiet);
        assert_eq!(scene.number(), None);
    }
}
