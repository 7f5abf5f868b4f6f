//! A chunk of a histogram or timer: the distribution of each flush.
//!
//! ```text
//! values       presence | how many buckets varint | gap varint* | counts | moments, see `moment`
//! counts       column of how many buckets each entry uses | columns of gaps and of counts, entry after entry
//! ```
//!
//! The numbers of all buckets in use ascend; the first gap is the number itself. The gaps of an entry are between places
//! in that list, so that neighbours are one apart as long as nothing ever fell between them; the first is the place
//! itself. This is shorter than a table of every bucket in every entry, even packed, because most of that is zeros.

use std::ops::Range;

use super::{
    MOST_CELLS, Reason, Scratch, VALUES, column, content, end,
    merged::{self, BUCKETS, Moments},
    moment, packed, presence, start,
};
use crate::util::varint;

const TOO_MANY: Reason = "its distributions have too many buckets";
const CUT_SHORT: Reason = "its buckets are cut short";
const MALFORMED: Reason = "the buckets of a distribution are malformed";

/// Distributions, each with the place of its flush in the segment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Values {
    entries: Vec<Entry>,
    /// Of all entries, one after the other.
    buckets: Vec<(u16, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    at: u32,
    moments: Moments,
    /// Where its buckets end.
    end: usize,
}

impl Values {
    /// Drops all entries and keeps the room.
    fn clear(&mut self) {
        self.entries.clear();
        self.buckets.clear();
    }

    /// How many numbers there are to pack, about.
    pub(crate) const fn numbers(&self) -> usize {
        3 * self.entries.len() + 2 * self.buckets.len()
    }

    /// Appends an entry. Its buckets must ascend and have no count of 0.
    pub(crate) fn push(&mut self, at: u32, moments: Moments, buckets: &[(u16, u64)]) {
        self.buckets.extend_from_slice(buckets);
        self.entries.push(Entry { at, moments, end: self.buckets.len() });
    }

    /// The entries, with the places of their flushes and their buckets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Moments, &[(u16, u64)])> + Clone {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let buckets = &self.buckets[std::mem::replace(&mut start, entry.end)..entry.end];
            (entry.at, entry.moments, buckets)
        })
    }
}

/// What can be said of a chunk without reading it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) entries: usize,
    /// How many values were recorded in all.
    pub(crate) count: u64,
    pub(crate) moments: Moments,
}

/// Writes the entries of `values`, in the order of their flushes and at least one, in place of the contents of `out`, and
/// all of them merged in place of those of `merged`.
///
/// An error if they are not in order, if a distribution makes no sense, or if there are too many buckets for one chunk.
pub(crate) fn encode(
    values: &Values,
    flushes: usize,
    out: &mut Vec<u8>,
    merged: &mut Vec<u8>,
) -> Result<Summary, Reason> {
    start(out, VALUES);
    if values.buckets.len() > MOST_CELLS {
        return Err(TOO_MANY);
    }
    for (_, moments, buckets) in values.iter() {
        merged::check(moments, buckets)?;
        let in_order = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !in_order || buckets.iter().any(|bucket| bucket.0 >= BUCKETS || bucket.1 == 0) {
            return Err(MALFORMED);
        }
    }
    let at: Vec<u32> = values.entries.iter().map(|entry| entry.at).collect();
    presence::put(out, &at, flushes)?;
    let band = Band::of(&values.buckets);
    let totals = band.totals();
    varint::put(out, totals.len() as u64);
    let mut previous = 0;
    for &(number, _) in &totals {
        varint::put(out, u64::from(number - previous));
        previous = number;
    }
    put_counts(out, values, &band);
    moment::put(out, &values.iter().map(|(_, moments, buckets)| (moments, buckets)));
    let none = Moments { sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };
    let moments = values.entries.iter().fold(none, |all, Entry { moments, .. }| Moments {
        sum: all.sum + moments.sum,
        min: all.min.min(moments.min),
        max: all.max.max(moments.max),
    });
    merged::encode(moments, &totals, merged);
    let count = totals.iter().fold(0_u64, |count, bucket| count.saturating_add(bucket.1));
    Ok(Summary { entries: at.len(), count, moments })
}

/// Reads the entries of `blob`, a chunk of a segment with `flushes` flushes, in place of the contents of `out`.
pub(crate) fn decode(blob: &[u8], flushes: usize, scratch: &mut Scratch, out: &mut Values) -> Result<(), Reason> {
    decode_some(blob, flushes, 0..u32::MAX, scratch, out)
}

