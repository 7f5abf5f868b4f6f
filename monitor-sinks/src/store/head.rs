//! The codec of a row: the series that changed in one flush, as bytes.
//!
//! ```text
//! row          version u8 (2) | flags u8 | run varint | group* | padding: zeros
//! group        gap of the first series number varint | length of its entries in bytes varint | entry*
//! entry        gap of the series number * 8 + form varint | value
//! form 0       counter, whole: total varint, increase varint
//! form 1       counter, fractional: total f64, increase f64
//! form 2       counter, whole and unchanged: total varint
//! form 3       gauge: f64
//! form 4       gauge, small and whole: zigzag varint
//! form 5       distribution: length in bytes varint | sum f64 | smallest f64 | largest f64 | bucket*
//! form 6       distribution of whole units of 2^-30: length in bytes varint | sum varint | smallest varint |
//!              largest less smallest varint | bucket*
//! bucket       gap of the bucket number varint | count varint
//! ```
//!
//! Floats are their eight bytes, lowest first, so that every value comes back bit by bit. Numbers of series and of
//! buckets ascend; the first gap is the number itself (in a group: less the group's first number), later ones are 1 or more.
//! Groups have up to 32 entries, so that a reader who wants a few series passes over the others. In version 1 the entries
//! followed the run without groups, each with its gap as a varint and its form as a byte; it is read and not written any
//! more. `run` names the recording that wrote
//! the row. Flag 1 marks a full row: every counter and gauge of the run is in it.
//!
//! A counter carries its total in the run beside the increase since its previous entry. A sum of increases answers for a
//! window without looking at what came before it, and a total repairs what a lost row took away.
//!
//! Decoding never panics and allocates nothing on its own, whatever the bytes are. The format is for ever: a change gets
//! a new version byte.

use monitor_core::{Distribution, Number, Value};

use super::{
    chunk::{
        merged::{self, Moments},
        moment,
    },
    entry::{Encoded, Entry},
};
use crate::util::varint;

const VERSION: u8 = 2;
/// The version without groups.
const UNGROUPED: u8 = 1;
const FLAG_FULL: u8 = 1;

const COUNTER_INT: u8 = 0;
const COUNTER_FLOAT: u8 = 1;
const COUNTER_SAME: u8 = 2;
const GAUGE_FLOAT: u8 = 3;
const GAUGE_INT: u8 = 4;
const DISTRIBUTION: u8 = 5;
const DISTRIBUTION_UNITS: u8 = 6;

/// The bits of an entry's first number that tell its form.
const FORM_BITS: u32 = 3;

/// Whole gauges within this bound take the short form. It is exact for them, and at most eight bytes long.
const SMALL: f64 = (1_u64 << 48) as f64;

/// Entries of a group.
const GROUP: usize = 32;

/// Writes one row.
#[derive(Debug)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    /// The entries of the group that is being written.
    group: Vec<u8>,
    in_group: usize,
    /// The first series number of that group, and of the one before.
    first: u64,
    first_before: u64,
    previous: u64,
    /// The number of the series whose value is being written.
    id: u64,
    entries: u32,
}

impl Encoder {
    /// Starts a row of recording `run` in `buffer`, whose contents are dropped and whose room is used again.
    pub(crate) fn new(mut buffer: Vec<u8>, run: u64, full: bool) -> Self {
        buffer.clear();
        buffer.extend([VERSION, if full { FLAG_FULL } else { 0 }]);
        varint::put(&mut buffer, run);
        let group = Vec::new();
        Self { bytes: buffer, group, in_group: 0, first: 0, first_before: 0, previous: 0, id: 0, entries: 0 }
    }

    /// Appends the value of series `id`, which must be larger than the one before. Values of unknown form are left out.
    pub(crate) fn put(&mut self, id: u64, value: Value<'_>) {
        if self.in_group == GROUP {
            self.end_group();
        }
        if self.in_group == 0 {
            (self.first, self.previous) = (id, id);
        }
        self.id = id;
        let known = match value {
            Value::Counter { total, fresh } => self.counter(total, fresh),
            Value::Gauge(value) => self.gauge(value),
            Value::Distribution(distribution) => self.distribution(distribution),
            _ => false,
        };
        if known {
            self.previous = id;
            self.entries += 1;
            self.in_group += 1;
        }
    }

    /// Begins the entry of the series that is being written.
    fn begin(&mut self, form: u8) {
        // Numbers of series are those of rows, which leave room.
        varint::put(&mut self.group, ((self.id - self.previous) << FORM_BITS) | u64::from(form));
    }

    fn end_group(&mut self) {
        if self.in_group > 0 {
            varint::put(&mut self.bytes, self.first - self.first_before);
            varint::put(&mut self.bytes, self.group.len() as u64);
            self.bytes.append(&mut self.group);
            (self.first_before, self.in_group) = (self.first, 0);
        }
    }

