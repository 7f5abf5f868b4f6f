//! One column of numbers, in whichever of a few forms is shortest. Every number comes back bit by bit.
//!
//! ```text
//! column       form u8 | content
//! form 0       constant: head
//! form 1       line, whole numbers only: head, step zigzag varint
//! form 2       runs: head, then steps varint; a step of 0 is followed by the varint of how many more 0s follow it
//! form 3       packed: see `packed`
//! form 4       raw: 8 bytes each, lowest first
//! form 5       scaled, floats only: exponent i8, then a column of whole numbers; each is to be multiplied by 2^exponent
//! ```
//!
//! The head of whole numbers is the zigzag varint of the first, a step the zigzag varint of a difference, wrapping. The
//! head of floats is the varint of the first one's bits in reverse order, a step that of the bits that differ from the
//! one before, also in reverse order: floats with short fractions have their bits at the top. An empty column is its
//! form byte, 0.
//!
//! How many numbers there are is not in a column: whoever reads it knows, and so bounds what is allocated. A column ends
//! by itself, so that columns stand next to each other without lengths.

use super::{
    Reason,
    packed::{self, Trend},
    take_byte,
};
use crate::util::varint;

const CONSTANT: u8 = 0;
const LINE: u8 = 1;
const RUNS: u8 = 2;
const PACKED: u8 = 3;
const RAW: u8 = 4;
const SCALED: u8 = 5;

const CUT_SHORT: Reason = "a column is cut short";
const UNKNOWN: Reason = "a column is of an unknown form";

/// No packed column of different numbers is shorter than this; trying would be a waste.
const LEAST_PACKED: usize = 16;

/// Within this every whole number is a float.
const WHOLE: u64 = 1 << 53;

/// Bits of a float's mantissa.
const MANTISSA_BITS: u32 = 52;

/// Scales are tried between these, far from where a power of two is not exact.
const SCALES: std::ops::RangeInclusive<i32> = -64..=64;

/// Appends a column of whole numbers. Unsigned ones are passed by their bits.
pub(super) fn put_integers(out: &mut Vec<u8>, values: &[i64]) {
    put_whole(out, values, &[Trend::Close, Trend::Loose]);
}

/// Appends a column of totals: each is close to the one before, which need not be found out.
pub(super) fn put_totals(out: &mut Vec<u8>, values: &[i64]) {
    put_whole(out, values, &[Trend::Close]);
}

/// Appends a column of small whole numbers that do not follow from each other. Faster than [`put_integers`].
pub(super) fn put_loose(out: &mut Vec<u8>, values: &[i64]) {
    put_whole(out, values, &[Trend::Small]);
}

fn put_whole(out: &mut Vec<u8>, values: &[i64], trends: &[Trend]) {
    let (Some(&first), second) = (values.first(), values.get(1)) else { return out.push(CONSTANT) };
    let step = second.map_or(0, |second| second.wrapping_sub(first));
    if steps(values).all(|found| found == varint::zigzag(step)) {
        out.push(if step == 0 { CONSTANT } else { LINE });
        varint::put(out, varint::zigzag(first));
        if step != 0 {
            varint::put(out, varint::zigzag(step));
        }
        return;
    }
    let mut best = runs(varint::zigzag(first), steps(values));
    if best.len() > LEAST_PACKED {
        for &trend in trends {
            keep_shorter(&mut best, packed::encode(PACKED, values, trend));
        }
    }
    keep_shorter(&mut best, Some(raw(values.iter().map(|value| value.to_le_bytes()))));
    out.append(&mut best);
}

