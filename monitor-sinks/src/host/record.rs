//! The series of a sampler: keys, newest values, and what has not been delivered yet.
//!
//! Families ask for a slot once, at the first sight of a device, and write to it from then on, which neither allocates
//! nor compares names. Counters of the system are kept as what they grew by since this record began: the first reading
//! is where a counter starts, and a reading below the one before it means that the counter began again at 0. A series is
//! never removed and its number never used again; that of a device that is gone is retired, so that no stale value is
//! listed, and goes on when the device returns.

use std::collections::HashMap;

use monitor_core::{MetricKind, Number, Sample, SeriesKey, Value};

/// More series than this come from a mistake, such as a device a second. What is beyond is left out and counted.
const MOST_SERIES: usize = 20_000;

/// Names a series within its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// Where series go that there is no room for.
    const NOWHERE: Self = Self(u32::MAX);

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How the readings of a counter become its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// The value is the reading: a whole number.
    Whole,
    /// The value is the reading divided by this, for example ticks by ticks a second.
    Per(f64),
    /// Readings are fractions themselves.
    Fractions,
}

/// All series, numbered in order of appearance.
///
/// Keys are kept apart from values, because every sample touches all values and no key.
#[derive(Debug, Default)]
pub(crate) struct Record {
    list: Vec<Entry>,
    series: Vec<Series>,
    index: HashMap<SeriesKey, Slot>,
    left_out: u64,
    /// How many series the record that this one hands over to has heard of.
    handed_over: usize,
}

#[derive(Debug, Clone)]
struct Series {
    key: SeriesKey,
    scale: Scale,
    /// By how much a counter may fall without having begun again.
    dip: u64,
}

#[derive(Debug)]
struct Entry {
    state: State,
    /// Taken and not delivered yet.
    changed: bool,
    /// Whether its device is there.
    present: bool,
}

#[derive(Debug)]
enum State {
    Counter {
        scale: Scale,
        last: Option<u64>,
        total: u64,
        delivered: u64,
    },
    /// A counter that does not count in whole numbers of anything.
    FloatCounter {
        last: Option<f64>,
        total: f64,
        delivered: f64,
    },
    Gauge(f64),
}

impl Record {
    /// The slot of a counter, entered if it is new.
    pub(crate) fn counter(&mut self, name: &str, unit: &str, scale: Scale, labels: &[(&str, &str)]) -> Slot {
        self.counter_with_dips(name, unit, scale, 0, labels)
    }

    /// A counter that may fall by up to `dip` without having begun again; it then stands still until it has caught up.
    pub(crate) fn counter_with_dips(
        &mut self,
        name: &str,
        unit: &str,
        scale: Scale,
        dip: u64,
        labels: &[(&str, &str)],
    ) -> Slot {
        self.slot(Series { key: key(MetricKind::Counter, name, unit, labels), scale, dip })
    }

    /// The slot of a gauge, entered if it is new. It has no value until it is set.
    pub(crate) fn gauge(&mut self, name: &str, unit: &str, labels: &[(&str, &str)]) -> Slot {
        self.slot(Series { key: key(MetricKind::Gauge, name, unit, labels), scale: Scale::Whole, dip: 0 })
    }

    /// The slot of a series by its whole key, as a counter with fractions or a gauge, entered if it is new.
    pub(super) fn keyed(&mut self, key: &SeriesKey) -> Slot {
        self.slot(Series { key: key.clone(), scale: Scale::Fractions, dip: 0 })
    }

    fn slot(&mut self, series: Series) -> Slot {
        if let Some(slot) = self.index.get(&series.key) {
            return *slot;
        }
        if self.list.len() >= MOST_SERIES {
            self.left_out += 1;
            return Slot::NOWHERE;
        }
        let slot = Slot(self.list.len() as u32);
        self.index.insert(series.key.clone(), slot);
        self.list.push(Entry { state: State::new(&series), changed: false, present: false });
        self.series.push(series);
        slot
    }

