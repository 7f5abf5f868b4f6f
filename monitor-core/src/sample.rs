//! What leaves the registry: keys that name a series, and the values that a drain found for it.
//!
//! This is the vocabulary between the hot path and everything that stores, exports or judges its values. It owns its
//! strings, so that nothing behind it depends on how a site or metric keeps its tags.

use crate::distribution::Distribution;

/// What kind of value a series holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MetricKind {
    /// A total that only grows; it starts again at 0 with every recording.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// A distribution of values.
    Histogram,
    /// A distribution of durations, in seconds.
    Timer,
}

/// Names one series: metric, kind, unit, service and labels. Two series are the same only if all of these are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// The metric's name, for example `function_calls_total`.
    pub name: String,
    /// What kind of value it holds.
    pub kind: MetricKind,
    /// The base unit, for example `seconds`; empty when none was given.
    pub unit: String,
    /// The service that it belongs to, where the site names one; else the recording monitor's service applies.
    pub service: Option<String>,
    /// Labels (tags), sorted by key, no key twice.
    pub labels: Vec<(String, String)>,
}

/// A counter's value: whole as long as only whole numbers were added, so that it stays exact beyond 2^53.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(u64),
    /// A number with a fractional part.
    Float(f64),
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self::Int(0);

    /// The value as a float, which is exact up to 2^53.
    #[must_use]
    pub const fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        match self {
            Self::Int(value) => value == 0,
            Self::Float(value) => value == 0.0,
        }
    }
}

impl std::ops::Add for Number {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.checked_add(b).map_or(Self::Float(a as f64 + b as f64), Self::Int),
            (a, b) => Self::Float(a.as_f64() + b.as_f64()),
        }
    }
}

impl std::ops::AddAssign for Number {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What a drain found for one series.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A counter.
    Counter {
        /// The total since this recording started.
        total: Number,
        /// The part of it that has not been delivered yet.
        fresh: Number,
    },
    /// The newest value of a gauge.
    Gauge(f64),
    /// The values of a histogram or timer that have not been delivered yet.
    Distribution(&'a Distribution),
}

/// One series with its value.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The number of the series within its source: small, dense, never reused. A sink may index a table by it.
    pub index: usize,
    /// The series.
    pub key: &'a SeriesKey,
    /// Its value.
    pub value: Value<'a>,
    /// Whether the value changed since the last delivery.
    pub changed: bool,
}
