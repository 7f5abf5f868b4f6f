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
mod tests {
    use super::*;
    use crate::random::Random;

    fn row(values: &[(u64, Value<'_>)]) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new(), 1_700_000_000_000, true);
        for &(id, value) in values {
            encoder.put(id, value);
        }
        encoder.finish()
    }

    fn decoded(bytes: &[u8], count: i64) -> Vec<(u64, Entry<'_>)> {
        Row::parse(bytes, count).unwrap().entries().map(Result::unwrap).collect()
    }

    #[test]
    fn every_class_of_float_comes_back_bit_by_bit() {
        let floats = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.1,
            -273.15,
            1e300,
            f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            f64::MAX,
            f64::MIN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::from_bits(0xfff8_dead_beef_0001),
            281_474_976_710_655.0,
            281_474_976_710_656.0,
            -281_474_976_710_655.0,
            9_007_199_254_740_993.0,
        ];
        for float in floats {
            let bytes = row(&[(7, Value::Gauge(float))]);
            let Entry::Gauge(found) = decoded(&bytes, 1)[0].1 else { panic!("not a gauge") };
            assert_eq!(found.to_bits(), float.to_bits(), "{float}");

            let counter = Value::Counter { total: Number::Float(float), fresh: Number::Float(-float) };
            let bytes = row(&[(7, counter)]);
            let Entry::Counter { total: Number::Float(total), increase: Number::Float(increase) } =
                decoded(&bytes, 1)[0].1
            else {
                panic!("not a float")
            };
            assert_eq!((total.to_bits(), increase.to_bits()), (float.to_bits(), (-float).to_bits()));
        }
    }

    #[test]
    fn whole_counters_are_exact_beyond_the_reach_of_floats() {
        for total in [0, 1, 127, 128, (1 << 53) + 1, u64::MAX] {
            for increase in [0, 1, total / 2, total] {
                let counter = Value::Counter { total: Number::Int(total), fresh: Number::Int(increase) };
                let bytes = row(&[(1, counter)]);
                let wanted = Entry::Counter { total: Number::Int(total), increase: Number::Int(increase) };
                assert_eq!(decoded(&bytes, 1), [(1, wanted)]);
            }
        }
    }

    #[test]
    fn distributions_come_back_with_every_bucket() {
        let mut values = Distribution::new();
        for value in [0.0, 1e-9, 0.003, 0.003, 7.5, 1e9, f64::MAX] {
            values.record(value);
        }
        let bytes = row(&[(3, Value::Distribution(&values)), (900, Value::Gauge(2.0))]);
        let entries = decoded(&bytes, 2);
        let Entry::Distribution(encoded) = entries[0].1 else { panic!("not a distribution") };
        let mut buckets = Vec::new();
        encoded.buckets(&mut buckets).unwrap();
        let back = Distribution::from_parts(buckets, encoded.sum, Some((encoded.min, encoded.max)));
        assert_eq!(back, values);
        assert_eq!(entries[1], (900, Entry::Gauge(2.0)));
    }

    #[test]
    fn an_empty_distribution_leaves_no_entry() {
        let empty = Distribution::new();
        let bytes = row(&[(3, Value::Distribution(&empty)), (4, Value::Gauge(1.0))]);
        assert_eq!(decoded(&bytes, 1), [(4, Entry::Gauge(1.0))]);
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read_but_never_panic() {
        let mut values = Distribution::new();
        for step in 1..60 {
            values.record(f64::from(step) * 0.01);
        }
        let sound = row(&[
            (1, Value::Counter { total: Number::Int(1 << 60), fresh: Number::Int(3) }),
            (2, Value::Counter { total: Number::Float(0.5), fresh: Number::Float(0.25) }),
            (40, Value::Gauge(-3.0)),
            (41, Value::Gauge(0.1)),
            (4_000_000, Value::Distribution(&values)),
        ]);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for round in 0..60_000 {
            let mut bytes = sound.clone();
            match round % 3 {
                0 => {
                    for _ in 0..=random.below(4) {
                        let at = random.below(bytes.len());
                        bytes[at] ^= 1 << random.below(8);
                    }
                }
                1 => bytes.truncate(random.below(bytes.len())),
                _ => {
                    let length = random.below(80);
                    bytes = (0..length).map(|_| random.next() as u8).collect();
                    if let Some(version) = bytes.first_mut() {
                        *version = if round % 2 == 0 { VERSION } else { UNGROUPED };
                    }
                }
            }
            let Ok(parsed) = Row::parse(&bytes, 5) else { continue };
            let mut buckets = Vec::new();
            for (_, entry) in parsed.entries().map(Result::unwrap) {
                if let Entry::Distribution(encoded) = entry
                    && encoded.buckets(&mut buckets).is_ok()
                {
                    let extremes = Some((encoded.min, encoded.max));
                    let _ = Distribution::from_parts(buckets.clone(), encoded.sum, extremes).quantile(0.5);
                }
            }
        }
    }

    #[test]
    fn a_row_with_an_entry_too_few_or_too_many_is_refused() {
        let bytes = row(&[(1, Value::Gauge(1.0)), (2, Value::Gauge(2.0))]);
        assert!(Row::parse(&bytes, 2).is_ok());
        assert!(Row::parse(&bytes, 1).is_err());
        assert!(Row::parse(&bytes, 3).is_err());
    }

    #[test]
    fn a_reader_who_wants_few_series_passes_over_groups() {
        let values: Vec<(u64, Value<'_>)> = (0..1_000).map(|n| (n * 3 + 1, Value::Gauge(n as f64))).collect();
        let bytes = row(&values);
        let row = Row::parse(&bytes, 1_000).unwrap();
        for wanted in [0, 1, 95, 96, 1_500, 2_996, 2_997, 2_998, 10_000] {
            let mut entries = row.entries();
            entries.skip_to(wanted);
            let walked: Vec<u64> = entries.map(|entry| entry.unwrap().0).collect();
            let expected: Vec<u64> = (0..1_000).map(|n| n * 3 + 1).filter(|&id| id >= wanted).collect();
            assert!(walked.ends_with(&expected), "{wanted}");
            assert!(walked.len() <= expected.len() + GROUP, "{wanted}: {} of {}", walked.len(), expected.len());
        }
        // Forwards only: what has been passed does not come back.
        let mut entries = row.entries();
        entries.skip_to(1_500);
        entries.skip_to(0);
        assert!(entries.next().unwrap().unwrap().0 > 1_400);
    }

    /// Golden bytes: what was written once must be readable for ever.
    #[test]
    fn version_two_is_written_as_it_always_was() {
        let (mut whole, mut fractional) = (Distribution::new(), Distribution::new());
        whole.record(1.0);
        fractional.record(0.1);
        let bytes = row(&[
            (1, Value::Counter { total: Number::Int(300), fresh: Number::Int(2) }),
            (3, Value::Counter { total: Number::Int(5), fresh: Number::Int(0) }),
            (4, Value::Gauge(-1.0)),
            (5, Value::Distribution(&whole)),
            (6, Value::Distribution(&fractional)),
        ]);
        let tenth = 0.1_f64.to_le_bytes();
        let wanted = [
            &[2, 1, 0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31][..],
            &[1, 53],
            &[0, 0xac, 0x02, 2],
            &[2 << 3 | 2, 5],
            &[1 << 3 | 4, 1],
            &[1 << 3 | 6, 14],
            &[0x80, 0x80, 0x80, 0x80, 4, 0x80, 0x80, 0x80, 0x80, 4, 0],
            &[0xc0, 0x06, 1],
            &[1 << 3 | 5, 27],
            &tenth,
            &tenth,
            &tenth,
            &[0xd3, 0x05, 1],
        ]
        .concat();
        assert_eq!(bytes, wanted, "{bytes:02x?}");
    }

    #[test]
    fn version_one_is_read_as_it_was_written() {
        let one = 1.0_f64.to_le_bytes();
        let bytes = [
            &[1, 1, 0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31][..],
            &[1, 0, 0xac, 0x02, 2],
            &[2, 2, 5],
            &[1, 4, 1],
            &[1, 5, 27],
            &one,
            &one,
            &one,
            &[0xc0, 0x06, 1],
        ]
        .concat();
        let row = Row::parse(&bytes, 4).unwrap();
        assert_eq!((row.run, row.full), (1_700_000_000_000, true));
        let entries = decoded(&bytes, 4);
        assert_eq!(entries[0], (1, Entry::Counter { total: Number::Int(300), increase: Number::Int(2) }));
        assert_eq!(entries[1], (3, Entry::Counter { total: Number::Int(5), increase: Number::Int(0) }));
        assert_eq!(entries[2], (4, Entry::Gauge(-1.0)));
        let (5, Entry::Distribution(encoded)) = entries[3] else { panic!("not a distribution") };
        let mut buckets = Vec::new();
        encoded.buckets(&mut buckets).unwrap();
        assert_eq!((encoded.sum, buckets), (1.0, vec![(832, 1)]));
    }
}
