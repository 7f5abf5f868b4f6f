//! Writes what changed, one transaction a flush.
//!
//! The writer takes values and does not own them: when a transaction fails, nothing was stored, nothing was forgotten,
//! and the next flush brings the same values with whatever was added. Only what a commit has made safe enters the
//! writer's own memory (the numbers of new series, the time of the newest row).
//!
//! Times ascend strictly. A flush whose time is not after the newest row, because the wall clock went back or two flushes
//! fell into one millisecond, is stored a millisecond after that row.
//!
//! A row holds the changed series only, but the first row of a recording and the first of each minute are full. So a
//! reader that needs the state at some time looks back a minute, never further, and a series that nobody has written for
//! minutes is known to be gone rather than unchanged.

use std::{path::Path, sync::Arc, time::Duration};

use monitor_core::{Distribution, Number, Sample, SlowCall, Value};
use rusqlite::{Connection, TransactionBehavior, params};

use super::{head::Encoder, lease::Lease, schema, series, slow};
use crate::{
    error::Error,
    util::{guard::checksum, report, time::duration_millis},
};

/// How often a full row is due.
pub(crate) const FULL_EVERY_MS: i64 = 60_000;

/// The name in `meta` of the flush interval, which tells readers when a gauge is out of date.
pub(crate) const INTERVAL_KEY: &str = "interval_ms";

/// How a writer treats its store.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The service of series that name none.
    pub(crate) service: String,
    /// The flush interval, for the readers.
    pub(crate) interval: Duration,
    /// How long opening waits for a locked database.
    pub(crate) start_patience: Duration,
    /// How long a flush waits for a locked database.
    pub(crate) patience: Duration,
}

/// The one connection that writes to a store.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
    path: Arc<Path>,
    settings: Settings,
    /// Which file the connection has open.
    file: Option<Identity>,
    /// The series numbers by index of the sample.
    ids: Vec<Option<u64>>,
    run: u64,
    /// The minute of the newest full row.
    full_minute: Option<i64>,
    buffer: Vec<u8>,
    /// `None` only between the loss of a file and the opening of the one in its place. Last, so that the connection is
    /// closed before another writer may come.
    lease: Option<Lease>,
}

impl Writer {
    /// Opens the store at `path`, which it creates if need be, and takes its lease. `now_ms` is the wall-clock time.
    pub(crate) fn open(path: &Path, settings: Settings, now_ms: i64) -> Result<Self, Error> {
        let path = schema::resolve(path);
        schema::inspect(&path, settings.start_patience)?;
        let lease = Lease::take(&path)?;
        let connection = schema::open_for_writing(&path, settings.start_patience)?;
        let failed = |error| Error::sqlite("prepare", &path, settings.start_patience, error);
        connection
            .execute(
                "INSERT INTO meta(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v",
                params![INTERVAL_KEY, duration_millis(settings.interval)],
            )
            .map_err(failed)?;
        // After the newest row, so that no two recordings share a name, whatever the wall clock did in between.
        let run = newest(&connection).map_err(failed)?.map_or(now_ms, |newest| now_ms.max(newest.saturating_add(1)));
        connection.busy_timeout(settings.patience).map_err(failed)?;
        Ok(Self {
            connection,
            file: identity(&path),
            path: path.into(),
            settings,
            ids: Vec::new(),
            run: u64::try_from(run).unwrap_or(0),
            full_minute: None,
            buffer: Vec::new(),
            lease: Some(lease),
        })
    }

