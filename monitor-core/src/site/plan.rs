//! How much of a call is measured: as the attribute says, and as it is switched while the program runs.
//!
//! A site carries its plan in one word. Zero means the common case, everything and nothing special, so that the hot path
//! needs one load and one comparison for all switches together. Rules given to [`set`] are kept, and a site that is called
//! for the first time later takes its place under them.

use std::sync::{Mutex, PoisonError};

use super::{CallSite, Meta};
use crate::shard::Quiet;

/// What is measured of the calls of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing at all: the call costs one comparison.
    Off,
    /// Calls, outcomes and calls in flight, without durations.
    Count,
    /// The same, exact, and the duration of one call in so many (1 to 65,536; on each thread).
    Sample(u32),
    /// Everything.
    Full,
    /// What the attribute says.
    #[default]
    AsWritten,
}

/// What the duration of a call is, as the argument `time` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// From the beginning to the end.
    Wall,
    /// For a future: only while it is polled.
    Busy,
    /// Both, in two metrics.
    Both,
    /// None is taken.
    Off,
}

/// The most calls of which one is timed.
const MAX_SAMPLE: u32 = 65_536;

/// A plan in one word: the mode in bits 0 and 1, then two marks, and how many calls of which one is timed from bit 8 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan(u32);

impl Plan {
    const FULL: u32 = 0;
    const SAMPLE: u32 = 1;
    const COUNT: u32 = 2;
    const OFF: u32 = 3;
    const MODE: u32 = 3;
    /// Something is done with the duration beside counting it.
    const WATCHED: u32 = 4;
    /// Only the outermost call of a recursion counts.
    const OUTERMOST: u32 = 8;
    const SAMPLE_AT: u32 = 8;

    /// Everything of every call, and nothing else.
    pub(crate) const PLAIN: Self = Self(Self::FULL);

    pub(crate) const fn from_word(word: u32) -> Self {
        Self(word)
    }

    pub(crate) const fn word(self) -> u32 {
        self.0
    }

    /// The plan of a site in the given mode.
    pub(super) const fn of(meta: &Meta, mode: Mode) -> Self {
        let marks =
            if meta.is_watched() { Self::WATCHED } else { 0 } | if meta.is_outermost() { Self::OUTERMOST } else { 0 };
        let written = match (meta.time(), meta.sample()) {
            (Time::Off, _) => Self::COUNT,
            (_, one_in) => Self::sampled(one_in),
        };
        let mode = match mode {
            Mode::Off => Self::OFF,
            Mode::Count => Self::COUNT,
            Mode::Sample(one_in) => Self::sampled(one_in),
            Mode::Full => Self::FULL,
            Mode::AsWritten => written,
        };
        Self(mode | marks)
    }

    const fn sampled(one_in: u32) -> u32 {
        match one_in {
            0 | 1 => Self::FULL,
            MAX_SAMPLE.. => Self::SAMPLE | MAX_SAMPLE << Self::SAMPLE_AT,
            _ => Self::SAMPLE | one_in << Self::SAMPLE_AT,
        }
    }

    #[inline(always)]
    pub(crate) const fn is_plain(self) -> bool {
        self.0 == Self::PLAIN.0
    }

    pub(crate) const fn is_off(self) -> bool {
        self.0 & Self::MODE == Self::OFF
    }

    pub(crate) const fn is_watched(self) -> bool {
        self.0 & Self::WATCHED != 0
    }

    pub(crate) const fn is_outermost(self) -> bool {
        self.0 & Self::OUTERMOST != 0
    }

    /// Whether the duration of the call with this number is taken.
    #[inline(always)]
    pub(crate) const fn times(self, number: u32) -> bool {
        match self.0 & Self::MODE {
            Self::FULL => true,
            Self::SAMPLE => number.is_multiple_of(self.0 >> Self::SAMPLE_AT),
            _ => false,
        }
    }

    /// The mode that this plan stands for.
    pub(crate) const fn mode(self) -> Mode {
        match self.0 & Self::MODE {
            Self::FULL => Mode::Full,
            Self::SAMPLE => Mode::Sample(self.0 >> Self::SAMPLE_AT),
            Self::COUNT => Mode::Count,
            _ => Mode::Off,
        }
    }
}

/// The rules given so far, in order.
static RULES: Mutex<Vec<(String, Mode)>> = Mutex::new(Vec::new());

/// Switches every function that `pattern` fits, now and when it is called for the first time later.
///
/// A pattern is a path such as `etl::parse` or `Pipeline::transform`, where `*` stands for any characters; without a `*`
/// the end of the path is enough. `*` alone is every function. Of several patterns that fit, the one set last holds.
/// Calls that are under way end as they began.
///
/// # Examples
///
/// ```
/// use monitor_core::{Mode, set};
///
/// set("etl::*", Mode::Count);
/// set("Pipeline::transform", Mode::Sample(16));
/// set("*", Mode::AsWritten);
/// ```
pub fn set(pattern: &str, mode: Mode) {
    let _quiet = Quiet::begin();
    let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
    // A later rule for everything makes the earlier ones pointless, one for the same pattern its forerunner.
    rules.retain(|rule| pattern != "*" && rule.0 != pattern);
    rules.push((pattern.to_owned(), mode));
    super::registered().filter(|site| fits(pattern, &site.path())).for_each(|site| site.switch(mode));
}

/// Puts a new site under the rules.
pub(super) fn apply_rules(site: &CallSite) {
    let rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
    if rules.is_empty() {
        return;
    }
    let path = site.path();
    for (pattern, mode) in rules.iter() {
        if fits(pattern, &path) {
            site.switch(*mode);
        }
    }
}

/// Whether a path is meant by a pattern.
fn fits(pattern: &str, path: &str) -> bool {
    if !pattern.contains('*') {
        return path.strip_suffix(pattern).is_some_and(|before| before.is_empty() || before.ends_with("::"));
    }
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return false };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_ends_and_stars() {
        for (pattern, fitting) in [
            ("etl::*", true),
            ("*", true),
            ("etl::parse::Row::read", true),
            ("Row::read", true),
            ("read", true),
            ("ad", false),
            ("*::Row::*", true),
            ("etl::*::read", true),
            ("etl*x*read", false),
            ("*read*read", false),
            ("web::*", false),
        ] {
            assert_eq!(fits(pattern, "etl::parse::Row::read"), fitting, "{pattern}");
        }
    }

    #[test]
    fn a_plain_site_has_the_plain_plan() {
        let meta = Meta::new("f", "m", "f.rs", 1);
        assert!(Plan::of(&meta, Mode::AsWritten).is_plain());
        assert_eq!(Plan::of(&meta, Mode::Sample(16)).mode(), Mode::Sample(16));
        assert_eq!(Plan::of(&meta, Mode::Sample(0)).mode(), Mode::Full);
        assert_eq!(Plan::of(&meta, Mode::Sample(u32::MAX)).mode(), Mode::Sample(65_536));
        assert!(Plan::of(&meta, Mode::Off).is_off());
    }

    #[test]
    fn one_call_in_so_many_is_timed() {
        let plan = Plan::of(&Meta::new("f", "m", "f.rs", 1).sampled(16), Mode::AsWritten);
        assert_eq!((0..1_600).filter(|number| plan.times(*number)).count(), 100);
    }
}
