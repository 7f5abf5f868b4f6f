//! What a returned value means, as an expression over a reference to it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;

use super::site;
use crate::model::{Judgement, Settings};
use crate::returned::{Returned, Sort};

/// The outcome of one function.
pub(super) struct Outcome<'a> {
    pub(super) span: Span,
    pub(super) runtime: &'a TokenStream,
    pub(super) settings: &'a Settings,
    pub(super) returned: &'a Returned,
}

impl Outcome<'_> {
    /// The outcome of the value behind `reference`. `None` if it is a success whatever it is.
    pub(super) fn of_reference(&self, reference: &TokenStream) -> Option<TokenStream> {
        let Self { span, runtime, .. } = self;
        let (decide, predicate) = match &self.settings.judgement {
            Some(Judgement::OkIf(predicate)) => ("ok_if", predicate),
            Some(Judgement::ErrorIf(predicate)) => ("error_if", predicate),
            _ => return self.of_value(reference),
        };
        let value = quote_spanned!(*span=> value);
        let kind = match self.of_value(&value) {
            None => quote_spanned!(*span=> |_| #runtime::Outcome::Ok),
            Some(outcome) => quote_spanned!(*span=> |value| #outcome),
        };
        let place = place(predicate);
        let (decide, runtime) = (Ident::new(decide, place), site::runtime(self.settings, place));
        let reference = moved(reference, place);
        Some(quote_spanned!(place=> #runtime::#decide(#reference, #predicate, #kind)))
    }

    /// The outcome that the value has by itself.
    fn of_value(&self, reference: &TokenStream) -> Option<TokenStream> {
        let Self { span, runtime, settings, returned } = self;
        let counts_none = matches!(settings.judgement, Some(Judgement::None { is_error: true }));
        if let (Some(label), Sort::Unknown) = (&settings.error, returned.sort) {
            let place = place(label);
            let (runtime, reference) = (site::runtime(settings, place), moved(reference, place));
            return Some(quote_spanned!(place=> #runtime::labelled(#reference, #label)));
        }
        match returned.sort {
            Sort::Option | Sort::Unknown if counts_none => Some(quote_spanned! {*span=>
                {
                    use #runtime::probe::{ByKind as _, ByNone as _, ByType as _, ByValue as _};
                    (&&&&#runtime::Probe(#reference)).outcome()
                }
            }),
            // Method lookup picks the most telling of the three traits.
            Sort::Unknown => Some(quote_spanned! {*span=>
                {
                    use #runtime::probe::{ByKind as _, ByType as _, ByValue as _};
                    (&&&#runtime::Probe(#reference)).outcome()
                }
            }),
            Sort::Plain | Sort::Option => None,
        }
    }
}

/// A span whose errors point at the user's function, and whose names are still ours.
fn place(function: &TokenStream) -> Span {
    let first = function.clone().into_iter().next();
    Span::mixed_site().located_at(first.as_ref().map_or_else(Span::call_site, TokenTree::span))
}

/// The same tokens, whose errors are shown at another place.
fn moved(tokens: &TokenStream, place: Span) -> TokenStream {
    let move_token = |mut token: TokenTree| {
        token.set_span(place);
        token
    };
    tokens.clone().into_iter().map(move_token).collect()
}
