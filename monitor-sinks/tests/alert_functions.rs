//! Promise: neither a function of a rule that never comes back, nor a receiver that never answers, holds up the recording,
//! the other rules, or the end of the monitor.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    path::Path,
    sync::{
        Mutex,
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};

use common::{Feed, builder};
use monitor_sinks::{
    Builder, Monitor, Store,
    notify::{Channel, Message, Receipt, Refusal},
    rule::{Lifecycle, Rule},
};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// What the end of a monitor may take: two seconds for messages, as long for a locked store, and some for a busy machine.
const BUDGET: Duration = Duration::from_secs(5);

/// Hands messages to the test.
struct Handed(Sender<Message>);

impl Channel for Handed {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        self.0.send(message.clone()).map(|()| Receipt::new("taken")).map_err(|_| Refusal::transient("gone"))
    }
}

fn start(path: &Path, change: impl FnOnce(Builder) -> Builder) -> (Monitor, Feed) {
    let feed = Feed::default();
    (change(builder(path)).start_with(feed.source()).unwrap(), feed)
}

fn set(monitor: &Monitor, feed: &Feed, value: f64) {
    feed.with(move |registry| registry.gauge("queue", &[], value));
    monitor.flush().unwrap();
}

fn ends_in_time(monitor: Monitor) {
    let begun = Instant::now();
    monitor.shutdown().unwrap();
    assert!(begun.elapsed() < BUDGET, "the end took {:?}", begun.elapsed());
}

/// Row 15 of the failure matrix.
#[test]
fn a_function_that_never_comes_back_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (never, said) = channel::<bool>();
    let said = Mutex::new(said);
    let (sender, messages) = channel();
    let (monitor, feed) = start(&path, |builder| {
        let stuck = Rule::new("stuck").when_fn(move |_| said.lock().unwrap().recv().ok());
        let stuck = stuck.answers_within(Duration::from_millis(1));
        builder.rules([stuck, Rule::new("queue").when("queue").above(10.0)]).channel("ops", Handed(sender))
    });
    let begun = Instant::now();
    let mut told = Vec::new();
    while told != ["firing queue", "meta stuck"] {
        set(&monitor, &feed, 20.0);
        told.extend(messages.try_iter().map(|message| format!("{} {}", message.kind, message.rule)));
        told.sort();
        assert!(begun.elapsed() < SOON, "{told:?}");
    }
    let begun = Instant::now();
    (0..50).for_each(|_| set(&monitor, &feed, 20.0));
    assert!(begun.elapsed() < SOON, "50 flushes took {:?}", begun.elapsed());
    ends_in_time(monitor);
    drop(never);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(store.alerts().unwrap()[0].lifecycle, Lifecycle::Firing);
    let kinds: Vec<String> = store.alert_events(10).unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["rule_failed", "fired"]);
}

/// An answer that comes after the flush that asked for it is judged soon, though there is no flush by itself for an hour.
#[test]
fn a_late_answer_is_judged_without_waiting_for_the_next_flush() {
    let folder = tempfile::tempdir().unwrap();
    let (say, said) = channel::<bool>();
    let said = Mutex::new(said);
    let (sender, messages) = channel();
    let (monitor, feed) = start(&folder.path().join("metrics.db"), |builder| {
        builder
            .rule(Rule::new("late").when_fn(move |_| said.lock().unwrap().recv().ok()))
            .channel("ops", Handed(sender))
    });
    set(&monitor, &feed, 1.0);
    say.send(true).unwrap();
    assert_eq!(messages.recv_timeout(SOON).unwrap().rule, "late");
    drop(say);
    ends_in_time(monitor);
}

/// Row 23 of the failure matrix, with receivers that accept a connection and say nothing.
#[cfg(feature = "webhook")]
#[test]
fn receivers_that_hang_do_not_hold_up_the_end_and_the_messages_stay() {
    use std::{io::Read, net::TcpListener, thread};

    use monitor_sinks::notify::{Alertmanager, Webhook};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, connections) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let asked = asked.clone();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 16]);
                let _ = asked.send(());
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path, |builder| {
        let hook = Webhook::new(format!("http://{address}/")).timeout(Duration::from_mins(1)).build().unwrap();
        let manager = Alertmanager::at(format!("http://{address}")).timeout(Duration::from_mins(1)).start().unwrap();
        let rule = Rule::new("queue").when("queue").above(10.0);
        builder.rule(rule).channel("hook", hook).channel("manager", manager)
    });
    set(&monitor, &feed, 20.0);
    (0..2).for_each(|_| connections.recv_timeout(SOON).unwrap());
    ends_in_time(monitor);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let state = |channel: &str| -> String {
        connection.query_row("SELECT state FROM outbox WHERE channel = ?1", [channel], |row| row.get(0)).unwrap()
    };
    assert_eq!(state("hook"), "pending");
}
