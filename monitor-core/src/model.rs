//! The shard protocol under the model checker: every interleaving of writers, thread exit, adoption and drain.
//!
//! Run by `cargo xtask loom`. What is shown here: whatever a drain sees is what some writer had finished, nothing is seen
//! twice, and once the writers are done the drain has exactly what they wrote, across retirement and adoption.

use loom::sync::Arc;
use loom::thread;

use crate::bucket::CALL_BUCKETS;
use crate::shard::{CallCell, CellList, End};

/// What a drain has taken of a list, by wrapping differences a cell.
#[derive(Default)]
struct Drain {
    seen: Vec<(usize, u32, Box<[u32; CALL_BUCKETS]>)>,
    /// What it has taken in all: calls, and durations by bucket.
    calls: u32,
    buckets: [u64; CALL_BUCKETS],
}

impl Drain {
    /// Takes what is new.
    fn take(&mut self, cells: &CellList<CallCell>) {
        for cell in cells.iter() {
            let ends = cell.ends();
            let calls = ends.ok + ends.panicked + ends.cancelled + ends.errors.iter().sum::<u32>();
            let address = std::ptr::from_ref(cell).addr();
            let place = self.seen.iter().position(|seen| seen.0 == address).unwrap_or_else(|| {
                self.seen.push((address, 0, Box::new([0; CALL_BUCKETS])));
                self.seen.len() - 1
            });
            let (_, seen, buckets) = &mut self.seen[place];
            assert!(calls >= *seen, "a cell went backwards");
            self.calls += calls - *seen;
            *seen = calls;
            cell.take_buckets(buckets, |bucket, count| self.buckets[usize::from(bucket)] += count);
        }
        assert!(self.durations() >= u64::from(self.calls), "a call was published before its duration");
    }

    fn durations(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// A call of its own thread: claims a cell, records, gives it back.
fn call(cells: &CellList<CallCell>, units: u64, end: End) {
    let cell = cells.claim();
    cell.start();
    cell.end(1, units, end);
    crate::shard::Cell::link(cell).retire();
}

// The checker prunes interleavings by the last access to a location alone, so a load that the writer makes itself hides
// the drain's. Hence the writing thread is the one that runs first, the drain is spawned, and the owner of a cell reads
// its own counters unsynchronised (`shard::bump`): only then are all orders explored, as mutations of each ordering show.

#[test]
fn a_drain_beside_a_new_writer_misses_nothing_and_takes_nothing_twice() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        let drain = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                let mut drain = Drain::default();
                drain.take(&cells);
                drain
            })
        };
        call(&cells, 1, End::Ok);
        call(&cells, 2, End::Error(1));
        let mut drain = drain.join().unwrap();
        assert!(drain.calls <= 2 && drain.durations() <= 2);
        drain.take(&cells);
        assert_eq!((drain.calls, drain.buckets), (2, [0, 1, 1]));
    });
}

#[test]
fn a_drain_beside_two_writers_misses_nothing_and_takes_nothing_twice() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        let (one, two) = (cells.claim(), cells.claim());
        let writers =
            [(one, End::Ok), (two, End::Error(1))].map(|(cell, end)| thread::spawn(move || cell.end(1, 2, end)));
        let mut drain = Drain::default();
        drain.take(&cells);
        for writer in writers {
            writer.join().unwrap();
        }
        drain.take(&cells);
        assert_eq!((drain.calls, drain.buckets), (2, [0, 0, 2]));
    });
}

#[test]
fn durations_that_wait_are_taken_once_however_often_the_drain_comes_between() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        let cell = cells.claim();
        let drain = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                let mut drain = Drain::default();
                drain.take(&cells);
                drain.take(&cells);
                drain
            })
        };
        for units in [2, 1] {
            cell.end(1, units, End::Ok);
        }
        let mut drain = drain.join().unwrap();
        assert!(drain.durations() <= 2, "a duration was taken twice");
        drain.take(&cells);
        assert_eq!((drain.calls, drain.buckets), (2, [0, 1, 1]));
    });
}

#[test]
fn a_thread_that_adopts_a_retired_cell_goes_on_from_its_totals() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        call(&cells, 1, End::Ok);
        let other = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || call(&cells, 2, End::Panicked))
        };
        call(&cells, 0, End::Cancelled);
        other.join().unwrap();
        let mut drain = Drain::default();
        drain.take(&cells);
        assert_eq!((drain.calls, drain.buckets), (3, [1, 1, 1]));
        assert!(cells.iter().count() <= 2, "a retired cell was not reused");
    });
}

#[test]
fn no_two_threads_own_one_cell() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        call(&cells, 1, End::Ok);
        let other = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || std::ptr::from_ref(cells.claim()).addr())
        };
        let own = std::ptr::from_ref(cells.claim()).addr();
        assert_ne!(own, other.join().unwrap());
    });
}

#[test]
fn a_call_is_never_seen_to_end_before_it_starts() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        let first = cells.claim();
        let second = cells.claim();
        first.start();
        // A future that starts on one thread and ends on another, which its move orders.
        let other = thread::spawn(move || second.end(1, 3, End::Ok));
        let ended: u32 = cells.iter().map(|cell: &CallCell| cell.ends().ok).sum();
        let started: u32 = cells.iter().map(CallCell::starts).sum();
        assert!(started >= ended);
        other.join().unwrap();
    });
}
