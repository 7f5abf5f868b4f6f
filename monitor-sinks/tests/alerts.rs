//! A monitor with rules and channels tells what happens, to whom it should, once, and leaves nothing behind.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use common::{Feed, builder};
use monitor_sinks::{
    Builder, Monitor, Store,
    notify::{Channel, Kind, Message, Receipt, Refusal, Settings, Severity},
    rule::{Group, Lifecycle, Recording, Rule},
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

/// Takes a message each time that the test allows it.
struct Slow(Sender<Message>, Receiver<()>);

impl Channel for Slow {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        if self.1.recv().is_err() {
            return Err(Refusal::transient("the test is over"));
        }
        self.0.send(message.clone()).map(|()| Receipt::new("taken")).map_err(|_| Refusal::transient("gone"))
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.digest = false;
        settings
    }
}

fn start(path: &Path, change: impl FnOnce(Builder) -> Builder) -> (Monitor, Feed) {
    let feed = Feed::default();
    let monitor = change(builder(path).instance("test")).start_with(feed.source()).unwrap();
    (monitor, feed)
}

fn set(monitor: &Monitor, feed: &Feed, name: &'static str, value: f64) {
    feed.with(move |registry| registry.gauge(name, &[], value));
    monitor.flush().unwrap();
}

fn pending(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("SELECT count(*) FROM outbox WHERE state = 'pending'", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_rules_of_the_readme_fire_and_resolve_and_each_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (sender, messages) = channel();
    let (monitor, feed) = start(&path, |builder| {
        let cpu = Rule::new("high_cpu").when("cpu_percent_total").above(80.0).severity(Severity::High);
        let memory = Rule::new("high_memory").when("memory_percent").above(85.0).clear_below(84.0);
        let cpu = cpu.clear_below(79.0).annotation("summary", "CPU usage is {cpu_percent_total:.1f}%");
        builder.rules([cpu, memory]).channel("mail", Handed(sender))
    });
    set(&monitor, &feed, "system_memory_utilization_ratio", 0.5);
    set(&monitor, &feed, "system_cpu_total_utilization_ratio", 0.93);
    let firing = messages.recv_timeout(SOON).unwrap();
    assert_eq!((firing.kind, firing.severity, &firing.rule[..]), (Kind::Firing, Severity::High, "high_cpu"));
    assert_eq!(firing.title, "[high] CPU usage is 93.0%");
    assert!((firing.value.unwrap() - 93.0).abs() < 1e-9);
    assert!(firing.idempotency_key().ends_with(".1.firing.0.mail@test"), "{}", firing.idempotency_key());
    let alert = &monitor.alerts().unwrap()[0];
    assert_eq!((alert.lifecycle, &alert.told[..]), (Lifecycle::Firing, &[String::from("mail")][..]));
    let explained = monitor.explain(alert.fingerprint).unwrap();
    assert_eq!(explained.rule, "cpu_percent_total > 80 clear 79 severity high");
    assert!(explained.reasons.contains(&String::from("told: mail")), "{explained:?}");

    set(&monitor, &feed, "system_cpu_total_utilization_ratio", 0.5);
    let resolved = messages.recv_timeout(SOON).unwrap();
    assert_eq!((resolved.kind, &resolved.rule[..]), (Kind::Resolved, "high_cpu"));
    assert_eq!(resolved.incident_key(), firing.incident_key());
    set(&monitor, &feed, "system_memory_utilization_ratio", 0.9);
    assert_eq!(messages.recv_timeout(SOON).unwrap().rule, "high_memory");
    set(&monitor, &feed, "system_memory_utilization_ratio", 0.1);
    assert_eq!(messages.recv_timeout(SOON).unwrap().kind, Kind::Resolved);
    monitor.shutdown().unwrap();
    assert!(messages.recv().is_err(), "something was told twice");
    assert_eq!(pending(&path), 0);
    let store = Store::open_read_only(&path).unwrap();
    let kinds: Vec<String> = store.alert_events(10).unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["resolved", "fired", "resolved", "fired"]);
    assert!(store.check().unwrap().is_empty());
}

#[test]
fn a_program_that_ends_waits_for_a_moment_only_and_the_next_one_tells_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let rules = || (0..5).map(|number| Rule::new(format!("rule_{number}")).when("queue").above(10.0));
    let (sender, messages) = channel();
    let (allow, allowed) = channel();
    let (monitor, feed) = start(&path, |builder| builder.rules(rules()).channel("slow", Slow(sender.clone(), allowed)));
    allow.send(()).unwrap();
    set(&monitor, &feed, "queue", 20.0);
    let first = messages.recv_timeout(SOON).unwrap();
    let begun = Instant::now();
    monitor.shutdown().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(pending(&path) >= 1);
    drop(allow);

    let (monitor, feed) = start(&path, |builder| builder.rules(rules()).channel("slow", Handed(sender)));
    set(&monitor, &feed, "queue", 20.0);
    let mut keys = vec![first.key()];
    while pending(&path) > 0 {
        monitor.flush().unwrap();
        keys.extend(messages.try_iter().flat_map(|message| {
            let members = message.members.iter().map(|member| member.key.clone()).collect::<Vec<_>>();
            if members.is_empty() { vec![message.key()] } else { members }
        }));
        assert!(begun.elapsed() < SOON, "{} messages are left", pending(&path));
    }
    monitor.shutdown().unwrap();
    keys.extend(messages.try_iter().map(|message| message.key()));
    keys.sort_unstable();
    let told = keys.len();
    keys.dedup();
    assert_eq!((keys.len(), told), (5, 5), "{keys:?}");
}

