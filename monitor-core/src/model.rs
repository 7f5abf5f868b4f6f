//! The shard protocol under the model checker: every interleaving of writers, thread exit, adoption and drain.
//!
//! Run by `cargo xtask loom`. What is shown here: whatever a drain sees is what some writer had finished, nothing is seen
//! twice, and once the writers are done the drain has exactly what they wrote, across retirement and adoption.

use loom::sync::Arc;
use loom::thread;

use crate::primitive::atomic::Ordering;
use crate::shard::{CallCell, CellList, End};

/// What a drain has taken of a list, by wrapping differences a cell.
#[derive(Default)]
struct Drain {
    seen: Vec<(usize, u32, u32)>,
}

impl Drain {
    /// Takes what is new: `(calls, values in buckets)`.
    fn take(&mut self, cells: &CellList<CallCell>) -> (u32, u32) {
        let mut gained = (0, 0);
        for cell in cells.iter() {
            let ends = cell.ends();
            let calls = ends.ok + ends.panicked + ends.cancelled + ends.errors.iter().sum::<u32>();
            let values = cell.histogram().iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum::<u32>();
            assert!(values >= calls, "a call was published before its bucket");
            let address = std::ptr::from_ref(cell).addr();
            let place = self.seen.iter().position(|seen| seen.0 == address).unwrap_or_else(|| {
                self.seen.push((address, 0, 0));
                self.seen.len() - 1
            });
            let seen = &mut self.seen[place];
            assert!(calls >= seen.1 && values >= seen.2, "a cell went backwards");
            gained = (gained.0 + calls - seen.1, gained.1 + values - seen.2);
            (seen.1, seen.2) = (calls, values);
        }
        gained
    }
}

fn call(cells: &CellList<CallCell>, end: End) {
    let cell = cells.claim();
    cell.start();
    cell.end(1, 7, end);
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
                let gained = drain.take(&cells);
                (drain, gained)
            })
        };
        call(&cells, End::Ok);
        call(&cells, End::Error(1));
        let (mut drain, early) = drain.join().unwrap();
        assert!(early.0 <= 2);
        let late = drain.take(&cells);
        assert_eq!((early.0 + late.0, early.1 + late.1), (2, 2));
    });
}

#[test]
fn a_drain_beside_two_writers_misses_nothing_and_takes_nothing_twice() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        let (one, two) = (cells.claim(), cells.claim());
        let writers =
            [(one, End::Ok), (two, End::Error(1))].map(|(cell, end)| thread::spawn(move || cell.end(1, 7, end)));
        let mut drain = Drain::default();
        let early = drain.take(&cells);
        for writer in writers {
            writer.join().unwrap();
        }
        let late = drain.take(&cells);
        assert_eq!((early.0 + late.0, early.1 + late.1), (2, 2));
    });
}

#[test]
fn a_thread_that_adopts_a_retired_cell_goes_on_from_its_totals() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        call(&cells, End::Ok);
        let other = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || call(&cells, End::Panicked))
        };
        call(&cells, End::Cancelled);
        other.join().unwrap();
        assert_eq!(Drain::default().take(&cells), (3, 3));
        assert!(cells.iter().count() <= 2, "a retired cell was not reused");
    });
}

#[test]
fn no_two_threads_own_one_cell() {
    loom::model(|| {
        let cells: Arc<CellList<CallCell>> = Arc::new(CellList::new());
        call(&cells, End::Ok);
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
