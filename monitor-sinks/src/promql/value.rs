//! What an expression stands for, and the answer to a question.

use std::{fmt, sync::Arc};

use super::{histogram::Histogram, labels::Labels};
use crate::util::STALE;

/// The value of a sample that says that its series ended there.
///
/// A series is gone from this instant on, instead of five minutes after its last sample, until it has a sample again.
#[must_use]
pub fn stale() -> f64 {
    f64::from_bits(STALE)
}

/// Whether a value is [`stale`]; no other not-a-number is.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// The value of a sample: a number or a whole histogram.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A number; not-a-number and infinities are values like others.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// A value at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Milliseconds since 1970.
    pub time: i64,
    /// What it was.
    pub value: Value,
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What tells it from the others.
    pub labels: Labels,
    /// Its points in order of time.
    pub points: Vec<Point>,
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// What tells it from the others.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub time: i64,
    /// What it was.
    pub value: Value,
}

/// The data of an answer, in one of the four types of PromQL.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// A number, from an expression without series.
    Scalar {
        /// Milliseconds since 1970.
        time: i64,
        /// The number.
        value: f64,
    },
    /// A text, from a string literal.
    Text {
        /// Milliseconds since 1970.
        time: i64,
        /// The text.
        value: String,
    },
    /// Values at one instant, in the order that the expression gives them, else ordered by labels.
    Vector(Vec<Element>),
    /// Values over time, ordered by labels.
    Matrix(Vec<Line>),
}

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Scalar,
    Vector,
    Range,
    Text,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Range => "range vector",
            Self::Text => "string",
        })
    }
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Histogram(_) => None,
        }
    }

    /// The histogram, if it is one.
    #[must_use]
    pub fn as_histogram(&self) -> Option<&Histogram> {
        match self {
            Self::Float(_) => None,
            Self::Histogram(histogram) => Some(histogram),
        }
    }

    /// How many samples it counts for against the limit, by its size in memory.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Float(_) => 1,
            Self::Histogram(histogram) => histogram.weight(),
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Histogram> for Value {
    fn from(histogram: Histogram) -> Self {
        Self::Histogram(Arc::new(histogram))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(value) => f.write_str(&plain(*value)),
            Self::Histogram(histogram) => write!(f, "{histogram}"),
        }
    }
}

/// A number without an exponent, as labels and answers hold it.
pub(crate) fn plain(value: f64) -> String {
    match value {
        f64::INFINITY => String::from("+Inf"),
        f64::NEG_INFINITY => String::from("-Inf"),
        value => format!("{value}"),
    }
}

/// A number as Go's `%g` writes it: with an exponent from a million on and below a ten-thousandth.
pub(crate) fn general(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return plain(value);
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return plain(value);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_not_a_number_ends_a_series() {
        assert!(is_stale(stale()) && stale().is_nan());
        assert!(!is_stale(f64::NAN) && !is_stale(0.0));
    }

    #[test]
    fn numbers_read_as_prometheus_writes_them() {
        for (value, wanted) in [
            (0.5, "0.5"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e100, "-2.5e+100"),
            (0.0, "0"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(general(value), wanted);
        }
        assert_eq!(plain(1e21), "1000000000000000000000");
    }
}
