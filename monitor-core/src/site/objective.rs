//! Objectives: what a function has promised, as its attribute states it.

use std::time::Duration;

/// A service level objective of a function.
///
/// The calls that keep it are counted as they end, so its figures are exact; what follows from them, such as burn rates, is
/// for rules to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    target_percent: f64,
    latency: Option<Duration>,
    errors_percent: Option<f64>,
}

impl Objective {
    /// An objective that this share of calls (in percent) should keep.
    #[must_use]
    pub const fn new(target_percent: f64) -> Self {
        Self { target_percent, latency: None, errors_percent: None }
    }

    /// Calls take at most this long.
    #[must_use]
    pub const fn latency(mut self, latency: Duration) -> Self {
        self.latency = Some(latency);
        self
    }

    /// At most this share of calls (in percent) fails.
    #[must_use]
    pub const fn errors(mut self, percent: f64) -> Self {
        self.errors_percent = Some(percent);
        self
    }

    /// The share of calls, in percent, that should be within [`latency_bound`](Self::latency_bound).
    #[must_use]
    pub const fn target(&self) -> f64 {
        self.target_percent
    }

    /// How long a call may take.
    #[must_use]
    pub const fn latency_bound(&self) -> Option<Duration> {
        self.latency
    }

    /// The share of calls, in percent, that may fail.
    #[must_use]
    pub const fn error_bound(&self) -> Option<f64> {
        self.errors_percent
    }
}
