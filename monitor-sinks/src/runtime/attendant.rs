//! What the background thread does at each flush beside storing samples: it lets somebody see them, and write what came of
//! them in the same transaction.
//!
//! The thread knows nothing of what that is; alerts are. The attendant stands behind a guard, as origins of samples do: a
//! panic in it is counted, said once, and costs what it does alone. One that panics again and again is given up.

use std::{any::Any, fmt::Debug, time::Duration};

use monitor_core::{MetricKind, Number, Sample, SeriesKey, Value, own};
use rusqlite::Transaction;

use super::sampler::caught;
use crate::{
    error::Error,
    store::{Derived, Origin, Placed, Store, Writer},
    util::report,
};

/// Somebody who is there at each flush. Instants are microseconds since 1970.
pub(super) trait Attendant: Send {
    /// When it wants a flush at the latest, if it wants one.
    fn due_us(&mut self, now_us: i64) -> Option<i64>;

    /// Looks at what is about to be stored, and sets what is derived from it and stored with it.
    fn look(
        &mut self,
        at_us: i64,
        writer: &mut Writer,
        samples: &mut dyn Iterator<Item = Placed<'_>>,
        derived: &mut Derived,
    );

    /// Whether it has something to write, and whether that must be safe from a loss of power.
    fn wants(&mut self, at_us: i64, generation: u64) -> Option<bool>;

    /// Writes it. May be called several times for one flush.
    fn write(&mut self, transaction: &Transaction<'_>, at_us: i64, generation: u64) -> rusqlite::Result<()>;

    /// Takes note that the flush was committed, with what it wrote.
    fn stored(&mut self, writer: &mut Writer, at_us: i64, has_written: bool);

    /// Takes note that it was not, and why.
    fn failed(&mut self, at_us: i64, error: &Error);

    /// Gets ready for the last flush.
    fn close(&mut self, at_us: i64);

    /// What it has counted: names with a label and its value, if they have one.
    fn figures(&self) -> Vec<Figure>;
}

/// A number that an attendant has counted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) label: Option<(&'static str, &'static str)>,
    pub(super) kind: MetricKind,
    pub(super) value: f64,
}

/// The settings of an attendant, which is opened when the monitor starts.
pub(super) trait Invitation: Debug + Send + Sync {
    /// Checks the settings and gets ready.
    fn open(&self, occasion: Occasion<'_>) -> Result<Box<dyn Attendant>, Error>;

    fn cloned(&self) -> Box<dyn Invitation>;

    #[allow(dead_code, reason = "there is nothing to set without the feature `rules`")]
    fn as_any(&mut self) -> &mut dyn Any;
}

/// What an attendant attends.
#[allow(dead_code, reason = "nobody attends without the feature `rules`")]
pub(super) struct Occasion<'a> {
    pub(super) service: &'a str,
    pub(super) interval: Duration,
    pub(super) store: Store,
    pub(super) writer: &'a mut Writer,
    pub(super) now_us: i64,
    /// Whether the monitor starts; else somebody else takes over while it runs.
    pub(super) is_first: bool,
}

/// The invitation that a builder has been given.
#[derive(Debug, Default)]
pub(super) struct Invited(Option<Box<dyn Invitation>>);

impl Clone for Invited {
    fn clone(&self) -> Self {
        Self(self.0.as_ref().map(|invitation| invitation.cloned()))
    }
}

impl Invited {
    /// The settings, which are made if there are none. There is one kind of them.
    #[allow(dead_code, reason = "there is nothing to set without the feature `rules`")]
    pub(super) fn settings<T: Invitation + Clone + Default + 'static>(&mut self, change: impl FnOnce(&mut T)) {
        let invitation = self.0.get_or_insert_with(|| Box::new(T::default()));
        if let Some(settings) = invitation.as_any().downcast_mut() {
            change(settings);
        }
    }

    /// Whoever is invited, at the start of a monitor.
    pub(super) fn attend(&self, occasion: Occasion<'_>) -> Result<Attendance, Error> {
        let (service, interval, store) = (occasion.service.to_owned(), occasion.interval, occasion.store.clone());
        let attendant = self.open(occasion)?;
        Ok(Attendance { service, interval, store, attendant, panics: 0, figures: Figures::default() })
    }

    fn open(&self, occasion: Occasion<'_>) -> Result<Option<Box<dyn Attendant>>, Error> {
        self.0.as_ref().map(|invitation| invitation.open(occasion)).transpose()
    }
}

/// How often an attendant may panic before it is given up.
const MOST_PANICS: u32 = 3;

/// An attendant whose panics go no further.
pub(super) struct Attendance {
    service: String,
    interval: Duration,
    store: Store,
    /// `None` where there is none, and once it was given up.
    attendant: Option<Box<dyn Attendant>>,
    panics: u32,
    pub(super) figures: Figures,
}

impl Attendance {
    pub(super) const fn is_there(&self) -> bool {
        self.attendant.is_some()
    }

    pub(super) fn due_us(&mut self, now_us: i64) -> Option<i64> {
        self.guarded(|attendant| attendant.due_us(now_us)).flatten()
    }

    /// What was derived by somebody who has been given up ends.
    pub(super) fn look(
        &mut self,
        at_us: i64,
        writer: &mut Writer,
        samples: &mut dyn Iterator<Item = Placed<'_>>,
        derived: &mut Derived,
    ) {
        if let Some(figures) = self.guarded(|attendant| {
            attendant.look(at_us, writer, samples, derived);
            attendant.figures()
        }) {
            self.figures.take(figures);
        }
        if !self.is_there() {
            derived.end_all();
        }
    }

