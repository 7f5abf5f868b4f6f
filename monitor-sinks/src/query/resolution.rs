//! How fine the data are that an answer comes from.
//!
//! The store keeps the same data at several resolutions, each for a time of its own. Which of them answered is part of an
//! answer, because it decides what can be read out of it: where only windows of an hour are left, no step of a minute will
//! show what happened within one.

use std::time::Duration;

use crate::store::Tier;

/// How fine stored data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Resolution {
    /// Every flush as it was written.
    Flushes,
    /// Windows of five minutes.
    Minutes,
    /// Windows of an hour.
    Hours,
}

impl Resolution {
    /// How long a window is; `None` for single flushes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// assert_eq!(monitor_sinks::Resolution::Minutes.window(), Some(Duration::from_secs(300)));
    /// ```
    #[must_use]
    pub const fn window(self) -> Option<Duration> {
        match self {
            Self::Flushes => None,
            Self::Minutes => Some(Duration::from_micros(Tier::Minutes.step_us().unsigned_abs())),
            Self::Hours => Some(Duration::from_micros(Tier::Hours.step_us().unsigned_abs())),
        }
    }
}

impl From<Tier> for Resolution {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Raw | Tier::Imported | Tier::Unfinished => Self::Flushes,
            Tier::Minutes => Self::Minutes,
            Tier::Hours => Self::Hours,
        }
    }
}

/// The resolutions that an answer comes from, the finest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Resolutions(Vec<Resolution>);

impl Resolutions {
    pub(super) const NONE: Self = Self(Vec::new());

    pub(super) fn note(&mut self, resolution: Resolution) {
        if let Err(place) = self.0.binary_search(&resolution) {
            self.0.insert(place, resolution);
        }
    }

    pub(super) fn note_all(&mut self, others: &Self) {
        for &resolution in &others.0 {
            self.note(resolution);
        }
    }

    pub(super) fn as_slice(&self) -> &[Resolution] {
        &self.0
    }
}
