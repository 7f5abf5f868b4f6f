//! An alert as the running monitor keeps it: its state, and what has been told of it to whom.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::{fingerprint::Fingerprint, model::Rule, state::State};
use crate::{notify::Severity, promql::Labels};

/// An alert of a rule.
#[derive(Debug, Clone)]
pub(super) struct Tracked {
    pub(super) fingerprint: Fingerprint,
    /// Those of the element of the result.
    pub(super) labels: Labels,
    pub(super) memory: Memory,
    /// When it was written last, by the steady clock.
    pub(super) saved_ms: Option<u64>,
    /// What was written.
    pub(super) saved: Memory,
    /// The routes that it takes, once it is known.
    pub(super) routes: Option<Vec<usize>>,
}

/// What is kept of an alert across restarts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    pub(super) state: State,
    pub(super) told: Told,
    pub(super) ack: Option<Acknowledgement>,
    /// The silence that keeps messages back.
    pub(super) silenced: Option<i64>,
    /// The rule that keeps messages back, because it fires.
    pub(super) inhibited: Option<String>,
}

/// What has been told of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    /// The incident that was told last.
    pub(super) incident: u64,
    /// The last incident that was told under its number.
    pub(super) covers: u64,
    /// When it began, in milliseconds since 1970.
    pub(super) started_ms: i64,
    /// Who knows that it fires, and not yet that it ended.
    pub(super) channels: BTreeSet<String>,
    /// How many messages there have been, which makes their keys unique.
    pub(super) ordinal: u64,
    /// For how long it has not been told, in milliseconds.
    pub(super) quiet_ms: u64,
    /// Whether it came again so soon that single changes are not told until it is calm.
    pub(super) restless: bool,
    /// When a beginning was told last, by the time that the alert was watched; so are the next ones.
    pub(super) begun: Option<u64>,
    /// When it was told that it has become worse.
    pub(super) escalated: Option<u64>,
    /// How bad it was told to be.
    pub(super) worst: Option<Severity>,
    /// When it was told that there is no data.
    pub(super) no_data: Option<u64>,
}

/// Somebody has seen an alert and takes care of it: it is not told again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// What they said.
    pub note: String,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: i64,
    /// The incident that it is for.
    pub incident: u64,
}

/// An alert that waits is written so often, in milliseconds: a process that is killed loses no more of the time that it
/// has waited for.
const WAITING_MS: u64 = 5_000;
/// One that does not change is.
const STEADY_MS: u64 = 60_000;

impl Tracked {
    pub(super) fn new(rule: &str, labels: &Labels, memory: Option<Memory>) -> Self {
        let saved_ms = memory.as_ref().map(|_| 0);
        let memory = memory.unwrap_or_default();
        let saved = memory.clone();
        let (fingerprint, labels) = (Fingerprint::new(rule, labels), labels.clone());
        Self { fingerprint, labels, memory, saved_ms, saved, routes: None }
    }

    /// Whether it is to be written at `now_ms`. One that never was anything is not.
    pub(super) fn is_unsaved(&self, now_ms: u64, is_last: bool) -> bool {
        let (state, saved) = (&self.memory.state, &self.saved.state);
        let Some(saved_ms) = self.saved_ms else {
            return state.incident > 0 || !state.is_idle() || self.memory.ack.is_some();
        };
        let is_other = (state.lifecycle, state.severity, state.incident, state.no_data, state.flapping)
            != (saved.lifecycle, saved.severity, saved.incident, saved.no_data, saved.flapping);
        let (memory, written) = (&self.memory, &self.saved);
        let is_told = (memory.told.incident, memory.told.ordinal) != (written.told.incident, written.told.ordinal)
            || memory.told.channels != written.told.channels;
        let is_kept =
            (memory.silenced, &memory.inhibited, &memory.ack) != (written.silenced, &written.inhibited, &written.ack);
        if is_other || is_told || is_kept {
            return true;
        }
        let every = if state.waited_ms() > 0 { WAITING_MS } else { STEADY_MS };
        let is_due = is_last || now_ms.saturating_sub(saved_ms) >= every;
        is_due && !state.is_idle() && self.memory != self.saved
    }

    /// The routes that it takes, looked up anew if anything happened to it.
    pub(super) fn routes(&mut self, rule: &Rule, has_changed: bool) -> &[usize] {
        let State { severity, last_value, .. } = self.memory.state;
        if has_changed {
            self.routes = None;
        }
        let severity = severity.unwrap_or_else(|| rule.condition().lowest());
        self.routes.get_or_insert_with(|| rule.routes_of(&self.labels, severity, last_value))
    }

    /// Whether nothing is lost when it is forgotten.
    pub(super) fn is_forgettable(&self) -> bool {
        self.memory.state.is_idle() && self.memory.state.incident == 0 && self.saved_ms.is_none()
    }
}
