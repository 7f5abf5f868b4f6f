//! The wrappers of [`future`](super::future) with the feature `off`: the futures themselves.
//!
//! The functions ask the same of their arguments, so that the same programs are accepted.

use std::future::Future;

use super::{CallSite, Outcome};

/// The future as it is.
#[inline(always)]
pub fn future<M, T, F, O>(_site: &'static CallSite, future: F, _outcome: O) -> F
where
    F: Future<Output = T>,
    O: FnOnce(&T) -> Outcome,
{
    future
}

/// The future that `body` makes.
#[inline(always)]
pub fn made<M, T, F, O>(_site: &'static CallSite, body: impl FnOnce() -> F, _outcome: O) -> F
where
    F: Future<Output = T>,
    O: FnOnce(&T) -> Outcome,
{
    body()
}

/// The boxed future that `body` makes.
#[inline(always)]
pub fn boxed<M, T, F, O>(_site: &'static CallSite, body: impl FnOnce() -> F, _outcome: O) -> F
where
    F: Future<Output = T>,
    O: FnOnce(&T) -> Outcome,
{
    body()
}

/// From the first poll to the end.
#[derive(Debug)]
pub enum Whole {}

/// Only while it is polled.
#[derive(Debug)]
pub enum Busy {}

/// Both.
#[derive(Debug)]
pub enum Both {}
