//! Tiers: the same data at several resolutions.
//!
//! Tier 0 holds every flush. What is in tier 1 and tier 2 was rolled up to windows, each of which bears the time of its
//! end. A tier is kept longer than the one below it, and nothing is dropped for its age before it has been rolled up.

use std::time::Duration;

/// A resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// Every flush.
    Raw,
    /// Windows of five minutes.
    Minutes,
    /// Windows of an hour.
    Hours,
    /// What was imported, at the resolution that it came in. It overlaps the other tiers; see [`super::imported`].
    Imported,
    /// What an import that is not complete has written. Nobody reads it.
    Unfinished,
}

impl Tier {
    /// Those that are rolled up, the finer one first.
    pub(crate) const ROLLED: [Self; 2] = [Self::Minutes, Self::Hours];

    /// What the tables call it. Part of the file format: never change one.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Raw => 0,
            Self::Minutes => 1,
            Self::Hours => 2,
            Self::Imported => 3,
            Self::Unfinished => 4,
        }
    }

    /// The width of a window in microseconds; 1 for single flushes.
    pub(crate) const fn step_us(self) -> i64 {
        match self {
            Self::Raw | Self::Imported | Self::Unfinished => 1,
            Self::Minutes => 300_000_000,
            Self::Hours => 3_600_000_000,
        }
    }

    /// What is rolled up at once, in microseconds: a whole number of windows, so long that its chunks pack well.
    pub(crate) const fn span_us(self) -> i64 {
        match self {
            Self::Raw | Self::Imported | Self::Unfinished => 1,
            Self::Minutes => 72 * Self::Minutes.step_us(),
            Self::Hours => 120 * Self::Hours.step_us(),
        }
    }

    /// The tier that it is rolled up from.
    pub(crate) const fn below(self) -> Self {
        match self {
            Self::Hours => Self::Minutes,
            _ => Self::Raw,
        }
    }

    /// The end of the window that holds `ts`, which belongs to the window that it ends.
    pub(crate) const fn window_end(self, ts: i64) -> i64 {
        let step = self.step_us();
        let past = ts.rem_euclid(step);
        if past == 0 { ts } else { ts.saturating_add(step - past) }
    }

    /// The end of the last window that is over at `ts`.
    pub(crate) const fn window_start(self, ts: i64) -> i64 {
        ts.saturating_sub(ts.rem_euclid(self.step_us()))
    }
}

/// How long data are kept, and how much of them.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use monitor_sinks::store::Retention;
///
/// let month = Duration::from_secs(30 * 24 * 3_600);
/// let retention = Retention::default().raw(Duration::from_secs(7 * 24 * 3_600)).minutes(month).size(512 << 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "retention is a setting of a monitor"]
pub struct Retention {
    raw: Duration,
    minutes: Duration,
    hours: Duration,
    size: Option<u64>,
}

impl Retention {
    /// Keeps everything at full resolution for ever.
    pub const FOREVER: Self = Self { raw: Duration::MAX, minutes: Duration::MAX, hours: Duration::MAX, size: None };

    /// Keeps every flush for this long. Default: 48 hours.
    pub const fn raw(self, keep: Duration) -> Self {
        Self { raw: keep, ..self }
    }

    /// Keeps windows of five minutes for this long, never shorter than single flushes. Default: 30 days.
    pub const fn minutes(self, keep: Duration) -> Self {
        Self { minutes: keep, ..self }
    }

    /// Keeps windows of an hour for this long, never shorter than those of five minutes, and as long what was imported.
    /// Default: 400 days.
    pub const fn hours(self, keep: Duration) -> Self {
        Self { hours: keep, ..self }
    }

    /// Keeps the file at about this many bytes at most: what is oldest at full resolution goes first. Default: no limit.
    pub const fn size(self, bytes: u64) -> Self {
        Self { size: Some(bytes), ..self }
    }

    /// How long a tier is kept.
    pub(crate) fn keep(&self, tier: Tier) -> Duration {
        let minutes = self.raw.max(self.minutes);
        match tier {
            Tier::Raw => self.raw,
            Tier::Minutes => minutes,
            // Imported values are packed tightly and not rolled up: they are kept for as long as anything is.
            Tier::Hours | Tier::Imported => minutes.max(self.hours),
            Tier::Unfinished => Duration::ZERO,
        }
    }

    pub(crate) const fn most_bytes(&self) -> Option<u64> {
        self.size
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            raw: Duration::from_hours(48),
            minutes: Duration::from_hours(30 * 24),
            hours: Duration::from_hours(400 * 24),
            size: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_end_and_not_its_beginning() {
        let step = Tier::Minutes.step_us();
        assert_eq!(Tier::Minutes.window_end(0), 0);
        assert_eq!(Tier::Minutes.window_end(1), step);
        assert_eq!(Tier::Minutes.window_end(step), step);
        assert_eq!(Tier::Minutes.window_end(-1), 0);
        assert_eq!(Tier::Raw.window_end(17), 17);
    }

    #[test]
    fn a_coarser_tier_is_never_kept_shorter() {
        let retention = Retention::default().raw(Duration::from_hours(1_000_000));
        assert_eq!(retention.keep(Tier::Hours), Duration::from_hours(1_000_000));
        assert!(Retention::FOREVER.keep(Tier::Raw) == Duration::MAX);
    }

    #[test]
    fn spans_are_whole_windows_of_both_tiers() {
        for tier in Tier::ROLLED {
            assert_eq!(tier.span_us() % tier.step_us(), 0);
            assert_eq!(tier.span_us() % tier.below().step_us(), 0);
        }
    }
}
