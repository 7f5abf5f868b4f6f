//! What carries a message out of the program.
//!
//! A channel is small and may be slow, wrong, or stuck: it runs in a thread of its own, and whether and when a message is
//! tried again is decided by the outbox. All that a channel has to know is which of three things a failure means.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Message, Severity, Watcher};

/// Delivers messages: one way out of the program.
///
/// Messages come one at a time, in a thread that only this channel runs in. One that was not delivered is tried again
/// with the same [`idempotency_key`](Message::idempotency_key), and so is one of which it is not known whether it was
/// delivered because the program was killed meanwhile.
///
/// # Examples
///
/// ```
/// use std::{sync::mpsc, time::Instant};
///
/// use monitor_sinks::notify::{Channel, Kind, Message, Receipt, Refusal};
///
/// struct Pager(mpsc::Sender<String>);
///
/// impl Channel for Pager {
///     fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
///         match self.0.send(message.title.clone()) {
///             Ok(()) => Ok(Receipt::new("queued")),
///             Err(_) => Err(Refusal::transient("the pager is gone")),
///         }
///     }
/// }
///
/// let (sender, pages) = mpsc::channel();
/// let mut message = Message::new(Kind::Firing, "high_cpu", "f00d");
/// message.title = String::from("CPU 95 %");
/// Pager(sender).send(&message, Instant::now()).unwrap();
/// assert_eq!(pages.recv().unwrap(), "CPU 95 %");
/// ```
pub trait Channel: Send {
    /// Delivers the message, or says why it could not.
    ///
    /// It should return by the deadline. If it does not, the message counts as not delivered and the channel as failing,
    /// and it gets no other message until it has returned. A panic is caught and counts as a transient refusal.
    ///
    /// # Errors
    ///
    /// The class of the refusal says what is done about it.
    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal>;

    /// How the channel is treated; asked once, at the start.
    fn settings(&self) -> Settings {
        Settings::default()
    }

    /// Who is told at each flush which alerts fire that this channel was told of; nobody if not said. For receivers that
    /// hold states, and forget what they are not told again and again. Asked once, at the start.
    fn watcher(&self) -> Option<Watcher> {
        None
    }
}

impl Channel for Box<dyn Channel> {
    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        (**self).send(message, deadline)
    }

    fn settings(&self) -> Settings {
        (**self).settings()
    }

    fn watcher(&self) -> Option<Watcher> {
        (**self).watcher()
    }
}

/// How a channel is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Messages of alerts that are less bad are not sent; `Low`, so that all are, if not said.
    pub min_severity: Severity,
    /// How long one attempt may take; 10 seconds if not said.
    pub timeout: Duration,
    /// Whether many messages at once become one; they do if not said. People read digests, programs seldom can.
    pub digest: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { min_severity: Severity::Low, timeout: Duration::from_secs(10), digest: true }
    }
}

/// A message was delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Receipt {
    /// What the receiver said.
    pub text: String,
    /// Recipients that did not get it, while others did.
    pub refused: Vec<(String, Refusal)>,
}

impl Receipt {
    /// A receipt of a receiver that said `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: shown(&text.into()), refused: Vec::new() }
    }

    /// Adds a recipient that did not get the message. It is tried again for that recipient alone, if that makes sense.
    pub fn except(mut self, recipient: impl Into<String>, refusal: Refusal) -> Self {
        self.refused.push((recipient.into(), refusal));
        self
    }
}

/// A message was not delivered, or it is not known whether it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Refusal {
    /// What is done about it.
    pub class: Class,
    /// What went wrong, in one line. It must not hold secrets: it is stored and shown.
    pub reason: String,
    /// How long the receiver wants to be left alone, if it said so.
    pub retry_after: Option<Duration>,
}

/// What is done about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// The message is tried again, later and later: a broken connection, a timeout, a server that is busy.
    Transient,
    /// The message is not tried again, and that is told: a recipient that does not exist, a request that makes no sense.
    Message,
    /// All messages wait and are tried each 15 minutes, because somebody has to act: a wrong password, an unknown CA.
    Channel,
}

impl Refusal {
    /// Trying again can help.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::of(Class::Transient, reason)
    }

    /// This message will never be delivered.
    pub fn of_message(reason: impl Into<String>) -> Self {
        Self::of(Class::Message, reason)
    }

    /// No message will be delivered until somebody has changed something.
    pub fn of_channel(reason: impl Into<String>) -> Self {
        Self::of(Class::Channel, reason)
    }

    /// Not before this time has passed; longer than an hour counts as an hour.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    fn of(class: Class, reason: impl Into<String>) -> Self {
        Self { class, reason: shown(&reason.into()), retry_after: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

/// The longest text of a receiver that is kept.
const SHOWN: usize = 500;

/// The end of a text that goes on.
pub(super) const CUT: &str = " ...";

/// A text of a receiver as one line of bounded length.
fn shown(text: &str) -> String {
    let line = text.trim().replace(['\n', '\r'], " ");
    if line.len() <= SHOWN { line } else { format!("{}{CUT}", &line[..line.floor_char_boundary(SHOWN)]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_says_is_kept_as_one_short_line() {
        assert_eq!(Receipt::new("250 ok\r\n").text, "250 ok");
        let long = Refusal::transient("é\n".repeat(10_000)).reason;
        assert!(long.len() < SHOWN + 10 && !long.contains('\n'));
    }
}
