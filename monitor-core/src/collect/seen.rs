//! What a collector last saw of each cell, and the differences to what it sees now.

use std::collections::BTreeMap;

use super::Epochs;
use crate::bucket::{CALL_BUCKETS, UNITS, VALUE_BUCKETS};
use crate::distribution::Distribution;
use crate::sample::Number;
use crate::shard::{CallCell, Cell, CounterCell, Ends, Extremes, KINDS, ValueCell};
use crate::site::CallSite;

/// By the address of a site or series, which stays where it is for the whole process.
type ByOwner<T> = BTreeMap<usize, T>;

/// By the number of a cell in its list.
type ByCell<T> = Vec<T>;

/// Everything seen so far. What is not in here was seen as zero.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) calls: ByOwner<SeenSite>,
    pub(super) counters: ByOwner<ByCell<SeenCounter>>,
    pub(super) values: ByOwner<ByCell<SeenValue>>,
}

impl Seen {
    pub(super) const NOTHING: Self =
        Self { calls: BTreeMap::new(), counters: BTreeMap::new(), values: BTreeMap::new() };
}

/// What was seen of a cell before.
pub(super) fn of_cell<'a, T: Default>(seen: &'a mut ByCell<T>, cell: &impl Cell) -> &'a mut T {
    let number = cell.link().number();
    if seen.len() <= number {
        seen.resize_with(number + 1, T::default);
    }
    &mut seen[number]
}

/// What was seen of a call site.
#[derive(Debug, Default)]
pub(super) struct SeenSite(ByCell<SeenCallCell>);

impl SeenSite {
    /// Adds what the site gained to `gained`; returns how many calls are in flight.
    ///
    /// Starts and ends go on while they are read. Where nothing began between two readings of the starts, the ends read
    /// in between belong to them; else the calls that began meanwhile, and may have ended, must not be taken for calls in
    /// flight, and the starts of before the ends are the ones that count.
    pub(super) fn take(&mut self, site: &'static CallSite, epochs: Epochs, gained: &mut SeenCall) -> u64 {
        const TRIES: usize = 4;
        let mut in_flight = 0;
        for attempt in 1..=TRIES {
            let before = self.started(site);
            let mut ended = 0;
            for cell in site.cells.iter() {
                ended += of_cell(&mut self.0, cell).take(cell, epochs, gained);
            }
            in_flight = before.saturating_sub(ended);
            if attempt == TRIES || self.started(site) == before {
                break;
            }
        }
        in_flight
    }

    /// How many calls have started in all.
    fn started(&mut self, site: &'static CallSite) -> u64 {
        site.cells.iter().map(|cell| of_cell(&mut self.0, cell).started(cell)).sum()
    }
}

/// What a site gained since the last drain.
#[derive(Debug, Default)]
pub(super) struct SeenCall {
    pub(super) ok: u64,
    pub(super) panicked: u64,
    pub(super) cancelled: u64,
    pub(super) errors: [u64; KINDS],
    /// Calls that kept the latency of their objective.
    pub(super) kept: u64,
    buckets: Vec<(u16, u64)>,
    sum_units: u64,
    extremes: Option<(u64, u64)>,
}

impl SeenCall {
    pub(super) fn is_nothing(&self) -> bool {
        self.ok + self.panicked + self.cancelled + self.errors.iter().sum::<u64>() == 0 && self.buckets.is_empty()
    }

    /// The durations of the calls, in seconds.
    pub(super) fn durations(&self) -> Distribution {
        let extremes = self.extremes.map(|(min, max)| (min as f64 / UNITS, max as f64 / UNITS));
        Distribution::from_parts(self.buckets.clone(), self.sum_units as f64 / UNITS, extremes)
    }
}

/// What was last seen of a [`CallCell`].
#[derive(Debug, Default)]
pub(super) struct SeenCallCell {
    ends: Ends,
    starts: u32,
    kept: u32,
    total_started: u64,
    total_ended: u64,
    sum_units: u64,
    buckets: Option<Box<[u32; CALL_BUCKETS]>>,
}

