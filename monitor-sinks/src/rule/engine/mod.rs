//! Alert rules at work, beside the recording of what they watch.
//!
//! ```text
//! mod       Engine: a flush comes in; evaluation: of the rules that are due; commit: what there is to write
//! live      a rule that alerts: what it finds, whether it fails; recorder: one that records; schedule: when they are due
//! objective the rules of functions that are called for the first time
//! tracked   an alert: its state, who knows what of it
//! tell      who is told what; message: in which words
//! silence   what keeps messages back; command: what people ask for
//! listener  what would be told, for dry runs
//! function  a function of the program that decides, on a thread of its own
//! joined    the samples in memory and the store as one source; clock: time that is stepped
//! table     the tables of all this
//! read      alerts as readers of the store see them
//! ```
//!
//! The engine does no input or output of its own. At each flush it is given the samples and the time, and evaluates what is
//! due in memory. What comes of it waits in a queue until the transaction of a flush has taken it in: that flush's, or a
//! later one, if the store is locked. So
//!
//! - samples, alerts, events and messages are of one moment in the file, whenever the process is killed;
//! - nobody is told of anything that is not in the file, unless the file could not be written to for half a minute;
//! - alerts go on while the file cannot be written to.

mod clock;
mod command;
mod commit;
mod evaluation;
mod function;
mod joined;
mod listener;
mod live;
mod message;
mod objective;
mod queue;
mod read;
mod recorder;
mod schedule;
mod silence;
mod table;
mod tell;
mod tracked;

use std::{collections::HashMap, sync::Arc, time::Duration};

use rusqlite::Connection;

pub(super) use self::listener::Listener;
pub(crate) use self::{clock::Moment, live::Limits, tell::Recipient};
use self::{
    clock::{Clock, Now},
    command::Command,
    joined::Joined,
    live::{Happened, Live},
    objective::Objectives,
    queue::Queue,
    recorder::Recorder,
    schedule::{Allowance, Pace},
    silence::{Silencer, subject},
    table::Entry,
    tell::{tell, tell_of_ack},
    tracked::{Memory, Tracked},
};
pub use self::{
    read::{Alert, AlertEvent, Explanation},
    silence::Silence,
    tracked::Acknowledgement,
};
use super::{
    event::{Event, EventKind},
    fingerprint::Fingerprint,
    model::Rule,
    recording::{Entry as Member, Group},
    route::Way,
    step::remove,
};
use crate::{
    ask::{Recent, StoreSource},
    error::Error,
    notify::{Active, Message},
    promql::Labels,
    store::{Derived, Placed},
};

/// Windows up to this are kept in memory; longer ones are read from the store, and less often.
const LONGEST_SPAN_MS: i64 = 900_000;
/// PromQL looks back so far for the newest sample.
const LOOKBACK_MS: i64 = 300_000;

/// What an engine is made of.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Rules in groups, all of which are evaluated in this order.
    pub(crate) groups: Vec<Group>,
    /// Whether the rules of all objectives of functions belong to them.
    pub(crate) objectives: bool,
    /// How often rules are evaluated; at every flush if nothing is said.
    pub(crate) every: Option<Duration>,
    /// How often there is a flush.
    pub(crate) flush_every: Duration,
    pub(crate) recipients: Vec<Recipient>,
    /// The service of series that name none.
    pub(crate) service: String,
    /// What tells the messages of this program from those of others.
    pub(crate) instance: String,
    pub(crate) limits: Limits,
}

/// The rules of a running monitor, with their alerts.
#[derive(Debug)]
pub(crate) struct Engine {
    pace: Pace,
    /// Whether rules are evaluated more often than there is a flush by itself.
    is_faster: bool,
    recipients: Vec<Recipient>,
    rules: Vec<Live>,
    recorders: Vec<Recorder>,
    /// In which order they are evaluated.
    order: Vec<Place>,
    /// The first rule that had to wait for the next flush, which begins with it.
    first: Option<Place>,
    allowance: Allowance,
    objectives: Option<Objectives>,
    /// Alerts of rules that are gone; they are written once.
    orphans: Vec<(String, Tracked)>,
    silencers: Vec<Silencer>,
    samples: Arc<Joined>,
    clock: Clock,
    /// The last command that was taken.
    commanded: i64,
    queue: Queue,
    figures: Figures,
    /// The file that the tables are known to be in.
    generation: Option<u64>,
    /// When the last flush was.
    flushed_ms: u64,
    /// Since when the store takes nothing, by the steady clock, and whether that was told.
    outage: Option<(u64, bool)>,
}

