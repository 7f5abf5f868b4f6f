//! From sorted samples to stretches of series.
//!
//! Counters get what they grew by: the difference of two totals, or the whole total where a counter began again, which
//! shows when it is smaller than before or counts since another time (`_created`). What a counter had before its first
//! sample is not growth, unless an export of our own says that it began there; its first sample of a later import goes on
//! from the one before.
//!
//! Distributions of our own are written as sums since the beginning of the export; what was recorded between two samples
//! is their difference.
//!
//! A sample at a time at which the store has the series already is left out, so that a text may be imported twice.

use monitor_core::{Distribution, MetricKind, Number, SeriesKey};

use super::{
    meaning::Part,
    openmetrics::OPEN_BUCKET,
    stage::{Grid, Row},
};
use crate::{
    error::Error,
    store::{Backfill, Known, Stretch},
};

/// What became of the samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Samples that were written.
    pub(super) written: u64,
    /// Samples that the store had already.
    pub(super) known: u64,
    /// Samples that were given again; of these the last one counts.
    pub(super) repeated: u64,
    /// Series of which something was written.
    pub(super) series: u64,
    /// The earliest and the latest time of those that were written.
    pub(super) span: Option<(i64, i64)>,
}

/// Takes samples in order and writes stretches.
pub(super) struct Assembler<'a> {
    store: &'a mut Backfill,
    states: Vec<State>,
    /// The stretches of time that samples are sorted by.
    grid: Grid,
    /// The samples of one series at one time.
    point: Vec<Row>,
    stretch: Stretch,
    /// What the store has already in the stretch of time.
    known: Known,
    counts: Counts,
}

/// What is known of a series from earlier samples.
#[derive(Debug)]
struct State {
    /// Taken when the series gets its number.
    key: Option<SeriesKey>,
    kind: MetricKind,
    id: u64,
    /// Whether the store had it before.
    is_known: bool,
    was_written: bool,
    /// The newest total of a counter.
    total: Option<Number>,
    created: Option<Number>,
    /// The newest state of a distribution.
    values: Option<Cumulated>,
}

/// What a distribution has since the beginning of the export.
#[derive(Debug, Default)]
struct Cumulated {
    /// Each without those below it, ascending.
    buckets: Vec<(u16, u64)>,
    sum: f64,
}

impl<'a> Assembler<'a> {
    /// For samples of `series`, sorted by the stretches of `grid`.
    pub(super) fn new(store: &'a mut Backfill, series: Vec<SeriesKey>, grid: Grid) -> Self {
        let states = series.into_iter().map(State::new).collect();
        let (point, stretch, known, counts) = Default::default();
        Self { store, states, grid, point, stretch, known, counts }
    }

    /// Takes the next sample.
    pub(super) fn take(&mut self, row: Row) -> Result<(), Error> {
        if let Some(&before) = self.point.first() {
            let is_same_stretch = (before.series, before.stretch) == (row.series, row.stretch);
            if !is_same_stretch || before.ts != row.ts {
                self.close_point()?;
            }
            if !is_same_stretch {
                self.close_stretch(before.series)?;
                self.open_stretch(row)?;
            }
        } else {
            self.open_stretch(row)?;
        }
        match self.point.last_mut().filter(|last| (last.ts, last.part) == (row.ts, row.part)) {
            Some(last) => {
                *last = row;
                self.counts.repeated += 1;
            }
            None => self.point.push(row),
        }
        Ok(())
    }

    /// Writes the rest.
    pub(super) fn finish(mut self) -> Result<Counts, Error> {
        if let Some(&last) = self.point.first() {
            self.close_point()?;
            self.close_stretch(last.series)?;
        }
        Ok(self.counts)
    }

    /// Looks up what the store has of the series in the stretch of time that begins with `row`.
    fn open_stretch(&mut self, row: Row) -> Result<(), Error> {
        let state = &mut self.states[row.series as usize];
        if let Some(key) = state.key.take() {
            (state.id, state.is_known) = self.store.series(key)?;
            if state.is_known && state.kind == MetricKind::Counter {
                state.total = self.store.total_before(state.id, row.ts)?;
            }
        }
        self.known = Known::default();
        if state.is_known {
            self.known = self.store.known(state.id, row.ts, self.grid.end(row.stretch))?;
        }
        Ok(())
    }

