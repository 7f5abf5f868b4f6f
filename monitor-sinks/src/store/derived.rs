//! Series that are worked out from others, such as those of rules that record: gauges of an origin of their own.
//!
//! Whoever works a series out claims it, sets its value whenever there is a new one, and ends it when there is none any
//! more. In between it is listed at every flush with the value that it has, as gauges of a program are. One that has ended
//! is listed once more, with the marker by which Prometheus says so: without it a reader would hold on to the last value
//! until two full rows are without the series.
//!
//! A series keeps its number for as long as the process records, for the writer knows it by that. So they are bounded over
//! all time, not at an instant: labels whose values never end are a mistake here as everywhere.

use std::{collections::HashMap, sync::Arc};

use monitor_core::{Sample, SeriesKey, Value};

use super::origin::{Origin, Placed};
use crate::util::STALE;

/// All derived series of a process, by number.
#[derive(Debug)]
pub(crate) struct Derived {
    series: Vec<Series>,
    numbers: HashMap<Arc<SeriesKey>, usize>,
    /// How many there may be.
    most: usize,
}

#[derive(Debug)]
struct Series {
    key: Arc<SeriesKey>,
    value: f64,
    /// Who sets it, by number; nobody, once it has ended.
    owner: Option<usize>,
    /// The bits that were stored last, until its end was.
    stored: Option<u64>,
}

/// Why a series cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are as many as there may be.
    Full,
    /// Somebody else sets it.
    Taken,
}

impl Derived {
    /// None, of at most `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self { series: Vec::new(), numbers: HashMap::new(), most }
    }

    /// How many there may be.
    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    /// The number of the series called `key`, which `owner` sets from now on. It is listed once it was set.
    pub(crate) fn claim(&mut self, key: SeriesKey, owner: usize) -> Result<usize, Refused> {
        if let Some(&number) = self.numbers.get(&key) {
            return self.reclaim(number, owner).map(|()| number);
        }
        if self.series.len() >= self.most {
            return Err(Refused::Full);
        }
        let (key, number) = (Arc::new(key), self.series.len());
        self.numbers.insert(Arc::clone(&key), number);
        self.series.push(Series { key, value: f64::from_bits(STALE), owner: Some(owner), stored: None });
        Ok(number)
    }

    /// Claims a series by its number.
    pub(crate) fn reclaim(&mut self, number: usize, owner: usize) -> Result<(), Refused> {
        let claimed = &mut self.series[number].owner;
        if claimed.is_some_and(|other| other != owner) {
            return Err(Refused::Taken);
        }
        *claimed = Some(owner);
        Ok(())
    }

    /// Sets the value of a series that was claimed. The marker of an end is not a value.
    pub(crate) fn set(&mut self, number: usize, value: f64) {
        self.series[number].value = if value.to_bits() == STALE { f64::NAN } else { value };
    }

    /// Ends a series, if `owner` sets it. Returns whether it does.
    pub(crate) fn end(&mut self, number: usize, owner: usize) -> bool {
        let is_own = self.series[number].owner == Some(owner);
        if is_own {
            self.series[number].end();
        }
        is_own
    }

    /// Ends all of them. Whoever goes on with one sets it before its end is stored.
    pub(crate) fn end_all(&mut self) {
        self.series.iter_mut().for_each(Series::end);
    }

    /// One sample for each series that has a value, or whose end has not been stored.
    pub(crate) fn samples(&self) -> impl Iterator<Item = Placed<'_>> {
        (0..self.series.len()).filter_map(|number| self.sample(number))
    }

    /// The sample of one series, if it has one.
    pub(crate) fn sample(&self, number: usize) -> Option<Placed<'_>> {
        let Series { key, value, stored, .. } = &self.series[number];
        let is_unset = value.to_bits() == STALE && stored.is_none();
        let changed = *stored != Some(value.to_bits());
        let sample = Sample { index: number, key, value: Value::Gauge(*value), changed };
        (!is_unset).then(|| Origin::Derived.sample(sample))
    }

    /// Takes note that the samples have been stored.
    pub(crate) fn delivered(&mut self) {
        for series in &mut self.series {
            let bits = series.value.to_bits();
            series.stored = (bits != STALE).then_some(bits);
        }
    }
}

