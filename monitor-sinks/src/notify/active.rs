//! What fires now, for receivers that want to know that rather than what changes.

use std::{collections::BTreeMap, sync::Arc};

use super::Severity;

/// Takes note of what fires, at each flush. It must not wait.
pub type Watcher = Arc<dyn Fn(Vec<Active>) + Send + Sync>;

/// An alert that fires, or has just ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Active {
    /// The rule.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The labels of the alert.
    pub labels: BTreeMap<String, String>,
    /// Further texts.
    pub annotations: BTreeMap<String, String>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, if it has.
    pub ended_ms: Option<i64>,
}

impl Active {
    /// An alert that fires since `started_ms`, in milliseconds since 1970.
    #[must_use]
    pub fn new(rule: impl Into<String>, started_ms: i64) -> Self {
        Self {
            rule: rule.into(),
            severity: Severity::default(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            started_ms,
            ended_ms: None,
        }
    }
}
