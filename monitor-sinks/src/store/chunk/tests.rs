//! What every kind of chunk promises: what goes in comes out bit by bit, bytes of any origin are refused or read, and
//! what was written once is read for ever.

mod golden;

use monitor_core::Number;

use super::{counter, gauge, merged, merged::Moments, times, values, values::Values, *};
use crate::random::Random;

impl Random {
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of any length.
    fn integer(&mut self) -> u64 {
        self.next() >> self.below(64)
    }

    /// A float of any class, often an awkward one.
    fn float(&mut self) -> f64 {
        const AWKWARD: [u64; 12] = [
            0,
            1 << 63,
            1,
            0x000f_ffff_ffff_ffff,
            0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000,
            0x7ff8_0000_0000_0000,
            0xfff8_dead_beef_0001,
            0x7ff0_0000_0000_0001,
            0x7fef_ffff_ffff_ffff,
            0x4340_0000_0000_0000,
            0xc340_0000_0000_0001,
        ];
        match self.below(6) {
            0 => f64::from_bits(AWKWARD[self.below(AWKWARD.len())]),
            1 => f64::from_bits(self.next()),
            2 => (self.integer() >> 12) as f64,
            3 => -(self.integer() as f64) / 1024.0,
            4 => f64::from(self.unit() as f32),
            _ => self.unit(),
        }
    }

    /// One of a few ways in which a series of floats goes.
    fn floats(&mut self, count: usize) -> Vec<f64> {
        let kind = self.below(6);
        let mut value = self.float();
        let mut step = || match kind {
            0 => value,
            1 => self.float(),
            2 => (self.below(1000) * 4096) as f64,
            3 => f64::from((20.0 + self.unit()) as f32),
            4 => {
                value += self.unit();
                value
            }
            _ => {
                if self.below(10) == 0 {
                    value = self.float();
                }
                value
            }
        };
        (0..count).map(|_| step()).collect()
    }

    /// The number of flushes of a segment, and which of them have an entry.
    fn presence(&mut self) -> (usize, Vec<u32>) {
        let flushes = match self.below(4) {
            0 => 1 + self.below(3),
            1 => 360,
            _ => 1 + self.below(700),
        };
        let share = [0, 2, 6, 50][self.below(4)];
        let mut at: Vec<u32> = (0..flushes as u32).filter(|_| share == 0 || self.below(share) == 0).collect();
        if at.is_empty() {
            at.push(self.below(flushes) as u32);
        }
        (flushes, at)
    }
}

fn same(left: Number, right: Number) -> bool {
    match (left, right) {
        (Number::Int(left), Number::Int(right)) => left == right,
        (Number::Float(left), Number::Float(right)) => left.to_bits() == right.to_bits(),
        _ => false,
    }
}

#[track_caller]
fn assert_counter(entries: &[counter::Entry], flushes: usize, scratch: &mut Scratch) -> Vec<u8> {
    let (mut blob, mut back) = (Vec::new(), Vec::new());
    let summary = counter::encode(entries, flushes, &mut blob).unwrap();
    counter::decode(&blob, flushes, scratch, &mut back).unwrap();
    assert_eq!(back.len(), entries.len());
    for (found, wanted) in back.iter().zip(entries) {
        let equal = same(found.total, wanted.total) && same(found.increase, wanted.increase);
        assert!(found.at == wanted.at && equal, "{found:?} for {wanted:?}");
    }
    assert_eq!(summary.entries, entries.len());
    assert!(same(summary.last, entries[entries.len() - 1].total));
    assert_totals(&blob, &back, flushes, scratch);
    blob
}

/// Totals alone, where these say all, say what the entries do.
#[track_caller]
fn assert_totals(blob: &[u8], entries: &[counter::Entry], flushes: usize, scratch: &mut Scratch) {
    let mut totals = Vec::new();
    let Some(first) = counter::totals(blob, flushes, scratch, &mut totals).unwrap() else { return };
    assert_eq!(totals.len(), entries.len());
    let mut before = None;
    for ((&at, &total), entry) in scratch.places().iter().zip(&totals).zip(entries) {
        let increase = before.replace(total).map_or(first, |before: f64| total - before);
        let (total, increase) = (Number::Int(total as u64), Number::Int(increase as u64));
        assert!(at == entry.at && same(total, entry.total) && same(increase, entry.increase), "{entry:?}");
    }
}

