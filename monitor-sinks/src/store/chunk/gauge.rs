//! A chunk of a gauge.
//!
//! ```text
//! gauge        presence | column of values
//! ```

use super::{GAUGE, Reason, Scratch, column, content, end, presence, start};

/// A value, and the place of its flush in the segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: u32,
    pub(crate) value: f64,
}

/// What can be said of a chunk without reading it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) entries: usize,
    pub(crate) last: f64,
    /// The smallest and the largest of the values that are numbers; NaN when none is.
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// NaN when one of them is.
    pub(crate) sum: f64,
}

/// Writes `entries`, in the order of their flushes and at least one, in place of the contents of `out`.
pub(crate) fn encode(entries: &[Entry], flushes: usize, out: &mut Vec<u8>) -> Result<Summary, Reason> {
    start(out, GAUGE);
    let at: Vec<u32> = entries.iter().map(|entry| entry.at).collect();
    presence::put(out, &at, flushes)?;
    let values: Vec<f64> = entries.iter().map(|entry| entry.value).collect();
    column::put_floats(out, &values);
    Ok(Summary {
        entries: values.len(),
        last: values[values.len() - 1],
        min: values.iter().copied().fold(f64::NAN, f64::min),
        max: values.iter().copied().fold(f64::NAN, f64::max),
        sum: values.iter().sum(),
    })
}

/// Reads the entries of `blob`, a chunk of a segment with `flushes` flushes, in place of the contents of `out`.
pub(crate) fn decode(blob: &[u8], flushes: usize, scratch: &mut Scratch, out: &mut Vec<Entry>) -> Result<(), Reason> {
    out.clear();
    let mut found = std::mem::take(&mut scratch.floats[0]);
    let read = values(blob, flushes, scratch, &mut found);
    out.extend(scratch.at.iter().zip(&found).map(|(&at, &value)| Entry { at, value }));
    scratch.floats[0] = found;
    if read.is_err() {
        out.clear();
    }
    read
}

/// Reads the values of `blob` alone, in place of the contents of `out`. [`Scratch::places`] tells their flushes.
pub(crate) fn values(blob: &[u8], flushes: usize, scratch: &mut Scratch, out: &mut Vec<f64>) -> Result<(), Reason> {
    let mut rest = content(blob, GAUGE)?;
    let Scratch { at, integers: [whole, ..], packed, .. } = scratch;
    presence::take(&mut rest, flushes, at)?;
    column::take_floats(&mut rest, at.len(), out, whole, packed)?;
    end(rest)
}
