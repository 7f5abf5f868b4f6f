//! The samples in memory, and the store where they do not reach.

use std::{cell::Cell, ops::ControlFlow};

use crate::{
    ask::{Recent, StoreSource},
    promql::{Error, Labels, Metadata, Select, Series, Source},
};

/// The source that rules are evaluated over. A selector that the samples in memory cover costs no look at the store.
pub(super) struct Joined<'a> {
    recent: &'a Recent,
    store: &'a StoreSource,
    /// How often the store was read.
    reads: Cell<u64>,
}

impl<'a> Joined<'a> {
    pub(super) const fn new(recent: &'a Recent, store: &'a StoreSource) -> Self {
        Self { recent, store, reads: Cell::new(0) }
    }
}

impl Source for Joined<'_> {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        // Of two samples of one instant the first counts.
        let mut flow = ControlFlow::Continue(());
        self.recent.select(select, &mut |series| {
            flow = give(series);
            flow
        })?;
        if flow.is_break() || self.recent.covers(select) {
            return Ok(());
        }
        self.reads.set(self.reads.get() + 1);
        self.store.select(select, give)
    }

    fn labels(&self, select: &Select<'_>, give: &mut dyn FnMut(Labels) -> ControlFlow<()>) -> Result<(), Error> {
        self.store.labels(select, give)
    }

    fn metadata(&self) -> Result<Vec<Metadata>, Error> {
        self.store.metadata()
    }
}
