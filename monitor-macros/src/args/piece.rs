//! A list cut at its commas: each piece is a word and what follows it, not understood yet.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;

use super::expected_comma;
use crate::diagnostic::Diagnostics;
use crate::item::is_punct;

/// One argument or one tag, cut out but not understood.
pub(super) struct Piece {
    /// The word it starts with.
    pub(super) word: Ident,
    /// What follows the word.
    pub(super) rest: Rest,
}

/// What follows the word.
pub(super) enum Rest {
    Nothing,
    /// `= ...`
    Value {
        equals: TokenTree,
        value: TokenStream,
    },
    /// `(...)`
    List(Group),
    Other(TokenStream),
}

impl Piece {
    /// Cuts a list at its commas. Pieces that do not start with a word are reported and left out.
    pub(super) fn split(tokens: TokenStream, errors: &mut Diagnostics) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut current = Vec::new();
        for token in tokens {
            if !is_punct(&token, ',') || is_cut_in_generics(&current) {
                current.push(token);
            } else if current.is_empty() {
                errors.error(&token, "expected an argument before this comma");
            } else {
                pieces.extend(Self::new(std::mem::take(&mut current), errors));
            }
        }
        if !current.is_empty() {
            pieces.extend(Self::new(current, errors));
        }
        pieces
    }

    fn new(tokens: Vec<TokenTree>, errors: &mut Diagnostics) -> Option<Self> {
        let mut tokens = tokens.into_iter();
        let word = match tokens.next()? {
            TokenTree::Ident(word) => word,
            TokenTree::Literal(wrong) => {
                let message = match tokens.next() {
                    Some(equals) if is_punct(&equals, '=') => {
                        format!("the word before `=` goes without quotes, not {wrong}")
                    }
                    _ => format!("a value needs the word it belongs to: write `... = {wrong}`"),
                };
                errors.error(wrong, message);
                return None;
            }
            wrong => {
                errors.error(wrong, "expected a word here, as in `name = \"...\"` or `tags(key = \"...\")`");
                return None;
            }
        };
        Some(Self { word, rest: Rest::new(tokens.collect()) })
    }

    /// The tokens after `=`. Anything else is reported with `usage`.
    pub(super) fn value(self, usage: &str, errors: &mut Diagnostics) -> Option<TokenStream> {
        let wrong = match self.rest {
            Rest::Value { value, .. } if !value.is_empty() => return Some(value),
            Rest::Value { equals, .. } => equals.into(),
            Rest::Nothing => self.word.into_token_stream(),
            Rest::List(list) => list.into_token_stream(),
            Rest::Other(rest) => rest,
        };
        errors.error(wrong, usage);
        None
    }

    /// Reads a word without a value. A value too many is reported, but the intention is clear.
    pub(super) fn flag(self, errors: &mut Diagnostics) -> Ident {
        let usage = format!("`{0}` takes no value: write `{0}`", self.word);
        match self.rest {
            Rest::Nothing => {}
            Rest::Value { equals, value } => errors.error(joined(equals, value), usage),
            Rest::List(list) => errors.error(list, usage),
            Rest::Other(rest) => expected_comma(rest, errors),
        }
        self.word
    }

    /// The tokens in the parentheses after the word. Anything else is reported with `usage`.
    pub(super) fn list(self, usage: &str, errors: &mut Diagnostics) -> Option<TokenStream> {
        match self.rest {
            Rest::List(list) => return Some(list.stream()),
            Rest::Nothing => errors.error(&self.word, usage),
            Rest::Value { equals, value } => errors.error(joined(equals, value), usage),
            Rest::Other(rest) => {
                // Of `tags(...) more` the list is right, what follows it is not.
                let mut tokens = rest.clone().into_iter();
                match tokens.next() {
                    Some(TokenTree::Group(list)) if list.delimiter() == proc_macro2::Delimiter::Parenthesis => {
                        expected_comma(tokens.collect(), errors);
                    }
                    _ => errors.error(rest, usage),
                }
            }
        }
        None
    }
}

impl Rest {
    fn new(tokens: Vec<TokenTree>) -> Self {
        match tokens.as_slice() {
            [] => Self::Nothing,
            [equals, value @ ..] if is_punct(equals, '=') => {
                Self::Value { equals: equals.clone(), value: value.iter().cloned().collect() }
            }
            [TokenTree::Group(list)] if list.delimiter() == proc_macro2::Delimiter::Parenthesis => {
                Self::List(list.clone())
            }
            _ => Self::Other(tokens.into_iter().collect()),
        }
    }
}

/// Whether what stands before a comma ends inside of generic arguments, as in `error = label::<Kind, 8>`, so that the comma
/// belongs to them. `a < b` looks alike, but is an expression already.
fn is_cut_in_generics(piece: &[TokenTree]) -> bool {
    let [_, _, value @ ..] = piece else { return false };
    let arrow = |at: usize| at > 0 && (is_punct(&value[at - 1], '-') || is_punct(&value[at - 1], '='));
    let opened = value.iter().filter(|token| is_punct(token, '<')).count();
    let closed = (0..value.len()).filter(|at| is_punct(&value[*at], '>') && !arrow(*at)).count();
    opened > closed && syn::parse2::<syn::Expr>(value.iter().cloned().collect()).is_err()
}

fn joined(first: TokenTree, rest: TokenStream) -> TokenStream {
    TokenStream::from_iter([first.into(), rest])
}