/// As [`decode`], but only the entries of flushes at these places. What makes no sense in others may go unnoticed.
pub(crate) fn decode_some(
    blob: &[u8],
    flushes: usize,
    wanted: Range<u32>,
    scratch: &mut Scratch,
    out: &mut Values,
) -> Result<(), Reason> {
    out.clear();
    let mut rest = content(blob, VALUES)?;
    let Scratch { at, integers, floats, packed } = scratch;
    presence::take(&mut rest, flushes, at)?;
    let entries = at.len();
    let numbers = take_numbers(&mut rest)?;
    let [lengths, gaps, counts] = &mut *integers;
    take_counts(&mut rest, entries, [lengths, gaps, counts], packed)?;
    let mut cells = (&gaps[..], &counts[..]);
    for (&at, &length) in at.iter().zip(&*lengths) {
        let (gaps, more_gaps) = cells.0.split_at(length as usize);
        let (counts, more_counts) = cells.1.split_at(length as usize);
        cells = (more_gaps, more_counts);
        if !wanted.contains(&at) {
            continue;
        }
        let start = out.buckets.len();
        let mut place = 0_usize;
        for (&gap, &count) in gaps.iter().zip(counts) {
            let is_sound = count != 0 && (gap > 0 || (gap == 0 && out.buckets.len() == start));
            place = place.saturating_add(gap as usize);
            let number = numbers.get(place).filter(|_| is_sound).ok_or(MALFORMED)?;
            out.buckets.push((*number, count.cast_unsigned()));
        }
        out.entries.push(Entry { at, moments: Moments::default(), end: out.buckets.len() });
    }
    let moments = moment::take(&mut rest, entries, floats, integers, packed)?;
    let mut start = 0;
    let first = at.partition_point(|&at| at < wanted.start);
    for (place, entry) in (first..).zip(&mut out.entries) {
        let buckets = &out.buckets[std::mem::replace(&mut start, entry.end)..entry.end];
        entry.moments = moments.at(place, buckets);
        merged::check(entry.moments, buckets)?;
    }
    end(rest)
}

/// The counts of all entries together: of every bucket between the lowest and the highest in use.
struct Band {
    first: u16,
    counts: Vec<u64>,
}

impl Band {
    fn of(buckets: &[(u16, u64)]) -> Self {
        let first = buckets.iter().map(|bucket| bucket.0).min().unwrap_or(0);
        let last = buckets.iter().map(|bucket| bucket.0).max().unwrap_or(0);
        let mut counts = vec![0_u64; usize::from(last - first) + 1];
        for &(number, count) in buckets {
            let sum = &mut counts[usize::from(number - first)];
            *sum = sum.saturating_add(count);
        }
        Self { first, counts }
    }

    /// The buckets in use.
    fn totals(&self) -> Vec<(u16, u64)> {
        (self.first..)
            .zip(&self.counts)
            .filter(|(_, count)| **count > 0)
            .map(|(number, count)| (number, *count))
            .collect()
    }

    /// The place of each bucket among those in use.
    fn places(&self) -> Vec<i64> {
        let place = |next: &mut i64, count: &u64| Some(std::mem::replace(next, *next + i64::from(*count > 0)));
        self.counts.iter().scan(0, place).collect()
    }
}

/// Appends the counts of `values`, whose buckets are those in `band`.
fn put_counts(out: &mut Vec<u8>, values: &Values, band: &Band) {
    let places = band.places();
    let cells = values.buckets.len();
    let (mut lengths, mut gaps, mut counts) =
        (Vec::with_capacity(values.entries.len()), Vec::with_capacity(cells), Vec::with_capacity(cells));
    for (_, _, buckets) in values.iter() {
        lengths.push((buckets.len() as u64).cast_signed());
        let mut previous = 0;
        for &(number, count) in buckets {
            let place = places[usize::from(number - band.first)];
            gaps.push(place - previous);
            counts.push(count.cast_signed());
            previous = place;
        }
    }
    for column in [lengths, gaps, counts] {
        column::put_loose(out, &column);
    }
}

fn take_numbers(bytes: &mut &[u8]) -> Result<Vec<u16>, Reason> {
    let count = varint::take(bytes).filter(|count| *count <= u64::from(BUCKETS)).ok_or(CUT_SHORT)?;
    let mut numbers = Vec::new();
    let mut number = 0;
    for place in 0..count {
        let gap = varint::take(bytes).filter(|gap| *gap > 0 || place == 0).ok_or(MALFORMED)?;
        number = gap.checked_add(number).filter(|number| *number < u64::from(BUCKETS)).ok_or(MALFORMED)?;
        numbers.push(number as u16);
    }
    Ok(numbers)
}

/// Reads the three columns of counts. Lengths are sound: none is negative, and together they are as many as there are
/// counts.
fn take_counts(
    bytes: &mut &[u8],
    entries: usize,
    [lengths, gaps, counts]: [&mut Vec<i64>; 3],
    packed: &mut packed::Scratch,
) -> Result<(), Reason> {
    column::take_integers(bytes, entries, lengths, packed)?;
    let mut cells = 0_usize;
    for &length in &*lengths {
        let length = usize::try_from(length).map_err(|_| MALFORMED)?;
        cells = cells.checked_add(length).filter(|cells| *cells <= MOST_CELLS).ok_or(TOO_MANY)?;
    }
    column::take_integers(bytes, cells, gaps, packed)?;
    column::take_integers(bytes, cells, counts, packed)
}
