//! Operators on two samples: numbers, histograms, or one of each.

use std::sync::Arc;

use super::{Context, Node, Table, Vector, scalar::Scalar, table::Renaming};
use crate::promql::{
    annotation::Remark,
    histogram::{Histogram, Reset},
    syntax::{BinaryOp, Span},
    value::Value,
};

/// An operator between a vector and a scalar.
pub(super) struct WithScalar {
    op: BinaryOp,
    vector: Box<dyn Node>,
    scalar: Scalar,
    /// The scalar is on the left.
    scalar_first: bool,
    bool: bool,
    span: Span,
    names: Renaming,
}

/// What an operator makes of two samples.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) value: Value,
    /// Whether a comparison holds; true for all other operators.
    pub(super) keep: bool,
}

impl WithScalar {
    pub(super) fn new(
        op: BinaryOp,
        vector: Box<dyn Node>,
        scalar: Scalar,
        scalar_first: bool,
        bool: bool,
        span: Span,
    ) -> Self {
        Self { op, vector, scalar, scalar_first, bool, span, names: Renaming::default() }
    }
}

impl Node for WithScalar {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let scalar = Value::Float(self.scalar.eval(at, context)?);
        let mut vector = self.vector.eval(at, context)?;
        let drop_name = self.bool || self.op.drops_name();
        vector.retain_mut(|sample| {
            let (left, right) = if self.scalar_first { (&scalar, &sample.value) } else { (&sample.value, &scalar) };
            let Some(outcome) = combine(self.op, left, right, self.span, context) else { return false };
            if self.bool {
                sample.value = Value::Float(f64::from(u8::from(outcome.keep)));
            } else if !self.op.is_comparison() {
                sample.value = outcome.value;
            }
            sample.id = self.names.keep(sample.id, self.vector.series(), drop_name);
            outcome.keep || self.bool
        });
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.names.table
    }
}

/// What an operator makes of two samples; `None`, with a remark, if it is not defined for them.
pub(super) fn combine(op: BinaryOp, left: &Value, right: &Value, span: Span, context: &Context) -> Option<Outcome> {
    let kept = |value: Value| Some(Outcome { value, keep: true });
    let undefined = || {
        let kind = |value: &Value| if value.as_float().is_some() { "float" } else { "histogram" };
        let remark = Remark::IncompatibleTypes { left: kind(left), op: op.as_str(), right: kind(right) };
        context.remark(span, &remark);
        None
    };
    match (left, right, op) {
        (Value::Float(_), Value::Float(_), BinaryOp::TrimLower | BinaryOp::TrimUpper) => undefined(),
        (Value::Float(left), Value::Float(right), op) => {
            let value = of_floats(op, *left, *right);
            let keep = !op.is_comparison() || value != 0.0;
            Some(Outcome { value: Value::Float(if op.is_comparison() { *left } else { value }), keep })
        }
        (Value::Float(factor), Value::Histogram(histogram), BinaryOp::Multiply)
        | (Value::Histogram(histogram), Value::Float(factor), BinaryOp::Multiply) => {
            kept(changed(histogram, |histogram| histogram.scale(*factor)))
        }
        (Value::Histogram(histogram), Value::Float(divisor), BinaryOp::Divide) => {
            kept(changed(histogram, |histogram| histogram.divide(*divisor)))
        }
        (Value::Histogram(histogram), Value::Float(at), BinaryOp::TrimUpper | BinaryOp::TrimLower) => {
            kept(changed(histogram, |histogram| histogram.trim(*at, op == BinaryOp::TrimUpper)))
        }
        (Value::Histogram(left), Value::Histogram(right), BinaryOp::Add | BinaryOp::Subtract) => {
            sum(op, left, right, span, context).map(|value| Outcome { value, keep: true })
        }
        (Value::Histogram(one), Value::Histogram(other), BinaryOp::Equal | BinaryOp::NotEqual) => {
            Some(Outcome { value: left.clone(), keep: one.is_same(other) == (op == BinaryOp::Equal) })
        }
        _ => undefined(),
    }
}

/// An operator on numbers; comparisons give 1 and 0.
pub(super) fn of_floats(op: BinaryOp, left: f64, right: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Subtract => left - right,
        BinaryOp::Multiply => left * right,
        BinaryOp::Divide => left / right,
        BinaryOp::Modulo => left % right,
        BinaryOp::Power => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        BinaryOp::Equal => truth(left == right),
        BinaryOp::NotEqual => truth(left != right),
        BinaryOp::Less => truth(left < right),
        BinaryOp::LessEqual => truth(left <= right),
        BinaryOp::Greater => truth(left > right),
        BinaryOp::GreaterEqual => truth(left >= right),
        // Of vectors and of histograms only; the check of types lets no two numbers come here.
        BinaryOp::Or | BinaryOp::And | BinaryOp::Unless | BinaryOp::TrimLower | BinaryOp::TrimUpper => f64::NAN,
    }
}

fn changed(histogram: &Arc<Histogram>, change: impl FnOnce(&mut Histogram)) -> Value {
    let mut histogram = Histogram::clone(histogram);
    change(&mut histogram);
    histogram.into()
}

fn sum(op: BinaryOp, left: &Histogram, right: &Histogram, span: Span, context: &Context) -> Option<Value> {
    let mut result = left.clone();
    let (noticed, operation) = match op {
        BinaryOp::Add => (result.add(right), "addition"),
        _ => (result.subtract(right), "subtraction"),
    };
    let Ok(noticed) = noticed else {
        context.remark(span, &Remark::IncompatibleBuckets { op: op.as_str() });
        return None;
    };
    if op == BinaryOp::Subtract {
        result.reset = Reset::Gauge;
    }
    if noticed.collision {
        context.remark(span, &Remark::ResetCollision { operation });
    }
    if noticed.reconciled {
        context.remark(span, &Remark::ReconciledBounds { operation });
    }
    Some(result.into())
}
