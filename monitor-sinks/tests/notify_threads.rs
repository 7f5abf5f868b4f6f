//! Promise: a channel that hangs, panics or lies harms no other, nothing is lost by it, and an end is an end.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

#[path = "common/delivery.rs"]
mod delivery;

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use delivery::{OVERSHOOT, PATIENCE, Post, message, now_ms};
use monitor_sinks::notify::{Channel, Kind, Message, Receipt, Refusal, Settings, notifier::Notifier, outbox::Note};

/// A channel that does what a function says.
struct Does<F>(F, Duration);

impl<F: FnMut(&Message) -> Result<Receipt, Refusal> + Send> Channel for Does<F> {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        (self.0)(message)
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        (settings.timeout, settings.digest) = (self.1, false);
        settings
    }
}

fn does(send: impl FnMut(&Message) -> Result<Receipt, Refusal> + Send + 'static) -> Box<dyn Channel> {
    Box::new(Does(send, PATIENCE))
}

fn good(got: &Arc<Mutex<Vec<String>>>) -> Box<dyn Channel> {
    let got = Arc::clone(got);
    does(move |message| {
        got.lock().unwrap().push(message.key());
        Ok(Receipt::new("ok"))
    })
}

#[test]
fn a_channel_that_hangs_delays_no_other_and_is_given_up_at_its_deadline() {
    // The machine may be busy with other tests.
    let late = (0..3).map(|_| hang()).min().unwrap();
    assert!(late < OVERSHOOT, "{late:?}");
}

/// How long after its deadline a channel that hangs was given up.
fn hang() -> Duration {
    let timeout = Duration::from_millis(200);
    let (release, held) = mpsc::channel::<()>();
    let got = Arc::default();
    let hangs = Box::new(Does(
        move |_: &Message| {
            let _ = held.recv_timeout(PATIENCE);
            Ok(Receipt::new("at last"))
        },
        timeout,
    ));
    let folder = tempfile::tempdir().unwrap();
    let mut post = Post::start(&folder.path().join("a.db"), vec![("hangs", hangs), ("good", good(&got))]);
    for channel in ["hangs", "good"] {
        post.queue(&message(Kind::Firing, "a"), channel);
    }
    let begin = Instant::now();
    post.until(|note| matches!(note, Note::Sent { channel, .. } if channel == "good"));
    let notes = post.until(|note| matches!(note, Note::Failed { .. }));
    let late = begin.elapsed().saturating_sub(timeout);
    assert!(format!("{notes:?}").contains("still busy"), "{notes:?}");
    // It gets nothing more, and is not counted twice.
    thread::sleep(Duration::from_millis(300));
    assert!(post.turn().is_empty() && post.notifier.next_deadline().is_none());
    release.send(()).unwrap();
    let notes = post.until_sent();
    assert!(notes.iter().all(|note| matches!(note, Note::Sent { channel, .. } if channel == "hangs")), "{notes:?}");
    late
}

#[test]
fn a_panic_of_a_channel_is_a_failure_like_others() {
    let mut calls = 0;
    let panics = does(move |_| {
        calls += 1;
        assert!(calls > 1, "planned");
        Ok(Receipt::new("ok"))
    });
    let folder = tempfile::tempdir().unwrap();
    let mut post = Post::start(&folder.path().join("a.db"), vec![("panics", panics)]);
    post.queue(&message(Kind::Firing, "a"), "panics");
    let notes = post.until_sent();
    let failed = |note: &Note| matches!(note, Note::Failed { reason, .. } if reason == "it panicked: planned");
    assert!(notes.iter().any(failed), "{notes:?}");
}

