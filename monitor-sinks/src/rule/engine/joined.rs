//! The samples in memory, and the store where they do not reach.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
};

use crate::{
    ask::{Recent, StoreSource},
    error,
    promql::{Error, Labels, Metadata, Select, Series, Source},
};

/// The source that rules are evaluated over. A selector that the samples in memory cover costs no look at the store.
///
/// Functions read it from threads of their own. The samples are locked for as long as it takes to copy those that were
/// asked for, so that none of them can hold up a flush.
#[derive(Debug)]
pub(super) struct Joined {
    recent: RwLock<Recent>,
    store: StoreSource,
    /// The same, for rules that read increases over long times.
    rough: StoreSource,
    /// The names that were asked of the store.
    missed: Mutex<Vec<String>>,
}

/// The same, where windows of five minutes do for what is long ago.
pub(super) struct Rough<'a>(pub(super) &'a Joined);

/// The same for a thread that may outlive the engine: it keeps nothing of it open.
#[derive(Debug)]
pub(super) struct Lent(Weak<Joined>);

/// Of rules that read increases over longer times than this, windows of five minutes do for what lies before.
const EXACT_MS: i64 = 3_600_000;

/// More names than this are not kept until the next flush.
const MOST_MISSED: usize = 10_000;

impl Joined {
    pub(super) fn new(recent: Recent, store: StoreSource) -> Self {
        let rough = store.rough_before(EXACT_MS);
        Self { recent: RwLock::new(recent), store, rough, missed: Mutex::default() }
    }

    /// The samples in memory, for what changes them. No thread panics while it holds them.
    pub(super) fn recent(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the names in memory, too, that were asked of the store.
    pub(super) fn learn(&self) {
        let missed = std::mem::take(&mut *self.missed.lock().unwrap_or_else(PoisonError::into_inner));
        for name in missed {
            self.recent().learn(&self.store, &name);
        }
    }

    /// Keeps a name in memory.
    pub(super) fn keep(&self, name: &str) {
        self.recent().learn(&self.store, name);
    }

    fn select_with(
        &self,
        store: &StoreSource,
        select: &Select<'_>,
        give: &mut dyn FnMut(Series) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut found = Vec::new();
        let recent = self.read();
        recent.select(select, &mut |series| {
            found.push(series);
            ControlFlow::Continue(())
        })?;
        let is_covered = recent.covers(select);
        drop(recent);
        // Of two samples of one instant the first counts.
        for series in found {
            if give(series).is_break() {
                return Ok(());
            }
        }
        if is_covered {
            return Ok(());
        }
        if let Some(name) = select.name() {
            self.miss(name);
        }
        store.select(select, give)
    }

    fn miss(&self, name: &str) {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if missed.len() < MOST_MISSED {
            missed.push(name.to_owned());
        }
    }
}

impl Source for Joined {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        self.select_with(&self.store, select, give)
    }

    fn labels(&self, select: &Select<'_>, give: &mut dyn FnMut(Labels) -> ControlFlow<()>) -> Result<(), Error> {
        self.store.labels(select, give)
    }

    fn metadata(&self) -> Result<Vec<Metadata>, Error> {
        self.store.metadata()
    }
}

impl Source for Rough<'_> {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        self.0.select_with(&self.0.rough, select, give)
    }

    fn labels(&self, select: &Select<'_>, give: &mut dyn FnMut(Labels) -> ControlFlow<()>) -> Result<(), Error> {
        self.0.labels(select, give)
    }

    fn metadata(&self) -> Result<Vec<Metadata>, Error> {
        self.0.metadata()
    }
}

impl Lent {
    pub(super) const fn new(joined: Weak<Joined>) -> Self {
        Self(joined)
    }

    fn with<T>(&self, read: impl FnOnce(&Joined) -> Result<T, Error>) -> Result<T, Error> {
        let over = || Error::from_source(error::Error::setting("the monitor has ended, or its rules were replaced"));
        read(&*self.0.upgrade().ok_or_else(over)?)
    }
}

impl Source for Lent {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        self.with(|joined| joined.select(select, give))
    }

    fn labels(&self, select: &Select<'_>, give: &mut dyn FnMut(Labels) -> ControlFlow<()>) -> Result<(), Error> {
        self.with(|joined| joined.labels(select, give))
    }

    fn metadata(&self) -> Result<Vec<Metadata>, Error> {
        self.with(Joined::metadata)
    }
}
