//! What all nodes share while a question is answered: its times, its data, its limits and the remarks.

use std::cell::RefCell;

use super::{
    Sample,
    block::{BUDGET, Block},
    data::{Data, Read},
};
use crate::promql::{
    annotation::{Remark, Remarks},
    deadline::Deadline,
    error::{Error, Kind},
    syntax::Span,
};

/// The times of a question, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Between two instants; 0 if there is only one.
    pub(crate) step: i64,
    /// How long a sample stands for its series.
    pub(crate) lookback: i64,
    /// The step of a subquery that names none.
    pub(crate) subquery_step: i64,
    /// Whether a range was asked for, and not an instant.
    pub(crate) is_range: bool,
}

/// What a question may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) samples: usize,
    pub(crate) deadline: Option<Deadline>,
}

/// The state of a question.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) times: Times,
    pub(crate) data: Data,
    pub(crate) remarks: RefCell<Remarks>,
    pub(super) block: InBlock,
    limits: Limits,
    /// Samples in memory beyond one instant.
    held: usize,
    /// Instants evaluated by subqueries, which a long range of short steps would make endless.
    points: usize,
    /// Samples of the vectors of this instant.
    passing: usize,
    /// Work done since the clock was last looked at.
    work: usize,
}

/// The block that is evaluated.
#[derive(Debug)]
pub(super) struct InBlock {
    pub(super) current: Block,
    /// What is held for it.
    pub(super) held: usize,
    /// Whether it cannot be shorter.
    pub(super) may_overflow: bool,
}

/// So much work is done between two looks at the clock.
const WORK: usize = 1024;

impl Context {
    pub(crate) fn new(times: Times, limits: Limits) -> Self {
        Self {
            times,
            data: Data::default(),
            block: InBlock {
                current: Block { first: times.start, last: times.end, step: times.step },
                held: 0,
                may_overflow: false,
            },
            remarks: RefCell::default(),
            limits,
            held: 0,
            points: 0,
            passing: 0,
            work: WORK,
        }
    }

    pub(crate) fn remark(&self, span: Span, remark: &Remark<'_>) {
        self.remarks.borrow_mut().add(span, remark);
    }

    /// Counts samples that stay in memory.
    pub(crate) fn hold(&mut self, samples: usize) -> Result<(), Error> {
        self.held += samples;
        self.check(samples)
    }

    /// Counts samples that stay in memory until the block is done.
    pub(super) fn hold_in_block(&mut self, samples: usize) -> Result<Read, Error> {
        self.block.held += samples;
        self.hold(samples)?;
        Ok(if self.block.held > BUDGET && !self.block.may_overflow { Read::TooMuch } else { Read::All })
    }

    /// Gives free what was held for a block.
    pub(super) fn begin_block(&mut self) {
        let held = std::mem::take(&mut self.block.held);
        self.release(held);
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.limits.deadline
    }

    /// Gives samples free that were held.
    pub(crate) fn release(&mut self, samples: usize) {
        self.held = self.held.saturating_sub(samples);
    }

    /// Counts a vector that lives until the end of the instant.
    pub(crate) fn pass(&mut self, vector: &[Sample]) -> Result<(), Error> {
        let samples = vector.iter().map(|sample| sample.value.weight()).sum();
        self.passing += samples;
        self.check(samples)
    }

    /// Counts an instant of a subquery; there may be as many as samples.
    pub(crate) fn point(&mut self) -> Result<(), Error> {
        self.points += 1;
        if self.points > self.limits.samples { Err(Kind::TooManySamples.into()) } else { self.check(0) }
    }

    /// Begins the next instant.
    pub(crate) fn next_instant(&mut self) {
        self.passing = 0;
    }

    /// Whether the limit of samples is kept, and, now and then, whether there is time left.
    pub(crate) fn check(&mut self, work: usize) -> Result<(), Error> {
        if self.held + self.passing > self.limits.samples {
            return Err(Kind::TooManySamples.into());
        }
        self.work += work + 1;
        if self.work > WORK {
            self.work = 0;
            if self.limits.deadline.is_some_and(Deadline::is_over) {
                return Err(Kind::TooLate.into());
            }
        }
        Ok(())
    }
}
