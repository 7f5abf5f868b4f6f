//! What a return type says about the value, as far as syntax can tell.
//!
//! Types are not known to a macro: `Outcome<T>` may be an alias of `Result<T, Error>`. So the question asked here is the
//! opposite one, which types can *not* be a `Result`; the values of all others are asked at run time.

use quote::ToTokens;
use syn::{AssocType, GenericArgument, Path, PathArguments, PathSegment, ReturnType, Type, TypeParamBound};

/// A type that is returned, by a function or by a future.
#[derive(Clone)]
pub(crate) struct Returned {
    /// The type, with `_` for parts that cannot be named. Absent if all of it cannot, as `impl Trait` cannot.
    pub(crate) ty: Option<Type>,
    /// What its values may be.
    pub(crate) sort: Sort,
}

/// What a value may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Neither a `Result` nor an `Option`.
    Plain,
    /// An `Option`.
    Option,
    /// Perhaps a `Result` or an `Option`, or something that is named otherwise and is one.
    Unknown,
}

/// The type of a function that returns a future without being `async`.
pub(crate) struct Future {
    /// What the future gives.
    pub(crate) output: Returned,
    /// Whether it is `Pin<Box<dyn Future>>`, else `impl Future`.
    pub(crate) is_boxed: bool,
}

impl Returned {
    /// Looks at a return type. `self_ty` is the type of the annotated block, if the function is in one. `None` for `!`.
    pub(crate) fn of(output: &ReturnType, self_ty: Option<&Type>) -> Option<Self> {
        match output {
            ReturnType::Default => Some(Self { ty: Some(unit()), sort: Sort::Plain }),
            ReturnType::Type(_, ty) => match bare(ty) {
                Type::Never(_) => None,
                _ => Some(Self::of_type(ty, self_ty)),
            },
        }
    }

    fn of_type(ty: &Type, self_ty: Option<&Type>) -> Self {
        match bare(ty) {
            Type::ImplTrait(_) | Type::Never(_) => Self::nothing(),
            Type::Tuple(tuple) if tuple.elems.is_empty() => Self { ty: Some(unit()), sort: Sort::Plain },
            known => {
                let mut named = ty.clone();
                erase_opaque(&mut named);
                Self { ty: Some(named), sort: sort_of(known, self_ty) }
            }
        }
    }

    /// What a function gives that never returns.
    pub(crate) fn nothing() -> Self {
        Self { ty: None, sort: Sort::Plain }
    }

    /// A type of which nothing is known.
    pub(crate) fn unnamed() -> Self {
        Self { ty: None, sort: Sort::Unknown }
    }

    /// What a future of this type gives.
    pub(crate) fn output(&self) -> Self {
        let ty = self.ty.as_ref().map(|ty| syn::parse_quote!(<#ty as ::core::future::Future>::Output));
        Self { ty, sort: Sort::Unknown }
    }

    pub(crate) fn may_be_result(&self) -> bool {
        self.sort == Sort::Unknown
    }

    pub(crate) fn may_be_option(&self) -> bool {
        self.sort != Sort::Plain
    }

    /// Whether the type has `Result` in its name.
    pub(crate) fn is_called_result(&self) -> bool {
        self.last_segment().is_some_and(|last| last.ident.to_string().ends_with("Result"))
    }

    /// Whether the type could be a boxed future under another name.
    pub(crate) fn may_be_named_future(&self) -> bool {
        let is_other = |name: String| name == "Self" || name == "Pin" || name.ends_with("Result");
        self.sort == Sort::Unknown && self.last_segment().is_some_and(|last| !is_other(last.ident.to_string()))
    }

    /// Whether it may be a future on purpose, which looks like a forgotten `.await` to a lint.
    pub(crate) fn may_be_future(&self) -> bool {
        self.ty.as_ref().is_none_or(|ty| ty.to_token_stream().to_string().contains("Future"))
    }

    fn last_segment(&self) -> Option<&PathSegment> {
        match bare(self.ty.as_ref()?) {
            Type::Path(path) => path.path.segments.last(),
            _ => None,
        }
    }
}

/// Whether a return type is a future that can be wrapped in another one.
pub(crate) fn future_of(output: &ReturnType, self_ty: Option<&Type>) -> Option<Future> {
    let ReturnType::Type(_, ty) = output else { return None };
    let (bounds, is_boxed) = match bare(ty) {
        Type::ImplTrait(opaque) => (&opaque.bounds, false),
        ty => match bare(only_argument(only_argument(ty, "Pin")?, "Box")?) {
            Type::TraitObject(object) => (&object.bounds, true),
            _ => return None,
        },
    };
    let mut output = None;
    for bound in bounds {
        if let TypeParamBound::Trait(bound) = bound {
            let last = bound.path.segments.last()?;
            if last.ident == "Future" {
                output = Some(output_of(last, self_ty));
            } else if !["Send", "Sync", "Unpin"].iter().any(|auto| last.ident == auto) {
                return None;
            }
        }
    }
    Some(Future { output: output?, is_boxed })
}

/// `T` of `Name<T>`.
fn only_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = bare(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(ty),
        _ => None,
    }
}

/// `T` of `Future<Output = T>`.
fn output_of(future: &PathSegment, self_ty: Option<&Type>) -> Returned {
    let PathArguments::AngleBracketed(arguments) = &future.arguments else { return Returned::unnamed() };
    let output = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Output" => Some(ty),
        _ => None,
    });
    output.map_or_else(Returned::unnamed, |ty| Returned::of_type(ty, self_ty))
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

/// Types that everybody knows. A user may name an alias of `Result` like one of them; nobody does.
const WELL_KNOWN: [&str; 29] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize", "str", "String", "Vec", "VecDeque", "HashMap", "HashSet", "BTreeMap", "BTreeSet", "Cow", "PathBuf",
    "OsString", "Duration", "Ordering",
];

/// What the values of a type may be.
fn sort_of(ty: &Type, self_ty: Option<&Type>) -> Sort {
    match bare(ty) {
        Type::Array(_) | Type::FnPtr(_) | Type::Ptr(_) | Type::Reference(_) | Type::Slice(_) | Type::Tuple(_) => {
            Sort::Plain
        }
        Type::Path(path) if path.qself.is_some() => Sort::Unknown,
        // A trait may be implemented for a `Result`, so `Self` is what its block is for.
        Type::Path(path) if path.path.is_ident("Self") => self_ty.map_or(Sort::Unknown, |of| sort_of(of, None)),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "Option" => Sort::Option,
            Some(last) if WELL_KNOWN.iter().any(|name| last.ident == name) => Sort::Plain,
            _ => Sort::Unknown,
        },
        _ => Sort::Unknown,
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
