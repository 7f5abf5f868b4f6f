//! The samples of a histogram or timer, which count up from the beginning of their recording.
//!
//! A sample has all buckets that were ever used, hundreds of them, and a function of ranges such as `rate` looks at the
//! first and the last sample of each range only, at those around a reset, and at the number of the rest. So where such a
//! function asks, the others are given as one and the same histogram without buckets, which takes no memory. What they had
//! is known once the next sample is: until then a sample is pending.
//!
//! Invariant: whatever the function asks of samples without buckets (that they are no gauges and no resets, their schema,
//! that they are there) is as it would be with them.

use std::sync::Arc;

use super::{bucket::Sums, grid::Step, read::Part, sample::put};
use crate::{
    promql::{Histogram, Reset, Select, Series, stale},
    store::Entry,
};

/// Functions that look at the edges of ranges.
const OF_EDGES: [&str; 2] = ["increase", "rate"];

/// The ranges of a function, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edges {
    first_end: i64,
    range: i64,
    step: i64,
}

/// The samples of a histogram that are being made.
#[derive(Debug)]
pub(super) struct Histograms {
    part: Part,
    edges: Option<Edges>,
    /// The recording that `sums` are of.
    run: Option<u64>,
    sums: Sums,
    /// What the entry adds.
    sum: f64,
    buckets: Vec<(u16, u64)>,
    /// Of a part of the histogram.
    floats: Vec<(i64, f64)>,
    whole: Vec<(i64, Arc<Histogram>)>,
    /// The content of the last sample, if it was made of the `sums` as they are.
    last: Option<Arc<Histogram>>,
    /// The sample that is known but for its buckets, and the instant of the one before it.
    pending: Option<(i64, i64)>,
    thin: Arc<Histogram>,
}

impl Edges {
    /// Those that a selection is about, if nothing but edges matters.
    pub(super) fn of(select: &Select<'_>) -> Option<Self> {
        let Select { from, range, step, function, .. } = *select;
        OF_EDGES.contains(&function).then_some(Self { first_end: from.saturating_add(range), range, step })
    }

    /// Whether a sample at `at`, after one at `before` and before one at `after`, is the first or the last of a range.
    fn matter(self, before: i64, at: i64, after: i64) -> bool {
        self.has_end(at, after) || self.has_end(before.saturating_add(self.range), at.saturating_add(self.range))
    }

    /// Whether a range ends at or after the one and before the other.
    fn has_end(self, since: i64, before: i64) -> bool {
        let past = since.saturating_sub(self.first_end);
        let next = if past <= 0 {
            self.first_end
        } else if self.step == 0 {
            return false;
        } else {
            // Rounded up.
            let steps = past.div_euclid(self.step) + i64::from(past.rem_euclid(self.step) > 0);
            self.first_end.saturating_add(steps.saturating_mul(self.step))
        };
        next < before
    }
}

impl Histograms {
    /// `before` is what had been recorded in `run` before the first mark.
    pub(super) fn new(part: Part, edges: Option<Edges>, run: Option<u64>, before: Sums) -> Self {
        Self {
            part,
            edges: edges.filter(|_| part == Part::Whole),
            run: run.filter(|_| !before.is_empty()),
            sums: before,
            sum: 0.0,
            buckets: Vec::new(),
            floats: Vec::new(),
            whole: Vec::new(),
            last: None,
            pending: None,
            thin: Sums::default().histogram(Reset::NotReset),
        }
    }

    /// The recording that there is a value of.
    pub(super) const fn run(&self) -> Option<u64> {
        self.run
    }

    /// Takes what an entry has added; its steps follow. Fails if it makes no sense.
    pub(super) fn begin(&mut self, entry: Entry<'_>) -> Result<(), &'static str> {
        let Entry::Distribution(encoded) = entry else { return Err("it is no distribution") };
        self.sum = encoded.sum;
        encoded.buckets(&mut self.buckets)
    }

    /// The next instant, of recording `run`.
    pub(super) fn step(&mut self, at: i64, step: Step, run: u64) {
        match step {
            Step::Before => {
                self.settle(None);
                (self.run, self.sums, self.last) = (Some(run), Sums::default(), None);
                self.push(at, Reset::Reset);
            }
            Step::Value(share) => {
                // What is imported begins anew without a word. That it goes on is known, and need not be found out by
                // comparing buckets.
                let is_same = self.run == Some(run);
                self.settle((is_same && share >= 1.0).then_some(at));
                self.run = Some(run);
                if !is_same {
                    self.sums = Sums::default();
                }
                self.last = None;
                let reset = if is_same { Reset::NotReset } else { Reset::Unknown };
                if share < 1.0 {
                    let whole = self.sums.clone();
                    self.sums.add(self.sum, &self.buckets, share);
                    self.push(at, reset);
                    (self.sums, self.last) = (whole, None);
                } else {
                    self.sums.add(self.sum, &self.buckets, 1.0);
                    if is_same { self.wait(at) } else { self.push(at, reset) }
                }
            }
            Step::Same => {
                self.settle(Some(at));
                self.wait(at);
            }
            Step::End => {
                self.settle(None);
                match self.part {
                    Part::Whole | Part::Buckets => {
                        put(&mut self.whole, at, Arc::new(Histogram::exponential(0, 0, stale())));
                    }
                    Part::Count | Part::Sum => put(&mut self.floats, at, stale()),
                }
            }
        }
    }

    /// The series with all samples.
    pub(super) fn finish(mut self, series: Series) -> Series {
        self.settle(None);
        Series { floats: self.floats, histograms: self.whole, ..series }
    }

    /// A sample that goes on from the one before it: whether its buckets matter shows at the next one.
    fn wait(&mut self, at: i64) {
        let millis = at.div_euclid(1_000);
        match self.whole.last().filter(|last| self.edges.is_some() && last.0 < millis) {
            Some(&(before, _)) => self.pending = Some((before, millis)),
            None => self.push(at, Reset::NotReset),
        }
    }

    /// Makes the sample that is pending, now that the one after it is known, if that goes on from it.
    fn settle(&mut self, next: Option<i64>) {
        let Some((before, millis)) = self.pending.take() else { return };
        let next = next.map(|next| next.div_euclid(1_000));
        let is_inside = self.edges.zip(next).is_some_and(|(edges, next)| !edges.matter(before, millis, next));
        if is_inside {
            self.whole.push((millis, self.thin.clone()));
        } else {
            self.push(millis * 1_000, Reset::NotReset);
        }
    }

    /// A sample of the sums as they are.
    fn push(&mut self, at: i64, reset: Reset) {
        let (count, sum) = self.sums.moments();
        match self.part {
            Part::Count => put(&mut self.floats, at, count),
            Part::Sum => put(&mut self.floats, at, sum),
            Part::Whole | Part::Buckets => {
                let same = self.last.take().filter(|last| last.reset == reset);
                let histogram = same.unwrap_or_else(|| self.sums.histogram(reset));
                self.last = Some(histogram.clone());
                put(&mut self.whole, at, histogram);
            }
        }
    }
}