    fn close_point(&mut self) -> Result<(), Error> {
        let Some(&Row { series, ts, .. }) = self.point.first() else { return Ok(()) };
        let state = &mut self.states[series as usize];
        let value = state.take(&self.point);
        self.point.clear();
        if self.known.has(ts) {
            self.counts.known += u64::from(value.is_some());
            return Ok(());
        }
        match value {
            Some(Grown::Counter { total, increase }) => self.stretch.push_counter(ts, total, increase),
            Some(Grown::Gauge(value)) => self.stretch.push_gauge(ts, value),
            Some(Grown::Distribution(values)) => self.stretch.push_distribution(ts, &values),
            None => return Ok(()),
        }
        self.counts.written += 1;
        let (first, last) = self.counts.span.unwrap_or((ts, ts));
        self.counts.span = Some((first.min(ts), last.max(ts)));
        if self.stretch.len() == Stretch::MOST { self.close_stretch(series) } else { Ok(()) }
    }

    fn close_stretch(&mut self, series: u32) -> Result<(), Error> {
        let state = &mut self.states[series as usize];
        if self.stretch.len() > 0 && !std::mem::replace(&mut state.was_written, true) {
            self.counts.series += 1;
        }
        self.store.add(state.id, &mut self.stretch)
    }
}

/// A value as it is stored.
#[derive(Debug, PartialEq)]
enum Grown {
    Counter { total: Number, increase: Number },
    Gauge(f64),
    Distribution(Distribution),
}

impl State {
    fn new(key: SeriesKey) -> Self {
        Self {
            kind: key.kind,
            key: Some(key),
            id: 0,
            is_known: false,
            was_written: false,
            total: None,
            created: None,
            values: None,
        }
    }

    /// The value of the samples of one time, of which there is at least one; `None` if they make none.
    fn take(&mut self, point: &[Row]) -> Option<Grown> {
        let value = |part| point.iter().find(|row| row.part == part).map(|row| row.value);
        let is_new = self.begins(value(Part::Created), point[0].is_own);
        match self.kind {
            MetricKind::Counter => {
                let total = value(Part::Value)?;
                let increase = match self.total.replace(total) {
                    _ if is_new => total,
                    Some(before) => growth(before, total),
                    None => Number::ZERO,
                };
                Some(Grown::Counter { total, increase })
            }
            MetricKind::Gauge => value(Part::Value).map(|value| Grown::Gauge(value.as_f64())),
            _ => {
                let now = Cumulated::of(point);
                let before = self.values.take().or_else(|| is_new.then(Cumulated::default));
                let fresh =
                    before.map(|before| if is_new { now.since(&Cumulated::default()) } else { now.since(&before) });
                self.values = Some(now);
                fresh.filter(|values| !values.is_empty()).map(Grown::Distribution)
            }
        }
    }

    /// Whether the series begins at 0 with a sample that says `created`. An export of our own says so at the beginnings
    /// only; others say it with each sample, also with the first one of a text, which need not be the beginning.
    fn begins(&mut self, created: Option<Number>, is_own: bool) -> bool {
        let Some(created) = created else { return false };
        let before = self.created.replace(created);
        is_own || before.is_some_and(|before| before != created)
    }
}

impl Cumulated {
    fn of(point: &[Row]) -> Self {
        let mut values = Self::default();
        let mut below = 0_u64;
        let mut all = 0_u64;
        for row in point {
            match row.part {
                Part::UpTo(bucket) => {
                    let up_to = whole(row.value);
                    values.buckets.push((bucket, up_to.saturating_sub(below)));
                    below = below.max(up_to);
                }
                Part::Count => all = whole(row.value),
                Part::Sum => values.sum = row.value.as_f64(),
                Part::Created | Part::Value => {}
            }
        }
        values.buckets.push((OPEN_BUCKET, all.saturating_sub(below)));
        values
    }

    /// What came since `before`; all of it, if there is less now.
    fn since(&self, before: &Self) -> Distribution {
        let earlier = |bucket| {
            let place = before.buckets.binary_search_by_key(&bucket, |known| known.0);
            place.map_or(0, |place| before.buckets[place].1)
        };
        let fresh: Option<Vec<(u16, u64)>> =
            self.buckets.iter().map(|&(bucket, count)| Some((bucket, count.checked_sub(earlier(bucket))?))).collect();
        match fresh {
            Some(buckets) => Distribution::from_parts(buckets, self.sum - before.sum, None),
            None => Distribution::from_parts(self.buckets.clone(), self.sum, None),
        }
    }
}