#[track_caller]
fn assert_gauge(entries: &[gauge::Entry], flushes: usize, scratch: &mut Scratch) -> Vec<u8> {
    let (mut blob, mut back) = (Vec::new(), Vec::new());
    gauge::encode(entries, flushes, &mut blob).unwrap();
    gauge::decode(&blob, flushes, scratch, &mut back).unwrap();
    let bits = |entries: &[gauge::Entry]| -> Vec<_> { entries.iter().map(|it| (it.at, it.value.to_bits())).collect() };
    assert_eq!(bits(&back), bits(entries));
    blob
}

fn gauges(at: &[u32], values: &[f64]) -> Vec<gauge::Entry> {
    at.iter().zip(values).map(|(&at, &value)| gauge::Entry { at, value }).collect()
}

fn whole(at: u32, total: u64, increase: u64) -> counter::Entry {
    counter::Entry { at, total: Number::Int(total), increase: Number::Int(increase) }
}

fn fractional(at: u32, total: f64, increase: f64) -> counter::Entry {
    counter::Entry { at, total: Number::Float(total), increase: Number::Float(increase) }
}

/// Entries as the collector gives them, now and then with a row missing, or with numbers that no collector gives.
fn counters(random: &mut Random, at: &[u32]) -> Vec<counter::Entry> {
    let kind = random.below(6);
    let becomes_fractional = random.below(at.len() + 1);
    let (mut total, mut sum) = (random.integer() >> 1, random.unit() * 1e6);
    at.iter()
        .enumerate()
        .map(|(place, &at)| {
            let by = [0, random.below(20) as u64, random.integer() >> 12][random.below(3)];
            if kind == 1 && random.below(50) == 0 {
                total = total.wrapping_add(7);
            }
            match kind {
                0 | 1 => {
                    total = total.wrapping_add(by);
                    whole(at, total, by)
                }
                2 => whole(at, random.integer(), random.integer()),
                3 => fractional(at, random.float(), random.float()),
                4 if place < becomes_fractional => {
                    total = total.wrapping_add(by);
                    sum = total as f64;
                    whole(at, total, by)
                }
                _ => {
                    // Two cells of the drain: the total and the increase are rounded at different places.
                    let (first, second) = (random.unit(), random.unit() * 1e-3);
                    sum = sum + first + second;
                    fractional(at, sum, first + second)
                }
            }
        })
        .collect()
}

/// Units in which a registry measures.
const UNITS: f64 = (1_u64 << 30) as f64;

fn distributions(random: &mut Random, at: &[u32]) -> Values {
    let is_whole = random.below(2) == 0;
    let (low, width) = (random.below(2000), 1 + random.below(60));
    let mut values = Values::default();
    for &at in at {
        let mut buckets: Vec<(u16, u64)> = Vec::new();
        for number in low..low + width {
            let count = [0, 0, 1, random.below(9) as u64, random.integer()][random.below(5)];
            if count > 0 {
                buckets.push((number as u16, count));
            }
        }
        if buckets.is_empty() {
            buckets.push((low as u16, 1));
        }
        let (min, max) = (random.unit(), 1.0 + random.below(50) as f64);
        let sum = random.unit() * 100.0;
        // As a registry measures them, or as something else adds them up.
        let rounded = |value: f64| if is_whole { (value * UNITS).floor() / UNITS } else { value };
        values.push(at, Moments { sum: rounded(sum), min: rounded(min), max }, &buckets);
    }
    values
}

fn flush_times(random: &mut Random, count: usize) -> Vec<i64> {
    let mut time = 1_700_000_000_000_000 - (random.integer() >> 2).cast_signed() * i64::from(random.below(2) == 0);
    let rough = random.below(3) == 0;
    (0..count)
        .map(|_| {
            time += if rough { 1 + (random.next() % 3_000_000).cast_signed() } else { 1_000_000 };
            time + if rough { 0 } else { (random.next() % 900).cast_signed() }
        })
        .collect()
}