    /// The finished row.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.end_group();
        let length = padded(self.bytes.len());
        self.bytes.resize(length, 0);
        self.bytes
    }

    /// How many entries the row has.
    pub(crate) const fn entries(&self) -> u32 {
        self.entries
    }

    fn counter(&mut self, total: Number, increase: Number) -> bool {
        match (total, increase) {
            (Number::Int(total), Number::Int(0)) => {
                self.begin(COUNTER_SAME);
                varint::put(&mut self.group, total);
            }
            (Number::Int(total), Number::Int(increase)) => {
                self.begin(COUNTER_INT);
                varint::put(&mut self.group, total);
                varint::put(&mut self.group, increase);
            }
            (total, increase) => {
                self.begin(COUNTER_FLOAT);
                self.float(total.as_f64());
                self.float(increase.as_f64());
            }
        }
        true
    }

    fn gauge(&mut self, value: f64) -> bool {
        let whole = value as i64;
        // The comparison of bits keeps negative zero, fractions and NaN out.
        if value.abs() < SMALL && (whole as f64).to_bits() == value.to_bits() {
            self.begin(GAUGE_INT);
            varint::put(&mut self.group, varint::zigzag(whole));
        } else {
            self.begin(GAUGE_FLOAT);
            self.float(value);
        }
        true
    }

    fn distribution(&mut self, distribution: &Distribution) -> bool {
        let Some((min, max)) = distribution.extremes() else { return false };
        let mut payload = Vec::with_capacity(24 + 3 * distribution.buckets().len());
        let moments = Moments { sum: distribution.sum(), min, max };
        let form = put_moments(moments, &mut payload);
        merged::put_buckets(&mut payload, distribution.buckets());
        self.begin(form);
        varint::put(&mut self.group, payload.len() as u64);
        self.group.extend(payload);
        true
    }

    fn float(&mut self, value: f64) {
        self.group.extend(value.to_le_bytes());
    }
}

/// Appends the moments of a distribution and returns the form of its entry. What a registry measures is whole units.
fn put_moments(moments: Moments, out: &mut Vec<u8>) -> u8 {
    let units = |value: f64| moment::units(value).and_then(|units| u64::try_from(units).ok());
    if let (Some(sum), Some(min), Some(max)) = (units(moments.sum), units(moments.min), units(moments.max))
        && min <= max
    {
        for number in [sum, min, max - min] {
            varint::put(out, number);
        }
        return DISTRIBUTION_UNITS;
    }
    for value in [moments.sum, moments.min, moments.max] {
        out.extend(value.to_le_bytes());
    }
    DISTRIBUTION
}

/// The length to which a row is padded, see [`super::rows`]. Short ones are not: many of them share a page.
fn padded(length: usize) -> usize {
    const LONG: usize = 2_048;
    let step = if length < LONG { 1 } else { (1 << length.ilog2()) / 8 };
    length.next_multiple_of(step)
}

/// A row whose structure is sound, but for the buckets of distributions, which [`Encoded::buckets`] checks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The recording that wrote it.
    pub(crate) run: u64,
    /// Whether every counter and gauge of the run is in it.
    pub(crate) full: bool,
    is_grouped: bool,
    entries: &'a [u8],
}

impl<'a> Row<'a> {
    /// What is wrong with a row whose checksum is not that of its bytes.
    pub(crate) const OTHER_CHECKSUM: &'static str = "its checksum does not match";
    /// What is wrong with a row that does not have the entries it should have.
    pub(crate) const OTHER_COUNT: &'static str = "its number of entries is wrong";

    /// Reads a row that should have `count` entries, or says what is wrong with it.
    pub(crate) fn parse(bytes: &'a [u8], count: i64) -> Result<Self, &'static str> {
        let row = Self::open(bytes)?;
        let mut found = 0;
        for entry in row.entries() {
            entry?;
            found += 1;
        }
        if found == count { Ok(row) } else { Err(Self::OTHER_COUNT) }
    }

    /// Reads the header of a row, whose checksum has been seen to match.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let (&[version, flags], mut rest) = bytes.split_first_chunk().ok_or("its header is cut short")?;
        if version != VERSION && version != UNGROUPED {
            return Err("it is of an unknown format version");
        }
        let run = varint::take(&mut rest).ok_or("its header is cut short")?;
        Ok(Self { run, full: flags & FLAG_FULL != 0, is_grouped: version != UNGROUPED, entries: rest })
    }

    /// Series numbers with their values, ascending. Nothing follows an error, and a parsed row has none.
    pub(crate) const fn entries(&self) -> Entries<'a> {
        if self.is_grouped {
            Entries { is_grouped: true, groups: self.entries, first: 0, rest: &[], previous: None }
        } else {
            Entries { is_grouped: false, groups: &[], first: 0, rest: self.entries, previous: None }
        }
    }
}

