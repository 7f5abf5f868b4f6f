//! The cells of one call site or series: a list from which threads claim and to which they give back.

use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::primitive::const_fn;
use crate::push_list::{Iter, Linked, Next, PushList};

/// A shard that one thread at a time writes.
pub(crate) trait Cell: Send + Sync + Sized + 'static {
    /// A new cell, owned by the caller. Boxed, because cells are large and stay where they are.
    #[allow(clippy::unnecessary_box_returns)]
    fn fresh() -> Box<Self>;

    /// Where the cell hangs in its list.
    fn link(&self) -> &Link<Self>;
}

/// Ties a cell into its list and says whether a thread owns it.
#[derive(Debug)]
pub(crate) struct Link<C> {
    next: Next<C>,
    owned: AtomicBool,
    /// The place of the cell in the order in which the list's cells were made. Written before the cell is in the list.
    number: AtomicUsize,
}

impl<C> Link<C> {
    const_fn! {
        /// The link of a cell that its maker owns.
        pub(crate) fn owned() -> Self {
            Self { next: Next::none(), owned: AtomicBool::new(true), number: AtomicUsize::new(0) }
        }
    }

    /// Gives the cell back with its totals. The caller must not write to it afterwards.
    pub(crate) fn retire(&self) {
        // Pairs with the Acquire of `adopt`: the next owner goes on from the last values written here.
        self.owned.store(false, Ordering::Release);
    }

    /// The number of the cell in its list: dense, from 0.
    pub(crate) fn number(&self) -> usize {
        self.number.load(Ordering::Relaxed)
    }

    fn adopt(&self) -> bool {
        self.owned.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

impl<C: Cell> Linked for C {
    fn next(&self) -> &Next<Self> {
        &self.link().next
    }
}

/// All cells that threads have ever had here; see the module's header for the invariants.
#[derive(Debug)]
pub(crate) struct CellList<C> {
    cells: PushList<C>,
    count: AtomicUsize,
}

impl<C: Cell> CellList<C> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { cells: PushList::new(), count: AtomicUsize::new(0) }
        }
    }

    /// A cell that the calling thread alone may write until it retires it: an abandoned one, else a new one.
    pub(crate) fn claim(&self) -> &'static C {
        self.iter().find(|cell| cell.link().adopt()).unwrap_or_else(|| {
            let cell: &'static C = Box::leak(C::fresh());
            cell.link().number.store(self.count.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            self.cells.push(cell);
            cell
        })
    }

    /// Every cell, newest first.
    pub(crate) fn iter(&self) -> Iter<C> {
        self.cells.iter()
    }
}
