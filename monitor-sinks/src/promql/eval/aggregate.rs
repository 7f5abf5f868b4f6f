//! Aggregations that make one sample of each group: `sum`, `avg`, `max` and so on.

use super::{
    Context, Node, Sample, Table, Vector,
    scalar::Scalar,
    table::{Meta, Renaming},
};
use crate::promql::{
    annotation::Remark,
    error::Error,
    function::{mean, quantile, resets_collide},
    histogram::{Histogram, Sum, add_exactly},
    labels::{Labels, NAME},
    syntax::{Aggregator, Grouping, Span},
    value::Value,
};

/// An aggregation of each group into one sample.
pub(super) struct Aggregate {
    op: Aggregator,
    grouping: Grouping,
    parameter: Option<(Scalar, Span)>,
    inner: Box<dyn Node>,
    /// The place of what is aggregated.
    span: Span,
    names: Renaming,
}

/// The members of a group at an instant.
#[derive(Default)]
struct Group {
    floats: Vec<f64>,
    histograms: Vec<Value>,
    /// The name of the metric of each histogram's series, by number.
    members: Vec<usize>,
}

impl Aggregate {
    pub(super) fn new(
        op: Aggregator,
        grouping: Grouping,
        parameter: Option<(Scalar, Span)>,
        inner: Box<dyn Node>,
        span: Span,
    ) -> Self {
        Self { op, grouping, parameter, inner, span, names: Renaming::default() }
    }

    fn value(&self, group: &mut Group, parameter: f64, context: &Context) -> Option<Value> {
        let ignores = matches!(
            self.op,
            Aggregator::Min | Aggregator::Max | Aggregator::Stddev | Aggregator::Stdvar | Aggregator::Quantile
        );
        if ignores && !group.histograms.is_empty() {
            context.remark(self.span, &Remark::IgnoredInAggregation { op: self.op.as_str() });
        }
        if ignores && group.floats.is_empty() {
            return None;
        }
        let floats = &mut group.floats;
        Some(Value::Float(match self.op {
            Aggregator::Sum | Aggregator::Avg => return self.total(group, context),
            Aggregator::Count => (floats.len() + group.histograms.len()) as f64,
            Aggregator::Group => 1.0,
            Aggregator::Min => extreme(floats, |value, best| value < best),
            Aggregator::Max => extreme(floats, |value, best| value > best),
            Aggregator::Stdvar => variance(floats),
            Aggregator::Stddev => variance(floats).sqrt(),
            Aggregator::Quantile => quantile(parameter, floats),
            // Nodes of their own.
            Aggregator::CountValues
            | Aggregator::Topk
            | Aggregator::Bottomk
            | Aggregator::Limitk
            | Aggregator::LimitRatio => return None,
        }))
    }

    /// Sum or mean of numbers or of histograms, which do not go together.
    fn total(&self, group: &Group, context: &Context) -> Option<Value> {
        if !group.floats.is_empty() && !group.histograms.is_empty() {
            context.remark(self.span, &Remark::MixedSamplesInAggregation);
            return None;
        }
        let is_mean = self.op == Aggregator::Avg;
        if group.histograms.is_empty() {
            if is_mean {
                return Some(Value::Float(mean(group.floats.iter().copied())));
            }
            let (sum, lost) = group.floats.iter().fold((0.0, 0.0), |(sum, lost), &value| add_exactly(value, sum, lost));
            return Some(Value::Float(sum + lost));
        }
        let histograms = || group.histograms.iter().filter_map(Value::as_histogram);
        let sum = self.sum(histograms(), &group.members, context)?;
        if resets_collide(histograms()) {
            context.remark(self.span, &Remark::ResetCollision { operation: "aggregation" });
        }
        Some(if is_mean { sum.mean(group.histograms.len() as f64) } else { sum.finish() }.into())
    }

    fn sum<'a>(
        &self,
        mut histograms: impl Iterator<Item = &'a Histogram>,
        members: &[usize],
        context: &Context,
    ) -> Option<Sum> {
        let mut sum = Sum::new(histograms.next()?);
        for (histogram, member) in histograms.zip(&members[1..]) {
            match sum.add(histogram) {
                Ok(true) => context.remark(self.span, &Remark::ReconciledBounds { operation: "aggregation" }),
                Ok(false) => {}
                Err(_) => {
                    let name = self.inner.series().labels(*member).name();
                    context.remark(self.span, &Remark::MixedSchemas { name });
                    return None;
                }
            }
        }
        Some(sum)
    }

    fn parameter(&mut self, at: i64, context: &mut Context) -> Result<f64, Error> {
        let Some((scalar, span)) = &mut self.parameter else { return Ok(f64::NAN) };
        let value = scalar.eval(at, context)?;
        if !(0.0..=1.0).contains(&value) {
            context.remark(*span, &Remark::InvalidQuantile(value));
        }
        Ok(value)
    }
}

impl Node for Aggregate {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let parameter = self.parameter(at, context)?;
        let members = self.inner.eval(at, context)?;
        let mut groups: Vec<Group> = Vec::new();
        groups.resize_with(self.names.table.len(), Group::default);
        for Sample { id, value } in members {
            let series = self.inner.series();
            let group = group_of(&mut self.names, id, series, &self.grouping);
            if groups.len() <= group {
                groups.resize_with(group + 1, Group::default);
            }
            match value {
                Value::Float(value) => groups[group].floats.push(value),
                value @ Value::Histogram(_) => {
                    groups[group].histograms.push(value);
                    groups[group].members.push(id);
                }
            }
        }
        let mut vector = Vec::new();
        for (id, group) in groups.iter_mut().enumerate() {
            if !group.floats.is_empty() || !group.histograms.is_empty() {
                vector.extend(self.value(group, parameter, context).map(|value| Sample { id, value }));
            }
        }
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.names.table
    }
}

/// The number of the group of a series.
pub(super) fn group_of(names: &mut Renaming, id: usize, series: &Table, grouping: &Grouping) -> usize {
    let group = names.of(id, series, |meta| Meta { labels: group_labels(&meta.labels, grouping), drop_name: false });
    if series.get(id).drop_name {
        names.table.drop_name(group);
    }
    group
}

/// The labels that the members of a group have in common.
pub(super) fn group_labels(labels: &Labels, grouping: &Grouping) -> Labels {
    if grouping.without {
        labels.filter(|label| label != NAME && grouping.labels.iter().all(|listed| listed != label))
    } else {
        labels.only(&grouping.labels)
    }
}

/// The number that is better than all others; any is better than not-a-number.
fn extreme(values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let better = |best: f64, next: f64| if better(next, best) || best.is_nan() { next } else { best };
    values.iter().copied().reduce(better).unwrap_or(f64::NAN)
}

/// The mean squared distance from the mean, by Welford's method.
fn variance(values: &[f64]) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for &value in values {
        count += 1.0;
        let distance = value - mean;
        mean += distance / count;
        squares += distance * (value - mean);
    }
    squares / count
}