#[test]
fn a_group_is_told_when_it_has_waited_whether_there_is_a_flush_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (sender, messages) = channel();
    let (monitor, feed) = start(&path, |builder| {
        let rule = Rule::new("full").when("full").above(0.5).group_by(["host"]);
        let alone = Rule::new("alone").when("max(full)").above(0.5);
        let rules = [rule.group_wait(Duration::from_millis(1_500)), alone];
        builder.rules(rules).channel("ops", Handed(sender))
    });
    feed.with(|registry| registry.gauge("full", &[("host", "h1"), ("disk", "a")], 1.0));
    monitor.flush().unwrap();
    let begun = Instant::now();
    assert_eq!(messages.recv_timeout(SOON).unwrap().rule, "alone");
    feed.with(|registry| registry.gauge("full", &[("host", "h1"), ("disk", "b")], 1.0));
    monitor.flush().unwrap();
    // The next flush that anybody asks for is in an hour.
    let digest = messages.recv_timeout(SOON).unwrap();
    assert_eq!((digest.kind, digest.members.len()), (Kind::Digest, 2));
    assert_eq!(digest.title, "2 alerts of full{host=\"h1\"}: 2 firing");
    assert!(begun.elapsed() >= Duration::from_millis(1_400), "{:?}", begun.elapsed());
    monitor.shutdown().unwrap();
}

#[test]
fn another_process_may_silence_and_acknowledge_but_not_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (sender, messages) = channel();
    let (monitor, feed) = start(&path, |builder| {
        builder.rule(Rule::new("queue").when("queue").above(10.0)).channel("ops", Handed(sender))
    });
    let other = Store::open_read_only(&path).unwrap();
    let id = other.silence("queue", None, "me", "a test").unwrap();
    // Nobody is silenced by a silence for something that is over; this one ends at once.
    monitor.flush().unwrap();
    assert!(other.silences().unwrap().is_empty());
    let hour = std::time::SystemTime::now() + Duration::from_hours(1);
    let id = (id, other.silence("{service=\"test\"}", Some(hour), "me", "a test").unwrap()).1;
    set(&monitor, &feed, "queue", 20.0);
    assert_eq!(monitor.alerts().unwrap()[0].silenced_by, Some(id));
    monitor.unsilence(id).unwrap();
    assert_eq!(messages.recv_timeout(SOON).unwrap().kind, Kind::Firing);
    let alert = &other.alerts().unwrap()[0];
    monitor.ack(alert.fingerprint, "me", "on it", None).unwrap();
    assert_eq!(other.alerts().unwrap()[0].acknowledged.as_ref().unwrap().note, "on it");
    let error = builder(&path).start_with(Feed::default().source()).unwrap_err();
    assert!(error.is_in_use(), "{error}");
    monitor.shutdown().unwrap();
    // What is left when nobody records waits for the next one.
    other.silence("queue", Some(hour), "me", "before the next start").unwrap();
    assert!(other.check().unwrap().is_empty());
    let (monitor, _feed) = start(&path, |builder| builder.rule(Rule::new("queue").when("queue").above(10.0)));
    monitor.flush().unwrap();
    assert_eq!(monitor.store().silences().unwrap().len(), 1);
}

#[test]
fn rules_and_channels_that_do_not_fit_together_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let refused = |rules: Vec<Rule>, wanted: &str| {
        let (sender, _messages) = channel();
        let builder = builder(&path).rules(rules).channel("ops", Handed(sender));
        let error = builder.start_with(Feed::default().source()).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    };
    let rule = |name: &str| Rule::new(name).when("queue").above(10.0);
    refused(vec![rule("a"), rule("a")], "there are two rules of this name");
    refused(vec![rule("a").channels(["opps"])], "there is no channel `opps`; did you mean `ops`?");
    refused(vec![rule("host_down"), rule("b").depends_on("host_dwn")], "did you mean `host_down`?");
    refused(vec![Rule::new("a").when("sum(").above(1.0)], "rule `a`");
    let refused = |group: Group, wanted: &str| {
        let builder = builder(&path).rule(rule("a")).rule_group(group);
        let error = builder.start_with(Feed::default().source()).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    };
    let (group, record) = (Group::new("g"), Recording::new("a:b", "queue"));
    refused(group.clone().rule(rule("a")), "rule `a`: there are two rules of this name");
    refused(group.clone().record(record.clone()).record(record.clone()), "rule `a:b`: it is there twice; take one out");
    refused(group.clone().record(Recording::new("a:b", "queue[5m]")), "rule `a:b`: the expression is a range");
    refused(group.clone().record(Recording::new("cpu_percent_total", "x")), "that is a short name");
    refused(group.every(Duration::ZERO).record(record), "the group `g` has an interval of 0; leave it out");
    let error = Store::open_read_only(&path).err();
    // A store that nobody records alerts to has none, and takes no commands.
    if error.is_none() {
        let store = Store::open_read_only(&path).unwrap();
        assert!(store.alerts().unwrap().is_empty());
        let error = store.silence("a", None, "me", "").unwrap_err();
        assert!(error.to_string().contains("give its monitor rules first"), "{error}");
    }
}

#[test]
fn the_monitor_tells_how_many_alerts_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path, |builder| builder.rule(Rule::new("queue").when("queue").above(10.0)));
    // They ride along with the row of the next minute; a new file has one as well.
    set(&monitor, &feed, "queue", 20.0);
    monitor.shutdown().unwrap();
    let (monitor, feed) = start(&path, |builder| builder.rule(Rule::new("queue").when("queue").above(10.0)));
    set(&monitor, &feed, "queue", 20.0);
    let firing = monitor.query().metric("monitored_alerts").tag("state", "firing").series().unwrap();
    assert!(firing[0].last().is_some_and(|point| (point.value - 1.0).abs() < 0.5), "{firing:?}");
}
