//! PromQL over any source of series: questions in text, answers in typed values.
//!
//! ```text
//! builder    expressions from Rust, as text
//! prepared   an expression that is asked again and again
//! query      a question: text, times, limits ──► answer
//! eval       nodes that give a vector at each instant
//! function   what is computed from a sample or a range
//! syntax     text ──► words ──► checked expression ──► text
//! source     where series come from; memory, one that is there for tests
//! histogram  native histograms
//! testing    scripts that load series, ask, and say what must come out
//! ```
//!
//! The semantics are those of Prometheus 3: ranges exclude their left edge, a sample stands for its series for five
//! minutes, a name goes when the question is answered and not before. What Prometheus calls experimental is on: fill
//! modifiers, anchored and smoothed ranges, arithmetic on durations, all functions but `integral`. Start timestamps
//! are not known.
//!
//! Invariants:
//!
//! - No text, no data and no limit makes this panic, overflow the stack or run on. The text is limited before it is read
//!   (64 KiB), its nesting while it is read, its regular expressions when they are compiled; steps, samples and time are
//!   limited while it is evaluated.
//! - A source is asked once for each distinct selector of a question; of a range that would take too much memory at
//!   once, for each block of instants.
//! - What a question holds in memory is counted: samples read, values kept by subqueries, the vectors of one instant,
//!   and the answer. A number counts 1 and takes 16 to 32 bytes; a histogram counts by its size.
//! - Beside the answer, that follows a block and not the range: see `eval::block`.

#![allow(clippy::float_cmp, reason = "numbers, and bounds of buckets, are compared as exactly as PromQL says")]

mod annotation;
mod builder;
mod deadline;
pub(crate) mod error;
mod eval;
pub(crate) mod function;
mod histogram;
mod labels;
mod matcher;
mod memory;
#[cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]
mod prepared;
mod query;
mod source;
pub(crate) mod syntax;
pub mod testing;
pub(crate) mod value;

#[cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]
pub(crate) use self::labels::NAME;
#[cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]
pub(crate) use self::prepared::{Prepared, Reach};
pub use self::{
    builder::{Expression, metric, number},
    error::Error,
    histogram::{Histogram, Reset},
    labels::Labels,
    matcher::{MatchOp, Matcher},
    memory::Memory,
    query::{Answer, Query, check_names, format, selected_names, selector},
    source::{Metadata, Select, Series, Source, Sources},
    value::{Data, Element, Line, Point, Value, is_stale, stale},
};