/// The place of a rule among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Alert(usize),
    Record(usize),
}

/// What the engine counts of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) evaluations: u64,
    pub(crate) failures: u64,
    pub(crate) pending: u64,
    pub(crate) firing: u64,
    pub(crate) silenced: u64,
}

impl Engine {
    /// Takes up where the alerts in the store were left. `connection` is the one that writes to it.
    pub(crate) fn open(
        settings: Settings,
        connection: &Connection,
        store: StoreSource,
        moment: Moment,
    ) -> rusqlite::Result<Self> {
        table::create(connection)?;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let every = millis(settings.every.unwrap_or(settings.flush_every)).max(1);
        // A flush may come early, by itself by a little, or by as much as one that is asked for.
        let flush_every = millis(settings.flush_every);
        let slack = if settings.every.is_some() { flush_every.min(every) / 2 } else { every };
        let mut engine = Self {
            pace: Pace { every, slack, flush_every, limits: settings.limits },
            is_faster: settings.every.is_some_and(|every| every < settings.flush_every),
            recipients: settings.recipients,
            rules: Vec::new(),
            recorders: Vec::new(),
            order: Vec::new(),
            first: None,
            allowance: Allowance::new(settings.limits),
            objectives: settings.objectives.then(|| Objectives::new(moment)),
            orphans: Vec::new(),
            silencers: table::silences(connection)?.into_iter().filter_map(|known| Silencer::new(known).ok()).collect(),
            samples: Arc::new(Joined::new(Recent::default(), store.clone())),
            clock: Clock::new(moment),
            commanded: 0,
            queue: Queue::default(),
            figures: Figures::default(),
            generation: None,
            flushed_ms: moment.steady_ms,
            outage: None,
        };
        settings.groups.into_iter().for_each(|group| engine.add(group, moment.steady_ms));
        engine.add_objectives(moment);
        let recent = engine.recent(&settings.service, &store, moment);
        engine.samples = Arc::new(Joined::new(recent, store));
        let singles =
            engine.recipients.iter().filter(|known| known.is_single).map(|known| known.name.clone()).collect();
        (engine.queue.instance, engine.queue.singles) = (settings.instance, singles);
        engine.restore(table::alerts(connection)?, moment);
        Ok(engine)
    }

    /// Takes in the rules of a group, after those that there are.
    fn add(&mut self, group: Group, steady_ms: u64) {
        let schedule = self.pace.schedule(group.interval);
        self.is_faster |= !group.entries.is_empty() && schedule.every_ms() < self.pace.flush_every;
        for entry in group.entries {
            match entry {
                Member::Alert(rule) => {
                    self.order.push(Place::Alert(self.rules.len()));
                    self.rules.push(Live::new(*rule, schedule));
                }
                Member::Record(recording) => {
                    let number = self.recorders.len();
                    self.order.push(Place::Record(number));
                    self.recorders.push(Recorder::new(recording, number, schedule, steady_ms));
                }
            }
        }
    }

    /// The samples in memory that the rules need.
    fn recent(&self, service: &str, store: &StoreSource, moment: Moment) -> Recent {
        let recording = self.recorders.iter().map(Recorder::reach);
        let reaches: Vec<_> = self.rules.iter().map(Live::reach).chain(recording).collect();
        let back = reaches.iter().filter_map(|reach| reach.back).max().unwrap_or(0);
        let span = back.clamp(LOOKBACK_MS, LONGEST_SPAN_MS);
        let mut names: Vec<String> = reaches.into_iter().filter_map(|reach| reach.names).flatten().collect();
        names.sort_unstable();
        names.dedup();
        let mut recent = Recent::new(service, names.iter().cloned(), span, moment.wall_ms);
        for name in &names {
            // What cannot be read now is asked of the store when it is needed.
            let _ = recent.remember(store, name, true);
        }
        recent
    }

