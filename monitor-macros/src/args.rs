//! The attribute's own syntax: what stands between the parentheses, with the place of every word.
//!
//! The list is cut at its commas before anything is parsed, so that one wrong argument does not hide the next: each piece
//! is read for itself and reports its own mistake. Whether an argument makes sense where it stands, and whether its text
//! is allowed, is not known here; see [`crate::model`].

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, Parser};
use syn::{Attribute, Lit, LitStr, Meta, Path};

use crate::diagnostic::{Diagnostics, nearest};

/// What one `#[monitored(...)]` says. An argument that was wrong is absent, its mistake already reported.
#[derive(Default)]
pub(crate) struct Arguments {
    /// `name = "..."`
    pub(crate) name: Option<Text>,
    /// `service = "..."`
    pub(crate) service: Option<Text>,
    /// `tags(key = value, ...)`
    pub(crate) tags: Option<Tags>,
    /// `skip`
    pub(crate) skip: Option<Ident>,
    /// `crate = path`
    pub(crate) krate: Option<Path>,
    /// The word of every known argument, in the order of the source; finds duplicates.
    words: Vec<Ident>,
}

/// An argument whose value is a string.
#[derive(Clone)]
pub(crate) struct Text {
    /// The argument's word.
    pub(crate) word: Ident,
    /// Its value.
    pub(crate) literal: LitStr,
}

/// The argument `tags`.
pub(crate) struct Tags {
    /// The word `tags`.
    pub(crate) word: Ident,
    /// The pairs in the order of the source.
    pub(crate) pairs: Vec<Tag>,
}

/// One `key = value` of `tags(...)`.
#[derive(Clone)]
pub(crate) struct Tag {
    /// The key.
    pub(crate) key: Ident,
    /// The literal as it was written: a string, an integer or a boolean.
    pub(crate) literal: TokenStream,
    /// The literal as text.
    pub(crate) value: String,
}

/// Every argument there is, in the order in which errors list them.
const KNOWN: [&str; 5] = ["name", "service", "tags", "skip", "crate"];

/// Words that other tools use for the same thing, too far from ours to be found by spelling.
const SYNONYMS: [(&str, &str); 12] = [
    ("attributes", "tags"),
    ("exclude", "skip"),
    ("fields", "tags"),
    ("ignore", "skip"),
    ("krate", "crate"),
    ("label", "tags"),
    ("labels", "tags"),
    ("metric", "name"),
    ("off", "skip"),
    ("path", "crate"),
    ("properties", "tags"),
    ("rename", "name"),
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

    /// Reads an attribute that this macro finds on a method: `#[monitored]` or `#[monitored(...)]`.
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

    /// The words of all arguments given, whether their values were right or not.
    pub(crate) fn words(&self) -> &[Ident] {
        &self.words
    }

    fn read(&mut self, piece: Piece, errors: &mut Diagnostics) {
        let word = piece.word.unraw();
        if !KNOWN.contains(&word.to_string().as_str()) {
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
            "name" => self.name = piece.text(errors),
            "service" => self.service = piece.text(errors),
            "tags" => self.tags = piece.tags(errors),
            "skip" => self.skip = Some(piece.skip(errors)),
            _ => self.krate = piece.path(errors),
        }
    }
}

fn unknown(word: &str) -> String {
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == word).map(|(_, ours)| *ours);
    match synonym.or_else(|| nearest(word, KNOWN)) {
        Some(meant) => format!("unknown argument `{word}`; did you mean `{meant}`?"),
        None => format!(
            "unknown argument `{word}`; valid are `name = \"...\"`, `service = \"...\"`, `tags(key = \"...\")`, `skip` and \
             `crate = path`"
        ),
    }
}

/// One argument or one tag, cut out but not understood: a word and what follows it.
struct Piece {
    word: Ident,
    rest: Rest,
}

