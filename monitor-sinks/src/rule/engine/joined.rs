//! The samples in memory, and the store where they do not reach.

use std::{cell::RefCell, ops::ControlFlow};

use crate::{
    ask::{Recent, StoreSource},
    promql::{Error, Labels, Metadata, Select, Series, Source},
};

/// The source that rules are evaluated over. A selector that the samples in memory cover costs no look at the store.
pub(super) struct Joined<'a> {
    recent: &'a Recent,
    store: &'a StoreSource,
    /// The names that were asked of the store.
    missed: RefCell<Vec<String>>,
}

impl<'a> Joined<'a> {
    pub(super) fn new(recent: &'a Recent, store: &'a StoreSource) -> Self {
        Self { recent, store, missed: RefCell::default() }
    }

    /// The names that were asked of the store.
    pub(super) fn missed(&self) -> Vec<String> {
        self.missed.take()
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
        self.missed.borrow_mut().extend(select.name().map(str::to_owned));
        self.store.select(select, give)
    }

    fn labels(&self, select: &Select<'_>, give: &mut dyn FnMut(Labels) -> ControlFlow<()>) -> Result<(), Error> {
        self.store.labels(select, give)
    }

    fn metadata(&self) -> Result<Vec<Metadata>, Error> {
        self.store.metadata()
    }
}
