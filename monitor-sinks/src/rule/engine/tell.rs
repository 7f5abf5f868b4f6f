//! Who is told what of an alert.
//!
//! An alert lives by its rule alone. What is told of it is drawn from two things at each evaluation: what the alert is, and
//! who knows what of it. A channel that knows of an incident is told of its end, whatever silence or dependency there is by
//! then; one that does not know of it, because it was kept back from the beginning, is not. When what kept it back is over
//! and the alert still fires, it is told then.
//!
//! While an alert flaps nothing but that is told; what has come of it is told when it is calm.

use super::{
    super::{
        event::{Event, EventKind},
        model::Rule,
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
}

/// Draws what is to be told of an alert after these events, at an instant `elapsed_ms` after the last time it was asked.
pub(super) fn tell(
    rule: &Rule,
    memory: &mut Memory,
    events: &[Event],
    recipients: &[Recipient],
    now_ms: i64,
    elapsed_ms: u64,
) -> Vec<Note> {
    let mut teller = Teller { rule, memory, recipients, now_ms, notes: Vec::new() };
    teller.forget_ack();
    for event in events {
        teller.event(event);
    }
    teller.settle(events);
    teller.repeat(elapsed_ms);
    teller.notes
}

struct Teller<'a> {
    rule: &'a Rule,
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
        match event.kind {
            EventKind::Escalated { .. } if self.knows() && !self.memory.state.flapping => {
                let to = self.everybody(event.severity);
                self.memory.told.channels.extend(to);
                self.note(Kind::Escalated, event.severity, self.knowing(), None);
            }
            EventKind::NoData if self.knows() => self.note(Kind::NoData, event.severity, self.knowing(), None),
            EventKind::NoData => self.note(Kind::NoData, event.severity, self.everybody(event.severity), None),
            EventKind::Flapping => {
                let to = self.everybody(event.severity);
                self.note(Kind::Flapping, event.severity, to, None);
            }
            _ => {}
        }
    }

    /// Brings those who know of another incident, or of none, up to what the alert is.
    fn settle(&mut self, events: &[Event]) {
        if self.memory.state.flapping {
            return;
        }
        if !self.memory.told.channels.is_empty() && !self.knows() {
            let ended = events.iter().rev().find_map(|event| match event.kind {
                EventKind::Resolved { reason } => Some((event.severity, reason.as_str())),
                _ => None,
            });
            let (severity, reason) = ended.unwrap_or((self.lowest(), "condition no longer holds"));
            let to = self.knowing();
            self.note(Kind::Resolved, severity, to, Some(reason));
            self.memory.told.channels.clear();
        }
        let state = &self.memory.state;
        if state.is_active() && !self.knows() && !self.is_kept_back() {
            let severity = state.severity.unwrap_or_else(|| self.lowest());
            let to = self.everybody(severity);
            if !to.is_empty() {
                let Told { incident, started_ms, channels, .. } = &mut self.memory.told;
                (*incident, *started_ms) = (self.memory.state.incident, self.memory.state.started_ms);
                channels.extend(to.iter().cloned());
                self.note(Kind::Firing, severity, to, None);
            }
        }
    }

    fn repeat(&mut self, elapsed_ms: u64) {
        let state = &self.memory.state;
        let is_worth_it = self.memory.state.flapping || (self.knows() && self.memory.ack.is_none());
        if !is_worth_it || self.is_kept_back() {
            return;
        }
        let (severity, is_flapping) = (state.severity.unwrap_or_else(|| self.lowest()), state.flapping);
        let told = &mut self.memory.told;
        told.quiet_ms = if self.notes.is_empty() { told.quiet_ms.saturating_add(elapsed_ms) } else { 0 };
        let every = u64::try_from(self.rule.repeat_interval().as_millis()).unwrap_or(u64::MAX);
        if every > 0 && self.memory.told.quiet_ms >= every {
            if is_flapping {
                self.note(Kind::Flapping, severity, self.everybody(severity), None);
            } else {
                self.note(Kind::Repeat, severity, self.knowing(), None);
            }
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
        state.is_active() && told.incident == state.incident && !told.channels.is_empty()
    }

    fn knowing(&self) -> Vec<String> {
        self.memory.told.channels.iter().cloned().collect()
    }

    /// The channels of the rule that want to know of a severity.
    fn everybody(&self, severity: Severity) -> Vec<String> {
        let named = self.rule.channel_names();
        let is_meant = |channel: &&Recipient| named.is_empty() || named.contains(&channel.name);
        let wanting = self.recipients.iter().filter(|channel| severity >= channel.least).filter(is_meant);
        wanting.map(|channel| channel.name.clone()).collect()
    }

    fn is_kept_back(&self) -> bool {
        self.memory.silenced.is_some() || self.memory.inhibited.is_some()
    }

    fn lowest(&self) -> Severity {
        self.rule.condition().lowest()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::super::step::{Observed, Tick, step},
        super::tracked::Acknowledgement,
        *,
    };

    /// An alert that is taken through what the test says, a second a step.
    struct Scene {
        rule: Rule,
        memory: Memory,
        recipients: Vec<Recipient>,
        second: i64,
    }

    impl Scene {
        fn new(rule: Rule) -> Self {
            let recipient = |name: &str, least| Recipient { name: name.to_owned(), least };
            let recipients = vec![recipient("ops", Severity::Low), recipient("pager", Severity::High)];
            Self { rule, memory: Memory::default(), recipients, second: 0 }
        }

        /// What is told after a value was seen, as `KIND:CHANNELS`.
        fn see(&mut self, value: f64) -> Vec<String> {
            self.second += 1;
            let tick = Tick { wall_ms: self.second * 1_000, elapsed_ms: 1_000, interval_ms: 1_000 };
            let events = step(&self.rule, &mut self.memory.state, Observed::Value(value), tick);
            let notes = tell(&self.rule, &mut self.memory, &events, &self.recipients, self.second * 1_000, 1_000);
            notes.iter().map(|note| format!("{:?}:{}", note.kind, note.channels.join("+"))).collect()
        }
    }

    fn rule() -> Rule {
        Rule::new("queue").when("queue").above(10.0).clear_below(9.0).repeat(Duration::from_secs(10))
    }

    #[test]
    fn whoever_was_told_of_the_beginning_is_told_of_the_end() {
        let mut scene = Scene::new(rule());
        assert_eq!(scene.see(5.0), [""; 0]);
        assert_eq!(scene.see(20.0), ["Firing:ops"]);
        assert_eq!(scene.see(20.0), [""; 0]);
        assert_eq!(scene.see(5.0), ["Resolved:ops"]);
        assert_eq!(scene.see(5.0), [""; 0]);
    }

    #[test]
    fn a_silence_over_the_beginning_and_the_end_leaves_nothing() {
        let mut scene = Scene::new(rule());
        scene.memory.silenced = Some(1);
        assert_eq!(scene.see(20.0), [""; 0]);
        assert_eq!(scene.see(5.0), [""; 0]);
        scene.memory.silenced = None;
        assert_eq!(scene.see(5.0), [""; 0], "an orphan");
    }

    #[test]
    fn a_silence_that_ends_while_it_fires_has_it_told_then() {
        let mut scene = Scene::new(rule());
        scene.memory.silenced = Some(1);
        assert_eq!(scene.see(20.0), [""; 0]);
        scene.memory.silenced = None;
        assert_eq!(scene.see(20.0), ["Firing:ops"]);
        assert_eq!(scene.see(5.0), ["Resolved:ops"]);
    }

    #[test]
    fn a_silence_that_begins_after_the_beginning_lets_the_end_through() {
        let mut scene = Scene::new(rule());
        assert_eq!(scene.see(20.0), ["Firing:ops"]);
        scene.memory.silenced = Some(1);
        (0..20).for_each(|_| assert_eq!(scene.see(20.0), [""; 0], "a repetition"));
        assert_eq!(scene.see(5.0), ["Resolved:ops"]);
    }

    #[test]
    fn it_is_told_again_until_somebody_has_seen_it_and_again_when_that_is_over() {
        let mut scene = Scene::new(rule());
        assert_eq!(scene.see(20.0), ["Firing:ops"]);
        (0..9).for_each(|_| assert_eq!(scene.see(20.0), [""; 0]));
        assert_eq!(scene.see(20.0), ["Repeat:ops"]);
        let until_ms = (scene.second + 30) * 1_000;
        let ack = Acknowledgement { by: "me".into(), note: String::new(), until_ms, incident: 1 };
        scene.memory.ack = Some(ack.clone());
        (0..29).for_each(|_| assert_eq!(scene.see(20.0), [""; 0]));
        assert_eq!(scene.see(20.0), ["Repeat:ops"]);
        assert_eq!(scene.memory.ack, None);
        // It goes with its incident.
        scene.memory.ack = Some(Acknowledgement { until_ms: i64::MAX, ..ack });
        assert_eq!(scene.see(5.0), ["Resolved:ops"]);
        assert_eq!(scene.see(20.0), ["Firing:ops"]);
        assert_eq!(scene.memory.ack, None);
    }

    #[test]
    fn an_escalation_reaches_who_wants_to_know_of_it_only_and_so_does_the_end() {
        use super::super::super::condition::{Comparison, Level};
        let rule = rule().severity(Severity::Low).level(Level::new(Severity::Critical, Comparison::Above, 50.0));
        let mut scene = Scene::new(rule);
        assert_eq!(scene.see(20.0), ["Firing:ops"]);
        assert_eq!(scene.see(80.0), ["Escalated:ops+pager"]);
        assert_eq!(scene.see(5.0), ["Resolved:ops+pager"]);
    }

    #[test]
    fn of_an_alert_that_flaps_little_is_told_and_its_end_in_the_end() {
        let mut scene = Scene::new(rule().repeat(Duration::ZERO));
        let told: Vec<String> = (0..40).flat_map(|at| scene.see(if at % 2 == 0 { 20.0 } else { 5.0 })).collect();
        assert_eq!(told.iter().filter(|note| note.starts_with("Flapping")).count(), 1, "{told:?}");
        assert!(told.len() <= 8, "{told:?}");
        let last: Vec<String> = (0..3_700).flat_map(|_| scene.see(5.0)).collect();
        assert!(last.is_empty() || last == ["Resolved:ops"], "{last:?}");
        assert!(scene.memory.told.channels.is_empty());
    }
}
