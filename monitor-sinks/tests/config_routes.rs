//! Promise: a route of a file leads alerts by the labels of their series as well as by those of their rules, and groups them
//! over rules.
#![cfg(all(feature = "config", feature = "sqlite"))]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use common::{Feed, builder};
use monitor_sinks::{
    Monitor,
    notify::{Channel, Kind, Message, Receipt, Refusal},
};

/// Longer than any message takes.
const SOON: Duration = Duration::from_secs(20);

/// Hands messages to the test.
struct Handed(Sender<Message>);

impl Channel for Handed {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        self.0.send(message.clone()).map(|()| Receipt::new("taken")).map_err(|_| Refusal::transient("gone"))
    }
}

fn start(folder: &std::path::Path, text: &str, channels: &[&str]) -> (Monitor, Feed, Receiver<Message>) {
    let file = folder.join("monitor.toml");
    fs::write(&file, text).unwrap();
    let (sender, messages) = channel();
    let feed = Feed::default();
    let plain = builder(&folder.join("m.db"));
    let builder = channels.iter().fold(plain, |builder, name| builder.channel(*name, Handed(sender.clone())));
    (builder.config(&file).start_with(feed.source()).unwrap(), feed, messages)
}

fn set(monitor: &Monitor, feed: &Feed, values: &'static [(&'static str, &'static str, f64)]) {
    feed.with(move |registry| {
        for (name, host, value) in values {
            registry.gauge(name, &[("host", host)], *value);
        }
    });
    monitor.flush().unwrap();
}

#[test]
fn alerts_of_one_rule_reach_different_people() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
        [[rule]]
        name = "long_queue"
        expr = "queue > 10"
        labels = { team = "shop" }
        [[route]]
        match = '{host=~"db.*"}'
        channels = "dba"
        [[route]]
        match = 'long_queue{team="shop", host="web1"}'
        channels = "web"
    "#;
    let (monitor, feed, messages) = start(folder.path(), text, &["dba", "web"]);
    set(&monitor, &feed, &[("queue", "db1", 20.0), ("queue", "web1", 20.0), ("queue", "other", 20.0)]);
    let told: BTreeSet<String> = (0..4)
        .map(|_| messages.recv_timeout(SOON).unwrap())
        .map(|message| format!("{} {}", message.channel, message.labels["host"]))
        .collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(told, ["dba db1", "dba other", "web other", "web web1"]);

    // Those who know that somebody takes care of it, and of the end, are the same.
    let alerts = monitor.alerts().unwrap();
    let alert = alerts.iter().find(|alert| alert.labels["host"] == "db1").unwrap();
    assert_eq!(alert.told, ["dba"]);
    monitor.ack(alert.fingerprint, "me", "on it", None).unwrap();
    let taken = messages.recv_timeout(SOON).unwrap();
    assert_eq!((taken.kind, &taken.channel[..]), (Kind::Acknowledged, "dba"));
    assert_eq!(taken.title, "[acknowledged] long_queue {host=\"db1\", service=\"test\"}");
    set(&monitor, &feed, &[("queue", "db1", 1.0)]);
    let ended = messages.recv_timeout(SOON).unwrap();
    assert_eq!((ended.kind, &ended.channel[..]), (Kind::Resolved, "dba"));
    monitor.shutdown().unwrap();
    assert!(messages.recv().is_err());
}

#[test]
fn a_route_tells_the_alerts_of_several_rules_about_one_thing_together() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
        [[rule]]
        name = "long_queue"
        expr = "queue > 10"
        [[rule]]
        name = "slow"
        expr = "took > 1"
        severity = "high"
        [[route]]
        channels = "ops"
        group_by = "host"
        group_wait = "0"
    "#;
    let (monitor, feed, messages) = start(folder.path(), text, &["ops"]);
    set(&monitor, &feed, &[("queue", "a", 20.0), ("took", "a", 2.0), ("queue", "b", 20.0)]);
    let mut told: Vec<Message> = (0..2).map(|_| messages.recv_timeout(SOON).unwrap()).collect();
    told.sort_by_key(|message| message.members.len());
    assert_eq!((told[0].kind, &told[0].labels["host"][..]), (Kind::Firing, "b"));
    let digest = &told[1];
    assert_eq!(digest.title, "2 alerts of {host=\"a\"}: 2 firing");
    assert!(digest.text.contains("high firing: [high] slow") && digest.text.contains("host=a"), "{}", digest.text);
    assert_eq!(digest.members.len(), 2);
    monitor.shutdown().unwrap();
}
