//! What a series has at the instants of the grid, as samples of PromQL.
//!
//! Counters are told by their total in their recording, which begins at 0; the fall at the next recording is what PromQL
//! takes for a reset. Histograms and timers, stored as what was added, are told as what was recorded since the recording
//! began. Both begin with a 0 at the flush before their first value, so that it counts as an increase, as in a server that
//! knows when a counter began.
//!
//! Within a window that was rolled up, what was counted is spread evenly, and a gauge has the mean of the window. With the
//! last value at the end, averages over time would lean towards it.
//!
//! Samples are made entry by entry, as a walk meets these; nothing else is kept of an entry.

use super::{
    grid::{Grid, Laying, Step},
    histogram::Histograms,
};
use crate::{
    promql::{Series, stale},
    store::{Entry, Line},
};

/// Makes the samples of one series.
pub(super) struct Teller {
    laying: Laying,
    samples: Samples,
}

enum Samples {
    Floats(Floats),
    Histograms(Histograms),
}

/// The samples of a counter or gauge.
#[derive(Debug)]
struct Floats {
    samples: Vec<(i64, f64)>,
    value: f64,
}

impl Teller {
    /// Of a counter or gauge.
    pub(super) fn of_floats(grid: &Grid) -> Self {
        let floats = Floats { samples: Vec::with_capacity(grid.len()), value: stale() };
        Self { laying: Grid::begin(None, false), samples: Samples::Floats(floats) }
    }

    /// Of a histogram or timer. `run` is the recording before the first mark that it has a value of.
    pub(super) fn of_histograms(histograms: Histograms) -> Self {
        Self { laying: Grid::begin(histograms.run(), true), samples: Samples::Histograms(histograms) }
    }

    /// Takes the next entry; fails if it makes no sense.
    pub(super) fn entry(&mut self, grid: &Grid, ts: i64, run: u64, entry: Entry<'_>) -> Result<(), &'static str> {
        match &mut self.samples {
            Samples::Floats(floats) => {
                grid.entry(&mut self.laying, ts, run, &mut |at, step| floats.step(at, step, Some(entry)));
            }
            Samples::Histograms(histograms) => {
                histograms.begin(entry)?;
                grid.entry(&mut self.laying, ts, run, &mut |at, step| histograms.step(at, step, run));
            }
        }
        Ok(())
    }

    /// Takes the next entries.
    pub(super) fn line(&mut self, grid: &Grid, run: u64, line: Line<'_>) -> Result<(), &'static str> {
        let mut place = 0;
        while place < line.times.len() {
            if let Samples::Floats(floats) = &mut self.samples {
                let values = &line.values[place..];
                place += grid.line(&mut self.laying, &line.times[place..], run, |at, entry| {
                    floats.value = entry.map_or(floats.value, |entry| values[entry]);
                    put(&mut floats.samples, at, floats.value);
                });
            }
            // What is not simple is told as if it came alone.
            if place < line.times.len() {
                self.entry(grid, line.times[place], run, line.entry(place))?;
                place += 1;
            }
        }
        Ok(())
    }

    /// The series with all of its samples.
    pub(super) fn finish(self, grid: &Grid, series: Series) -> Series {
        match self.samples {
            Samples::Floats(mut floats) => {
                grid.finish(self.laying, &mut |at, step| floats.step(at, step, None));
                Series { floats: floats.samples, ..series }
            }
            Samples::Histograms(mut histograms) => {
                grid.finish(self.laying, &mut |at, step| histograms.step(at, step, 0));
                histograms.finish(series)
            }
        }
    }
}

impl Floats {
    fn step(&mut self, at: i64, step: Step, entry: Option<Entry<'_>>) {
        self.value = match (step, entry) {
            (Step::Before, Some(entry)) if begins(entry) => 0.0,
            (Step::Value(share), Some(entry)) => float(entry, share),
            (Step::Same, _) => self.value,
            (Step::End, _) => stale(),
            (Step::Before | Step::Value(_), _) => return,
        };
        put(&mut self.samples, at, self.value);
    }
}

/// Whether this is the first value of a counter that began at 0.
fn begins(entry: Entry<'_>) -> bool {
    matches!(entry, Entry::Counter { total, increase } if total == increase && !total.is_zero())
}

fn float(entry: Entry<'_>, share: f64) -> f64 {
    match entry {
        Entry::Counter { total, .. } if share >= 1.0 => total.as_f64(),
        Entry::Counter { total, increase } => total.as_f64() - increase.as_f64() * (1.0 - share),
        Entry::Gauge(value) => value,
        // A window in which it ended, and had no value before.
        Entry::Span(span) if span.count <= 0.0 => stale(),
        Entry::Span(span) => span.sum / span.count,
        Entry::Distribution(_) => f64::NAN,
    }
}

/// Adds a sample, nearly always at the end. Of two in one millisecond the later one counts.
#[inline]
pub(super) fn put<T>(samples: &mut Vec<(i64, T)>, at: i64, value: T) {
    let millis = at.div_euclid(1_000);
    if samples.last().is_none_or(|last| last.0 < millis) {
        samples.push((millis, value));
    } else {
        put_between(samples, millis, value);
    }
}

#[cold]
fn put_between<T>(samples: &mut Vec<(i64, T)>, millis: i64, value: T) {
    // The zero that a recording begins with may come before the end of the one before it is noticed.
    match samples.binary_search_by_key(&millis, |sample| sample.0) {
        Ok(place) => samples[place].1 = value,
        Err(place) => samples.insert(place, (millis, value)),
    }
}
