//! The form that the expansion of a function takes: whether it is a call or a future that is measured, and how its body
//! is reached.

use syn::{ReturnType, Type, TypeParamBound};

use crate::item::Function;
use crate::returned::{Future, Returned, future_of};
use crate::tail::Tail;

/// The forms.
pub(crate) enum Shape {
    /// The body runs in a closure.
    Call(Returned),
    /// The body runs in an `async` block.
    Async(Returned),
    /// A guard lies beside the body, which must not be moved: see [`Guarded`].
    Guarded(Guarded),
    /// The future at the end of the body is wrapped where it is made.
    Tail(Returned, Tail),
    /// The body, in a closure, gives a future, which is wrapped.
    Opaque(Returned),
    /// The body, in a closure, gives a boxed future, which is wrapped and boxed again.
    Boxed(Returned, Type),
}

/// Why there is only a guard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guarded {
    /// `-> !`
    Never,
    /// `async fn ... -> !`
    NeverAsync,
    /// `#[track_caller]`: a closure would be the caller that the body sees.
    TrackCaller,
    /// `-> impl Fn(..)`: behind a call that cannot name this type, the returned closure would be compiled before it is
    /// known what it has to accept.
    Closure,
}

impl Shape {
    /// The form for a function. `self_ty` is the type of the annotated block, if the function is in one.
    pub(crate) fn of(function: &Function, self_ty: Option<&Type>) -> Self {
        let returned = Returned::of(&function.sig.output, self_ty);
        if function.sig.asyncness.is_some() {
            return match returned {
                Some(returned) => Self::Async(returned),
                None => Self::Guarded(Guarded::NeverAsync),
            };
        }
        let Some(returned) = returned else { return Self::Guarded(Guarded::Never) };
        let future = future_of(&function.sig.output, self_ty);
        let is_guarded = function.may_have_attribute("track_caller");
        if (future.is_some() || returned.may_be_named_future())
            && let Some(tail) = Tail::of(&function.body.stream())
            && (tail.is_async_block() || matches!(future, Some(Future { is_boxed: true, .. })))
        {
            let output = future.map_or_else(|| returned.output(), |future| future.output);
            return Self::Tail(output, tail);
        }
        match future {
            _ if is_guarded => Self::Guarded(Guarded::TrackCaller),
            Some(Future { output, is_boxed: false }) => Self::Opaque(output),
            Some(Future { output, is_boxed: true }) => match returned.ty {
                Some(ty) => Self::Boxed(output, ty),
                None => Self::Call(Returned::unnamed()),
            },
            None if returns_closure(&function.sig.output) => Self::Guarded(Guarded::Closure),
            None => Self::Call(returned),
        }
    }

    /// Whether a future is measured, which may move between threads.
    pub(crate) fn is_async(&self) -> bool {
        !matches!(self, Self::Call(_) | Self::Guarded(Guarded::Never | Guarded::TrackCaller | Guarded::Closure))
    }

    /// The type of the value whose meaning is asked, if it is asked at all.
    pub(crate) fn output(&self) -> Option<&Returned> {
        match self {
            Self::Call(returned)
            | Self::Async(returned)
            | Self::Tail(returned, _)
            | Self::Opaque(returned)
            | Self::Boxed(returned, _) => Some(returned),
            Self::Guarded(_) => None,
        }
    }

    /// What to say where there is no output.
    pub(crate) fn why_no_output(&self) -> &'static str {
        match self {
            Self::Guarded(Guarded::TrackCaller) => "with `#[track_caller]` the returned value cannot be seen",
            Self::Guarded(Guarded::Closure) => "a returned closure cannot be seen",
            _ => "the function never returns",
        }
    }
}

/// Whether a function returns `impl Fn(..)`, `impl FnMut(..)` or `impl FnOnce(..)`.
fn returns_closure(output: &ReturnType) -> bool {
    let ReturnType::Type(_, ty) = output else { return false };
    let Type::ImplTrait(opaque) = &**ty else { return false };
    opaque.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let name = bound.path.segments.last().map(|segment| &segment.ident);
            name.is_some_and(|name| ["Fn", "FnMut", "FnOnce"].iter().any(|closure| name == closure))
        }
        _ => false,
    })
}