    /// Gives each rule its alerts, and ends those of rules that are gone.
    fn restore(&mut self, stored: Vec<(String, Labels, Memory)>, moment: Moment) {
        let places: HashMap<String, usize> =
            self.rules.iter().enumerate().map(|(place, live)| (live.rule.name().to_owned(), place)).collect();
        for (rule, labels, memory) in stored {
            let alert = Tracked::new(&rule, &labels, Some(memory));
            if let Some(&place) = places.get(&rule) {
                self.rules[place].alerts.insert(labels, alert);
                continue;
            }
            let orphan = match &mut self.objectives {
                Some(objectives) => objectives.keep(rule, alert),
                None => Some((rule, alert)),
            };
            if let Some((rule, alert)) = orphan {
                self.end_orphan(rule, alert, moment.wall_ms);
            }
        }
    }

    /// Ends an alert whose rule is gone.
    fn end_orphan(&mut self, rule: String, mut alert: Tracked, wall_ms: i64) {
        let Some(event) = remove(&mut alert.memory.state, wall_ms) else { return };
        let rule = Rule::new(rule);
        self.record(&rule, &alert, std::slice::from_ref(&event));
        let way = Way::new(&rule, &[]);
        let notes = tell(&rule, &way, &mut alert.memory, &[event], &self.recipients, wall_ms, 0);
        // If the rule comes back, its alerts are news.
        alert.memory.told.begun = None;
        self.queue.tell(&rule, &alert, &notes, None);
        self.orphans.push((rule.name().to_owned(), alert));
    }

