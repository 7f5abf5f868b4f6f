//! The newest value of each counter and gauge, in plain columns for strangers; and where our own readers look for series
//! that the newest recording does not have.

use monitor_core::{Sample, Value};
use rusqlite::Connection;

/// Rows of a statement. Many of them in one go take half the time: numbers of series follow each other, and a statement goes
/// from one row to the next without a search.
const ROWS: usize = 32;

/// Notes the values of `samples`, which are numbered, as of `ts`. Not-a-number has no plain form and is left out.
pub(super) fn write(connection: &Connection, ts: i64, samples: &[(u64, Sample<'_>)]) -> rusqlite::Result<()> {
    let value = |sample: &Sample<'_>| match sample.value {
        Value::Counter { total, .. } => Some(total.as_f64()),
        Value::Gauge(value) if !value.is_nan() => Some(value),
        _ => None,
    };
    let noted: Vec<(i64, f64)> =
        samples.iter().filter_map(|(series, sample)| Some((series.cast_signed(), value(sample)?))).collect();
    let (many, few) = noted.split_at(noted.len() - noted.len() % ROWS);
    replace(connection, ts, many, ROWS)?;
    replace(connection, ts, few, 1)
}

/// Writes `noted`, so many rows at a time, in the place of those of the same series.
fn replace(connection: &Connection, ts: i64, noted: &[(i64, f64)], rows: usize) -> rusqlite::Result<()> {
    let values: Vec<String> = (0..rows).map(|row| format!("(?{}, ?1, ?{})", 2 + 2 * row, 3 + 2 * row)).collect();
    let sql = format!("REPLACE INTO last_value(series, ts, value) VALUES {}", values.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    for some in noted.chunks_exact(rows) {
        statement.raw_bind_parameter(1, ts)?;
        for (place, (series, value)) in some.iter().enumerate() {
            statement.raw_bind_parameter(2 + 2 * place, series)?;
            statement.raw_bind_parameter(3 + 2 * place, value)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

/// Series with the time as of which their values were noted.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<(u64, i64, f64)>> {
    let mut statement = connection.prepare_cached("SELECT series, ts, value FROM last_value ORDER BY series")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?, row.get(2)?)))?;
    rows.collect()
}
