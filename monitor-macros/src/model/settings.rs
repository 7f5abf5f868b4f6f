//! The settings of one function: its own arguments, checked, over those of the blocks around it.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::{FnArg, LitStr, Pat, Path};

use super::Position;
use crate::args::{Arguments, Given, Objective, Tag, TagValue, Time};
use crate::diagnostic::Diagnostics;
use crate::item::{Function, contains_word};
use crate::limit;
use crate::returned::Returned;
use crate::shape::Shape;

/// How functions are monitored. What was not said is absent.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// The name that replaces the function's own.
    pub(crate) name: Option<LitStr>,
    /// What goes before the name.
    pub(crate) prefix: Option<LitStr>,
    /// The service that the function belongs to.
    pub(crate) service: Option<LitStr>,
    /// Tags, each key once.
    pub(crate) tags: Vec<Tag>,
    /// Which time is the duration.
    pub(crate) time: Option<Time>,
    /// One call in so many is timed.
    pub(crate) sample: Option<u32>,
    /// From which duration on a call is slow, in nanoseconds.
    pub(crate) slow: Option<u64>,
    /// What is promised.
    pub(crate) objective: Option<Objective>,
    /// Which label an error gets.
    pub(crate) error: Option<TokenStream>,
    /// What is an error.
    pub(crate) judgement: Option<Judgement>,
    /// Whether a recursion counts once.
    pub(crate) outermost: bool,
    /// Whether a module's functions that are not `pub` are meant too.
    pub(crate) private: bool,
    /// Where the runtime is found instead of `::monitored`.
    pub(crate) krate: Option<Path>,
}

/// What decides between success and error instead of the value's being an `Err`.
#[derive(Clone)]
pub(crate) enum Judgement {
    /// It is a success if this holds.
    OkIf(TokenStream),
    /// It is an error if this holds.
    ErrorIf(TokenStream),
    /// Whether `None` is an error.
    None { is_error: bool },
}

impl Settings {
    pub(super) fn check(arguments: &Arguments, position: Position, errors: &mut Diagnostics) -> Self {
        refuse_position(arguments, position, errors);
        refuse_conflicts(arguments, errors);
        let ok_if = arguments.ok_if.as_ref().map(|given| Judgement::OkIf(given.value.clone()));
        let error_if = arguments.error_if.as_ref().map(|given| Judgement::ErrorIf(given.value.clone()));
        let none = arguments.none.as_ref().map(|given| Judgement::None { is_error: given.value });
        Self {
            name: checked(arguments.name.as_ref(), limit::check_name, errors),
            prefix: checked(arguments.prefix.as_ref(), limit::check_prefix, errors),
            service: checked(arguments.service.as_ref(), limit::check_service, errors),
            tags: arguments.tags.as_ref().map(|tags| check_tags(&tags.value, errors)).unwrap_or_default(),
            time: value(arguments.time.as_ref()),
            sample: value(arguments.sample.as_ref()),
            slow: value(arguments.slow.as_ref()),
            objective: value(arguments.objective.as_ref()),
            error: value(arguments.error.as_ref()),
            judgement: ok_if.or(error_if).or(none),
            outermost: arguments.outermost.is_some(),
            private: arguments.private.is_some(),
            krate: arguments.krate.clone(),
        }
    }

    /// These settings, completed by those of the block. `own` is where they were written.
    pub(super) fn over(mut self, shared: &Self, own: &Arguments, errors: &mut Diagnostics) -> Self {
        let mut shared = shared.clone();
        shared.tags.retain(|tag| !self.tags.iter().any(|own| same_key(own, tag)));
        shared.tags.append(&mut self.tags);
        if let (Some(written), true) = (&own.tags, shared.tags.len() > limit::MAX_TAGS) {
            let message = format!(
                "with those of the block these are {} tags; at most {} are allowed",
                shared.tags.len(),
                limit::MAX_TAGS
            );
            errors.error(&written.word, message);
        }
        // What contradicts the block was written by someone who knew it: the inner word counts.
        if self.time == Some(Time::Off) {
            (shared.sample, shared.slow) = (None, None);
            shared.objective = shared.objective.filter(|objective| objective.latency.is_none());
        } else if shared.time == Some(Time::Off) && needs_time(own) {
            shared.time = None;
        }
        Self {
            name: self.name,
            prefix: self.prefix.or(shared.prefix),
            service: self.service.or(shared.service),
            tags: shared.tags,
            time: self.time.or(shared.time),
            sample: self.sample.or(shared.sample),
            slow: self.slow.or(shared.slow),
            objective: self.objective.or(shared.objective),
            error: self.error.or(shared.error),
            judgement: self.judgement.or(shared.judgement),
            outermost: self.outermost || shared.outermost,
            private: self.private || shared.private,
            krate: self.krate.or(shared.krate),
        }
    }

