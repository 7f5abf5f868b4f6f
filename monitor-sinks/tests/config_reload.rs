//! Promise: a file of settings that is read anew takes the place of the old one as a whole or not at all, and alerts go on
//! where they were.
#![cfg(all(feature = "config", feature = "sqlite"))]

mod common;

use std::{
    fs,
    sync::mpsc::{Sender, channel},
    time::{Duration, Instant},
};

use common::{Feed, builder};
use monitor_sinks::{
    Monitor, Store,
    notify::{Channel, Kind, Message, Receipt, Refusal},
    promql::Data,
    rule::Rule,
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

fn set(monitor: &Monitor, feed: &Feed, value: f64) {
    feed.with(move |registry| registry.gauge("queue", &[], value));
    monitor.flush().unwrap();
}

fn rule(threshold: f64) -> String {
    format!("[[rule]]\nname = 'long_queue'\nexpr = 'queue'\nabove = {threshold}\nchannels = ['code']\n")
}

fn states(monitor: &Monitor) -> Vec<String> {
    monitor.alerts().unwrap().iter().map(|alert| format!("{} {}", alert.rule, alert.lifecycle)).collect()
}

#[test]
fn rules_change_while_alerts_and_channels_of_the_program_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (db, file) = (folder.path().join("m.db"), folder.path().join("monitor.toml"));
    fs::write(&file, rule(10.0)).unwrap();
    let (sender, messages) = channel();
    let feed = Feed::default();
    let builder =
        builder(&db).channel("code", Handed(sender)).rule(Rule::new("of_the_program").when("queue").above(1e9));
    let monitor = builder.config(&file).start_with(feed.source()).unwrap();
    set(&monitor, &feed, 20.0);
    let firing = messages.recv_timeout(SOON).unwrap();
    assert_eq!((firing.kind, &firing.rule[..]), (Kind::Firing, "long_queue"));

    // A mistake: everything stays.
    fs::write(&file, rule(15.0) + "unheard = 1\n").unwrap();
    let error = monitor.reload().unwrap_err();
    assert!(
        error.is_invalid_setting() && error.to_string().contains("monitor.toml:6:1: unknown key `unheard`"),
        "{error}"
    );
    fs::remove_file(&file).unwrap();
    assert!(monitor.reload().is_err());
    set(&monitor, &feed, 21.0);
    assert_eq!(states(&monitor), ["long_queue firing"]);

    // Nothing new, then another threshold: the alert goes on, and nobody is told anything.
    for threshold in [10.0, 15.0] {
        fs::write(&file, rule(threshold)).unwrap();
        monitor.reload().unwrap();
        set(&monitor, &feed, 22.0);
        assert_eq!(states(&monitor), ["long_queue firing"]);
    }
    set(&monitor, &feed, 5.0);
    let resolved = messages.recv_timeout(SOON).unwrap();
    assert_eq!((resolved.kind, resolved.incident_key()), (Kind::Resolved, firing.incident_key()));
    set(&monitor, &feed, 12.0);
    assert_eq!(states(&monitor), [""; 0], "the new threshold counts");

    // A rule that is gone ends, whatever there was to wait for.
    set(&monitor, &feed, 30.0);
    assert_eq!(messages.recv_timeout(SOON).unwrap().kind, Kind::Flapping);
    fs::write(&file, "").unwrap();
    monitor.reload().unwrap();
    monitor.flush().unwrap();
    let removed = messages.recv_timeout(SOON).unwrap();
    assert!(removed.kind == Kind::Resolved && removed.text.contains("rule removed"), "{removed:?}");
    monitor.shutdown().unwrap();
    assert!(messages.try_recv().is_err(), "something was told twice");
}

#[test]
fn rules_that_record_change_as_those_that_alert() {
    let folder = tempfile::tempdir().unwrap();
    let (db, file) = (folder.path().join("m.db"), folder.path().join("monitor.toml"));
    let yaml = "groups:\n- name: g\n  interval: 1h\n  rules:\n  - record: file:queue\n    expr: queue + 1\n";
    fs::write(folder.path().join("rules.yml"), yaml).unwrap();
    let record = "[[record]]\nrecord = 'own:queue'\nexpr = 'queue * 2'\n[[record]]\nrecord = 'own:both'\n\
                  expr = 'own:queue + file:queue or own:queue'\n";
    let alert = "[[rule]]\nname = 'long'\nexpr = 'own:queue > 10'\n";
    fs::write(&file, format!("rule_files = 'rules.yml'\n{record}{alert}")).unwrap();
    let feed = Feed::default();
    let monitor = builder(&db).config(&file).start_with(feed.source()).unwrap();
    let values = |monitor: &Monitor| {
        ["file:queue", "own:queue", "own:both"].map(|name| {
            let answer = monitor.store().promql(format!("sum({name}) or vector(-1)")).newest().unwrap();
            let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
            elements[0].value.as_float().unwrap().to_string()
        })
    };
    set(&monitor, &feed, 20.0);
    assert_eq!(
        (values(&monitor), states(&monitor)),
        (["21", "40", "40"].map(String::from), vec![String::from("long firing")])
    );
    // The file is evaluated once an hour.
    set(&monitor, &feed, 30.0);
    assert_eq!(values(&monitor), ["21", "60", "81"]);
    fs::write(&file, record.replace("* 2", "* 3")).unwrap();
    monitor.reload().unwrap();
    set(&monitor, &feed, 30.0);
    assert_eq!((values(&monitor), states(&monitor)), (["-1", "90", "90"].map(String::from), Vec::new()));
    fs::write(&file, "").unwrap();
    monitor.reload().unwrap();
    set(&monitor, &feed, 30.0);
    assert_eq!(values(&monitor), ["-1"; 3]);
    monitor.shutdown().unwrap();
    assert!(Store::open_read_only(&db).unwrap().check().unwrap().is_empty());
}

#[test]
fn a_start_with_mistakes_leaves_no_store_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.toml");
    fs::write(&file, "[store]\npath = 'm.db'\n[[rule]]\nname = 'a'\nexpr = 'x >'\n").unwrap();
    let error = Monitor::from_config(&file).unwrap_err();
    assert!(error.to_string().contains("monitor.toml:5:"), "{error}");
    assert!(!folder.path().join("m.db").exists());
    fs::write(&file, "[[rule]]\nname = 'a'\nexpr = 'x > 1'\n").unwrap();
    assert!(Monitor::from_config(&file).unwrap_err().to_string().contains("needs a store"));
}

#[test]
fn without_a_file_there_is_nothing_to_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = builder(&folder.path().join("m.db")).start_with(Feed::default().source()).unwrap();
    assert!(monitor.reload().unwrap_err().to_string().contains("Monitor::from_config"));
}
