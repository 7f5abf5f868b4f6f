//! The newest value of each counter and gauge, in plain columns for strangers; and where our own readers look for series
//! that the newest recording does not have.

use monitor_core::{Sample, Value};
use rusqlite::{Connection, params};

/// Notes the values of `samples`, which are numbered, as of `ts`. Not-a-number has no plain form and is left out.
pub(super) fn write(connection: &Connection, ts: i64, samples: &[(u64, Sample<'_>)]) -> rusqlite::Result<()> {
    // Nearly all are there already, and an update is cheaper than an insertion that turns into one.
    let mut update = connection.prepare_cached("UPDATE last_value SET ts = ?2, value = ?3 WHERE series = ?1")?;
    let mut insert = connection.prepare_cached("INSERT INTO last_value(series, ts, value) VALUES(?1, ?2, ?3)")?;
    for (series, sample) in samples {
        let value = match sample.value {
            Value::Counter { total, .. } => total.as_f64(),
            Value::Gauge(value) if !value.is_nan() => value,
            _ => continue,
        };
        let row = params![series.cast_signed(), ts, value];
        if update.execute(row)? == 0 {
            insert.execute(row)?;
        }
    }
    Ok(())
}

/// Series with the time as of which their values were noted.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<(u64, i64, f64)>> {
    let mut statement = connection.prepare_cached("SELECT series, ts, value FROM last_value ORDER BY series")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?, row.get(2)?)))?;
    rows.collect()
}
