//! What was asked for, checked: which functions are monitored, and with which settings.
//!
//! This is where arguments meet the item. It is known here whether an argument may stand where it stands, whether its
//! text is allowed, and what a method takes over from its block. If a model is free of errors, its expansion compiles.

use proc_macro2::{Span, TokenTree};
use syn::ext::IdentExt;
use syn::{Attribute, LitStr, Path};

use crate::args::{Arguments, Tag, Tags, Text};
use crate::diagnostic::Diagnostics;
use crate::item::{Block, Function, Item, Member};
use crate::limit;

/// A checked use of the attribute.
pub(crate) enum Model {
    /// One function, annotated by itself.
    Function(Settings),
    /// An `impl` block: the plan for each of its members, in order.
    Block(Vec<Plan>),
    /// Nothing that could be monitored.
    Nothing,
}

/// What happens to a member of a block.
pub(crate) enum Plan {
    /// It is monitored.
    Monitor(Settings),
    /// It stays as it is.
    Keep,
}

/// The settings of one function.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// The name that replaces the function's own.
    pub(crate) name: Option<LitStr>,
    /// The service that the function belongs to.
    pub(crate) service: Option<LitStr>,
    /// Fixed tags, each key once.
    pub(crate) tags: Vec<Tag>,
    /// Where the runtime is found instead of `::monitored`.
    pub(crate) krate: Option<Path>,
}

/// Where an attribute stands; decides which arguments make sense.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Function,
    Block,
    Method,
}

impl Model {
    /// Checks `arguments` against `item`, and takes the attribute's further uses off the item.
    pub(crate) fn check(arguments: &Arguments, item: &mut Item, errors: &mut Diagnostics) -> Self {
        match item {
            Item::Function(function) => {
                refuse_repetition(&mut function.attrs, errors);
                refuse_unfit(function, errors);
                Self::Function(Settings::check(arguments, Position::Function, errors))
            }
            Item::Block(block) => {
                refuse_repetition(&mut block.attrs, errors);
                let shared = Settings::check(arguments, Position::Block, errors);
                Self::Block(check_members(block, &shared, errors))
            }
            Item::Other(other) => {
                errors.error_at(other.place, misplaced(other.kind));
                // Arguments that are wrong anyway were reported when they were read; the others have nothing to say.
                Self::Nothing
            }
        }
    }
}

fn misplaced(kind: &str) -> String {
    let instead = match kind {
        "a struct" | "an enum" | "a union" => "put it on the `impl` block",
        "a trait definition" => "put it on the `impl` blocks of the trait",
        "a module" | "an `extern` block" => "put it on the functions and `impl` blocks that are called",
        "a function without a body" => "put it on the `impl` block that holds the body",
        "a macro" => "put it on the functions that the macro generates",
        _ => "put it where the work is done",
    };
    format!("`#[monitored]` is for functions, methods and `impl` blocks, not for {kind}; {instead}")
}

fn check_members(block: &mut Block, shared: &Settings, errors: &mut Diagnostics) -> Vec<Plan> {
    let plan = |member: &mut Member| match member {
        Member::Function(method) => check_method(method, shared, errors),
        Member::Other(_) => Plan::Keep,
    };
    block.members.iter_mut().map(plan).collect()
}

fn check_method(method: &mut Function, shared: &Settings, errors: &mut Diagnostics) -> Plan {
    refuse_conditional(&mut method.attrs, errors);
    let own = take_attribute(&mut method.attrs).map(|attr| Arguments::of_attribute(&attr, errors));
    refuse_repetition(&mut method.attrs, errors);
    let own = match own {
        Some(own) if own.skip.is_some() => {
            refuse_beside_skip(&own, errors);
            return Plan::Keep;
        }
        Some(own) => {
            refuse_unfit(method, errors);
            own
        }
        None if unfit(method).is_some() => return Plan::Keep,
        None => Arguments::default(),
    };
    Plan::Monitor(Settings::check(&own, Position::Method, errors).over(shared, own.tags.as_ref(), errors))
}

/// Why a function cannot be monitored, and the place that shows it.
fn unfit(function: &Function) -> Option<(Span, &'static str)> {
    if let Some(constness) = &function.sig.constness {
        let message = "a `const fn` cannot be monitored: it may run at build time, where nothing can be recorded; remove \
                       `const`, or monitor its callers";
        return Some((constness.span, message));
    }
    if function.may_have_attribute("naked") {
        let message =
            "a naked function cannot be monitored: its body must be a single `naked_asm!`; monitor its callers";
        return Some((function.sig.ident.span(), message));
    }
    function.sig.variadic.as_ref().map(|variadic| {
        let message = "a variadic function cannot be monitored: its arguments cannot be passed on; monitor its callers";
        (variadic.dots.spans[0], message)
    })
}

