//! Adds the series of a stream up as they are read.
//!
//! A row of the store holds the series that changed, so the others count with the value that they had last. With a new
//! recording all begin anew, and none of the one before counts any more.

use std::collections::{BTreeMap, VecDeque};

use super::{scan::Row, stream::Fact};

/// A sum that is going on.
#[derive(Debug)]
pub(super) struct Total {
    /// The place of its stream.
    stream: usize,
    /// What came since it was settled: time, recording, which series, value.
    fresh: Vec<(i64, u64, usize, f64)>,
    /// The value of each series, and the recording that it is of.
    values: BTreeMap<usize, (u64, f64)>,
}

impl Total {
    pub(super) const fn of(stream: usize) -> Self {
        Self { stream, fresh: Vec::new(), values: BTreeMap::new() }
    }

    /// Takes the value of one series; in any order among those that are settled together.
    pub(super) fn add(&mut self, place: usize, ts: i64, run: u64, value: f64) {
        self.fresh.push((ts, run, place, value));
    }

    /// Works out what came, and adds a row for each time after `after` to `ready`.
    pub(super) fn settle(&mut self, after: i64, ready: &mut VecDeque<Row>) {
        self.fresh.sort_by_key(|fresh| (fresh.0, fresh.1));
        for same in self.fresh.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (ts, run, ..) = same[0];
            for &(_, _, place, value) in same {
                self.values.insert(place, (run, value));
            }
            if ts > after {
                let current = self.values.values().filter(|value| value.0 == run);
                let fact = Fact::plain(current.map(|value| value.1).sum());
                ready.push_back(Row { stream: self.stream, ts, run, fact });
            }
        }
        self.fresh.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(total: &mut Total, after: i64) -> Vec<(i64, f64)> {
        let mut ready = VecDeque::new();
        total.settle(after, &mut ready);
        ready.into_iter().map(|row| (row.ts, row.fact.value)).collect()
    }

    #[test]
    fn a_series_that_did_not_change_keeps_its_value() {
        let mut total = Total::of(0);
        for (place, ts, value) in [(0, 1, 10.0), (0, 3, 12.0), (1, 1, 100.0), (1, 2, 101.0)] {
            total.add(place, ts, 7, value);
        }
        assert_eq!(settle(&mut total, 0), [(1, 110.0), (2, 111.0), (3, 113.0)]);
        total.add(1, 4, 7, 200.0);
        assert_eq!(settle(&mut total, 0), [(4, 212.0)]);
    }

    #[test]
    fn times_before_the_window_are_known_and_not_shown() {
        let mut total = Total::of(0);
        for (place, ts, value) in [(0, 1, 10.0), (1, 1, 100.0), (0, 5, 11.0)] {
            total.add(place, ts, 7, value);
        }
        assert_eq!(settle(&mut total, 3), [(5, 111.0)]);
    }

    #[test]
    fn a_new_recording_begins_without_the_values_of_the_old_one() {
        let mut total = Total::of(0);
        for (place, ts, run, value) in [(0, 1, 7, 10.0), (1, 1, 7, 100.0), (0, 2, 9, 1.0), (1, 3, 9, 2.0)] {
            total.add(place, ts, run, value);
        }
        assert_eq!(settle(&mut total, 0), [(1, 110.0), (2, 1.0), (3, 3.0)]);
    }
}
