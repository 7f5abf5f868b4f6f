//! A block: its functions one by one, everything else as it was.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Type, TypeParamBound};

use super::function;
use crate::item::{Block, BlockKind, Member};
use crate::model::Plan;
use crate::returned::bare;

/// The block with the functions monitored that `plans` names.
pub(super) fn expand(block: &Block, plans: &[Plan]) -> TokenStream {
    let context = Context {
        type_name: match &block.kind {
            BlockKind::Impl(ty) => Some(short_name(ty)),
            BlockKind::Trait(name) => Some(name.unraw().to_string()),
            BlockKind::Module(_) => None,
        },
    };
    block.with_members(block.members.iter().zip(plans).map(|pair| match pair {
        (Member::Function(function), Plan::Monitor(monitor)) => function::expand(function, monitor, Some(&context)),
        (Member::Block(block), Plan::Block(plans)) => expand(block, plans),
        (member, _) => member.to_token_stream(),
    }))
}

/// What a function takes from its block.
pub(super) struct Context {
    /// The type or trait as it is shown in front of a method's name; a module's functions have none.
    pub(super) type_name: Option<String>,
}

/// A type in few words: the last segment of a path without its generics, and the outline of anything else.
fn short_name(ty: &Type) -> String {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last().map_or_else(|| "_".to_owned(), |last| last.ident.to_string()),
        Type::Reference(reference) if reference.mutability.is_some() => {
            format!("&mut {}", short_name(&reference.elem))
        }
        Type::Reference(reference) => format!("&{}", short_name(&reference.elem)),
        Type::Ptr(pointer) => format!("*{}", short_name(&pointer.elem)),
        Type::Slice(slice) => format!("[{}]", short_name(&slice.elem)),
        Type::Array(array) => format!("[{}; N]", short_name(&array.elem)),
        Type::Tuple(tuple) => {
            format!("({})", tuple.elems.iter().map(short_name).collect::<Vec<_>>().join(", "))
        }
        Type::TraitObject(object) => object
            .bounds
            .iter()
            .find_map(|bound| match bound {
                TypeParamBound::Trait(bound) => bound.path.segments.last(),
                _ => None,
            })
            .map_or_else(|| "dyn".to_owned(), |last| format!("dyn {}", last.ident)),
        Type::FnPtr(_) => "fn".to_owned(),
        Type::Never(_) => "!".to_owned(),
        _ => "_".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_shown_short() {
        for (ty, shown) in [
            ("Pipeline", "Pipeline"),
            ("crate::etl::Pipeline<'a, T>", "Pipeline"),
            ("&Pipeline<T>", "&Pipeline"),
            ("&'a mut [u8]", "&mut [u8]"),
            ("[Row; 4]", "[Row; N]"),
            ("(A, b::B<C>)", "(A, B)"),
            ("dyn io::Read + Send", "dyn Read"),
            ("fn(u8) -> u8", "fn"),
        ] {
            assert_eq!(short_name(&syn::parse_str(ty).unwrap()), shown);
        }
    }
}
