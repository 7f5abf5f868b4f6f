//! The static that stands for one monitored function.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Path;
use syn::ext::IdentExt;

use super::block::Context;
use crate::item::Function;
use crate::model::Settings;

/// The path of the hidden module that expansions call.
pub(super) fn runtime(krate: Option<&Path>) -> TokenStream {
    krate.map_or_else(|| quote!(::monitored::__private), |path| quote!(#path::__private))
}

/// An expression: a reference to the function's call site.
///
/// The static lies in a block of its own, out of the body's sight. It must not name generic parameters: all
/// instantiations of a generic function share one site.
pub(super) fn expand(function: &Function, settings: &Settings, context: Option<&Context>) -> TokenStream {
    let runtime = runtime(settings.krate.as_ref());
    let meta = meta(&runtime, function, settings, context);
    let here = is_located(settings, context).then(|| {
        quote!(
            enum Here {}
        )
    });
    quote! {
        {
            #here
            static SITE: #runtime::CallSite = #runtime::CallSite::new(#meta);
            &SITE
        }
    }
}

/// Whether the runtime has to find out the type that the function belongs to.
fn is_located(settings: &Settings, context: Option<&Context>) -> bool {
    settings.name.is_none() && context.is_none()
}

fn meta(runtime: &TokenStream, function: &Function, settings: &Settings, context: Option<&Context>) -> TokenStream {
    let plain = function.plain_name();
    let shown = context.map_or_else(|| plain.clone(), |context| format!("{}::{plain}", context.type_name));
    let line = line_of(&function.sig.ident);
    let mut meta = quote! {
        #runtime::Meta::new(#shown, ::core::module_path!(), ::core::file!(), #line)
    };
    if is_located(settings, context) {
        meta.extend(quote!(.located(::core::any::type_name::<Here>)));
    }
    if let Some(name) = &settings.name {
        meta.extend(quote!(.named(#name)));
    }
    if let Some(service) = &settings.service {
        meta.extend(quote!(.service(#service)));
    }
    if !settings.tags.is_empty() {
        let pairs = settings.tags.iter().map(|tag| {
            let (key, value) = (tag.key.unraw().to_string(), &tag.value);
            quote!((#key, #value))
        });
        meta.extend(quote!(.tags(&[#(#pairs),*])));
    }
    meta
}

/// The line of the function's name. `line!` tells where it was written itself, so it has to be written there; with the
/// attribute's own span all methods of a block would lie on the same line.
fn line_of(name: &Ident) -> TokenStream {
    let line = quote_spanned!(name.span()=> ::core::line!());
    line.into_token_stream()
}