fn refuse_unfit(function: &Function, errors: &mut Diagnostics) {
    if let Some((place, message)) = unfit(function) {
        errors.error_at(place, message);
    }
}

/// Whether an attribute is one of ours, however it was imported: its last segment counts.
fn is_ours(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|segment| segment.ident == "monitored")
}

fn take_attribute(attrs: &mut Vec<Attribute>) -> Option<Attribute> {
    let at = attrs.iter().position(is_ours)?;
    Some(attrs.remove(at))
}

/// Takes off every further `#[monitored]`; a call must not be counted twice.
fn refuse_repetition(attrs: &mut Vec<Attribute>, errors: &mut Diagnostics) {
    while let Some(second) = take_attribute(attrs) {
        errors.error(second.path(), "`#[monitored]` is given twice; put all arguments into one");
    }
}

/// A condition on a method's attribute is evaluated only after the block was expanded, which is too late.
fn refuse_conditional(attrs: &mut Vec<Attribute>, errors: &mut Diagnostics) {
    attrs.retain(|attr| {
        let Some(word) = conditional(attr) else { return true };
        let message = "a method's `#[monitored]` cannot depend on `cfg_attr` in a monitored block, which does not see the \
                       condition; move the method into an `impl` block of its own";
        errors.error(word, message);
        // The compiler would expand what is left, and find the next mistake in it.
        false
    });
}

/// The word `monitored` inside of `#[cfg_attr(condition, monitored)]`.
fn conditional(attr: &Attribute) -> Option<TokenTree> {
    let list = attr.meta.require_list().ok().filter(|list| list.path.is_ident("cfg_attr"))?;
    list.tokens.clone().into_iter().find(|token| matches!(token, TokenTree::Ident(word) if word == "monitored"))
}

fn refuse_beside_skip(arguments: &Arguments, errors: &mut Diagnostics) {
    for word in arguments.words().iter().filter(|word| *word != "skip") {
        errors.error(word, format!("`{}` has no effect beside `skip`; remove one of the two", word.unraw()));
    }
}

impl Settings {
    fn check(arguments: &Arguments, position: Position, errors: &mut Diagnostics) -> Self {
        if let (Some(skip), true) = (&arguments.skip, position != Position::Method) {
            errors
                .error(skip, "`skip` is for a method of a monitored `impl` block; here, remove the attribute instead");
        }
        if let (Some(name), true) = (&arguments.name, position == Position::Block) {
            let message = "`name` is for a single function; write `#[monitored(name = \"...\")]` on the method";
            errors.error(&name.word, message);
        }
        Self {
            name: checked(arguments.name.as_ref(), limit::check_name, errors),
            service: checked(arguments.service.as_ref(), limit::check_service, errors),
            tags: arguments.tags.as_ref().map(|tags| check_tags(tags, errors)).unwrap_or_default(),
            krate: arguments.krate.clone(),
        }
    }

    /// These settings, completed by those of the block. `written` is where the method's own tags stand.
    fn over(mut self, shared: &Self, written: Option<&Tags>, errors: &mut Diagnostics) -> Self {
        let inherited = shared.tags.iter().filter(|tag| !self.tags.iter().any(|own| same_key(own, tag)));
        let mut tags: Vec<Tag> = inherited.cloned().collect();
        tags.append(&mut self.tags);
        if let (Some(written), true) = (written, tags.len() > limit::MAX_TAGS) {
            let message = format!(
                "with those of the block these are {} tags; at most {} are allowed",
                tags.len(),
                limit::MAX_TAGS
            );
            errors.error(&written.word, message);
        }
        Self {
            name: self.name,
            service: self.service.or_else(|| shared.service.clone()),
            tags,
            krate: self.krate.or_else(|| shared.krate.clone()),
        }
    }
}

fn checked(
    text: Option<&Text>,
    check: impl Fn(&str) -> Result<(), String>,
    errors: &mut Diagnostics,
) -> Option<LitStr> {
    let literal = &text?.literal;
    if let Err(message) = check(&literal.value()) {
        errors.error(literal, message);
    }
    Some(literal.clone())
}

fn check_tags(tags: &Tags, errors: &mut Diagnostics) -> Vec<Tag> {
    let mut checked: Vec<Tag> = Vec::new();
    for tag in &tags.pairs {
        let key = tag.key.unraw().to_string();
        if checked.iter().any(|earlier| same_key(earlier, tag)) {
            errors.error(&tag.key, format!("tag `{key}` is given twice; keep one"));
            continue;
        }
        if let Err(message) = limit::check_tag_key(&key) {
            errors.error(&tag.key, message);
        }
        if let Err(message) = limit::check_tag_value(&tag.value) {
            errors.error(&tag.literal, message);
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
