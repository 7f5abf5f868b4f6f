//! The values of arguments: what each takes, and what to write when it got something else.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, Parser};
use syn::{Expr, Lit, LitStr, Path};

use super::piece::{Piece, Rest};
use super::{Given, report_value};
use crate::diagnostic::{Diagnostics, nearest};
use crate::item::is_punct;
use crate::limit;

/// One tag of `tags(...)`.
#[derive(Clone)]
pub(crate) struct Tag {
    /// The key.
    pub(crate) key: Ident,
    /// What it is set to.
    pub(crate) value: TagValue,
}

/// The value of a tag.
#[derive(Clone)]
pub(crate) enum TagValue {
    /// The same for all calls.
    Fixed {
        /// The literal as it was written.
        literal: TokenStream,
        /// The literal as text.
        text: String,
    },
    /// Worked out at the beginning of each call.
    Computed(TokenStream),
    /// `tags(key)`: the argument of that name.
    Argument,
}

/// What `time` may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    Wall,
    Busy,
    Both,
    Off,
}

/// `objective(...)`, in nanoseconds and percent.
#[derive(Clone)]
pub(crate) struct Objective {
    pub(crate) latency: Option<Given<u64>>,
    pub(crate) target: Option<Given<f64>>,
    pub(crate) errors: Option<Given<f64>>,
}

impl Piece {
    /// Reads `word = "..."`.
    pub(super) fn text(self, errors: &mut Diagnostics) -> Option<LitStr> {
        let usage = format!("`{0}` takes a string literal: write `{0} = \"...\"`", self.word);
        let value = self.value(&usage, errors)?;
        read(&value, &usage, errors)
    }

    /// Reads `crate = some::path`.
    pub(super) fn path(self, errors: &mut Diagnostics) -> Option<Path> {
        const USAGE: &str = "`crate` takes a path: write `crate = my_crate::monitored`";
        let value = self.value(USAGE, errors)?;
        if let Ok(quoted) = syn::parse2::<LitStr>(value.clone()) {
            errors.error(&quoted, format!("the path goes without quotes: write `crate = {}`", quoted.value()));
            return None;
        }
        let path = Path::parse_mod_style.parse2(value.clone()).ok();
        if path.is_none() {
            report_value(&value, USAGE, errors);
        }
        path
    }

    /// Reads `tags(key = value, key, ...)`.
    pub(super) fn tags(self, errors: &mut Diagnostics) -> Option<Vec<Tag>> {
        let list = self.list("tags go into parentheses: write `tags(key = \"value\")`", errors)?;
        Some(Self::split(list, errors).into_iter().filter_map(|piece| piece.tag(errors)).collect())
    }

    /// Reads one tag.
    fn tag(self, errors: &mut Diagnostics) -> Option<Tag> {
        let key = self.word.clone();
        if let Rest::Nothing = self.rest {
            return Some(Tag { key, value: TagValue::Argument });
        }
        let usage =
            format!("tag `{key}` takes a literal or an expression: write `{key} = \"...\"` or `{key} = argument`");
        let value = self.value(&usage, errors)?;
        if let Some(text) = literal_text(value.clone()) {
            return Some(Tag { key, value: TagValue::Fixed { literal: value, text } });
        }
        if let Some(mark) =
            value.clone().into_iter().next().filter(|first| is_punct(first, '%') || is_punct(first, '?'))
        {
            let shown: String = value.into_iter().skip(1).map(|token| token.to_string()).collect();
            let instead = if is_punct(&mark, '%') { shown } else { format!("format!(\"{{:?}}\", {shown})") };
            errors.error(
                &mark,
                format!("a tag takes a plain expression that can be displayed: write `{key} = {instead}`"),
            );
            return None;
        }
        let expression: Expr = read(&value, &usage, errors)?;
        if let Expr::Lit(_) = expression {
            report_value(&value, &usage, errors);
            return None;
        }
        Some(Tag { key, value: TagValue::Computed(value) })
    }

    /// Reads `time = wall`.
    pub(super) fn time(self, errors: &mut Diagnostics) -> Option<Time> {
        const KNOWN: [(&str, Time); 4] =
            [("wall", Time::Wall), ("busy", Time::Busy), ("both", Time::Both), ("off", Time::Off)];
        const USAGE: &str = "`time` is one of `wall`, `busy`, `both` and `off`: write `time = wall`";
        self.one_of(KNOWN, USAGE, errors)
    }

