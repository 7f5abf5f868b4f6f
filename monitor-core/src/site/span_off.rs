//! The guards of [`span`](super::span) with the feature `off`: nothing.
//!
//! The functions have the same signatures, so that the same programs are accepted; a call is its body and no more.

use super::{CallSite, Outcome};

/// Runs `body`.
#[inline(always)]
pub fn call<R>(_site: &'static CallSite, body: impl FnOnce() -> R, _outcome: impl FnOnce(&R) -> Outcome) -> R {
    body()
}

/// Runs `body`.
#[inline(always)]
pub fn call_ok<R>(_site: &'static CallSite, body: impl FnOnce() -> R) -> R {
    body()
}

/// Begins nothing.
#[inline(always)]
#[must_use = "the call ends when the span is dropped"]
pub fn enter(_site: &'static CallSite) -> Span {
    Span
}

/// Begins nothing.
#[inline(always)]
#[must_use = "the call ends when the span is dropped"]
pub fn start(_site: &'static CallSite) -> AsyncSpan {
    AsyncSpan
}

/// No call.
#[derive(Debug)]
pub struct Span;

impl Span {
    /// Ends nothing.
    #[inline(always)]
    pub fn finish(self, _outcome: Outcome) {}
}

/// No call.
#[derive(Debug)]
pub struct AsyncSpan;

impl AsyncSpan {
    /// Ends nothing.
    #[inline(always)]
    pub fn finish(self, _outcome: Outcome) {}
}
