//! The tables `app_metrics` and `system_metrics` as plain rows, in a database of their own.
//!
//! What comes out is for programs that know these tables and nothing of us: the columns that such programs create
//! themselves, a row for each value, and indexes on what they ask for. It is written a slice of time after the other, so
//! that memory is bounded and ids grow with time; a slice is sorted by SQLite, on disk if it is large.
//!
//! The file appears under its name once it is complete, and replaces nothing. What a killed export leaves behind is called
//! `NAME.partial-PROCESS` and may be removed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, params};

use super::{failure, session::Session, table};
use crate::{
    error::Error,
    store::{Store, Warning, Window},
};

/// The tables as older scripts create them.
const TABLES: &str = "
CREATE TABLE app_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME, metric_name TEXT, metric_value REAL, metric_type TEXT,
    tags TEXT, service_name TEXT);
CREATE TABLE system_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME, metric_type TEXT, metric_name TEXT, value REAL, unit TEXT,
    tags TEXT);
";

const INDEXES: &str = "
CREATE INDEX app_metrics_time ON app_metrics(timestamp);
CREATE INDEX app_metrics_name_time ON app_metrics(metric_name, timestamp);
CREATE INDEX system_metrics_time ON system_metrics(timestamp);
CREATE INDEX system_metrics_name_time ON system_metrics(metric_name, timestamp);
";

/// Nobody reads the file before it is complete, and it is made durable at the end, at once.
const SETTINGS: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192;
                        PRAGMA locking_mode = EXCLUSIVE;";

/// The columns of each table but for the id, which the rows get in their order.
const COPIED: [(&str, &str); 2] = [
    ("app_metrics", "timestamp, metric_name, metric_value, metric_type, tags, service_name"),
    ("system_metrics", "timestamp, metric_type, metric_name, value, unit, tags"),
];

/// The first slice of time, in microseconds.
const FIRST_SLICE_US: i64 = 3_600_000_000;

/// A slice with fewer rows is followed by one of twice the time, one with more than eight times as many by a shorter one.
const FEW_ROWS: u64 = 20_000;

/// How far an export has come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct TableProgress {
    /// Rows written.
    pub rows: u64,
    /// The share of the recorded time that is done, 0 to 1. Writing the indexes comes after that.
    pub share: f64,
}

/// What an export has written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TableExport {
    /// Rows of `app_metrics`.
    pub app_rows: u64,
    /// Rows of `system_metrics`.
    pub system_rows: u64,
    /// What was damaged in the store and is missing from the file. Empty means that it is complete.
    pub warnings: Vec<Warning>,
}

impl Store {
    /// Writes the tables `app_metrics` and `system_metrics` into a new SQLite database at `path`, for programs that know
    /// nothing of metric stores.
    ///
    /// It holds what was stored before the export began; see [`sql`](Self::sql) for what the rows say. `progress` is told
    /// after each slice of time. The file appears when it is complete. It is large: about 200 bytes for each value.
    ///
    /// # Errors
    ///
    /// If there is something at `path` already ([`Error::is_invalid_setting`]), it cannot be written to, or the store
    /// cannot be read. Nothing is left behind then.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let store = monitor_sinks::Store::open_read_only("metrics.db")?;
    /// let written = store.export_tables("plain.db", |so_far| eprintln!("{:.0} %", so_far.share * 100.0))?;
    /// println!("{} rows", written.app_rows + written.system_rows);
    /// # Ok::<(), monitor_sinks::Error>(())
    /// ```
    pub fn export_tables(
        &self,
        path: impl AsRef<Path>,
        progress: impl FnMut(TableProgress),
    ) -> Result<TableExport, Error> {
        let path = path.as_ref();
        if fs::symlink_metadata(path).is_ok() {
            return Err(taken(path));
        }
        let draft = Draft::beside(path);
        let export = write(self, &draft.0, progress)?;
        draft.publish(path)?;
        Ok(export)
    }
}

/// A file that is removed unless it is published.
struct Draft(PathBuf);

impl Draft {
    fn beside(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let draft = Self(name.into());
        // Of a process with the same number that was killed.
        let _ = fs::remove_file(&draft.0);
        draft
    }

