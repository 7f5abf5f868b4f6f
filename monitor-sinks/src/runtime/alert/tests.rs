//! Rules, outbox and channels together, second by second, on a store that somebody else may hold locked: row 7 of the
//! failure matrix.

use std::sync::mpsc::{Receiver, Sender, channel};

use monitor_core::Sample;
use rusqlite::Connection;

use super::*;
use crate::{
    notify::{Kind, Severity},
    registry::Registry,
    rule::{Group, Rule},
    store::{Origin, Retention, Rider, Settings, Store},
};

const START_US: i64 = 1_700_002_800_000_000;
const SECOND: Duration = Duration::from_secs(1);

/// Longer than any message takes.
const SOON: Duration = Duration::from_secs(20);

/// Hands each message to the test, which says what becomes of it.
struct Asked(Sender<Message>, Receiver<Result<Receipt, Refusal>>);

impl Channel for Asked {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        let gone = || Refusal::transient("the test is over");
        self.0.send(message.clone()).map_err(|_| gone())?;
        self.1.recv().map_err(|_| gone())?
    }

    /// It wants to know of the rule of this test and of nothing else.
    fn settings(&self) -> notify::Settings {
        notify::Settings { min_severity: Severity::Critical, ..notify::Settings::default() }
    }
}

/// A program whose clock the test turns.
struct Rig {
    _folder: tempfile::TempDir,
    writer: Writer,
    running: Running,
    registry: Registry,
    at_us: i64,
    messages: Receiver<Message>,
    answers: Sender<Result<Receipt, Refusal>>,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let settings = Settings {
            service: String::from("etl"),
            interval: SECOND,
            start_patience: Duration::ZERO,
            patience: Duration::ZERO,
            retention: Retention::FOREVER,
            vitals: false,
        };
        let mut writer = Writer::open(&path, settings, START_US).unwrap();
        let (sender, messages) = channel();
        let (answers, answered) = channel();
        let rule = Rule::new("queue").when("queue").above(10.0).severity(Severity::Critical);
        let alerts = Alerts {
            ruled: Ruled { groups: vec![Group::of_rules("test", [rule.repeat(Duration::ZERO)])], ..Ruled::default() },
            channels: vec![(String::from("ops"), Handed::new(Asked(sender, answered)))],
            instance: Some(String::from("test")),
        };
        let store = Store::open_read_only(&path).unwrap();
        let running = alerts
            .running(&mut Occasion {
                service: "etl",
                interval: SECOND,
                store,
                writer: &mut writer,
                now_us: START_US,
                is_first: true,
            })
            .unwrap();
        let registry = Registry::default();
        Self { _folder: folder, writer, running, registry, at_us: START_US, messages, answers }
    }

    /// Holds the store locked until it is dropped.
    fn lock(&self) -> Connection {
        let other = Connection::open(&**self.writer.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    }

    /// Seconds pass in which the queue is that long; whether each flush of them was committed.
    fn hold(&mut self, value: f64, seconds: usize) -> Vec<bool> {
        (0..seconds).map(|_| self.second(value)).collect()
    }

    fn second(&mut self, value: f64) -> bool {
        self.at_us += 1_000_000;
        self.running.begun = self.running.begun.checked_sub(SECOND).unwrap();
        self.registry.gauge("queue", &[], value);
        let Self { writer, running, registry, at_us, .. } = self;
        let samples = || {
            let samples = registry.samples();
            samples.map(|(index, key, value, changed)| Origin::App.sample(Sample { index, key, value, changed }))
        };
        running.look(*at_us, writer, &mut samples(), &mut Derived::new(0));
        let is_durable = running.wants(*at_us, writer.generation());
        let mut write = |transaction: &Transaction<'_>, generation| running.write(transaction, *at_us, generation);
        let rider = is_durable.map(|is_durable| Rider { is_durable, write: &mut write });
        if let Err(error) = writer.write_with(*at_us, samples, &[], rider) {
            running.failed(*at_us, &error);
            return false;
        }
        running.stored(writer, *at_us, is_durable.is_some());
        registry.delivered();
        true
    }

    fn answer(&self, result: Result<Receipt, Refusal>) {
        self.answers.send(result).unwrap();
        let begun = Instant::now();
        while !self.running.notifier.has_returned() {
            assert!(begun.elapsed() < SOON, "it does not return");
            std::thread::yield_now();
        }
    }

    fn next(&self) -> Message {
        self.messages.recv_timeout(SOON).unwrap()
    }

    /// What is in the outbox: kind, state and attempts.
    fn rows(&self) -> Vec<(String, String, i64)> {
        let connection = Connection::open(&**self.writer.path()).unwrap();
        let mut statement = connection.prepare("SELECT kind, state, attempts FROM outbox ORDER BY id").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

fn row(kind: Kind, state: &str, attempts: i64) -> (String, String, i64) {
    (kind.to_string(), state.to_owned(), attempts)
}

#[test]
fn a_message_that_cannot_be_stored_for_half_a_minute_is_sent_and_marked_when_it_can_be() {
    let mut rig = Rig::new();
    assert_eq!(rig.hold(5.0, 2), [true; 2]);
    let lock = rig.lock();
    assert_eq!(rig.hold(20.0, 30), [false; 30]);
    assert!(rig.messages.try_recv().is_err(), "it was sent too early");
    assert!(!rig.second(20.0));
    let message = rig.next();
    assert!(message.idempotency_key().ends_with(".1.firing.0.ops@test"), "{}", message.idempotency_key());
    rig.answer(Ok(Receipt::new("ok")));
    assert_eq!(rig.hold(20.0, 29), [false; 29]);
    drop(lock);
    assert_eq!(rig.hold(20.0, 5), [true; 5]);
    assert_eq!(rig.rows(), [row(Kind::Firing, "sent", 1)]);
    assert!(rig.messages.try_recv().is_err(), "it was sent twice");
}

#[test]
fn what_is_on_its_way_without_the_store_is_not_sent_again_when_it_is_stored() {
    let mut rig = Rig::new();
    rig.hold(5.0, 2);
    let lock = rig.lock();
    rig.hold(20.0, 31);
    rig.next();
    // The alert ends; the channel is still busy with its beginning.
    rig.hold(5.0, 5);
    drop(lock);
    assert_eq!(rig.hold(5.0, 90), [true; 90]);
    assert_eq!(rig.rows(), [row(Kind::Firing, "pending", 0), row(Kind::Resolved, "pending", 0)]);
    assert!(rig.messages.try_recv().is_err(), "it was sent twice, or overtaken");
    rig.answer(Ok(Receipt::new("ok")));
    rig.hold(5.0, 2);
    assert_eq!(rig.next().kind, Kind::Resolved);
    rig.answer(Ok(Receipt::new("ok")));
    rig.hold(5.0, 2);
    assert_eq!(rig.rows(), [row(Kind::Firing, "sent", 1), row(Kind::Resolved, "sent", 1)]);
    assert!(rig.messages.try_recv().is_err());
}

#[test]
fn what_does_not_arrive_without_the_store_is_tried_again_and_the_end_does_not_overtake_it() {
    let mut rig = Rig::new();
    rig.hold(5.0, 2);
    let lock = rig.lock();
    rig.hold(20.0, 31);
    let first = rig.next();
    rig.answer(Err(Refusal::transient("connection refused")));
    rig.hold(5.0, 30);
    assert!(rig.messages.try_recv().is_err(), "the end has overtaken the beginning, or nobody waits");
    // Both are overdue now; the end waits until the beginning has arrived.
    rig.hold(5.0, 3);
    let again = rig.next();
    assert_eq!(again.idempotency_key(), first.idempotency_key());
    rig.answer(Ok(Receipt::new("ok")));
    rig.hold(5.0, 1);
    assert_eq!(rig.next().kind, Kind::Resolved);
    rig.answer(Ok(Receipt::new("ok")));
    drop(lock);
    assert_eq!(rig.hold(5.0, 60), [true; 60]);
    assert_eq!(rig.rows(), [row(Kind::Firing, "sent", 2), row(Kind::Resolved, "sent", 1)]);
    assert!(rig.messages.try_recv().is_err());
}
