//! Call sites: what `#[monitored]` leaves behind in a program, one static a function.
//!
//! A site costs nothing until its first call, which registers it: it takes a number, works out its name and pushes itself
//! onto a list that the drain walks. No lock, no linker section, no code before `main`. Sites are statics and live for
//! ever; generic functions share one site over all their instantiations.

mod catalogue;
#[cfg(not(feature = "off"))]
mod future;
#[cfg(feature = "off")]
#[path = "future_off.rs"]
mod future;
mod kind;
mod meta;
mod objective;
mod outcome;
mod plan;
mod slow;
#[cfg(not(feature = "off"))]
mod span;
#[cfg(feature = "off")]
#[path = "span_off.rs"]
mod span;
mod variant;

use std::sync::atomic::{AtomicU32, Ordering};

use once_cell::race::OnceBox;

use crate::push_list::{Iter, Linked, Next, PushList};
use crate::shard::{CallCell, CellList, Quiet, table};
use crate::tag::OwnedTags;

pub use catalogue::{Figures, SiteInfo, site_count, sites};
pub use future::{Both, Busy, Whole, boxed, future, made};
pub(crate) use kind::Kinds;
pub use meta::Meta;
pub use objective::Objective;
pub use outcome::{ErrorKind, ErrorLabel, Label, Once, Outcome, Probe, error_if, labelled, ok_if, probe};
pub(crate) use plan::Plan;
pub use plan::{Mode, Time, set};
pub use slow::SlowCall;
pub(crate) use slow::take as take_slow_calls;
pub use span::{Guard, Span, begin, call, enter};
use variant::{AmongSiblings, Variants};
pub use variant::{TagText, tagged};

/// One monitored function: its description, and a cell for every thread that calls it.
#[derive(Debug)]
pub struct CallSite {
    id: table::Id<CallCell>,
    /// See [`plan`]; beside the id, which every call reads too.
    plan: AtomicU32,
    next_site: Next<Self>,
    next_sibling: Next<Self>,
    pub(crate) cells: CellList<CallCell>,
    pub(crate) kinds: Kinds,
    pub(crate) meta: Meta,
    /// The tags of this variant, if it is one.
    own_tags: Option<OwnedTags>,
    variants: OnceBox<Variants>,
}

static SITES: PushList<CallSite> = PushList::new();

impl Linked for CallSite {
    fn next(&self) -> &Next<Self> {
        &self.next_site
    }
}

impl Linked<AmongSiblings> for CallSite {
    fn next(&self) -> &Next<Self> {
        &self.next_sibling
    }
}

impl CallSite {
    /// A site that is not registered yet; it registers itself with the first call.
    #[must_use]
    pub const fn new(meta: Meta) -> Self {
        Self {
            id: table::Id::unassigned(),
            plan: AtomicU32::new(Plan::of(&meta, Mode::AsWritten).word()),
            next_site: Next::none(),
            next_sibling: Next::none(),
            cells: CellList::new(),
            kinds: Kinds::new(),
            meta,
            own_tags: None,
            variants: OnceBox::new(),
        }
    }

    /// A site like `parent` with tags of its own.
    fn variant(parent: &Self, tags: OwnedTags) -> Self {
        Self { own_tags: Some(tags), ..Self::new(parent.meta) }
    }

    /// The tags that tell this variant from its siblings.
    fn own_tags(&self) -> &[(Box<str>, Box<str>)] {
        self.own_tags.as_deref().unwrap_or_default()
    }

    fn variants(&self) -> &Variants {
        self.variants.get_or_init(|| {
            let _quiet = Quiet::begin();
            Variants::new()
        })
    }

    /// All tags: those of the attribute, then those of the variant.
    pub(crate) fn tags(&self) -> Vec<(String, String)> {
        let fixed = self.meta.tag_pairs().iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        fixed.chain(self.own_tags().iter().map(|(key, value)| (key.to_string(), value.to_string()))).collect()
    }

    /// The path by which patterns and queries know the function.
    pub(crate) fn path(&self) -> String {
        format!("{}::{}", self.meta.module(), self.meta.function_label())
    }

    #[inline(always)]
    pub(crate) fn plan(&self) -> Plan {
        Plan::from_word(self.plan.load(Ordering::Relaxed))
    }

    fn switch(&self, mode: Mode) {
        self.plan.store(Plan::of(&self.meta, mode).word(), Ordering::Relaxed);
    }

    /// The calling thread's cell, once it has one.
    #[inline(always)]
    pub(crate) fn cell(&'static self) -> Option<&'static CallCell> {
        table::find(&self.id)
    }

    /// A cell for the calling thread, and the registration of the site if this is its first call of all. `None` if the
    /// thread is just making such things: see [`Quiet`].
    #[cold]
    #[inline(never)]
    pub(crate) fn claim(&'static self) -> Option<table::Claim<CallCell>> {
        let _quiet = Quiet::begin()?;
        self.announce();
        Some(table::claim(&self.id, &self.cells))
    }

    #[inline]
    fn is_announced(&self) -> bool {
        self.id.is_assigned()
    }

    /// Registers the site if this is its first call of all.
    fn announce(&'static self) {
        if self.id.assign() {
            SITES.push(self);
            plan::apply_rules(self);
        }
    }
}

/// Every site that has been called, newest first.
pub(crate) fn registered() -> Iter<CallSite> {
    SITES.iter()
}
