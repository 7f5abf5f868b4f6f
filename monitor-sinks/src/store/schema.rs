//! What makes a SQLite file a metric store, and how connections to it are opened.
//!
//! The file carries an application id, so that no other program's database is ever written to, and a schema version, so
//! that an older release refuses a newer file instead of guessing. Both are set in the transaction that creates the
//! tables, before the file is switched to WAL: whatever moment the process dies at, a file is either empty or complete.
//!
//! The file is looked at through SQLite only. Opening and closing it by other means would drop the POSIX locks that a
//! connection of this very process holds on it.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, config::DbConfig};

use super::{lease::Quiet, migration};
use crate::error::{Error, Kind};

/// The letters `MONd` in ASCII.
pub(crate) const APPLICATION_ID: i32 = 0x4d4f_4e64;

/// The newest schema that this release writes and reads.
pub(crate) const VERSION: i64 = 2;

/// The oldest schema whose releases can read what this one writes. It is noted in the file, so that they can tell: what a
/// newer schema adds beside the tables that they know does not concern them.
pub(super) const READABLE_FROM: i64 = 2;

/// The name in `meta` of that schema.
pub(super) const READABLE_KEY: &str = "readable_from";

/// How long a reader waits for a writer that recovers or closes the file.
pub(crate) const READER_PATIENCE: Duration = Duration::from_secs(2);

/// `path` as an absolute path without symbolic links as far as it exists, so that one file has one name (and one lease).
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    fs::canonicalize(&absolute).unwrap_or_else(|_| match (absolute.parent(), absolute.file_name()) {
        (Some(folder), Some(name)) => {
            fs::canonicalize(folder).map_or_else(|_| absolute.clone(), |known| known.join(name))
        }
        _ => absolute,
    })
}

/// Refuses a path that cannot become, or is not, a store of ours, without changing anything.
pub(crate) fn inspect(path: &Path, patience: Duration) -> Result<(), Error> {
    if !inspect_path(path)? {
        return Ok(());
    }
    let look = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, patience)
        .and_then(|connection| identify(&connection, path, patience).map(|_| ()));
    match look {
        // A connection that may not write can fail where one that may succeeds, such as at the log that a crash left.
        // What comes next will tell.
        Err(error) if error.is_read_only() || error.is_unopenable() => Ok(()),
        other => other,
    }
}

/// Refuses a path where no file of ours can be; tells whether there is one that is not empty.
pub(crate) fn inspect_path(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Ok(found) => inspect_file(path, &found).map(|()| found.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Err(Kind::DanglingLink { path: path.to_owned(), target }.into()),
            Err(_) if path.parent().is_some_and(Path::is_dir) => Ok(false),
            Err(_) => Err(Kind::FolderMissing { path: path.to_owned() }.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(Kind::FolderMissing { path: path.to_owned() }.into())
        }
        Err(error) => Err(Error::io("look at", path, error)),
    }
}

/// Refuses what is no file, and a file that SQLite would be mistaken about: it takes a single byte for none.
pub(super) fn inspect_file(path: &Path, found: &fs::Metadata) -> Result<(), Error> {
    let path = path.to_owned();
    match found.len() {
        _ if found.is_dir() => Err(Kind::IsFolder { path }.into()),
        _ if !found.is_file() => Err(Kind::IsSpecial { path }.into()),
        1 => Err(Kind::NotADatabase { path }.into()),
        _ => Ok(()),
    }
}

