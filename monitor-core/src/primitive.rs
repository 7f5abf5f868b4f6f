//! The atomics and threads of this crate, in one place, so that the model checker can be put in their stead.
//!
//! Under `--cfg loom` every type here is loom's, which explores the interleavings of a test. Loom's atomics cannot be
//! made in a `const`; the macro [`const_fn!`] therefore declares constructors that are `const` in real builds only.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic;

#[cfg(loom)]
pub(crate) use loom::sync::atomic;

/// Declares a function that is `const` except under the model checker.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $ret:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$meta])* $vis const fn $name($($arg: $type),*) -> $ret $body

        #[cfg(loom)]
        $(#[$meta])* $vis fn $name($($arg: $type),*) -> $ret $body
    };
}

pub(crate) use const_fn;
