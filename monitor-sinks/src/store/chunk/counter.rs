//! A chunk of a counter.
//!
//! ```text
//! counter      presence | flags u8 | how many entries are whole varint (flags 1 and 2 only) | whole | fractional
//! flag 1       it has whole entries; flag 2: it has fractional ones
//! flag 4       whole increases are not all the differences of the totals
//! flag 8       fractional increases are the differences of the totals
//! whole        first increase varint | column of totals | column of misses (flag 4 only)
//! fractional   flag 8: first increase f64 | column of totals
//!              else: first total f64 | column of increases | column of corrections
//! ```
//!
//! A chunk stands by itself: its first entry keeps its increase. From there on a whole increase is the difference of two
//! totals, unless a row between them was lost; what it misses is then kept, nearly all of it zeros. A counter is whole
//! until something fractional is added to it, and not again in the same recording, so the whole entries come first.
//!
//! Fractional totals are the sum of all increases, rounded at each step. So the increases are kept, and of the totals
//! only by how many representable floats each is off the sum of the one before and the increase: mostly none. It takes
//! less than both columns. Where the increases are the differences, bit by bit, as sealing makes them, the totals alone
//! are kept.

use monitor_core::Number;

use super::{COUNTER, Reason, Scratch, column, content, end, presence, start, take_byte, take_float};
use crate::util::varint;

const WHOLE: u8 = 1;
const FRACTIONAL: u8 = 2;
const MISSES: u8 = 4;
const DIFFERENCES: u8 = 8;

const CUT_SHORT: Reason = "its header is cut short";

/// A total, the increase since the entry before, and the place of their flush in the segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: u32,
    pub(crate) total: Number,
    pub(crate) increase: Number,
}

/// What can be said of a chunk without reading it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) entries: usize,
    pub(crate) last: Number,
    /// The sum of all increases, that of the first entry included.
    pub(crate) increase: Number,
}

/// Writes `entries`, in the order of their flushes and at least one, in place of the contents of `out`.
///
/// Whole entries come back whole if none before them is fractional; an entry is fractional if either number is.
pub(crate) fn encode(entries: &[Entry], flushes: usize, out: &mut Vec<u8>) -> Result<Summary, Reason> {
    start(out, COUNTER);
    let at: Vec<u32> = entries.iter().map(|entry| entry.at).collect();
    presence::put(out, &at, flushes)?;
    let integers = |entry: &Entry| match (entry.total, entry.increase) {
        (Number::Int(total), Number::Int(increase)) => Some((total, increase)),
        _ => None,
    };
    let whole: Vec<(u64, u64)> = entries.iter().map_while(integers).collect();
    let fractional: Vec<(f64, f64)> =
        entries[whole.len()..].iter().map(|entry| (entry.total.as_f64(), entry.increase.as_f64())).collect();
    let flags = out.len();
    out.push(0);
    if !whole.is_empty() && !fractional.is_empty() {
        varint::put(out, whole.len() as u64);
    }
    if !whole.is_empty() {
        out[flags] |= WHOLE | put_whole(out, &whole);
    }
    if !fractional.is_empty() {
        out[flags] |= FRACTIONAL | put_fractional(out, &fractional);
    }
    Ok(Summary {
        entries: entries.len(),
        last: entries[entries.len() - 1].total,
        increase: entries.iter().fold(Number::ZERO, |sum, entry| sum + entry.increase),
    })
}

/// Reads the entries of `blob`, a chunk of a segment with `flushes` flushes, in place of the contents of `out`.
pub(crate) fn decode(blob: &[u8], flushes: usize, scratch: &mut Scratch, out: &mut Vec<Entry>) -> Result<(), Reason> {
    out.clear();
    let mut rest = content(blob, COUNTER)?;
    let mut at = std::mem::take(&mut scratch.at);
    let result = presence::take(&mut rest, flushes, &mut at).and_then(|()| take(&mut rest, &at, scratch, out));
    scratch.at = at;
    result?;
    end(rest)
}

/// Reads the totals of `blob` alone, in place of the contents of `out`, and returns the first increase. From there on the
/// increases are the differences. [`Scratch::places`] tells the flushes of the totals.
///
/// `None` for chunks of which more would have to be told: where increases differ, where something is fractional, or where
/// a number is larger than the whole ones that floats can be.
pub(crate) fn totals(
    blob: &[u8],
    flushes: usize,
    scratch: &mut Scratch,
    out: &mut Vec<f64>,
) -> Result<Option<f64>, Reason> {
    const MOST: i64 = 1 << 53;
    out.clear();
    let mut rest = content(blob, COUNTER)?;
    let Scratch { at, integers: [totals, ..], packed, .. } = scratch;
    presence::take(&mut rest, flushes, at)?;
    if take_byte(&mut rest).ok_or(CUT_SHORT)? != WHOLE {
        return Ok(None);
    }
    let first = varint::take(&mut rest).ok_or(CUT_SHORT)?;
    column::take_integers(&mut rest, at.len(), totals, packed)?;
    end(rest)?;
    let is_simple = totals.is_sorted() && totals[0] >= 0 && totals.last().is_some_and(|last| *last <= MOST);
    if !is_simple || first > MOST.unsigned_abs() {
        return Ok(None);
    }
    out.extend(totals.iter().map(|&total| total as f64));
    Ok(Some(first as f64))
}