#[test]
fn scalars_come_back_bit_by_bit() {
    let (mut random, mut scratch) = (Random(0x9e37_79b9_7f4a_7c15), Scratch::default());
    for _ in 0..3_000 {
        let (flushes, at) = random.presence();
        let entries = counters(&mut random, &at);
        assert_counter(&entries, flushes, &mut scratch);
        let values = random.floats(at.len());
        assert_gauge(&gauges(&at, &values), flushes, &mut scratch);
    }
}

#[test]
fn distributions_come_back_with_every_bucket() {
    let (mut random, mut scratch) = (Random(0x2545_f491_4f6c_dd1d), Scratch::default());
    let (mut blob, mut merged, mut back, mut buckets) = (Vec::new(), Vec::new(), Values::default(), Vec::new());
    for _ in 0..500 {
        let (flushes, at) = random.presence();
        let values = distributions(&mut random, &at);
        let summary = values::encode(&values, flushes, &mut blob, &mut merged).unwrap();
        values::decode(&blob, flushes, &mut scratch, &mut back).unwrap();
        assert_eq!(back, values);
        let first = random.below(flushes) as u32;
        let some = first..first + random.below(flushes) as u32;
        values::decode_some(&blob, flushes, some.clone(), &mut scratch, &mut back).unwrap();
        assert!(back.iter().eq(values.iter().filter(|entry| some.contains(&entry.0))), "{some:?}");

        let moments = merged::decode(&merged, &mut buckets).unwrap();
        assert_eq!(moments, summary.moments);
        let mut wanted = monitor_core::Distribution::new();
        for (_, moments, buckets) in values.iter() {
            wanted.merge(&monitor_core::Distribution::from_parts(buckets.to_vec(), moments.sum, None));
        }
        assert_eq!(buckets, wanted.buckets());
        assert_eq!(summary.count, wanted.count());
    }
}

#[test]
fn sums_and_extremes_come_back_bit_by_bit() {
    let mut scratch = Scratch::default();
    let (mut blob, mut merged, mut back) = (Vec::new(), Vec::new(), Values::default());
    let unit = 1.0 / UNITS;
    let largest = ((1_u64 << 53) - 1) as f64 * unit;
    let odd = [0.0, -0.0, -unit, unit / 2.0, 0.1, largest, largest + unit, f64::MAX, f64::INFINITY, f64::NEG_INFINITY];
    for sum in odd.into_iter().chain([f64::NAN]) {
        for extreme in odd {
            let mut values = Values::default();
            // The buckets need not agree with them; one is the last that there is.
            values.push(0, Moments { sum, min: extreme, max: extreme }, &[(832, 1), (32_767, u64::MAX)]);
            values.push(1, Moments { sum: 3.0, min: 1.0, max: 2.0 }, &[(832, 1)]);
            values::encode(&values, 2, &mut blob, &mut merged).unwrap();
            values::decode(&blob, 2, &mut scratch, &mut back).unwrap();
            let bits = |values: &Values| -> Vec<[u64; 3]> {
                values.iter().map(|(_, of, _)| [of.sum, of.min, of.max].map(f64::to_bits)).collect()
            };
            assert_eq!(bits(&back), bits(&values), "{sum} {extreme}");
        }
    }
}

#[test]
fn times_come_back_whatever_their_grid() {
    let (mut random, mut scratch) = (Random(0x1357_9bdf_0246_8ace), Scratch::default());
    let (mut blob, mut back) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        let times = {
            let count = random.below(700);
            flush_times(&mut random, count)
        };
        for interval in [1_000_000, 0, -5, 999, i64::MAX] {
            times::encode(&times, interval, &mut blob).unwrap();
            times::decode(&blob, times.len(), &mut scratch, &mut back).unwrap();
            assert_eq!(back, times);
        }
    }
    let extreme = [i64::MIN, -1, 0, 1, i64::MAX];
    for interval in [1, 1_000_000, i64::MAX] {
        times::encode(&extreme, interval, &mut blob).unwrap();
        times::decode(&blob, 5, &mut scratch, &mut back).unwrap();
        assert_eq!(back, extreme);
    }
    assert!(times::encode(&[5, 5], 1, &mut blob).is_err());
}

