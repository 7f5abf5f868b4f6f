//! Who is told what of an alert.
//!
//! An alert lives by its rule alone. What is told of it is drawn from two things at each evaluation: what the alert is, and
//! who knows what of it. A channel that knows of an incident is told of its end, whatever silence or dependency there is by
//! then; one that does not know of it, because it was kept back from the beginning, is not. When what kept it back is over
//! and the alert still fires, it is told then.
//!
//! An alert that comes again within an hour is restless: its beginning, its end and that it has come again are told at
//! once, and nothing more until it has stayed as it is for twice as long as it did before. Then it is told what it is. The
//! message that it has come again stands for all incidents up to there, so that their end is told to whoever got it.

use super::{
    super::{
        event::{Event, EventKind, Reason},
        model::Rule,
        route::Way,
    },
    tracked::{Memory, Told},
};
use crate::notify::{Kind, Severity};

/// A message that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    pub(super) kind: Kind,
    pub(super) channels: Vec<String>,
    pub(super) severity: Severity,
    pub(super) value: Option<f64>,
    pub(super) incident: u64,
    pub(super) ordinal: u64,
    pub(super) started_ms: i64,
    pub(super) at_ms: i64,
    /// Why it ended.
    pub(super) reason: Option<&'static str>,
}

/// A channel, as far as it matters who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) name: String,
    pub(crate) least: Severity,
    /// Whether it is told of each alert by itself, whatever groups there are.
    pub(crate) is_single: bool,
}

/// What was told is not told again for so long, by the time that the alert was watched.
const LATELY_MS: u64 = 3_600_000;
/// What was restless must stay as it is for so long at least.
const LEAST_CALM_MS: u64 = 600_000;

/// Draws what is to be told of an alert after these events, at an instant `elapsed_ms` after the last time it was asked.
pub(super) fn tell(
    rule: &Rule,
    way: &Way<'_>,
    memory: &mut Memory,
    events: &[Event],
    recipients: &[Recipient],
    now_ms: i64,
    elapsed_ms: u64,
) -> Vec<Note> {
    let mut teller = Teller { rule, way, memory, recipients, now_ms, notes: Vec::new() };
    teller.forget_ack();
    for event in events {
        teller.event(event);
    }
    teller.settle(events);
    teller.repeat(elapsed_ms);
    teller.notes
}

/// Tells those who know of an alert that somebody takes care of it.
pub(super) fn tell_of_ack(rule: &Rule, way: &Way<'_>, memory: &mut Memory, now_ms: i64) -> Vec<Note> {
    let mut teller = Teller { rule, way, memory, recipients: &[], now_ms, notes: Vec::new() };
    if teller.knows() && !teller.is_kept_back() {
        teller.note(Kind::Acknowledged, teller.severity(), teller.knowing(), None);
    }
    teller.notes
}

struct Teller<'a> {
    rule: &'a Rule,
    way: &'a Way<'a>,
    memory: &'a mut Memory,
    recipients: &'a [Recipient],
    now_ms: i64,
    notes: Vec<Note>,
}

