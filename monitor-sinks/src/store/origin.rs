//! Where the samples of a recording come from, and the numbers of their series.
//!
//! A recording stores several origins together, in one row a flush. Each numbers its own series densely from zero, so a
//! sample is told apart by its origin and its index, and the writer keeps one table of numbers an origin. A new origin is
//! a variant here, with what the table of series calls it.

use monitor_core::Sample;

/// Where a sample comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    /// What the program records: the registry, or what stands in for it.
    App,
    /// The machine that the program runs on.
    Host,
    /// The store itself.
    Own,
    /// The rules that watch the values.
    Alerts,
    /// What rules work out from other series.
    Derived,
}

impl Origin {
    /// How many there are.
    const COUNT: usize = 5;

    /// What the table of series calls it. Part of the file format: never change one.
    pub(super) const fn source(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Host => "host",
            Self::Own => "own",
            Self::Alerts => "alerts",
            Self::Derived => "derived",
        }
    }

    /// Marks `sample` as one of this origin.
    pub(crate) const fn sample(self, sample: Sample<'_>) -> Placed<'_> {
        Placed { origin: self, sample }
    }
}

/// A sample with its origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) origin: Origin,
    pub(crate) sample: Sample<'a>,
}

/// The stored numbers of series, by origin and index.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    tables: [Vec<Option<u64>>; Origin::COUNT],
}

impl Numbers {
    /// The number of the series of `placed`, once it has one.
    pub(super) fn get(&self, placed: &Placed<'_>) -> Option<u64> {
        self.tables[placed.origin as usize].get(placed.sample.index).copied().flatten()
    }

    pub(super) fn set(&mut self, origin: Origin, index: usize, id: u64) {
        let table = &mut self.tables[origin as usize];
        if table.len() <= index {
            table.resize(index + 1, None);
        }
        table[index] = Some(id);
    }

    /// How many series have a number.
    pub(super) fn count(&self) -> usize {
        self.tables.iter().flatten().flatten().count()
    }

    pub(super) fn clear(&mut self) {
        self.tables.iter_mut().for_each(Vec::clear);
    }
}
