//! Promise: what is due is with its receiver soon: a webhook in 150 ms, a mail in 400 ms, at the 99th percentile, on
//! loopback. Measured, and not part of the tests: `cargo test --release -p monitor-sinks --features smtp,webhook --test
//! notify_speed -- --ignored --nocapture --test-threads 1`.
#![cfg(all(feature = "smtp", feature = "webhook", unix))]

#[path = "common/delivery.rs"]
mod delivery;
#[path = "common/mail.rs"]
mod mail;

use std::time::{Duration, Instant};

use delivery::{Post, Receiver, message};
use mail::Server;
use monitor_sinks::notify::{Channel, Kind, Webhook};

const MESSAGES: usize = 500;

/// Offers messages one after the other, and waits for each as `received` does.
fn measure(what: &str, channel: Box<dyn Channel>, limit: Duration, received: impl Fn(&mut Post) -> Instant) {
    let folder = tempfile::tempdir().unwrap();
    let mut post = Post::start(&folder.path().join("a.db"), vec![("ops", channel)]);
    let mut times: Vec<Duration> = (0..MESSAGES)
        .map(|number| {
            let mut message = message(Kind::Firing, &number.to_string());
            message.channel = String::from("ops");
            let begin = Instant::now();
            assert!(post.notifier.offer(message));
            received(&mut post).saturating_duration_since(begin)
        })
        .collect();
    times.sort_unstable();
    let at = |part: f64| times[((MESSAGES - 1) as f64 * part) as usize];
    println!("{what}: p50 {:?}, p90 {:?}, p99 {:?}, most {:?}", at(0.5), at(0.9), at(0.99), at(1.0));
    assert!(at(0.99) <= limit, "{what}: {:?}", at(0.99));
}

fn until_returned(post: &mut Post) -> Instant {
    post.wait();
    assert!(post.notifier.has_outcomes());
    let returned = Instant::now();
    // There is no row to mark, and the channel has to be free for the next one.
    drop(post.turn());
    returned
}

#[test]
#[ignore = "a measurement; `cargo xtask prove` runs it, optimised"]
fn a_webhook_is_received_within_its_limit() {
    let receiver = Receiver::answering("200 OK");
    let webhook = Webhook::new(receiver.url()).build().unwrap();
    measure("webhook received", Box::new(webhook), Duration::from_millis(150), |post| {
        let at = receiver.next().at;
        until_returned(post);
        at
    });
}

#[test]
#[ignore = "a measurement; `cargo xtask prove` runs it, optimised"]
fn a_mail_is_taken_within_its_limit() {
    let Some(server) = Server::start(&[]) else { return };
    let email = server.email(&["ops"]).build().unwrap();
    measure(
        "mail taken (STARTTLS, AUTH, a connection each)",
        Box::new(email),
        Duration::from_millis(400),
        until_returned,
    );
}
