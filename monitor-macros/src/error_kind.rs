//! The derive of `ErrorKind`: one label a variant.
//!
//! The same three steps as the attribute's, small enough for one file: the attributes are read, labels are worked out, one
//! `match` comes out.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr, Path};

use crate::diagnostic::Diagnostics;
use crate::limit;

/// The `impl` for a type, or what is wrong with it.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Diagnostics::default();
    let of_type = Said::read(&input.attrs, &mut errors);
    let body = match &input.data {
        Data::Enum(data) => {
            if let Some(label) = &of_type.label {
                errors.error(label, "this enum has a label for each variant; put the attribute on a variant");
            }
            let mut arms = Vec::new();
            for variant in &data.variants {
                let said = Said::read(&variant.attrs, &mut errors);
                said.refuse_crate(&mut errors);
                let (name, label) = (&variant.ident, said.label_or(&variant.ident));
                let fields = (!matches!(variant.fields, Fields::Unit)).then(|| quote!({ .. }));
                arms.push(quote!(Self::#name #fields => #label,));
            }
            if arms.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms)* }) }
        }
        Data::Struct(_) => of_type.label_or(&input.ident).into_token_stream(),
        Data::Union(data) => {
            errors.error(data.union_token, "a union does not know what it holds; implement `ErrorKind` by hand");
            return errors.with_item(TokenStream::new());
        }
    };
    if !errors.is_empty() {
        return errors.with_item(TokenStream::new());
    }
    let krate = of_type.krate.map_or_else(|| quote!(::monitored), ToTokens::into_token_stream);
    let (name, (generics, arguments, bounds)) = (&input.ident, input.generics.split_for_impl());
    let allow = quote_spanned!(name.span()=> #[allow(deprecated)]);
    quote! {
        #[automatically_derived]
        #allow
        impl #generics #krate::ErrorKind for #name #arguments #bounds {
            fn kind(&self) -> &'static str {
                #body
            }
        }
    }
}

/// What `#[error_kind(...)]` says.
#[derive(Default)]
struct Said {
    label: Option<LitStr>,
    krate: Option<Path>,
}

impl Said {
    fn read(attrs: &[Attribute], errors: &mut Diagnostics) -> Self {
        const USAGE: &str = "write `#[error_kind(\"label\")]`";
        let mut said = Self::default();
        let mut is_given = false;
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("error_kind")) {
            if std::mem::replace(&mut is_given, true) {
                errors.error(attr.path(), "`#[error_kind]` is given twice; keep one");
                continue;
            }
            let Ok(list) = attr.meta.require_list() else {
                errors.error(&attr.meta, format!("the label goes into parentheses: {USAGE}"));
                continue;
            };
            if let Ok(label) = syn::parse2::<LitStr>(list.tokens.clone()) {
                if let Err(message) = limit::check_label(&label.value()) {
                    errors.error(&label, message);
                }
                said.label = Some(label);
            } else if let Some(path) = crate_path(&list.tokens) {
                said.krate = Some(path);
            } else if list.tokens.is_empty() {
                errors.error(attr.path(), format!("the label is missing: {USAGE}"));
            } else {
                errors.error(&list.tokens, format!("a label is a string literal: {USAGE}"));
            }
        }
        said
    }

    fn label_or(&self, name: &Ident) -> LitStr {
        self.label.clone().unwrap_or_else(|| LitStr::new(&snake_case(&name.unraw().to_string()), name.span()))
    }

    fn refuse_crate(&self, errors: &mut Diagnostics) {
        if let Some(path) = &self.krate {
            errors.error(path, "`crate = path` is for the type; put it there");
        }
    }
}

/// The path of `crate = path`.
fn crate_path(tokens: &TokenStream) -> Option<Path> {
    use syn::parse::Parser;
    let parse = |input: syn::parse::ParseStream| {
        input.parse::<syn::Token![crate]>()?;
        input.parse::<syn::Token![=]>()?;
        Path::parse_mod_style(input)
    };
    parse.parse2(tokens.clone()).ok()
}

/// `MissingField` as `missing_field`, `HTTPStatus` as `http_status`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let after_lower = at > 0 && !letters[at - 1].is_uppercase() && letters[at - 1] != '_';
        let before_lower =
            at > 0 && letters[at - 1].is_uppercase() && letters.get(at + 1).is_some_and(|c| c.is_lowercase());
        if letter.is_uppercase() && (after_lower || before_lower) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words_with_underscores() {
        for (name, snake) in [
            ("MissingField", "missing_field"),
            ("Io", "io"),
            ("HTTPStatus", "http_status"),
            ("UnexpectedEOF", "unexpected_eof"),
            ("Utf8", "utf8"),
            ("V2Only", "v2_only"),
            ("already_snake", "already_snake"),
        ] {
            assert_eq!(snake_case(name), snake, "{name}");
        }
    }
}