    /// Takes a reading of a counter.
    pub(crate) fn read(&mut self, slot: Slot, reading: u64) {
        let Some(entry) = self.list.get_mut(slot.index()) else { return };
        let State::Counter { last, total, .. } = &mut entry.state else { return };
        let before = last.unwrap_or(reading);
        let grown = if reading >= before {
            *last = Some(reading);
            reading - before
        } else if before - reading <= self.series[slot.index()].dip {
            *last = Some(before);
            0
        } else {
            *last = Some(reading);
            reading
        };
        *total = total.saturating_add(grown);
        // A first reading lists the series once, so that it can be asked for before it grows.
        entry.changed |= grown > 0 || !entry.present;
        entry.present = true;
    }

    /// Takes a reading of a counter of fractions. One that is negative or not finite is not taken.
    pub(crate) fn read_float(&mut self, slot: Slot, reading: f64) {
        let Some(entry) = self.list.get_mut(slot.index()) else { return };
        if let State::FloatCounter { last, total, .. } = &mut entry.state
            && reading.is_finite()
            && reading >= 0.0
        {
            let before = last.replace(reading).unwrap_or(reading);
            let grown = if reading >= before { reading - before } else { reading };
            *total += grown;
            entry.changed |= grown > 0.0 || !entry.present;
            entry.present = true;
        }
    }

    /// Adds to a counter that is counted here instead of by the system.
    pub(crate) fn add(&mut self, slot: Slot, by: u64) {
        let Some(entry) = self.list.get_mut(slot.index()) else { return };
        if let State::Counter { total, .. } = &mut entry.state {
            *total = total.saturating_add(by);
            entry.changed |= by > 0 || !entry.present;
            entry.present = true;
        }
    }

    /// Sets a gauge. A value that is not finite is not taken.
    pub(crate) fn set(&mut self, slot: Slot, to: f64) {
        let Some(entry) = self.list.get_mut(slot.index()) else { return };
        if let State::Gauge(value) = &mut entry.state
            && to.is_finite()
        {
            *value = to;
            entry.changed = true;
            entry.present = true;
        }
    }

    /// Notes that what the series belongs to is gone, until it is written to again.
    pub(crate) fn retire(&mut self, slot: Slot) {
        if let Some(entry) = self.list.get_mut(slot.index()) {
            entry.present = false;
            // What a counter grew by has happened; what a gauge showed is not so any more.
            entry.changed &= !matches!(entry.state, State::Gauge(_));
        }
    }

    /// Retires several series.
    pub(super) fn retire_all(&mut self, slots: &[Slot]) {
        for slot in slots {
            self.retire(*slot);
        }
    }

    /// Every series that has a value, with its number.
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        let listed = self.list.iter().enumerate().filter(|(_, entry)| entry.present || entry.changed);
        listed.map(|(index, entry)| Sample {
            index,
            key: &self.series[index].key,
            value: entry.state.value(),
            changed: entry.changed,
        })
    }

    /// Takes note that what changed has been stored.
    pub(crate) fn delivered(&mut self) {
        for entry in &mut self.list {
            entry.changed = false;
            match &mut entry.state {
                State::Counter { total, delivered, .. } => *delivered = *total,
                State::FloatCounter { total, delivered, .. } => *delivered = *total,
                State::Gauge(_) => {}
            }
        }
    }

    /// How often a series was left out because there are too many.
    pub(crate) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Copies what was taken since the last call to `batch`: the keys of series that are new, and the newest values.
    pub(super) fn hand_over(&mut self, batch: &mut Batch) {
        batch.new.clear();
        batch.values.clear();
        for (index, entry) in self.list.iter_mut().enumerate() {
            if index >= self.handed_over {
                batch.new.push(self.series[index].clone());
            }
            if entry.changed || entry.present {
                batch.values.push((index, entry.state.raw(), entry.changed));
            }
            entry.changed = false;
        }
        self.handed_over = self.list.len();
    }

    /// Takes over what another record handed over; `slots` says where its series are in this one.
    pub(super) fn take_over(&mut self, batch: &mut Batch, slots: &mut Vec<Imported>) {
        for series in batch.new.drain(..) {
            let slot = self.slot(series);
            slots.push(Imported { slot, listed: false, count: 0, float: 0.0 });
        }
        for imported in slots.iter_mut() {
            imported.listed = false;
        }
        for (index, raw, changed) in &batch.values {
            let Some(imported) = slots.get_mut(*index) else { continue };
            imported.listed = true;
            match *raw {
                Raw::Count(total) => {
                    let before = std::mem::replace(&mut imported.count, total);
                    self.add(imported.slot, total.saturating_sub(before));
                }
                Raw::Float(total) => {
                    let before = std::mem::replace(&mut imported.float, total);
                    self.add_float(imported.slot, total - before);
                }
                Raw::Gauge(value) if *changed => self.set(imported.slot, value),
                Raw::Gauge(_) => {}
            }
        }
        for imported in slots.iter().filter(|imported| !imported.listed) {
            self.retire(imported.slot);
        }
    }

    fn add_float(&mut self, slot: Slot, by: f64) {
        let Some(entry) = self.list.get_mut(slot.index()) else { return };
        if let State::FloatCounter { total, .. } = &mut entry.state {
            entry.changed |= by > 0.0 || !entry.present;
            *total += by.max(0.0);
            entry.present = true;
        }
    }
}

