//! Evaluation, instant by instant.
//!
//! A checked expression becomes a tree of nodes (`plan`). For each instant of a question the root is asked for its
//! vector, and asks its children. What does not change from one instant to the next is found out once: a node numbers
//! its series when it first meets them, a vector is numbers and values, and what a parent knows of a child's series
//! (its group, its partner, its new labels) it keeps under that number. So an instant costs arithmetic, not labels.
//!
//! Samples are read from the source before the first instant that needs them (`data`): at once, or block by block where
//! that would take too much memory (`block`). Functions of ranges are applied to each series as it is read (`digest`), where
//! nothing else looks at its samples; else each selector walks over them with a cursor that only moves forward. Each subquery evaluates its inner expression once for each of its own instants, and
//! keeps the values of its range. What is in memory at any time is counted against one limit: the samples read, the
//! values that subqueries keep, the vectors of one instant, and the answer so far.

mod absent;
mod aggregate;
mod binary;
mod block;
mod bucket;
mod call;
mod context;
mod count_values;
mod data;
mod digest;
mod hash;
mod info;
mod label;
mod map;
mod matching;
mod plan;
mod range;
mod root;
mod scalar;
mod select_k;
mod selector;
mod set;
mod sort;
mod subquery;
mod table;

use self::table::Table;
pub(crate) use self::{
    block::Blocks,
    context::{Context, Limits, Times},
    plan::Plan,
    root::Root,
};
use super::{error::Error, value::Value};

/// A part of an expression whose value is an instant vector.
pub(crate) trait Node {
    /// The vector at an instant. No series is in it twice.
    fn eval(&mut self, at: i64, context: &mut Context) -> Result<Vec<Sample>, Error>;

    /// The series met so far, by number.
    fn series(&self) -> &Table;

    /// All vectors of the block that was read last, series by series, if they are known already. Afterwards the node is not
    /// evaluated in this block.
    fn take_block(&mut self, _context: &mut Context) -> Option<Vec<(usize, digest::Results)>> {
        None
    }
}

/// The value of a series, which is known by its number in the table of the node.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) id: usize,
    pub(crate) value: Value,
}

type Vector = Result<Vec<Sample>, Error>;
