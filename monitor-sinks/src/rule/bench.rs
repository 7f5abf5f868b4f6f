//! The way into the engine for measurements: rules over samples at times that are passed in, without a monitor's thread and
//! clock.

use std::{path::Path, time::Duration};

use monitor_core::Sample;

use super::{
    Group, Rule,
    engine::{Engine, Limits, Moment, Settings},
};
use crate::{
    error::Error,
    notify::outbox,
    store::{Derived, Origin, Retention, Rider, Store, Writer},
};

/// Rules beside a recording with a flush each second.
#[derive(Debug)]
pub struct Watch {
    writer: Writer,
    engine: Engine,
    derived: Derived,
    steady_ms: u64,
}

impl Watch {
    /// Opens the store at `path` as of `at_ms`, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// As for a monitor.
    pub fn open(path: impl AsRef<Path>, rules: Vec<Rule>, at_ms: i64) -> Result<Self, Error> {
        Self::open_groups(path, vec![Group::of_rules("bench", rules)], at_ms)
    }

    /// As [`open`](Self::open), with rules in groups.
    ///
    /// # Errors
    ///
    /// As for a monitor.
    pub fn open_groups(path: impl AsRef<Path>, groups: Vec<Group>, at_ms: i64) -> Result<Self, Error> {
        let second = Duration::from_secs(1);
        let settings = crate::store::Settings {
            service: String::from("bench"),
            interval: second,
            start_patience: second,
            patience: second,
            retention: Retention::default(),
            vitals: false,
        };
        let path = path.as_ref();
        let mut writer = Writer::open(path, settings, at_ms * 1_000)?;
        let settings = Settings {
            groups,
            objectives: false,
            every: Some(second),
            flush_every: second,
            recipients: Vec::new(),
            service: String::from("bench"),
            instance: String::from("bench"),
            limits: Limits { share: 0, ..Limits::USUAL },
        };
        let store = Store::open_read_only(path)?.promql_source();
        let failed = |error| Error::sqlite("prepare", path, second, error);
        let connection = writer.connection().ok_or_else(|| Error::setting("the store is closed"))?;
        outbox::create(connection).map_err(failed)?;
        let moment = Moment { wall_ms: at_ms, steady_ms: 0 };
        let engine = Engine::open(settings, connection, store, moment).map_err(failed)?;
        Ok(Self { writer, engine, derived: Derived::new(10_000), steady_ms: 0 })
    }

    /// The first half of a flush at `at_ms`, a second after the one before: takes the samples in, evaluates the rules, decides
    /// who is told.
    pub fn evaluate<'a>(&mut self, at_ms: i64, samples: impl Iterator<Item = Sample<'a>>) {
        self.steady_ms += 1_000;
        let moment = Moment { wall_ms: at_ms, steady_ms: self.steady_ms };
        let connection = self.writer.connection().map(|connection| &*connection);
        let samples = samples.map(|sample| Origin::App.sample(sample));
        self.engine.flush(moment, connection, samples, &mut self.derived);
    }

    /// The other half: stores the samples, and what came of them.
    ///
    /// # Errors
    ///
    /// As for a flush.
    pub fn store<'a, I: Iterator<Item = Sample<'a>>>(
        &mut self,
        at_ms: i64,
        samples: impl Fn() -> I,
    ) -> Result<(), Error> {
        let Self { writer, engine, derived, .. } = self;
        let is_unsaved = engine.is_unsaved(writer.generation(), false);
        let mut write =
            |transaction: &rusqlite::Transaction<'_>, generation| engine.write(transaction, generation, false);
        let rider = is_unsaved.then_some(Rider { is_durable: false, write: &mut write });
        let samples = || samples().map(|sample| Origin::App.sample(sample)).chain(derived.samples());
        writer.write_with(at_ms * 1_000, samples, &[], rider)?;
        derived.delivered();
        if is_unsaved {
            engine.committed(writer.generation(), false);
        }
        engine.delivered();
        Ok(())
    }

    /// Seals and drops what is due, as the thread does between flushes.
    ///
    /// # Errors
    ///
    /// As for a flush.
    pub fn tidy(&mut self, at_ms: i64) -> Result<(), Error> {
        while self.writer.maintain(at_ms * 1_000)? {}
        Ok(())
    }

    /// How many evaluations there have been, and how many of them failed.
    #[must_use]
    pub fn evaluations(&self) -> (u64, u64) {
        let figures = self.engine.figures();
        (figures.evaluations, figures.failures)
    }
}