impl Teller<'_> {
    /// An acknowledgement is for an incident, and for a time. When it runs out, it is time to be told again.
    fn forget_ack(&mut self) {
        let state = &self.memory.state;
        let is_over = |until_ms: i64, incident: u64| until_ms <= self.now_ms || incident != state.incident;
        if self.memory.ack.as_ref().is_some_and(|ack| is_over(ack.until_ms, ack.incident)) || !state.is_active() {
            let had = self.memory.ack.take();
            if had.is_some() && state.is_active() {
                self.memory.told.quiet_ms = u64::MAX;
            }
        }
    }

    fn event(&mut self, event: &Event) {
        if self.is_kept_back() {
            return;
        }
        let watched_ms = self.memory.state.watched_ms;
        match event.kind {
            EventKind::Escalated { .. } if self.knows() && self.is_news(event.severity) => {
                let to = self.everybody(event.severity);
                let told = &mut self.memory.told;
                told.channels.extend(to);
                (told.worst, told.escalated) = (Some(event.severity), Some(watched_ms));
                self.note(Kind::Escalated, event.severity, self.knowing(), None);
            }
            EventKind::NoData if !self.is_lately(self.memory.told.no_data) => {
                self.memory.told.no_data = Some(watched_ms);
                let to = if self.knows() { self.knowing() } else { self.everybody(event.severity) };
                self.note(Kind::NoData, event.severity, to, None);
            }
            _ => {}
        }
    }

    /// Whether an alert has not been told to be as bad as that, or not for long.
    fn is_news(&self, severity: Severity) -> bool {
        let Told { worst, escalated, restless, .. } = self.memory.told;
        !restless && (worst.is_none_or(|worst| severity > worst) || !self.is_lately(escalated))
    }

    /// Brings those who know of another incident, or of none, up to what the alert is.
    fn settle(&mut self, events: &[Event]) {
        let ended = events.iter().rev().find_map(|event| match event.kind {
            EventKind::Resolved { reason } => Some((event.severity, reason)),
            _ => None,
        });
        if self.memory.told.restless {
            self.memory.told.covers = self.memory.state.incident;
            let is_removed = ended.is_some_and(|(_, reason)| reason == Reason::RuleRemoved);
            if !self.is_calm() && !is_removed {
                return;
            }
            self.memory.told.restless = false;
            if self.memory.state.is_active() && !self.is_kept_back() {
                self.note(Kind::Repeat, self.severity(), self.knowing(), None);
            }
        }
        if !self.memory.told.channels.is_empty() && !self.knows() {
            let (severity, reason) = ended.unwrap_or((self.lowest(), Reason::Cleared));
            let to = self.knowing();
            self.note(Kind::Resolved, severity, to, Some(reason.as_str()));
            self.memory.told.channels.clear();
        }
        if self.memory.state.is_active() && !self.knows() && !self.is_kept_back() {
            self.begin();
        }
    }

    /// Tells that an alert has begun, or begun again.
    fn begin(&mut self) {
        let severity = self.severity();
        let to = self.everybody(severity);
        if to.is_empty() {
            return;
        }
        let is_again = self.is_lately(self.memory.told.begun);
        let Memory { state, told, .. } = &mut *self.memory;
        (told.incident, told.covers, told.started_ms) = (state.incident, state.incident, state.started_ms);
        (told.begun, told.worst, told.escalated) = (Some(state.watched_ms), Some(severity), None);
        told.restless = is_again;
        told.channels.extend(to.iter().cloned());
        self.note(if is_again { Kind::Flapping } else { Kind::Firing }, severity, to, None);
    }

    /// Whether something happened within the last hour.
    fn is_lately(&self, at_ms: Option<u64>) -> bool {
        at_ms.is_some_and(|at_ms| self.memory.state.watched_ms.saturating_sub(at_ms) < LATELY_MS)
    }

    /// Whether the alert has stayed as it is for twice as long as it did between its last changes.
    fn is_calm(&self) -> bool {
        let state = &self.memory.state;
        let between = state.changes.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        let longest = between.filter(|between| *between < LATELY_MS).max().unwrap_or(0);
        let last = state.changes.last().copied().unwrap_or(0);
        state.watched_ms.saturating_sub(last) >= (2 * longest).clamp(LEAST_CALM_MS, LATELY_MS)
    }

    fn repeat(&mut self, elapsed_ms: u64) {
        let is_restless = self.memory.told.restless;
        let is_worth_it = is_restless || (self.knows() && self.memory.ack.is_none());
        if !is_worth_it || self.is_kept_back() {
            return;
        }
        let told = &mut self.memory.told;
        told.quiet_ms = if self.notes.is_empty() { told.quiet_ms.saturating_add(elapsed_ms) } else { 0 };
        let every = u64::try_from(self.way.repeat.as_millis()).unwrap_or(u64::MAX);
        if every > 0 && self.memory.told.quiet_ms >= every {
            let kind = if is_restless { Kind::Flapping } else { Kind::Repeat };
            self.note(kind, self.severity(), self.knowing(), None);
            self.memory.told.quiet_ms = 0;
        }
    }

    fn note(&mut self, kind: Kind, severity: Severity, channels: Vec<String>, reason: Option<&'static str>) {
        if channels.is_empty() {
            return;
        }
        let Memory { state, told, .. } = &mut *self.memory;
        // Each incident has one beginning and one end; the numbers of all other messages go on and on.
        let ordinal = if matches!(kind, Kind::Firing | Kind::Resolved) {
            0
        } else {
            told.ordinal += 1;
            told.ordinal
        };
        // Of what is told after its end, the beginning is not that of the incident that came after it.
        let is_of_told = !told.channels.is_empty();
        let (incident, started_ms) =
            if is_of_told { (told.incident, told.started_ms) } else { (state.incident, state.started_ms) };
        self.notes.push(Note {
            kind,
            channels,
            severity,
            value: state.last_value,
            incident,
            ordinal,
            started_ms,
            at_ms: self.now_ms,
            reason,
        });
    }

    /// Whether somebody knows of what is going on.
    fn knows(&self) -> bool {
        let Memory { state, told, .. } = &*self.memory;
        state.is_active() && told.covers == state.incident && !told.channels.is_empty()
    }

    fn knowing(&self) -> Vec<String> {
        self.memory.told.channels.iter().cloned().collect()
    }

    /// The channels of the alert that want to know of a severity.
    fn everybody(&self, severity: Severity) -> Vec<String> {
        let wants = |channel: &&Recipient| severity >= channel.least && self.way.leads_to(&channel.name, severity);
        self.recipients.iter().filter(wants).map(|channel| channel.name.clone()).collect()
    }

    fn is_kept_back(&self) -> bool {
        self.memory.silenced.is_some() || self.memory.inhibited.is_some()
    }

    fn severity(&self) -> Severity {
        self.memory.state.severity.unwrap_or_else(|| self.lowest())
    }

    fn lowest(&self) -> Severity {
        self.rule.condition().lowest()
    }
}

#[cfg(test)]
mod tests;