    /// Reads `none = ok` or `none = error`.
    pub(super) fn none(self, errors: &mut Diagnostics) -> Option<bool> {
        const USAGE: &str = "`none` is `ok` or `error`: write `none = error`";
        self.one_of([("ok", false), ("error", true)], USAGE, errors)
    }

    /// Reads one of a few words.
    fn one_of<T, const N: usize>(self, known: [(&str, T); N], usage: &str, errors: &mut Diagnostics) -> Option<T> {
        let argument = self.word.to_string();
        let value = self.value(usage, errors)?;
        if let Ok(quoted) = syn::parse2::<LitStr>(value.clone()) {
            errors.error(&quoted, format!("the word goes without quotes: write `{argument} = {}`", quoted.value()));
            return None;
        }
        let Ok(word) = Ident::parse_any.parse2(value.clone()) else {
            report_value(&value, usage, errors);
            return None;
        };
        let text = word.to_string();
        let meant = nearest(&text, known.iter().map(|(name, _)| *name)).map(str::to_owned);
        let found = known.into_iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let message = meant
                .map_or_else(|| usage.to_owned(), |meant| format!("`{text}` is unknown here; did you mean `{meant}`?"));
            errors.error(word, message);
        }
        found.map(|(_, value)| value)
    }

    /// Reads `sample = 1/16` and gives the number below the line.
    pub(super) fn sample(self, errors: &mut Diagnostics) -> Option<u32> {
        const USAGE: &str = "`sample` is one call in so many, from 1 to 65536: write `sample = 1/16`";
        let value = self.value(USAGE, errors)?;
        let tokens: Vec<TokenTree> = value.clone().into_iter().collect();
        let one_in = match tokens.as_slice() {
            [one, line, one_in] if is_punct(line, '/') && one.to_string() == "1" => one_in
                .to_string()
                .replace('_', "")
                .parse()
                .ok()
                .filter(|one_in| (1..=limit::MAX_SAMPLE).contains(one_in)),
            _ => None,
        };
        if one_in.is_none() {
            report_value(&value, USAGE, errors);
        }
        one_in
    }

    /// Reads `word = "250ms"` and gives nanoseconds.
    pub(super) fn duration(self, errors: &mut Diagnostics) -> Option<u64> {
        let word = self.word.to_string();
        let usage = format!("`{word}` takes a duration: write `{word} = \"250ms\"`");
        let value = self.value(&usage, errors)?;
        if let Ok(Lit::Int(_) | Lit::Float(_)) = syn::parse2(value.clone()) {
            let shown = value.to_string();
            let unit = if shown.ends_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "ms" };
            errors.error(&value, format!("the duration goes into quotes: write `{word} = \"{shown}{unit}\"`"));
            return None;
        }
        let literal: LitStr = read(&value, &usage, errors)?;
        match limit::parse_duration(&literal.value()) {
            Ok(nanos) => Some(nanos),
            Err(message) => {
                errors.error(literal, message);
                None
            }
        }
    }

    /// Reads `objective(latency = "250ms", target = 99.9, errors = 0.1)`.
    pub(super) fn objective(self, errors: &mut Diagnostics) -> Option<Objective> {
        const USAGE: &str = "an objective goes into parentheses: write `objective(latency = \"250ms\", target = 99.9)` or \
                             `objective(errors = 0.1)`";
        const KNOWN: [&str; 3] = ["latency", "target", "errors"];
        let word = self.word.clone();
        let list = self.list(USAGE, errors)?;
        let mut objective = Objective { latency: None, target: None, errors: None };
        let mut seen: Vec<Ident> = Vec::new();
        for piece in Self::split(list, errors) {
            let word = piece.word.clone();
            if seen.contains(&word) {
                errors.error(&word, format!("`{word}` is given twice; keep one"));
                continue;
            }
            seen.push(word.clone());
            match word.to_string().as_str() {
                "latency" => objective.latency = piece.given(Self::duration, errors),
                "target" => objective.target = piece.given(Self::percent, errors),
                "errors" => objective.errors = piece.given(Self::percent, errors),
                other => {
                    let message = match nearest(other, KNOWN) {
                        Some(meant) => format!("unknown part `{other}` of an objective; did you mean `{meant}`?"),
                        None => format!(
                            "unknown part `{other}` of an objective; valid are `latency = \"250ms\"`, `target = 99.9` and \
                             `errors = 0.1`"
                        ),
                    };
                    errors.error(&word, message);
                }
            }
        }
        let has = |word: &str| seen.iter().any(|seen| seen == word);
        if seen.iter().all(|word| word == "target") {
            errors.error(
                seen.first().unwrap_or(&word),
                "an objective bounds `latency`, `errors` or both: write \
                 `objective(latency = \"250ms\", target = 99.9)` or `objective(errors = 0.1)`",
            );
            return None;
        }
        if let (Some(target), false) = (&objective.target, has("latency")) {
            let message = "`target` is the share of calls within `latency`; write `latency = \"250ms\"` beside it";
            errors.error(&target.word, message);
        }
        Some(objective)
    }

    /// Reads `word = 99.9`.
    fn percent(self, errors: &mut Diagnostics) -> Option<f64> {
        let word = self.word.to_string();
        let example = if word == "target" { "99.9" } else { "0.1" };
        let usage = format!("`{word}` is a percentage between 0 and 100, neither of them: write `{word} = {example}`");
        let value = self.value(&usage, errors)?;
        let percent = match syn::parse2(value.clone()) {
            Ok(Lit::Float(number)) if number.suffix().is_empty() => number.base10_parse().ok(),
            Ok(Lit::Int(number)) if number.suffix().is_empty() => number.base10_parse().ok(),
            _ => None,
        };
        let percent = percent.filter(|percent| *percent > 0.0 && *percent < 100.0);
        if percent.is_none() {
            report_value(&value, &usage, errors);
        }
        percent
    }

    /// Reads `error = |e| ...`.
    pub(super) fn label_function(self, errors: &mut Diagnostics) -> Option<TokenStream> {
        const USAGE: &str =
            "`error` takes a function from `&E` to a label: write `error = |e| e.code()` or `error = MyError::code`";
        self.function(USAGE, errors)
    }

    /// Reads `ok_if = ...` or `error_if = ...`.
    pub(super) fn predicate(self, errors: &mut Diagnostics) -> Option<TokenStream> {
        let usage = format!(
            "`{0}` takes a function from a reference to the returned value to `bool`: write `{0} = |value| ...` or \
             `{0} = Option::is_some`",
            self.word
        );
        self.function(&usage, errors)
    }

    fn function(self, usage: &str, errors: &mut Diagnostics) -> Option<TokenStream> {
        let value = self.value(usage, errors)?;
        let expression: Expr = read(&value, usage, errors)?;
        if let Expr::Lit(_) | Expr::Binary(_) | Expr::Unary(_) = expression {
            report_value(&value, usage, errors);
            return None;
        }
        Some(value)
    }

    /// Reads `only(a, b)` or `except(a, b)`.
    pub(super) fn names(self, errors: &mut Diagnostics) -> Option<Vec<Ident>> {
        let usage = format!("`{0}` takes names in parentheses: write `{0}(load, store)`", self.word);
        let word = self.word.clone();
        let list = self.list(&usage, errors)?;
        let mut names: Vec<Ident> = Vec::new();
        let pieces = Self::split(list.clone(), errors);
        if list.is_empty() {
            errors.error(&word, &usage);
        }
        for piece in pieces {
            match piece.rest {
                Rest::Nothing if names.iter().any(|name| name.unraw() == piece.word.unraw()) => {
                    errors.error(&piece.word, format!("`{}` is given twice; keep one", piece.word));
                }
                Rest::Nothing => names.push(piece.word),
                Rest::Value { equals, .. } => errors.error(equals, &usage),
                Rest::List(list) => errors.error(list, &usage),
                Rest::Other(rest) => super::expected_comma(rest, errors),
            }
        }
        Some(names)
    }
}

/// Reads a value as what is expected; anything else is reported with `usage`.
fn read<T: Parse>(value: &TokenStream, usage: &str, errors: &mut Diagnostics) -> Option<T> {
    let read = syn::parse2(value.clone()).ok();
    if read.is_none() {
        report_value(value, usage, errors);
    }
    read
}

/// The text of a literal that may be a tag. A number keeps its sign and loses `_` and suffix.
fn literal_text(tokens: TokenStream) -> Option<String> {
    let mut rest = tokens.clone().into_iter();
    let negative = rest.next().is_some_and(|first| is_punct(&first, '-'));
    let literal = if negative { rest.collect() } else { tokens };
    let sign = if negative { "-" } else { "" };
    match (syn::parse2(literal).ok()?, negative) {
        (Lit::Str(text), false) => Some(text.value()),
        (Lit::Char(letter), false) => Some(letter.value().to_string()),
        (Lit::Bool(value), false) => Some(value.value.to_string()),
        (Lit::Int(number), _) => Some(format!("{sign}{}", number.base10_digits())),
        (Lit::Float(number), _) => Some(format!("{sign}{}", number.base10_digits())),
        _ => None,
    }
}
