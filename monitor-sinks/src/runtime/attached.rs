//! What ends with a monitor: a server of its values, which must not outlive them.
//!
//! The runtime knows nothing of servers. It drops what it was given, before the recording ends.

use std::{
    any::Any,
    sync::{Mutex, PoisonError},
};

use super::Monitor;

/// Values that are dropped together.
#[derive(Default)]
pub(super) struct Attached(Mutex<Vec<Box<dyn Any + Send>>>);

impl Attached {
    /// Drops them.
    pub(super) fn end(&mut self) {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Monitor {
    /// Drops `part` when the recording is about to end.
    pub(crate) fn attach(&self, part: impl Any + Send) {
        self.attached.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(part));
    }
}
