//! Sums and extremes of the distributions of a chunk.
//!
//! ```text
//! moments      form u8 | column of sums | column of smallest | column of largest
//! form 0       as floats
//! form 1       in whole units of 2^-30, and only what the buckets do not tell: a sum less the lower edges of all that was
//!              counted, the smallest less the lower edge of the first bucket in use, the largest less that of the last
//! ```
//!
//! What a program's registry measures is whole multiples of 2^-30 s. The buckets tell the first digits of the extremes, and
//! roughly the sum; that is an eighth of the bytes of a typical distribution.

use std::sync::LazyLock;

use monitor_core::Distribution;

use super::{
    Reason, column,
    merged::{BUCKETS, Moments},
    packed, take_byte,
};

const FLOATS: u8 = 0;
const UNITS: u8 = 1;

const UNKNOWN: Reason = "the sums of distributions are of an unknown form";

/// Units in one of the base unit.
const UNIT: f64 = (1_u64 << 30) as f64;

/// Every whole number below is a float of its own.
const WHOLE: f64 = (1_u64 << 53) as f64;

/// The lower edge of each bucket in units; of those far up, a number that serves as well.
static EDGES: LazyLock<Vec<i64>> = LazyLock::new(|| {
    let one_of_each = Distribution::from_parts((0..BUCKETS).map(|number| (number, 1)).collect(), 0.0, None);
    one_of_each.edges().map(|(lower, _, _)| (lower * UNIT).min(WHOLE) as i64).collect()
});

/// What the buckets of a distribution tell of its sum and its extremes, in units. Calculation with it wraps around, both
/// ways, so that any numbers come back.
#[derive(Debug, Clone, Copy)]
struct Told {
    sum: i64,
    min: i64,
    max: i64,
}

impl Told {
    fn by(buckets: &[(u16, u64)]) -> Self {
        let edge = |number: u16| EDGES.get(usize::from(number)).copied().unwrap_or(0);
        let sum =
            |sum: i64, &(number, count): &(u16, u64)| sum.wrapping_add(edge(number).wrapping_mul(count.cast_signed()));
        let end = |bucket: Option<&(u16, u64)>| bucket.map_or(0, |bucket| edge(bucket.0));
        Self { sum: buckets.iter().fold(0, sum), min: end(buckets.first()), max: end(buckets.last()) }
    }
}

/// Appends the moments of distributions, each with its buckets.
pub(super) fn put<'a>(out: &mut Vec<u8>, values: &(impl Iterator<Item = (Moments, &'a [(u16, u64)])> + Clone)) {
    let rest = |(moments, buckets): (Moments, &[(u16, u64)])| {
        let told = Told::by(buckets);
        Some([
            units(moments.sum)?.wrapping_sub(told.sum),
            units(moments.min)?.wrapping_sub(told.min),
            units(moments.max)?.wrapping_sub(told.max),
        ])
    };
    if let Some(rest) = values.clone().map(rest).collect::<Option<Vec<_>>>() {
        out.push(UNITS);
        for place in 0..3 {
            column::put_integers(out, &rest.iter().map(|rest| rest[place]).collect::<Vec<_>>());
        }
    } else {
        out.push(FLOATS);
        for of in [|moments: Moments| moments.sum, |moments: Moments| moments.min, |moments: Moments| moments.max] {
            column::put_floats(out, &values.clone().map(|(moments, _)| of(moments)).collect::<Vec<_>>());
        }
    }
}

/// The moments of distributions, as their columns tell them.
#[derive(Debug)]
pub(super) enum Columns<'a> {
    Floats(&'a [Vec<f64>; 3]),
    Units(&'a [Vec<i64>; 3]),
}

impl Columns<'_> {
    /// Those of the distribution at `place`, which must be one of those that were taken, and has these buckets.
    pub(super) fn at(&self, place: usize, buckets: &[(u16, u64)]) -> Moments {
        match self {
            Self::Floats([sums, minima, maxima]) => {
                Moments { sum: sums[place], min: minima[place], max: maxima[place] }
            }
            Self::Units([sums, minima, maxima]) => {
                let told = Told::by(buckets);
                Moments {
                    sum: of_units(sums[place].wrapping_add(told.sum)),
                    min: of_units(minima[place].wrapping_add(told.min)),
                    max: of_units(maxima[place].wrapping_add(told.max)),
                }
            }
        }
    }
}

/// Takes the columns of `count` distributions off the front of `bytes`.
pub(super) fn take<'a>(
    bytes: &mut &[u8],
    count: usize,
    floats: &'a mut [Vec<f64>; 3],
    integers: &'a mut [Vec<i64>; 3],
    packed: &mut packed::Scratch,
) -> Result<Columns<'a>, Reason> {
    match take_byte(bytes).ok_or("the sums of distributions are cut short")? {
        FLOATS => {
            for column in &mut *floats {
                column::take_floats(bytes, count, column, &mut integers[0], packed)?;
            }
            Ok(Columns::Floats(floats))
        }
        UNITS => {
            for column in &mut *integers {
                column::take_integers(bytes, count, column, packed)?;
            }
            Ok(Columns::Units(integers))
        }
        _ => Err(UNKNOWN),
    }
}

/// How many units `value` is, if that is a whole number which gives the same float again.
pub(crate) fn units(value: f64) -> Option<i64> {
    let units = value * UNIT;
    let whole = units as i64;
    // The comparison of bits keeps negative zero, fractions and NaN out.
    (units.abs() < WHOLE && (whole as f64).to_bits() == units.to_bits()).then_some(whole)
}

/// The value of so many units.
pub(crate) fn of_units(units: i64) -> f64 {
    units as f64 / UNIT
}