/// Opens the writer's connection; creates the tables if the file is empty. The caller holds the lease.
pub(crate) fn open_for_writing(path: &Path, patience: Duration) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = open(path, flags, patience)?;
    let failed = |error| Error::sqlite("open", path, patience, error);
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
        return Err(Kind::ReadOnly { path: path.to_owned(), source: None }.into());
    }
    if fs::metadata(path).map_err(|error| Error::io("look at", path, error))?.len() == 0
        && let Err(error) = create(&mut connection)
    {
        let error = Error::sqlite("create", path, patience, error);
        // A file that could not be completed, such as on a full disk, would be taken for another application's. Nobody
        // else is at it: it was empty, it is not locked, and the lease is ours.
        drop(connection);
        if !error.is_locked() {
            let _ = fs::remove_file(beside(path, "-journal"));
            let _ = fs::remove_file(path);
        }
        return Err(error);
    }
    let found = identify(&connection, path, patience)?;
    if found < VERSION {
        migrate(&mut connection, found).map_err(|error| Error::sqlite("migrate", path, patience, error))?;
    }
    // A write-ahead log lets readers read while a flush commits. It is kept near 1 MiB by `checkpoint`, and cut to 8 MiB
    // after a reader pinned it. NORMAL may lose the last commits when power fails, never when the process dies; it never corrupts.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 8388608;
             PRAGMA cache_size = -2048;",
        )
        .map_err(failed)?;
    Ok(connection)
}

/// Names the log or its index as the reason if SQLite was refused and one of them is somebody else's.
///
/// Told from the outside: opening the index to try would drop the locks that other connections of this process hold.
pub(super) fn blame_companion(path: &Path, error: Error) -> Error {
    if !error.is_read_only() && !error.is_unopenable() {
        return error;
    }
    let Ok(main) = fs::metadata(path) else { return error };
    let foreign = ["-wal", "-shm"].map(|suffix| beside(path, suffix)).into_iter().find(|companion| {
        fs::metadata(companion)
            .is_ok_and(|found| !found.is_file() || found.permissions().readonly() || owner(&found) != owner(&main))
    });
    match foreign {
        Some(companion) => {
            let path = path.to_owned();
            Kind::Companion { path, companion, read_only: true, source: Arc::new(error.into_reason()) }.into()
        }
        None => error,
    }
}

#[cfg(unix)]
fn owner(file: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(file)
}

#[cfg(not(unix))]
const fn owner(_file: &fs::Metadata) -> u32 {
    0
}

/// Opens a connection that cannot write, and keeps writers away from it if there is none.
///
/// Reading a database with a log sets up the log's files anew, which might then belong to a user that the owner of the
/// store has no rights against. So a store that nobody records to, and whose log is empty, is read as the one complete
/// file that it is, without SQLite's locks and side files.
pub(super) fn open_read_only(path: &Path) -> Result<(Connection, Option<Quiet>), Error> {
    match fs::metadata(path) {
        Ok(found) => inspect_file(path, &found)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Kind::NotFound { path: path.to_owned() }.into());
        }
        Err(error) => return Err(Error::io("open", path, error)),
    }
    let quiet = quiet(path);
    if quiet.is_some() {
        return Ok((open_immutable(path)?, quiet));
    }
    let first = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_PATIENCE).and_then(|connection| {
        make_readable(&connection, path)?;
        Ok(connection)
    });
    let connection = match first {
        // Where the folder cannot be written to, SQLite cannot set up the shared memory of the log. Without a log there
        // is no writer either, and the file may be read as it is. With one, reading past it would hide its contents.
        Err(error) if (error.is_read_only() || error.is_unopenable()) && !has_log(path) => {
            open_immutable(path).map_err(|_| error)
        }
        other => other,
    };
    Ok((connection?, None))
}

/// Keeps writers away, if there is none, and if everything is in the file itself.
pub(super) fn quiet(path: &Path) -> Option<Quiet> {
    // In this order: once no writer can come, there will be no log either.
    Quiet::at(path).filter(|_| !has_log(path))
}

