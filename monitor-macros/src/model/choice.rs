//! Which members of a block are meant: `only`, `except`, and what is public in a module.

use proc_macro2::Ident;
use syn::Visibility;
use syn::ext::IdentExt;

use super::unfit;
use crate::args::Arguments;
use crate::diagnostic::{Diagnostics, nearest};
use crate::item::{Block, Function, Member};

/// The choice among the members of one block that have no attribute of their own.
pub(super) struct Choice {
    only: Option<Vec<String>>,
    except: Vec<String>,
    /// Whether functions that are not `pub` are left out.
    public_only: bool,
}

impl Choice {
    /// Reads the choice off the block's arguments; names that nothing in the block has are reported.
    pub(super) fn of(own: &Arguments, block: &Block, private: bool, errors: &mut Diagnostics) -> Self {
        let only = own.only.as_ref().map(|only| {
            only.value.iter().for_each(|name| refuse_unfit(name, block, errors));
            checked(&only.value, block, errors)
        });
        let except = own.except.as_ref().map(|except| checked(&except.value, block, errors)).unwrap_or_default();
        Self { only, except, public_only: block.is_module() && !private }
    }

    /// Whether a function is meant.
    pub(super) fn takes_function(&self, function: &Function) -> bool {
        let name = function.plain_name();
        if let Some(only) = &self.only {
            // Who names a function means it, public or not.
            return only.contains(&name);
        }
        let is_hidden = self.public_only && matches!(function.vis, Visibility::Inherited);
        !is_hidden && !self.except.contains(&name)
    }

    /// Whether a block inside a module is meant.
    pub(super) fn takes_block(&self, block: &Block) -> bool {
        let name = block.plain_name();
        let is_in = |names: &[String]| name.as_ref().is_some_and(|name| names.contains(name));
        self.only.as_ref().map_or_else(|| !is_in(&self.except), |only| is_in(only))
    }
}

/// The names as text. Those that nothing has are reported.
fn checked(names: &[Ident], block: &Block, errors: &mut Diagnostics) -> Vec<String> {
    let mut known: Vec<String> = block.members.iter().filter_map(name_of).collect();
    known.dedup();
    let plain = names.iter().map(|name| name.unraw().to_string());
    let checked: Vec<String> = plain.filter(|name| known.contains(name)).collect();
    for name in names {
        let text = name.unraw().to_string();
        if checked.contains(&text) {
            continue;
        }
        errors.error(
            name,
            match nearest(&text, known.iter().map(String::as_str)) {
                Some(meant) => format!("nothing here is named `{text}`; did you mean `{meant}`?"),
                None if known.is_empty() => format!("nothing here is named `{text}`; there is no function with a body"),
                None => format!("nothing here is named `{text}`; there are {}", listed(&known)),
            },
        );
    }
    checked
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > SHOWN { " and others" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn name_of(member: &Member) -> Option<String> {
    match member {
        Member::Function(function) => Some(function.plain_name()),
        Member::Block(block) => block.plain_name(),
        Member::Other(_) => None,
    }
}

/// A function that is asked for by name, but cannot be monitored.
fn refuse_unfit(name: &Ident, block: &Block, errors: &mut Diagnostics) {
    for member in &block.members {
        if let Member::Function(function) = member
            && name.unraw() == function.plain_name()
            && let Some((_, message)) = unfit(function)
        {
            errors.error(name, message);
        }
    }
}
