//! Subqueries: an expression evaluated on a grid of its own.
//!
//! The grid is the multiples of the step, whatever the instants of the question are, so that the ranges of two instants
//! share their points. Each point is evaluated once; those that have left the range are forgotten.

use std::{collections::VecDeque, sync::Arc};

use super::{Context, Node, Table, range::Samples, selector::Look};
use crate::promql::{
    error::Error,
    histogram::{Histogram, Reset},
    value::Value,
};

/// An expression over a range.
pub(super) struct Subquery {
    inner: Box<dyn Node>,
    pub(super) look: Look,
    pub(super) length: i64,
    step: i64,
    /// The last point that was evaluated.
    reached: Option<i64>,
    kept: Vec<Kept>,
}

/// The points of one series.
#[derive(Default)]
struct Kept {
    floats: VecDeque<(i64, f64)>,
    histograms: VecDeque<(i64, Arc<Histogram>)>,
}

impl Subquery {
    pub(super) fn new(inner: Box<dyn Node>, look: Look, length: i64, step: i64) -> Self {
        Self { inner, look, length, step, reached: None, kept: Vec::new() }
    }

    pub(super) fn series(&self) -> &Table {
        self.inner.series()
    }

    /// Evaluates the points of `(start, end]` that are new and forgets those before.
    pub(super) fn move_to(&mut self, start: i64, end: i64, context: &mut Context) -> Result<(), Error> {
        // Time goes back only inside a subquery whose own range begins again.
        if self.reached.is_some_and(|reached| reached > end) {
            self.forget(i64::MAX, context);
            self.reached = None;
        }
        self.forget(start, context);
        let first = first_point(start, self.step);
        let mut point = self.reached.map_or(first, |reached| first.max(reached + self.step));
        while point <= end {
            self.evaluate(point, context)?;
            self.reached = Some(point);
            point += self.step;
        }
        for kept in &mut self.kept {
            kept.floats.make_contiguous();
            kept.histograms.make_contiguous();
        }
        Ok(())
    }

    pub(super) fn samples(&self) -> Vec<Samples<'_>> {
        let samples = self.kept.iter().enumerate().map(|(id, kept)| Samples {
            id,
            floats: kept.floats.as_slices().0,
            histograms: kept.histograms.as_slices().0,
        });
        samples.filter(|samples| !samples.floats.is_empty() || !samples.histograms.is_empty()).collect()
    }

    fn evaluate(&mut self, point: i64, context: &mut Context) -> Result<(), Error> {
        context.point()?;
        let vector = self.inner.eval(point, context)?;
        context.next_instant();
        if self.kept.len() < self.inner.series().len() {
            self.kept.resize_with(self.inner.series().len(), Kept::default);
        }
        for sample in vector {
            context.hold(sample.value.weight())?;
            match sample.value {
                Value::Float(value) => self.kept[sample.id].floats.push_back((point, value)),
                Value::Histogram(histogram) => self.kept[sample.id].histograms.push_back((point, unknown(histogram))),
            }
        }
        Ok(())
    }

    fn forget(&mut self, to: i64, context: &mut Context) {
        for kept in &mut self.kept {
            while kept.floats.front().is_some_and(|&(time, _)| time <= to) {
                kept.floats.pop_front();
                context.release(1);
            }
            while let Some((_, histogram)) = kept.histograms.pop_front_if(|(time, _)| *time <= to) {
                context.release(histogram.weight());
            }
        }
    }
}

/// The first multiple of `step` after `start`.
fn first_point(start: i64, step: i64) -> i64 {
    (start.div_euclid(step) + 1) * step
}

/// A point of the grid may miss a reset or see one twice, so what is known of resets is forgotten.
fn unknown(mut histogram: Arc<Histogram>) -> Arc<Histogram> {
    if matches!(histogram.reset, Reset::Reset | Reset::NotReset) {
        Arc::make_mut(&mut histogram).reset = Reset::Unknown;
    }
    histogram
}
