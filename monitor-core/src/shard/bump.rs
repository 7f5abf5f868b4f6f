//! Counters with one writer: a Relaxed load and a store, a locked instruction never.

use crate::primitive::atomic::{AtomicU32, AtomicU64, Ordering};

/// Declares how the writer reads back what it wrote.
///
/// Under the model checker this is an unsynchronised read, which fails the model if any other thread can have written:
/// the claim that there is one writer is thereby checked and not assumed.
macro_rules! own {
    ($(#[$doc:meta])* $name:ident: $atomic:ty => $value:ty) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(counter: &$atomic) -> $value {
            #[cfg(not(loom))]
            return counter.load(Ordering::Relaxed);
            // SAFETY: only the owner of the cell writes to it, and only the owner calls this; loom panics if not.
            #[cfg(loom)]
            return unsafe { counter.unsync_load() };
        }
    };
}

own! {
    /// The value of a counter that only the calling thread writes.
    own32: AtomicU32 => u32
}
own! {
    /// The value of a counter that only the calling thread writes.
    own64: AtomicU64 => u64
}

/// Adds to a counter that only the calling thread writes.
#[inline(always)]
pub(crate) fn bump64(counter: &AtomicU64, by: u64) {
    counter.store(own64(counter).wrapping_add(by), Ordering::Relaxed);
}

/// Adds one to a counter that only the calling thread writes.
#[inline(always)]
pub(crate) fn bump32(counter: &AtomicU32) {
    counter.store(own32(counter).wrapping_add(1), Ordering::Relaxed);
}

/// Adds one and publishes everything written before: pairs with the Acquire load of the drain, which then sees at least
/// the bucket and the sum that belong to this count.
#[inline(always)]
pub(crate) fn publish32(counter: &AtomicU32) {
    counter.store(own32(counter).wrapping_add(1), Ordering::Release);
}