    /// Takes a flush in: its samples, and the commands that wait in the store. What rules record is set in `derived`.
    pub(crate) fn flush<'a>(
        &mut self,
        moment: Moment,
        connection: Option<&Connection>,
        samples: impl Iterator<Item = Placed<'a>>,
        derived: &mut Derived,
    ) {
        let now = self.clock.read(moment);
        if let Some(stepped_ms) = now.stepped_ms {
            self.samples.recent().shift(stepped_ms);
            let text = format!("the wall clock was stepped by {:.1} s", stepped_ms as f64 / 1_000.0);
            self.queue.entries.push(Entry {
                at_ms: now.wall_ms,
                alert: None,
                rule: None,
                kind: "clock",
                event: None,
                text,
            });
        }
        // What was asked for since the last flush: that one is in the store now.
        self.samples.learn();
        self.add_objectives(moment);
        self.samples.recent().take(now.at_ms, samples);
        self.samples.recent().add(now.at_ms, derived.samples());
        if let Some(connection) = connection {
            self.take_commands(connection, now);
        }
        let mut happened = self.evaluate(now, derived);
        self.settle(&mut happened, now);
        self.end_silences(now);
        self.queue.bound(now.steady_ms);
        self.flushed_ms = now.steady_ms;
    }

    /// Draws from what the alerts are now who is told what.
    fn settle(&mut self, happened: &mut HashMap<usize, Happened>, now: Now) {
        let active = self.active();
        let mut counted = Figures { pending: 0, firing: 0, silenced: 0, ..self.figures };
        let mut recorded = Vec::new();
        for (place, live) in self.rules.iter_mut().enumerate() {
            let mut happened = happened.remove(&place).unwrap_or_default();
            let rule = &live.rule;
            for alert in live.alerts.values_mut() {
                let memory = &mut alert.memory;
                let events = happened.remove(&alert.labels).unwrap_or_default();
                if memory.state.is_idle()
                    && memory.told.channels.is_empty()
                    && events.is_empty()
                    && memory.ack.is_none()
                {
                    continue;
                }
                memory.silenced = silence_for(&self.silencers, rule, &alert.labels, memory, now);
                let kept_back = rule.dependencies().iter().find(|name| {
                    active
                        .get(name.as_str())
                        .is_some_and(|others| others.iter().any(|other| agree(other, &alert.labels)))
                });
                memory.inhibited = kept_back.cloned();
                let way = Way::new(rule, alert.routes(rule, !events.is_empty()));
                let memory = &mut alert.memory;
                let notes = tell(rule, &way, memory, &events, &self.recipients, now.wall_ms, now.elapsed_ms);
                counted.firing += u64::from(memory.state.is_active());
                counted.pending += u64::from(memory.state.lifecycle == super::Lifecycle::Pending);
                counted.silenced += u64::from(memory.silenced.is_some());
                self.queue.tell(rule, alert, &notes, way.grouping);
                if !events.is_empty() {
                    recorded.push((place, alert.clone(), events));
                }
            }
        }
        self.figures = counted;
        for (place, alert, events) in recorded {
            let rule = self.rules[place].rule.clone();
            self.record(&rule, &alert, &events);
        }
    }

    /// The labels of alerts that are active, of rules that others depend on.
    fn active(&self) -> HashMap<String, Vec<Labels>> {
        let wanted: std::collections::HashSet<&str> =
            self.rules.iter().flat_map(|live| live.rule.dependencies()).map(String::as_str).collect();
        let lives = self.rules.iter().filter(|live| wanted.contains(live.rule.name()));
        lives
            .map(|live| {
                let active = live.alerts.values().filter(|alert| alert.memory.state.is_active());
                (live.rule.name().to_owned(), active.map(|alert| alert.labels.clone()).collect())
            })
            .collect()
    }

    /// Ends silences whose time is over, and those for what is over.
    fn end_silences(&mut self, now: Now) {
        let rules = &self.rules;
        let is_needed = |silencer: &Silencer| {
            let is_for = |live: &Live| {
                live.alerts.values().any(|alert| {
                    let state = &alert.memory.state;
                    !state.is_idle() && silencer.is_for(&subject(live.rule.name(), &alert.labels, state.severity))
                })
            };
            silencer.silence.until_ms.is_some() || rules.iter().any(is_for)
        };
        let before = self.silencers.len();
        self.silencers.retain(|silencer| !silencer.is_over(now.wall_ms) && is_needed(silencer));
        self.queue.silences |= self.silencers.len() != before;
    }

    fn take_commands(&mut self, connection: &Connection, now: Now) {
        // Without the table, or while it cannot be read, there are none.
        let waiting = command::waiting(connection, self.commanded).unwrap_or_default();
        for (number, command) in waiting {
            self.commanded = number;
            self.queue.commanded = true;
            if let Some(command) = command {
                self.obey(number, command, now);
            }
        }
    }

    fn obey(&mut self, number: i64, command: Command, now: Now) {
        match command {
            Command::Ack { fingerprint, by, note, until_ms } => {
                let wanted = fingerprint.parse::<Fingerprint>().ok();
                let alerts = self.rules.iter_mut().flat_map(|live| {
                    let rule = &live.rule;
                    live.alerts.values_mut().map(move |alert| (rule, alert))
                });
                for (rule, alert) in alerts.filter(|(_, alert)| Some(alert.fingerprint) == wanted) {
                    let text = format!("{by}: {note}");
                    let incident = alert.memory.state.incident;
                    alert.memory.ack = Some(Acknowledgement { by: by.clone(), note: note.clone(), until_ms, incident });
                    let way = Way::new(rule, alert.routes(rule, false));
                    let notes = tell_of_ack(rule, &way, &mut alert.memory, now.wall_ms);
                    self.queue.tell(rule, alert, &notes, None);
                    let (alert, rule) = (Some(alert.fingerprint), Some(rule.name().to_owned()));
                    self.queue.entries.push(Entry { at_ms: now.wall_ms, alert, rule, kind: "ack", event: None, text });
                }
            }
            Command::Silence { matchers, until_ms, by, comment } => {
                let silence = Silence { id: number, matchers, until_ms, by, comment, since_ms: now.wall_ms };
                self.queue.silences = true;
                self.silencers.extend(Silencer::new(silence).ok());
            }
            Command::Unsilence { id } => {
                self.queue.silences = true;
                self.silencers.retain(|silencer| silencer.silence.id != id);
            }
        }
    }

    /// Keeps events for the store.
    fn record(&mut self, rule: &Rule, alert: &Tracked, events: &[Event]) {
        for event in events {
            let text = match event.kind {
                EventKind::Resolved { reason } => reason.as_str().to_owned(),
                EventKind::Escalated { from } | EventKind::Deescalated { from } => format!("from {from}"),
                _ => String::new(),
            };
            let (print, name) = (Some(alert.fingerprint), Some(rule.name().to_owned()));
            let (at_ms, kind) = (event.at_ms, event.kind.as_str());
            self.queue.entries.push(Entry { at_ms, alert: print, rule: name, kind, event: Some(event.clone()), text });
        }
    }

    /// Keeps something else that happened for the store.
    pub(crate) fn remark(&mut self, kind: &'static str, text: String, at_ms: i64) {
        self.queue.entries.push(Entry { at_ms, alert: None, rule: None, kind, event: None, text });
    }

    /// In how many milliseconds the next rule is due, seen from an instant of the steady clock; `None` if the next flush
    /// comes early enough.
    pub(crate) fn due_in_ms(&self, steady_ms: u64) -> Option<u64> {
        let schedules = || {
            let recording = self.recorders.iter().map(|recorder| &recorder.schedule);
            self.rules.iter().map(|live| &live.schedule).chain(recording)
        };
        let soonest = || schedules().map(|schedule| schedule.due_in_ms(steady_ms)).min();
        if self.is_faster { soonest() } else { None }
    }

    /// Whether a function thinks about a rule, and whether one has an answer that the next flush will judge.
    pub(crate) fn functions(&self) -> (bool, bool) {
        (self.rules.iter().any(Live::is_asked), self.rules.iter().any(Live::has_answered))
    }

    /// Takes note that the last flush could not be committed. When that has been so for `patience_ms`, it is told: at once,
    /// because nothing can be stored.
    pub(crate) fn failed(&mut self, now_ms: u64, patience_ms: u64, error: &Error) {
        let (since_ms, is_told) = self.outage.unwrap_or((now_ms, false));
        let is_long = now_ms.saturating_sub(since_ms) >= patience_ms;
        if is_long && !is_told {
            self.tell_of_store(Some(error));
        }
        self.outage = Some((since_ms, is_told || is_long));
    }

    fn tell_of_store(&mut self, failure: Option<&Error>) {
        let at_ms = self.clock.last().wall_ms;
        let kind = if failure.is_some() { "store_failed" } else { "store_works" };
        let text = failure.map_or_else(|| String::from("it is written to again"), Error::to_string);
        self.remark(kind, text, at_ms);
        self.queue.tell_of_store(failure, &self.recipients, at_ms);
    }

    /// Takes note that the samples of the last flush have been committed.
    pub(crate) fn delivered(&mut self) {
        if let Some((_, true)) = self.outage.take() {
            self.tell_of_store(None);
        }
        self.samples.recent().delivered();
    }

    /// The alerts that fire and that a channel was told of.
    pub(crate) fn known_to(&self, channel: &str) -> Vec<Active> {
        // Whoever was told that an alert comes and goes holds it until it is calm.
        let told = |alert: &&Tracked| {
            let Memory { state, told, .. } = &alert.memory;
            (state.is_active() || told.restless) && told.channels.contains(channel)
        };
        let alerts = self.rules.iter().flat_map(|live| live.alerts.values().map(move |alert| (&live.rule, alert)));
        alerts.filter(|(_, alert)| told(alert)).map(|(rule, alert)| message::active(rule, alert)).collect()
    }

    /// Offers messages that have waited for a commit for longer than `patience_ms`: they are sent without.
    pub(crate) fn overdue(&mut self, now_ms: u64, patience_ms: u64, offer: impl FnMut(&Message) -> bool) {
        self.queue.overdue(now_ms, patience_ms, offer);
    }

    /// Takes note of what became of one of them.
    pub(crate) fn returned(&mut self, channel: &str, key: &str, has_arrived: bool, now_ms: u64) {
        self.queue.returned(channel, key, has_arrived, now_ms);
    }

    /// What it has counted.
    pub(crate) const fn figures(&self) -> Figures {
        self.figures
    }
}

/// The silence that an alert is under, if there is one.
fn silence_for(silencers: &[Silencer], rule: &Rule, labels: &Labels, memory: &Memory, now: Now) -> Option<i64> {
    if silencers.is_empty() {
        return None;
    }
    let subject = subject(rule.name(), labels, memory.state.severity);
    let holds = |silencer: &&Silencer| !silencer.is_over(now.wall_ms) && silencer.is_for(&subject);
    silencers.iter().find(holds).map(|silencer| silencer.silence.id)
}

/// Whether two alerts are of one thing: they have the same values of the labels that both have.
fn agree(one: &Labels, other: &Labels) -> bool {
    one.iter().all(|(label, value)| other.get(label).is_none_or(|known| known == value))
}

#[cfg(test)]
mod tests;
