//! What happened to an alert at one evaluation.

use serde::{Deserialize, Serialize};

use crate::notify::Severity;

/// Something that happened to an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// What it was.
    pub kind: EventKind,
    /// How urgent the alert is now; of one that ended, how urgent it was.
    pub severity: Severity,
    /// The last value seen.
    pub value: Option<f64>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// In which incident; in the last one, if there is none.
    pub incident: u64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// An incident began.
    Fired,
    /// It became more urgent.
    Escalated {
        /// How urgent it was.
        from: Severity,
    },
    /// It became less urgent.
    Deescalated {
        /// How urgent it was.
        from: Severity,
    },
    /// The incident ended.
    Resolved {
        /// Why.
        reason: Reason,
    },
    /// There has been no value for a while.
    NoData,
    /// There is a value again, after [`NoData`](Self::NoData) was told.
    DataBack,
    /// It has begun and ended so often that single changes are not worth telling from here on.
    Flapping,
    /// It has not changed for an hour; single changes are worth telling again.
    Calm,
}

/// Why an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The condition does not hold any more.
    Cleared,
    /// There is no value, and the rule says that this ends it.
    Missing,
    /// There is no such rule any more.
    RuleRemoved,
}

impl EventKind {
    /// Its name, as events are listed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Escalated { .. } => "escalated",
            Self::Deescalated { .. } => "deescalated",
            Self::Resolved { .. } => "resolved",
            Self::NoData => "no_data",
            Self::DataBack => "data_back",
            Self::Flapping => "flapping",
            Self::Calm => "calm",
        }
    }
}

impl Reason {
    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cleared => "condition no longer holds",
            Self::Missing => "no data",
            Self::RuleRemoved => "rule removed",
        }
    }
}
