//! Numbers the buckets of every histogram: log-linear, 32 sub-buckets an octave, unit 2^-30 of the base unit.
//!
//! One numbering serves call durations, timers and value histograms, so that any two of them merge by adding counts.
//! A value is first expressed in units of 2^-30 (a "binary nanosecond" for seconds). Below 64 units every unit has a
//! bucket of its own; above, an octave is cut into 32 equal parts. The middle of a bucket is therefore at most
//! 1/64 = 1.57 % away from any value in it, and every octave edge is an exact power of two of the base unit, which
//! exponential histograms of other systems share.
//!
//! The scheme is that of HDR histograms (Gil Tene) with a power-of-two unit.

/// Bits of a float's mantissa.
const MANTISSA_BITS: u32 = 52;

/// Sub-buckets an octave, as a power of two.
const SUB_BITS: u32 = 5;

/// Units in one of the base unit (a second, a byte, a row), as a power of two.
pub(crate) const UNIT_BITS: u32 = 30;

/// Units in one of the base unit.
pub(crate) const UNITS: f64 = (1_u64 << UNIT_BITS) as f64;

/// Buckets of a call site: up to 2^48 units, that is 73 hours; longer calls count in the last one.
pub(crate) const CALL_BUCKETS: usize = if cfg!(loom) { 3 } else { 44 << SUB_BITS };

/// Buckets of a histogram or timer: up to 2^84 units, 1.8e16 of the base unit; larger values count in the last one.
pub(crate) const VALUE_BUCKETS: usize = 80 << SUB_BITS;

/// The number of the bucket that holds `units`.
///
/// No branch, four instructions.
#[inline(always)]
#[must_use]
pub(crate) const fn of_units(units: u64) -> usize {
    let exponent = (units | (1 << SUB_BITS)).ilog2();
    let shift = exponent - SUB_BITS;
    ((shift as usize) << SUB_BITS) + (units >> shift) as usize
}

/// The number of the bucket that holds `value`, which must be finite and not negative.
///
/// Read off the bits of the float once the value is large enough to have all its sub-buckets.
#[inline]
#[must_use]
pub(crate) fn of_value(value: f64) -> usize {
    let units = value * UNITS;
    if units < 9e15 {
        return of_units((units + 0.5) as u64);
    }
    let bits = units.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as usize - 1023;
    let sub = (bits >> (MANTISSA_BITS - SUB_BITS)) as usize & ((1 << SUB_BITS) - 1);
    ((exponent - SUB_BITS as usize) << SUB_BITS) + (1 << SUB_BITS) + sub
}

/// The smallest value of bucket `number`, in units.
#[must_use]
pub(crate) fn lower_units(number: u16) -> f64 {
    let number = u32::from(number);
    if number < 2 << SUB_BITS {
        return f64::from(number);
    }
    let shift = (number >> SUB_BITS) - 1;
    f64::from(number - (shift << SUB_BITS)) * f64::from(shift).exp2()
}

/// The middle of bucket `number`, in units: what a value in it is reported as.
#[must_use]
pub(crate) fn middle_units(number: u16) -> f64 {
    f64::midpoint(lower_units(number), last_units(number))
}

/// The largest whole number of units in bucket `number`.
#[must_use]
pub(crate) fn last_units(number: u16) -> f64 {
    lower_units(number.saturating_add(1)) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_close_to_its_middle() {
        let mut units = 1_u64;
        while units < 1 << 60 {
            for probe in [units - 1, units, units + 1, units + units / 3] {
                let number = of_units(probe) as u16;
                let value = probe as f64;
                assert!(lower_units(number) <= value && value < lower_units(number + 1), "{probe} in {number}");
                let error = (middle_units(number) - value).abs() / value.max(1.0);
                assert!(error <= 1.0 / 64.0, "{probe}: {error}");
            }
            units += units / 97 + 1;
        }
    }

    #[test]
    fn floats_and_integers_share_the_numbering() {
        for exponent in 0..62 {
            for step in 0..64_u64 {
                let units = (1_u64 << exponent) + (step << exponent) / 64;
                assert_eq!(of_value(units as f64 / UNITS), of_units(units), "{units}");
            }
        }
    }

    #[test]
    fn octave_edges_are_powers_of_two_of_the_base_unit() {
        let one_second = of_units(1 << UNIT_BITS) as u16;
        assert!((lower_units(one_second) / UNITS - 1.0).abs() < f64::EPSILON);
        assert_eq!(of_units((1 << UNIT_BITS) - 1) as u16, one_second - 1);
    }
}
