//! When a rule holds: thresholds that values are compared with, or the mere presence of a result.
//!
//! A rule compares by itself, and does not leave it to the expression, wherever it can: only then does it still see the
//! value when the condition does not hold, and can tell "all is well" from "nobody knows", and clear at another value than
//! it fires at.

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::{Arc, atomic::AtomicUsize},
};

use super::view::View;
use crate::notify::Severity;

/// When a rule holds.
#[derive(Clone)]
#[non_exhaustive]
pub enum Condition {
    /// The value of each element is compared with thresholds, at most one for each severity.
    Levels(Vec<Level>),
    /// Each element of the result is an alert, as in Prometheus; one that is no longer there is none any more.
    Present(Severity),
    /// A function of the program says so.
    Closure(Severity, Closure),
}

/// A threshold with its severity.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Level {
    /// What an alert at this level is worth.
    pub severity: Severity,
    /// How values are compared with the threshold.
    pub comparison: Comparison,
    /// What values are compared with.
    pub threshold: f64,
    /// An alert goes on for as long as values compare in the same way with this. Where there is none, that is the threshold
    /// itself; but an alert whose value is within 5 % of it ends only when it has been so for two minutes, because values
    /// tremble.
    pub clear: Option<f64>,
}

/// How a value is compared with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// What a function of the program decides by: the values at an instant. `None` is for "cannot be told".
pub type Decision = dyn Fn(&View<'_>) -> Option<bool> + Send + Sync + UnwindSafe + RefUnwindSafe;

/// A function of the program that says whether a rule holds.
#[derive(Clone)]
pub struct Closure {
    pub(super) decide: Arc<Decision>,
    /// How many calls of it go on in running monitors.
    pub(super) calls: Arc<AtomicUsize>,
}

/// How near to a threshold is near, as a share of it.
const NEAR: f64 = 0.05;

impl Condition {
    /// Whether alerts can have this severity.
    #[must_use]
    pub fn has(&self, severity: Severity) -> bool {
        match self {
            Self::Levels(levels) => levels.iter().any(|level| level.severity == severity),
            Self::Present(own) | Self::Closure(own, _) => *own == severity,
        }
    }

    /// The lowest severity that alerts can have.
    #[must_use]
    pub fn lowest(&self) -> Severity {
        Severity::ALL.into_iter().find(|severity| self.has(*severity)).unwrap_or_default()
    }
}

impl Closure {
    pub(super) fn new(decide: Arc<Decision>) -> Self {
        Self { decide, calls: Arc::default() }
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closure").finish_non_exhaustive()
    }
}

impl Level {
    /// A threshold that clears where it fires.
    #[must_use]
    pub const fn new(severity: Severity, comparison: Comparison, threshold: f64) -> Self {
        Self { severity, comparison, threshold, clear: None }
    }

    /// Whether a value makes an alert.
    #[must_use]
    pub fn fires(&self, value: f64) -> bool {
        self.comparison.holds(value, self.threshold)
    }

    /// Whether a value lets an alert go on.
    #[must_use]
    pub fn stays(&self, value: f64) -> bool {
        self.fires(value) || self.clear.is_some_and(|clear| self.comparison.holds(value, clear))
    }

    /// Whether an alert can go on at values that it would not begin at.
    #[must_use]
    pub fn has_margin(&self) -> bool {
        self.clear.map_or(self.is_order(), |clear| clear.to_bits() != self.threshold.to_bits())
    }

    fn is_order(&self) -> bool {
        !matches!(self.comparison, Comparison::Equal | Comparison::NotEqual)
    }

    /// Whether a value is so near to the threshold that it may be beyond it again in a moment.
    ///
    /// A clear threshold of, say, 95 % of the threshold would be the usual answer. It cannot be the default: `replicas < 3`
    /// would go on at 3, for ever. So nearness costs time, and no more.
    pub(super) fn is_near(&self, value: f64) -> bool {
        self.is_order() && self.clear.is_none() && (value - self.threshold).abs() <= NEAR * self.threshold.abs()
    }
}

impl Comparison {
    /// All of them; signs that begin with others come first.
    pub(super) const ALL: [Self; 6] =
        [Self::AtLeast, Self::AtMost, Self::Equal, Self::NotEqual, Self::Above, Self::Below];

    /// Whether a value compares so with a bound. Not-a-number does not compare with anything.
    #[must_use]
    #[allow(clippy::float_cmp, reason = "as exactly as PromQL says")]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Equal => value == bound,
            Self::NotEqual => !value.is_nan() && value != bound,
        }
    }

    /// The operator of PromQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Functions are the same only if they are one.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Levels(left), Self::Levels(right)) => left == right,
            (Self::Present(left), Self::Present(right)) => left == right,
            (Self::Closure(left, a), Self::Closure(right, b)) => left == right && Arc::ptr_eq(&a.decide, &b.decide),
            _ => false,
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Levels(levels) => f.debug_tuple("Levels").field(levels).finish(),
            Self::Present(severity) => f.debug_tuple("Present").field(severity).finish(),
            Self::Closure(severity, _) => f.debug_tuple("Closure").field(severity).finish_non_exhaustive(),
        }
    }
}
