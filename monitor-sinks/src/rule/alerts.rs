//! The alerts of one rule on passed-in time, without a store: for dry runs and tests of rules.

use std::collections::BTreeMap;

use super::{
    evaluate::{Elements, observed},
    event::Event,
    model::Rule,
    state::State,
    step::{Observed, Tick, step},
};
use crate::promql::Labels;

/// The alerts of a rule, by the labels of their elements.
pub(super) struct Alerts<'a> {
    rule: &'a Rule,
    interval_ms: u64,
    states: BTreeMap<Labels, State>,
    is_running: bool,
}

impl<'a> Alerts<'a> {
    /// None yet.
    pub(super) fn new(rule: &'a Rule, interval_ms: u64) -> Self {
        Self { rule, interval_ms, states: BTreeMap::new(), is_running: false }
    }

    /// Takes all alerts on by one evaluation; what happened to which.
    pub(super) fn tick(&mut self, elements: &Elements, at_ms: i64) -> Vec<(Labels, Event)> {
        let seen = observed(self.rule, elements, self.states.keys());
        self.take(seen, at_ms)
    }

    /// Takes all alerts on by an evaluation that failed.
    pub(super) fn failed(&mut self, at_ms: i64) {
        let seen = self.states.keys().map(|labels| (labels.clone(), Observed::Failed)).collect();
        self.take(seen, at_ms);
    }

    /// The alerts that are there, those that are over included.
    pub(super) fn states(&self) -> impl Iterator<Item = (&Labels, &State)> {
        self.states.iter()
    }

    fn take(&mut self, seen: Vec<(Labels, Observed)>, at_ms: i64) -> Vec<(Labels, Event)> {
        let elapsed_ms = if std::mem::replace(&mut self.is_running, true) { self.interval_ms } else { 0 };
        let tick = Tick { wall_ms: at_ms, elapsed_ms, interval_ms: self.interval_ms };
        let mut happened = Vec::new();
        for (labels, observed) in seen {
            let state = self.states.entry(labels.clone()).or_default();
            happened.extend(step(self.rule, state, observed, tick).into_iter().map(|event| (labels.clone(), event)));
        }
        happened
    }
}
