//! What a script has loaded.
//!
//! What is known of a histogram's reset is what the storage of Prometheus would say of it: a sample that goes on from
//! the one before is known not to be a reset, and one that cannot go on from it is known to be one. Scripts rely on it.

use std::collections::BTreeMap;

use super::points::Written;
use crate::promql::{
    histogram::{Histogram, Reset},
    labels::{BUCKET, Labels, NAME},
    memory::Memory,
    value::{Value, is_stale},
};

/// Series to load, whose points are `step` milliseconds apart.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) step: i64,
    /// Whether classic histograms are loaded as native ones, too.
    pub(super) with_native: bool,
    /// Whether lines said when series had started.
    pub(super) has_start_times: bool,
    pub(super) series: Vec<(Labels, Vec<Written>)>,
}

/// Everything loaded since the last `clear`.
#[derive(Default)]
pub(super) struct Loaded {
    samples: BTreeMap<Labels, BTreeMap<i64, Value>>,
    has_start_times: bool,
    source: Option<Memory>,
}

impl Loaded {
    pub(super) fn add(&mut self, load: Load) {
        self.source = None;
        self.has_start_times |= load.has_start_times;
        let mut added: BTreeMap<Labels, BTreeMap<i64, Value>> = BTreeMap::new();
        for (labels, points) in load.series {
            let times = (0..).map(|at: i64| at * load.step);
            let there = times.zip(points).filter_map(|(time, point)| Some((time, point.value?)));
            // Of a series that comes twice, the last line counts.
            added.insert(labels, there.collect());
        }
        if load.with_native {
            added.extend(native(&added));
        }
        for (labels, samples) in added {
            self.samples.entry(labels).or_default().extend(samples);
        }
    }

    pub(super) fn has_start_times(&self) -> bool {
        self.has_start_times
    }

    pub(super) fn source(&mut self) -> &Memory {
        let samples = &self.samples;
        self.source.get_or_insert_with(|| {
            let mut memory = Memory::new();
            for (labels, samples) in samples {
                let mut resets = Resets::default();
                for (&time, value) in samples {
                    memory.push(labels, time, resets.known(value));
                }
            }
            memory
        })
    }
}

/// What a storage knows of resets, sample by sample.
#[derive(Default)]
struct Resets {
    /// The counter that the next histogram may go on from.
    previous: Option<Histogram>,
}

impl Resets {
    fn known(&mut self, value: &Value) -> Value {
        let Value::Histogram(histogram) = value else {
            self.previous = None;
            return value.clone();
        };
        if histogram.reset == Reset::Gauge {
            self.previous = None;
            return value.clone();
        }
        let plain = Histogram { reset: Reset::Unknown, ..Histogram::clone(histogram) };
        let reset = match &self.previous {
            _ if histogram.reset == Reset::Reset => Reset::Reset,
            None => Reset::Unknown,
            Some(_) if is_stale(plain.sum) => Reset::NotReset,
            Some(previous) if is_stale(previous.sum) => Reset::Unknown,
            Some(previous) if !is_same_layout(&plain, previous) || plain.is_reset_after(previous) => Reset::Reset,
            Some(_) => Reset::NotReset,
        };
        self.previous = Some(plain.clone());
        Histogram { reset, ..plain }.into()
    }
}

fn is_same_layout(one: &Histogram, other: &Histogram) -> bool {
    one.schema == other.schema && one.zero_threshold == other.zero_threshold && one.bounds == other.bounds
}

/// The classic histograms among the series as native ones with custom bounds.
fn native(series: &BTreeMap<Labels, BTreeMap<i64, Value>>) -> BTreeMap<Labels, BTreeMap<i64, Value>> {
    let mut parts: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, samples) in series {
        let forms: [(&str, Set); 3] = [
            ("_bucket", |classic, bound, count| classic.buckets.push((bound, count))),
            ("_count", |classic, _, count| classic.count = Some(count)),
            ("_sum", |classic, _, sum| classic.sum = sum),
        ];
        for (suffix, set) in forms {
            let Some(name) = labels.name().strip_suffix(suffix) else { continue };
            let bound = labels.get(BUCKET).and_then(|bound| bound.parse::<f64>().ok()).unwrap_or(f64::NAN);
            if suffix == "_bucket" && bound.is_nan() {
                continue;
            }
            let times = parts.entry(labels.with(BUCKET, "").with(NAME, name)).or_default();
            for (time, value) in samples.iter().filter_map(|(time, value)| Some((*time, value.as_float()?))) {
                set(times.entry(time).or_default(), bound, value);
            }
        }
    }
    let converted = |times: BTreeMap<i64, Classic>| {
        times.into_iter().filter_map(|(time, classic)| Some((time, classic.native()?.into()))).collect()
    };
    parts.into_iter().map(|(labels, times)| (labels, converted(times))).collect()
}

/// Takes a bound and a value.
type Set = fn(&mut Classic, f64, f64);

/// A classic histogram at an instant.
#[derive(Default)]
struct Classic {
    /// Upper bounds and cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

impl Classic {
    fn native(mut self) -> Option<Histogram> {
        self.buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        let count = self.count.or(self.buckets.last().map(|bucket| bucket.1))?;
        if self.buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut below = 0.0;
        let mut counts = Vec::new();
        for (index, (_, cumulative)) in (0..).zip(&self.buckets) {
            counts.push((index, cumulative - below));
            below = *cumulative;
        }
        let bounds = self.buckets.iter().map(|bucket| bucket.0);
        let mut histogram = Histogram::custom(bounds, 0, self.sum).positive(counts);
        histogram.count = count;
        Some(histogram)
    }
}
