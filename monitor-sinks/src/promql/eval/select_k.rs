//! Aggregations that pick some members of each group: `topk`, `bottomk`, `limitk` and `limit_ratio`.

use std::cmp::Ordering;

use super::{Context, Node, Sample, Table, Vector, aggregate::group_of, hash::hash, scalar::Scalar, table::Renaming};
use crate::promql::{
    annotation::Remark,
    error::Error,
    labels::Labels,
    syntax::{Aggregator, Grouping, Span},
    value::{Value, plain},
};

/// A choice of members.
pub(super) struct SelectK {
    op: Aggregator,
    grouping: Grouping,
    parameter: Scalar,
    parameter_span: Span,
    inner: Box<dyn Node>,
    /// The place of the aggregation.
    span: Span,
    /// Only to tell the groups apart.
    groups: Renaming,
}

impl SelectK {
    pub(super) fn new(
        op: Aggregator,
        grouping: Grouping,
        (parameter, parameter_span): (Scalar, Span),
        inner: Box<dyn Node>,
        span: Span,
    ) -> Self {
        Self { op, grouping, parameter, parameter_span, inner, span, groups: Renaming::default() }
    }

    fn ratio(&self, parameter: f64, context: &Context) -> Result<f64, Error> {
        if parameter.is_nan() {
            return Err(Error::evaluation("Ratio value is NaN"));
        }
        let used = parameter.clamp(-1.0, 1.0);
        if used != parameter {
            context.remark(self.parameter_span, &Remark::InvalidRatio { ratio: parameter, used });
        }
        Ok(used)
    }

    /// The members without histograms, which have no order.
    fn floats(&self, mut members: Vec<Sample>, context: &Context) -> Vec<Sample> {
        let before = members.len();
        members.retain(|sample| sample.value.as_float().is_some());
        if members.len() < before {
            context.remark(self.span, &Remark::IgnoredInAggregation { op: self.op.as_str() });
        }
        members
    }
}

impl Node for SelectK {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let parameter = self.parameter.eval(at, context)?;
        let members = self.inner.eval(at, context)?;
        if self.op == Aggregator::LimitRatio {
            let ratio = self.ratio(parameter, context)?;
            let series = self.inner.series();
            return Ok(members.into_iter().filter(|sample| is_sampled(series.labels(sample.id), ratio)).collect());
        }
        let count = count(parameter)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut members = if self.op == Aggregator::Limitk { members } else { self.floats(members, context) };
        match self.op {
            Aggregator::Topk => members.sort_by(|left, right| ordered(&left.value, &right.value, true)),
            Aggregator::Bottomk => members.sort_by(|left, right| ordered(&left.value, &right.value, false)),
            _ => {}
        }
        let mut groups: Vec<Vec<Sample>> = Vec::new();
        for sample in members {
            let group = group_of(&mut self.groups, sample.id, self.inner.series(), &self.grouping);
            if groups.len() <= group {
                groups.resize_with(group + 1, Vec::new);
            }
            if groups[group].len() < count {
                groups[group].push(sample);
            }
        }
        Ok(groups.into_iter().flatten().collect())
    }

    fn series(&self) -> &Table {
        self.inner.series()
    }
}

/// How many members of a group to pick; a negative count is none.
fn count(parameter: f64) -> Result<usize, Error> {
    let limit = 2f64.powi(63);
    match parameter {
        value if value.is_nan() => Err(Error::evaluation("Parameter value is NaN")),
        value if value >= limit => Err(Error::evaluation(format!("Scalar value {} overflows int64", plain(value)))),
        value if value <= -limit => Err(Error::evaluation(format!("Scalar value {} underflows int64", plain(value)))),
        value => Ok(value.max(0.0) as usize),
    }
}

/// The order of two values, in which what is not a number comes last.
pub(super) fn ordered(left: &Value, right: &Value, descending: bool) -> Ordering {
    let (left, right) = (left.as_float().unwrap_or(f64::NAN), right.as_float().unwrap_or(f64::NAN));
    let order = left.partial_cmp(&right).map(|order| if descending { order.reverse() } else { order });
    order.unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// Whether a series is in the part `ratio` of all; a negative ratio is the complement of its positive one plus 1.
///
/// Which part a series is in depends on its labels alone, so that it is the same at all instants, in all questions, and
/// in Prometheus.
fn is_sampled(labels: &Labels, ratio: f64) -> bool {
    let place = hash(labels) as f64 / u64::MAX as f64;
    if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio }
}