    /// Where the store lies.
    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Sets how long a flush waits for a locked database.
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        if self.connection.busy_timeout(patience).is_ok() {
            self.settings.patience = patience;
        }
    }

    /// Stores what changed, as of `at_ms`, and exemplars of slow calls. When this returns without an error, it is committed.
    ///
    /// Returns the time of the new row, `None` if there was nothing to write.
    pub(crate) fn write<'a>(
        &mut self,
        at_ms: i64,
        samples: impl Iterator<Item = Sample<'a>>,
        slow_calls: &[SlowCall],
    ) -> Result<Option<i64>, Error> {
        self.follow_path(at_ms)?;
        let buffer = std::mem::take(&mut self.buffer);
        self.transact(at_ms, samples, slow_calls, buffer)
            .map_err(|error| Error::sqlite("write to", &self.path, self.settings.patience, error))
    }

    /// Opens the store anew if its file was deleted or replaced, because what went into the old one would be seen by
    /// nobody. The recording goes on in the new one; what the old one held went with it.
    fn follow_path(&mut self, now_ms: i64) -> Result<(), Error> {
        if self.lease.is_some() && (self.file.is_none() || self.file == identity(&self.path)) {
            return Ok(());
        }
        // The file of the lease may have gone as well, and then the lock on it excludes nobody.
        self.lease = None;
        // Opening may not wait as it does at the start: a flush is waiting for it.
        let settings = Settings { start_patience: self.settings.patience, ..self.settings.clone() };
        *self = Self { run: self.run, ..Self::open(&self.path, settings, now_ms)? };
        report::line(format_args!("metric store {} was removed or replaced; a new one was begun", self.path.display()));
        Ok(())
    }

    fn transact<'a>(
        &mut self,
        at_ms: i64,
        samples: impl Iterator<Item = Sample<'a>>,
        slow_calls: &[SlowCall],
        buffer: Vec<u8>,
    ) -> rusqlite::Result<Option<i64>> {
        let full = self.full_minute != Some(at_ms.div_euclid(FULL_EVERY_MS));
        let mut samples: Vec<Sample<'a>> = samples.collect();
        let is_idle = samples.is_empty() || !(full || samples.iter().any(|sample| sample.changed));
        if is_idle && slow_calls.is_empty() {
            self.buffer = buffer;
            return Ok(None);
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        slow::insert(&transaction, slow_calls, &self.settings.service)?;
        let ts = newest(&transaction)?.map_or(at_ms, |newest| at_ms.max(newest.saturating_add(1)));

        let mut new = Vec::new();
        let mut numbered = Vec::with_capacity(samples.len());
        for sample in samples.drain(..) {
            let known = self.ids.get(sample.index).copied().flatten();
            let id = match known {
                None if full || sample.changed => {
                    let id = series::resolve(&transaction, sample.key, &self.settings.service, ts)?;
                    new.extend(id.map(|id| (sample.index, id)));
                    id
                }
                known => known,
            };
            numbered.extend(id.map(|id| (id, sample)));
        }
        // Stable, so that samples of one series stay in the order in which they came.
        numbered.sort_by_key(|entry| entry.0);
        let mut encoder = Encoder::new(buffer, self.run, full);
        for same in numbered.chunk_by(|a, b| a.0 == b.0) {
            put(&mut encoder, full, same);
        }

        if encoder.entries() > 0 {
            transaction.prepare("INSERT INTO head(ts, n, crc, b) VALUES(?1, ?2, ?3, ?4)")?.execute(params![
                ts,
                encoder.entries(),
                checksum(ts, encoder.bytes()),
                encoder.bytes()
            ])?;
        }
        transaction.commit()?;

        let written = (encoder.entries() > 0).then_some(ts);
        self.buffer = encoder.into_buffer();
        for (index, id) in new {
            if self.ids.len() <= index {
                self.ids.resize(index + 1, None);
            }
            self.ids[index] = Some(id);
        }
        if full {
            self.full_minute = Some(at_ms.div_euclid(FULL_EVERY_MS));
        }
        Ok(written)
    }

    /// Moves the log into the file and closes it.
    pub(crate) fn close(self) -> Result<(), Error> {
        let failed = |error| Error::sqlite("close", &self.path, self.settings.patience, error);
        // A reader that is at work keeps the log alive. It is complete and the next writer takes it over.
        match self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed) {
            Err(error) if !error.is_locked() => return Err(error),
            _ => {}
        }
        self.connection.close().map_err(|(_, error)| failed(error))
    }
}

