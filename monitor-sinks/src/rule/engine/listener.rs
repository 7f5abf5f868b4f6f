//! Somebody who is told of all that becomes of an alert: for who counts messages without sending any.

use super::{
    super::{
        event::Event,
        model::Rule,
        route::Way,
        state::State,
        step::{Observed, Tick, step},
    },
    tell::{Recipient, tell},
    tracked::Memory,
};
use crate::notify::Severity;

/// An alert with one channel, which wants to know everything.
#[derive(Debug)]
pub(in crate::rule) struct Listener<'a> {
    rule: &'a Rule,
    way: Way<'a>,
    recipients: [Recipient; 1],
    memory: Memory,
}

impl<'a> Listener<'a> {
    /// An alert of this rule that never was anything.
    pub(in crate::rule) fn new(rule: &'a Rule) -> Self {
        let recipient = Recipient { name: String::from("listener"), least: Severity::Low, is_single: true };
        Self { rule, way: Way::new(rule, &[]).opened(), recipients: [recipient], memory: Memory::default() }
    }

    /// The alert as it is now.
    pub(in crate::rule) const fn state(&self) -> &State {
        &self.memory.state
    }

    /// Takes the alert on by one evaluation: what happened to it, and how many messages tell of that.
    pub(in crate::rule) fn step(&mut self, observed: Observed, tick: Tick) -> (Vec<Event>, usize) {
        let Self { rule, way, recipients, memory } = self;
        let events = step(rule, &mut memory.state, observed, tick);
        let notes = tell(rule, way, memory, &events, recipients, tick.wall_ms, tick.elapsed_ms);
        (events, notes.len())
    }
}
