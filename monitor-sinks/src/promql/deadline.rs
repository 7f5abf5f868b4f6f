//! When to give up a question.

use std::time::{Duration, Instant};

/// An instant, and the clock that tells when it has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) clock: fn() -> Instant,
}

impl Deadline {
    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// The time until then.
    pub(crate) fn left(self) -> Duration {
        self.at.saturating_duration_since((self.clock)())
    }
}
