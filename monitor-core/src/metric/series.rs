//! One series: a family, a set of tags, and the cells or the gauge that hold its value.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::family::Family;
use crate::push_list::{Iter, Linked, Next, PushList};
use crate::shard::{Cell, CellList, CounterCell, ValueCell, table};
use crate::tag::OwnedTags;

/// A series. Made once, never freed: its number is bounded by the families' limits.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) family: &'static Family,
    pub(crate) tags: OwnedTags,
    pub(crate) hash: u64,
    pub(crate) data: Data,
    /// The next series of the family with the same low bits of the hash.
    next_in_family: Next<Self>,
    /// The next registered series of the process.
    next_in_process: Next<Self>,
}

/// Where a series keeps its value.
#[derive(Debug)]
pub(crate) enum Data {
    /// A counter.
    Counter(Shards<CounterCell>),
    /// A gauge.
    Gauge(GaugeData),
    /// A histogram or a timer.
    Values(Shards<ValueCell>),
}

/// The cells of a series, with its number in the threads' tables.
#[derive(Debug)]
pub(crate) struct Shards<C: Cell> {
    id: table::Id<C>,
    pub(crate) cells: CellList<C>,
}

impl<C: Cell> Shards<C> {
    pub(super) fn new() -> Self {
        let id = table::Id::unassigned();
        id.assign();
        Self { id, cells: CellList::new() }
    }

    /// Writes to the calling thread's cell.
    #[inline(always)]
    pub(crate) fn write(&'static self, record: impl FnOnce(&C)) {
        match table::find(&self.id) {
            Some(cell) => record(cell),
            None => table::claim(&self.id, &self.cells).write(record),
        }
    }
}

/// A gauge: the last value set by any thread, so one shared word and not a cell a thread.
#[derive(Debug, Default)]
pub(crate) struct GaugeData {
    /// The bits of a float.
    pub(super) value: AtomicU64,
    pub(super) is_set: AtomicBool,
}

impl GaugeData {
    /// The value; `None` before the first one.
    pub(crate) fn read(&self) -> Option<f64> {
        // Acquire pairs with the Release of the setter: who sees the mark sees a value.
        self.is_set.load(Ordering::Acquire).then(|| f64::from_bits(self.value.load(Ordering::Relaxed)))
    }
}

/// Names the link of a family's chain.
#[derive(Debug)]
pub(super) enum InFamily {}

/// Names the link of the process's list.
#[derive(Debug)]
pub(crate) enum InProcess {}

impl Linked<InFamily> for Series {
    fn next(&self) -> &Next<Self> {
        &self.next_in_family
    }
}

impl Linked<InProcess> for Series {
    fn next(&self) -> &Next<Self> {
        &self.next_in_process
    }
}

static SERIES: PushList<Series, InProcess> = PushList::new();

impl Series {
    pub(super) fn new(family: &'static Family, tags: OwnedTags, hash: u64, data: Data) -> Self {
        Self { family, tags, hash, data, next_in_family: Next::none(), next_in_process: Next::none() }
    }

    /// Shows the series to the drain.
    pub(super) fn register(&'static self) {
        SERIES.push(self);
    }
}

/// Every series, newest first.
pub(crate) fn registered() -> Iter<Series, InProcess> {
    SERIES.iter()
}
