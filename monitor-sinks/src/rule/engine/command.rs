//! What people ask of running alerts: acknowledge, silence, end a silence.
//!
//! The program that records is often another process than the one in which somebody types. So a command is a row in a
//! small table of the store, written by whoever asks and taken out by the recording program at its next evaluation, in
//! the transaction that holds what came of it. A second writer is nothing that the lease of a store speaks of: it keeps
//! apart those who write samples. SQLite keeps the two transactions apart, and each waits for the other for a moment.
//!
//! The file itself stays as it is until the recording program moves the log into it: readers that found no writer read
//! it past all locks.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::super::fingerprint::Fingerprint;
use crate::{error::Error, store::open_beside_writer};

/// How long a command waits for a flush to be over.
const PATIENCE: Duration = Duration::from_secs(5);

/// A command, as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub(super) enum Command {
    Ack { fingerprint: String, by: String, note: String, until_ms: i64 },
    Silence { matchers: String, until_ms: Option<i64>, by: String, comment: String },
    Unsilence { id: i64 },
}

/// Leaves a command for the program that records to the store at `path`. Returns its number.
pub(super) fn leave(path: &Path, command: &Command) -> Result<i64, Error> {
    let failed = |error| Error::sqlite("leave a command in", path, PATIENCE, error);
    let mut connection = open_beside_writer(path, PATIENCE)?;
    if !is_there(&connection).map_err(failed)? {
        return Err(Error::setting(format!(
            "no program with alert rules records to {}; give its monitor rules first",
            path.display()
        )));
    }
    if let Command::Ack { fingerprint, .. } = command {
        check_alert(&connection, path, fingerprint)?;
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    transaction.execute("INSERT INTO alert_command(command) VALUES(?1)", [text(command)]).map_err(failed)?;
    let number = transaction.last_insert_rowid();
    transaction.commit().map_err(failed)?;
    Ok(number)
}

/// The commands after number `after`, in order. What cannot be read is none.
pub(super) fn waiting(connection: &Connection, after: i64) -> rusqlite::Result<Vec<(i64, Option<Command>)>> {
    let mut statement = connection.prepare_cached("SELECT id, command FROM alert_command WHERE id > ?1 ORDER BY id")?;
    let rows = statement.query_map([after], |row| {
        let text: String = row.get(1)?;
        Ok((row.get(0)?, serde_json::from_str(&text).ok()))
    })?;
    rows.collect()
}

/// Takes out the commands up to a number.
pub(super) fn done(connection: &Connection, up_to: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM alert_command WHERE id <= ?1")?.execute(params![up_to]).map(|_| ())
}

fn check_alert(connection: &Connection, path: &Path, fingerprint: &str) -> Result<(), Error> {
    let print: Fingerprint = fingerprint.parse()?;
    let found = connection
        .query_row("SELECT 1 FROM alert_instance WHERE fingerprint = ?1", [print.to_string()], |_| Ok(()))
        .optional()
        .map_err(|error| Error::sqlite("read", path, PATIENCE, error))?;
    found.ok_or_else(|| Error::setting(format!("{} holds no alert {print}; `alerts` lists them", path.display())))
}

fn is_there(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'alert_command'", [], |row| row.get::<_, i64>(0))
        .map(|count| count > 0)
}

fn text(command: &Command) -> String {
    serde_json::to_string(command).unwrap_or_default()
}
