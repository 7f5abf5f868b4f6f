//! Sends what is due: a thread for each channel, so that one that hangs delays no other.
//!
//! The notifier never writes to the store. Whoever does calls [`turn`](Notifier::turn) in a transaction, which applies
//! what became of earlier messages and takes what is due, and hands the turn back with [`committed`](Notifier::committed);
//! only then is anything sent. A turn whose transaction failed is dropped, and the next one does the same again.
//!
//! A channel that has not returned at its deadline counts as failed from outside, whatever it is doing, and gets nothing
//! more until it has returned.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use monitor_core::own;
use rusqlite::Connection;

use super::{
    Channel, Message, Receipt, Refusal, Settings, Severity,
    outbox::{self, Jitter, Lane, Note, Outcome},
};
use crate::{error::Error, util::time::to_micros};

/// How much later than its deadline a channel may return by itself.
const GRACE: Duration = Duration::from_millis(50);

/// Messages that are before a channel: the one that it sends, and the next ones.
const ROOM: usize = 8;

/// Threads that send, and what became of what they sent.
pub struct Notifier {
    wires: Vec<Wire>,
    returned: Receiver<Returned>,
    /// Outcomes of which it is not known yet that they are stored.
    outcomes: Vec<Outcome>,
    /// Messages that are on their way without a row in the outbox.
    offered: Vec<Offered>,
    /// In whose name rows are leased.
    owner: String,
    jitter: Jitter,
    is_closed: Arc<AtomicBool>,
}

/// What a transaction did; see [`Notifier::committed`].
#[derive(Debug)]
#[must_use = "nothing is sent before the notifier is told that the turn is committed"]
pub struct Turn {
    due: Vec<Message>,
    /// What is to be recorded.
    pub notes: Vec<Note>,
    /// How many outcomes were applied.
    applied: usize,
}

/// A channel, as seen from the notifier.
struct Wire {
    name: String,
    settings: Settings,
    jobs: Sender<Message>,
    /// Messages that it was given and has not returned.
    on_their_way: usize,
    current: Current,
}

/// What a channel is sending, and until when it should be done.
type Current = Arc<Mutex<Option<Sending>>>;

#[derive(Debug)]
struct Sending {
    key: String,
    deadline: Instant,
    /// Whether it was counted as failed.
    is_given_up: bool,
}

/// A message that was [offered](Notifier::offer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Its channel.
    pub channel: String,
    /// [`Message::key`] of it.
    pub key: String,
    /// Whether it has arrived; `None` while it is on its way.
    pub has_arrived: Option<bool>,
}

struct Returned {
    wire: usize,
    outcome: Outcome,
    /// Whether it had been counted as failed.
    was_given_up: bool,
}

impl Notifier {
    /// Starts a thread for each channel. `wake` is called in these threads when a message has been sent or refused.
    ///
    /// # Errors
    ///
    /// Two channels have one name, or the system has no room for another thread.
    pub fn start(
        channels: Vec<(String, Box<dyn Channel>)>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let (report, returned) = crossbeam_channel::unbounded();
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(wake);
        let is_closed = Arc::new(AtomicBool::new(false));
        let mut wires: Vec<Wire> = Vec::new();
        for (name, channel) in channels {
            if wires.iter().any(|wire| wire.name == name) {
                return Err(Error::setting(format!("two channels are called `{name}`; give each its own name")));
            }
            let (jobs, inbox) = crossbeam_channel::bounded(ROOM);
            let (settings, current) = (channel.settings(), Current::default());
            let worker = Worker {
                wire: wires.len(),
                timeout: settings.timeout,
                channel,
                inbox,
                current: Arc::clone(&current),
                report: report.clone(),
                wake: Arc::clone(&wake),
                is_closed: Arc::clone(&is_closed),
            };
            let spawned = thread::Builder::new().name(format!("notify-{name}")).spawn(move || worker.run());
            spawned.map_err(|error| Error::stream(format!("start the thread of channel `{name}`"), error))?;
            wires.push(Wire { name, settings, jobs, on_their_way: 0, current });
        }
        let seed = to_micros(SystemTime::now()).unsigned_abs();
        let owner = format!("{}.{seed}", process::id());
        let (outcomes, offered, jitter) = (Vec::new(), Vec::new(), Jitter::new(seed));
        Ok(Self { wires, returned, outcomes, offered, owner, jitter, is_closed })
    }

