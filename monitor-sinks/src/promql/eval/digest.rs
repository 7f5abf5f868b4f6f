//! A function of ranges, applied to a series at all instants of a block as soon as the series is read.

use std::cell::RefCell;

use super::{
    block::Block,
    data::{Stored, seek},
    selector::Look,
};
use crate::promql::{
    annotation::Remarks,
    error::Error,
    function::{Window, WindowFunction},
    labels::Labels,
    syntax::{RangeMode, Span},
    value::Value,
};

/// A function of ranges of a selector, and what it comes to.
#[derive(Debug)]
pub(super) struct Digest {
    pub(super) name: &'static str,
    pub(super) function: WindowFunction,
    pub(super) look: Look,
    pub(super) length: i64,
    pub(super) scalars: Vec<f64>,
    pub(super) span: Span,
    /// By series, in the order of their labels once they are read.
    pub(super) results: Vec<(Labels, Results)>,
}

/// What the function comes to at the instants of a block, by their places; those without a result are left out.
pub(super) type Results = Vec<(usize, Value)>;

impl Digest {
    pub(super) fn clear(&mut self) {
        self.results = Vec::new();
    }

    /// Applies the function to a series; returns what the results weigh.
    pub(super) fn add(&mut self, stored: &Stored, block: Block, remarks: &RefCell<Remarks>) -> Result<usize, Error> {
        let Stored { floats, histograms, labels, .. } = stored;
        let (mut results, mut weight) = (Results::new(), 1);
        let (mut float, mut histogram) = ((0, 0), (0, 0));
        for (place, at) in block.instants().enumerate() {
            let end = self.look.from(at);
            let start = end - self.length;
            float = (seek(floats, float.0, start), seek(floats, float.1, end));
            histogram = (seek(histograms, histogram.0, start), seek(histograms, histogram.1, end));
            if float.0 == float.1 && histogram.0 == histogram.1 {
                continue;
            }
            let window = Window {
                floats: &floats[float.0..float.1],
                histograms: &histograms[histogram.0..histogram.1],
                start,
                end,
                at,
                mode: RangeMode::Plain,
                labels,
                scalars: &self.scalars,
                span: self.span,
                remarks,
            };
            if let Some(value) = (self.function)(&window)? {
                weight += value.weight();
                results.push((place, value));
            }
        }
        self.results.push((labels.clone(), results));
        Ok(weight)
    }

    /// Puts the series in order. Returns whether each came once.
    pub(super) fn finish(&mut self) -> bool {
        self.results.sort_by(|left, right| left.0.cmp(&right.0));
        self.results.windows(2).all(|pair| pair[0].0 != pair[1].0)
    }
}
