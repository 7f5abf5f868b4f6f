//! How a call ended, found out from the value it returned.
//!
//! The macro does not know types: `io::Result<T>` or an alias of the user's is just a path to it. The expansion therefore
//! asks the value, by autoref specialisation (David Tolnay's technique): method lookup on `&&&Probe` takes the first of
//! three traits that fits, a `Result` whose error names its kind, any other `Result`, any value. Only the error path
//! costs anything. A generic `T` that happens to be a `Result` is seen as a plain value.
//!
//! Where the attribute says what an error is, or what it is called, the functions here decide: [`ok_if`], [`error_if`] and
//! [`labelled`].

use std::borrow::Cow;
use std::marker::PhantomData;

use once_cell::race::OnceBox;

use crate::name::MAX_NAME;
use crate::tag::hash_name;

/// Names the kind of an error, for the label `error_type`.
///
/// Without it an error counts under the short name of its type. Kinds should be few and fixed: a site tells 15 apart.
///
/// # Examples
///
/// ```
/// use monitor_core::ErrorKind;
///
/// enum ParseError {
///     MissingField(&'static str),
///     BadNumber,
/// }
///
/// impl ErrorKind for ParseError {
///     fn kind(&self) -> &'static str {
///         match self {
///             Self::MissingField(_) => "missing_field",
///             Self::BadNumber => "bad_number",
///         }
///     }
/// }
/// ```
pub trait ErrorKind {
    /// The kind, for example `missing_field`.
    fn kind(&self) -> &'static str;
}

impl<E: ErrorKind + ?Sized> ErrorKind for Box<E> {
    fn kind(&self) -> &'static str {
        (**self).kind()
    }
}

impl<E: ErrorKind + ?Sized> ErrorKind for std::sync::Arc<E> {
    fn kind(&self) -> &'static str {
        (**self).kind()
    }
}

/// What an error counts under.
#[derive(Debug, Clone, Copy)]
pub enum Label {
    /// A name given by the user.
    Kind(&'static str),
    /// The full name of a type, to be shortened when it is shown.
    Type(&'static str),
}

impl Label {
    pub(crate) const OTHER: Self = Self::Kind(super::kind::OTHER);

    /// The label as it is stored.
    pub(crate) fn to_text(self) -> String {
        match self {
            Self::Kind("") => "unnamed".to_owned(),
            Self::Kind(name) if name.len() > crate::name::MAX_TAG_VALUE => crate::tag::cut(name),
            Self::Kind(name) => name.to_owned(),
            Self::Type(path) => short_type_name(path),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kind(name) | Self::Type(name) => name,
        }
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && (std::ptr::eq(self.name(), other.name()) || self.name() == other.name())
    }
}

/// How a call that came back ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// It returned a value that is no error.
    Ok,
    /// It returned an error of this kind.
    Error(Label),
}

/// The outcome of a call whose attribute says what an error is called: `error = label`.
#[inline(always)]
pub fn labelled<T, E, L: ErrorLabel>(returned: &Result<T, E>, label: impl FnOnce(&E) -> L) -> Outcome {
    match returned {
        Ok(_) => Outcome::Ok,
        Err(error) => Outcome::Error(label(error).into_label()),
    }
}

/// The outcome of a call whose attribute says what is no error: `ok_if = predicate`. What else it is called, `kind` knows.
#[inline(always)]
pub fn ok_if<R: ?Sized>(returned: &R, is_ok: impl FnOnce(&R) -> bool, kind: impl FnOnce(&R) -> Outcome) -> Outcome {
    if is_ok(returned) { Outcome::Ok } else { kind(returned).or_error("not_ok") }
}

/// The outcome of a call whose attribute says what is an error: `error_if = predicate`. What it is called, `kind` knows.
#[inline(always)]
pub fn error_if<R: ?Sized>(
    returned: &R,
    is_error: impl FnOnce(&R) -> bool,
    kind: impl FnOnce(&R) -> Outcome,
) -> Outcome {
    if is_error(returned) { kind(returned).or_error("error_if") } else { Outcome::Ok }
}

impl Outcome {
    /// An error under the label it has by itself, or under `label`.
    fn or_error(self, label: &'static str) -> Self {
        match self {
            Self::Ok => Self::Error(Label::Kind(label)),
            error @ Self::Error(_) => error,
        }
    }
}

/// What a function given as `error = ...` may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the label of an error",
    note = "return `&'static str`, `String` or `Cow<'static, str>`; labels should be few"
)]
pub trait ErrorLabel {
    /// The label.
    fn into_label(self) -> Label;
}

impl ErrorLabel for &'static str {
    #[inline]
    fn into_label(self) -> Label {
        Label::Kind(self)
    }
}