fn open_immutable(path: &Path) -> Result<Connection, Error> {
    if fs::metadata(path).is_ok_and(|found| found.len() == 0) {
        return Err(Kind::Empty { path: path.to_owned() }.into());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let failed = |error| Error::sqlite("open", path, READER_PATIENCE, error);
    let connection =
        Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    make_readable(&connection, path)?;
    Ok(connection)
}

pub(super) fn open(path: &Path, flags: OpenFlags, patience: Duration) -> Result<Connection, Error> {
    let failed = |error| Error::sqlite("open", path, patience, error);
    // A connection stays on the thread that uses it, so that SQLite's own mutexes would only cost.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(|error| {
        match error.sqlite_error_code() {
            // The caller has seen that the path is sound, so that what is left is permission.
            Some(ErrorCode::CannotOpen) if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) => {
                Kind::ReadOnly { path: path.to_owned(), source: Some(Arc::new(error)) }.into()
            }
            _ => failed(error),
        }
    })?;
    connection.busy_timeout(patience).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    Ok(connection)
}

/// What every connection is told first.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    // Functions that a foreign schema calls must not run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Otherwise a statement with another parameter may be compiled anew, which takes longer than running it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Brings a store of an older schema to the one of this release, in one transaction.
fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    migration::run(&transaction, found)?;
    transaction.commit()
}

/// Checks that the database is a store of a schema that this release knows; tells which.
pub(super) fn identify(connection: &Connection, path: &Path, patience: Duration) -> Result<i64, Error> {
    let pragma = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(|error| Error::sqlite("read", path, patience, error))
    };
    let application_id = pragma("application_id")? as i32;
    if application_id != APPLICATION_ID {
        return Err(Kind::OtherApplication { path: path.to_owned(), application_id }.into());
    }
    match pragma("user_version")? {
        found @ 1..=VERSION => Ok(found),
        found if found > VERSION => Err(Kind::SchemaTooNew { path: path.to_owned(), found, known: VERSION }.into()),
        _ => Err(Kind::Empty { path: path.to_owned() }.into()),
    }
}

/// Prepares a connection that only reads for the schema of its file.
fn make_readable(connection: &Connection, path: &Path) -> Result<(), Error> {
    let failed = |error| Error::sqlite("open", path, READER_PATIENCE, error);
    let found = identify_to_read(connection, path)?;
    migration::pretend(connection, found).map_err(failed)?;
    // A question reads most pages once. With few places for them these stay in the processor's cache, and the system is
    // not asked for memory each time.
    connection.pragma_update(None, "cache_size", -512).map_err(failed)
}

/// As [`identify`], for a connection that only reads: a newer schema will do if it says so.
fn identify_to_read(connection: &Connection, path: &Path) -> Result<i64, Error> {
    let found = identify(connection, path, READER_PATIENCE);
    let Err(error) = &found else { return found };
    let Some(newer) = error.newer_schema() else { return found };
    let oldest = connection.query_row("SELECT v FROM meta WHERE k = ?1", [READABLE_KEY], |row| row.get::<_, i64>(0));
    if oldest.is_ok_and(|oldest| oldest <= VERSION) { Ok(newer) } else { found }
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    migration::run(&transaction, 0)?;
    transaction.commit()
}

fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// The file that is named like `path` with `suffix` at its end.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn immutable_uri(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~:".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    uri.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reached_by_two_ways_has_one_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        let there = resolve(&folder.path().join("inner/../metrics.db"));
        assert_eq!(there, resolve(&folder.path().join("metrics.db")));
    }

    #[test]
    fn a_path_with_odd_characters_survives_as_an_address() {
        assert_eq!(immutable_uri(Path::new("/a b/c?#%.db")), Path::new("file:/a%20b/c%3F%23%25.db?immutable=1"));
    }

    #[test]
    fn a_new_file_has_what_the_format_promises() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let connection = open_for_writing(&path, Duration::ZERO).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(pragma("page_size"), 8192);
        assert_eq!(pragma("auto_vacuum"), 2);
        assert_eq!(pragma("application_id"), i64::from(APPLICATION_ID));
        assert_eq!(pragma("user_version"), VERSION);
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }
}
