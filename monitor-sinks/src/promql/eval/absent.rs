//! `absent` and `absent_over_time`: a 1 where there is nothing.

use std::collections::HashSet;

use super::{Context, Node, Sample, Table, Vector, range::Range, table::Meta};
use crate::promql::{
    labels::{Labels, NAME},
    matcher::{MatchOp, Matcher},
    value::Value,
};

/// What may be absent.
pub(super) enum What {
    Vector(Box<dyn Node>),
    Range(Range),
}

/// A 1 at each instant at which nothing is there.
pub(super) struct Absent {
    what: What,
    table: Table,
}

impl Absent {
    /// The labels of the 1 are those that `matchers` say what is absent would have.
    pub(super) fn new(what: What, matchers: &[Matcher]) -> Self {
        let mut table = Table::default();
        table.intern(Meta { labels: labels_of(matchers), drop_name: false });
        Self { what, table }
    }
}

impl Node for Absent {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let is_there = match &mut self.what {
            What::Vector(inner) => !inner.eval(at, context)?.is_empty(),
            What::Range(range) => {
                range.move_to(at, context)?;
                !range.samples().is_empty()
            }
        };
        Ok(if is_there { Vec::new() } else { vec![Sample { id: 0, value: Value::Float(1.0) }] })
    }

    fn series(&self) -> &Table {
        &self.table
    }
}

/// Labels that must have one value; one with two conditions has none.
fn labels_of(matchers: &[Matcher]) -> Labels {
    let mut labels = Labels::empty();
    let mut seen = HashSet::new();
    for matcher in matchers.iter().filter(|matcher| matcher.label != NAME) {
        let is_value = matcher.op == MatchOp::Equal && seen.insert(&matcher.label);
        labels = labels.with(&matcher.label, if is_value { &matcher.value } else { "" });
    }
    labels
}
