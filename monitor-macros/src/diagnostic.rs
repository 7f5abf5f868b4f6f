//! Mistakes found on the way, kept until all of them can be reported at once.
//!
//! Parsing and checking never stop at the first mistake: they note it here, under the word that is wrong, and go on with
//! what is left. Every mistake gives exactly one error; whatever could only be a consequence of an earlier one is not
//! checked any more.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The errors of one use of the attribute, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics(Option<syn::Error>);

impl Diagnostics {
    /// Notes a mistake that covers the tokens of `wrong`.
    pub(crate) fn error(&mut self, wrong: impl ToTokens, message: impl Display) {
        self.add(syn::Error::new_spanned(wrong, message));
    }

    /// Notes a mistake at one place.
    pub(crate) fn error_at(&mut self, place: Span, message: impl Display) {
        self.add(syn::Error::new(place, message));
    }

    /// Notes a mistake that a parser found.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// One `compile_error!` a mistake, followed by the item that they are about.
    pub(crate) fn with_item(self, item: TokenStream) -> TokenStream {
        let mut tokens = self.0.map(syn::Error::into_compile_error).unwrap_or_default();
        tokens.extend(item);
        tokens
    }
}

/// The candidate that was most likely meant by `word`, if any is near enough to be worth suggesting.
///
/// One wrong letter in three is accepted: `servce` is near to `service`, but `foo` is near to nothing.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of letters to insert, remove, replace or swap with their neighbour to get from `from` to `to`.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    rows[0] = (0..=to.len()).collect();
    for i in 1..=from.len() {
        rows[i][0] = i;
        for j in 1..=to.len() {
            let differs = usize::from(from[i - 1] != to[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["name", "service", "tags", "skip", "crate"];
        for (word, meant) in [
            ("servce", Some("service")),
            ("naem", Some("name")),
            ("Tags", Some("tags")),
            ("tag", Some("tags")),
            ("foo", None),
            ("histogram", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn every_mistake_becomes_one_compile_error() {
        let mut errors = Diagnostics::default();
        assert!(errors.is_empty());
        errors.error_at(Span::call_site(), "first");
        errors.error_at(Span::call_site(), "second");
        let tokens = errors.with_item(TokenStream::new()).to_string();
        assert_eq!(tokens.matches("compile_error").count(), 2);
        assert!(tokens.find("first") < tokens.find("second"));
    }
}