/// What follows the word.
enum Rest {
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
    fn split(tokens: TokenStream, errors: &mut Diagnostics) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut current = Vec::new();
        for token in tokens {
            if !is_punct(&token, ',') {
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

    /// Reads `word = "..."`.
    fn text(self, errors: &mut Diagnostics) -> Option<Text> {
        let word = self.word;
        let usage = format!("`{word}` takes a string literal: write `{word} = \"...\"`");
        let value = self.rest.value(&word, &usage, errors)?;
        let literal = read_value(&value, &usage, errors)?;
        Some(Text { word, literal })
    }

    /// Reads `crate = some::path`.
    fn path(self, errors: &mut Diagnostics) -> Option<Path> {
        let usage = "`crate` takes a path: write `crate = my_crate::monitored`";
        let value = self.rest.value(&self.word, usage, errors)?;
        if let Ok(quoted) = syn::parse2::<LitStr>(value.clone()) {
            errors.error(&quoted, format!("the path goes without quotes: write `crate = {}`", quoted.value()));
            return None;
        }
        let path = Path::parse_mod_style.parse2(value.clone()).ok();
        if path.is_none() {
            report_value(&value, usage, errors);
        }
        path
    }

    /// Reads `skip`. A value too many is reported, but the intention is clear.
    fn skip(self, errors: &mut Diagnostics) -> Ident {
        const USAGE: &str = "`skip` takes no value: write `skip`";
        match self.rest {
            Rest::Nothing => {}
            Rest::Value { equals, value } => errors.error(joined(equals, value), USAGE),
            Rest::List(list) => errors.error(list, USAGE),
            Rest::Other(rest) => expected_comma(rest, errors),
        }
        self.word
    }

    /// Reads `tags(key = value, ...)`.
    fn tags(self, errors: &mut Diagnostics) -> Option<Tags> {
        const USAGE: &str = "tags go into parentheses: write `tags(key = \"value\")`";
        let list = match self.rest {
            Rest::List(list) => list,
            Rest::Nothing => {
                errors.error(&self.word, USAGE);
                return None;
            }
            Rest::Value { equals, value } => {
                errors.error(joined(equals, value), USAGE);
                return None;
            }
            Rest::Other(rest) => {
                // Of `tags(...) more` the list is right, what follows it is not.
                let mut tokens = rest.clone().into_iter();
                match tokens.next() {
                    Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Parenthesis => {
                        expected_comma(tokens.collect(), errors);
                    }
                    _ => errors.error(rest, USAGE),
                }
                return None;
            }
        };
        let pairs = Piece::split(list.stream(), errors).into_iter().filter_map(|piece| piece.tag(errors)).collect();
        Some(Tags { word: self.word, pairs })
    }

    /// Reads one `key = value` of the tags.
    fn tag(self, errors: &mut Diagnostics) -> Option<Tag> {
        let key = self.word;
        let usage = format!("the value of tag `{key}` must be a literal: write `{key} = \"...\"`");
        let literal = self.rest.value(&key, &usage, errors)?;
        let Some(value) = literal_text(literal.clone()) else {
            report_value(&literal, &usage, errors);
            return None;
        };
        Some(Tag { key, literal, value })
    }
}

impl Rest {
    fn new(tokens: Vec<TokenTree>) -> Self {
        match tokens.as_slice() {
            [] => Self::Nothing,
            [equals, value @ ..] if is_punct(equals, '=') => {
                Self::Value { equals: equals.clone(), value: value.iter().cloned().collect() }
            }
            [TokenTree::Group(list)] if list.delimiter() == Delimiter::Parenthesis => Self::List(list.clone()),
            _ => Self::Other(tokens.into_iter().collect()),
        }
    }

    /// The tokens after `=`. Anything else is reported with `usage`.
    fn value(self, word: &Ident, usage: &str, errors: &mut Diagnostics) -> Option<TokenStream> {
        match self {
            Self::Value { value, .. } if !value.is_empty() => return Some(value),
            Self::Value { equals, .. } => errors.error(equals, usage),
            Self::Nothing => errors.error(word, usage),
            Self::List(list) => errors.error(list, usage),
            Self::Other(rest) => errors.error(rest, usage),
        }
        None
    }
}

/// Reads a value as what is expected; anything else is reported with `usage`.
fn read_value<T: Parse>(value: &TokenStream, usage: &str, errors: &mut Diagnostics) -> Option<T> {
    let read = syn::parse2(value.clone()).ok();
    if read.is_none() {
        report_value(value, usage, errors);
    }
    read
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

/// The text of a string, integer or boolean literal. A number keeps its sign and loses `_` and suffix.
fn literal_text(tokens: TokenStream) -> Option<String> {
    let mut rest = tokens.clone().into_iter();
    let negative = rest.next().is_some_and(|first| is_punct(&first, '-'));
    let literal = if negative { rest.collect() } else { tokens };
    match (syn::parse2(literal).ok()?, negative) {
        (Lit::Str(text), false) => Some(text.value()),
        (Lit::Bool(value), false) => Some(value.value.to_string()),
        (Lit::Int(number), negative) => Some(format!("{}{}", if negative { "-" } else { "" }, number.base10_digits())),
        _ => None,
    }
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

fn joined(first: TokenTree, rest: TokenStream) -> TokenStream {
    TokenStream::from_iter([first.into(), rest])
}
