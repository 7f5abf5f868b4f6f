//! The model as tokens. The only place that quotes.
//!
//! Rules that every expansion keeps:
//!
//! - The user's body appears exactly once, as its own block, with its own spans.
//! - Every path is absolute, and no name of ours is visible to the body: locals are hygienic, items lie in a block that
//!   the body is not in.
//! - Lints have nothing to say about it, almost without any `#[allow]`: return types, for one, appear only in expressions,
//!   where no lint judges them a second time.

mod block;
mod function;
mod outcome;
mod site;

use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::item::Item;
use crate::model::Plan;

/// The item with its functions monitored.
pub(crate) fn expand(item: &Item, plan: &Plan) -> TokenStream {
    match (item, plan) {
        (Item::Function(item), Plan::Monitor(monitor)) => function::expand(item, monitor, None),
        (Item::Block(item), Plan::Block(plans)) => block::expand(item, plans),
        (item, _) => item.to_token_stream(),
    }
}
