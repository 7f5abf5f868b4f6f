//! What a question as a whole asks for, by the type of its expression.

use std::borrow::Cow;

use super::{Context, Node, range::Range, scalar::Scalar};
use crate::promql::{
    error::Error,
    function::edged,
    syntax::RangeMode,
    value::{Line, Point, Value},
};

/// What a question asks for.
pub(crate) enum Root {
    Scalar(ScalarRoot),
    Vector(Box<dyn Node>),
    Range(RangeRoot),
    Text(String),
}

/// A number at each instant.
pub(crate) struct ScalarRoot(pub(super) Scalar);

/// The samples of a range themselves.
pub(crate) struct RangeRoot(pub(super) Range);

impl ScalarRoot {
    pub(crate) fn eval(&mut self, at: i64, context: &mut Context) -> Result<f64, Error> {
        self.0.eval(at, context)
    }
}

impl RangeRoot {
    /// The labels and samples of each series in the range seen from `at`.
    pub(crate) fn lines(&mut self, at: i64, context: &mut Context) -> Result<Vec<Line>, Error> {
        self.0.move_to(at, context)?;
        let (start, end) = self.0.bounds(at);
        let mode = self.0.mode();
        let mut lines = Vec::new();
        for samples in self.0.samples() {
            let floats = match mode {
                RangeMode::Plain => Cow::Borrowed(samples.floats),
                mode => Cow::Owned(edged(samples.floats, (start, end), mode, false).unwrap_or_default()),
            };
            let floats = floats.iter().map(|&(time, value)| (time, Value::Float(value)));
            let histograms = samples.histograms.iter().map(|(time, value)| (*time, Value::Histogram(value.clone())));
            let mut points: Vec<Point> = floats.chain(histograms).map(|(time, value)| Point { time, value }).collect();
            points.sort_by_key(|point| point.time);
            let meta = self.0.series().get(samples.id);
            let labels = if meta.drop_name { meta.labels.without_name() } else { meta.labels.clone() };
            if !points.is_empty() {
                lines.push(Line { labels, points });
            }
        }
        Ok(lines)
    }
}
