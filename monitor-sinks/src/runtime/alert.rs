//! Alert rules and channels as a part of a monitor: the engine, the outbox and the threads that send, at each flush.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use monitor_core::MetricKind;
use rusqlite::Transaction;

use super::{
    Builder, Monitor,
    attendant::{Attendant, Figure, Invitation, Occasion},
    ruled::Ruled,
};
use crate::{
    error::Error,
    notify::{
        self, Channel, Message, Receipt, Refusal, Watcher,
        notifier::{Notifier, Offered, Turn},
        outbox,
    },
    rule::{
        Alert, Explanation, Fingerprint,
        engine::{self, Engine, Limits, Moment, Recipient},
    },
    store::{Derived, Placed, Writer},
    util::report,
};

/// Without a commit for so long, messages are sent before they are stored.
const PATIENCE_MS: u64 = 30_000;

/// How long the end of a monitor waits for messages that are on their way.
const BUDGET: Duration = Duration::from_secs(2);

/// What became of messages is stored so long after a flush at the latest.
const LATEST_US: i64 = 1_000_000;

/// How often it is looked whether a message has arrived, or a function has answered.
const LOOK_US: i64 = 50_000;

/// How often the outbox is looked through for what is too old.
const SWEEP_US: i64 = 60_000_000;

/// Rules and channels that a builder has been given.
#[derive(Clone, Default)]
pub(super) struct Alerts {
    pub(super) ruled: Ruled,
    channels: Vec<(String, Handed)>,
    instance: Option<String>,
}

/// A channel that a builder was given. A monitor keeps it while its rules change.
#[derive(Clone)]
struct Handed {
    channel: Arc<Mutex<Box<dyn Channel>>>,
    settings: notify::Settings,
    watcher: Option<Watcher>,
    is_taken: Arc<AtomicBool>,
}

impl Handed {
    fn new(channel: impl Channel + 'static) -> Self {
        let (settings, watcher) = (channel.settings(), channel.watcher());
        Self { channel: Arc::new(Mutex::new(Box::new(channel))), settings, watcher, is_taken: Arc::default() }
    }
}

impl Channel for Handed {
    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).send(message, deadline)
    }

    fn settings(&self) -> notify::Settings {
        self.settings
    }
}

impl Builder {
    /// Tells alerts through a channel, of which rules may choose by this name. Each channel has a thread of its own.
    pub fn channel(mut self, name: impl Into<String>, channel: impl Channel + 'static) -> Self {
        self.invited.settings(|alerts: &mut Alerts| alerts.channels.push((name.into(), Handed::new(channel))));
        self
    }

    /// The names of the rules and of the channels that it was given.
    #[allow(dead_code, reason = "files refer to them")]
    pub(crate) fn names(&mut self) -> (Vec<String>, Vec<String>) {
        let mut names = (Vec::new(), Vec::new());
        self.invited.settings(|alerts: &mut Alerts| {
            names.0 = alerts.ruled.rules().map(|rule| rule.name().to_owned()).collect();
            names.1 = alerts.channels.iter().map(|(name, _)| name.clone()).collect();
        });
        names
    }

    /// Names this program in its messages, so that receivers can tell them from those of others: letters, digits, `.` and
    /// `-`. It should stay the same when the program starts again. Default: the service and the name of the machine.
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.invited.settings(|alerts: &mut Alerts| alerts.instance = Some(name.into()));
        self
    }
}

impl Monitor {
    /// The alerts of which something is going on, as of the last flush; see [`Store::alerts`](crate::Store::alerts).
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn alerts(&self) -> Result<Vec<Alert>, Error> {
        self.store().alerts()
    }

    /// Takes care of an alert; see [`Store::ack`](crate::Store::ack). It holds when this returns.
    ///
    /// # Errors
    ///
    /// If there is no such alert, or the store cannot be written to.
    pub fn ack(
        &self,
        fingerprint: Fingerprint,
        by: impl Into<String>,
        note: impl Into<String>,
        until: Option<SystemTime>,
    ) -> Result<(), Error> {
        self.store().ack(fingerprint, by, note, until)?;
        self.flush()
    }

    /// Keeps messages back; see [`Store::silence`](crate::Store::silence). It holds when this returns.
    ///
    /// # Errors
    ///
    /// If the matchers make no sense, or the store cannot be written to.
    pub fn silence(
        &self,
        matchers: &str,
        until: Option<SystemTime>,
        by: impl Into<String>,
        comment: impl Into<String>,
    ) -> Result<i64, Error> {
        let id = self.store().silence(matchers, until, by, comment)?;
        self.flush()?;
        Ok(id)
    }

    /// Ends a silence. It is over when this returns.
    ///
    /// # Errors
    ///
    /// If the store cannot be written to.
    pub fn unsilence(&self, id: i64) -> Result<(), Error> {
        self.store().unsilence(id)?;
        self.flush()
    }

