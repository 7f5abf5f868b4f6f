//! The attribute [`#[monitored]`](macro@monitored) and the derive of `ErrorKind` of the `monitored` crate, which re-exports
//! them. Programs depend on `monitored`, never on this crate.
//!
//! A use of the attribute goes through three steps, one module each: its syntax is read (`args`, `item`), checked as a
//! whole (`model`, with `shape`, `returned` and `tail` to understand the function) and turned into tokens (`expand`).
//! Mistakes are collected on the way (`diagnostic`) and reported all at once, each under the word that is wrong.

mod args;
mod diagnostic;
mod error_kind;
mod expand;
mod item;
mod limit;
mod model;
mod returned;
mod shape;
#[cfg(test)]
mod snapshot;
mod tail;

use proc_macro::TokenStream;
use quote::ToTokens;

use crate::args::Arguments;
use crate::diagnostic::Diagnostics;
use crate::item::Item;
use crate::model::Plan;

/// Monitors a function, or all functions of an `impl` block, a trait definition or an inline module.
///
/// Every call is counted by its outcome (returned, returned an error, panicked, or cancelled if it is a future that was
/// dropped before its end), its duration is recorded, and the calls in progress are known.
///
/// ```ignore
/// use monitored::monitored;
///
/// #[monitored]
/// fn parse(line: &str) -> Result<u32, std::num::ParseIntError> {
///     line.trim().parse()
/// }
///
/// struct Store;
///
/// #[monitored(service = "store", tags(tier = "gold"))]
/// impl Store {
///     async fn load(&self, key: u64) -> std::io::Result<String> {
///         Ok(key.to_string())
///     }
///
///     #[monitored(tags(kind = "read"), slow = "50ms")]
///     fn get(&self) -> Option<&str> {
///         None
///     }
///
///     #[monitored(skip)]
///     fn len(&self) -> usize {
///         0
///     }
/// }
/// ```
///
/// # Arguments
///
/// All are optional, each may be given once, in any order. What is given to a block holds for everything in it; what is
/// given further inside wins, and tags are merged.
///
/// | argument | where | meaning |
/// |---|---|---|
/// | `name = "..."` | function | replaces the function's name: at most 200 bytes of letters, digits and `_:.<>` |
/// | `prefix = "..."` | anywhere | goes before the name: `prefix::name` |
/// | `service = "..."` | anywhere | the service that the calls belong to, instead of the program's |
/// | `tags(key = value, key)` | anywhere | labels, see below |
/// | `time = wall` | anywhere | what the duration of a future is: `wall`, from the first poll to the end; `busy`, only while it is polled; `both`. With `off` calls are counted and not timed |
/// | `sample = 1/16` | anywhere | times one call in 16 (up to 65536); counts stay exact |
/// | `slow = "250ms"` | anywhere | keeps an example of calls that take longer; units are ns, us, ms, s, m, h |
/// | `objective(...)` | anywhere | what is promised: `latency = "250ms"`, `target = 99.9` (percent of calls within it; 99 if absent), `errors = 0.1` (percent that may fail); one of `latency` and `errors` is needed |
/// | `error = function` | anywhere | the label of an error, from `&E`: a `&'static str`, a `String` or a `Cow` |
/// | `ok_if = function` | anywhere | what is a success, from a reference to the returned value |
/// | `error_if = function` | anywhere | what is an error, from a reference to the returned value |
/// | `none = error` | anywhere | a returned `None` is an error; `none = ok`, the default, takes that back |
/// | `outermost` | anywhere | of a recursion, only the outermost call counts; not for futures |
/// | `skip` | inside a block | leaves this member out |
/// | `only(a, b)` | block | takes these members and no others |
/// | `except(a, b)` | block | leaves these members out |
/// | `private` | module | takes functions that are not `pub`, too |
/// | `crate = path` | anywhere | where the `monitored` crate is, if not at `::monitored` |
///
/// A mistake is a compile-time error at the word that is wrong; it does not change the item.
///
/// # Tags
///
/// At most 12, with keys of at most 64 bytes. A literal is the same for all calls. Any other value is an expression that
/// implements `Display`; it may use the arguments and `self`, and is worked out before the body begins: `tags(table =
/// self.table.name(), size = class(rows.len()))`. `tags(region)` is the argument `region`. Keep the number of different values
/// small: beyond the limit for a metric, calls count under `overflow="true"`.
///
/// A block's tag that uses `self`, or names an argument, is left out for functions that do not have it.
///
/// # Blocks
///
/// In an `impl` block, of a type or of a trait, every function with a body is monitored, public or not, under the name
/// `Type::method`; in a trait definition every function with a default body, under `Trait::method`. In an inline module it is
/// every `pub` function (in any form of `pub`), every `impl` block and trait definition, and every module in it in the same
/// way; `private` adds the other functions. `only` and `except` name functions, traits and modules by their name and `impl`
/// blocks by their type; who names a function means it even if it is not `pub`.
///
/// The attribute on a member is recognised by the last segment of its path, so it must not be renamed there. `const fn`s, naked
/// and variadic functions cannot be monitored; a block passes over them, and over macros.
///
/// # Futures
///
/// Of an `async fn`, and of a function that returns a future, the future is measured: a call begins when it is polled first
/// and ends when it is ready or dropped; a future that is never polled was never called. Functions that return a future are
/// known by their type, `impl Future` (with nothing but `Send`, `Sync`, `Unpin` and lifetimes beside it) or
/// `Pin<Box<dyn Future>>`, or, whatever the type is called, by a body that ends with `Box::pin(async ...)` or `async
/// {...}.boxed()`. Where the body ends with `Box::pin(...)` and does not return earlier, nothing else is allocated; else a
/// boxed future is boxed once more. Calls of functions that return other futures are measured until they have returned them.
///
/// # What is an error
///
/// A function that returns a `Result`, under whatever name, returned an error if it is an `Err`. What cannot be a `Result`
/// counts as success. A value of generic type `T` or `impl Trait` counts as success too, whatever stands behind it; `error_if`
/// helps there. An error counts under what its `ErrorKind` says, which can be derived, else under the short name of its type.
/// An `error` given to a block is for the functions in it whose return type is called `Result`, or something that ends so.
///
/// # What changes for the function
///
/// Nothing that its callers see. Other attributes stay, in their order. Where the returned value cannot be an error, the body
/// stays where it is, beside a guard; else it runs inside a closure, or, if the function is asynchronous, inside of a future
/// that measures it and is at most 32 bytes larger (40 with `time = both`). Two consequences can be seen from inside:
///
/// - With `#[track_caller]` there is no closure, since it would become the caller that the body sees. Its errors cannot be
///   told apart then: every call that does not panic counts as success. (Asynchronous functions are not affected.)
/// - In a closure, arguments that the body moves are dropped when it ends, in the order in which it uses them first, and are
///   part of the call. All others are dropped after the call has been recorded.
///
/// The edition must be 2018 or later.
#[proc_macro_attribute]
pub fn monitored(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments.into(), item.into()).into()
}