/// A count, which may be written as a float.
fn whole(count: Number) -> u64 {
    match count {
        Number::Int(count) => count,
        Number::Float(count) => count as u64,
    }
}

/// What a counter grew by. A total that is smaller than the one before has begun anew.
fn growth(before: Number, total: Number) -> Number {
    match (before, total) {
        (Number::Int(before), Number::Int(total)) => Number::Int(total.checked_sub(before).unwrap_or(total)),
        (before, total) => {
            let (before, total) = (before.as_f64(), total.as_f64());
            if total >= before {
                Number::Float(total - before)
            } else if total < before {
                Number::Float(total)
            } else {
                // Not-a-number grew by nothing that could be told.
                Number::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(kind: MetricKind) -> State {
        let name = String::from("a");
        State::new(SeriesKey { name, kind, unit: String::new(), service: None, labels: Vec::new() })
    }

    fn row(part: Part, is_own: bool, value: u64) -> Row {
        Row { stretch: 0, series: 0, ts: 0, part, is_own, value: Number::Int(value) }
    }

    fn increase(state: &mut State, total: u64, created: Option<u64>, is_own: bool) -> u64 {
        let mut point = vec![row(Part::Value, is_own, total)];
        point.extend(created.map(|created| row(Part::Created, is_own, created)));
        match state.take(&point) {
            Some(Grown::Counter { increase: Number::Int(increase), .. }) => increase,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_counter_grows_by_differences_and_begins_anew_where_it_shrinks_or_says_so() {
        let mut foreign = state(MetricKind::Counter);
        assert_eq!(increase(&mut foreign, 100, None, false), 0, "what was before is not known");
        assert_eq!(increase(&mut foreign, 130, None, false), 30);
        assert_eq!(increase(&mut foreign, 7, None, false), 7, "it was reset");
        let mut dated = state(MetricKind::Counter);
        assert_eq!(increase(&mut dated, 100, Some(1), false), 0, "it may have begun long before");
        assert_eq!(increase(&mut dated, 120, Some(1), false), 20);
        assert_eq!(increase(&mut dated, 150, Some(9), false), 150, "it counts since another time");
        let mut own = state(MetricKind::Counter);
        assert_eq!(increase(&mut own, 100, Some(1), true), 100);
        assert_eq!(increase(&mut own, 120, None, true), 20);
    }

    #[test]
    fn growth_of_odd_floats_is_never_negative() {
        let grown = |before, total| growth(Number::Float(before), Number::Float(total)).as_f64();
        for (before, total, wanted) in [(1.5, 4.0, 2.5), (4.0, 1.5, 1.5), (f64::NAN, 3.0, 0.0), (3.0, f64::NAN, 0.0)] {
            assert!((grown(before, total) - wanted).abs() < 1e-9, "{before} {total}");
        }
    }

    #[test]
    fn a_distribution_is_what_came_since_the_sample_before() {
        let point = |first: u64, second: u64, all: u64, begins: bool| {
            let mut rows = vec![row(Part::UpTo(10), true, first), row(Part::UpTo(20), true, second)];
            rows.extend([row(Part::Count, true, all), row(Part::Sum, true, all)]);
            rows.extend(begins.then(|| row(Part::Created, true, 1)));
            rows
        };
        let mut timer = state(MetricKind::Timer);
        let mut fresh = |rows: &[Row]| match timer.take(rows) {
            Some(Grown::Distribution(values)) => values.buckets().to_vec(),
            None => Vec::new(),
            other => panic!("{other:?}"),
        };
        assert_eq!(fresh(&point(2, 5, 6, true)), [(10, 2), (20, 3), (OPEN_BUCKET, 1)]);
        assert_eq!(fresh(&point(2, 7, 8, false)), [(20, 2)]);
        assert_eq!(fresh(&point(2, 7, 8, false)), []);
        assert_eq!(fresh(&point(1, 1, 1, false)), [(10, 1)], "it began anew");
    }
}
