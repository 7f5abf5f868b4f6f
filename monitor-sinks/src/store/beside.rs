//! A connection that writes beside the one that records, for small things that have nothing to do with samples.
//!
//! The lease keeps apart those who write samples; of two transactions of different tables SQLite takes care. What is
//! written stays in the log: the file itself is left to the next recording, because readers that find no writer read it past
//! SQLite's locks.

use std::{fs, io, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::schema;
use crate::error::{Error, Kind};

/// Opens such a connection. Waits up to `patience` for a flush to be over.
pub(crate) fn open(path: &Path, patience: Duration) -> Result<Connection, Error> {
    match fs::metadata(path) {
        Ok(found) => schema::inspect_file(path, &found)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Kind::NotFound { path: path.to_owned() }.into());
        }
        Err(error) => return Err(Error::io("open", path, error)),
    }
    let connection = schema::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, patience)?;
    schema::identify(&connection, path, patience)?;
    let prepared = connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .and_then(|_| connection.pragma_update(None, "wal_autocheckpoint", 0));
    prepared.map_err(|error| Error::sqlite("open", path, patience, error))?;
    Ok(connection)
}
