//! The values of a counter or gauge in a chunk, all at once.
//!
//! Nearly all that is stored are numbers of chunks that lie in the window of a question as a whole. Whoever is told of them
//! one by one spends most of the time on being told.

use monitor_core::Number;

use super::entry::Entry;

/// Values at flushes of one recording, in the order of time; at least one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) times: &'a [i64],
    /// As many. Of a counter its totals, each of which is a whole number that a float can be.
    pub(crate) values: &'a [f64],
    /// What a counter had grown by at the first of them; `None` for a gauge. From there on it grew by the differences.
    pub(crate) increase: Option<f64>,
}

impl<'a> Line<'a> {
    /// The entry at a place, which must be one of those there are.
    pub(crate) fn entry(&self, place: usize) -> Entry<'static> {
        let value = self.values[place];
        let Some(first) = self.increase else { return Entry::Gauge(value) };
        let increase = place.checked_sub(1).map_or(first, |before| value - self.values[before]);
        // Whole, and no total is less than the one before.
        Entry::Counter { total: Number::Int(value as u64), increase: Number::Int(increase as u64) }
    }

    /// All entries, with their times.
    pub(crate) fn entries(self) -> impl Iterator<Item = (i64, Entry<'static>)> + use<'a> {
        self.times.iter().enumerate().map(move |(place, &ts)| (ts, self.entry(place)))
    }

    /// The part of it that lies after the one time, and at or before the other; `None` if that is nothing.
    pub(crate) fn within(self, after: i64, until: i64) -> Option<Self> {
        let first = self.times.partition_point(|&ts| ts <= after);
        let end = self.times.partition_point(|&ts| ts <= until);
        if first >= end {
            return None;
        }
        let increase = match first.checked_sub(1) {
            Some(before) => self.increase.map(|_| self.values[first] - self.values[before]),
            None => self.increase,
        };
        Some(Self { times: &self.times[first..end], values: &self.values[first..end], increase })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_line_has_the_entries_that_the_whole_has_there() {
        let (times, values) = ([10, 20, 30, 40], [3.0, 5.0, 5.0, 9.0]);
        for increase in [Some(1.0), None] {
            let whole = Line { times: &times, values: &values, increase };
            let all: Vec<_> = whole.entries().collect();
            for after in [0, 10, 15, 39, 40] {
                for until in [5, 10, 30, 40, 50] {
                    let part: Vec<_> = whole.within(after, until).into_iter().flat_map(Line::entries).collect();
                    let inside = all.iter().filter(|(ts, _)| *ts > after && *ts <= until);
                    assert_eq!(part, inside.copied().collect::<Vec<_>>(), "{after} to {until}");
                }
            }
        }
    }

    #[test]
    fn a_counter_grows_by_the_differences_of_its_totals() {
        let line = Line { times: &[1, 2], values: &[3.0, 5.0], increase: Some(1.0) };
        let number = |total, increase| Entry::Counter { total: Number::Int(total), increase: Number::Int(increase) };
        assert_eq!(line.entries().collect::<Vec<_>>(), [(1, number(3, 1)), (2, number(5, 2))]);
    }
}
