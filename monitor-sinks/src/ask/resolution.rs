//! Which resolution will do for a question.
//!
//! Windows that were rolled up hold the increase of what counts, and the mean of a gauge. A question about increases or
//! means over ranges that are much longer than a window may be answered from these: only at its two edges a range may cut
//! windows, and what was counted in those is taken as spread evenly. A range has at least [`WINDOWS`] windows, so that both
//! together are less than a hundredth of it. Any other question looks at every flush, as long as there are any.

use monitor_core::MetricKind;

use super::read::Wanted;
use crate::{promql::Select, store::Tier};

/// So many windows are in a range at the least.
const WINDOWS: i64 = 240;

/// The coarsest tier that will do for what is wanted.
pub(super) fn coarsest(select: &Select<'_>, wanted: &[Wanted]) -> Tier {
    let is_gauge = |wanted: &Wanted| wanted.stored.kind == MetricKind::Gauge;
    let fits = match select.function {
        "increase" | "rate" => !wanted.iter().any(is_gauge),
        "avg_over_time" => wanted.iter().all(is_gauge),
        _ => false,
    };
    let will_do = |tier: &Tier| fits && select.range >= tier.step_us() / 1_000 * WINDOWS;
    Tier::ROLLED.into_iter().rev().find(will_do).unwrap_or(Tier::Raw)
}

/// Has the answer say that it is not from single flushes.
pub(super) fn tell(select: &Select<'_>, tier: Tier) {
    match tier {
        Tier::Minutes => select.inform("answered in part from windows of 5 minutes, which were rolled up"),
        Tier::Hours => select.inform("answered in part from windows of an hour or 5 minutes, which were rolled up"),
        Tier::Raw | Tier::Imported | Tier::Unfinished => {}
    }
}