/// The entries of a row.
#[derive(Debug, Clone)]
pub(crate) struct Entries<'a> {
    is_grouped: bool,
    /// The groups that have not begun yet.
    groups: &'a [u8],
    /// The first series number of the newest group.
    first: u64,
    /// What is left of the group that has begun.
    rest: &'a [u8],
    previous: Option<u64>,
}

impl<'a> Entries<'a> {
    /// Passes over groups that hold nothing at or above `id`. Entries below it may still follow.
    pub(crate) fn skip_to(&mut self, id: u64) {
        let mut groups = self.groups;
        let mut first = self.first;
        while let Some((next, entries)) = take_group(&mut groups, first) {
            if next > id {
                return;
            }
            (self.groups, self.first, self.rest, self.previous) = (groups, next, entries, None);
            first = next;
        }
    }

    /// Takes the gap and the form of an entry.
    fn take_gap(&mut self) -> Option<(u64, u8)> {
        let first = varint::take(&mut self.rest)?;
        if self.is_grouped {
            return Some((first >> FORM_BITS, first as u8 & ((1 << FORM_BITS) - 1)));
        }
        let (&form, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some((first, form))
    }

    fn take(&mut self) -> Option<(u64, Entry<'a>)> {
        if self.rest.is_empty() {
            (self.first, self.rest) = take_group(&mut self.groups, self.first)?;
            // Numbers ascend from one group to the next as well.
            let ascends = self.previous.take().is_none_or(|previous| previous < self.first);
            if !ascends || self.rest.is_empty() {
                return None;
            }
        }
        let (gap, form) = self.take_gap()?;
        let id = match self.previous {
            None => self.first.checked_add(gap)?,
            Some(_) if gap == 0 => return None,
            Some(previous) => previous.checked_add(gap)?,
        };
        self.previous = Some(id);
        let entry = match form {
            COUNTER_INT => Entry::Counter {
                total: Number::Int(varint::take(&mut self.rest)?),
                increase: Number::Int(varint::take(&mut self.rest)?),
            },
            COUNTER_FLOAT => Entry::Counter {
                total: Number::Float(take_float(&mut self.rest)?),
                increase: Number::Float(take_float(&mut self.rest)?),
            },
            COUNTER_SAME => {
                Entry::Counter { total: Number::Int(varint::take(&mut self.rest)?), increase: Number::ZERO }
            }
            GAUGE_FLOAT => Entry::Gauge(take_float(&mut self.rest)?),
            GAUGE_INT => Entry::Gauge(varint::unzigzag(varint::take(&mut self.rest)?) as f64),
            DISTRIBUTION | DISTRIBUTION_UNITS => {
                let length = usize::try_from(varint::take(&mut self.rest)?).ok()?;
                let (mut payload, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                let moments = if form == DISTRIBUTION { take_floats(&mut payload) } else { take_units(&mut payload) }?;
                Entry::Distribution(Encoded::of_row(moments, payload)?)
            }
            _ => return None,
        };
        Some((id, entry))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(u64, Entry<'a>), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() && is_over(self.groups) {
            return None;
        }
        let entry = self.take();
        if entry.is_none() {
            (self.rest, self.groups) = (&[], &[]);
        }
        Some(entry.ok_or("one of its entries is malformed"))
    }
}

/// Whether no group follows. None begins with a zero, because the numbers of series go up from 1; padding does.
fn is_over(groups: &[u8]) -> bool {
    groups.first().is_none_or(|first| *first == 0)
}

/// Takes a group off the front of `groups`: its first series number and its entries.
fn take_group<'a>(groups: &mut &'a [u8], before: u64) -> Option<(u64, &'a [u8])> {
    if is_over(groups) {
        return None;
    }
    let first = varint::take(groups)?.checked_add(before)?;
    let length = usize::try_from(varint::take(groups)?).ok()?;
    let (entries, rest) = groups.split_at_checked(length)?;
    *groups = rest;
    Some((first, entries))
}

fn take_float(bytes: &mut &[u8]) -> Option<f64> {
    let (&first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f64::from_le_bytes(first))
}

fn take_floats(payload: &mut &[u8]) -> Option<Moments> {
    Some(Moments { sum: take_float(payload)?, min: take_float(payload)?, max: take_float(payload)? })
}

fn take_units(payload: &mut &[u8]) -> Option<Moments> {
    let (sum, min, more) = (varint::take(payload)?, varint::take(payload)?, varint::take(payload)?);
    let value = |units: u64| i64::try_from(units).ok().map(moment::of_units);
    Some(Moments { sum: value(sum)?, min: value(min)?, max: value(min.checked_add(more)?)? })
}

#[cfg(test)]
mod tests;