    /// Why an alert is as it is; see [`Store::explain`](crate::Store::explain).
    ///
    /// # Errors
    ///
    /// If there is no such alert, or the store cannot be read.
    pub fn explain(&self, fingerprint: Fingerprint) -> Result<Explanation, Error> {
        self.store().explain(fingerprint)
    }
}

impl Invitation for Alerts {
    fn open(&self, mut occasion: Occasion<'_>) -> Result<Box<dyn Attendant>, Error> {
        Ok(Box::new(self.running(&mut occasion)?))
    }

    fn cloned(&self) -> Box<dyn Invitation> {
        Box::new(self.clone())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl Alerts {
    fn running(&self, occasion: &mut Occasion<'_>) -> Result<Running, Error> {
        let channels: Vec<&str> = self.channels.iter().map(|(name, _)| name.as_str()).collect();
        self.ruled.check(&channels)?;
        let notifier = self.notifier(occasion.is_first)?;
        let recipients = notifier.channels().map(|name| Recipient {
            name: name.to_owned(),
            least: notifier.least(name),
            is_single: !notifier.digests(name),
        });
        let settings = engine::Settings {
            groups: self.ruled.groups.clone(),
            objectives: self.ruled.objectives,
            every: self.ruled.every,
            flush_every: occasion.interval,
            recipients: recipients.collect(),
            service: occasion.service.to_owned(),
            instance: self.instance.clone().unwrap_or_else(|| instance(occasion.service)),
            limits: Limits::USUAL,
        };
        let watchers = self.channels.iter().filter_map(|(name, handed)| Some((name.clone(), handed.watcher.clone()?)));
        let watchers = watchers.collect();
        let begun = Instant::now();
        let path = occasion.writer.path().clone();
        let failed = |error| Error::sqlite("prepare", &path, Duration::ZERO, error);
        let store = occasion.store.promql_source();
        let moment = Moment { wall_ms: occasion.now_us.div_euclid(1_000), steady_ms: 0 };
        let connection = occasion.writer.connection().ok_or_else(|| Error::setting("the store is closed"))?;
        outbox::create(connection).map_err(failed)?;
        if occasion.is_first {
            // Whoever had leases did not have that of the store, or has ended.
            outbox::release(connection, None).map_err(failed)?;
        }
        let engine = Engine::open(settings, connection, store, moment).map_err(failed)?;
        Ok(Running {
            engine,
            notifier,
            watchers,
            turn: None,
            begun,
            next_row_us: Some(occasion.now_us),
            flushed_us: occasion.now_us,
            swept_us: 0,
            interval_us: occasion.interval.as_micros().try_into().unwrap_or(i64::MAX),
            is_ending: false,
        })
    }

    fn notifier(&self, is_first: bool) -> Result<Notifier, Error> {
        let take = |(name, handed): &(String, Handed)| {
            if handed.is_taken.swap(true, Ordering::Relaxed) && is_first {
                return Err(Error::setting(format!(
                    "channel `{name}` belongs to another monitor, which was started with a clone of this builder"
                )));
            }
            Ok((name.clone(), Box::new(handed.clone()) as Box<dyn Channel>))
        };
        let channels = self.channels.iter().map(take).collect::<Result<Vec<_>, _>>()?;
        Notifier::start(channels, || {})
    }
}

/// The service and the name of the machine, as far as they may be in an address.
fn instance(service: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { std::env::var("COMPUTERNAME").unwrap_or_default() } else { host };
    let name = format!("{service}.{}", host.trim());
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
    name.trim_end_matches('.').chars().map(|letter| if is_fit(letter) { letter } else { '-' }).collect()
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels: Vec<&str> = self.channels.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Alerts").field("ruled", &self.ruled).field("channels", &channels).finish_non_exhaustive()
    }
}

/// Rules and channels of a running monitor.
struct Running {
    engine: Engine,
    notifier: Notifier,
    /// Those who hold what fires, by the names of their channels.
    watchers: Vec<(String, Watcher)>,
    /// What the transaction that is open has taken from the outbox.
    turn: Option<Turn>,
    begun: Instant,
    /// When the next row of the outbox is due.
    next_row_us: Option<i64>,
    flushed_us: i64,
    swept_us: i64,
    interval_us: i64,
    is_ending: bool,
}

impl Running {
    fn steady_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the outbox is to be looked at.
    fn is_turn_due(&mut self, at_us: i64) -> bool {
        self.is_ending
            || self.notifier.has_outcomes()
            || self.next_row_us.is_some_and(|next| next <= at_us)
            || at_us.saturating_sub(self.swept_us).saturating_abs() >= SWEEP_US
    }

