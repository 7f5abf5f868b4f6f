//! How the store itself is: what a flush takes, how large the files are, whether a reader holds the log.
//!
//! The values are series like any other, of an origin of their own. They must not be the reason that an idle program writes:
//! so they never ask for a row, and ride along with the full row of each minute, from the second one of a recording on. In
//! between they cost a reading of the clock a flush; with the row they cost two looks at files and one at the header of the
//! database. Nothing here is allocated but once.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use monitor_core::{MetricKind, Number, Sample, SeriesKey, Value};
use rusqlite::Connection;

use super::schema::beside;

/// The log is moved into the file when it has grown to half of this. If it is larger, somebody kept it from that.
const LARGE_LOG: u64 = 4 << 20;

/// A value and what it is called. Names are never used for anything else.
#[derive(Debug, Clone, Copy)]
enum Vital {
    Flushes,
    FlushSeconds,
    LongestFlush,
    UpkeepSeconds,
    PinnedCheckpoints,
    LogBytes,
    FileBytes,
    FreeBytes,
    WaitingRows,
    Series,
}

const COUNT: usize = 10;

/// In the order of [`Vital`].
const NAMES: [(&str, MetricKind, &str); COUNT] = [
    ("monitored_store_flushes_total", MetricKind::Counter, ""),
    ("monitored_store_flush_seconds_total", MetricKind::Counter, "seconds"),
    ("monitored_store_longest_flush_seconds", MetricKind::Gauge, "seconds"),
    ("monitored_store_upkeep_seconds_total", MetricKind::Counter, "seconds"),
    ("monitored_store_pinned_checkpoints_total", MetricKind::Counter, ""),
    ("monitored_store_wal_bytes", MetricKind::Gauge, "bytes"),
    ("monitored_store_file_bytes", MetricKind::Gauge, "bytes"),
    ("monitored_store_free_bytes", MetricKind::Gauge, "bytes"),
    ("monitored_store_waiting_rows", MetricKind::Gauge, ""),
    ("monitored_store_series", MetricKind::Gauge, ""),
];

/// The state of a store, as its writer sees it.
#[derive(Debug)]
pub(super) struct Vitals {
    keys: [SeriesKey; COUNT],
    values: [f64; COUNT],
    /// The values that have been stored.
    stored: [f64; COUNT],
    log: PathBuf,
    /// Whether it is time to look if somebody holds the log.
    is_look_due: bool,
}

impl Vitals {
    pub(super) fn of(path: &Path) -> Self {
        let key = |(name, kind, unit): (&str, MetricKind, &str)| SeriesKey {
            name: name.to_owned(),
            kind,
            unit: unit.to_owned(),
            service: None,
            labels: Vec::new(),
        };
        Self {
            keys: NAMES.map(key),
            values: [0.0; COUNT],
            stored: [0.0; COUNT],
            log: beside(path, "-wal"),
            is_look_due: false,
        }
    }

    /// Takes note of a flush that was committed.
    pub(super) fn flushed(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.values[Vital::Flushes as usize] += 1.0;
        self.values[Vital::FlushSeconds as usize] += took;
        let longest = &mut self.values[Vital::LongestFlush as usize];
        *longest = longest.max(took);
    }

    /// Takes note of a slice of upkeep.
    pub(super) fn tidied(&mut self, took: Duration) {
        self.values[Vital::UpkeepSeconds as usize] += took.as_secs_f64();
    }

    /// Looks at the files, for the row that is about to be written.
    pub(super) fn measure(
        &mut self,
        connection: &Connection,
        path: &Path,
        waiting_rows: u64,
        series: usize,
    ) -> rusqlite::Result<()> {
        let bytes = |path: &Path| fs::metadata(path).map_or(0.0, |file| file.len() as f64);
        let number = |pragma: &str| {
            connection.prepare_cached(pragma)?.query_row([], |row| row.get::<_, i64>(0)).map(|number| number as f64)
        };
        self.values[Vital::LogBytes as usize] = bytes(&self.log);
        self.values[Vital::FileBytes as usize] = bytes(path);
        self.values[Vital::FreeBytes as usize] = number("PRAGMA freelist_count")? * number("PRAGMA page_size")?;
        self.values[Vital::WaitingRows as usize] = waiting_rows as f64;
        self.values[Vital::Series as usize] = series as f64;
        self.is_look_due = true;
        Ok(())
    }

    /// Moves the log into the file if it is too large, and counts if a reader keeps it from that. Does so once a minute.
    pub(super) fn look_at_log(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let is_due = std::mem::take(&mut self.is_look_due);
        if !is_due || self.values[Vital::LogBytes as usize] < LARGE_LOG as f64 {
            return Ok(());
        }
        let mut checkpoint = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
        let is_pinned = checkpoint.query_row([], |row| Ok(row.get::<_, i64>(1)? > row.get::<_, i64>(2)?))?;
        self.values[Vital::PinnedCheckpoints as usize] += f64::from(u8::from(is_pinned));
        Ok(())
    }

    /// The values. None of them counts as changed.
    pub(super) fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.keys.iter().enumerate().map(|(index, key)| {
            let (value, stored) = (self.values[index], self.stored[index]);
            let value = match key.kind {
                MetricKind::Counter => Value::Counter { total: number(value), fresh: number(value - stored) },
                _ => Value::Gauge(value),
            };
            Sample { index, key, value, changed: false }
        })
    }

    /// Takes note that the values have been stored.
    pub(super) fn delivered(&mut self) {
        self.stored = self.values;
        self.values[Vital::LongestFlush as usize] = 0.0;
    }
}

/// Whole numbers as such, so that counts stay exact for ever.
fn number(value: f64) -> Number {
    if value.fract() == 0.0 { Number::Int(value as u64) } else { Number::Float(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(vitals: &Vitals, name: &str) -> f64 {
        let found = vitals.samples().find(|sample| sample.key.name == name).unwrap();
        assert!(!found.changed, "it asks for no row");
        match found.value {
            Value::Counter { total, .. } => total.as_f64(),
            Value::Gauge(value) => value,
            _ => f64::NAN,
        }
    }

    #[test]
    fn counters_go_on_and_the_longest_flush_begins_anew() {
        let mut vitals = Vitals::of(Path::new("metrics.db"));
        for millis in [2, 9, 4] {
            vitals.flushed(Duration::from_millis(millis));
        }
        vitals.delivered();
        vitals.flushed(Duration::from_millis(5));
        let close = |name: &str, wanted: f64| assert!((value(&vitals, name) - wanted).abs() < 1e-9, "{name}");
        close("monitored_store_flushes_total", 4.0);
        close("monitored_store_flush_seconds_total", 0.020);
        close("monitored_store_longest_flush_seconds", 0.005);
        let fresh = vitals.samples().find_map(|sample| match sample.value {
            Value::Counter { fresh, .. } => Some(fresh),
            _ => None,
        });
        assert_eq!(fresh.map(Number::as_f64).map(f64::to_bits), Some(1.0_f64.to_bits()));
    }
}
