//! The codec of a row under test: what goes in comes out, whatever the bytes are nothing panics.

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
        let Entry::Counter { total: Number::Float(total), increase: Number::Float(increase) } = decoded(&bytes, 1)[0].1
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
