//! Exemplars of slow calls: one plain row each, so that they can be read with any SQLite shell.
//!
//! They are events and few, so a row is the right size for them. The newest are kept; how many is bounded, because a bound
//! that is set too low would otherwise fill the disk.

use std::collections::BTreeMap;
use std::time::Duration;

use monitor_core::SlowCall;
use rusqlite::{Connection, Row, params};

use super::Window;
use crate::util::time::{from_micros, to_micros};

pub(super) const TABLE: &str = "
CREATE TABLE slow_call(
    id INTEGER PRIMARY KEY, ts INTEGER NOT NULL, seconds REAL NOT NULL, outcome TEXT NOT NULL, service TEXT NOT NULL,
    module TEXT NOT NULL, function TEXT NOT NULL, tags TEXT NOT NULL, thread TEXT NOT NULL, file TEXT NOT NULL,
    line INTEGER NOT NULL) STRICT;
CREATE INDEX slow_call_ts ON slow_call(ts);
";

/// Exemplars that a store keeps.
const KEPT: i64 = 10_000;

/// Exemplars of one answer.
const ANSWERED: i64 = 1_000;

/// Adds exemplars; `service` is that of sites which name none.
pub(super) fn insert(connection: &Connection, calls: &[SlowCall], service: &str) -> rusqlite::Result<()> {
    if calls.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare(
        "INSERT INTO slow_call(ts, seconds, outcome, service, module, function, tags, thread, file, line)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for call in calls {
        let tags: BTreeMap<&str, &str> = call.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        insert.execute(params![
            to_micros(call.ended),
            call.duration.as_secs_f64(),
            call.outcome,
            call.service.as_deref().unwrap_or(service),
            call.module,
            call.function,
            serde_json::to_string(&tags).unwrap_or_default(),
            call.thread,
            call.file,
            call.line,
        ])?;
    }
    connection.execute("DELETE FROM slow_call WHERE id <= (SELECT max(id) FROM slow_call) - ?1", [KEPT])?;
    Ok(())
}

/// The newest exemplars in a window that `keep` accepts, newest first.
pub(super) fn load(
    connection: &Connection,
    window: Window,
    keep: impl Fn(&SlowCall) -> bool,
) -> rusqlite::Result<Vec<SlowCall>> {
    let mut select = connection.prepare(
        "SELECT ts, seconds, outcome, service, module, function, tags, thread, file, line FROM slow_call
         WHERE ts > ?1 AND ts <= ?2 ORDER BY ts DESC, id DESC LIMIT ?3",
    )?;
    let rows = select.query_map(params![window.after, window.until, KEPT], read)?;
    let mut calls = rows.collect::<rusqlite::Result<Vec<SlowCall>>>()?;
    calls.retain(keep);
    calls.truncate(ANSWERED as usize);
    Ok(calls)
}

fn read(row: &Row<'_>) -> rusqlite::Result<SlowCall> {
    let tags: BTreeMap<String, String> = serde_json::from_str(&row.get::<_, String>(6)?).unwrap_or_default();
    Ok(SlowCall {
        ended: from_micros(row.get(0)?),
        duration: Duration::try_from_secs_f64(row.get(1)?).unwrap_or_default(),
        outcome: row.get(2)?,
        service: Some(row.get(3)?),
        module: row.get(4)?,
        function: row.get(5)?,
        tags: tags.into_iter().collect(),
        thread: row.get(7)?,
        file: row.get(8)?,
        line: row.get(9)?,
    })
}
