//! What was asked for, checked: which functions are monitored, and with which settings.
//!
//! This is where arguments meet the item. It is known here whether an argument may stand where it stands, whether its
//! text is allowed, and what a member takes over from its block. If a model is free of errors, its expansion compiles.

mod choice;
mod settings;

use proc_macro2::{Span, TokenTree};
use syn::{Attribute, Type};

use self::choice::Choice;
pub(crate) use self::settings::{Judgement, Settings};
use crate::args::Arguments;
use crate::diagnostic::Diagnostics;
use crate::item::{Block, BlockKind, Function, Item, Member};
use crate::shape::Shape;

/// What happens to an item.
pub(crate) enum Plan {
    /// It is a function, and monitored.
    Monitor(Box<Monitor>),
    /// It is a block: the plan for each of its members, in order.
    Block(Vec<Plan>),
    /// It stays as it is.
    Keep,
}

/// A function that is monitored.
pub(crate) struct Monitor {
    /// How.
    pub(crate) settings: Settings,
    /// Which form its expansion takes.
    pub(crate) shape: Shape,
}

/// Where an attribute stands; decides which arguments make sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Function,
    /// An `impl` block or a trait definition.
    Block,
    Module,
}

impl Position {
    fn of(block: &Block) -> Self {
        if block.is_module() { Self::Module } else { Self::Block }
    }
}

impl Plan {
    /// Checks `arguments` against `item`, and takes the attribute's further uses off the item.
    pub(crate) fn check(arguments: &Arguments, item: &mut Item, errors: &mut Diagnostics) -> Self {
        if let Some(skip) = &arguments.skip {
            let message = "`skip` is for a member of a monitored block; here, remove the attribute instead";
            errors.error(skip, message);
        }
        match item {
            Item::Function(function) => {
                refuse_repetition(&mut function.attrs, errors);
                refuse_unfit(function, errors);
                Self::function(function, arguments, None, None, errors)
            }
            Item::Block(block) => {
                refuse_repetition(&mut block.attrs, errors);
                Self::block(block, arguments, None, errors)
            }
            Item::Other(other) => {
                errors.error_at(other.place, misplaced(other.kind));
                // Arguments that are wrong anyway were reported when they were read; the others have nothing to say.
                Self::Keep
            }
        }
    }

    fn function(
        function: &Function,
        own: &Arguments,
        shared: Option<&Settings>,
        self_ty: Option<&Type>,
        errors: &mut Diagnostics,
    ) -> Self {
        let shape = Shape::of(function, self_ty);
        let settings = Settings::check(own, Position::Function, errors);
        settings::refuse_unfit(own, function, &shape, errors);
        let settings = match shared {
            Some(shared) => settings.over(&shared.for_function(function, &shape), own, errors),
            None => settings,
        };
        Self::Monitor(Box::new(Monitor { settings, shape }))
    }

    fn block(block: &mut Block, own: &Arguments, shared: Option<&Settings>, errors: &mut Diagnostics) -> Self {
        let position = Position::of(block);
        let mut settings = Settings::check(own, position, errors);
        if let Some(shared) = shared {
            settings = settings.over(shared, own, errors);
        }
        let choice = Choice::of(own, block, settings.private, errors);
        let self_ty = match &block.kind {
            BlockKind::Impl(ty) => Some((**ty).clone()),
            _ => None,
        };
        let plan = |member: &mut Member| match member {
            Member::Function(function) => member_function(function, &settings, self_ty.as_ref(), &choice, errors),
            Member::Block(block) => member_block(block, &settings, &choice, errors),
            Member::Other(_) => Self::Keep,
        };
        Self::Block(block.members.iter_mut().map(plan).collect())
    }
}

fn member_function(
    function: &mut Function,
    shared: &Settings,
    self_ty: Option<&Type>,
    choice: &Choice,
    errors: &mut Diagnostics,
) -> Plan {
    let own = match take_own(&mut function.attrs, errors) {
        Own::Skipped => return Plan::Keep,
        Own::Given(own) => {
            refuse_unfit(function, errors);
            *own
        }
        Own::Absent if unfit(function).is_some() || !choice.takes_function(function) => return Plan::Keep,
        Own::Absent => Arguments::default(),
    };
    Plan::function(function, &own, Some(shared), self_ty, errors)
}

fn member_block(block: &mut Block, shared: &Settings, choice: &Choice, errors: &mut Diagnostics) -> Plan {
    let own = match take_own(&mut block.attrs, errors) {
        Own::Skipped => return Plan::Keep,
        Own::Given(own) => *own,
        Own::Absent if !choice.takes_block(block) => return Plan::Keep,
        Own::Absent => Arguments::default(),
    };
    Plan::block(block, &own, Some(shared), errors)
}

/// What a member's own attribute says.
enum Own {
    Absent,
    Skipped,
    Given(Box<Arguments>),
}

fn take_own(attrs: &mut Vec<Attribute>, errors: &mut Diagnostics) -> Own {
    refuse_conditional(attrs, errors);
    let own = take_attribute(attrs).map(|attr| Arguments::of_attribute(&attr, errors));
    refuse_repetition(attrs, errors);
    match own {
        Some(own) if own.skip.is_some() => {
            settings::refuse_beside_skip(&own, errors);
            Own::Skipped
        }
        Some(own) => Own::Given(Box::new(own)),
        None => Own::Absent,
    }
}

fn misplaced(kind: &str) -> String {
    let instead = match kind {
        "a struct" | "an enum" | "a union" => "put it on the `impl` block",
        "a trait alias" => "put it on the definitions of its traits",
        "a module in a file of its own" => "put it on the functions and blocks in that file",
        "an `extern` block" => "put it on the functions and `impl` blocks that are called",
        "a function without a body" => "put it on the trait definition or on the `impl` block that holds the body",
        "a macro" => "put it on the functions that the macro generates",
        _ => "put it where the work is done",
    };
    format!(
        "`#[monitored]` is for functions, `impl` blocks, trait definitions and inline modules, not for {kind}; {instead}"
    )
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
        let message = "`#[monitored]` cannot depend on `cfg_attr` inside of a monitored block, which does not see the \
                       condition; move the item out of the block";
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
