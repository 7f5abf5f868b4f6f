//! One function: its head as it was, its body inside a call into the runtime.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Type;

use super::block::Context;
use super::site;
use crate::item::{Function, braced};
use crate::model::Settings;
use crate::returned::Returned;

/// The function, monitored. `context` is the annotated block it is in, if any.
pub(super) fn expand(function: &Function, settings: &Settings, context: Option<&Context>) -> TokenStream {
    let parts = Parts {
        // Locals made with this span are invisible to the body, and lints know that no user wrote them.
        span: Span::mixed_site().located_at(function.body.span()),
        runtime: site::runtime(settings.krate.as_ref()),
        site: site::expand(function, settings, context),
        body: &function.body,
    };
    let returned = Returned::of(&function.sig.output, context.map(|context| context.self_ty));
    let monitored = if function.sig.asyncness.is_some() {
        parts.future(&returned)
    } else if function.may_have_attribute("track_caller") {
        parts.guarded("enter")
    } else {
        parts.call(&returned)
    };
    let mut tokens = TokenStream::new();
    function.head_to_tokens(&mut tokens);
    let mut block: TokenStream = function.inner_attrs.iter().map(ToTokens::to_token_stream).collect();
    block.extend(monitored);
    // The outer braces stay the user's: to lints about signatures and documentation it is the user's function.
    braced(block, function.body.span()).to_tokens(&mut tokens);
    tokens
}

/// What every form of the body is made from.
struct Parts<'a> {
    span: Span,
    runtime: TokenStream,
    site: TokenStream,
    body: &'a Group,
}

impl Parts<'_> {
    /// A synchronous body becomes a closure, the only thing whose `return` and `?` can be caught.
    ///
    /// The return type is given to the function that is called, not to the closure: it reaches the closure from there,
    /// so that coercions at `return` work.
    fn call(&self, returned: &Returned) -> TokenStream {
        let Self { span, runtime, site, body } = self;
        match returned {
            Returned::Never => self.guarded("enter"),
            Returned::Plain(None) => quote_spanned!(*span=> #runtime::call_ok(#site, move || #body)),
            Returned::Plain(Some(ty)) => quote_spanned!(*span=> #runtime::call_ok::<#ty>(#site, move || #body)),
            Returned::Unknown(ty) => {
                let outcome = self.outcome(&quote_spanned!(*span=> returned));
                quote_spanned!(*span=> #runtime::call::<#ty>(#site, move || #body, |returned| #outcome))
            }
        }
    }

    /// An asynchronous body becomes a future inside the function's own; the guard lives beside it.
    fn future(&self, returned: &Returned) -> TokenStream {
        let Self { span, runtime, site, .. } = self;
        let (ty, outcome) = match returned {
            Returned::Never => return self.guarded("start"),
            Returned::Plain(ty) => (ty.as_ref(), quote_spanned!(*span=> #runtime::Outcome::Ok)),
            Returned::Unknown(ty) => (Some(ty), self.outcome(&quote_spanned!(*span=> &returned))),
        };
        let allow = may_be_future(ty).then(|| quote_spanned!(*span=> #[allow(clippy::async_yields_async)]));
        let output = ty.map(|ty| self.output(ty));
        let body = self.nested_body();
        quote_spanned! {*span=>
            let span = #runtime::start(#site);
            #allow
            let returned = async move {
                #output
                #body
            }
            .await;
            span.finish(#outcome);
            returned
        }
    }

    /// Only a guard, for bodies that must not be moved into a closure or that never return.
    ///
    /// With `#[track_caller]` a closure would be the caller that the body sees. Without one, `return` and `?` cannot be
    /// caught, so that all calls that do not panic count as successful.
    fn guarded(&self, begin: &str) -> TokenStream {
        let Self { span, runtime, site, .. } = self;
        let (begin, body) = (Ident::new(begin, *span), self.nested_body());
        quote_spanned! {*span=>
            let _span = #runtime::#begin(#site);
            #body
        }
    }

    /// The body where it is the last expression of a block. Its braces are needed there, which a lint about needless
    /// braces would not believe if they were the user's.
    fn nested_body(&self) -> Group {
        braced(self.body.stream(), self.span)
    }

    /// A statement that never does anything, but tells an `async` block its type before the first `return`.
    fn output(&self, ty: &Type) -> TokenStream {
        quote_spanned! {self.span=>
            if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<#ty> {
                return returned;
            }
        }
    }

    /// What the value behind a reference means. Method lookup picks the most telling of the three traits.
    fn outcome(&self, reference: &TokenStream) -> TokenStream {
        let runtime = &self.runtime;
        quote_spanned! {self.span=>
            {
                use #runtime::probe::{ByKind as _, ByType as _, ByValue as _};
                (&&&#runtime::Probe(#reference)).outcome()
            }
        }
    }
}

/// Whether a function may return a future on purpose, which looks like a forgotten `.await` to a lint. Types that cannot
/// be named are `None`.
fn may_be_future(ty: Option<&Type>) -> bool {
    ty.is_none_or(|ty| ty.to_token_stream().to_string().contains("Future"))
}
