//! Which of a segment's flushes have an entry of a series.
//!
//! ```text
//! presence     form u8 | content
//! form 0       all of them
//! form 1       runs: varints, in turn how many flushes have no entry and how many have one, until all are told
//! form 2       bitmap: a bit a flush, the lowest bit of the first byte first, bits beyond the last flush 0
//! ```
//!
//! A series has an entry in every flush in which it changed, and in full rows whether it changed or not, so that all
//! three are common. The number of flushes is not in the bytes; the segment knows it.

use super::{MOST_FLUSHES, Reason, take_byte};
use crate::util::varint;

const ALL: u8 = 0;
const RUNS: u8 = 1;
const BITMAP: u8 = 2;

const EMPTY: Reason = "it has no entries";
const CUT_SHORT: Reason = "its presence is cut short";

/// Appends the places `at`, which must ascend and lie below `flushes`.
pub(super) fn put(out: &mut Vec<u8>, at: &[u32], flushes: usize) -> Result<(), Reason> {
    let in_order = at.windows(2).all(|pair| pair[0] < pair[1]);
    if flushes > MOST_FLUSHES || !in_order || at.last().is_some_and(|last| *last as usize >= flushes) {
        return Err("its entries are not in the order of the flushes");
    }
    if at.is_empty() {
        return Err(EMPTY);
    }
    if at.len() == flushes {
        out.push(ALL);
        return Ok(());
    }
    let mut runs = vec![RUNS];
    let mut next = 0;
    for run in at.chunk_by(|place, after| place + 1 == *after) {
        varint::put(&mut runs, u64::from(run[0] - next));
        varint::put(&mut runs, run.len() as u64);
        next = run[0] + run.len() as u32;
    }
    if (next as usize) < flushes {
        varint::put(&mut runs, flushes as u64 - u64::from(next));
    }
    if runs.len() <= 1 + flushes.div_ceil(8) {
        out.append(&mut runs);
        return Ok(());
    }
    out.push(BITMAP);
    let start = out.len();
    out.resize(start + flushes.div_ceil(8), 0);
    for &place in at {
        out[start + place as usize / 8] |= 1 << (place % 8);
    }
    Ok(())
}

/// Takes the presence in `flushes` flushes off the front of `bytes`, in place of the contents of `at`. At least one flush
/// has an entry.
pub(super) fn take(bytes: &mut &[u8], flushes: usize, at: &mut Vec<u32>) -> Result<(), Reason> {
    at.clear();
    if flushes > MOST_FLUSHES {
        return Err("its segment has too many flushes");
    }
    match take_byte(bytes).ok_or(CUT_SHORT)? {
        ALL => at.extend(0..flushes as u32),
        RUNS => {
            let (mut next, mut present) = (0, false);
            while next < flushes {
                let length = varint::take(bytes).ok_or(CUT_SHORT)?;
                // Only the first run may be empty: the series is then in the first flush.
                if length > (flushes - next) as u64 || (length == 0 && (next > 0 || present)) {
                    return Err("its presence is malformed");
                }
                let end = next + length as usize;
                if present {
                    at.extend(next as u32..end as u32);
                }
                (next, present) = (end, !present);
            }
        }
        BITMAP => {
            let (bitmap, rest) = bytes.split_at_checked(flushes.div_ceil(8)).ok_or(CUT_SHORT)?;
            *bytes = rest;
            for (number, &byte) in (0..).zip(bitmap) {
                let mut left = byte;
                while left != 0 {
                    at.push(8 * number + left.trailing_zeros());
                    left &= left - 1;
                }
            }
            if at.last().is_some_and(|last| *last as usize >= flushes) {
                return Err("its presence is malformed");
            }
        }
        _ => return Err("its presence is of an unknown form"),
    }
    if at.is_empty() { Err(EMPTY) } else { Ok(()) }
}
