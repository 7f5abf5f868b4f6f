//! The rules of what functions have promised, which are known once a function was called.
//!
//! A function registers itself at its first call, so rules come while the monitor runs. Alerts of a time before, of functions
//! that have not been called since the start, wait for them: they are neither evaluated nor over. A function that is not
//! called for a day was taken out of the program, or might as well have been.

use std::collections::BTreeSet;

use super::{Engine, Live, Moment, Recorder, tracked::Tracked};
use crate::{
    rule::{
        Group,
        objective::{is_name, objective_groups},
    },
    util::report,
};

/// How long alerts wait for their function to be called.
const PATIENCE_MS: u64 = 24 * 3_600_000;

/// The objectives of the functions of this process.
#[derive(Debug)]
pub(super) struct Objectives {
    /// How many functions there were when it was last looked.
    sites: usize,
    /// The groups that came of them.
    known: Vec<Group>,
    /// Alerts of functions that have not been called yet, with the names of their rules.
    waiting: Vec<(String, Tracked)>,
    begun_ms: u64,
}

impl Objectives {
    pub(super) const fn new(moment: Moment) -> Self {
        Self { sites: 0, known: Vec::new(), waiting: Vec::new(), begun_ms: moment.steady_ms }
    }

    /// Keeps an alert until its rule comes, or hands it back if none of this name can.
    pub(super) fn keep(&mut self, rule: String, alert: Tracked) -> Option<(String, Tracked)> {
        if !is_name(&rule) {
            return Some((rule, alert));
        }
        self.waiting.push((rule, alert));
        None
    }
}

impl Engine {
    /// Takes in the rules of functions that were called for the first time, and gives them their alerts.
    pub(super) fn add_objectives(&mut self, moment: Moment) {
        let Some(objectives) = &mut self.objectives else { return };
        let is_over = moment.steady_ms.saturating_sub(objectives.begun_ms) >= PATIENCE_MS;
        let late = if is_over { std::mem::take(&mut objectives.waiting) } else { Vec::new() };
        for (rule, alert) in late {
            self.end_orphan(rule, alert, moment.wall_ms);
        }
        let sites = monitor_core::site_count();
        if let Some(objectives) = &mut self.objectives
            && std::mem::replace(&mut objectives.sites, sites) != sites
        {
            self.look_for_objectives(moment);
        }
    }

    fn look_for_objectives(&mut self, moment: Moment) {
        for group in objective_groups(&monitor_core::sites()) {
            let Some(objectives) = &mut self.objectives else { return };
            if objectives.known.contains(&group) {
                continue;
            }
            objectives.known.push(group.clone());
            let twin = group.rules().find(|rule| self.rules.iter().any(|live| live.rule.name() == rule.name()));
            if let Some(twin) = twin {
                let name = twin.name();
                report::line(format_args!(
                    "rule `{name}`: there are two rules of this name; the objective is not watched"
                ));
                continue;
            }
            let (alerting, recording) = (self.rules.len(), self.recorders.len());
            self.add(group, moment.steady_ms);
            let reaches = self.rules[alerting..].iter().map(Live::reach);
            let reaches = reaches.chain(self.recorders[recording..].iter().map(Recorder::reach));
            let names: BTreeSet<String> = reaches.filter_map(|reach| reach.names).flatten().collect();
            for name in &names {
                self.samples.keep(name);
            }
            (alerting..self.rules.len()).for_each(|place| self.take_back(place));
        }
    }

    /// Gives a rule the alerts that have waited for it.
    fn take_back(&mut self, place: usize) {
        let Some(objectives) = &mut self.objectives else { return };
        let live = &mut self.rules[place];
        let is_of_rule = |(rule, _): &mut (String, Tracked)| rule == live.rule.name();
        let waited: Vec<_> = objectives.waiting.extract_if(.., is_of_rule).collect();
        live.alerts.extend(waited.into_iter().map(|(_, alert)| (alert.labels.clone(), alert)));
    }
}