/// Names the kinds of an error: one label a variant, in `snake_case`.
///
/// ```ignore
/// use monitored::ErrorKind;
///
/// #[derive(Debug, ErrorKind)]
/// enum ParseError {
///     MissingField(&'static str),
///     #[error_kind("number")]
///     BadNumber { line: u32 },
/// }
///
/// assert_eq!(ParseError::MissingField("id").kind(), "missing_field");
/// assert_eq!(ParseError::BadNumber { line: 1 }.kind(), "number");
/// ```
///
/// A struct has one label, its own name. `#[error_kind(crate = path)]` on the type says where the `monitored` crate is, if not
/// at `::monitored`.
#[proc_macro_derive(ErrorKind, attributes(error_kind))]
pub fn error_kind(item: TokenStream) -> TokenStream {
    error_kind::derive(item.into()).into()
}

/// The attribute on tokens that need no compiler around them.
///
/// Whatever is wrong, the user's item comes out: a mistake in the attribute must not make the function disappear and
/// every use of it an error.
fn attribute(arguments: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let mut errors = Diagnostics::default();
    let arguments = Arguments::parse(arguments, &mut errors);
    let original = item.clone();
    let mut item = match Item::parse(item) {
        Ok(item) => item,
        Err(error) => {
            errors.add(error);
            return errors.with_item(original);
        }
    };
    let plan = Plan::check(&arguments, &mut item, &mut errors);
    if errors.is_empty() { expand::expand(&item, &plan) } else { errors.with_item(item.into_token_stream()) }
}
