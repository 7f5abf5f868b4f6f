//! What waits for the transaction of a flush: events and messages.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Transaction;

use super::{
    super::{
        model::Rule,
        route::{Grouping, Way},
    },
    message,
    table::{self, Entry},
    tell::{Note, Recipient},
    tracked::Tracked,
};
use crate::{
    error::Error,
    notify::{
        Kind, Message, Severity,
        outbox::{self, Company},
    },
};

/// So many messages wait at most while the store cannot be written to.
const MOST_MESSAGES: usize = 20_000;
/// So many of them are offered to a channel within a minute that would get digests otherwise.
const OFFERED_A_MINUTE: usize = 20;
/// So many events wait.
const MOST_ENTRIES: usize = 100_000;

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) entries: Vec<Entry>,
    pub(super) messages: Vec<Waiting>,
    /// Whether silences have changed.
    pub(super) silences: bool,
    /// Whether commands were taken.
    pub(super) commanded: bool,
    /// Of which program messages are.
    pub(super) instance: String,
    /// The channels that are told of each alert by itself.
    pub(super) singles: BTreeSet<String>,
    /// When messages were offered to the others, by the steady clock.
    offered: BTreeMap<String, Vec<u64>>,
}

/// A message on its way to the outbox.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message: Message,
    /// How it waits for others, if it is told together with them.
    company: Option<Company>,
    /// Since when it waits, by the steady clock; it is not known before the end of a flush.
    since_ms: Option<u64>,
    offer: Offer,
}

/// Whether a message was sent without being stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    Never,
    /// It is on its way.
    Taken,
    Arrived,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.messages.is_empty() && !self.silences && !self.commanded
    }

    /// Queues what is told of an alert.
    pub(super) fn tell(&mut self, rule: &Rule, alert: &Tracked, notes: &[Note], grouping: Option<Grouping<'_>>) {
        for note in notes {
            let message = message::of_alert(rule, alert, note, grouping, &self.instance);
            for channel in &note.channels {
                let grouping = grouping.filter(|_| !self.singles.contains(channel));
                self.push(&message, channel, grouping);
            }
        }
    }

    /// Queues that a rule has begun to fail, or works again.
    pub(super) fn tell_of_rule(&mut self, rule: &Rule, failure: Option<&str>, recipients: &[Recipient], now_ms: i64) {
        let way = Way::of_rule(rule);
        let message = message::of_rule(rule, failure, &self.instance, now_ms);
        for known in recipients.iter().filter(|known| way.leads_to(&known.name, message.severity)) {
            self.push(&message, &known.name, None);
        }
    }

    /// Queues that the store takes nothing, which has waited for long enough, or that it does again.
    pub(super) fn tell_of_store(&mut self, failure: Option<&Error>, recipients: &[Recipient], now_ms: i64) {
        let message = message::of_store(failure, &self.instance, now_ms);
        let before = self.messages.len();
        for known in recipients.iter().filter(|known| known.least <= Severity::High) {
            self.push(&message, &known.name, None);
        }
        if failure.is_some() {
            self.messages[before..].iter_mut().for_each(|waiting| waiting.since_ms = Some(0));
        }
    }

    fn push(&mut self, message: &Message, channel: &str, grouping: Option<Grouping<'_>>) {
        let mut message = message.clone();
        channel.clone_into(&mut message.channel);
        if grouping.is_none() {
            message.group.clear();
        }
        let company = grouping.map(|grouping| grouping.company());
        self.messages.push(Waiting { message, company, since_ms: None, offer: Offer::Never });
    }

    /// Takes note of the time, and makes room if too much waits: what goes on need not be said again, and old events can be
    /// missed; beginnings and ends of incidents go last.
    pub(super) fn bound(&mut self, now_ms: u64) {
        self.messages.iter_mut().for_each(|waiting| _ = waiting.since_ms.get_or_insert(now_ms));
        if self.messages.len() > MOST_MESSAGES {
            self.messages.retain(|waiting| waiting.message.kind != Kind::Repeat);
            let over = self.messages.len().saturating_sub(MOST_MESSAGES);
            self.messages.drain(..over);
        }
        let over = self.entries.len().saturating_sub(MOST_ENTRIES);
        self.entries.drain(..over);
    }

    /// Writes what waits.
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        table::put_entries(transaction, &self.entries)?;
        for Waiting { message, company, .. } in &self.messages {
            match company {
                Some(company) => outbox::insert_together(transaction, message, *company, message.at_ms)?,
                None => outbox::insert(transaction, message, &message.channel, message.at_ms, 0)?,
            };
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        let (instance, singles) = (std::mem::take(&mut self.instance), std::mem::take(&mut self.singles));
        *self = Self { instance, singles, ..Self::default() };
    }

    /// Offers the messages that have waited for longer than `patience_ms`, each until it is taken. What is told of an alert
    /// keeps its order, one after the other has arrived; and a storm is told no faster than people can read.
    pub(super) fn overdue(&mut self, now_ms: u64, patience_ms: u64, mut offer: impl FnMut(&Message) -> bool) {
        let is_late = |since_ms: u64| now_ms.saturating_sub(since_ms) >= patience_ms;
        let mut held = BTreeSet::new();
        for waiting in self.messages.iter_mut().filter(|waiting| waiting.offer != Offer::Arrived) {
            let Message { channel, fingerprint, .. } = &waiting.message;
            let sequence = (channel.clone(), fingerprint.clone());
            if waiting.offer == Offer::Taken || held.contains(&sequence) {
                held.insert(sequence);
                continue;
            }
            let lately = self.offered.entry(channel.clone()).or_default();
            lately.retain(|offered_ms| now_ms.saturating_sub(*offered_ms) < 60_000);
            let is_room = lately.len() < OFFERED_A_MINUTE || self.singles.contains(channel);
            if is_room && waiting.since_ms.is_some_and(is_late) && offer(&waiting.message) {
                lately.push(now_ms);
                waiting.offer = Offer::Taken;
            }
            held.insert(sequence);
        }
    }

    /// Takes note of what became of a message that was offered. One that has not arrived is overdue again when it has waited
    /// anew.
    pub(super) fn returned(&mut self, channel: &str, key: &str, has_arrived: bool, now_ms: u64) {
        let is_it = |waiting: &&mut Waiting| waiting.message.channel == channel && waiting.message.key() == key;
        if let Some(waiting) = self.messages.iter_mut().find(is_it) {
            waiting.offer = if has_arrived { Offer::Arrived } else { Offer::Never };
            waiting.since_ms = Some(now_ms);
        }
    }
}
