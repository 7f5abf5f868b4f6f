//! The attribute's own syntax: what stands between the parentheses, with the place of every word.
//!
//! The list is cut at its commas before anything is parsed (`piece`), so that one wrong argument does not hide the next:
//! each piece is read for itself (`value`) and reports its own mistake. Whether an argument makes sense where it stands,
//! and whether its text is allowed, is not known here; see [`crate::model`].

mod piece;
mod value;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::{Attribute, LitStr, Meta, Path};

use self::piece::Piece;
pub(crate) use self::value::{Objective, Tag, TagValue, Time};
use crate::diagnostic::{Diagnostics, nearest};

/// What one `#[monitored(...)]` says. An argument that was wrong is absent, its mistake already reported.
#[derive(Default)]
pub(crate) struct Arguments {
    /// `name = "..."`
    pub(crate) name: Option<Given<LitStr>>,
    /// `prefix = "..."`
    pub(crate) prefix: Option<Given<LitStr>>,
    /// `service = "..."`
    pub(crate) service: Option<Given<LitStr>>,
    /// `tags(key = value, ...)`
    pub(crate) tags: Option<Given<Vec<Tag>>>,
    /// `time = wall`
    pub(crate) time: Option<Given<Time>>,
    /// `sample = 1/16`: the number below the line.
    pub(crate) sample: Option<Given<u32>>,
    /// `slow = "250ms"`, in nanoseconds.
    pub(crate) slow: Option<Given<u64>>,
    /// `objective(...)`
    pub(crate) objective: Option<Given<Objective>>,
    /// `error = path`
    pub(crate) error: Option<Given<TokenStream>>,
    /// `ok_if = path`
    pub(crate) ok_if: Option<Given<TokenStream>>,
    /// `error_if = path`
    pub(crate) error_if: Option<Given<TokenStream>>,
    /// `none = error`: whether it is an error.
    pub(crate) none: Option<Given<bool>>,
    /// `outermost`
    pub(crate) outermost: Option<Ident>,
    /// `skip`
    pub(crate) skip: Option<Ident>,
    /// `only(a, b)`
    pub(crate) only: Option<Given<Vec<Ident>>>,
    /// `except(a, b)`
    pub(crate) except: Option<Given<Vec<Ident>>>,
    /// `private`
    pub(crate) private: Option<Ident>,
    /// `crate = path`
    pub(crate) krate: Option<Path>,
    /// The word of every known argument, in the order of the source; finds duplicates and conflicts.
    words: Vec<Ident>,
}

/// The value of an argument, with the argument's word.
#[derive(Clone)]
pub(crate) struct Given<T> {
    /// The argument's word.
    pub(crate) word: Ident,
    /// Its value.
    pub(crate) value: T,
}

/// Every argument there is, in the order in which errors list them.
const KNOWN: [&str; 18] = [
    "name",
    "prefix",
    "service",
    "tags",
    "time",
    "sample",
    "slow",
    "objective",
    "error",
    "ok_if",
    "error_if",
    "none",
    "outermost",
    "skip",
    "only",
    "except",
    "private",
    "crate",
];

/// Words that other tools use for the same thing, too far from ours to be found by spelling.
const SYNONYMS: [(&str, &str); 27] = [
    ("all", "private"),
    ("attributes", "tags"),
    ("duration", "time"),
    ("err", "error"),
    ("exclude", "except"),
    ("fields", "tags"),
    ("filter", "only"),
    ("ignore", "skip"),
    ("include", "only"),
    ("krate", "crate"),
    ("label", "tags"),
    ("labels", "tags"),
    ("latency", "objective"),
    ("metric", "name"),
    ("namespace", "prefix"),
    ("off", "skip"),
    ("path", "crate"),
    ("properties", "tags"),
    ("rate", "sample"),
    ("recursive", "outermost"),
    ("rename", "name"),
    ("sampling", "sample"),
    ("skip_all", "skip"),
    ("slo", "objective"),
    ("target", "objective"),
    ("threshold", "slow"),
    ("timeout", "slow"),
];

