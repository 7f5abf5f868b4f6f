//! What can be counted and what can be recorded: the numbers of the language, and durations.

use std::time::Duration;

use crate::sample::Number;

/// A number that a counter can grow by.
///
/// Negative and non-finite numbers are accepted by the types but not by the counter: they are left out, and counted
/// in `monitored_rejected_total`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be counted",
    note = "a counter grows by an integer or a float; for durations use a timer, for other values a histogram"
)]
pub trait CountValue: Copy {
    /// The number; `None` when it is negative or not finite.
    fn to_count(self) -> Option<Number>;
}

/// A number that a gauge, a histogram or a timer can take.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded as a value",
    note = "record an integer, a float, or a `Duration` (which counts in seconds)"
)]
pub trait SampleValue: Copy {
    /// The value as a float in the metric's base unit; durations are in seconds.
    fn to_sample(self) -> f64;
}

// Not every integer converts by `From`, so these all cast.
/// A whole number to count by. One so large that a cell could wrap between two drains counts as a float.
#[inline(always)]
const fn counted(by: u64) -> Number {
    if by < 1 << 62 { Number::Int(by) } else { Number::Float(by as f64) }
}

macro_rules! unsigned {
    ($($type:ty)*) => {$(
        #[allow(clippy::cast_lossless)]
        impl CountValue for $type {
            #[inline(always)]
            fn to_count(self) -> Option<Number> {
                Some(counted(self as u64))
            }
        }
        #[allow(clippy::cast_lossless)]
        impl SampleValue for $type {
            #[inline(always)]
            fn to_sample(self) -> f64 {
                self as f64
            }
        }
    )*};
}

macro_rules! signed {
    ($($type:ty)*) => {$(
        impl CountValue for $type {
            #[inline(always)]
            fn to_count(self) -> Option<Number> {
                u64::try_from(self).ok().map(counted)
            }
        }
        #[allow(clippy::cast_lossless)]
        impl SampleValue for $type {
            #[inline(always)]
            fn to_sample(self) -> f64 {
                self as f64
            }
        }
    )*};
}

macro_rules! float {
    ($($type:ty)*) => {$(
        // A float is whole if and only if it is exactly its truncation.
        #[allow(clippy::float_cmp)]
        impl CountValue for $type {
            #[inline(always)]
            fn to_count(self) -> Option<Number> {
                let value = f64::from(self);
                // Exact for every whole number that a float can hold without gaps.
                let whole = value.trunc() == value && value < 9_007_199_254_740_992.0;
                match value {
                    _ if !value.is_finite() || value < 0.0 => None,
                    _ if whole => Some(Number::Int(value as u64)),
                    _ => Some(Number::Float(value)),
                }
            }
        }
        impl SampleValue for $type {
            #[inline(always)]
            fn to_sample(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}

unsigned!(u8 u16 u32 u64 usize);
signed!(i8 i16 i32 i64 isize);
float!(f32 f64);

impl SampleValue for Duration {
    #[inline(always)]
    fn to_sample(self) -> f64 {
        self.as_secs_f64()
    }
}

impl SampleValue for bool {
    #[inline(always)]
    fn to_sample(self) -> f64 {
        f64::from(u8::from(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp)]
    fn counts_are_whole_where_they_can_be() {
        assert_eq!(3_u8.to_count(), Some(Number::Int(3)));
        assert_eq!((u64::MAX >> 2).to_count(), Some(Number::Int(u64::MAX >> 2)));
        assert_eq!(u64::MAX.to_count(), Some(Number::Float(u64::MAX as f64)));
        assert_eq!(2.0_f64.to_count(), Some(Number::Int(2)));
        assert_eq!(0.5_f32.to_count(), Some(Number::Float(0.5)));
        assert_eq!(Duration::from_millis(250).to_sample(), 0.25);
    }

    #[test]
    fn what_a_counter_cannot_grow_by_is_refused() {
        assert_eq!((-1_i32).to_count(), None);
        assert_eq!((-0.5_f64).to_count(), None);
        assert_eq!(f64::NAN.to_count(), None);
        assert_eq!(f64::INFINITY.to_count(), None);
    }
}
