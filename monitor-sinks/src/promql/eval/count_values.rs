//! `count_values`: how many members of each group have which value.

use std::collections::HashMap;

use super::{Context, Node, Sample, Table, Vector, aggregate::group_labels, table::Meta};
use crate::promql::{syntax::Grouping, value::Value};

/// How many samples take as much memory as the labels of a series.
const SERIES_WEIGHT: usize = 16;

/// A count of values, each value a label of its count.
pub(super) struct CountValues {
    label: String,
    grouping: Grouping,
    inner: Box<dyn Node>,
    table: Table,
}

impl CountValues {
    pub(super) fn new(label: String, mut grouping: Grouping, inner: Box<dyn Node>) -> Self {
        if !grouping.without {
            grouping.labels.push(label.clone());
        }
        Self { label, grouping, inner, table: Table::default() }
    }
}

impl Node for CountValues {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let mut counts: HashMap<usize, usize> = HashMap::new();
        let mut order = Vec::new();
        for sample in self.inner.eval(at, context)? {
            let meta = self.inner.series().get(sample.id);
            let labels = group_labels(&meta.labels.with(&self.label, &sample.value.to_string()), &self.grouping);
            let known = self.table.len();
            let id = self.table.intern(Meta { labels, drop_name: false });
            if id == known {
                // Each new value is a new series, and there may be new ones at every instant.
                context.hold(SERIES_WEIGHT)?;
            }
            *counts.entry(id).or_insert_with(|| {
                order.push(id);
                0
            }) += 1;
        }
        let vector: Vec<Sample> =
            order.into_iter().map(|id| Sample { id, value: Value::Float(counts[&id] as f64) }).collect();
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.table
    }
}