impl Arguments {
    /// Reads the tokens between the parentheses of `#[monitored(...)]`.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Diagnostics) -> Self {
        let mut arguments = Self::default();
        for piece in Piece::split(tokens, errors) {
            arguments.read(piece, errors);
        }
        arguments
    }

    /// Reads an attribute that this macro finds inside a block: `#[monitored]` or `#[monitored(...)]`.
    pub(crate) fn of_attribute(attribute: &Attribute, errors: &mut Diagnostics) -> Self {
        match &attribute.meta {
            Meta::Path(_) => Self::default(),
            Meta::List(list) => Self::parse(list.tokens.clone(), errors),
            Meta::NameValue(pair) => {
                errors.error(&pair.value, "arguments go into parentheses: write `#[monitored(name = \"...\")]`");
                Self::default()
            }
        }
    }

    /// The words of all arguments given, in the order of the source, whether their values were right or not.
    pub(crate) fn words(&self) -> &[Ident] {
        &self.words
    }

    fn read(&mut self, piece: Piece, errors: &mut Diagnostics) {
        let word = piece.word.unraw();
        if !KNOWN.iter().any(|known| word == known) {
            return errors.error(&piece.word, unknown(&word.to_string()));
        }
        if self.words.contains(&word) {
            return errors.error(
                &piece.word,
                format!("`{word}` is given twice; keep one{}", if word == "tags" { " list of tags" } else { "" }),
            );
        }
        self.words.push(word.clone());
        match word.to_string().as_str() {
            "name" => self.name = piece.given(Piece::text, errors),
            "prefix" => self.prefix = piece.given(Piece::text, errors),
            "service" => self.service = piece.given(Piece::text, errors),
            "tags" => self.tags = piece.given(Piece::tags, errors),
            "time" => self.time = piece.given(Piece::time, errors),
            "sample" => self.sample = piece.given(Piece::sample, errors),
            "slow" => self.slow = piece.given(Piece::duration, errors),
            "objective" => self.objective = piece.given(Piece::objective, errors),
            "error" => self.error = piece.given(Piece::label_function, errors),
            "ok_if" => self.ok_if = piece.given(Piece::predicate, errors),
            "error_if" => self.error_if = piece.given(Piece::predicate, errors),
            "none" => self.none = piece.given(Piece::none, errors),
            "outermost" => self.outermost = Some(piece.flag(errors)),
            "skip" => self.skip = Some(piece.flag(errors)),
            "only" => self.only = piece.given(Piece::names, errors),
            "except" => self.except = piece.given(Piece::names, errors),
            "private" => self.private = Some(piece.flag(errors)),
            _ => self.krate = piece.path(errors),
        }
    }
}

impl Piece {
    /// Reads the value and keeps the word with it.
    fn given<T>(
        self,
        read: impl FnOnce(Self, &mut Diagnostics) -> Option<T>,
        errors: &mut Diagnostics,
    ) -> Option<Given<T>> {
        let word = self.word.clone();
        read(self, errors).map(|value| Given { word, value })
    }
}

fn unknown(word: &str) -> String {
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == word).map(|(_, ours)| *ours);
    if let Some(meant) = synonym.or_else(|| nearest(word, KNOWN)) {
        return format!("unknown argument `{word}`; did you mean `{meant}`?");
    }
    let known = KNOWN.map(|known| format!("`{known}`"));
    let (last, first) = known.split_last().expect("there are arguments");
    format!("unknown argument `{word}`; valid are {} and {last}", first.join(", "))
}

/// Reports a wrong value: at what follows it if the value itself would do, else at the value.
fn report_value(value: &TokenStream, usage: &str, errors: &mut Diagnostics) {
    let mut rest = value.clone().into_iter();
    match (rest.next(), rest.next()) {
        (Some(TokenTree::Literal(_)), Some(next @ TokenTree::Ident(_))) => expected_comma(next.into(), errors),
        _ => errors.error(value, usage),
    }
}

fn expected_comma(rest: TokenStream, errors: &mut Diagnostics) {
    if let Some(next) = rest.into_iter().next() {
        let message = format!("expected a comma before `{next}`");
        errors.error(next, message);
    }
}
