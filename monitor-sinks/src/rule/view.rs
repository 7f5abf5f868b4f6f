//! What a function of the program sees when it decides whether a rule holds.

use std::cell::RefCell;

use crate::promql::{Error, Query, Source};

/// The values at an instant.
///
/// What cannot be read is remembered: the rule then has an error, whatever the function made of it.
pub struct View<'a> {
    source: &'a dyn Source,
    at_ms: i64,
    error: RefCell<Option<Error>>,
}

impl<'a> View<'a> {
    /// The values of a source at an instant, in milliseconds since 1970.
    #[must_use]
    pub fn new(source: &'a dyn Source, at_ms: i64) -> Self {
        Self { source, at_ms, error: RefCell::new(None) }
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
        match Query::new(self.source, expr).at(self.at_ms) {
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
}