fn take(bytes: &mut &[u8], at: &[u32], scratch: &mut Scratch, out: &mut Vec<Entry>) -> Result<(), Reason> {
    let flags = take_byte(bytes).ok_or(CUT_SHORT)?;
    let whole = match flags & (WHOLE | FRACTIONAL) {
        WHOLE => at.len(),
        FRACTIONAL => 0,
        0 => return Err("it has no entries"),
        _ => {
            let whole = varint::take(bytes).ok_or(CUT_SHORT)?;
            usize::try_from(whole).ok().filter(|whole| *whole < at.len()).ok_or("its whole entries are too many")?
        }
    };
    let (whole, fractional) = at.split_at(whole);
    if !whole.is_empty() {
        take_whole(bytes, whole, flags & MISSES != 0, scratch, out)?;
    }
    if !fractional.is_empty() {
        take_fractional(bytes, fractional, flags & DIFFERENCES != 0, scratch, out)?;
    }
    Ok(())
}

/// Appends whole entries, of which there is at least one. Returns their flags.
fn put_whole(out: &mut Vec<u8>, entries: &[(u64, u64)]) -> u8 {
    varint::put(out, entries[0].1);
    let totals: Vec<i64> = entries.iter().map(|entry| entry.0.cast_signed()).collect();
    column::put_totals(out, &totals);
    let gap = |pair: &[(u64, u64)]| pair[1].0.wrapping_sub(pair[0].0).wrapping_sub(pair[1].1).cast_signed();
    let misses: Vec<i64> = entries.windows(2).map(gap).collect();
    if misses.iter().all(|missed| *missed == 0) {
        return 0;
    }
    column::put_integers(out, &misses);
    MISSES
}

fn take_whole(
    bytes: &mut &[u8],
    at: &[u32],
    has_misses: bool,
    scratch: &mut Scratch,
    out: &mut Vec<Entry>,
) -> Result<(), Reason> {
    let first = varint::take(bytes).ok_or(CUT_SHORT)?;
    let [totals, misses, _] = &mut scratch.integers;
    column::take_integers(bytes, at.len(), totals, &mut scratch.packed)?;
    if has_misses {
        column::take_integers(bytes, at.len() - 1, misses, &mut scratch.packed)?;
    } else {
        misses.clear();
        misses.resize(at.len() - 1, 0);
    }
    // The first increase is what it is: a total before the first entry that makes it come out.
    let mut before = totals[0].wrapping_sub(first.cast_signed());
    let misses = std::iter::once(0).chain(misses.iter().copied());
    out.extend(at.iter().zip(&*totals).zip(misses).map(|((&at, &total), missed)| {
        let increase = total.wrapping_sub(std::mem::replace(&mut before, total)).wrapping_sub(missed);
        let (total, increase) = (total.cast_unsigned(), increase.cast_unsigned());
        Entry { at, total: Number::Int(total), increase: Number::Int(increase) }
    }));
    Ok(())
}

/// Appends fractional entries, of which there is at least one. Returns their flags.
fn put_fractional(out: &mut Vec<u8>, entries: &[(f64, f64)]) -> u8 {
    let (totals, increases): (Vec<f64>, Vec<f64>) = entries.iter().copied().unzip();
    let is_difference = |pair: &[(f64, f64)]| canonical(pair[1].0 - pair[0].0).to_bits() == pair[1].1.to_bits();
    if entries.windows(2).all(is_difference) {
        out.extend(increases[0].to_le_bytes());
        column::put_sums(out, &totals);
        return DIFFERENCES;
    }
    let corrections: Vec<i64> =
        entries.windows(2).map(|pair| order(pair[1].0).wrapping_sub(order(canonical(pair[0].0 + pair[1].1)))).collect();
    out.extend(totals[0].to_le_bytes());
    column::put_floats(out, &increases);
    column::put_integers(out, &corrections);
    0
}

fn take_fractional(
    bytes: &mut &[u8],
    at: &[u32],
    differences: bool,
    scratch: &mut Scratch,
    out: &mut Vec<Entry>,
) -> Result<(), Reason> {
    let first = take_float(bytes).ok_or(CUT_SHORT)?;
    let Scratch { floats: [floats, ..], integers: [whole, corrections, _], packed, .. } = scratch;
    column::take_floats(bytes, at.len(), floats, whole, packed)?;
    let entry = |at, total, increase| Entry { at, total: Number::Float(total), increase: Number::Float(increase) };
    if differences {
        out.push(entry(at[0], floats[0], first));
        let pairs = at[1..].iter().zip(floats.windows(2));
        out.extend(pairs.map(|(&at, pair)| entry(at, pair[1], canonical(pair[1] - pair[0]))));
        return Ok(());
    }
    column::take_integers(bytes, at.len() - 1, corrections, packed)?;
    out.push(entry(at[0], first, floats[0]));
    let mut total = first;
    for ((&at, &increase), &correction) in at[1..].iter().zip(&floats[1..]).zip(&*corrections) {
        total = from_order(order(canonical(total + increase)).wrapping_add(correction));
        out.push(entry(at, total, increase));
    }
    Ok(())
}

/// A float's place among all floats: neighbours are one apart, across zero too.
const fn order(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The inverse of [`order`].
const fn from_order(order: i64) -> f64 {
    let bits = if order < 0 { order ^ i64::MAX } else { order };
    f64::from_bits(bits.cast_unsigned())
}

/// `value`, with the one NaN that all machines agree on for any.
const fn canonical(value: f64) -> f64 {
    const NAN: u64 = 0x7ff8_0000_0000_0000;
    if value.is_nan() { f64::from_bits(NAN) } else { value }
}
