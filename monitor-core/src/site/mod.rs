//! Call sites: what `#[monitored]` leaves behind in a program, one static a function.
//!
//! A site costs nothing until its first call, which registers it: it takes a number, works out its name and pushes itself
//! onto a list that the drain walks. No lock, no linker section, no code before `main`. Sites are statics and live for
//! ever; generic functions share one site over all their instantiations.

mod catalogue;
mod kind;
mod meta;
mod outcome;
mod span;

use crate::push_list::{Iter, Linked, Next, PushList};
use crate::shard::{CallCell, CellList, table};

pub use catalogue::{SiteInfo, sites};
pub(crate) use kind::Kinds;
pub use meta::Meta;
pub use outcome::{ErrorKind, Label, Outcome, Probe, probe};
pub use span::{AsyncSpan, Span, call, call_ok, enter, start};

/// One monitored function: its description, and a cell for every thread that calls it.
#[derive(Debug)]
pub struct CallSite {
    id: table::Id<CallCell>,
    next: Next<Self>,
    pub(crate) cells: CellList<CallCell>,
    pub(crate) kinds: Kinds,
    pub(crate) meta: Meta,
}

static SITES: PushList<CallSite> = PushList::new();

impl Linked for CallSite {
    fn next(&self) -> &Next<Self> {
        &self.next
    }
}

impl CallSite {
    /// A site that is not registered yet; it registers itself with the first call.
    #[must_use]
    pub const fn new(meta: Meta) -> Self {
        let id = table::Id::unassigned();
        Self { id, next: Next::none(), cells: CellList::new(), kinds: Kinds::new(), meta }
    }

    /// The calling thread's cell, once it has one.
    #[inline(always)]
    pub(crate) fn cell(&'static self) -> Option<&'static CallCell> {
        table::find(&self.id)
    }

    /// A cell for the calling thread, and the registration of the site if this is its first call of all.
    #[cold]
    #[inline(never)]
    pub(crate) fn claim(&'static self) -> table::Claim<CallCell> {
        if self.id.assign() {
            SITES.push(self);
        }
        table::claim(&self.id, &self.cells)
    }
}

/// Every site that has been called, newest first.
pub(crate) fn registered() -> Iter<CallSite> {
    SITES.iter()
}
