//! The guards of [`span`](super::span) with the feature `off`: nothing.
//!
//! The functions have the same signatures, so that the same programs are accepted; a call is its body and no more.

use super::{CallSite, Outcome};

/// Runs `body`.
#[inline(always)]
pub fn call<R>(_site: &'static CallSite, body: impl FnOnce() -> R, _outcome: impl FnOnce(&R) -> Outcome) -> R {
    body()
}

/// Begins nothing.
#[inline(always)]
#[must_use = "the call ends with the span"]
pub fn begin(_site: &'static CallSite) -> Span {
    Span
}

/// Begins nothing.
#[inline(always)]
#[must_use = "the call ends when the guard is dropped"]
pub fn enter(_site: &'static CallSite) -> Guard {
    Guard
}

/// No call.
#[derive(Debug)]
pub struct Guard;

/// No call.
#[derive(Debug)]
pub struct Span;

impl Span {
    /// Ends nothing.
    #[inline(always)]
    pub fn finish<R>(&mut self, _value: &R, _outcome: impl FnOnce(&R) -> Outcome) {}
}
