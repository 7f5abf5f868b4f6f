//! Functions of ranges.

use super::{
    Context, Node, Sample, Table, Vector,
    digest::Results,
    range::Range,
    scalar::Scalar,
    table::{Meta, Renaming},
};
use crate::promql::{
    error::Error,
    function::{Window, WindowFunction},
    syntax::{RangeMode, Span},
};

/// What was found as series were read.
pub(super) struct Digested {
    digest: usize,
    drop_name: bool,
    block: usize,
    /// The number of each series of the digest, and how many of its results are in the past.
    cursors: Vec<(usize, usize)>,
    table: Table,
}

/// A function of the samples of each series in a range.
pub(super) struct RangeCall {
    function: WindowFunction,
    range: Range,
    scalars: Vec<Scalar>,
    /// The place of the first argument.
    span: Span,
    drop_name: bool,
    names: Renaming,
}

/// Functions that know what to do at the edges of an anchored range, and of a smoothed one.
const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

impl RangeCall {
    pub(super) fn new(
        name: &str,
        function: WindowFunction,
        range: Range,
        scalars: Vec<Scalar>,
        span: Span,
    ) -> Result<Self, Error> {
        let (mode, able): (_, &[&str]) = match range.mode() {
            RangeMode::Plain => ("", &[]),
            RangeMode::Anchored => ("anchored", &ANCHORED),
            RangeMode::Smoothed => ("smoothed", &SMOOTHED),
        };
        if !mode.is_empty() && !able.contains(&name) {
            let able = able.join(", ");
            return Err(Error::evaluation(format!("{mode} modifier can only be used with: {able} - not with {name}")));
        }
        Ok(Self { function, range, scalars, span, drop_name: drops_name(name), names: Renaming::default() })
    }
}

/// Whether the result is no value of the metric any more; the first and the last one are.
fn drops_name(function: &str) -> bool {
    !matches!(function, "last_over_time" | "first_over_time")
}

impl Digested {
    /// Of a selector.
    pub(super) fn of_selector(digest: usize) -> Self {
        Self { digest, drop_name: false, block: 0, cursors: Vec::new(), table: Table::default() }
    }

    /// Of a function of ranges.
    pub(super) fn of_function(name: &str, digest: usize) -> Self {
        Self { drop_name: drops_name(name), ..Self::of_selector(digest) }
    }

    /// Goes on to the block that was read last.
    fn renew(&mut self, context: &Context) {
        if self.block != context.data.blocks {
            self.block = context.data.blocks;
            self.cursors.clear();
            for (labels, _) in &context.data.digests[self.digest].results {
                let meta = Meta { labels: labels.clone(), drop_name: self.drop_name };
                self.cursors.push((self.table.intern(meta), 0));
            }
        }
    }
}

impl Node for Digested {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        self.renew(context);
        let place = context.block.current.place(at);
        let mut vector = Vec::with_capacity(self.cursors.len());
        for ((id, past), (_, results)) in self.cursors.iter_mut().zip(&context.data.digests[self.digest].results) {
            while results.get(*past).is_some_and(|result| result.0 < place) {
                *past += 1;
            }
            if let Some((_, value)) = results.get(*past).filter(|result| result.0 == place) {
                vector.push(Sample { id: *id, value: value.clone() });
            }
        }
        context.check(vector.len())?;
        Ok(vector)
    }

    fn take_block(&mut self, context: &mut Context) -> Option<Vec<(usize, Results)>> {
        self.renew(context);
        let results = std::mem::take(&mut context.data.digests[self.digest].results);
        Some(self.cursors.iter().zip(results).map(|(&(id, _), (_, results))| (id, results)).collect())
    }

    fn series(&self) -> &Table {
        &self.table
    }
}

impl Node for RangeCall {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let mut scalars = Vec::with_capacity(self.scalars.len());
        for scalar in &mut self.scalars {
            scalars.push(scalar.eval(at, context)?);
        }
        self.range.move_to(at, context)?;
        let (start, end) = self.range.bounds(at);
        let series = self.range.series();
        let mut vector = Vec::new();
        for samples in self.range.samples() {
            context.check(samples.floats.len() + samples.histograms.len())?;
            let window = Window {
                floats: samples.floats,
                histograms: samples.histograms,
                never_falls: false,
                start,
                end,
                at,
                mode: self.range.mode(),
                name: series.labels(samples.id).name(),
                scalars: &scalars,
                span: self.span,
                remarks: &context.remarks,
            };
            if let Some(value) = (self.function)(&window)? {
                let drop_name = self.drop_name;
                let rename = |meta: &Meta| Meta { labels: meta.labels.clone(), drop_name: meta.drop_name || drop_name };
                vector.push(Sample { id: self.names.of(samples.id, series, rename), value });
            }
        }
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.names.table
    }
}