    /// What of a block's settings makes sense for one of its functions. Nobody wrote them for this function, so nothing is
    /// an error here.
    pub(super) fn for_function(&self, function: &Function, shape: &Shape) -> Self {
        let mut settings = self.clone();
        settings.tags.retain(|tag| match &tag.value {
            TagValue::Fixed { .. } => true,
            TagValue::Computed(value) => function.sig.receiver().is_some() || !contains_word(value.clone(), "self"),
            TagValue::Argument => has_argument(function, &tag.key),
        });
        let is_async = shape.is_async();
        settings.outermost &= !is_async;
        // A name is all there is to see of a type; an alias that hides the `Result` keeps the labels it has by itself.
        settings.error = settings.error.filter(|_| shape.output().is_some_and(Returned::is_called_result));
        settings.judgement = settings.judgement.filter(|_| shape.output().is_some());
        settings
    }
}

fn value<T: Clone>(given: Option<&Given<T>>) -> Option<T> {
    given.map(|given| given.value.clone())
}

/// Whether an argument asks for durations.
fn needs_time(arguments: &Arguments) -> bool {
    let bounds_latency = arguments.objective.as_ref().is_some_and(|given| given.value.latency.is_some());
    arguments.sample.is_some() || arguments.slow.is_some() || bounds_latency
}

fn has_argument(function: &Function, name: &Ident) -> bool {
    function.sig.inputs.iter().any(|input| match input {
        FnArg::Typed(typed) => matches!(&*typed.pat, Pat::Ident(pat) if pat.ident.unraw() == name.unraw()),
        FnArg::Receiver(_) => name == "self",
    })
}

/// Arguments that make no sense for the kind of item.
fn refuse_position(arguments: &Arguments, position: Position, errors: &mut Diagnostics) {
    if position == Position::Function {
        for names in [&arguments.only, &arguments.except].into_iter().flatten() {
            let message =
                format!("`{}` chooses among the members of a block; remove it from this function", names.word);
            errors.error(&names.word, message);
        }
        if let Some(private) = &arguments.private {
            errors.error(
                private,
                "`private` is for a module, whose other functions it adds; remove it from this function",
            );
        }
    } else if let Some(name) = &arguments.name {
        let instead = if position == Position::Block { "method" } else { "function" };
        let message = format!(
            "`name` is for a single function; write `#[monitored(name = \"...\")]` on the {instead}, or `prefix = \"...\"` here"
        );
        errors.error(&name.word, message);
    }
}

/// Arguments of one attribute that exclude each other: the second is wrong.
fn refuse_conflicts(arguments: &Arguments, errors: &mut Diagnostics) {
    let mut pair = |one: Option<&Ident>, other: Option<&Ident>, reason: &str| {
        if let (Some(one), Some(other)) = (one, other) {
            let place = |word: &Ident| arguments.words().iter().position(|known| *known == word.unraw());
            let (first, second) = if place(one) < place(other) { (one, other) } else { (other, one) };
            errors.error(second, format!("`{second}` contradicts `{first}`: {reason}; remove one of the two"));
        }
    };
    let word = |given: &Option<Given<TokenStream>>| given.as_ref().map(|given| given.word.clone());
    let (ok_if, error_if) = (word(&arguments.ok_if), word(&arguments.error_if));
    let none = arguments.none.as_ref().map(|given| &given.word);
    let decides = "each of them decides what is an error";
    pair(ok_if.as_ref(), error_if.as_ref(), decides);
    pair(ok_if.as_ref().or(error_if.as_ref()), none, decides);
    pair(
        arguments.only.as_ref().map(|given| &given.word),
        arguments.except.as_ref().map(|given| &given.word),
        "what is not in `only` is left out already",
    );
    let off = arguments.time.as_ref().filter(|time| time.value == Time::Off).map(|given| &given.word);
    let latency = arguments.objective.as_ref().filter(|given| given.value.latency.is_some());
    let no_time = "with `time = off` no duration is taken";
    pair(off, arguments.sample.as_ref().map(|given| &given.word), no_time);
    pair(off, arguments.slow.as_ref().map(|given| &given.word), no_time);
    pair(off, latency.map(|given| &given.word), no_time);
}

