//! A registry whose contents the test decides: what a collector keeps, without clocks, cells and threads.

use std::collections::BTreeMap;

use monitor_core::{Distribution, MetricKind, Number, SeriesKey, Value};

/// Series with what was recorded of them and what has been delivered.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    series: Vec<(SeriesKey, State)>,
    places: BTreeMap<SeriesKey, usize>,
}

#[derive(Debug)]
enum State {
    Counter { total: Number, fresh: Number },
    Gauge { value: f64, changed: bool },
    Distribution(Distribution),
}

/// The key of a series.
pub(crate) fn key(kind: MetricKind, name: &str, labels: &[(&str, &str)]) -> SeriesKey {
    let mut labels: Vec<_> = labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    labels.sort();
    SeriesKey { name: name.to_owned(), kind, unit: String::new(), service: None, labels }
}

impl Registry {
    pub(crate) fn count(&mut self, name: &str, labels: &[(&str, &str)], more: u64) {
        self.add(key(MetricKind::Counter, name, labels), Number::Int(more));
    }

    pub(crate) fn add(&mut self, key: SeriesKey, more: Number) {
        let state = self.state(key, || State::Counter { total: Number::ZERO, fresh: Number::ZERO });
        if let State::Counter { total, fresh } = state {
            *total += more;
            *fresh += more;
        }
    }

    pub(crate) fn gauge(&mut self, name: &str, labels: &[(&str, &str)], to: f64) {
        let key = key(MetricKind::Gauge, name, labels);
        *self.state(key, || State::Gauge { value: 0.0, changed: true }) = State::Gauge { value: to, changed: true };
    }

    pub(crate) fn record(&mut self, kind: MetricKind, name: &str, labels: &[(&str, &str)], value: f64) {
        let state = self.state(key(kind, name, labels), || State::Distribution(Distribution::new()));
        if let State::Distribution(values) = state {
            values.record(value);
        }
    }

    /// One call of an annotated function, as the core would report it.
    pub(crate) fn call(&mut self, module: &str, function: &str, outcome: &str, seconds: f64) {
        let labels = [("module", module), ("function", function)];
        self.count("function_calls_total", &[labels[0], labels[1], ("outcome", outcome)], 1);
        self.record(MetricKind::Timer, "function_calls_duration_seconds", &labels, seconds);
    }

    /// Index, key, value and whether it changed.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (usize, &SeriesKey, Value<'_>, bool)> {
        self.series.iter().enumerate().map(|(index, (key, state))| match state {
            State::Counter { total, fresh } => {
                (index, key, Value::Counter { total: *total, fresh: *fresh }, !fresh.is_zero())
            }
            State::Gauge { value, changed } => (index, key, Value::Gauge(*value), *changed),
            State::Distribution(values) => (index, key, Value::Distribution(values), !values.is_empty()),
        })
    }

    pub(crate) fn delivered(&mut self) {
        for (_, state) in &mut self.series {
            match state {
                State::Counter { fresh, .. } => *fresh = Number::ZERO,
                State::Gauge { changed, .. } => *changed = false,
                State::Distribution(values) => *values = Distribution::new(),
            }
        }
    }

    fn state(&mut self, key: SeriesKey, new: impl FnOnce() -> State) -> &mut State {
        let place = *self.places.entry(key.clone()).or_insert_with(|| {
            self.series.push((key, new()));
            self.series.len() - 1
        });
        &mut self.series[place].1
    }
}
