//! What a series has at the instants of the grid, as samples of PromQL.
//!
//! Counters are told by their total in their recording, which begins at 0; the fall at the next recording is what PromQL
//! takes for a reset. Histograms and timers, stored as what was added, are told as what was recorded since the recording
//! began. Both begin with a 0 at the flush before their first value, so that it counts as an increase, as in a server that
//! knows when a counter began.
//!
//! Within a window that was rolled up, what was counted is spread evenly, and a gauge has the mean of the window. With the
//! last value at the end, averages over time would lean towards it.

use std::sync::Arc;

use super::{
    bucket::Sums,
    grid::{Grid, Step},
};
use crate::{
    promql::{Histogram, Reset, stale},
    store::{Owned, Told},
};

/// Floats of a series, by milliseconds.
pub(super) type Floats = Vec<(i64, f64)>;
/// Histograms of a series, by milliseconds.
pub(super) type Histograms = Vec<(i64, Arc<Histogram>)>;

/// The samples of a counter or gauge.
pub(super) fn floats(entries: &[Told], grid: &Grid) -> Floats {
    let mut floats = Vec::new();
    let mut value = stale();
    grid.lay(entries, None, false, &mut |at, step| {
        value = match step {
            Step::Before(told) if begins(&told.value) => 0.0,
            Step::Before(_) => return,
            Step::Value(told, share) => float(&told.value, share),
            Step::Same => value,
            Step::End => stale(),
        };
        put(&mut floats, at, value);
    });
    floats
}

/// The samples of a histogram or timer, of which `before` had been recorded in the first recording of the grid.
pub(super) fn histograms(entries: &[Told], grid: &Grid, before: &Sums) -> Histograms {
    let mut histograms = Vec::new();
    let mut run = grid.first_run().filter(|_| !before.is_empty());
    let mut sums = before.clone();
    let mut value = sums.histogram(Reset::NotReset);
    let end = Arc::new(Histogram::exponential(0, 0, stale()));
    grid.lay(entries, run, true, &mut |at, step| {
        value = match step {
            Step::Before(told) => {
                (run, sums) = (Some(told.run), Sums::default());
                sums.histogram(Reset::Reset)
            }
            Step::Value(told, share) => {
                let Owned::Distribution { moments, buckets } = &told.value else { return };
                // What is imported begins anew without a word.
                let is_same = run.replace(told.run) == Some(told.run);
                if !is_same {
                    sums = Sums::default();
                }
                // That it goes on is known, and need not be found out by comparing buckets.
                let reset = if is_same { Reset::NotReset } else { Reset::Unknown };
                if share < 1.0 {
                    let mut part = sums.clone();
                    part.add(moments.sum, buckets, share);
                    part.histogram(reset)
                } else {
                    sums.add(moments.sum, buckets, 1.0);
                    sums.histogram(reset)
                }
            }
            Step::Same => value.clone(),
            Step::End => end.clone(),
        };
        put(&mut histograms, at, value.clone());
    });
    histograms
}

/// Whether this is the first value of a counter that began at 0.
fn begins(value: &Owned) -> bool {
    matches!(value, Owned::Counter { total, increase } if total == increase && !total.is_zero())
}

fn float(value: &Owned, share: f64) -> f64 {
    match value {
        Owned::Counter { total, .. } if share >= 1.0 => total.as_f64(),
        Owned::Counter { total, increase } => total.as_f64() - increase.as_f64() * (1.0 - share),
        Owned::Gauge(value) => *value,
        Owned::Span(span) => span.sum / span.count,
        Owned::Distribution { .. } => f64::NAN,
    }
}

/// Adds a sample, nearly always at the end. Of two in one millisecond the later one counts.
fn put<T>(samples: &mut Vec<(i64, T)>, at: i64, value: T) {
    let millis = at.div_euclid(1_000);
    if samples.last().is_none_or(|last| last.0 < millis) {
        samples.push((millis, value));
        return;
    }
    // The zero that a recording begins with may come before the end of the one before it is noticed.
    match samples.binary_search_by_key(&millis, |sample| sample.0) {
        Ok(place) => samples[place].1 = value,
        Err(place) => samples.insert(place, (millis, value)),
    }
}