impl ErrorLabel for String {
    fn into_label(self) -> Label {
        Label::Kind(interned(&self))
    }
}

impl ErrorLabel for Cow<'static, str> {
    fn into_label(self) -> Label {
        match self {
            Cow::Borrowed(label) => Label::Kind(label),
            Cow::Owned(label) => label.into_label(),
        }
    }
}

/// How many labels made at run time a process may have.
const INTERNED: usize = 1024;

/// How many places a label may be at.
const PLACES: usize = 16;

/// Labels that live on. There is no lock, and no more than [`INTERNED`] of them are ever kept: a label for which there is no
/// place counts as `other`.
struct Labels([OnceBox<String>; INTERNED]);

impl Labels {
    const fn new() -> Self {
        Self([const { OnceBox::new() }; INTERNED])
    }

    fn keep(&self, label: &str) -> &str {
        let label = &label[..label.floor_char_boundary(MAX_NAME)];
        let hash = (hash_name(label) >> 32) as usize;
        (0..PLACES)
            .map(|step| self.0[(hash + step) % INTERNED].get_or_init(|| Box::new(label.to_owned())).as_str())
            .find(|kept| *kept == label)
            .unwrap_or(super::kind::OTHER)
    }
}

fn interned(label: &str) -> &'static str {
    static LABELS: Labels = Labels::new();
    LABELS.keep(label)
}

/// Wraps a returned value while it is asked for its outcome.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// The answers, from the most to the least specific; see the module's header. `ByNone` takes part where the attribute says
/// `none = error`.
pub mod probe {
    use super::{ErrorKind, Label, Outcome, Probe};

    /// An `Option`, of which `None` is an error.
    pub trait ByNone {
        /// The outcome of the call.
        fn outcome(&self) -> Outcome;
    }

    /// A `Result` whose error names its kind.
    pub trait ByKind {
        /// The outcome of the call.
        fn outcome(&self) -> Outcome;
    }

    /// A `Result` with any error: its type is the kind.
    pub trait ByType {
        /// The outcome of the call.
        fn outcome(&self) -> Outcome;
    }

    /// Any value.
    pub trait ByValue {
        /// The outcome of the call.
        fn outcome(&self) -> Outcome;
    }

    impl<T> ByNone for &&&Probe<'_, Option<T>> {
        #[inline(always)]
        fn outcome(&self) -> Outcome {
            match self.0 {
                Some(_) => Outcome::Ok,
                None => Outcome::Error(Label::Kind("none")),
            }
        }
    }

    impl<T, E: ErrorKind> ByKind for &&Probe<'_, Result<T, E>> {
        #[inline(always)]
        fn outcome(&self) -> Outcome {
            match self.0 {
                Ok(_) => Outcome::Ok,
                Err(error) => Outcome::Error(Label::Kind(error.kind())),
            }
        }
    }

    impl<T, E> ByType for &Probe<'_, Result<T, E>> {
        #[inline(always)]
        fn outcome(&self) -> Outcome {
            match self.0 {
                Ok(_) => Outcome::Ok,
                Err(_) => Outcome::Error(Label::Type(core::any::type_name::<E>())),
            }
        }
    }

    impl<T: ?Sized> ByValue for Probe<'_, T> {
        #[inline(always)]
        fn outcome(&self) -> Outcome {
            Outcome::Ok
        }
    }
}

/// The short name of a type: its last path segment without generics, with the crate before a bare `Error`.
///
/// `etl::ParseError` gives `ParseError`, `std::io::error::Error` gives `io::Error`, `alloc::boxed::Box<dyn
/// core::error::Error>` gives `Box<dyn Error>`; of other boxes, and of shared pointers, what they hold.
fn short_type_name(path: &str) -> String {
    for pointer in ["alloc::boxed::Box<", "alloc::sync::Arc<", "alloc::rc::Rc<"] {
        let held = path.strip_prefix(pointer).and_then(|rest| rest.strip_suffix('>'));
        if let Some(held) = held.filter(|held| !held.starts_with("dyn ")) {
            return short_type_name(held);
        }
    }
    let mut short = String::with_capacity(path.len());
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        if end == 0 {
            let symbol = rest.chars().next().map_or(1, char::len_utf8);
            short.push_str(&rest[..symbol]);
            rest = &rest[symbol..];
        } else {
            short.push_str(&short_path(&rest[..end]));
            rest = &rest[end..];
        }
    }
    if short.starts_with("Box<dyn ") {
        return short;
    }
    match short.find('<') {
        Some(generics) if generics > 0 => short[..generics].to_owned(),
        _ => short,
    }
}

