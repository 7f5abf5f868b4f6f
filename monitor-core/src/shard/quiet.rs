//! Work of the monitor's own that must not be monitored itself: the making of cells, sites and rules.
//!
//! It allocates, and an allocator may be monitored. Such a call would need a cell, whose making allocates, and so on to
//! the end of the stack; or it would wait for a lock that its own thread holds. So a thread that is at such work says so,
//! and calls that begin meanwhile and need such work themselves are not counted.

use std::cell::Cell;

thread_local! {
    /// Without a destructor, so that it is there to the very end of the thread.
    static AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread is at such work, until it is dropped.
#[derive(Debug)]
pub(crate) struct Quiet(());

impl Quiet {
    /// Begins such work; `None` if the thread is at it already.
    pub(crate) fn begin() -> Option<Self> {
        (!AT_WORK.replace(true)).then(|| Self(()))
    }

    /// Whether this thread is at such work.
    #[inline]
    pub(crate) fn is_kept() -> bool {
        AT_WORK.get()
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        AT_WORK.set(false);
    }
}
