//! A recording whose clock the test turns: what it flushes is stored at the time that the test says.

use std::{path::Path, time::Duration};

use monitor_core::Sample;
use monitor_sinks::{Retention, Store, store::bench::Recorder};

use super::Registry;

/// A whole hour, in microseconds.
pub(crate) const START: i64 = 1_700_002_800_000_000;
pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// A recording from [`START`] on.
pub(crate) struct Tape {
    recorder: Recorder,
    pub(crate) registry: Registry,
}

impl Tape {
    /// Begins a recording at `at` that flushes every `every`, both in microseconds.
    pub(crate) fn record(path: &Path, at: i64, every: i64, retention: Retention) -> Self {
        let every = Duration::from_micros(every.unsigned_abs());
        let recorder = Recorder::open(path, at, every, retention).unwrap();
        Self { recorder, registry: Registry::default() }
    }

    /// Stores what changed as of `at`.
    pub(crate) fn flush(&mut self, at: i64) {
        let registry = &self.registry;
        let samples = || registry.samples().map(|(index, key, value, changed)| Sample { index, key, value, changed });
        self.recorder.flush(at, samples).unwrap();
        self.registry.delivered();
    }

    /// Seals, rolls up and drops what is due at `at`.
    pub(crate) fn upkeep(&mut self, at: i64) {
        while self.recorder.upkeep(at).unwrap() {}
    }

    /// Does a slice of that.
    pub(crate) fn upkeep_a_bit(&mut self, at: i64) {
        self.recorder.upkeep(at).unwrap();
    }

    pub(crate) fn store(&self) -> Store {
        self.recorder.store()
    }

    /// Ends the recording in order.
    pub(crate) fn stop(self) {
        self.recorder.close().unwrap();
    }
}

/// An instant in microseconds.
pub(crate) fn time(micros: i64) -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())
}

/// The inverse of [`time`].
pub(crate) fn micros(time: std::time::SystemTime) -> i64 {
    time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_micros().try_into().unwrap()
}
