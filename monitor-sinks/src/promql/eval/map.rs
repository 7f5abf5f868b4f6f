//! Functions that look at each sample alone, and vectors without series.

use super::{
    Context, Node, Sample, Table, Vector,
    scalar::Scalar,
    table::{Meta, Renaming},
};
use crate::promql::{function::Moment, histogram::Histogram, labels::Labels, value::Value};

/// What becomes of a sample; without a result it goes.
pub(super) enum Map {
    Float(fn(f64) -> f64),
    WithScalars(fn(f64, &[f64]) -> Option<f64>, Vec<Scalar>),
    Date(fn(Moment) -> f64),
    OfHistogram(fn(&Histogram) -> f64),
    /// The instant of evaluation.
    Timestamp,
    Negate,
}

/// A function of each sample.
pub(super) struct Mapped {
    map: Map,
    inner: Box<dyn Node>,
    names: Renaming,
}

/// A vector of one sample without labels, from a scalar or from the date.
pub(super) struct Single {
    scalar: Scalar,
    date: Option<fn(Moment) -> f64>,
    table: Table,
}

/// An expression that has the same value at all instants.
pub(super) struct Constant {
    inner: Box<dyn Node>,
    vector: Option<Vec<Sample>>,
}

impl Mapped {
    pub(super) fn new(map: Map, inner: Box<dyn Node>) -> Self {
        Self { map, inner, names: Renaming::default() }
    }
}

impl Node for Mapped {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let mut vector = self.inner.eval(at, context)?;
        let mut scalars = Vec::new();
        if let Map::WithScalars(_, of) = &mut self.map {
            for scalar in of {
                scalars.push(scalar.eval(at, context)?);
            }
        }
        vector.retain_mut(|sample| {
            let result = match (&self.map, &sample.value) {
                (Map::Float(map), Value::Float(value)) => Some(Value::Float(map(*value))),
                (Map::WithScalars(map, _), Value::Float(value)) => map(*value, &scalars).map(Value::Float),
                (Map::Date(part), Value::Float(value)) => Some(Value::Float(part(Moment::at(*value)))),
                (Map::OfHistogram(figure), Value::Histogram(histogram)) => Some(Value::Float(figure(histogram))),
                (Map::Timestamp, _) => Some(Value::Float(at as f64 / 1000.0)),
                (Map::Negate, Value::Float(value)) => Some(Value::Float(-value)),
                (Map::Negate, Value::Histogram(histogram)) => {
                    let mut negative = Histogram::clone(histogram);
                    negative.scale(-1.0);
                    Some(negative.into())
                }
                _ => None,
            };
            let Some(value) = result else { return false };
            *sample = Sample { id: self.names.keep(sample.id, self.inner.series(), true), value };
            true
        });
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.names.table
    }
}

impl Single {
    pub(super) fn new(scalar: Scalar, date: Option<fn(Moment) -> f64>) -> Self {
        let mut table = Table::default();
        table.intern(Meta { labels: Labels::empty(), drop_name: false });
        Self { scalar, date, table }
    }
}

impl Node for Single {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let value = self.scalar.eval(at, context)?;
        let value = self.date.map_or(value, |part| part(Moment::at(value)));
        Ok(vec![Sample { id: 0, value: Value::Float(value) }])
    }

    fn series(&self) -> &Table {
        &self.table
    }
}

impl Constant {
    pub(super) fn new(inner: Box<dyn Node>) -> Self {
        Self { inner, vector: None }
    }
}

impl Node for Constant {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        if self.vector.is_none() {
            let vector = self.inner.eval(at, context)?;
            context.hold(vector.iter().map(|sample| sample.value.weight()).sum())?;
            self.vector = Some(vector);
        }
        let vector = self.vector.clone().unwrap_or_default();
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        self.inner.series()
    }
}