#[test]
fn a_turn_that_was_not_committed_sends_nothing_and_forgets_nothing() {
    let got = Arc::default();
    let folder = tempfile::tempdir().unwrap();
    let mut post = Post::start(&folder.path().join("a.db"), vec![("good", good(&got))]);
    post.queue(&message(Kind::Firing, "a"), "good");
    for _ in 0..3 {
        let transaction = post.connection.transaction().unwrap();
        drop(post.notifier.turn(&transaction, now_ms()).unwrap());
        transaction.rollback().unwrap();
    }
    assert!(got.lock().unwrap().is_empty());
    drop(post.turn());
    while !post.notifier.has_outcomes() {
        thread::sleep(Duration::from_millis(1));
    }
    for _ in 0..3 {
        let transaction = post.connection.transaction().unwrap();
        let turn = post.notifier.turn(&transaction, now_ms()).unwrap();
        assert!(matches!(turn.notes[..], [Note::Sent { .. }]), "{:?}", turn.notes);
        drop(turn);
        transaction.rollback().unwrap();
    }
    assert!(matches!(post.turn()[..], [Note::Sent { .. }]));
    assert!(post.turn().is_empty());
    assert_eq!(*got.lock().unwrap(), ["a.1.firing.0"]);
}

#[test]
fn what_was_sent_without_the_store_is_marked_once_it_is_stored() {
    let got = Arc::default();
    let folder = tempfile::tempdir().unwrap();
    let mut post = Post::start(&folder.path().join("a.db"), vec![("good", good(&got))]);
    let mut message = message(Kind::Firing, "a");
    message.channel = String::from("good");
    assert!(post.notifier.offer(message.clone()));
    while !post.notifier.has_outcomes() {
        thread::sleep(Duration::from_millis(1));
    }
    post.queue(&message, "good");
    assert!(matches!(post.turn()[..], [Note::Sent { .. }]));
    assert_eq!(post.states(), [(String::from("good"), String::from("sent"), 1)]);
    assert_eq!(got.lock().unwrap().len(), 1);
}

/// Row 23 of the failure matrix.
#[test]
fn an_end_waits_for_what_is_on_its_way_no_longer_than_its_budget_and_the_rest_stays() {
    let slow = does(|_| {
        thread::sleep(Duration::from_millis(120));
        Ok(Receipt::new("ok"))
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut post = Post::start(&path, vec![("slow", slow)]);
    (0..8).for_each(|number| post.queue(&message(Kind::Firing, &number.to_string()), "slow"));
    drop(post.turn());
    let begin = Instant::now();
    post.notifier.close(Duration::from_millis(300));
    assert!(begin.elapsed() < Duration::from_millis(600), "{:?}", begin.elapsed());
    let turn = post.notifier.last_turn(&post.connection, now_ms()).unwrap();
    let sent = turn.notes.len();
    assert!((1..8).contains(&sent), "{sent}");
    drop(post.notifier.committed(turn));
    let got = Arc::default();
    let mut next = Post::start(&path, vec![("slow", good(&got))]);
    let mut notes = Vec::new();
    while notes.len() < 8 - sent {
        notes.extend(next.until_sent());
    }
    assert!(got.lock().unwrap().len() == 8 - sent && next.turn().is_empty());
}

/// Row 21 of the failure matrix.
#[test]
fn two_notifiers_on_one_file_send_each_message_once() {
    let got: Arc<Mutex<Vec<String>>> = Arc::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut posts = [(); 2].map(|()| Post::start(&path, vec![("good", good(&got))]));
    (0..40).for_each(|number| posts[0].queue(&message(Kind::Firing, &number.to_string()), "good"));
    let begin = Instant::now();
    thread::scope(|scope| {
        for post in &mut posts {
            let got = &got;
            scope.spawn(move || {
                while got.lock().unwrap().len() < 40 || post.states().iter().any(|(_, state, _)| state == "pending") {
                    assert!(begin.elapsed() < PATIENCE, "{:?}", post.states());
                    post.turn();
                    thread::sleep(Duration::from_millis(1));
                }
            });
        }
    });
    let got = got.lock().unwrap();
    let different: std::collections::BTreeSet<&String> = got.iter().collect();
    assert_eq!((got.len(), different.len()), (40, 40));
}

#[test]
fn two_channels_of_one_name_are_refused() {
    let channels = ["ops", "ops"].map(|name| (name.to_owned(), does(|_| Ok(Receipt::new("ok"))))).into();
    let error = Notifier::start(channels, || ()).err().unwrap();
    assert!(error.is_invalid_setting() && error.to_string().contains("`ops`"), "{error}");
}