    fn take_note(&mut self, note: &outbox::Note, at_us: i64) {
        use outbox::Note;
        let (kind, text) = match note {
            Note::Sent { .. } | Note::Failed { .. } => return,
            Note::Parked { channel, key, reason } => {
                ("message_parked", format!("channel `{channel}` will not deliver message {key}: {reason}"))
            }
            Note::Expired { channel, key } => {
                ("message_expired", format!("channel `{channel}` has not delivered message {key} for a day"))
            }
            Note::Failing { channel, reason } => (
                "channel_failing",
                format!("channel `{channel}` does not deliver: {reason}; messages wait in the store"),
            ),
            Note::Recovered { channel } => ("channel_recovered", format!("channel `{channel}` delivers again")),
        };
        report::line(format_args!("{text}"));
        self.engine.remark(kind, text, at_us.div_euclid(1_000));
    }
}

impl Attendant for Running {
    fn due_us(&mut self, now_us: i64) -> Option<i64> {
        let steady = self.steady_ms();
        let evaluation = self
            .engine
            .due_in_ms(steady)
            .map(|wait| now_us.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX).saturating_mul(1_000)));
        if self.interval_us <= LATEST_US {
            // The next flush comes soon enough.
            return evaluation;
        }
        let soon = self.flushed_us.saturating_add(LATEST_US);
        let (is_thinking, has_answer) = self.engine.functions();
        let outcome = if self.notifier.has_outcomes() || has_answer {
            Some(soon)
        } else {
            (self.notifier.is_busy() || is_thinking).then(|| now_us.saturating_add(LOOK_US))
        };
        let row = self.next_row_us.map(|next| next.max(soon));
        [evaluation, outcome, row].into_iter().flatten().min()
    }

    fn look(
        &mut self,
        at_us: i64,
        writer: &mut Writer,
        samples: &mut dyn Iterator<Item = Placed<'_>>,
        derived: &mut Derived,
    ) {
        // The last flush stores what is known; who would tell what comes of it?
        if !self.is_ending {
            let moment = Moment { wall_ms: at_us.div_euclid(1_000), steady_ms: self.steady_ms() };
            self.engine.flush(moment, writer.connection().map(|connection| &*connection), samples, derived);
        }
    }

    fn wants(&mut self, at_us: i64, generation: u64) -> Option<bool> {
        let is_unsaved = self.engine.is_unsaved(generation, self.is_ending);
        (is_unsaved || self.is_turn_due(at_us)).then(|| self.engine.is_durable())
    }

    fn write(&mut self, transaction: &Transaction<'_>, at_us: i64, generation: u64) -> rusqlite::Result<()> {
        let now_ms = at_us.div_euclid(1_000);
        if self.engine.is_new(generation) {
            outbox::create(transaction)?;
        }
        self.engine.write(transaction, generation, self.is_ending)?;
        if at_us.saturating_sub(self.swept_us).saturating_abs() >= SWEEP_US {
            outbox::prune(transaction, now_ms)?;
        }
        self.turn = Some(if self.is_ending {
            self.notifier.last_turn(transaction, now_ms)?
        } else {
            self.notifier.turn(transaction, now_ms)?
        });
        Ok(())
    }

    fn stored(&mut self, writer: &mut Writer, at_us: i64, has_written: bool) {
        self.flushed_us = at_us;
        self.engine.delivered();
        for (channel, watcher) in &self.watchers {
            watcher(self.engine.known_to(channel));
        }
        if !has_written {
            return;
        }
        self.engine.committed(writer.generation(), self.is_ending);
        if at_us.saturating_sub(self.swept_us).saturating_abs() >= SWEEP_US {
            self.swept_us = at_us;
        }
        if let Some(turn) = self.turn.take() {
            for note in self.notifier.committed(turn) {
                self.take_note(&note, at_us);
            }
        }
        let now_ms = at_us.div_euclid(1_000);
        let next = writer.connection().and_then(|connection| outbox::next_due(connection, now_ms).ok().flatten());
        self.next_row_us = next.map(|millis| millis.saturating_mul(1_000));
    }

    fn failed(&mut self, at_us: i64, error: &Error) {
        self.flushed_us = at_us;
        self.turn = None;
        let now = self.steady_ms();
        self.engine.failed(now, PATIENCE_MS, error);
        for Offered { channel, key, has_arrived } in self.notifier.returned() {
            self.engine.returned(&channel, &key, has_arrived == Some(true), now);
        }
        let notifier = &mut self.notifier;
        self.engine.overdue(now, PATIENCE_MS, |message| notifier.offer(message.clone()));
    }

    fn close(&mut self, _at_us: i64) {
        self.notifier.close(BUDGET);
        self.is_ending = true;
    }

    fn figures(&self) -> Vec<Figure> {
        let figures = self.engine.figures();
        let alerts = |state, value: u64| Figure {
            name: "monitored_alerts",
            label: Some(("state", state)),
            kind: MetricKind::Gauge,
            value: value as f64,
        };
        let total = |name, value: u64| Figure { name, label: None, kind: MetricKind::Counter, value: value as f64 };
        vec![
            total("monitored_rule_evaluations_total", figures.evaluations),
            total("monitored_rule_evaluation_failures_total", figures.failures),
            alerts("pending", figures.pending),
            alerts("firing", figures.firing),
            alerts("silenced", figures.silenced),
        ]
    }
}

#[cfg(test)]
mod tests;
