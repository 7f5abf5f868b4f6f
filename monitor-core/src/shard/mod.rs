//! Per-thread shards: how recording threads write without sharing and how the drain reads without stopping them.
//!
//! Each call site and each series owns a [`CellList`]: one cell for every thread that records on it at the same time.
//!
//! Invariants, which the model checker explores (`src/model.rs`):
//! - A cell has one writer at a time: the thread that claimed it. Its fields are atomics only because the drain reads
//!   them meanwhile; the writer uses a Relaxed load and a store, never a locked instruction.
//! - Cells only ever grow. Nobody resets them: the drain remembers what it saw and takes wrapping differences, so a
//!   drain that comes late loses nothing, and no update can fall between a read and a reset.
//! - A cell is never freed. At thread exit it is retired with its totals, and the next thread adopts it and goes on
//!   adding. Memory is bounded by the most threads that ever recorded at once, not by how many there have been.

mod bump;
mod call;
mod extremes;
mod list;
mod metric;
#[cfg(not(loom))]
mod quiet;
#[cfg(not(loom))]
pub(crate) mod table;

pub(crate) use call::{CallCell, End, Ends, KINDS};
#[cfg(not(loom))]
pub(crate) use extremes::EPOCH;
pub(crate) use extremes::Extremes;
pub(crate) use list::{Cell, CellList, Link};
pub(crate) use metric::{CounterCell, ValueCell};
#[cfg(not(loom))]
pub(crate) use quiet::Quiet;
