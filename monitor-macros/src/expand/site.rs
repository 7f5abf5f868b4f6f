//! The static that stands for one monitored function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::block::Context;
use crate::args::{Objective, TagValue, Time};
use crate::item::Function;
use crate::model::{Monitor, Settings};

/// The path of the hidden module that expansions call. Errors about a call are shown at `place`.
pub(super) fn runtime(settings: &Settings, place: Span) -> TokenStream {
    match &settings.krate {
        None => quote_spanned!(place=> ::monitored::__private),
        Some(path) => quote_spanned!(place=> #path::__private),
    }
}

/// An expression: a reference to the function's call site.
///
/// The static lies in a block of its own, out of the sight of the body and of the user's tags. It must not name generic
/// parameters: all instantiations of a generic function share one site.
pub(super) fn expand(function: &Function, monitor: &Monitor, context: Option<&Context>) -> TokenStream {
    let settings = &monitor.settings;
    let runtime = runtime(settings, Span::mixed_site());
    let meta = meta(&runtime, function, monitor, context);
    let here = is_located(settings, context).then(|| {
        quote!(
            enum Here {}
        )
    });
    let site = quote! {
        {
            #here
            static SITE: #runtime::CallSite = #runtime::CallSite::new(#meta);
            &SITE
        }
    };
    if !has_computed_tags(settings) {
        return site;
    }
    let pairs = settings.tags.iter().filter_map(|tag| {
        let key = tag.key.unraw().to_string();
        let value = match &tag.value {
            TagValue::Fixed { .. } => return None,
            TagValue::Computed(value) => borrowed(value),
            TagValue::Argument => {
                let argument = &tag.key;
                quote_spanned!(argument.span()=> &#argument)
            }
        };
        Some(quote!((#key, #value)))
    });
    quote!(#runtime::tagged(#site, &[#(#pairs),*]))
}

/// Whether there are tags that are worked out at the beginning of each call.
pub(super) fn has_computed_tags(settings: &Settings) -> bool {
    settings.tags.iter().any(|tag| !matches!(tag.value, TagValue::Fixed { .. }))
}

/// A reference to an expression, which needs parentheses if it has operators.
fn borrowed(value: &TokenStream) -> TokenStream {
    let Ok(expression) = syn::parse2::<Expr>(value.clone()) else { return quote!(&#value) };
    // An error about the type is shown at the whole expression.
    let span = Span::mixed_site().located_at(expression.span());
    match expression {
        Expr::Binary(_) | Expr::Cast(_) | Expr::Range(_) | Expr::Closure(_) | Expr::Assign(_) => {
            quote_spanned!(span=> &(#value))
        }
        _ => quote_spanned!(span=> &#value),
    }
}

/// Whether the runtime has to find out the type that the function belongs to.
fn is_located(settings: &Settings, context: Option<&Context>) -> bool {
    settings.name.is_none() && context.is_none()
}

fn meta(runtime: &TokenStream, function: &Function, monitor: &Monitor, context: Option<&Context>) -> TokenStream {
    let settings = &monitor.settings;
    let plain = function.plain_name();
    let shown = match context.and_then(|context| context.type_name.as_ref()) {
        Some(type_name) => format!("{type_name}::{plain}"),
        None => plain,
    };
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
    if let Some(prefix) = &settings.prefix {
        meta.extend(quote!(.prefixed(#prefix)));
    }
    if let Some(service) = &settings.service {
        meta.extend(quote!(.service(#service)));
    }
    let mut fixed = settings.tags.iter().filter_map(|tag| match &tag.value {
        TagValue::Fixed { text, .. } => Some((tag.key.unraw().to_string(), text)),
        _ => None,
    });
    if let Some((key, value)) = fixed.next() {
        let rest = fixed.map(|(key, value)| quote!((#key, #value)));
        meta.extend(quote!(.tags(&[(#key, #value) #(, #rest)*])));
    }
    if monitor.shape.is_async() {
        meta.extend(quote!(.asynchronous()));
    }
    extend_with_times(&mut meta, runtime, monitor);
    meta
}

fn extend_with_times(meta: &mut TokenStream, runtime: &TokenStream, monitor: &Monitor) {
    let settings = &monitor.settings;
    let time = match settings.time {
        Some(Time::Off) => Some("Off"),
        // Only a future has any other time than the whole.
        Some(Time::Busy) if monitor.shape.is_async() => Some("Busy"),
        Some(Time::Both) if monitor.shape.is_async() => Some("Both"),
        _ => None,
    };
    if let Some(time) = time {
        let time = Ident::new(time, Span::call_site());
        meta.extend(quote!(.timed(#runtime::Time::#time)));
    }
    if let Some(one_in) = settings.sample {
        meta.extend(quote!(.sampled(#one_in)));
    }
    if let Some(nanos) = settings.slow {
        meta.extend(quote!(.slow(::core::time::Duration::from_nanos(#nanos))));
    }
    if let Some(objective) = &settings.objective {
        let objective = objective_of(runtime, objective);
        meta.extend(quote!(.objective(#objective)));
    }
    if settings.outermost {
        meta.extend(quote!(.outermost()));
    }
}

/// The share of calls that an objective without a target means, in percent.
const TARGET: f64 = 99.0;

fn objective_of(runtime: &TokenStream, objective: &Objective) -> TokenStream {
    let target = objective.target.as_ref().map_or(TARGET, |target| target.value);
    let mut tokens = quote!(#runtime::Objective::new(#target));
    if let Some(latency) = &objective.latency {
        let nanos = latency.value;
        tokens.extend(quote!(.latency(::core::time::Duration::from_nanos(#nanos))));
    }
    if let Some(errors) = &objective.errors {
        let percent = errors.value;
        tokens.extend(quote!(.errors(#percent)));
    }
    tokens
}

/// The line of the function's name. `line!` tells where it was written itself, so it has to be written there; with the
/// attribute's own span all methods of a block would lie on the same line.
fn line_of(name: &Ident) -> TokenStream {
    let line = quote_spanned!(name.span()=> ::core::line!());
    line.into_token_stream()
}