    /// Makes the file durable and gives it its name, which nothing else must have got meanwhile.
    fn publish(self, path: &Path) -> Result<(), Error> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken(path),
            _ => Error::io("write", path, error),
        };
        fs::OpenOptions::new().write(true).open(&self.0).and_then(|file| file.sync_all()).map_err(failed)?;
        match fs::hard_link(&self.0, path) {
            // A file system without links: then there is a moment in which another file could come between.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && fs::symlink_metadata(path).is_err() => {
                fs::rename(&self.0, path).map_err(failed)
            }
            linked => linked.map_err(failed),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn taken(path: &Path) -> Error {
    Error::setting(format!("{} exists already; choose another path, or remove it first", path.display()))
}

fn write(store: &Store, path: &Path, mut progress: impl FnMut(TableProgress)) -> Result<TableExport, Error> {
    let failed = |error| Error::sqlite("write", path, Duration::ZERO, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut out = Connection::open_with_flags(path, flags).map_err(failed)?;
    out.execute_batch(SETTINGS).and_then(|()| out.execute_batch(TABLES)).map_err(failed)?;

    let session = Arc::new(Session::new(store.clone(), None));
    let reader = store.reader()?;
    let extent = reader.extent()?;
    // Nothing is read through this connection but the tables of samples, which have connections of their own.
    let (_, connection) = reader.into_parts();
    let explain = |error| failure::explain(error, "", &session, &connection);
    table::register(&connection, &session).map_err(explain)?;

    let mut rows = [0, 0];
    if let Some((oldest, newest)) = extent {
        let mut slice = Window { after: oldest.saturating_sub(1), until: oldest };
        let mut width = FIRST_SLICE_US;
        while slice.after < newest {
            slice.until = slice.after.saturating_add(width).min(newest);
            let before = rows[0] + rows[1];
            let transaction = out.transaction().map_err(failed)?;
            for (count, (table, columns)) in rows.iter_mut().zip(COPIED) {
                *count += copy(&connection, &transaction, (table, columns), slice).map_err(|error| match error {
                    Side::Read(error) => explain(error),
                    Side::Write(error) => failed(error),
                })?;
            }
            transaction.commit().map_err(failed)?;
            slice.after = slice.until;
            width = next_width(width, rows[0] + rows[1] - before);
            let share = (slice.after as f64 - oldest as f64) / (newest as f64 - oldest as f64).max(1.0);
            progress(TableProgress { rows: rows[0] + rows[1], share: share.clamp(0.0, 1.0) });
        }
    }
    out.execute_batch(INDEXES).map_err(failed)?;
    out.close().map_err(|(_, error)| failed(error))?;
    let warnings = std::mem::take(&mut session.notes().warnings).into_vec();
    Ok(TableExport { app_rows: rows[0], system_rows: rows[1], warnings })
}

/// Which of two databases a failure is of.
enum Side {
    Read(rusqlite::Error),
    Write(rusqlite::Error),
}

/// Copies the rows of a slice, in the order of time; returns how many.
fn copy(from: &Connection, to: &Connection, table: (&str, &str), slice: Window) -> Result<u64, Side> {
    let (table, columns) = table;
    let select = format!("SELECT {columns} FROM {table} WHERE ts > ?1 AND ts <= ?2 ORDER BY ts");
    let insert = format!("INSERT INTO {table}({columns}) VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    let mut select = from.prepare_cached(&select).map_err(Side::Read)?;
    let mut insert = to.prepare_cached(&insert).map_err(Side::Write)?;
    let mut rows = select.query(params![slice.after, slice.until]).map_err(Side::Read)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(Side::Read)? {
        for place in 0..6 {
            let value = row.get_ref(place).map_err(Side::Read)?;
            insert.raw_bind_parameter(place + 1, rusqlite::types::ToSqlOutput::Borrowed(value)).map_err(Side::Write)?;
        }
        insert.raw_execute().map_err(Side::Write)?;
        count += 1;
    }
    Ok(count)
}

/// The time of the slice after one that was `width` long and had so many `rows`.
const fn next_width(width: i64, rows: u64) -> i64 {
    if rows < FEW_ROWS {
        width.saturating_mul(2)
    } else if rows > 8 * FEW_ROWS && width > 1 {
        width / 2
    } else {
        width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_follow_the_density_of_rows() {
        assert_eq!(next_width(100, 0), 200);
        assert_eq!(next_width(100, FEW_ROWS), 100);
        assert_eq!(next_width(100, 9 * FEW_ROWS), 50);
        assert_eq!((next_width(1, u64::MAX), next_width(i64::MAX, 0)), (1, i64::MAX));
    }
}
