//! What was recorded up to now, stored or not, for questions that cannot wait for the next flush.
//!
//! Only the background thread has the collector, and a second one would see nothing of what came before it. So whoever
//! wants to know asks the thread. It folds in what was recorded, as a drain does, and copies the values; nothing is marked
//! as delivered, and the next flush stores what it would have stored anyway.
//!
//! Invariant: a [`Moment`] says which row was the newest when its values were read. What was recorded is in the rows of
//! the recording up to that one, or in the fresh part of the moment, and in one of them only. Rows that come later must
//! not be added to it.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use crossbeam_channel::{Sender, bounded};
use monitor_core::{Distribution, Number, Sample, SeriesKey, Value};

/// Longer than a drain takes. While the store is locked, the thread may have no time.
const PATIENCE: Duration = Duration::from_secs(1);

/// A way to the values of a recording, for as long as that lasts.
#[derive(Clone)]
pub(crate) struct Live(Arc<Leave>);

/// Leaves a question with the thread. `false` if that cannot be done in this time.
type Leave = dyn Fn(Look, Duration) -> bool + Send + Sync;

/// The values of a recording at one moment.
#[derive(Debug)]
pub(crate) struct Moment {
    /// When, in microseconds since 1970.
    pub(crate) at_us: i64,
    /// The time of the newest row; `None` if this recording has none yet.
    pub(crate) stored_us: Option<i64>,
    /// The name of the recording, which is when it began.
    pub(crate) run: u64,
    /// Of each series its key, with the service that it belongs to, and its value.
    pub(crate) values: Vec<(SeriesKey, Current)>,
}

/// The value of a series.
#[derive(Debug, Clone)]
pub(crate) enum Current {
    /// What was counted in this recording, and how much of it is not stored.
    Counter {
        total: Number,
        fresh: Number,
    },
    Gauge(f64),
    /// What was recorded and is not stored.
    Distribution(Distribution),
}

/// What is asked of the thread: the series of these metrics, of all if none are named.
#[derive(Debug)]
pub(crate) struct Look {
    names: Option<BTreeSet<String>>,
    reply: Sender<Moment>,
}

impl Live {
    /// `leave` leaves a question with the thread, and says whether that could be done in the time given.
    pub(crate) fn new(leave: impl Fn(Look, Duration) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(leave))
    }

    /// The values of these metrics, of all if none are named. `None` if the recording is over, or if its thread does not
    /// answer within a second or two, or within what is left of the time.
    pub(crate) fn moment(&self, names: Option<BTreeSet<String>>, left: Option<Duration>) -> Option<Moment> {
        let patience = left.map_or(PATIENCE, |left| left.min(PATIENCE));
        let (reply, answer) = bounded(1);
        let is_left = (self.0)(Look { names, reply }, patience);
        is_left.then(|| answer.recv_timeout(patience).ok()).flatten()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Look {
    /// Answers with the series that are asked for among all of these; `moment` has none yet.
    pub(crate) fn answer<'a>(self, samples: impl Iterator<Item = Sample<'a>>, service: &str, mut moment: Moment) {
        for sample in samples {
            if self.names.as_ref().is_none_or(|names| names.contains(&sample.key.name))
                && let Some(value) = Current::of(sample.value)
            {
                let mut key = sample.key.clone();
                key.service.get_or_insert_with(|| service.to_owned());
                moment.values.push((key, value));
            }
        }
        // Who does not wait any more does not need it.
        let _ = self.reply.send(moment);
    }
}

impl Current {
    /// `None` for values of a kind that cannot be stored either.
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Counter { total, fresh } => Some(Self::Counter { total, fresh }),
            Value::Gauge(value) => Some(Self::Gauge(value)),
            Value::Distribution(fresh) => Some(Self::Distribution(fresh.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn who_has_no_time_left_does_not_wait() {
        let (questions, _thread) = bounded(1);
        let live = Live::new(move |look, patience| questions.send_timeout(look, patience).is_ok());
        let begun = Instant::now();
        assert!(live.moment(None, Some(Duration::ZERO)).is_none());
        assert!(begun.elapsed() < PATIENCE);
    }
}
