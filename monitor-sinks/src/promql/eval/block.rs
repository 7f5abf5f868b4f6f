//! Blocks: the instants that samples are read for at a time.
//!
//! A question over a range would hold the samples of all of it, or what its functions make of each range: for histograms of
//! many series that is gigabytes. So instants are evaluated in blocks, and what was read for one goes before the next. A
//! block begins as the whole question, is cut down while what is read for it weighs more than [`BUDGET`], and grows again
//! where it weighs little.
//!
//! Bound: what is held beside the answer and the points of subqueries is one budget, the samples of the series that is being
//! read, and what the source holds; or, where that is more, what is read for one instant, or for an eighth of the longest
//! range (for the whole range, where something other than a function of ranges looks at samples). Shorter blocks would read
//! the same ranges over and over.

use super::{Context, data::Read};
use crate::promql::{error::Error, source::Source};

/// What is read for a block may weigh so many samples, of 16 to 24 bytes each.
pub(super) const BUDGET: usize = 1 << 21;

/// By so much a block is cut down, and grows again.
const CUT: usize = 3;

/// Instants from the first to the last, a step apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(super) first: i64,
    pub(super) last: i64,
    /// 0 if there is only one instant.
    pub(super) step: i64,
}

/// The blocks of a question.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Instants in the next one, at most.
    width: usize,
    next: Option<i64>,
}

impl Block {
    pub(crate) fn instants(self) -> impl Iterator<Item = i64> {
        (0..).map(move |place| self.first + place * self.step).take(self.len())
    }

    pub(super) fn len(self) -> usize {
        if self.step == 0 { 1 } else { usize::try_from((self.last - self.first) / self.step).unwrap_or(0) + 1 }
    }

    /// The instant at a place.
    pub(crate) fn instant(self, place: usize) -> i64 {
        self.first + self.step * i64::try_from(place).unwrap_or(0)
    }

    /// The place of an instant.
    pub(super) fn place(self, at: i64) -> usize {
        if self.step == 0 { 0 } else { usize::try_from((at - self.first) / self.step).unwrap_or(usize::MAX) }
    }
}

impl Blocks {
    pub(crate) fn of(context: &Context) -> Self {
        Self { width: usize::MAX, next: Some(context.times.start) }
    }

    /// Reads the next block, if there is one.
    pub(crate) fn next(&mut self, context: &mut Context, source: &dyn Source) -> Result<Option<Block>, Error> {
        let (step, end) = (context.times.step, context.times.end);
        let Some(first) = self.next.filter(|&first| first <= end) else { return Ok(None) };
        let instants = Block { first, last: end, step }.len();
        let fewest = context.data.shortest_block().checked_div(step).map_or(1, |fewest| fewest.max(1).unsigned_abs());
        let fewest = usize::try_from(fewest).unwrap_or(usize::MAX);
        loop {
            let width = self.width.min(instants);
            context.block.may_overflow = width <= fewest;
            let last = first + step * i64::try_from(width - 1).unwrap_or(0);
            let block = Block { first, last, step };
            if context.read(source, block)? == Read::TooMuch {
                self.width = (width / CUT).max(fewest);
                continue;
            }
            context.block.current = block;
            self.next = (step > 0).then_some(last + step);
            if context.block.held < BUDGET / (2 * CUT) {
                self.width = self.width.saturating_mul(CUT);
            }
            return Ok(Some(block));
        }
    }
}
