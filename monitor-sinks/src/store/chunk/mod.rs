//! The codecs of sealed chunks: what many rows hold of one series, as one blob.
//!
//! A *segment* is a span of flushes of one recording. Its flush times are stored once; each of its series becomes one
//! chunk, which says in which of those flushes the series has an entry, and with what value. Columns of like numbers
//! stand next to each other and are packed far tighter than row after row can be.
//!
//! ```text
//! blob         version u8 (1) | kind u8 | content
//! kind 1       times, see `times`
//! kind 2       counter, see `counter`
//! kind 3       gauge, see `gauge`
//! kind 4       values, that is distributions, see `values`
//! kind 5       merged: one distribution, see `merged`
//! ```
//!
//! - `column`: one column of numbers; `packed`: its densest form, and the only place that knows pco.
//! - `presence`: which of the flushes have an entry.
//!
//! What goes in comes out bit by bit. Entries name a flush by its place in the segment. Decoding never panics, whatever
//! the bytes are, and what it allocates is bounded by the number of flushes that the caller expects (and for
//! distributions by [`MOST_CELLS`]), never by what the bytes claim. The formats are for ever: a change gets a new version
//! byte.

mod column;
pub(crate) mod counter;
pub(crate) mod gauge;
pub(crate) mod merged;
pub(crate) mod moment;
mod packed;
mod presence;
pub(crate) mod times;
pub(crate) mod values;

#[cfg(test)]
mod tests;

/// Why bytes are refused, or why values cannot be stored.
pub(crate) type Reason = &'static str;

/// The most flushes of a segment.
pub(crate) const MOST_FLUSHES: usize = 65_536;

/// The most counts of buckets in one chunk of distributions.
pub(crate) const MOST_CELLS: usize = 1 << 22;

const VERSION: u8 = 1;
const TIMES: u8 = 1;
const COUNTER: u8 = 2;
const GAUGE: u8 = 3;
const VALUES: u8 = 4;
const MERGED: u8 = 5;

/// Working memory of decoding, to be used again for the next chunk.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    at: Vec<u32>,
    integers: [Vec<i64>; 3],
    floats: [Vec<f64>; 3],
    packed: packed::Scratch,
}

impl Scratch {
    /// The places, among the flushes of the segment, of the entries that were read last.
    pub(crate) fn places(&self) -> &[u32] {
        &self.at
    }
}

/// The kinds of chunks of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Values,
}

/// Which kind of chunk `blob` is.
pub(crate) fn kind_of(blob: &[u8]) -> Result<Kind, Reason> {
    match blob {
        [VERSION, COUNTER, ..] => Ok(Kind::Counter),
        [VERSION, GAUGE, ..] => Ok(Kind::Gauge),
        [VERSION, VALUES, ..] => Ok(Kind::Values),
        [VERSION, _, ..] => Err("it is of an unknown kind"),
        [_, _, ..] => Err("it is of an unknown format version"),
        _ => Err("its header is cut short"),
    }
}

/// The place of the last flush in which a series has an entry, in a blob of any kind of series.
pub(crate) fn last_flush(blob: &[u8], flushes: usize, scratch: &mut Scratch) -> Result<Option<usize>, Reason> {
    kind_of(blob)?;
    presence::take(&mut &blob[2..], flushes, &mut scratch.at)?;
    Ok(scratch.at.last().map(|at| *at as usize))
}

/// What follows the header of a blob of `kind`.
fn content(blob: &[u8], kind: u8) -> Result<&[u8], Reason> {
    match blob {
        [VERSION, found, rest @ ..] if *found == kind => Ok(rest),
        [VERSION, _, ..] => Err("it is of another kind"),
        [_, _, ..] => Err("it is of an unknown format version"),
        _ => Err("its header is cut short"),
    }
}

/// Starts a blob of `kind` in `out`, whose contents are dropped.
fn start(out: &mut Vec<u8>, kind: u8) {
    out.clear();
    out.extend([VERSION, kind]);
}

/// Fails unless all bytes were used.
fn end(rest: &[u8]) -> Result<(), Reason> {
    if rest.is_empty() { Ok(()) } else { Err("it is longer than its values") }
}

/// Takes one byte off the front.
fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}

/// Takes the eight bytes of a float off the front.
fn take_float(bytes: &mut &[u8]) -> Option<f64> {
    let (&first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f64::from_le_bytes(first))
}