#[test]
fn numbers_at_the_edges_are_exact() {
    let mut scratch = Scratch::default();
    let edge = |total: u64| [whole(0, total, total), whole(1, total, 0), whole(2, u64::MAX, u64::MAX - total)];
    for total in [0, 1, 1 << 53, (1 << 53) + 1, 1 << 63, u64::MAX] {
        assert_counter(&edge(total), 3, &mut scratch);
    }
    let nans: Vec<f64> = (0..64).flat_map(|bit| [1_u64 << bit, !(1 << bit)]).map(f64::from_bits).collect();
    let payloads: Vec<f64> = (0..52).map(|bit| f64::from_bits(0x7ff0_0000_0000_0000 | 1 << bit)).collect();
    for values in [nans, payloads, vec![-0.0, 0.0, -0.0], vec![-0.0; 9], vec![f64::MAX, f64::MIN]] {
        let at: Vec<u32> = (0..values.len() as u32).collect();
        assert_gauge(&gauges(&at, &values), values.len(), &mut scratch);
        let entries: Vec<_> = at.iter().zip(&values).map(|(&at, &value)| fractional(at, value, -value)).collect();
        assert_counter(&entries, values.len(), &mut scratch);
    }
}

#[test]
fn the_longest_segment_is_kept_and_a_longer_one_refused() {
    let (mut random, mut scratch) = (Random(77), Scratch::default());
    let at: Vec<u32> = (0..MOST_FLUSHES as u32).collect();
    let entries = counters(&mut random, &at);
    assert_counter(&entries, MOST_FLUSHES, &mut scratch);
    let values: Vec<f64> = at.iter().map(|_| random.float()).collect();
    let blob = assert_gauge(&gauges(&at, &values), MOST_FLUSHES, &mut scratch);
    assert!(blob.len() <= 8 * MOST_FLUSHES + 16);

    let mut many = Values::default();
    for &at in &at {
        many.push(at, Moments { sum: 1.0, min: 1.0, max: 1.0 }, &[(7, 1), (32_767, u64::MAX)]);
    }
    let (mut blob, mut merged, mut back) = (Vec::new(), Vec::new(), Values::default());
    let summary = values::encode(&many, MOST_FLUSHES, &mut blob, &mut merged).unwrap();
    assert_eq!(summary.count, u64::MAX);
    values::decode(&blob, MOST_FLUSHES, &mut scratch, &mut back).unwrap();
    assert_eq!(back, many);

    assert!(gauge::encode(&gauges(&[0], &[1.0]), MOST_FLUSHES + 1, &mut blob).is_err());
    assert!(times::encode(&(0..=65_536).collect::<Vec<_>>(), 1, &mut blob).is_err());
    let wide: Vec<(u16, u64)> = (0..32_768).map(|number| (number as u16, 1)).collect();
    let mut many = Values::default();
    for at in 0..=128 {
        many.push(at, Moments { sum: 1.0, min: 1.0, max: 1.0 }, &wide);
    }
    assert!(values::encode(&many, 360, &mut blob, &mut merged).is_err());
}

#[test]
fn what_makes_no_sense_is_not_written() {
    let (mut blob, mut merged) = (Vec::new(), Vec::new());
    for at in [&[][..], &[3, 3], &[4, 3], &[9, 10]] {
        let values = vec![1.0; at.len()];
        assert!(gauge::encode(&gauges(at, &values), 10, &mut blob).is_err(), "{at:?}");
    }
    let sound = Moments { sum: 1.0, min: 1.0, max: 1.0 };
    let crossed = Moments { sum: 1.0, min: 2.0, max: 1.0 };
    let wrong: [(Moments, &[(u16, u64)]); 5] =
        [(sound, &[]), (crossed, &[(1, 1)]), (sound, &[(1, 0)]), (sound, &[(2, 1), (2, 1)]), (sound, &[(32_768, 1)])];
    for (moments, buckets) in wrong {
        let mut values = Values::default();
        values.push(0, moments, buckets);
        assert!(values::encode(&values, 1, &mut blob, &mut merged).is_err(), "{buckets:?}");
    }
}

