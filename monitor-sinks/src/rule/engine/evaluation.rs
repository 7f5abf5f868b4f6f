//! Which rules are evaluated at a flush, one after the other, and what comes of each.
//!
//! Rules are evaluated in their order, so that one sees what those before it have recorded. Only where there is no time for
//! all of them does the next flush begin with the first that had to wait.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    Engine, Place,
    clock::Now,
    live::{Happened, Turn},
    schedule::Schedule,
    table::Entry,
};
use crate::store::Derived;

impl Engine {
    /// Evaluates the rules that are due; what happened to their alerts, by the place of the rule.
    pub(super) fn evaluate(&mut self, now: Now, derived: &mut Derived) -> HashMap<usize, Happened> {
        let mut all = HashMap::new();
        let begun = Instant::now();
        self.rules.iter_mut().filter(|live| live.is_due(now)).for_each(|live| live.ask(&self.samples, now));
        let due = self.due(now);
        let first = self.first.take().and_then(|first| due.iter().position(|place| *place == first)).unwrap_or(0);
        for place in (0..due.len()).map(|step| due[(first + step) % due.len()]) {
            let spent = begun.elapsed();
            // Rules that take as long as they may take turns.
            if spent > self.pace.limits.deadline && self.can_wait(place) {
                self.first.get_or_insert(place);
                continue;
            }
            match place {
                Place::Alert(at) => {
                    let grace = self.pace.limits.grace.saturating_sub(spent);
                    let happened = self.alert(at, now, grace);
                    if !happened.is_empty() {
                        all.insert(at, happened);
                    }
                }
                Place::Record(at) => self.derive(at, now, derived),
            }
            self.allowance.spend(match place {
                Place::Alert(at) => &self.rules[at].schedule,
                Place::Record(at) => &self.recorders[at].schedule,
            });
        }
        all
    }

    /// The rules that are evaluated now, in their order: those that are due, of those that take long as many as there is time
    /// for.
    fn due(&mut self, now: Now) -> Vec<Place> {
        self.allowance.grow(now.elapsed_ms);
        let recording = self.recorders.iter_mut().map(|recorder| &mut recorder.schedule);
        let all = self.rules.iter_mut().map(|live| &mut live.schedule).chain(recording);
        let mut long: Vec<&mut Schedule> = all.filter(|schedule| schedule.is_due(now) && schedule.is_long()).collect();
        long.sort_by_key(|schedule| schedule.due_ms);
        self.allowance.share_out(long.into_iter(), now);
        let is_due = |place: &Place| match *place {
            Place::Alert(at) => self.rules[at].is_due(now),
            Place::Record(at) => self.recorders[at].schedule.is_due(now),
        };
        self.order.iter().copied().filter(is_due).collect()
    }

    /// Whether a rule can wait for the next flush if this one has taken too long.
    fn can_wait(&self, place: Place) -> bool {
        match place {
            Place::Alert(at) => self.rules[at].can_wait(),
            Place::Record(at) => self.recorders[at].schedule.is_long(),
        }
    }

    /// Evaluates a rule that alerts.
    fn alert(&mut self, place: usize, now: Now, grace: Duration) -> Happened {
        let live = &mut self.rules[place];
        let Some((happened, turn)) = live.run(&self.samples, now, self.pace.limits, grace) else {
            return Happened::new();
        };
        self.figures.evaluations += 1;
        self.figures.failures += u64::from(live.failure.is_some());
        if turn != Turn::Same {
            let (name, failure) = (live.rule.name().to_owned(), live.failure.clone());
            self.queue.tell_of_rule(&live.rule, failure.as_deref(), &self.recipients, now.wall_ms);
            self.turned(name, failure, now);
        }
        happened
    }

    /// Evaluates a rule that records. Those after it see what it has recorded.
    fn derive(&mut self, place: usize, now: Now, derived: &mut Derived) {
        let recorder = &mut self.recorders[place];
        let (touched, turn) = recorder.run(&self.samples, now, self.pace.limits, derived);
        self.figures.evaluations += 1;
        self.figures.failures += u64::from(recorder.failure.is_some());
        if turn != Turn::Same {
            let (name, failure) = (recorder.name().to_owned(), recorder.failure.clone());
            self.turned(name, failure, now);
        }
        self.samples.recent().add(now.at_ms, touched.into_iter().filter_map(|number| derived.sample(number)));
    }

    /// Keeps for the store that a rule has begun to fail, or works again.
    fn turned(&mut self, rule: String, failure: Option<String>, now: Now) {
        let kind = if failure.is_some() { "rule_failed" } else { "rule_works" };
        let text = failure.unwrap_or_else(|| String::from("it works again"));
        self.queue.entries.push(Entry { at_ms: now.wall_ms, alert: None, rule: Some(rule), kind, event: None, text });
    }
}