    /// The names of all channels.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.wires.iter().map(|wire| wire.name.as_str())
    }

    /// Whether a channel wants alerts of this severity; `false` if there is no such channel.
    #[must_use]
    pub fn wants(&self, channel: &str, severity: Severity) -> bool {
        self.wires.iter().any(|wire| wire.name == channel && severity >= wire.settings.min_severity)
    }

    /// From which severity on a channel wants alerts; from the lowest if there is no such channel.
    #[must_use]
    pub fn least(&self, channel: &str) -> Severity {
        let wire = self.wires.iter().find(|wire| wire.name == channel);
        wire.map_or(Severity::Low, |wire| wire.settings.min_severity)
    }

    /// Whether a channel gets many messages as one; `false` if there is no such channel.
    #[must_use]
    pub fn digests(&self, channel: &str) -> bool {
        self.wires.iter().any(|wire| wire.name == channel && wire.settings.digest)
    }

    /// Whether messages are on their way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.wires.iter().any(|wire| wire.on_their_way > 0)
    }

    /// Applies what became of earlier messages, and takes what is due. Sends nothing yet.
    pub fn turn(&mut self, transaction: &Connection, now_ms: i64) -> rusqlite::Result<Turn> {
        let notes = self.settle(transaction, now_ms)?;
        if self.wires.iter().any(|wire| wire.on_their_way > 0) {
            outbox::renew(transaction, &self.owner, now_ms)?;
        }
        for Offered { channel, key, .. } in self.offered.iter().filter(|offered| offered.has_arrived.is_none()) {
            outbox::lease_sent(transaction, key, channel, &self.owner, now_ms)?;
        }
        let mut due = Vec::new();
        for wire in &self.wires {
            let lane = Lane { channel: &wire.name, digest: wire.settings.digest, room: wire.room() };
            due.extend(outbox::due(transaction, lane, &self.owner, now_ms)?);
        }
        Ok(Turn { due, notes, applied: self.outcomes.len() })
    }

    /// Applies what became of earlier messages and gives back what is still on its way, for another process or the next
    /// start. For the last transaction, after [`close`](Self::close).
    pub fn last_turn(&mut self, transaction: &Connection, now_ms: i64) -> rusqlite::Result<Turn> {
        let notes = self.settle(transaction, now_ms)?;
        outbox::release(transaction, Some(&self.owner))?;
        Ok(Turn { due: Vec::new(), notes, applied: self.outcomes.len() })
    }

    /// Sends what a turn took, now that its transaction is committed. Returns what is to be recorded of it.
    pub fn committed(&mut self, turn: Turn) -> Vec<Note> {
        self.outcomes.drain(..turn.applied);
        self.offered.retain(|offered| offered.has_arrived.is_none());
        for message in turn.due {
            self.hand(message);
        }
        turn.notes.iter().for_each(count);
        turn.notes
    }

    /// Sends a message at once, without a row in the outbox: for times in which there is no writing to the store. If its
    /// row is queued later, it is marked by what becomes of the message now. Says whether its channel took it.
    pub fn offer(&mut self, message: Message) -> bool {
        let (channel, key) = (message.channel.clone(), message.key());
        let is_taken = self.hand(message);
        if is_taken {
            self.offered.push(Offered { channel, key, has_arrived: None });
        }
        is_taken
    }

    /// The messages that were offered and are not on their way any more, each once.
    pub fn returned(&mut self) -> Vec<Offered> {
        self.gather();
        self.offered.extract_if(.., |offered| offered.has_arrived.is_some()).collect()
    }

    fn hand(&mut self, message: Message) -> bool {
        let Some(wire) = self.wires.iter_mut().find(|wire| wire.name == message.channel) else { return false };
        if wire.room() == 0 {
            return false;
        }
        let is_taken = wire.jobs.try_send(message).is_ok();
        wire.on_their_way += usize::from(is_taken);
        is_taken
    }

    /// Whether something has come back that was not looked at.
    #[cfg(test)]
    pub(crate) fn has_returned(&self) -> bool {
        !self.returned.is_empty()
    }

    /// When a channel that does not return has to be given up, if one is sending.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.wires.iter().filter_map(Wire::gives_up_at).min()
    }

    /// Whether there is something to apply.
    pub fn has_outcomes(&mut self) -> bool {
        self.gather();
        !self.outcomes.is_empty()
    }

    /// Waits until what is on its way has arrived, for `budget` at most; what has not begun then stays in the outbox.
    pub fn close(&mut self, budget: Duration) {
        let end = Instant::now() + budget;
        while self.wires.iter().any(|wire| wire.on_their_way > 0 && !wire.is_stuck()) {
            match self.returned.recv_deadline(end) {
                Ok(returned) => self.take(returned),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        // Workers look at it between two messages; a message more does no harm.
        self.is_closed.store(true, Ordering::Relaxed);
    }

    fn settle(&mut self, transaction: &Connection, now_ms: i64) -> rusqlite::Result<Vec<Note>> {
        self.gather();
        let channels: Vec<&str> = self.wires.iter().map(|wire| wire.name.as_str()).collect();
        let mut notes = Vec::new();
        for outcome in &self.outcomes {
            notes.extend(outbox::apply(transaction, outcome, &channels, now_ms, &mut self.jitter)?);
        }
        notes.extend(outbox::expire(transaction, now_ms)?);
        Ok(notes)
    }

    /// Takes what has returned, and gives up what should have.
    fn gather(&mut self) {
        while let Ok(returned) = self.returned.try_recv() {
            self.take(returned);
        }
        self.outcomes.extend(self.wires.iter().filter_map(Wire::give_up));
    }

    fn take(&mut self, returned: Returned) {
        self.wires[returned.wire].on_their_way -= 1;
        let Outcome { key, channel, result } = &returned.outcome;
        if let Some(offered) = self.offered.iter_mut().find(|it| it.key == *key && it.channel == *channel) {
            offered.has_arrived = Some(result.is_ok());
        }
        // A failure is counted once; that it went well after all is news.
        if returned.outcome.result.is_ok() || !returned.was_given_up {
            self.outcomes.push(returned.outcome);
        }
    }
}

fn count(note: &Note) {
    match note {
        Note::Sent { .. } => own::SENT_NOTIFICATIONS.add(1_u64),
        Note::Failed { .. } => own::FAILED_NOTIFICATIONS.add(1_u64),
        Note::Parked { .. } => own::PARKED_NOTIFICATIONS.add(1_u64),
        Note::Expired { .. } => own::EXPIRED_NOTIFICATIONS.add(1_u64),
        Note::Failing { .. } | Note::Recovered { .. } => {}
    }
}

/// Threads end by themselves when their channel returns. They are not waited for: one may hang.
impl Drop for Notifier {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

impl Wire {
    /// How many messages more it can be given.
    fn room(&self) -> usize {
        if self.is_stuck() { 0 } else { ROOM.saturating_sub(self.on_their_way) }
    }

    fn is_stuck(&self) -> bool {
        self.look(|sending| sending.is_given_up).unwrap_or(false)
    }

    fn gives_up_at(&self) -> Option<Instant> {
        self.look(|sending| (!sending.is_given_up).then_some(sending.deadline + GRACE)).flatten()
    }

    /// Counts what it sends as failed if it should have returned.
    fn give_up(&self) -> Option<Outcome> {
        let late = |sending: &mut Sending| {
            let is_late = !sending.is_given_up && Instant::now() >= sending.deadline + GRACE;
            sending.is_given_up |= is_late;
            is_late.then(|| sending.key.clone())
        };
        let key = self.look(late).flatten()?;
        let reason = format!("it did not return within {:?}, and is still busy", self.settings.timeout);
        Some(Outcome { key, channel: self.name.clone(), result: Err(Refusal::transient(reason)) })
    }

    fn look<T>(&self, look: impl FnOnce(&mut Sending) -> T) -> Option<T> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(look)
    }
}

/// The thread of a channel.
struct Worker {
    wire: usize,
    channel: Box<dyn Channel>,
    timeout: Duration,
    inbox: Receiver<Message>,
    current: Current,
    report: Sender<Returned>,
    wake: Arc<dyn Fn() + Send + Sync>,
    is_closed: Arc<AtomicBool>,
}

impl Worker {
    fn run(mut self) {
        while let Ok(message) = self.inbox.recv() {
            if self.is_closed.load(Ordering::Relaxed) {
                return;
            }
            let deadline = Instant::now() + self.timeout;
            let sending = Sending { key: message.key(), deadline, is_given_up: false };
            *self.current() = Some(sending);
            let result = self.send(&message, deadline);
            let was_given_up = self.current().take().is_some_and(|sending| sending.is_given_up);
            let outcome = Outcome { key: message.key(), channel: message.channel, result };
            if self.report.send(Returned { wire: self.wire, outcome, was_given_up }).is_err() {
                return;
            }
            (self.wake)();
        }
    }

    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        catch_unwind(AssertUnwindSafe(|| self.channel.send(message, deadline)))
            .unwrap_or_else(|panic| Err(Refusal::transient(format!("it panicked: {}", said(&*panic)))))
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Sending>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