#[test]
fn arbitrary_bytes_are_refused_or_read_but_never_panic() {
    let mut random = Random(0xdead_beef_cafe_f00d);
    let flushes = 300;
    let at: Vec<u32> = (0..flushes as u32).collect();
    let mut sound = Vec::new();
    for round in 0..6 {
        let mut scratch = Scratch::default();
        let some: Vec<u32> = at.iter().copied().filter(|_| round % 2 == 0 || random.below(3) == 0).collect();
        let entries = counters(&mut random, &some);
        sound.push(assert_counter(&entries, flushes, &mut scratch));
        let values = random.floats(some.len());
        sound.push(assert_gauge(&gauges(&some, &values), flushes, &mut scratch));
        let (mut blob, mut merged) = (Vec::new(), Vec::new());
        values::encode(&distributions(&mut random, &some), flushes, &mut blob, &mut merged).unwrap();
        sound.extend([blob, merged]);
        let mut blob = Vec::new();
        times::encode(&flush_times(&mut random, flushes), 1_000_000, &mut blob).unwrap();
        sound.push(blob);
    }
    let (mut scratch, mut refused) = (Scratch::default(), 0_u32);
    for round in 0..40_000 {
        let mut bytes = sound[random.below(sound.len())].clone();
        match round % 4 {
            0 | 1 => {
                // Near the front, where forms and lengths are, and anywhere.
                let reach = if round % 8 < 4 { bytes.len().min(40) } else { bytes.len() };
                for _ in 0..=random.below(4) {
                    let place = random.below(reach);
                    bytes[place] ^= 1 << random.below(8);
                }
            }
            2 => bytes.truncate(random.below(bytes.len())),
            _ => {
                let kind = [TIMES, COUNTER, GAUGE, VALUES, MERGED][random.below(5)];
                let length = random.below(120);
                bytes = [VERSION, kind].into_iter().chain((0..length).map(|_| random.next() as u8)).collect();
                if length > 6 && random.below(2) == 0 {
                    // Present in all flushes, then a packed column of the right version.
                    bytes[2..7].copy_from_slice(&[0, 3, 4, 1, random.next() as u8 & 0xf3]);
                }
            }
        }
        let sound = match bytes.get(1) {
            Some(&TIMES) => times::decode(&bytes, flushes, &mut scratch, &mut Vec::new()),
            Some(&COUNTER) => {
                let _ = counter::totals(&bytes, flushes, &mut scratch, &mut Vec::new());
                counter::decode(&bytes, flushes, &mut scratch, &mut Vec::new())
            }
            Some(&GAUGE) => gauge::decode(&bytes, flushes, &mut scratch, &mut Vec::new()),
            Some(&VALUES) => values::decode(&bytes, flushes, &mut scratch, &mut Values::default()),
            _ => merged::decode(&bytes, &mut Vec::new()).map(drop),
        };
        refused += u32::from(sound.is_err());
        assert!(scratch.at.capacity() <= 2 * flushes && scratch.floats.iter().all(|it| it.capacity() <= 2 * flushes));
        assert!(scratch.integers.iter().all(|it| it.capacity() <= 2 * MOST_CELLS));
    }
    assert!(refused > 20_000, "{refused}");
}

#[test]
fn a_blob_of_another_kind_version_or_length_is_refused() {
    let mut scratch = Scratch::default();
    let blob = assert_gauge(&gauges(&[0, 1], &[1.0, 2.0]), 2, &mut scratch);
    let mut refuse = |blob: &[u8], flushes| gauge::decode(blob, flushes, &mut scratch, &mut Vec::new()).is_err();
    assert!(!refuse(&blob, 2));
    assert!(refuse(&blob, 3) && refuse(&blob, 1) && refuse(&blob, 0) && refuse(&blob, usize::MAX));
    assert!(refuse(&[&blob[..], &[0]].concat(), 2));
    assert!(refuse(&[&[VERSION + 1], &blob[1..]].concat(), 2));
    assert!(refuse(&[&[VERSION, COUNTER], &blob[2..]].concat(), 2));
    assert!(refuse(&[], 2) && refuse(&[VERSION], 2));
}
