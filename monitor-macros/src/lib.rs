//! The attribute [`#[monitored]`](macro@monitored) of the `monitored` crate, which re-exports it. Programs depend on
//! `monitored`, never on this crate.
//!
//! A use of the attribute goes through three steps, one module each: its syntax is read (`args`, `item`), checked as a
//! whole (`model`) and turned into tokens (`expand`). Mistakes are collected on the way (`diagnostic`) and reported all at
//! once, each under the word that is wrong.

mod args;
mod diagnostic;
mod expand;
mod item;
mod limit;
mod model;
mod returned;
#[cfg(test)]
mod snapshot;

use proc_macro::TokenStream;
use quote::ToTokens;

use crate::args::Arguments;
use crate::diagnostic::Diagnostics;
use crate::item::Item;
use crate::model::Model;

/// Monitors a function, a method, or all methods of an `impl` block.
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
///     #[monitored(tags(kind = "read"))]
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
/// All are optional, each may be given once, in any order.
///
/// | argument | where | meaning |
/// |---|---|---|
/// | `name = "..."` | function, method | replaces the function's name: at most 200 bytes of letters, digits and `_:.<>` |
/// | `service = "..."` | anywhere | the service that the calls belong to, instead of the program's |
/// | `tags(key = "...", ...)` | anywhere | fixed labels: at most 12, keys of at most 64 bytes; strings, integers, `true`, `false` |
/// | `skip` | method in a monitored block | leaves this method out |
/// | `crate = path` | anywhere | where the `monitored` crate is, if not at `::monitored` |
///
/// A mistake is a compile-time error at the word that is wrong; it does not change the item.
///
/// # Blocks
///
/// On an `impl` block, of a type or of a trait, every function with a body is monitored, public or not, under the name
/// `Type::method`. A `#[monitored(...)]` on a method adds to the block's arguments: its own `service` and its own tags win,
/// other tags are inherited. The attribute on a method is recognised by the last segment of its path, so it must not be
/// renamed there. `const fn`s, naked and variadic functions cannot be monitored; a block passes over them.
///
/// # What is an error
///
/// A function that returns a `Result`, under whatever name, returned an error if it is an `Err`. What cannot be a `Result`
/// counts as success. A value of generic type `T` or `impl Trait` counts as success too, whatever stands behind it.
///
/// # What changes for the function
///
/// Nothing that its callers see. Other attributes stay, in their order. The body runs inside a closure, or inside an
/// `async` block if the function is asynchronous; a future grows by the guard it holds, at most 32 bytes. Two
/// consequences can be seen from inside:
///
/// - With `#[track_caller]` there is no closure, since it would become the caller that the body sees. Its errors cannot be
///   told apart then: every call that does not panic counts as success. (Asynchronous functions are not affected.)
/// - Arguments that the body moves are dropped when it ends, in the order in which it uses them first. Arguments that it
///   does not use are dropped after the call has been recorded.
///
/// Calls of a function that returns a future without being `async` are measured until it has returned that future.
///
/// The edition must be 2018 or later.
#[proc_macro_attribute]
pub fn monitored(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(arguments.into(), item.into()).into()
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
    let model = Model::check(&arguments, &mut item, &mut errors);
    if errors.is_empty() { expand::expand(&item, &model) } else { errors.with_item(item.into_token_stream()) }
}