/// A function's own arguments that make no sense for its signature.
pub(super) fn refuse_unfit(own: &Arguments, function: &Function, shape: &Shape, errors: &mut Diagnostics) {
    if let (Some(outermost), true) = (&own.outermost, shape.is_async()) {
        let message = "`outermost` is for functions that are not asynchronous: calls of a future do not nest on a thread; \
                       remove it";
        errors.error(outermost, message);
    }
    if let (Some(time), false) = (&own.time, shape.is_async())
        && matches!(time.value, Time::Busy | Time::Both)
    {
        let message = "only a future has busy time, the time in which it is polled; this function returns none: write \
                       `time = wall`, or leave it out";
        errors.error(&time.word, message);
    }
    let computed = own.tags.iter().flat_map(|tags| &tags.value);
    for tag in computed {
        if matches!(tag.value, TagValue::Argument) && !has_argument(function, &tag.key) && !is_bound(function) {
            let key = &tag.key;
            errors.error(key, format!("there is no argument `{key}`; write `{key} = \"...\"` or `{key} = expression`"));
        }
    }
    refuse_outcomes(own, shape, errors);
}

/// Whether a pattern may bind names that are not looked for here.
fn is_bound(function: &Function) -> bool {
    function.sig.inputs.iter().any(|input| match input {
        FnArg::Typed(typed) => !matches!(&*typed.pat, Pat::Ident(_) | Pat::Wild(_)),
        FnArg::Receiver(_) => false,
    })
}

/// Arguments about the outcome, where the outcome is known from the signature.
fn refuse_outcomes(own: &Arguments, shape: &Shape, errors: &mut Diagnostics) {
    let word = |given: &Option<Given<TokenStream>>| given.as_ref().map(|given| given.word.clone());
    let none = own.none.as_ref().map(|given| given.word.clone());
    let Some(output) = shape.output() else {
        let given = [word(&own.error), word(&own.ok_if), word(&own.error_if), none];
        for word in given.into_iter().flatten() {
            errors.error(&word, format!("`{word}` has no effect: {}; remove it", shape.why_no_output()));
        }
        return;
    };
    if let (Some(error), false) = (word(&own.error), output.may_be_result()) {
        let message =
            "`error` has no effect: the function does not return a `Result`; remove it, or write `error_if = ...`";
        errors.error(error, message);
    }
    if let (Some(none), false) = (none, output.may_be_option()) {
        errors.error(none, "`none` has no effect: the function does not return an `Option`; remove it");
    }
}

/// What else is said beside `skip`.
pub(super) fn refuse_beside_skip(arguments: &Arguments, errors: &mut Diagnostics) {
    for word in arguments.words().iter().filter(|word| *word != "skip") {
        errors.error(word, format!("`{}` has no effect beside `skip`; remove one of the two", word.unraw()));
    }
}

fn checked(
    text: Option<&Given<LitStr>>,
    check: impl Fn(&str) -> Result<(), String>,
    errors: &mut Diagnostics,
) -> Option<LitStr> {
    let literal = &text?.value;
    if let Err(message) = check(&literal.value()) {
        errors.error(literal, message);
    }
    Some(literal.clone())
}

fn check_tags(tags: &[Tag], errors: &mut Diagnostics) -> Vec<Tag> {
    let mut checked: Vec<Tag> = Vec::new();
    for tag in tags {
        let key = tag.key.unraw().to_string();
        if checked.iter().any(|earlier| same_key(earlier, tag)) {
            errors.error(&tag.key, format!("tag `{key}` is given twice; keep one"));
            continue;
        }
        if let Err(message) = limit::check_tag_key(&key) {
            errors.error(&tag.key, message);
        }
        if let TagValue::Fixed { literal, text } = &tag.value
            && let Err(message) = limit::check_tag_value(text)
        {
            errors.error(literal, message);
        }
        checked.push(tag.clone());
    }
    if let Some(first_too_many) = checked.get(limit::MAX_TAGS) {
        let message = format!("these are {} tags; at most {} are allowed", checked.len(), limit::MAX_TAGS);
        errors.error(&first_too_many.key, message);
        checked.truncate(limit::MAX_TAGS);
    }
    checked
}

fn same_key(one: &Tag, other: &Tag) -> bool {
    one.key.unraw() == other.key.unraw()
}
