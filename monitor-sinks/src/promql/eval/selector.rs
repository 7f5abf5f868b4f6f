//! Instant selectors: the newest sample of each series.

use super::{
    Context, Node, Sample, Table, Vector,
    data::{Stored, View, seek},
};
use crate::promql::{error::Error, function::interpolate, value::Value};

/// When a selector looks, seen from an instant of evaluation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The instant that `@` fixes.
    pub(super) fixed: Option<i64>,
    pub(super) offset: i64,
}

/// A selector of the newest samples.
pub(super) struct Selector {
    look: Look,
    smoothed: bool,
    view: View<Cursor>,
}

/// The places of the newest samples.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    floats: usize,
    histograms: usize,
}

/// `timestamp()` of a selector: when the newest samples were, instead of what they were.
pub(super) struct Timestamps {
    selector: Selector,
}

impl Look {
    /// The instant looked at from `at`.
    pub(super) fn from(self, at: i64) -> i64 {
        self.fixed.unwrap_or(at) - self.offset
    }
}

impl Selector {
    pub(super) fn new(set: usize, look: Look, smoothed: bool) -> Self {
        Self { look, smoothed, view: View::new(set) }
    }

    /// The newest sample of each series, with its time.
    pub(super) fn newest(&mut self, at: i64, context: &mut Context) -> Result<Vec<(i64, Sample)>, Error> {
        self.view.renew(&context.data);
        let View { series, ids, cursors, .. } = &mut self.view;
        let (to, lookback) = (self.look.from(at), context.times.lookback);
        let mut found = Vec::with_capacity(series.len());
        for ((stored, cursor), &mut id) in series.iter().zip(cursors).zip(ids) {
            let sample = if self.smoothed {
                smooth(stored, to, lookback)?.map(|value| (to, Value::Float(value)))
            } else {
                newest(stored, cursor, to, lookback)
            };
            found.extend(sample.map(|(time, value)| (time, Sample { id, value })));
        }
        context.check(series.len())?;
        Ok(found)
    }
}

/// The newest sample at `to`, if it is not out of date.
pub(super) fn newest(stored: &Stored, cursor: &mut Cursor, to: i64, lookback: i64) -> Option<(i64, Value)> {
    cursor.floats = seek(&stored.floats, cursor.floats, to);
    cursor.histograms = seek(&stored.histograms, cursor.histograms, to);
    let float = cursor.floats.checked_sub(1).map(|at| stored.floats[at]);
    let histogram = cursor.histograms.checked_sub(1).map(|at| &stored.histograms[at]);
    let (time, value) = match (float, histogram) {
        (Some(float), Some(histogram)) if histogram.0 > float.0 => (histogram.0, Value::Histogram(histogram.1.clone())),
        (Some(float), _) => (float.0, Value::Float(float.1)),
        (None, histogram) => histogram.map(|(time, histogram)| (*time, Value::Histogram(histogram.clone())))?,
    };
    let ended = stored.ends.partition_point(|&end| end <= to).checked_sub(1).is_some_and(|at| stored.ends[at] > time);
    (time > to - lookback && !ended).then_some((time, value))
}

/// The value at `to` on the line between its neighbours; without a later one, that of the earlier one.
fn smooth(stored: &Stored, to: i64, lookback: i64) -> Result<Option<f64>, Error> {
    let near = |time: i64| time > to - lookback && time <= to + lookback;
    if stored.histograms.iter().any(|&(time, _)| near(time)) {
        return Err(Error::evaluation("smoothed and anchored modifiers do not work with native histograms"));
    }
    let after = stored.floats.partition_point(|&(time, _)| time < to);
    let next = stored.floats.get(after).copied().filter(|&(time, _)| near(time));
    let previous = after.checked_sub(1).map(|at| stored.floats[at]).filter(|&(time, _)| near(time));
    Ok(match (previous, next) {
        (_, Some((time, value))) if time == to => Some(value),
        (Some(previous), Some(next)) => Some(interpolate(previous, next, to, false)),
        (previous, _) => previous.map(|(_, value)| value),
    })
}

impl Node for Selector {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let vector: Vec<Sample> = self.newest(at, context)?.into_iter().map(|(_, sample)| sample).collect();
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.view.table
    }
}

impl Timestamps {
    pub(super) fn new(selector: Selector) -> Self {
        Self { selector }
    }
}

impl Node for Timestamps {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let newest = self.selector.newest(at, context)?;
        for (_, sample) in &newest {
            self.selector.view.table.drop_name(sample.id);
        }
        let seconds = |(time, sample): (i64, Sample)| Sample { value: Value::Float(time as f64 / 1000.0), ..sample };
        Ok(newest.into_iter().map(seconds).collect())
    }

    fn series(&self) -> &Table {
        &self.selector.view.table
    }
}