    pub(super) fn wants(&mut self, at_us: i64, generation: u64) -> Option<bool> {
        self.guarded(|attendant| attendant.wants(at_us, generation)).flatten()
    }

    /// A panic in here fails this flush, and none after it.
    pub(super) fn write(&mut self, transaction: &Transaction<'_>, at_us: i64, generation: u64) -> rusqlite::Result<()> {
        let is_there = self.is_there();
        let failed = || Err(rusqlite::Error::ToSqlConversionFailure("alerts panicked".into()));
        let written = self.guarded(|attendant| attendant.write(transaction, at_us, generation));
        written.unwrap_or_else(|| if is_there { failed() } else { Ok(()) })
    }

    pub(super) fn stored(&mut self, writer: &mut Writer, at_us: i64, has_written: bool) {
        self.guarded(|attendant| attendant.stored(writer, at_us, has_written));
    }

    pub(super) fn failed(&mut self, at_us: i64, error: &Error) {
        self.guarded(|attendant| attendant.failed(at_us, error));
    }

    pub(super) fn close(&mut self, at_us: i64) {
        self.guarded(|attendant| attendant.close(at_us));
    }

    /// Gets somebody ready to take over. Who attends now stays until [`replace`](Self::replace).
    pub(super) fn successor(
        &self,
        invited: &Invited,
        writer: &mut Writer,
        now_us: i64,
    ) -> Result<Option<Box<dyn Attendant>>, Error> {
        let store = self.store.clone();
        invited.open(Occasion {
            service: &self.service,
            interval: self.interval,
            store,
            writer,
            now_us,
            is_first: false,
        })
    }

    pub(super) fn replace(&mut self, successor: Option<Box<dyn Attendant>>) {
        let before = std::mem::replace(&mut self.attendant, successor);
        let _ = caught(|| drop(before));
        self.panics = 0;
        self.figures.go_on();
    }

    fn guarded<T>(&mut self, work: impl FnOnce(&mut dyn Attendant) -> T) -> Option<T> {
        let attendant = self.attendant.as_deref_mut()?;
        match caught(|| work(attendant)) {
            Ok(done) => Some(done),
            Err(message) => {
                self.panicked(&message);
                None
            }
        }
    }

    fn panicked(&mut self, message: &str) {
        own::BACKGROUND_PANICS.add(1_u64);
        self.panics += 1;
        if self.panics >= MOST_PANICS {
            let attendant = self.attendant.take();
            let _ = caught(|| drop(attendant));
            report::line(format_args!(
                "alerts panicked {MOST_PANICS} times and are given up until the next start; recording goes on. Please \
                 report it: {message}"
            ));
        } else {
            report::line(format_args!("alerts panicked and go on; recording goes on: {message}"));
        }
    }
}

/// Figures as series. They never ask for a row, and ride along with the full row of each minute.
#[derive(Debug, Default)]
pub(super) struct Figures {
    keys: Vec<SeriesKey>,
    values: Vec<f64>,
    /// What has been stored.
    stored: Vec<f64>,
    /// What others have counted before.
    before: Vec<f64>,
}

impl Figures {
    fn take(&mut self, figures: Vec<Figure>) {
        if self.keys.is_empty() {
            self.keys = figures.iter().map(Figure::key).collect();
            self.stored = vec![0.0; figures.len()];
            self.before.clone_from(&self.stored);
        }
        self.values = figures.into_iter().zip(&self.before).map(|(figure, before)| figure.value + before).collect();
    }

    /// Lets somebody else count on.
    fn go_on(&mut self) {
        let counted = self.keys.iter().zip(&self.values);
        self.before = counted.map(|(key, value)| if key.kind == MetricKind::Counter { *value } else { 0.0 }).collect();
    }

    pub(super) fn samples(&self) -> impl Iterator<Item = Placed<'_>> {
        self.keys.iter().enumerate().map(|(index, key)| {
            let (value, stored) = (self.values[index], self.stored[index]);
            let whole = |value: f64| Number::Int(value as u64);
            let value = match key.kind {
                MetricKind::Counter => Value::Counter { total: whole(value), fresh: whole(value - stored) },
                _ => Value::Gauge(value),
            };
            Origin::Alerts.sample(Sample { index, key, value, changed: false })
        })
    }

    /// Takes note that they were in a row.
    pub(super) fn delivered(&mut self) {
        self.stored.clone_from(&self.values);
    }
}

impl Figure {
    fn key(&self) -> SeriesKey {
        let labels = self.label.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        SeriesKey { name: self.name.to_owned(), kind: self.kind, unit: String::new(), service: None, labels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(evaluations: f64, firing: f64) -> Vec<Figure> {
        vec![
            Figure { name: "evaluations_total", label: None, kind: MetricKind::Counter, value: evaluations },
            Figure { name: "firing", label: None, kind: MetricKind::Gauge, value: firing },
        ]
    }

    #[test]
    fn who_takes_over_counts_on() {
        let mut all = Figures::default();
        all.take(figures(5.0, 2.0));
        all.delivered();
        all.take(figures(7.0, 2.0));
        all.go_on();
        all.take(figures(1.0, 1.0));
        let samples: Vec<Value<'_>> = all.samples().map(|placed| placed.sample.value).collect();
        let (total, fresh) = (Number::Int(8), Number::Int(3));
        assert!(matches!(samples[0], Value::Counter { total: t, fresh: f } if (t, f) == (total, fresh)), "{samples:?}");
        assert!(matches!(samples[1], Value::Gauge(1.0)), "{samples:?}");
        all.go_on();
        all.take(figures(0.0, 0.0));
        assert_eq!(all.values, [8.0, 0.0]);
    }
}
