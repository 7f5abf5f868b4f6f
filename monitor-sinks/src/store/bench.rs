//! The way into the store for measurements and proofs: a writer that takes samples at times that are passed in.
//!
//! Nothing but this: it is the writer that a monitor uses, without its thread and its clock.

use std::{path::Path, time::Duration};

use monitor_core::Sample;

use super::{Origin, Retention, Settings, Store, Writer};
use crate::error::Error;

/// Records a day in seconds.
#[derive(Debug)]
pub struct Recorder {
    writer: Writer,
}

impl Recorder {
    /// Opens the store at `path` as of `at_us`, for flushes every `interval`.
    ///
    /// # Errors
    ///
    /// As for a monitor.
    pub fn open(path: impl AsRef<Path>, at_us: i64, interval: Duration, retention: Retention) -> Result<Self, Error> {
        let settings = Settings {
            service: String::from("bench"),
            interval,
            start_patience: Duration::from_secs(5),
            patience: Duration::from_secs(5),
            retention,
            vitals: false,
        };
        Ok(Self { writer: Writer::open(path.as_ref(), settings, at_us)? })
    }

    /// Stores what is told of the store itself too, as a monitor does; without it a file holds what it was given, and
    /// nothing else.
    #[must_use]
    pub fn with_vitals(mut self) -> Self {
        self.writer.tell_of_itself();
        self
    }

    /// One flush, in one transaction.
    ///
    /// # Errors
    ///
    /// As for a flush.
    pub fn flush<'a, I: Iterator<Item = Sample<'a>>>(
        &mut self,
        at_us: i64,
        samples: impl Fn() -> I,
    ) -> Result<(), Error> {
        self.writer.write(at_us, || samples().map(|sample| Origin::App.sample(sample)), &[]).map(|_| ())
    }

    /// A slice of what is due between flushes. Returns whether there is more.
    ///
    /// # Errors
    ///
    /// If the file cannot be written to.
    pub fn upkeep(&mut self, at_us: i64) -> Result<bool, Error> {
        self.writer.maintain(at_us)
    }

    /// The store, for queries.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::at(self.writer.path().clone())
    }

    /// Ends the recording.
    ///
    /// # Errors
    ///
    /// If the log cannot be moved into the file.
    pub fn close(self) -> Result<(), Error> {
        self.writer.close()
    }
}