/// Where a series of another record is, and the total that was taken over. Several records may count into one series.
#[derive(Debug)]
pub(super) struct Imported {
    slot: Slot,
    listed: bool,
    count: u64,
    float: f64,
}

/// What one record hands over to another. It goes to and fro, so that its room is used again.
#[derive(Debug, Default)]
pub(super) struct Batch {
    new: Vec<Series>,
    values: Vec<(usize, Raw, bool)>,
}

#[derive(Debug, Clone, Copy)]
enum Raw {
    Count(u64),
    Float(f64),
    Gauge(f64),
}

impl State {
    const fn new(series: &Series) -> Self {
        match (series.key.kind, series.scale) {
            (MetricKind::Counter, Scale::Fractions) => Self::FloatCounter { last: None, total: 0.0, delivered: 0.0 },
            (MetricKind::Counter, scale) => Self::Counter { scale, last: None, total: 0, delivered: 0 },
            _ => Self::Gauge(0.0),
        }
    }

    const fn value(&self) -> Value<'_> {
        match *self {
            Self::Counter { scale, total, delivered, .. } => {
                Value::Counter { total: scale.apply(total), fresh: scale.apply(total - delivered) }
            }
            Self::FloatCounter { total, delivered, .. } => {
                Value::Counter { total: Number::Float(total), fresh: Number::Float(total - delivered) }
            }
            Self::Gauge(value) => Value::Gauge(value),
        }
    }

    const fn raw(&self) -> Raw {
        match *self {
            Self::Counter { total, .. } => Raw::Count(total),
            Self::FloatCounter { total, .. } => Raw::Float(total),
            Self::Gauge(value) => Raw::Gauge(value),
        }
    }
}

impl Scale {
    const fn apply(self, reading: u64) -> Number {
        match self {
            Self::Whole => Number::Int(reading),
            Self::Fractions => Number::Float(reading as f64),
            Self::Per(divisor) => Number::Float(reading as f64 / divisor),
        }
    }
}

