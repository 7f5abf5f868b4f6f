//! What a return type says about the value, as far as syntax can tell.
//!
//! Types are not known to a macro: `Outcome<T>` may be an alias of `Result<T, Error>`. So the question asked here is the
//! opposite one, which types can *not* be a `Result`; the values of all others are asked at run time.

use syn::{AssocType, GenericArgument, Path, PathArguments, ReturnType, Type, TypeParamBound};

/// The kinds of return types that are expanded differently.
pub(crate) enum Returned {
    /// `-> !`: the function never returns.
    Never,
    /// No `Result`. The type is absent if it cannot be named, as `impl Trait` cannot.
    Plain(Option<Type>),
    /// Perhaps a `Result`, or something that is named otherwise and is one. Parts that cannot be named are `_`.
    Unknown(Type),
}

impl Returned {
    /// Looks at a return type. `self_ty` is the type of the annotated block, if the function is in one.
    pub(crate) fn of(output: &ReturnType, self_ty: Option<&Type>) -> Self {
        let ReturnType::Type(_, ty) = output else {
            return Self::Plain(Some(unit()));
        };
        match bare(ty) {
            Type::Never(_) => Self::Never,
            Type::ImplTrait(_) => Self::Plain(None),
            Type::Tuple(tuple) if tuple.elems.is_empty() => Self::Plain(Some(unit())),
            known => {
                let mut named = (**ty).clone();
                erase_opaque(&mut named);
                if is_no_result(known, self_ty) { Self::Plain(Some(named)) } else { Self::Unknown(named) }
            }
        }
    }
}

fn unit() -> Type {
    Type::Tuple(syn::TypeTuple {
        attrs: Vec::new(),
        paren_token: syn::token::Paren::default(),
        elems: syn::punctuated::Punctuated::new(),
    })
}

/// The type inside parentheses and the invisible groups that macros leave behind.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// Whether a type cannot be a `Result`. A user may name an own type like a primitive one; nobody does.
fn is_no_result(ty: &Type, self_ty: Option<&Type>) -> bool {
    const PRIMITIVES: [&str; 18] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize", "str", "String",
    ];
    match bare(ty) {
        Type::Array(_) | Type::FnPtr(_) | Type::Ptr(_) | Type::Reference(_) | Type::Slice(_) | Type::Tuple(_) => true,
        Type::Path(path) if path.qself.is_some() => false,
        // A trait may be implemented for a `Result`, so `Self` is what its block is for.
        Type::Path(path) if path.path.is_ident("Self") => self_ty.is_some_and(|of| is_no_result(of, None)),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            last.ident == "Option"
                || (path.path.segments.len() == 1 && PRIMITIVES.iter().any(|name| last.ident == name))
        }),
        _ => false,
    }
}

/// Puts `_` in place of every `impl Trait`, which is allowed in a signature only.
fn erase_opaque(ty: &mut Type) {
    match ty {
        Type::ImplTrait(opaque) => {
            let underscore_token = syn::token::Underscore { spans: [opaque.impl_token.span] };
            *ty = Type::Infer(syn::TypeInfer { attrs: Vec::new(), underscore_token });
        }
        Type::Array(array) => erase_opaque(&mut array.elem),
        Type::Group(group) => erase_opaque(&mut group.elem),
        Type::Paren(paren) => erase_opaque(&mut paren.elem),
        Type::Ptr(pointer) => erase_opaque(&mut pointer.elem),
        Type::Reference(reference) => erase_opaque(&mut reference.elem),
        Type::Slice(slice) => erase_opaque(&mut slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(erase_opaque),
        Type::Path(path) => erase_in_path(&mut path.path),
        Type::TraitObject(object) => object.bounds.iter_mut().for_each(|bound| {
            if let TypeParamBound::Trait(bound) = bound {
                erase_in_path(&mut bound.path);
            }
        }),
        _ => {}
    }
}

fn erase_in_path(path: &mut Path) {
    for segment in &mut path.segments {
        match &mut segment.arguments {
            PathArguments::None => {}
            PathArguments::AngleBracketed(arguments) => arguments.args.iter_mut().for_each(|argument| match argument {
                GenericArgument::Type(ty) | GenericArgument::AssocType(AssocType { ty, .. }) => erase_opaque(ty),
                _ => {}
            }),
            PathArguments::Parenthesized(arguments) => {
                arguments.inputs.iter_mut().for_each(|input| erase_opaque(&mut input.ty));
                if let ReturnType::Type(_, ty) = &mut arguments.output {
                    erase_opaque(ty);
                }
            }
        }
    }
}
