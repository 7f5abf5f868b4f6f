//! Finds the calling thread's cell of a call site or series: one thread-local table, indexed by id.
//!
//! The table's thread-local has a `const` initialiser and no destructor, so reaching it is a plain load, in TLS
//! destructors too. A second thread-local, made on the cold path, has the destructor: at thread exit it empties the table
//! and retires the cells in it. What records after that (the destructor of some other thread-local) claims a cell for
//! just that record, see [`Claim::Borrowed`].

use std::cell::{Cell as StdCell, RefCell};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Cell, CellList};

/// The number of a call site or series: its place in every thread's table.
///
/// The type parameter ties the number to the cell type found there, which is what makes [`find`] sound.
#[derive(Debug)]
pub(crate) struct Id<C> {
    /// 0 until the first record.
    number: AtomicU32,
    cells: PhantomData<fn() -> C>,
}

impl<C> Id<C> {
    pub(crate) const fn unassigned() -> Self {
        Self { number: AtomicU32::new(0), cells: PhantomData }
    }

    #[inline(always)]
    fn number(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }

    /// Whether the number was given out.
    #[inline(always)]
    pub(crate) fn is_assigned(&self) -> bool {
        self.number() != 0
    }

    /// Gives out a number on first use. Returns whether the caller is the one who did so.
    pub(crate) fn assign(&self) -> bool {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        if self.number() != 0 {
            return false;
        }
        // A thread that loses the race wastes a number, that is eight bytes in the tables.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.number.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A cell that the calling thread may write.
pub(crate) enum Claim<C: Cell> {
    /// The thread keeps the cell until it ends.
    Kept(&'static C),
    /// The thread is ending: the cell must be given back after this one record.
    Borrowed(&'static C),
}

impl<C: Cell> Claim<C> {
    /// Writes to the cell, and gives it back if it was only borrowed.
    #[inline(always)]
    pub(crate) fn write(self, record: impl FnOnce(&C)) {
        match self {
            Self::Kept(cell) => record(cell),
            Self::Borrowed(cell) => {
                record(cell);
                cell.link().retire();
            }
        }
    }
}

struct Table {
    cells: StdCell<*const *const ()>,
    len: StdCell<u32>,
}

thread_local! {
    static TABLE: Table = const { Table { cells: StdCell::new(ptr::null()), len: StdCell::new(0) } };
    static LEAVE: Leave = const { Leave { kept: RefCell::new(Vec::new()), table: RefCell::new(Vec::new()) } };
}

/// The calling thread's cell, if it has one already. Never allocates.
#[inline(always)]
pub(crate) fn find<C: Cell>(id: &Id<C>) -> Option<&'static C> {
    let number = id.number();
    TABLE.with(|table| {
        if number >= table.len.get() {
            return None;
        }
        // SAFETY: `cells` points to `len` initialised pointers, kept alive by `LEAVE` of this thread until it sets `len`
        // to 0; `number` is below `len`. The pointer there is null or was stored by `keep` for this very number, which
        // belongs to one `Id<C>` only, so it points to a leaked `C`.
        unsafe { (*table.cells.get().add(number as usize)).cast::<C>().as_ref() }
    })
}

/// Claims a cell for the calling thread and remembers it until the thread ends. The cold side of [`find`].
#[cold]
#[inline(never)]
pub(crate) fn claim<C: Cell>(id: &Id<C>, cells: &CellList<C>) -> Claim<C> {
    if let Some(cell) = find(id) {
        return Claim::Kept(cell);
    }
    let cell = cells.claim();
    match LEAVE.try_with(|leave| leave.keep(id.number(), cell)) {
        Ok(true) => Claim::Kept(cell),
        Ok(false) | Err(_) => Claim::Borrowed(cell),
    }
}

/// What has to be given back when the thread ends.
struct Leave {
    kept: RefCell<Vec<&'static dyn Retire>>,
    table: RefCell<Vec<*const ()>>,
}

trait Retire {
    fn retire(&self);
}

impl<C: Cell> Retire for C {
    fn retire(&self) {
        self.link().retire();
    }
}

impl Leave {
    /// Enters the cell into the table. `false` when that cannot be done now, because the table is growing: the caller then
    /// only borrows the cell.
    fn keep<C: Cell>(&self, number: u32, cell: &'static C) -> bool {
        let (Ok(mut kept), Ok(mut table)) = (self.kept.try_borrow_mut(), self.table.try_borrow_mut()) else {
            return false;
        };
        let place = number as usize;
        if place >= table.len() {
            let mut grown = Vec::with_capacity((place + 1).next_power_of_two().max(64));
            grown.extend_from_slice(&table);
            grown.resize(grown.capacity(), ptr::null());
            // The thread looks into the new table before the old one is freed: freeing may itself be monitored.
            TABLE.with(|hot| {
                hot.cells.set(grown.as_ptr());
                hot.len.set(u32::try_from(grown.len()).unwrap_or(u32::MAX));
            });
            drop(std::mem::replace(&mut *table, grown));
        }
        kept.push(cell);
        table[place] = ptr::from_ref(cell).cast();
        true
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        // First out of the table, then back to the list: no record of this thread may reach a cell that is not its own.
        TABLE.with(|hot| hot.len.set(0));
        for cell in self.kept.get_mut() {
            cell.retire();
        }
    }
}
