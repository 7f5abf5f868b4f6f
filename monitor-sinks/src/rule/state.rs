//! What is remembered of one alert from one evaluation to the next.
//!
//! Everything in here is written to the store with the samples and read back after a restart, so that a restart is nothing
//! but a pause: times are kept as lengths that have been watched, never as differences of instants of a clock that may be
//! set.

use serde::{Deserialize, Serialize};

use crate::notify::Severity;

/// One alert of a rule: how far it is, and since when.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct State {
    /// Where in its life the alert is.
    pub lifecycle: Lifecycle,
    /// How urgent it is; nothing unless it is firing or recovering.
    pub severity: Option<Severity>,
    /// The number of the incident, counted from 1; that of the last one while there is none.
    pub incident: u64,
    /// When the lifecycle changed, in milliseconds since 1970, for display.
    pub since_ms: i64,
    /// When the incident began, in milliseconds since 1970, for display.
    pub started_ms: i64,
    /// The last value seen.
    pub last_value: Option<f64>,
    /// For how long there has been no value, in milliseconds.
    pub missing_ms: u64,
    /// Whether the missing data has been told.
    pub no_data: bool,
    /// Whether it changes so often that single changes are not worth telling.
    pub flapping: bool,
    /// How long the alert has been watched, in milliseconds; the clock of `changes`.
    pub(super) watched_ms: u64,
    /// When it last began or ended, by `watched_ms`; the newest last.
    pub(super) changes: Vec<u64>,
    /// How far the threshold of each severity is, the lowest first.
    pub(super) watches: [Watch; 4],
    /// Whether the evaluation before this one had an answer.
    pub(super) seen: bool,
}

/// Where in its life an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Lifecycle {
    /// The condition does not hold.
    #[default]
    Inactive,
    /// The condition holds, but not yet for as long as the rule asks for.
    Pending,
    /// The condition has held for long enough.
    Firing,
    /// The condition has ceased to hold, but not yet for as long as the rule keeps firing.
    Recovering,
    /// The incident ended at the last evaluation.
    Resolved,
}

/// How far one threshold is; times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Watch {
    #[default]
    Off,
    /// It has held for so long, which is not long enough.
    Rising(u64),
    On,
    /// It has not held for so long, which is not long enough.
    Falling(u64),
}

impl State {
    /// Whether there is an incident.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Firing | Lifecycle::Recovering)
    }

    /// Whether nothing is going on, so that it could as well be forgotten, but for the number of the next incident.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lifecycle == Lifecycle::Inactive && !self.no_data && !self.flapping
    }

    /// For how long, in milliseconds, the condition has held without firing, or not held without resolving.
    #[must_use]
    pub fn waited_ms(&self) -> u64 {
        let waits = self.watches.iter().map(|watch| match watch {
            Watch::Rising(ms) | Watch::Falling(ms) => *ms,
            Watch::Off | Watch::On => 0,
        });
        waits.max().unwrap_or(0)
    }
}

impl Lifecycle {
    /// Its name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Recovering => "recovering",
            Self::Resolved => "resolved",
        }
    }
}

impl std::fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
