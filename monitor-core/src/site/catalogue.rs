//! The catalogue of call sites: what is monitored, where it stands in the source, and how it is doing.

use std::time::Duration;

use super::variant::Variants;
use super::{CallSite, Mode, Objective, registered};
use crate::bucket::UNITS;
use crate::shard::CallCell;

/// A call site as the catalogue shows it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SiteInfo {
    /// The module, for example `etl::parse`.
    pub module: String,
    /// The function, `Type::method` for a method.
    pub function: String,
    /// The service, where the site names one.
    pub service: Option<String>,
    /// The fixed tags.
    pub tags: Vec<(String, String)>,
    /// The source file, as the compiler was given it.
    pub file: &'static str,
    /// The line of the function's name.
    pub line: u32,
    /// Whether calls are futures.
    pub is_async: bool,
    /// What is measured at the moment.
    pub mode: Mode,
    /// What the function has promised.
    pub objective: Option<Objective>,
    /// What has been counted since the program began, over all values of tags that are known only at run time.
    pub figures: Figures,
}

/// What a site has counted since the program began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Calls that ended.
    pub calls: u64,
    /// Calls that returned no error.
    pub ok: u64,
    /// Calls that returned an error.
    pub errors: u64,
    /// Calls that ended by a panic.
    pub panicked: u64,
    /// Futures that were dropped before their end.
    pub cancelled: u64,
    /// Calls that have begun and not ended.
    pub in_flight: u64,
    /// The time spent in the calls that were timed.
    pub total: Duration,
}

/// How many sites [`sites`] would list.
///
/// It only grows, so whoever keeps a list knows by it when to ask for a new one. Costs a look at each site, and allocates
/// nothing.
#[must_use]
pub fn site_count() -> usize {
    registered().filter(|site| site.own_tags.is_none()).count()
}

/// Every site that has been called at least once in this process, sorted by module and function.
#[must_use]
pub fn sites() -> Vec<SiteInfo> {
    let mut sites: Vec<SiteInfo> =
        registered().filter(|site| site.own_tags.is_none()).map(CallSite::describe).collect();
    sites.sort_by(|a, b| (&a.module, &a.function, a.line).cmp(&(&b.module, &b.function, b.line)));
    sites
}

impl CallSite {
    fn describe(&'static self) -> SiteInfo {
        let meta = &self.meta;
        let (file, line) = meta.location();
        let mut figures = Figures::default();
        let mut units = 0_u64;
        // Ends before starts, over all cells, so that no call is in flight less than not at all.
        let cells: Vec<&CallCell> = self.with_variants().flat_map(|site| site.cells.iter()).collect();
        for cell in &cells {
            let ends = cell.ends();
            figures.ok += u64::from(ends.ok);
            figures.panicked += u64::from(ends.panicked);
            figures.cancelled += u64::from(ends.cancelled);
            figures.errors += ends.errors.iter().copied().map(u64::from).sum::<u64>();
            units = units.wrapping_add(cell.sum());
        }
        figures.calls = figures.ok + figures.errors + figures.panicked + figures.cancelled;
        let started: u64 = cells.iter().map(|cell| u64::from(cell.starts())).sum();
        figures.in_flight = started.saturating_sub(figures.calls);
        figures.total = crate::to_duration(units as f64 / UNITS);
        SiteInfo {
            module: meta.module().to_owned(),
            function: meta.function_label(),
            service: meta.service_name().map(str::to_owned),
            tags: self.tags(),
            file,
            line,
            is_async: meta.is_async(),
            mode: self.plan().mode(),
            objective: meta.objective_of(),
            figures,
        }
    }

    /// The site and all its variants.
    fn with_variants(&'static self) -> impl Iterator<Item = &'static Self> {
        let variants = self.variants.get().into_iter().flat_map(Variants::iter);
        std::iter::once(self).chain(variants)
    }
}
