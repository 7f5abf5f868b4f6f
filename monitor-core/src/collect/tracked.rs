//! The series of one recording, with their totals and what has not been delivered yet.

use std::collections::HashMap;

use crate::distribution::Distribution;
use crate::sample::{MetricKind, Number, Sample, SeriesKey, Value};

/// All series, numbered in order of appearance.
#[derive(Debug, Default)]
pub(super) struct TrackedSet {
    list: Vec<Tracked>,
    index: HashMap<SeriesKey, usize>,
}

/// One series.
#[derive(Debug)]
pub(super) struct Tracked {
    key: SeriesKey,
    state: State,
}

#[derive(Debug)]
enum State {
    Counter { total: Number, fresh: Number },
    Gauge { value: f64, delivered: Option<u64>, is_level: bool },
    Distribution(Distribution),
}

impl TrackedSet {
    /// The number of the series with this key, which is entered if it is new.
    pub(super) fn index_of(&mut self, key: SeriesKey) -> usize {
        if let Some(index) = self.index.get(&key) {
            return *index;
        }
        let state = match key.kind {
            MetricKind::Counter => State::Counter { total: Number::ZERO, fresh: Number::ZERO },
            MetricKind::Gauge => State::Gauge { value: 0.0, delivered: None, is_level: false },
            MetricKind::Histogram | MetricKind::Timer => State::Distribution(Distribution::new()),
        };
        let index = self.list.len();
        self.index.insert(key.clone(), index);
        self.list.push(Tracked { key, state });
        index
    }

    /// Adds to a counter.
    pub(super) fn count(&mut self, index: usize, by: Number) {
        if let State::Counter { total, fresh } = &mut self.list[index].state {
            *total += by;
            *fresh += by;
        }
    }

    /// Sets a gauge.
    pub(super) fn set(&mut self, index: usize, to: f64) {
        if let State::Gauge { value, .. } = &mut self.list[index].state {
            *value = to;
        }
    }

    /// Sets every level to 0, to be raised again by each of its sources.
    pub(super) fn restart_levels(&mut self) {
        for tracked in &mut self.list {
            if let State::Gauge { value, is_level: true, .. } = &mut tracked.state {
                *value = 0.0;
            }
        }
    }

    /// Adds to a level: a gauge that is the sum over several sources.
    pub(super) fn raise_level(&mut self, index: usize, by: u64) {
        if let State::Gauge { value, is_level, .. } = &mut self.list[index].state {
            *is_level = true;
            *value += by as f64;
        }
    }

    /// Adds values to a distribution.
    pub(super) fn distribute(&mut self, index: usize, values: &Distribution) {
        if let State::Distribution(pending) = &mut self.list[index].state {
            pending.merge(values);
        }
    }

    pub(super) fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.list.iter().enumerate().map(|(index, tracked)| {
            let (value, changed) = tracked.state.value();
            Sample { index, key: &tracked.key, value, changed }
        })
    }

    pub(super) fn delivered(&mut self) {
        for tracked in &mut self.list {
            match &mut tracked.state {
                State::Counter { fresh, .. } => *fresh = Number::ZERO,
                State::Gauge { value, delivered, .. } => *delivered = Some(value.to_bits()),
                State::Distribution(pending) if pending.is_empty() => {}
                State::Distribution(pending) => *pending = Distribution::new(),
            }
        }
    }
}

/// What a recording could not deliver before it ended: increases of counters and values of distributions.
#[derive(Debug, Default)]
pub(super) struct Undelivered(Vec<(SeriesKey, Left)>);

#[derive(Debug)]
enum Left {
    Count(Number),
    Values(Distribution),
}

impl Undelivered {
    pub(super) const NOTHING: Self = Self(Vec::new());
}

impl TrackedSet {
    /// What is left to deliver. Gauges are not: the next recording reads them anew.
    pub(super) fn into_undelivered(self) -> Undelivered {
        let left = self.list.into_iter().filter_map(|tracked| match tracked.state {
            State::Counter { fresh, .. } if !fresh.is_zero() => Some((tracked.key, Left::Count(fresh))),
            State::Distribution(pending) if !pending.is_empty() => Some((tracked.key, Left::Values(pending))),
            _ => None,
        });
        Undelivered(left.collect())
    }

    /// Takes over what an earlier recording could not deliver.
    pub(super) fn take_over(&mut self, undelivered: Undelivered) {
        for (key, left) in undelivered.0 {
            let index = self.index_of(key);
            match left {
                Left::Count(fresh) => self.count(index, fresh),
                Left::Values(values) => self.distribute(index, &values),
            }
        }
    }
}

impl State {
    /// The value, and whether it has to be delivered.
    fn value(&self) -> (Value<'_>, bool) {
        match self {
            Self::Counter { total, fresh } => (Value::Counter { total: *total, fresh: *fresh }, !fresh.is_zero()),
            Self::Gauge { value, delivered, .. } => (Value::Gauge(*value), *delivered != Some(value.to_bits())),
            Self::Distribution(pending) => (Value::Distribution(pending), !pending.is_empty()),
        }
    }
}
