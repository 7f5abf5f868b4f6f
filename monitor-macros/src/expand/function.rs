//! One function: its head as it was, its body inside a call into the runtime.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Type;

use super::block::Context;
use super::outcome::Outcome;
use super::site;
use crate::args::Time;
use crate::item::{Function, braced};
use crate::model::{Monitor, Settings};
use crate::returned::Returned;
use crate::shape::{Guarded, Shape};
use crate::tail::Tail;

/// The function, monitored. `context` is the annotated block it is in, if any.
pub(super) fn expand(function: &Function, monitor: &Monitor, context: Option<&Context>) -> TokenStream {
    let Monitor { settings, shape } = monitor;
    // Locals made with this span are invisible to the body, and lints know that no user wrote them.
    let span = Span::mixed_site().located_at(function.body.span());
    let parts = Parts {
        span,
        runtime: site::runtime(settings, span),
        site: site::expand(function, monitor, context),
        settings,
        body: &function.body,
    };
    let monitored = match shape {
        Shape::Call(returned) => parts.call(returned),
        Shape::Async(returned) => parts.future(returned),
        Shape::Guarded(Guarded::NeverAsync) => parts.future(&Returned::nothing()),
        Shape::Guarded(_) => parts.guarded(),
        Shape::Tail(returned, tail) => parts.tail(returned, tail),
        Shape::Opaque(returned) => parts.made(returned, None),
        Shape::Boxed(returned, ty) => parts.made(returned, Some(ty)),
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
    settings: &'a Settings,
    body: &'a Group,
}

impl Parts<'_> {
    /// A body whose value has to be looked at becomes a closure, the only thing whose `return` and `?` can be caught.
    ///
    /// The return type is given to the function that is called, not to the closure: it reaches the closure from there,
    /// so that coercions at `return` work.
    fn call(&self, returned: &Returned) -> TokenStream {
        let Self { span, runtime, site, body, .. } = self;
        let Some(outcome) = self.outcome(returned).of_reference(&quote_spanned!(*span=> returned)) else {
            return self.guarded();
        };
        let generics = returned.ty.as_ref().map(|ty| quote_spanned!(*span=> ::<#ty, _>));
        quote_spanned! {*span=>
            let mut span = #runtime::begin(#site);
            let returned = (#runtime::Once #generics(move || #body, ::core::marker::PhantomData).0)();
            span.finish(&returned, |returned| #outcome);
            returned
        }
    }

    /// An asynchronous body becomes a future inside the function's own, wrapped in the one that measures it.
    fn future(&self, returned: &Returned) -> TokenStream {
        let Self { span, site, .. } = self;
        let allow = returned.may_be_future().then(|| quote_spanned!(*span=> #[allow(clippy::async_yields_async)]));
        let output = returned.ty.as_ref().map(|ty| self.output(ty));
        let body = self.nested_body();
        let future = quote_spanned!(*span=> { #allow let body = async move { #output #body }; body });
        let wrapped = self.wrapped(returned, site, &future);
        quote_spanned!(*span=> #wrapped.await)
    }

    /// A body that ends with a boxed future: what is boxed is the future inside of the one that measures it.
    fn tail(&self, returned: &Returned, tail: &Tail) -> TokenStream {
        let Self { span, site, .. } = self;
        let body = tail.with(|future| self.wrapped(returned, &quote_spanned!(*span=> site), future));
        quote_spanned!(*span=> let site = #site; #body)
    }

    /// A body that gives a future, which may be boxed as `ty`.
    fn made(&self, returned: &Returned, ty: Option<&Type>) -> TokenStream {
        let Self { span, runtime, body, .. } = self;
        let (before, site) = self.site_before();
        let outcome = self.outcome_function(returned);
        let output = self.output_type(returned);
        let (make, ty) = match ty {
            None => (self.ident("made"), quote_spanned!(*span=> _)),
            Some(ty) => (self.ident("boxed"), ty.to_token_stream()),
        };
        let meter = self.meter();
        quote_spanned!(*span=> #before #runtime::#make::<#meter, #output, #ty, _>(#site, move || #body, #outcome))
    }

    /// A future inside the one that measures it.
    fn wrapped(&self, returned: &Returned, site: &TokenStream, future: &TokenStream) -> TokenStream {
        let Self { span, runtime, .. } = self;
        let (outcome, output, meter) = (self.outcome_function(returned), self.output_type(returned), self.meter());
        quote_spanned!(*span=> #runtime::future::<#meter, #output, _, _>(#site, #future, #outcome))
    }

    /// A guard beside a body whose value says nothing, or that must not be moved into a closure.
    ///
    /// With `#[track_caller]` a closure would be the caller that the body sees. Without one, `return` and `?` cannot be
    /// caught, so that all calls that do not panic count as successful.
    fn guarded(&self) -> TokenStream {
        let Self { span, runtime, site, .. } = self;
        let body = self.nested_body();
        quote_spanned! {*span=>
            let _guard = #runtime::enter(#site);
            #body
        }
    }

    /// The site, and what has to stand before its use. Tags that are worked out borrow arguments that the body may move,
    /// so they have to be done with in a statement of their own.
    fn site_before(&self) -> (Option<TokenStream>, TokenStream) {
        let Self { span, site, .. } = self;
        if site::has_computed_tags(self.settings) {
            (Some(quote_spanned!(*span=> let site = #site;)), quote_spanned!(*span=> site))
        } else {
            (None, site.clone())
        }
    }

    /// The type that says which time is the duration.
    fn meter(&self) -> TokenStream {
        let meter = self.ident(match self.settings.time {
            Some(Time::Busy) => "Busy",
            Some(Time::Both) => "Both",
            _ => "Whole",
        });
        let runtime = &self.runtime;
        quote_spanned!(self.span=> #runtime::#meter)
    }

    fn output_type(&self, returned: &Returned) -> TokenStream {
        returned.ty.as_ref().map_or_else(|| quote_spanned!(self.span=> _), ToTokens::to_token_stream)
    }

    /// The function that tells the outcome of a future from a reference to its value.
    fn outcome_function(&self, returned: &Returned) -> TokenStream {
        let Self { span, runtime, .. } = self;
        match self.outcome(returned).of_reference(&quote_spanned!(*span=> returned)) {
            None => quote_spanned!(*span=> |_| #runtime::Outcome::Ok),
            Some(outcome) => quote_spanned!(*span=> |returned| #outcome),
        }
    }

    fn outcome<'a>(&'a self, returned: &'a Returned) -> Outcome<'a> {
        Outcome { span: self.span, runtime: &self.runtime, settings: self.settings, returned }
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

    fn ident(&self, name: &str) -> Ident {
        Ident::new(name, self.span)
    }
}