impl Series {
    fn end(&mut self) {
        (self.owner, self.value) = (None, f64::from_bits(STALE));
    }
}

#[cfg(test)]
mod tests {
    use monitor_core::MetricKind;

    use super::*;

    fn key(name: &str) -> SeriesKey {
        let (name, unit, service) = (name.to_owned(), String::new(), Some(String::new()));
        SeriesKey { name, kind: MetricKind::Gauge, unit, service, labels: Vec::new() }
    }

    /// What is listed, as `NAME=VALUE`, with `!` if it has changed; an end has no value.
    fn listed(derived: &Derived) -> Vec<String> {
        let shown = |Placed { sample, .. }: Placed<'_>| {
            let Value::Gauge(value) = sample.value else { panic!("no gauge: {sample:?}") };
            let value = if value.to_bits() == STALE { String::from("end") } else { value.to_string() };
            format!("{}={value}{}", sample.key.name, if sample.changed { "!" } else { "" })
        };
        derived.samples().map(shown).collect()
    }

    #[test]
    fn a_series_is_listed_as_long_as_it_lasts_and_its_end_until_it_was_stored() {
        let mut derived = Derived::new(10);
        let (a, b) = (derived.claim(key("a"), 0).unwrap(), derived.claim(key("b"), 0).unwrap());
        assert!(listed(&derived).is_empty(), "nothing was set");
        derived.set(a, 1.0);
        derived.set(b, f64::from_bits(STALE));
        assert_eq!(listed(&derived), ["a=1!", "b=NaN!"]);
        derived.delivered();
        assert_eq!(listed(&derived), ["a=1", "b=NaN"]);
        assert!(derived.end(a, 0) && !derived.end(a, 0));
        // The flush fails.
        assert_eq!(listed(&derived), ["a=end!", "b=NaN"]);
        assert_eq!(listed(&derived), ["a=end!", "b=NaN"]);
        derived.delivered();
        assert_eq!(listed(&derived), ["b=NaN"]);
        // It is back, under the number that the writer knows.
        assert_eq!(derived.claim(key("a"), 3), Ok(a));
        derived.set(a, 2.0);
        assert_eq!(listed(&derived), ["a=2!", "b=NaN"]);
    }

    #[test]
    fn what_ends_before_it_was_stored_leaves_nothing() {
        let mut derived = Derived::new(10);
        let a = derived.claim(key("a"), 0).unwrap();
        derived.set(a, 1.0);
        derived.end(a, 0);
        assert!(listed(&derived).is_empty());
    }

    #[test]
    fn a_series_has_one_owner_and_there_are_only_so_many() {
        let mut derived = Derived::new(2);
        let a = derived.claim(key("a"), 0).unwrap();
        assert_eq!(derived.claim(key("a"), 1), Err(Refused::Taken));
        assert!(!derived.end(a, 1));
        derived.claim(key("b"), 1).unwrap();
        assert_eq!(derived.claim(key("c"), 1), Err(Refused::Full));
        assert_eq!(derived.claim(key("a"), 0), Ok(a), "those that are known stay");
    }

    #[test]
    fn whoever_comes_after_others_goes_on_with_their_series_as_if_nothing_had_happened() {
        let mut derived = Derived::new(10);
        for (name, owner) in [("a", 0), ("b", 1)] {
            let number = derived.claim(key(name), owner).unwrap();
            derived.set(number, 1.0);
        }
        derived.delivered();
        derived.end_all();
        assert_eq!(listed(&derived), ["a=end!", "b=end!"]);
        let b = derived.claim(key("b"), 0).unwrap();
        derived.set(b, 1.0);
        assert_eq!(listed(&derived), ["a=end!", "b=1"]);
    }
}