fn key(kind: MetricKind, name: &str, unit: &str, labels: &[(&str, &str)]) -> SeriesKey {
    let mut labels: Vec<_> = labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    labels.sort();
    SeriesKey { name: name.to_owned(), kind, unit: unit.to_owned(), service: None, labels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(record: &Record) -> (f64, f64, bool) {
        let sample = record.samples().next().unwrap();
        let Value::Counter { total, fresh } = sample.value else { panic!("no counter") };
        (total.as_f64(), fresh.as_f64(), sample.changed)
    }

    #[test]
    fn a_counter_holds_what_it_grew_by_since_the_first_reading() {
        let mut record = Record::default();
        let slot = record.counter("ticks_total", "", Scale::Per(100.0), &[]);
        assert_eq!(record.samples().count(), 0);
        record.read(slot, 1_000);
        assert_eq!(counter(&record), (0.0, 0.0, true));
        record.read(slot, 1_150);
        assert_eq!(counter(&record), (1.5, 1.5, true));
        record.delivered();
        assert_eq!(counter(&record), (1.5, 0.0, false));
        record.read(slot, 1_250);
        assert_eq!(counter(&record), (2.5, 1.0, true));
    }

    #[test]
    fn a_counter_that_begins_again_adds_what_it_has_reached() {
        let mut record = Record::default();
        let slot = record.counter("bytes_total", "bytes", Scale::Whole, &[]);
        for reading in [1_000, 1_500, 30, 40] {
            record.read(slot, reading);
        }
        assert_eq!(counter(&record), (540.0, 540.0, true));
    }

    #[test]
    fn a_counter_of_64_bits_goes_over_its_end_without_a_panic() {
        let mut record = Record::default();
        let slot = record.counter("bytes_total", "bytes", Scale::Whole, &[]);
        for reading in [u64::MAX - 1, u64::MAX, 5, u64::MAX, 0] {
            record.read(slot, reading);
        }
        assert!(counter(&record).0 > 1e19);
    }

    #[test]
    fn a_small_dip_is_waited_for() {
        let mut record = Record::default();
        let slot = record.counter_with_dips("idle_total", "", Scale::Whole, 10, &[]);
        for reading in [100, 120, 115, 119, 121, 130] {
            record.read(slot, reading);
        }
        assert_eq!(counter(&record), (30.0, 30.0, true));
    }

    #[test]
    fn a_retired_gauge_is_not_listed_and_comes_back_under_its_number() {
        let mut record = Record::default();
        let (one, two) = (record.gauge("depth", "", &[("device", "a")]), record.gauge("depth", "", &[("device", "b")]));
        record.set(one, 1.0);
        record.set(two, 2.0);
        record.retire(one);
        assert_eq!(record.samples().map(|sample| sample.index).collect::<Vec<_>>(), [1]);
        assert_eq!(record.gauge("depth", "", &[("device", "a")]), one);
        record.set(one, 3.0);
        let values: Vec<_> = record.samples().map(|sample| (sample.index, sample.value)).collect();
        assert_eq!(values, [(0, Value::Gauge(3.0)), (1, Value::Gauge(2.0))]);
    }

    #[test]
    fn a_device_that_returns_goes_on_where_it_was() {
        let mut record = Record::default();
        let slot = record.counter("bytes_total", "bytes", Scale::Whole, &[]);
        record.read(slot, 100);
        record.read(slot, 110);
        record.retire(slot);
        assert_eq!(counter(&record), (10.0, 10.0, true));
        record.delivered();
        assert_eq!(record.samples().count(), 0);
        record.read(slot, 4);
        assert_eq!(counter(&record), (14.0, 4.0, true));
    }

    #[test]
    fn values_that_are_not_finite_are_not_taken() {
        let mut record = Record::default();
        let slot = record.gauge("ratio", "", &[]);
        record.set(slot, f64::NAN);
        record.set(slot, f64::INFINITY);
        assert_eq!(record.samples().count(), 0);
    }

    #[test]
    fn a_record_takes_over_what_another_hands_over() {
        let (mut from, mut to, mut batch, mut slots) =
            (Record::default(), Record::default(), Batch::default(), Vec::new());
        to.gauge("other", "", &[]);
        let count = from.counter("bytes_total", "bytes", Scale::Whole, &[]);
        let gauge = from.gauge("depth", "", &[]);
        from.read(count, 100);
        from.set(gauge, 7.0);
        from.hand_over(&mut batch);
        to.take_over(&mut batch, &mut slots);
        from.read(count, 130);
        from.retire(gauge);
        from.hand_over(&mut batch);
        to.take_over(&mut batch, &mut slots);
        let values: Vec<_> = to.samples().map(|sample| (sample.index, sample.value)).collect();
        assert_eq!(values, [(1, Value::Counter { total: Number::Int(30), fresh: Number::Int(30) })]);
    }

    #[test]
    fn series_beyond_the_limit_are_left_out_and_counted() {
        let mut record = Record::default();
        for device in 0..MOST_SERIES + 3 {
            let slot = record.gauge("depth", "", &[("device", &device.to_string())]);
            record.set(slot, 1.0);
        }
        assert_eq!((record.samples().count(), record.left_out()), (MOST_SERIES, 3));
    }
}