/// Takes a column of `count` whole numbers off the front of `bytes`, in place of the contents of `out`.
pub(super) fn take_integers(
    bytes: &mut &[u8],
    count: usize,
    out: &mut Vec<i64>,
    scratch: &mut packed::Scratch,
) -> Result<(), Reason> {
    out.clear();
    let form = take_byte(bytes).ok_or(CUT_SHORT)?;
    match form {
        _ if count == 0 => return if form == CONSTANT { Ok(()) } else { Err(UNKNOWN) },
        CONSTANT | LINE => {
            let mut value = take_zigzag(bytes)?;
            let step = if form == LINE { take_zigzag(bytes)? } else { 0 };
            for _ in 0..count {
                out.push(value);
                value = value.wrapping_add(step);
            }
        }
        RUNS => {
            let mut value = take_zigzag(bytes)?;
            take_runs(bytes, count, |step, more| {
                value = value.wrapping_add(varint::unzigzag(step));
                out.extend(std::iter::repeat_n(value, more));
            })?;
        }
        PACKED => {
            out.resize(count, 0);
            packed::take(bytes, out, scratch)?;
        }
        RAW => out.extend(take_raw(bytes, count)?.map(i64::from_le_bytes)),
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

/// Appends a column of floats.
pub(super) fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    put_fractional(out, values, &[Trend::Close, Trend::Loose]);
}

/// Appends a column of floats that were added up, each close to the one before. Faster than [`put_floats`].
pub(super) fn put_sums(out: &mut Vec<u8>, values: &[f64]) {
    put_fractional(out, values, &[Trend::Sum]);
}

fn put_fractional(out: &mut Vec<u8>, values: &[f64], trends: &[Trend]) {
    let Some(&first) = values.first() else { return out.push(CONSTANT) };
    let head = first.to_bits().reverse_bits();
    let mut best = runs(head, differing(values));
    if differing(values).all(|step| step == 0) {
        best = vec![CONSTANT];
        varint::put(&mut best, head);
    } else if best.len() > LEAST_PACKED {
        if let Some((exponent, whole)) = scaled(values) {
            let mut candidate = vec![SCALED, exponent.cast_unsigned()];
            put_integers(&mut candidate, &whole);
            keep_shorter(&mut best, Some(candidate));
        }
        for &trend in trends {
            keep_shorter(&mut best, packed::encode(PACKED, values, trend));
        }
    }
    keep_shorter(&mut best, Some(raw(values.iter().map(|value| value.to_le_bytes()))));
    out.append(&mut best);
}

/// Takes a column of `count` floats off the front of `bytes`, in place of the contents of `out`.
pub(super) fn take_floats(
    bytes: &mut &[u8],
    count: usize,
    out: &mut Vec<f64>,
    whole: &mut Vec<i64>,
    scratch: &mut packed::Scratch,
) -> Result<(), Reason> {
    out.clear();
    let form = take_byte(bytes).ok_or(CUT_SHORT)?;
    match form {
        _ if count == 0 => return if form == CONSTANT { Ok(()) } else { Err(UNKNOWN) },
        CONSTANT => out.resize(count, take_head(bytes)?),
        RUNS => {
            let mut bits = take_head(bytes)?.to_bits();
            take_runs(bytes, count, |step, more| {
                bits ^= step.reverse_bits();
                out.extend(std::iter::repeat_n(f64::from_bits(bits), more));
            })?;
        }
        PACKED => {
            out.resize(count, 0.0);
            packed::take(bytes, out, scratch)?;
        }
        RAW => out.extend(take_raw(bytes, count)?.map(f64::from_le_bytes)),
        SCALED => {
            let exponent = i32::from(take_byte(bytes).ok_or(CUT_SHORT)?.cast_signed());
            if !SCALES.contains(&exponent) {
                return Err(UNKNOWN);
            }
            take_integers(bytes, count, whole, scratch)?;
            let scale = power_of_two(exponent);
            out.extend(whole.iter().map(|&whole| whole as f64 * scale));
        }
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

/// The differences of whole numbers.
fn steps(values: &[i64]) -> impl Iterator<Item = u64> {
    values.windows(2).map(|pair| varint::zigzag(pair[1].wrapping_sub(pair[0])))
}

/// The bits in which floats differ, in reverse order.
fn differing(values: &[f64]) -> impl Iterator<Item = u64> {
    values.windows(2).map(|pair| (pair[0].to_bits() ^ pair[1].to_bits()).reverse_bits())
}

/// The exponent and the numerators of `values`, if all are whole multiples of one power of two, few enough of it.
fn scaled(values: &[f64]) -> Option<(i8, Vec<i64>)> {
    // Zero fits every scale; the others must not be finer than their last bit that is set.
    let finest = values.iter().filter(|value| **value != 0.0).map(|value| last_bit(*value)).min().unwrap_or(0);
    // Multiples of a power of two are left to the packed form, which finds any common factor.
    let exponent = finest.min(0);
    if !SCALES.contains(&exponent) {
        return None;
    }
    let scale = power_of_two(-exponent);
    let numerator = |value: &f64| {
        let scaled = value * scale;
        let whole = scaled as i64;
        // The comparison of bits keeps negative zero and what is not finite out.
        (whole.unsigned_abs() <= WHOLE && (whole as f64).to_bits() == scaled.to_bits()).then_some(whole)
    };
    Some((i8::try_from(exponent).ok()?, values.iter().map(numerator).collect::<Option<_>>()?))
}

/// The power of two that the lowest set bit of `value` stands for; very large if it is not finite.
fn last_bit(value: f64) -> i32 {
    let bits = value.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as i32 & 0x7ff;
    let mantissa = bits & ((1 << MANTISSA_BITS) - 1);
    match exponent {
        0x7ff => i32::MAX,
        0 => mantissa.trailing_zeros().cast_signed() - 1074,
        _ => exponent - 1075 + (mantissa | 1 << MANTISSA_BITS).trailing_zeros().cast_signed(),
    }
}

/// 2 to the power of `exponent`, one of [`SCALES`]. By its bits, because `exp2` may differ between machines.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << MANTISSA_BITS)
}

fn runs(head: u64, mut steps: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut out = vec![RUNS];
    varint::put(&mut out, head);
    let mut next = steps.next();
    while let Some(step) = next {
        varint::put(&mut out, step);
        next = steps.next();
        if step == 0 {
            let mut more = 0;
            while next == Some(0) {
                (more, next) = (more + 1, steps.next());
            }
            varint::put(&mut out, more);
        }
    }
    out
}

/// Tells `put` the first of `count` numbers as a step of 0, then each step with how many numbers it leads to.
fn take_runs(bytes: &mut &[u8], count: usize, mut put: impl FnMut(u64, usize)) -> Result<(), Reason> {
    put(0, 1);
    let mut left = count - 1;
    while left > 0 {
        let step = varint::take(bytes).ok_or(CUT_SHORT)?;
        let more = if step == 0 { varint::take(bytes).ok_or(CUT_SHORT)? } else { 0 };
        if more >= left as u64 {
            return Err("a column is longer than it should be");
        }
        put(step, more as usize + 1);
        left -= more as usize + 1;
    }
    Ok(())
}

fn raw(values: impl Iterator<Item = [u8; 8]>) -> Vec<u8> {
    std::iter::once(RAW).chain(values.flatten()).collect()
}

fn take_raw<'a>(bytes: &mut &'a [u8], count: usize) -> Result<impl Iterator<Item = [u8; 8]> + use<'a>, Reason> {
    let (values, rest) = bytes.split_at_checked(8 * count).ok_or(CUT_SHORT)?;
    *bytes = rest;
    Ok(values.as_chunks().0.iter().copied())
}

fn take_zigzag(bytes: &mut &[u8]) -> Result<i64, Reason> {
    varint::take(bytes).map(varint::unzigzag).ok_or(CUT_SHORT)
}

fn take_head(bytes: &mut &[u8]) -> Result<f64, Reason> {
    varint::take(bytes).map(|head| f64::from_bits(head.reverse_bits())).ok_or(CUT_SHORT)
}

fn keep_shorter(best: &mut Vec<u8>, candidate: Option<Vec<u8>>) {
    if let Some(candidate) = candidate.filter(|candidate| candidate.len() < best.len()) {
        *best = candidate;
    }
}
