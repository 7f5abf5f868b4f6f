//! Lengths of time: `1h30m`, numbers of seconds, and arithmetic on both.
//!
//! Arithmetic can use the step and the range of the query, so that a length is known only when both are.

use std::fmt::Write;

use super::BinaryOp;

/// A length of time in an expression, to be resolved against the step and the range of the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Length {
    /// Seconds.
    Fixed(f64),
    /// A number in arithmetic, which is seconds, too, but is written without a unit.
    Number(f64),
    /// The step of the query.
    Step,
    /// From the first to the last instant of the query.
    Range,
    Negate(Box<Length>),
    Binary(BinaryOp, Box<Length>, Box<Length>),
    Least(Box<Length>, Box<Length>),
    Greatest(Box<Length>, Box<Length>),
}

/// What `step()` and `range()` stand for, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryLengths {
    pub(crate) step: i64,
    pub(crate) range: i64,
}

/// Units of PromQL in the order in which they must be written, in milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The longest length, 1,000 years: sums of a few never overflow.
const MAX_MILLIS: f64 = 1000.0 * 365.0 * 86_400_000.0;

impl Default for Length {
    fn default() -> Self {
        Self::Fixed(0.0)
    }
}

impl Length {
    /// Milliseconds, rounded towards zero.
    pub(crate) fn millis(&self, query: QueryLengths) -> Result<i64, String> {
        let millis = self.seconds(query)? * 1000.0;
        // A length such as 0.29 s is 289.99999999999994 ms, which means 290.
        let millis = if (millis - millis.round()).abs() < 1e-6 { millis.round() } else { millis.trunc() };
        if millis.is_nan() || millis.abs() > MAX_MILLIS {
            return Err(String::from("duration is out of range; the longest is 1000y"));
        }
        Ok(millis as i64)
    }

    /// Milliseconds of a length that must be longer than nothing.
    pub(crate) fn positive_millis(&self, query: QueryLengths) -> Result<i64, String> {
        match self.millis(query)? {
            millis if millis > 0 => Ok(millis),
            _ => Err(String::from("duration must be greater than 0")),
        }
    }

    /// Whether it can be resolved without knowing the query.
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    fn seconds(&self, query: QueryLengths) -> Result<f64, String> {
        Ok(match self {
            Self::Fixed(seconds) | Self::Number(seconds) => *seconds,
            Self::Step => query.step as f64 / 1000.0,
            Self::Range => query.range as f64 / 1000.0,
            Self::Negate(inner) => -inner.seconds(query)?,
            Self::Least(left, right) => left.seconds(query)?.min(right.seconds(query)?),
            Self::Greatest(left, right) => left.seconds(query)?.max(right.seconds(query)?),
            Self::Binary(op, left, right) => combine(*op, left.seconds(query)?, right.seconds(query)?)?,
        })
    }

    /// The length, where a number alone is a length in seconds.
    pub(crate) fn alone(self) -> Self {
        match self {
            Self::Number(seconds) => Self::Fixed(seconds),
            length => length,
        }
    }

    /// The text of the length; inside a larger one or after `offset` with parentheses where they are needed.
    pub(crate) fn text(&self, enclosed: bool) -> String {
        match self {
            Self::Fixed(seconds) if *seconds < 0.0 => format!("-{}", Self::Fixed(-seconds).text(enclosed)),
            Self::Fixed(seconds) => match (seconds * 1000.0).round() {
                millis if (millis / 1000.0 - seconds).abs() < 1e-9 => duration_text(millis as i64),
                _ => format!("{seconds}"),
            },
            Self::Number(seconds) => format!("{seconds}"),
            Self::Step => String::from("step()"),
            Self::Range => String::from("range()"),
            Self::Negate(inner) => format!("-{}", inner.text(true)),
            Self::Least(left, right) => format!("min({}, {})", left.text(false), right.text(false)),
            Self::Greatest(left, right) => format!("max({}, {})", left.text(false), right.text(false)),
            Self::Binary(op, left, right) => {
                let text = format!("{} {} {}", left.text(true), op.as_str(), right.text(true));
                if enclosed { format!("({text})") } else { text }
            }
        }
    }
}

fn combine(op: BinaryOp, left: f64, right: f64) -> Result<f64, String> {
    match op {
        BinaryOp::Divide if right == 0.0 => Err(String::from("division by zero")),
        BinaryOp::Modulo if right == 0.0 => Err(String::from("modulo by zero")),
        BinaryOp::Add => Ok(left + right),
        BinaryOp::Subtract => Ok(left - right),
        BinaryOp::Multiply => Ok(left * right),
        BinaryOp::Divide => Ok(left / right),
        BinaryOp::Modulo => Ok(left % right),
        BinaryOp::Power => Ok(left.powf(right)),
        _ => Err(format!("operator {} is not defined for durations", op.as_str())),
    }
}

/// Reads `1h30m`: whole numbers with units, from the largest to the smallest, each at most once. Milliseconds.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum: i64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = &rest[digits..digits + letters];
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(rest[..digits].parse::<i64>().ok()?.checked_mul(*millis)?)?;
        rest = &rest[digits + letters..];
    }
    (!text.is_empty()).then_some(sum)
}

/// A length as PromQL writes it: years and weeks only if nothing else is left.
pub(crate) fn duration_text(millis: i64) -> String {
    let mut text = String::from(if millis < 0 { "-" } else { "" });
    let mut rest = millis.unsigned_abs();
    if rest == 0 {
        return String::from("0s");
    }
    for (name, unit) in UNITS {
        let unit = unit.unsigned_abs();
        if rest >= unit && (!matches!(name, "y" | "w") || rest.is_multiple_of(unit)) {
            let _ = write!(text, "{}{name}", rest / unit);
            rest %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: QueryLengths = QueryLengths { step: 30_000, range: 600_000 };

    #[test]
    fn units_come_in_order_and_once() {
        assert_eq!(parse_duration("1h30m"), Some(5_400_000));
        assert_eq!(parse_duration("1y2w3d4h5m6s7ms"), Some(((365 + 14 + 3) * 24 + 4) * 3_600_000 + 306_007));
        for text in ["", "1", "m", "5mm", "1m1h", "1s1s", "1.5h", "99999999999y", "-1m"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn text_and_length_are_inverse() {
        for text in ["1ms", "1s500ms", "5m", "1h30m", "2w", "23d1h", "1y", "90d"] {
            assert_eq!(duration_text(parse_duration(text).unwrap()), text);
        }
        assert_eq!(duration_text(0), "0s");
        assert_eq!(duration_text(-90_000), "-1m30s");
    }

    #[test]
    fn lengths_are_bounded_and_may_depend_on_the_query() {
        let twice = Length::Binary(BinaryOp::Multiply, Box::new(Length::Step), Box::new(Length::Fixed(2.0)));
        assert_eq!(twice.millis(QUERY), Ok(60_000));
        assert_eq!(twice.text(true), "(step() * 2s)");
        assert_eq!(Length::Fixed(0.29).millis(QUERY), Ok(290));
        for seconds in [1e40, f64::NAN, f64::INFINITY, -1e300] {
            assert!(Length::Fixed(seconds).millis(QUERY).is_err());
        }
        assert!(Length::Fixed(0.0).positive_millis(QUERY).is_err());
        let by_zero = Length::Binary(BinaryOp::Divide, Box::new(Length::Range), Box::new(Length::Fixed(0.0)));
        assert_eq!(by_zero.millis(QUERY), Err(String::from("division by zero")));
    }
}