/// The last segment of a path; with the nearest module or crate that says something before a bare `Error`.
fn short_path(path: &str) -> String {
    let mut segments = path.rsplit("::").filter(|segment| !segment.is_empty());
    let Some(last) = segments.next() else { return path.to_owned() };
    let context = segments.find(|segment| !matches!(*segment, "error" | "errors" | "err"));
    match context {
        Some(context) if last == "Error" && !matches!(context, "core" | "std" | "alloc") => {
            format!("{context}::{last}")
        }
        _ => last.to_owned(),
    }
}

/// A closure of which it is known that it is called once, so that it may give away what it has captured.
///
/// A type and not a function: in a build without optimisation, each parameter of a function is a copy in the frame.
#[derive(Debug)]
pub struct Once<R, F: FnOnce() -> R>(pub F, pub PhantomData<fn() -> R>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_are_short_and_still_say_whose_error_it_is() {
        for (path, short) in [
            ("etl::parse::ParseError", "ParseError"),
            ("std::io::error::Error", "io::Error"),
            ("serde_json::error::Error", "serde_json::Error"),
            ("anyhow::Error", "anyhow::Error"),
            ("alloc::string::String", "String"),
            ("&str", "&str"),
            ("()", "()"),
            ("alloc::boxed::Box<dyn core::error::Error>", "Box<dyn Error>"),
            ("alloc::boxed::Box<dyn core::error::Error + core::marker::Send>", "Box<dyn Error + Send>"),
            ("alloc::boxed::Box<etl::ParseError>", "ParseError"),
            ("alloc::sync::Arc<std::io::error::Error>", "io::Error"),
            ("etl::Wrapped<etl::Inner>", "Wrapped"),
        ] {
            assert_eq!(short_type_name(path), short, "{path}");
        }
    }

    #[test]
    #[allow(clippy::needless_borrow)]
    fn the_value_is_asked_for_its_outcome_by_the_most_specific_answer() {
        use super::probe::{ByKind as _, ByType as _, ByValue as _};
        struct Known;
        impl ErrorKind for Known {
            fn kind(&self) -> &'static str {
                "known"
            }
        }
        let known: Result<(), Known> = Err(Known);
        assert_eq!((&&&Probe(&known)).outcome(), Outcome::Error(Label::Kind("known")));
        let other: Result<(), String> = Err(String::new());
        assert_eq!((&&&Probe(&other)).outcome(), Outcome::Error(Label::Type("alloc::string::String")));
        let fine: Result<(), String> = Ok(());
        assert_eq!((&&&Probe(&fine)).outcome(), Outcome::Ok);
        assert_eq!((&&&Probe(&5)).outcome(), Outcome::Ok);
    }

    #[test]
    #[allow(clippy::needless_borrow)]
    fn none_is_an_error_where_it_is_said_so() {
        use super::probe::{ByNone as _, ByType as _, ByValue as _};
        assert_eq!((&&&&Probe(&None::<u8>)).outcome(), Outcome::Error(Label::Kind("none")));
        assert_eq!((&&&&Probe(&Some(1))).outcome(), Outcome::Ok);
        let failed: Result<(), u8> = Err(1);
        assert_eq!((&&&&Probe(&failed)).outcome(), Outcome::Error(Label::Type("u8")));
        assert_eq!((&&&&Probe(&1)).outcome(), Outcome::Ok);
    }

    #[test]
    fn predicates_decide_and_errors_keep_their_labels() {
        let by_value = |_: &Result<u8, u8>| Outcome::Error(Label::Kind("own"));
        assert_eq!(ok_if(&Ok(1), Result::is_ok, by_value), Outcome::Ok);
        assert_eq!(ok_if(&Err(1), Result::is_ok, by_value), Outcome::Error(Label::Kind("own")));
        assert_eq!(error_if(&3, |n| *n > 2, |_| Outcome::Ok), Outcome::Error(Label::Kind("error_if")));
        assert_eq!(error_if(&1, |n| *n > 2, |_| Outcome::Ok), Outcome::Ok);
        assert_eq!(labelled(&Err::<(), _>(7), |n| format!("code_{n}")), Outcome::Error(Label::Kind("code_7")));
    }

    #[test]
    fn labels_made_at_run_time_are_bounded() {
        let labels = Labels::new();
        let one = labels.keep("one");
        assert!(std::ptr::eq(one, labels.keep(&String::from("one"))));
        assert_eq!(labels.keep(&"ä".repeat(500)).len(), MAX_NAME);
        let kept = (0..10_000).filter(|n| labels.keep(&format!("label {n}")) != crate::site::kind::OTHER).count();
        assert!(kept <= INTERNED, "{kept}");
    }
}