impl SeenCallCell {
    /// Adds what the cell gained to `gained`; returns how many calls have ended there in all.
    fn take(&mut self, cell: &CallCell, epochs: Epochs, gained: &mut SeenCall) -> u64 {
        let ends = cell.ends();
        if ends != self.ends {
            let fresh = |now: u32, then: u32| u64::from(now.wrapping_sub(then));
            let (ok, panicked, cancelled) = (
                fresh(ends.ok, self.ends.ok),
                fresh(ends.panicked, self.ends.panicked),
                fresh(ends.cancelled, self.ends.cancelled),
            );
            self.total_ended += ok + panicked + cancelled;
            (gained.ok, gained.panicked) = (gained.ok + ok, gained.panicked + panicked);
            gained.cancelled += cancelled;
            for (kind, total) in gained.errors.iter_mut().enumerate() {
                let errors = fresh(ends.errors[kind], self.ends.errors[kind]);
                self.total_ended += errors;
                *total += errors;
            }
            self.ends = ends;
            let kept = cell.kept();
            gained.kept += fresh(kept, self.kept);
            self.kept = kept;
            let seen = self.buckets.get_or_insert_with(|| Box::new([0; CALL_BUCKETS]));
            cell.take_buckets(seen, |bucket, count| gained.buckets.push((bucket, count)));
            let sum = cell.sum();
            gained.sum_units = gained.sum_units.wrapping_add(sum.wrapping_sub(self.sum_units));
            self.sum_units = sum;
            gained.extremes = widest(gained.extremes, cell.extremes(), epochs);
        }
        self.total_ended
    }

    /// The calls that this cell has started in all.
    fn started(&mut self, cell: &CallCell) -> u64 {
        let starts = cell.starts();
        self.total_started += u64::from(starts.wrapping_sub(self.starts));
        self.starts = starts;
        self.total_started
    }
}

/// What was last seen of a [`CounterCell`].
#[derive(Debug, Default)]
pub(super) struct SeenCounter {
    whole: u64,
    fraction: f64,
}

impl SeenCounter {
    /// What the cell gained.
    pub(super) fn take(&mut self, cell: &CounterCell) -> Number {
        let (whole, fraction) = cell.read();
        let fresh = Number::Int(whole.wrapping_sub(self.whole));
        let part = fraction - self.fraction;
        *self = Self { whole, fraction };
        if part == 0.0 { fresh } else { fresh + Number::Float(part) }
    }
}

/// What was last seen of a [`ValueCell`].
#[derive(Debug, Default)]
pub(super) struct SeenValue {
    count: u32,
    sum: f64,
    buckets: Option<Box<[u32; VALUE_BUCKETS]>>,
}

impl SeenValue {
    /// What the cell gained; `None` if nothing.
    pub(super) fn take(&mut self, cell: &ValueCell, epochs: Epochs) -> Option<Distribution> {
        let count = cell.count();
        if count == self.count {
            return None;
        }
        self.count = count;
        let mut buckets = Vec::new();
        let seen = self.buckets.get_or_insert_with(|| Box::new([0; VALUE_BUCKETS]));
        cell.take_buckets(seen, |bucket, count| buckets.push((bucket, count)));
        let sum = cell.sum();
        let fresh = sum - self.sum;
        self.sum = sum;
        let extremes = widest(None, cell.extremes(), epochs);
        let extremes = extremes.map(|(min, max)| (f64::from_bits(min), f64::from_bits(max)));
        Some(Distribution::from_parts(buckets, fresh, extremes))
    }
}

/// `known` widened by what `extremes` holds of the epochs that just ended.
fn widest(known: Option<(u64, u64)>, extremes: &Extremes, epochs: Epochs) -> Option<(u64, u64)> {
    epochs.readable().filter_map(|epoch| extremes.of(epoch)).chain(known).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
