//! The one lock-free structure of this crate: a list onto which values are pushed and from which nothing is ever taken.
//!
//! Call sites, series, families and cells all live as long as the process, so they need no removal, and without removal
//! there is neither reclamation nor an ABA problem: a push is one compare-and-swap, a walk is a chain of loads.

use std::marker::PhantomData;
use std::ptr;

use crate::primitive::atomic::{AtomicPtr, Ordering};
use crate::primitive::const_fn;

/// A value that carries the link of a list. `L` tells the links of a value that hangs in several lists apart.
pub(crate) trait Linked<L = ()>: Sized + Sync + 'static {
    /// The link to the next value. Only the list writes to it.
    fn next(&self) -> &Next<Self>;
}

/// A link, as the linked value holds it.
#[derive(Debug)]
pub(crate) struct Next<T>(AtomicPtr<T>);

impl<T> Next<T> {
    const_fn! {
        pub(crate) fn none() -> Self {
            Self(AtomicPtr::new(ptr::null_mut()))
        }
    }
}

/// A list of values that are never freed.
#[derive(Debug)]
pub(crate) struct PushList<T, L = ()> {
    head: AtomicPtr<T>,
    link: PhantomData<fn() -> L>,
}

impl<T, L> PushList<T, L> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { head: AtomicPtr::new(ptr::null_mut()), link: PhantomData }
        }
    }
}

impl<T: Linked<L>, L> PushList<T, L> {
    /// Every value, newest first.
    pub(crate) fn iter(&self) -> Iter<T, L> {
        // Acquire: pairs with the Release of `try_push`, so what is reached is initialised.
        Iter { next: self.head.load(Ordering::Acquire), link: PhantomData }
    }

    /// Adds a value, which must not be in a list under this link yet.
    pub(crate) fn push(&self, value: &'static T) {
        let mut head = self.head.load(Ordering::Relaxed);
        while let Err(now) = self.try_push(head, value) {
            head = now;
        }
    }

    /// The value that `is` it, else one that is made and pushed. No two threads push a value for the same key. Returns
    /// `None` if there is none and `make` makes none, and with the value whether it was pushed here.
    pub(crate) fn find_or_push(
        &self,
        is: impl Fn(&T) -> bool,
        make: impl FnOnce() -> Option<Box<T>>,
    ) -> Option<(&'static T, bool)> {
        let mut head = self.head.load(Ordering::Acquire);
        if let Some(found) = Iter::<T, L>::from(head).find(|value| is(value)) {
            return Some((found, false));
        }
        let new = Box::into_raw(make()?);
        loop {
            // SAFETY: `new` came from a box that nobody else has. Once it is pushed it is never freed.
            match self.try_push(head, unsafe { &*new }) {
                // SAFETY: as above.
                Ok(()) => return Some((unsafe { &*new }, true)),
                Err(now) => head = now,
            }
            // Somebody was faster, perhaps with the same key: then theirs is used.
            if let Some(found) = Iter::<T, L>::from(head).find(|value| is(value)) {
                // SAFETY: as above, and the push failed, so nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                return Some((found, false));
            }
        }
    }

    fn try_push(&self, head: *mut T, value: &'static T) -> Result<(), *mut T> {
        value.next().0.store(head, Ordering::Relaxed);
        let new = ptr::from_ref(value).cast_mut();
        // Release publishes the value and its link; Acquire on failure, because the caller may walk from what it finds.
        self.head.compare_exchange(head, new, Ordering::Release, Ordering::Acquire).map(drop)
    }
}

/// A walk over a [`PushList`].
pub(crate) struct Iter<T, L = ()> {
    next: *mut T,
    link: PhantomData<fn() -> L>,
}

impl<T, L> From<*mut T> for Iter<T, L> {
    fn from(next: *mut T) -> Self {
        Self { next, link: PhantomData }
    }
}

impl<T: Linked<L>, L> Iterator for Iter<T, L> {
    type Item = &'static T;

    fn next(&mut self) -> Option<&'static T> {
        // SAFETY: a pointer in the list is null or came from a `&'static T` in `try_push`; it was read with Acquire, or
        // from the link of a value that was, and links are written before the value is published.
        let value = unsafe { self.next.cast_const().as_ref() }?;
        self.next = value.next().0.load(Ordering::Relaxed);
        Some(value)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Number(u32, Next<Self>);

    impl Linked for Number {
        fn next(&self) -> &Next<Self> {
            &self.1
        }
    }

    #[test]
    fn values_come_back_newest_first_and_once_a_key() {
        static LIST: PushList<Number> = PushList::new();
        static FIRST: Number = Number(1, Next::none());
        LIST.push(&FIRST);
        assert!(LIST.find_or_push(|n| n.0 == 2, || Some(Box::new(Number(2, Next::none())))).unwrap().1);
        assert!(!LIST.find_or_push(|n| n.0 == 1, || None).unwrap().1);
        assert!(LIST.find_or_push(|n| n.0 == 3, || None).is_none());
        assert_eq!(LIST.iter().map(|n| n.0).collect::<Vec<_>>(), [2, 1]);
    }
}
