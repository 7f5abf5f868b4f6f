//! What is said about an alert, frozen at the moment at which it happened.
//!
//! A message that waits for its channel for hours must not tell of another moment than the one that it is about. It
//! therefore carries everything that a channel writes, as plain values, and lies in the outbox as JSON.
//!
//! Its names are what receivers recognise it by: [`idempotency_key`](Message::idempotency_key) is equal in all attempts to
//! deliver it and in no other message, [`incident_key`](Message::incident_key) in all messages of one incident.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::Severity;

/// A notification, as a channel gets it.
///
/// Texts are ready: templates were filled in when the alert changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// What happened.
    pub kind: Kind,
    /// Names the alert: a rule and a set of labels.
    pub fingerprint: String,
    /// Counts the incidents of the alert, from 1.
    pub incident: u64,
    /// Tells apart the messages of one kind about one incident, from 0.
    pub ordinal: u64,
    /// Tells apart programs whose alerts have the same names: what is unique in all that notify one receiver.
    pub instance: String,
    /// The channel that it goes to; empty until it is queued for one.
    #[serde(default)]
    pub channel: String,
    /// Recipients that it is still to be delivered to, if the others have got it; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// What it may be told together with; empty if with nothing.
    #[serde(default)]
    pub group: String,
    /// The rule that it comes from.
    pub rule: String,
    /// How bad it is; of an alert that is over, how bad it was at its worst.
    pub severity: Severity,
    /// One line that says what is the matter.
    pub title: String,
    /// The whole text, in lines.
    pub text: String,
    /// The labels of the alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Further texts by name.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The value that was compared, if there is one and it is finite.
    #[serde(default)]
    pub value: Option<f64>,
    /// When the incident began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When that happened which the message is about.
    pub at_ms: i64,
    /// When the incident ended, if it has.
    #[serde(default)]
    pub ended_ms: Option<i64>,
    /// Of a digest, what it is made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
}

impl Message {
    /// A message about the rule's alert `fingerprint`, without a text and with all times 0.
    #[must_use]
    pub fn new(kind: Kind, rule: impl Into<String>, fingerprint: impl Into<String>) -> Self {
        Self {
            kind,
            fingerprint: fingerprint.into(),
            incident: 1,
            ordinal: 0,
            instance: String::from("localhost"),
            channel: String::new(),
            recipients: Vec::new(),
            group: String::new(),
            rule: rule.into(),
            severity: Severity::default(),
            title: String::new(),
            text: String::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            value: None,
            started_ms: 0,
            at_ms: 0,
            ended_ms: None,
            members: Vec::new(),
        }
    }

    /// What names the message in the outbox, whatever channel it goes to.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { fingerprint, incident, kind, ordinal, .. } = self;
        let key = format!("{fingerprint}.{incident}.{kind}.{ordinal}");
        self.recipients.iter().fold(key, |key, recipient| format!("{key}/{recipient}"))
    }

    /// What names the delivery: equal in all attempts, different for each message, channel and instance.
    ///
    /// It is sent as the HTTP header `Idempotency-Key` and, in angle brackets, as the `Message-ID` of a mail. A receiver
    /// that has seen it may drop what it gets.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}.{}@{}", self.key(), self.channel, self.instance)
    }

    /// What names the incident: equal in all its messages.
    #[must_use]
    pub fn incident_key(&self) -> String {
        format!("{}.{}@{}", self.fingerprint, self.incident, self.instance)
    }

    /// The idempotency key of the message that told the channel of the incident first.
    #[must_use]
    pub fn first_key(&self) -> String {
        let Self { fingerprint, incident, channel, instance, .. } = self;
        format!("{fingerprint}.{incident}.{}.0.{channel}@{instance}", Kind::Firing)
    }

    /// Whether the alert is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.kind, Kind::Resolved | Kind::FiredAndResolved)
    }
}

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// An alert has begun.
    Firing,
    /// An alert has become worse.
    Escalated,
    /// An alert goes on.
    Repeat,
    /// Somebody takes care of an alert.
    Acknowledged,
    /// An alert is over.
    Resolved,
    /// An alert has begun and is over; its channel could not be reached in between.
    FiredAndResolved,
    /// There are no values any more to judge a rule by.
    NoData,
    /// An alert has begun again within an hour; what becomes of it is told when it stays as it is.
    Flapping,
    /// Several messages in one.
    Digest,
    /// Somebody wants to see whether messages arrive.
    Test,
    /// Something is the matter with the alerts themselves, such as a channel that does not deliver.
    Meta,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 11] = [
        Self::Firing,
        Self::Escalated,
        Self::Repeat,
        Self::Acknowledged,
        Self::Resolved,
        Self::FiredAndResolved,
        Self::NoData,
        Self::Flapping,
        Self::Digest,
        Self::Test,
        Self::Meta,
    ];

    /// The name, in lower case with underscores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Escalated => "escalated",
            Self::Repeat => "repeat",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::FiredAndResolved => "fired_and_resolved",
            Self::NoData => "no_data",
            Self::Flapping => "flapping",
            Self::Digest => "digest",
            Self::Test => "test",
            Self::Meta => "meta",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A message that is told in a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// What happened.
    pub kind: Kind,
    /// [`Message::key`] of the message.
    pub key: String,
    /// The rule that it comes from.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// One line that says what is the matter.
    pub title: String,
    /// The labels of the alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl From<&Message> for Member {
    fn from(message: &Message) -> Self {
        Self {
            kind: message.kind,
            key: message.key(),
            rule: message.rule.clone(),
            severity: message.severity,
            title: message.title.clone(),
            labels: message.labels.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_from_its_json() {
        let mut message = Message::new(Kind::FiredAndResolved, "high_cpu", "f00d");
        message.value = Some(91.5);
        message.labels.insert(String::from("host"), String::from("h1"));
        message.members.push(Member::from(&message.clone()));
        let json = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), message);
    }

    #[test]
    fn deliveries_are_told_apart_and_attempts_are_not() {
        let mut message = Message::new(Kind::Resolved, "high_cpu", "f00d");
        message.instance = String::from("db1");
        message.channel = String::from("ops");
        assert_eq!(message.idempotency_key(), "f00d.1.resolved.0.ops@db1");
        assert_eq!(message.first_key(), "f00d.1.firing.0.ops@db1");
        assert_eq!(message.incident_key(), "f00d.1@db1");
        message.recipients.push(String::from("a@b.example"));
        assert_eq!(message.idempotency_key(), "f00d.1.resolved.0/a@b.example.ops@db1");
    }

    #[test]
    fn the_name_of_a_kind_is_what_json_calls_it() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
