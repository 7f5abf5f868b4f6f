//! A store worth damaging: sealed, rolled up, with rows that are not sealed yet and pages that are not used any more.

use std::{path::Path, time::Duration};

use monitor_core::{Distribution, MetricKind, Number, Sample, SeriesKey, Value};
use monitor_sinks::{Retention, Store, store::bench::Recorder};

use super::registry::key;

/// Series that are recorded.
pub(crate) const SERIES: usize = 30;

/// Series that are stored: those in which the store tells of itself as well.
pub(crate) const ALL_SERIES: usize = SERIES + 10;

/// The size of the pages of a store.
pub(crate) const PAGE: usize = 8192;

/// How often it is flushed, once a minute.
pub(crate) const STEPS: i64 = 12 * 60;

const START: i64 = 1_700_000_000_000_000;
const MINUTE: i64 = 60_000_000;

/// What the gauge `number` has at a step.
pub(crate) fn gauge(number: usize, step: i64) -> f64 {
    (step as f64 * number as f64).sin()
}

/// Half a day of counters, gauges and histograms by the minute, of which the older half is kept as windows only.
pub(crate) fn record(path: &Path) -> Store {
    let keys: Vec<SeriesKey> = (0..SERIES)
        .map(|number| {
            let kind = [MetricKind::Counter, MetricKind::Gauge, MetricKind::Histogram][number % 3];
            key(kind, &format!("metric_{number}"), &[("label", &"x".repeat(number * 9))])
        })
        .collect();
    let retention = Retention::default().raw(Duration::from_hours(6));
    let mut recorder = Recorder::open(path, START, Duration::from_mins(1), retention).unwrap().with_vitals();
    for step in 1..=STEPS {
        let at = START + step * MINUTE;
        let mut values = Distribution::new();
        values.record((step % 17 + 1) as f64);
        let samples = || {
            keys.iter().enumerate().map(|(index, key)| {
                let value = match key.kind {
                    MetricKind::Counter => Value::Counter { total: Number::Int(step as u64), fresh: Number::Int(1) },
                    MetricKind::Gauge => Value::Gauge(gauge(index, step)),
                    _ => Value::Distribution(&values),
                };
                Sample { index, key, value, changed: true }
            })
        };
        recorder.flush(at, samples).unwrap();
        while recorder.upkeep(at).unwrap() {}
    }
    recorder.close().unwrap();
    Store::open_read_only(path).unwrap()
}

/// All points of a gauge, bit by bit; none if the store does not know it.
pub(crate) fn points(store: &Store, metric: &str) -> Vec<(std::time::SystemTime, u64)> {
    let series = store.query().metric(metric).series().unwrap_or_default();
    series.iter().flat_map(|series| &series.points).map(|point| (point.time, point.value.to_bits())).collect()
}

/// The increase of a counter.
pub(crate) fn increase(store: &Store, metric: &str) -> f64 {
    store.query().metric(metric).series().unwrap()[0].increase()
}