/// Appends the value of one series. Several samples are one series if a site names the monitor's own service and another
/// leaves it out: their counters and distributions add up, and the gauge that changed counts.
fn put(encoder: &mut Encoder, full: bool, same: &[(u64, Sample<'_>)]) {
    let changed = same.iter().any(|(_, sample)| sample.changed);
    let Some(&(id, first)) = same.first().filter(|_| full || changed) else { return };
    if let [_] = same {
        encoder.put(id, first.value);
        return;
    }
    let mut merged = (Number::ZERO, Number::ZERO);
    let mut distribution = Distribution::new();
    let mut gauge = None;
    for (_, sample) in same {
        match sample.value {
            Value::Counter { total, fresh } => {
                merged.0 += total;
                merged.1 += fresh;
            }
            Value::Gauge(value) if sample.changed || gauge.is_none() => gauge = Some(value),
            Value::Distribution(values) => distribution.merge(values),
            _ => {}
        }
    }
    match first.value {
        Value::Counter { .. } => encoder.put(id, Value::Counter { total: merged.0, fresh: merged.1 }),
        Value::Gauge(value) => encoder.put(id, Value::Gauge(gauge.unwrap_or(value))),
        _ => encoder.put(id, Value::Distribution(&distribution)),
    }
}

fn newest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.prepare("SELECT max(ts) FROM head")?.query_row([], |row| row.get(0))
}

/// What tells a file from another one that takes its place under the same path.
type Identity = (u64, u64);

/// The file at `path`; `None` where there is none or the system does not tell files apart. The writer keeps its file
/// open, so that no other can get the same numbers.
#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
const fn identity(_path: &Path) -> Option<Identity> {
    None
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        registry::{Registry, key},
        store::{Entry, Found, Store, Window},
    };

    const START: i64 = 1_700_000_040_000;

    fn open(path: &Path, now_ms: i64) -> Writer {
        let settings = Settings {
            service: String::from("test"),
            interval: Duration::from_secs(1),
            start_patience: Duration::ZERO,
            patience: Duration::ZERO,
        };
        Writer::open(path, settings, now_ms).unwrap()
    }

    fn write(writer: &mut Writer, registry: &mut Registry, at_ms: i64) -> Result<Option<i64>, Error> {
        let samples = registry.samples().map(|(index, key, value, changed)| Sample { index, key, value, changed });
        let written = writer.write(at_ms, samples, &[]);
        if written.is_ok() {
            registry.delivered();
        }
        written
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        (folder, path)
    }

    /// Time, run, fullness and number of entries of each row.
    fn rows(path: &Path) -> Vec<(i64, u64, bool, usize)> {
        let mut rows = Vec::new();
        let reader = Store::open_read_only(path).unwrap().reader().unwrap();
        reader
            .scan(Window::ALL, &mut |found| match found {
                Found::Row(ts, row) => rows.push((ts, row.run, row.full, row.entries().count())),
                Found::Damaged(warning) => panic!("{warning}"),
            })
            .unwrap();
        rows
    }

    #[test]
    fn times_ascend_even_when_the_clock_goes_back() {
        let (_folder, path) = folder();
        let mut registry = Registry::default();
        let mut writer = open(&path, START);
        let mut written = Vec::new();
        for at in [START, START + 1_000, START + 1_000, START - 7_200_000, START - 7_199_000, START + 2_000] {
            registry.count("rows", &[], 1);
            written.push(write(&mut writer, &mut registry, at).unwrap().unwrap() - START);
        }
        assert_eq!(written, [0, 1_000, 1_001, 1_002, 1_003, 2_000]);
    }

    #[test]
    fn what_did_not_change_is_written_once_a_minute() {
        let (_folder, path) = folder();
        let mut registry = Registry::default();
        registry.count("rows", &[], 1);
        registry.gauge("level", &[], 0.5);
        let mut writer = open(&path, START);
        for second in 0..130 {
            if second == 10 {
                registry.count("rows", &[], 1);
            }
            write(&mut writer, &mut registry, START + second * 1_000).unwrap();
        }
        let run = START.unsigned_abs();
        // The recording begins 40 s into a minute: full rows at its first flush and at each whole minute.
        let minute = START + 60_000 - START.rem_euclid(60_000);
        assert_eq!(
            rows(&path),
            [
                (START, run, true, 2),
                (START + 10_000, run, false, 1),
                (minute, run, true, 2),
                (minute + 60_000, run, true, 2)
            ]
        );
    }

    #[test]
    fn an_empty_registry_writes_nothing() {
        let (_folder, path) = folder();
        let mut writer = open(&path, START);
        assert_eq!(write(&mut writer, &mut Registry::default(), START).unwrap(), None);
        assert!(rows(&path).is_empty());
    }

    #[test]
    fn a_failed_flush_is_made_up_for_by_the_next() {
        let (_folder, path) = folder();
        let mut registry = Registry::default();
        let mut writer = open(&path, START);
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        registry.count("rows", &[], 3);
        assert!(write(&mut writer, &mut registry, START).unwrap_err().is_locked());
        other.execute_batch("ROLLBACK").unwrap();
        registry.count("rows", &[], 4);
        write(&mut writer, &mut registry, START + 1_000).unwrap();
        let reader = Store::open_read_only(&path).unwrap().reader().unwrap();
        let mut increases = Vec::new();
        reader
            .scan(Window::ALL, &mut |found| {
                let Found::Row(_, row) = found else { return };
                for (_, entry) in row.entries().flatten() {
                    let Entry::Counter { increase, .. } = entry else { continue };
                    increases.push(increase);
                }
            })
            .unwrap();
        assert_eq!(increases, [Number::Int(7)]);
    }

    #[test]
    fn each_recording_has_a_name_of_its_own_whatever_the_clock_says() {
        let (_folder, path) = folder();
        for start in [START, START, START - 500_000] {
            let mut registry = Registry::default();
            registry.count("rows", &[], 1);
            let mut writer = open(&path, start);
            write(&mut writer, &mut registry, start).unwrap();
            writer.close().unwrap();
        }
        let mut runs: Vec<u64> = rows(&path).iter().map(|row| row.1).collect();
        runs.dedup();
        assert_eq!(runs.len(), 3);
        assert!(runs.is_sorted());
    }

    #[test]
    fn equal_labels_are_one_series_over_all_recordings() {
        let (_folder, path) = folder();
        for at in [START, START + 1_000] {
            let mut registry = Registry::default();
            registry.add(key(monitor_core::MetricKind::Counter, "rows", &[("b", "2"), ("a", "1")]), Number::Int(1));
            let mut writer = open(&path, at);
            write(&mut writer, &mut registry, at).unwrap();
        }
        assert_eq!(Store::open_read_only(&path).unwrap().reader().unwrap().series(None).unwrap().len(), 1);
    }

    #[test]
    fn a_clean_end_leaves_one_file_and_the_lease() {
        let (folder, path) = folder();
        let mut registry = Registry::default();
        registry.count("rows", &[], 1);
        let mut writer = open(&path, START);
        write(&mut writer, &mut registry, START).unwrap();
        writer.close().unwrap();
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["metrics.db", "metrics.db-lock"]);
    }
}
