//! The tables of the seed document under the load: written as they are there, and as well as they can be.
//!
//! Both are slow, so they get a part of the load; what is measured of them does not depend on how long it goes on, or
//! grows with it.

use std::path::Path;

use monitor_core::{MetricKind, Sample, Value};
use rusqlite::{Connection, params};

use crate::{
    Outcome,
    load::{Load, SCALARS},
    measure::{Times, bytes},
};

/// Rows that the seed gathers before it writes them.
const GATHERED: usize = 100;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS app_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME, metric_name TEXT, metric_value REAL, metric_type TEXT,
    tags TEXT, service_name TEXT)";

const INSERT: &str = "INSERT INTO app_metrics
    (timestamp, metric_name, metric_value, metric_type, tags, service_name) VALUES (?, ?, ?, ?, ?, ?)";

/// What became of the load.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) flushes: usize,
    pub(crate) times: Times,
    pub(crate) bytes: u64,
}

impl Taken {
    /// Samples a second.
    pub(crate) fn rate(&self) -> f64 {
        self.samples() / self.times.total_s()
    }

    /// Bytes of the file, a sample.
    pub(crate) fn size(&self) -> f64 {
        self.bytes as f64 / self.samples()
    }

    fn samples(&self) -> f64 {
        (self.flushes * SCALARS) as f64
    }
}

/// As written: for every 100 rows the file is opened, the rows are inserted in one transaction, and it is closed. No
/// index, and the defaults of SQLite.
pub(crate) fn as_written(folder: &Path, flushes: usize) -> Outcome<Taken> {
    let path = folder.join("seed.db");
    Connection::open(&path)?.execute_batch(TABLE)?;
    let mut times = Times::default();
    let mut gathered = Vec::new();
    over_load("seed as written", flushes, |rows| {
        gathered.extend(rows);
        while gathered.len() >= GATHERED {
            let rows: Vec<Row> = gathered.drain(..GATHERED).collect();
            times.take(|| {
                let mut connection = Connection::open(&path)?;
                insert(&mut connection, &rows)?;
                connection.close().map_err(|(_, error)| error)
            })?;
        }
        Ok(())
    })?;
    Ok(Taken { flushes, times, bytes: bytes(&path) })
}

/// Tuned: one connection, a write-ahead log, an index by name and time, one transaction a flush, and the statement kept.
pub(crate) fn tuned(folder: &Path, flushes: usize) -> Outcome<Taken> {
    let path = folder.join("seed-tuned.db");
    let mut connection = Connection::open(&path)?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {TABLE};
         CREATE INDEX by_name ON app_metrics(metric_name, timestamp)"
    ))?;
    let mut times = Times::default();
    over_load("seed, tuned", flushes, |rows| {
        times.take(|| insert(&mut connection, &rows))?;
        Ok(())
    })?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(Taken { flushes, times, bytes: bytes(&path) })
}

/// A row as the seed makes it.
#[derive(Debug)]
struct Row {
    timestamp: String,
    name: String,
    value: f64,
    kind: &'static str,
    tags: String,
}

fn over_load(what: &str, flushes: usize, mut write: impl FnMut(Vec<Row>) -> Outcome<()>) -> Outcome<()> {
    let mut load = Load::new(None);
    let clock = Connection::open_in_memory()?;
    for at in 0..flushes {
        crate::progress(what, at, flushes);
        load.advance();
        // As the seed's language writes a time.
        let timestamp: String = clock.query_row(
            "SELECT strftime('%Y-%m-%d %H:%M:%S', ?1, 'unixepoch') || '.000000'",
            [load.at_us() / 1_000_000],
            |row| row.get(0),
        )?;
        write(load.samples().map(|sample| Row::new(&timestamp, &sample)).collect())?;
    }
    Ok(())
}

impl Row {
    fn new(timestamp: &str, sample: &Sample<'_>) -> Self {
        let value = match sample.value {
            Value::Counter { total, .. } => total.as_f64(),
            Value::Gauge(value) => value,
            _ => f64::NAN,
        };
        let tags: serde_json::Map<String, serde_json::Value> =
            sample.key.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        Self {
            timestamp: timestamp.to_owned(),
            name: sample.key.name.clone(),
            value,
            kind: if sample.key.kind == MetricKind::Counter { "counter" } else { "gauge" },
            tags: serde_json::Value::from(tags).to_string(),
        }
    }
}

fn insert(connection: &mut Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut statement = transaction.prepare_cached(INSERT)?;
        for row in rows {
            statement.execute(params![row.timestamp, row.name, row.value, row.kind, row.tags, "default"])?;
        }
    }
    transaction.commit()
}
