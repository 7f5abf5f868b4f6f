//! What a function of the program sees when it decides whether a rule holds.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use crate::promql::{Error, Query, Source};

/// The values at an instant.
///
/// What cannot be read is remembered: the rule then has an error, whatever the function made of it.
pub struct View<'a> {
    source: &'a dyn Source,
    at_ms: i64,
    /// When it is too late to read anything.
    deadline: Option<Instant>,
    error: RefCell<Option<Error>>,
    took: Cell<Duration>,
}

impl<'a> View<'a> {
    /// The values of a source at an instant, in milliseconds since 1970.
    #[must_use]
    pub fn new(source: &'a dyn Source, at_ms: i64) -> Self {
        Self::until(source, at_ms, None)
    }

    /// The same, of which nothing can be read any more after a deadline.
    pub(super) fn until(source: &'a dyn Source, at_ms: i64, deadline: Option<Instant>) -> Self {
        Self { source, at_ms, deadline, error: RefCell::new(None), took: Cell::default() }
    }

    /// The instant, in milliseconds since 1970.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }

    /// The first value of an expression of PromQL, such as the name of a metric; `None` if there is none, or it is not a
    /// number.
    #[must_use]
    pub fn value(&self, expr: &str) -> Option<f64> {
        let begun = Instant::now();
        let query = Query::new(self.source, expr);
        let query = if let Some(deadline) = self.deadline { query.deadline(deadline) } else { query };
        let answer = query.at(self.at_ms);
        self.took.set(self.took.get() + begun.elapsed());
        match answer {
            Ok(answer) => answer.first_float().filter(|value| !value.is_nan()),
            Err(error) => {
                self.error.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    /// The first failure, if there was one.
    #[must_use]
    pub fn into_error(self) -> Option<Error> {
        self.error.into_inner()
    }

    /// The first failure, which is forgotten.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.error.take()
    }

    /// How long reading has taken.
    pub(super) fn took(&self) -> Duration {
        self.took.get()
    }
}
