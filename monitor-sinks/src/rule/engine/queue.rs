//! What waits for the transaction of a flush: events and messages.

use rusqlite::Transaction;

use super::{
    super::model::Rule,
    message,
    table::{self, Entry},
    tell::{Note, Recipient},
    tracked::Tracked,
};
use crate::{
    error::Error,
    notify::{Kind, Message, Severity, outbox},
};

/// So many messages wait at most while the store cannot be written to.
const MOST_MESSAGES: usize = 20_000;
/// And so many events.
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
}

/// A message on its way to the outbox.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message: Message,
    /// Since when it waits, by the steady clock; it is not known before the end of a flush.
    since_ms: Option<u64>,
    /// Whether it was sent without being stored.
    is_sent: bool,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.messages.is_empty() && !self.silences && !self.commanded
    }

    /// Queues what is told of an alert.
    pub(super) fn tell(&mut self, rule: &Rule, alert: &Tracked, notes: &[Note]) {
        for note in notes {
            let message = message::of_alert(rule, alert, note, &self.instance);
            self.extend(&message, &note.channels);
        }
    }

    /// Queues that a rule has begun to fail, or works again.
    pub(super) fn tell_of_rule(&mut self, rule: &Rule, failure: Option<&str>, recipients: &[Recipient], now_ms: i64) {
        let named = rule.channel_names();
        let meant = recipients.iter().filter(|known| named.is_empty() || named.contains(&known.name));
        let channels: Vec<String> = meant.map(|known| known.name.clone()).collect();
        let message = message::of_rule(rule, failure, &self.instance, now_ms);
        self.extend(&message, &channels);
    }

    /// Queues that the store takes nothing, which has waited for long enough, or that it does again.
    pub(super) fn tell_of_store(&mut self, failure: Option<&Error>, recipients: &[Recipient], now_ms: i64) {
        let message = message::of_store(failure, &self.instance, now_ms);
        let meant = recipients.iter().filter(|known| known.least <= Severity::High);
        let channels: Vec<String> = meant.map(|known| known.name.clone()).collect();
        let before = self.messages.len();
        self.extend(&message, &channels);
        if failure.is_some() {
            self.messages[before..].iter_mut().for_each(|waiting| waiting.since_ms = Some(0));
        }
    }

    fn extend(&mut self, message: &Message, channels: &[String]) {
        for channel in channels {
            let mut message = message.clone();
            message.channel.clone_from(channel);
            self.messages.push(Waiting { message, since_ms: None, is_sent: false });
        }
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
        for Waiting { message, .. } in &self.messages {
            outbox::insert(transaction, message, &message.channel, message.at_ms, 0)?;
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        let instance = std::mem::take(&mut self.instance);
        *self = Self { instance, ..Self::default() };
    }

    /// The messages that have waited for longer than `patience_ms`, each once.
    pub(super) fn overdue(&mut self, now_ms: u64, patience_ms: u64) -> impl Iterator<Item = &Message> {
        let is_late = move |since_ms: u64| now_ms.saturating_sub(since_ms) >= patience_ms;
        self.messages.iter_mut().filter_map(move |waiting| {
            let is_due = !waiting.is_sent && waiting.since_ms.is_some_and(is_late);
            waiting.is_sent |= is_due;
            is_due.then_some(&waiting.message)
        })
    }
}
