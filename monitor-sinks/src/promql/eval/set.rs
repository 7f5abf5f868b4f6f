//! The set operators `and`, `or` and `unless`.

use super::{
    Context, Node, Sample, Table, Vector,
    matching::Signatures,
    table::{Once, Renaming},
};
use crate::promql::{
    error::Error,
    syntax::{BinaryOp, Matching},
};

/// A set operator between two vectors.
pub(super) struct SetOperation {
    op: BinaryOp,
    matching: Matching,
    left: Box<dyn Node>,
    right: Box<dyn Node>,
    left_signatures: Vec<usize>,
    right_signatures: Vec<usize>,
    signatures: Signatures,
    /// Series of the left side, and, for `or`, of both.
    names: Renaming,
    right_names: Vec<usize>,
    seen: Once,
}

impl SetOperation {
    pub(super) fn new(op: BinaryOp, matching: Matching, left: Box<dyn Node>, right: Box<dyn Node>) -> Self {
        Self {
            op,
            matching,
            left,
            right,
            left_signatures: Vec::new(),
            right_signatures: Vec::new(),
            signatures: Signatures::default(),
            names: Renaming::default(),
            right_names: Vec::new(),
            seen: Once::default(),
        }
    }

    /// The right side's series under a number of the result.
    fn right_name(&mut self, id: usize) -> usize {
        let right = self.right.series();
        for id in self.right_names.len()..right.len() {
            self.right_names.push(self.names.table.intern(right.get(id).clone()));
        }
        self.right_names[id]
    }
}

impl Node for SetOperation {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let left = self.left.eval(at, context)?;
        let right = self.right.eval(at, context)?;
        self.signatures.number(&mut self.left_signatures, self.left.series(), &self.matching);
        self.signatures.number(&mut self.right_signatures, self.right.series(), &self.matching);
        self.seen.begin();
        let present = |vector: &[Sample], signatures: &[usize]| {
            let mut present = vec![false; self.signatures.len()];
            for sample in vector {
                present[signatures[sample.id]] = true;
            }
            present
        };
        let on_left = present(&left, &self.left_signatures);
        let on_right = present(&right, &self.right_signatures);
        let mut vector = Vec::with_capacity(left.len());
        for sample in left {
            let matched = on_right[self.left_signatures[sample.id]];
            if self.op == BinaryOp::Or || matched == (self.op == BinaryOp::And) {
                let id = self.names.keep(sample.id, self.left.series(), false);
                vector.push(Sample { id, ..sample });
            }
        }
        if self.op == BinaryOp::Or {
            for sample in right {
                if !on_left[self.right_signatures[sample.id]] {
                    vector.push(Sample { id: self.right_name(sample.id), ..sample });
                }
            }
        }
        if vector.iter().any(|sample| !self.seen.is_first(sample.id)) {
            return Err(Error::same_labels());
        }
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.names.table
    }
}
