//! What a selector, or a function of its ranges, comes to at all instants of a block, found as soon as a series is read.

use std::cell::RefCell;

use super::{
    block::Block,
    data::{Stored, seek},
    selector::{Cursor, Look, newest},
};
use crate::promql::{
    annotation::Remarks,
    error::Error,
    function::{Window, WindowFunction},
    labels::Labels,
    syntax::{RangeMode, Span},
    value::Value,
};

/// What is to be found of each series, and what that comes to.
#[derive(Debug)]
pub(super) struct Digest {
    pub(super) sought: Sought,
    pub(super) look: Look,
    /// Of the range, or of the lookback.
    pub(super) length: i64,
    pub(super) span: Span,
    /// By series, in the order of their labels once they are read.
    pub(super) results: Vec<(Labels, Results)>,
}

/// What is to be found.
#[derive(Debug)]
pub(super) enum Sought {
    /// The newest sample.
    Newest,
    /// What a function makes of the samples of a range.
    Function { name: &'static str, function: WindowFunction, scalars: Vec<f64> },
}

/// What comes out at the instants of a block, by their places; those without a result are left out.
pub(super) type Results = Vec<(usize, Value)>;

impl Digest {
    pub(super) fn clear(&mut self) {
        self.results = Vec::new();
    }

    /// Finds it for a series; returns what the results weigh.
    pub(super) fn add(&mut self, stored: &Stored, block: Block, remarks: &RefCell<Remarks>) -> Result<usize, Error> {
        let results = match &self.sought {
            Sought::Newest => self.newest(stored, block),
            Sought::Function { function, scalars, .. } => self.applied(*function, scalars, stored, block, remarks)?,
        };
        let weight: usize = results.iter().map(|result| result.1.weight()).sum();
        self.results.push((stored.labels.clone(), results));
        Ok(1 + weight)
    }

    fn newest(&self, stored: &Stored, block: Block) -> Results {
        // Most series have a sample at each instant.
        let mut found = Results::with_capacity(block.len());
        if stored.histograms.is_empty() && stored.ends.is_empty() {
            let mut floats = stored.floats.iter().copied().peekable();
            let mut last = None;
            for (place, at) in block.instants().enumerate() {
                let to = self.look.from(at);
                while let Some(sample) = floats.next_if(|sample| sample.0 <= to) {
                    last = Some(sample);
                }
                let is_new = |sample: &(i64, f64)| sample.0 > to - self.length;
                found.extend(last.filter(is_new).map(|(_, value)| (place, Value::Float(value))));
            }
            return found;
        }
        let mut cursor = Cursor::default();
        for (place, at) in block.instants().enumerate() {
            let sample = newest(stored, &mut cursor, self.look.from(at), self.length);
            found.extend(sample.map(|(_, value)| (place, value)));
        }
        found
    }

    fn applied(
        &self,
        function: WindowFunction,
        scalars: &[f64],
        stored: &Stored,
        block: Block,
        remarks: &RefCell<Remarks>,
    ) -> Result<Results, Error> {
        let Stored { floats, histograms, labels, .. } = stored;
        let name = labels.name();
        let never_falls = floats.is_sorted_by(|left, right| left.1 <= right.1);
        let mut results = Results::new();
        let (mut float, mut histogram) = ((0, 0), (0, 0));
        for (place, at) in block.instants().enumerate() {
            let end = self.look.from(at);
            let start = end - self.length;
            float = (seek(floats, float.0, start), seek(floats, float.1, end));
            if !histograms.is_empty() {
                histogram = (seek(histograms, histogram.0, start), seek(histograms, histogram.1, end));
            }
            if float.0 == float.1 && histogram.0 == histogram.1 {
                continue;
            }
            let window = Window {
                floats: &floats[float.0..float.1],
                histograms: &histograms[histogram.0..histogram.1],
                never_falls,
                start,
                end,
                at,
                mode: RangeMode::Plain,
                name,
                scalars,
                span: self.span,
                remarks,
            };
            results.extend(function(&window)?.map(|value| (place, value)));
        }
        Ok(results)
    }

    /// Puts the series in order. Returns whether each came once.
    pub(super) fn finish(&mut self) -> bool {
        self.results.sort_by(|left, right| left.0.cmp(&right.0));
        self.results.windows(2).all(|pair| pair[0].0 != pair[1].0)
    }
}
