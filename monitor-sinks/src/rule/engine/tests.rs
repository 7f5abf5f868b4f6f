//! The engine over a store, second by second, on clocks that the test turns.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use monitor_core::Sample;
use rusqlite::Transaction;

mod recording;

use super::*;
use crate::{
    notify::{Severity, outbox},
    registry::Registry,
    rule::{Lifecycle, Missing},
    store::{Origin, Retention, Rider, Store, Writer},
};

mod functions;
mod kept_back;
mod outages;
mod slow;

const START: i64 = 1_700_002_800_000;

/// No test waits so long; functions that answer at all do it earlier.
const LONG: Duration = Duration::from_mins(1);

/// A program that records and watches.
struct Rig {
    _folder: tempfile::TempDir,
    path: PathBuf,
    /// Groups that come before the rules.
    groups: Vec<Group>,
    objectives: bool,
    rules: Vec<Rule>,
    registry: Registry,
    wall_ms: i64,
    steady_ms: u64,
    derived: Derived,
    limits: Limits,
    running: Option<(Writer, Engine)>,
}

impl Rig {
    fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut rig = Self {
            _folder: folder,
            path,
            groups: Vec::new(),
            objectives: false,
            rules: rules.into_iter().collect(),
            registry: Registry::default(),
            wall_ms: START,
            steady_ms: 0,
            derived: Derived::new(1_000),
            limits: Limits { alerts: 1_050, share: 0, grace: LONG, ..Limits::USUAL },
            running: None,
        };
        rig.start();
        rig
    }

    fn start(&mut self) {
        let settings = crate::store::Settings {
            service: String::from("etl"),
            interval: Duration::from_secs(1),
            start_patience: Duration::ZERO,
            patience: Duration::ZERO,
            retention: Retention::FOREVER,
            vitals: false,
        };
        self.registry = Registry::default();
        self.steady_ms = 0;
        let mut writer = Writer::open(&self.path, settings, self.wall_ms * 1_000).unwrap();
        self.derived = Derived::new(1_000);
        let engine = self.opened(&mut writer);
        self.running = Some((writer, engine));
    }

    fn opened(&self, writer: &mut Writer) -> Engine {
        let store = Store::open_read_only(&self.path).unwrap().promql_source();
        let recipient = |name: &str| Recipient { name: name.to_owned(), least: Severity::Low, is_single: false };
        let settings = Settings {
            groups: self.groups.iter().cloned().chain([Group::of_rules("test", self.rules.clone())]).collect(),
            objectives: self.objectives,
            every: Some(Duration::from_secs(1)),
            flush_every: Duration::from_secs(1),
            recipients: vec![recipient("ops")],
            service: String::from("etl"),
            instance: String::from("test"),
            limits: self.limits,
        };
        let connection = writer.connection().unwrap();
        outbox::create(connection).unwrap();
        Engine::open(settings, connection, store, self.moment()).unwrap()
    }

    fn engine(&mut self) -> &mut Engine {
        &mut self.running.as_mut().unwrap().1
    }

    fn moment(&self) -> Moment {
        Moment { wall_ms: self.wall_ms, steady_ms: self.steady_ms }
    }

    /// Kills the program, and starts it again `seconds` later.
    fn restart(&mut self, seconds: i64) {
        self.running = None;
        self.wall_ms += seconds * 1_000;
        self.start();
    }

    /// A second passes; then there is a flush. Says whether it was committed.
    fn tick(&mut self) -> bool {
        self.wall_ms += 1_000;
        self.steady_ms += 1_000;
        let (at_us, moment) = (self.wall_ms * 1_000, self.moment());
        let (writer, engine) = self.running.as_mut().unwrap();
        let registry = &self.registry;
        let recorded = || {
            let samples = registry.samples();
            samples.map(|(index, key, value, changed)| Origin::App.sample(Sample { index, key, value, changed }))
        };
        let derived = &mut self.derived;
        engine.flush(moment, writer.connection().map(|connection| &*connection), recorded(), derived);
        let samples = || recorded().chain(derived.samples());
        let is_unsaved = engine.is_unsaved(writer.generation(), false);
        let is_durable = engine.is_durable();
        let mut write = |transaction: &Transaction<'_>, generation| {
            outbox::create(transaction)?;
            engine.write(transaction, generation, false)
        };
        let rider = is_unsaved.then_some(Rider { is_durable, write: &mut write });
        if writer.write_with(at_us, samples, &[], rider).is_err() {
            return false;
        }
        if is_unsaved {
            engine.committed(writer.generation(), false);
        }
        engine.delivered();
        self.derived.delivered();
        self.registry.delivered();
        true
    }

    /// A gauge has this value for some seconds.
    fn hold(&mut self, name: &str, value: f64, seconds: usize) {
        for _ in 0..seconds {
            self.registry.gauge(name, &[], value);
            assert!(self.tick());
        }
    }

    fn store(&self) -> Store {
        Store::open_read_only(&self.path).unwrap()
    }

    /// What was queued, as `KIND RULE`, in order.
    fn told(&self) -> Vec<String> {
        let connection = rusqlite::Connection::open(&self.path).unwrap();
        let mut statement = connection.prepare("SELECT payload FROM outbox ORDER BY id").unwrap();
        let payloads = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let messages = payloads.map(|payload| serde_json::from_str::<Message>(&payload.unwrap()).unwrap());
        messages.map(|message| format!("{} {}", message.kind, message.rule)).collect()
    }

    fn kinds(&self) -> Vec<String> {
        let events = self.store().alert_events(1_000).unwrap();
        events.into_iter().rev().map(|event| event.kind).collect()
    }

    fn alert(&self, rule: &str) -> Alert {
        self.store().alerts().unwrap().into_iter().find(|alert| alert.rule == rule).unwrap()
    }
}

fn queue() -> Rule {
    Rule::new("queue").when("queue").above(10.0).clear_below(9.0)
}

#[test]
fn an_alert_fires_is_told_resolves_and_is_told() {
    let mut rig = Rig::new([queue().held_for(Duration::from_secs(5)).annotation("summary", "queue at {{ value }}")]);
    rig.hold("queue", 5.0, 3);
    rig.hold("queue", 20.0, 5);
    assert_eq!(rig.alert("queue").lifecycle, Lifecycle::Pending);
    assert!(rig.told().is_empty());
    rig.hold("queue", 20.0, 1);
    let alert = rig.alert("queue");
    assert_eq!((alert.lifecycle, alert.incident, alert.value), (Lifecycle::Firing, 1, Some(20.0)));
    assert_eq!(alert.told, ["ops"]);
    rig.hold("queue", 5.0, 3);
    assert_eq!(rig.told(), ["firing queue", "resolved queue"]);
    assert_eq!(rig.kinds(), ["fired", "resolved"]);
    assert!(rig.store().alerts().unwrap().is_empty());
    let connection = rusqlite::Connection::open(&rig.path).unwrap();
    let title: String = connection
        .query_row("SELECT json_extract(payload, '$.title') FROM outbox ORDER BY id LIMIT 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(title, "[medium] queue at 20");
}

#[test]
fn a_restart_with_nothing_changed_tells_nothing_and_changes_nothing() {
    let mut rig = Rig::new([queue(), Rule::new("slow").when("queue").above(15.0).held_for(Duration::from_secs(30))]);
    rig.hold("queue", 20.0, 10);
    for pause in [0, 1, 400, 86_400] {
        let before = (rig.told(), rig.kinds(), rig.alert("queue"));
        rig.restart(pause);
        assert!(rig.tick(), "nothing was recorded yet");
        rig.hold("queue", 20.0, 2);
        let after = (rig.told(), rig.kinds(), rig.alert("queue"));
        assert_eq!(before, after, "after a pause of {pause} s");
    }
    // Neither what is watched no more nor the pauses count into the time that a condition has held.
    assert_eq!(rig.alert("slow").lifecycle, Lifecycle::Pending);
    rig.hold("queue", 20.0, 30);
    assert_eq!(rig.alert("slow").lifecycle, Lifecycle::Firing);
    assert_eq!(rig.told(), ["firing queue", "firing slow"]);
}

#[test]
fn an_alert_that_waits_loses_little_of_its_time_when_the_program_is_killed() {
    let mut rig = Rig::new([queue().held_for(Duration::from_mins(1))]);
    rig.hold("queue", 20.0, 50);
    rig.restart(3);
    rig.hold("queue", 20.0, 9);
    assert_eq!(rig.alert("queue").lifecycle, Lifecycle::Pending);
    rig.hold("queue", 20.0, 8);
    assert_eq!(rig.alert("queue").lifecycle, Lifecycle::Firing);
}

#[test]
fn a_clock_that_is_stepped_makes_no_alert_and_ends_none() {
    let windowed = Rule::new("rate").when("rate(rows_total[1m])").below(0.5).held_for(Duration::from_secs(45));
    let mean = Rule::new("mean").when("avg_over_time(queue[5m])").above(10.0);
    let mut rig = Rig::new([windowed, mean, queue().held_for(Duration::from_mins(1))]);
    let second = |rig: &mut Rig, value: f64, rows: u64| {
        rig.registry.count("rows_total", &[], rows);
        rig.hold("queue", value, 1);
    };
    (0..100).for_each(|_| second(&mut rig, 5.0, 1));
    for step in [3_600_000, -7_200_000, 90_000, -3_000] {
        rig.wall_ms += step;
        (0..100).for_each(|_| second(&mut rig, 5.0, 1));
        assert_eq!(rig.told(), [""; 0], "after a step of {step} ms");
    }
    // The time that a condition must hold is exact across a step.
    (0..30).for_each(|_| second(&mut rig, 20.0, 1));
    rig.wall_ms += 3_600_000;
    (0..30).for_each(|_| second(&mut rig, 20.0, 1));
    assert_eq!(rig.told(), [""; 0]);
    second(&mut rig, 20.0, 1);
    assert_eq!(rig.told(), ["firing queue"]);
    rig.wall_ms -= 7_200_000;
    (0..30).for_each(|_| second(&mut rig, 20.0, 1));
    assert_eq!(rig.told(), ["firing queue"]);
    assert_eq!(rig.kinds().iter().filter(|kind| *kind == "clock").count(), 6);
}

#[test]
fn what_is_no_number_or_divided_by_nothing_ends_no_alert() {
    let ratio = Rule::new("ratio").when("errors / calls").above(0.5).clear_below(0.4);
    let rate = Rule::new("fall").when("rate(rows_total[1m])").below(0.0);
    let mut rig = Rig::new([ratio, rate]);
    let set = |rig: &mut Rig, errors: f64, calls: f64| {
        rig.registry.gauge("errors", &[], errors);
        rig.registry.count("rows_total", &[], 3);
        rig.hold("calls", calls, 2);
    };
    set(&mut rig, 1.0, 1.0);
    assert_eq!(rig.told(), ["firing ratio"]);
    set(&mut rig, 0.0, 0.0);
    set(&mut rig, f64::NAN, 1.0);
    assert_eq!(rig.told(), ["firing ratio"]);
    set(&mut rig, f64::INFINITY, 1.0);
    set(&mut rig, 1.0, f64::INFINITY);
    // That is zero.
    assert_eq!(rig.told(), ["firing ratio", "resolved ratio"]);
    // A counter begins anew; a rate is never below zero.
    rig.restart(5);
    (0..70).for_each(|_| set(&mut rig, 0.0, 1.0));
    assert_eq!(rig.told(), ["firing ratio", "resolved ratio"]);
}

#[test]
fn a_series_that_is_missing_or_has_other_labels_ends_no_alert_unless_its_rule_says_so() {
    let keeps = Rule::new("keeps").when("queue").above(10.0);
    let resolves = Rule::new("resolves").when("queue").above(10.0).missing(Missing::Resolve);
    let mut rig = Rig::new([keeps, resolves]);
    rig.registry.gauge("queue", &[("version", "1")], 20.0);
    assert!(rig.tick());
    assert_eq!(rig.told(), ["firing keeps", "firing resolves"]);
    // The next version of the program has a series of its own; the one before is gone.
    rig.restart(10);
    for _ in 0..200 {
        rig.registry.gauge("queue", &[("version", "2")], 5.0);
        assert!(rig.tick());
    }
    assert_eq!(rig.told(), ["firing keeps", "firing resolves", "resolved resolves", "no_data keeps"]);
    let alert = rig.alert("keeps");
    assert!(alert.has_no_data && alert.lifecycle == Lifecycle::Firing, "{alert:?}");
    // It is back, and well.
    rig.restart(10);
    rig.registry.gauge("queue", &[("version", "1")], 5.0);
    (0..5).for_each(|_| assert!(rig.tick()));
    assert_eq!(rig.told().last().unwrap(), "resolved keeps");
}

#[test]
fn a_rule_that_fails_changes_nothing_and_is_told_once() {
    let broken = Rule::new("panics").when_fn(|view| {
        let queue = view.value("queue")?;
        assert!(queue < 50.0, "too long to think about");
        Some(queue > 10.0)
    });
    let wrong =
        Rule::new("wrong_text").when("queue").above(10.0).annotation("summary", "{{ labels.nothing }} {{ value }}");
    let mut rig = Rig::new([broken, wrong]);
    rig.hold("queue", 20.0, 3);
    assert_eq!(rig.told(), ["firing panics", "firing wrong_text"]);
    // A text that cannot be filled in goes out as it was written, with what is known.
    let sent: String = rusqlite::Connection::open(&rig.path)
        .unwrap()
        .query_row("SELECT payload FROM outbox WHERE payload LIKE '%wrong_text%'", [], |row| row.get(0))
        .unwrap();
    let sent: Message = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent.value, Some(20.0));
    assert!(sent.title.contains("{{ labels.nothing }}") && sent.text.contains("cannot fill in the text"), "{sent:?}");
    rig.hold("queue", 60.0, 5);
    assert_eq!(rig.alert("panics").lifecycle, Lifecycle::Firing, "an error is not false");
    assert_eq!(rig.told()[2..], ["meta panics"]);
    let explained = rig.store().explain(rig.alert("panics").fingerprint).unwrap();
    assert!(explained.reasons.iter().any(|reason| reason.contains("too long to think about")), "{explained:?}");
    rig.hold("queue", 5.0, 3);
    assert_eq!(rig.told()[3..], ["meta panics", "resolved panics", "resolved wrong_text"]);
    assert_eq!(rig.kinds().iter().filter(|kind| kind.starts_with("rule_")).count(), 2);
    let figures = rig.running.as_ref().unwrap().1.figures();
    assert_eq!(figures.failures, 5);
    assert_eq!(figures.evaluations, 22);
}

#[test]
fn a_rule_that_fails_now_and_then_is_told_seldom_and_how_it_is_in_the_end() {
    let mut rig = Rig::new([Rule::new("odd").when("label_replace(shard > 5, \"shard\", \"\", \"\", \"\")")]);
    rig.registry.gauge("shard", &[("shard", "a")], 20.0);
    for second in 0..1_800 {
        let value = if second % 2 == 0 { 20.0 } else { 1.0 };
        rig.registry.gauge("shard", &[("shard", "b")], value);
        assert!(rig.tick());
    }
    let metas = |rig: &Rig| rig.told().iter().filter(|told| *told == "meta odd").count();
    assert!((3..=8).contains(&metas(&rig)), "{} messages in half an hour", metas(&rig));
    // It works again, and everybody knows after a while.
    for _ in 0..660 {
        rig.registry.gauge("shard", &[("shard", "b")], 1.0);
        assert!(rig.tick());
    }
    let works = rig.kinds().into_iter().rfind(|kind| kind.starts_with("rule_"));
    assert_eq!(works.as_deref(), Some("rule_works"));
}

#[test]
fn elements_that_cannot_be_told_apart_make_a_rule_fail_whether_one_metric_has_them_or_two() {
    let one = Rule::new("one").when("label_replace(shard, \"shard\", \"\", \"\", \"\")").above(10.0);
    let two = Rule::new("two").when("{__name__=~\"queue|lines\"}").above(10.0);
    let mut rig = Rig::new([one, two, queue()]);
    let second = |rig: &mut Rig, shards: &[&str], has_lines: bool| {
        for shard in shards {
            rig.registry.gauge("shard", &[("shard", shard)], 20.0);
        }
        if has_lines {
            rig.registry.gauge("lines", &[], 20.0);
        }
        rig.hold("queue", 20.0, 1);
    };
    // Each is found by its labels while there is one of it.
    (0..2).for_each(|_| second(&mut rig, &["a"], false));
    assert_eq!(rig.told(), ["firing one", "firing queue", "firing two"]);
    (0..2).for_each(|_| second(&mut rig, &["a", "b"], true));
    assert_eq!(rig.told()[3..], ["meta one", "meta two"]);
    let failures: Vec<String> = rig.engine().rules.iter().filter_map(|live| live.failure.clone()).collect();
    assert!(failures[0].contains("vector cannot contain metrics with the same labelset"), "{failures:?}");
    assert!(failures[1].contains("two elements of the result have the labels {service=\"etl\"}"), "{failures:?}");
    for rule in ["one", "two", "queue"] {
        assert_eq!(rig.alert(rule).lifecycle, Lifecycle::Firing, "{rule}");
    }
}

#[test]
fn an_edited_rule_goes_on_and_a_removed_one_ends() {
    let mut rig = Rig::new([queue(), Rule::new("other").when("queue").above(10.0)]);
    rig.hold("queue", 20.0, 2);
    assert_eq!(rig.told(), ["firing queue", "firing other"]);
    // The threshold of one was raised, the other one was renamed.
    rig.rules = vec![
        Rule::new("queue").when("queue").above(15.0).held_for(Duration::from_mins(1)),
        Rule::new("renamed").when("queue").above(10.0),
    ];
    rig.restart(5);
    rig.hold("queue", 20.0, 2);
    assert_eq!(rig.told()[2..], ["resolved other", "firing renamed"]);
    assert_eq!(rig.alert("queue").incident, 1);
    let events = rig.store().alert_events(100).unwrap();
    assert!(events.iter().any(|event| event.rule.as_deref() == Some("other") && event.text == "rule removed"));
    // And back again: the next incident has the next number.
    rig.rules = vec![Rule::new("other").when("queue").above(10.0)];
    rig.restart(5);
    rig.hold("queue", 20.0, 2);
    assert_eq!(rig.alert("other").incident, 2);
}

#[test]
fn silences_and_acknowledgements_reach_the_program_from_outside() {
    let mut rig = Rig::new([queue().repeat(Duration::from_secs(10))]);
    rig.hold("queue", 5.0, 2);
    let until = SystemTime::UNIX_EPOCH + Duration::from_millis((rig.wall_ms + 20_000).unsigned_abs());
    let id = rig.store().silence("queue", Some(until), "me", "known").unwrap();
    rig.hold("queue", 20.0, 2);
    assert_eq!(rig.store().silences().unwrap()[0].id, id);
    assert_eq!(rig.alert("queue").silenced_by, Some(id));
    rig.hold("queue", 5.0, 2);
    rig.hold("queue", 20.0, 5);
    assert_eq!(rig.told(), [""; 0]);
    // It ends while the alert fires.
    rig.hold("queue", 20.0, 12);
    assert_eq!(rig.told(), ["firing queue"]);
    assert!(rig.store().silences().unwrap().is_empty());
    let print = rig.alert("queue").fingerprint;
    rig.store().ack(print, "me", "on it", None).unwrap();
    rig.hold("queue", 20.0, 30);
    assert_eq!(rig.told(), ["firing queue", "acknowledged queue"]);
    let connection = rusqlite::Connection::open(&rig.path).unwrap();
    let text = "SELECT json_extract(payload, '$.text') FROM outbox WHERE kind = 'acknowledged'";
    let text: String = connection.query_row(text, [], |row| row.get(0)).unwrap();
    assert!(text.contains("\nme takes care of it until ") && text.contains("Z: on it\n"), "{text}");
    assert_eq!(rig.alert("queue").acknowledged.unwrap().by, "me");
    // Both outlive the program.
    let forever = rig.store().silence("{service=\"etl\"}", None, "me", "until it is over").unwrap();
    rig.hold("queue", 20.0, 1);
    rig.restart(1);
    rig.hold("queue", 20.0, 2);
    let alert = rig.alert("queue");
    assert!(alert.acknowledged.is_some() && alert.silenced_by == Some(forever), "{alert:?}");
    // Who was told is told of the end; then the silence is over as well.
    rig.hold("queue", 5.0, 2);
    assert_eq!(rig.told(), ["firing queue", "acknowledged queue", "resolved queue"]);
    assert!(rig.store().silences().unwrap().is_empty());
    rig.store().unsilence(forever).unwrap();
    let error = rig.store().ack(Fingerprint(7), "me", "", None).unwrap_err();
    assert!(error.to_string().contains("holds no alert"), "{error}");
    assert!(rig.store().silence("{", None, "me", "").is_err());
}

#[test]
fn an_alert_that_depends_on_another_is_not_told_in_the_same_second_nor_after_a_restart() {
    let down = Rule::new("down").when("1 - up").above(0.5);
    let slow = Rule::new("slow").when("took").above(1.0).depends_on("down");
    // Whichever comes first.
    for rules in [[down.clone(), slow.clone()], [slow, down]] {
        let mut rig = Rig::new(rules);
        let set = |rig: &mut Rig, up: f64, took: f64, seconds: usize| {
            rig.registry.gauge("up", &[], up);
            rig.hold("took", took, seconds);
        };
        set(&mut rig, 1.0, 0.1, 2);
        set(&mut rig, 0.0, 9.0, 3);
        assert_eq!(rig.alert("slow").inhibited_by.as_deref(), Some("down"));
        rig.restart(2);
        set(&mut rig, 0.0, 9.0, 3);
        assert_eq!(rig.told(), ["firing down"]);
        // Still slow when it is up again: now somebody needs to know.
        set(&mut rig, 1.0, 9.0, 2);
        assert!(rig.told().contains(&String::from("firing slow")), "{:?}", rig.told());
        set(&mut rig, 1.0, 0.1, 2);
        assert_eq!(rig.told().iter().filter(|told| told.starts_with("resolved")).count(), 2);
    }
}

#[test]
fn a_storm_is_queued_whole_and_an_explosion_of_labels_leaves_known_alerts_alone() {
    let mut rig = Rig::new([Rule::new("full").when("full").above(0.5)]);
    for disk in 0..1_000 {
        rig.registry.gauge("full", &[("disk", &disk.to_string())], 1.0);
    }
    assert!(rig.tick());
    assert_eq!(rig.told().len(), 1_000);
    for disk in 1_000..1_100 {
        rig.registry.gauge("full", &[("disk", &disk.to_string())], 0.0);
    }
    (0..3).for_each(|_| assert!(rig.tick()));
    let alerts = rig.store().alerts().unwrap();
    assert_eq!(alerts.len(), 1_000);
    assert_eq!(rig.told()[1_000..], ["meta full"]);
    assert_eq!(rig.running.as_ref().unwrap().1.rules[0].alerts.len(), 1_050);
}

#[test]
fn while_the_store_is_locked_alerts_go_on_and_nothing_is_lost_or_told_twice() {
    let mut rig = Rig::new([queue()]);
    rig.hold("queue", 5.0, 2);
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut direct: Vec<String> = Vec::new();
    let mut second = |rig: &mut Rig, value: f64| {
        rig.registry.gauge("queue", &[], value);
        let is_stored = rig.tick();
        let now = rig.steady_ms;
        let mut arrived = Vec::new();
        let engine = &mut rig.running.as_mut().unwrap().1;
        engine.overdue(now, 30_000, |message| {
            direct.push(message.idempotency_key());
            arrived.push(message.key());
            true
        });
        for key in arrived {
            engine.returned("ops", &key, true, now);
        }
        is_stored
    };
    assert!((0..20).all(|_| !second(&mut rig, 20.0)));
    let mut last = Vec::new();
    (0..20).for_each(|_| assert!(!second(&mut rig, 5.0)));
    (0..35).for_each(|_| assert!(!second(&mut rig, 20.0)));
    assert_eq!(rig.told(), [""; 0]);
    other.execute_batch("COMMIT").unwrap();
    assert!(second(&mut rig, 20.0));
    last.extend(rig.told());
    assert_eq!(last, ["firing queue", "resolved queue", "flapping queue"]);
    assert_eq!(rig.kinds(), ["fired", "resolved", "fired"]);
    // What was sent without the store has the names of what is stored now, and each was sent once.
    let connection = rusqlite::Connection::open(&rig.path).unwrap();
    let mut statement = connection.prepare("SELECT payload FROM outbox ORDER BY id").unwrap();
    let stored: Vec<String> = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap()
        .map(|payload| serde_json::from_str::<Message>(&payload.unwrap()).unwrap().idempotency_key())
        .collect();
    assert_eq!(direct, stored);
    assert_eq!(stored[0], format!("{}.1.firing.0.ops@test", rig.alert("queue").fingerprint));
}

#[test]
fn a_storm_while_the_store_is_locked_is_told_no_faster_than_people_can_read() {
    let rules = (0..50).map(|number| Rule::new(format!("rule_{number}")).when("queue").above(10.0));
    let mut rig = Rig::new(rules);
    rig.hold("queue", 5.0, 2);
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut told = Vec::new();
    for _ in 0..152 {
        rig.registry.gauge("queue", &[], 20.0);
        assert!(!rig.tick());
        let now = rig.steady_ms;
        rig.running.as_mut().unwrap().1.overdue(now, 30_000, |message| {
            told.push((now, message.key()));
            true
        });
    }
    let within = |from: u64, to: u64| told.iter().filter(|(at, _)| (from * 1_000..to * 1_000).contains(at)).count();
    assert_eq!([within(0, 33), within(33, 93), within(93, 153), within(153, 999)], [0, 20, 20, 10]);
    let keys: std::collections::BTreeSet<&String> = told.iter().map(|(_, key)| key).collect();
    assert_eq!(keys.len(), 50);
}

#[test]
fn an_alert_that_comes_and_goes_is_kept_quiet_over_a_restart_and_told_to_be_over_when_it_is_calm() {
    let mut rig = Rig::new([queue()]);
    let flap = |rig: &mut Rig| {
        for value in [20.0, 5.0, 20.0, 5.0] {
            rig.hold("queue", value, 4);
        }
    };
    let quiet = ["firing queue", "resolved queue", "flapping queue"];
    flap(&mut rig);
    assert_eq!(rig.told(), quiet);
    for pause in [1, 4_000] {
        rig.restart(pause);
        flap(&mut rig);
        assert_eq!(rig.told(), quiet);
    }
    let alert = rig.alert("queue");
    assert!(alert.is_flapping && alert.told == ["ops"], "{alert:?}");
    rig.hold("queue", 5.0, 590);
    assert_eq!(rig.told(), quiet);
    rig.hold("queue", 5.0, 15);
    assert_eq!(rig.told()[3..], ["resolved queue"]);
    let connection = rusqlite::Connection::open(&rig.path).unwrap();
    let incidents = "SELECT kind || ' ' || incident FROM outbox WHERE kind <> 'firing' ORDER BY id";
    let mut incidents = connection.prepare(incidents).unwrap();
    let incidents = incidents.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let incidents: Vec<String> = incidents.map(|row| row.unwrap().split('@').next().unwrap().to_owned()).collect();
    let print = alert.fingerprint;
    // What was opened under a number is closed under it.
    assert_eq!(
        incidents,
        [format!("resolved {print}.1"), format!("flapping {print}.2"), format!("resolved {print}.2")]
    );
}

#[test]
fn alerts_of_a_rule_that_groups_wait_for_each_other_and_no_others_do() {
    let grouped = Rule::new("full").when("full").above(0.5).label("team", "ops").group_by(["host", "team"]);
    let mut rig = Rig::new([grouped.group_wait(Duration::from_secs(7)), queue()]);
    rig.registry.gauge("full", &[("host", "h1"), ("disk", "a")], 1.0);
    rig.hold("queue", 20.0, 3);
    rig.registry.gauge("full", &[("host", "h1"), ("disk", "b")], 1.0);
    rig.registry.gauge("full", &[("host", "h2"), ("disk", "a")], 1.0);
    rig.hold("queue", 20.0, 1);
    let connection = rusqlite::Connection::open(&rig.path).unwrap();
    let mut statement = connection
        .prepare("SELECT group_key, not_before_ms - created_ms, group_interval_ms FROM outbox ORDER BY id")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let rows: Vec<(Option<String>, i64, Option<i64>)> = rows.map(Result::unwrap).collect();
    let of = |host: &str, wait: i64| (Some(format!("full{{host=\"{host}\", team=\"ops\"}}")), wait, Some(60_000));
    assert_eq!(rows, [of("h1", 7_000), (None, 0, None), of("h2", 7_000), of("h1", 4_000)]);
}

#[test]
fn a_file_that_was_deleted_gets_all_that_is_known() {
    let mut rig = Rig::new([queue()]);
    rig.hold("queue", 20.0, 3);
    let id = rig.store().silence("other", Some(SystemTime::now() + Duration::from_hours(9)), "me", "").unwrap();
    rig.hold("queue", 20.0, 1);
    std::fs::remove_file(&rig.path).unwrap();
    rig.hold("queue", 20.0, 3);
    assert_eq!(rig.alert("queue").incident, 1);
    assert_eq!(rig.store().silences().unwrap()[0].id, id);
    assert!(rig.store().silence("another", None, "me", "").unwrap() > id, "a number was used again");
    rig.hold("queue", 5.0, 1);
    assert_eq!(rig.told(), ["resolved queue"]);
}

#[test]
fn random_lives_of_alerts_are_told_from_beginning_to_end() {
    let mut random = crate::random::Random(99);
    let mut rig =
        Rig::new([queue(), Rule::new("long").when("max_over_time(queue[10s])").above(30.0).clear_below(29.0)]);
    for _ in 0..150 {
        let value = (random.next() % 50) as f64;
        let seconds = 1 + (random.next() % 4) as usize;
        rig.hold("queue", value, seconds);
        match random.next() % 12 {
            0 => rig.restart((random.next() % 30).cast_signed()),
            1 => rig.wall_ms += (random.next() % 20_000).cast_signed() - 10_000,
            _ => {}
        }
    }
    rig.hold("queue", 0.0, 3_800);
    // Of each alert: begun, ended, begun, ended.
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    for told in rig.told() {
        let (kind, rule) = told.split_once(' ').unwrap();
        let open = open.entry(rule.to_owned()).or_default();
        match kind {
            "firing" => assert!(!std::mem::replace(open, true), "begun twice"),
            "resolved" => assert!(std::mem::replace(open, false), "an orphan"),
            "flapping" => *open = true,
            _ => assert!(kind == "repeat" && *open, "{kind}"),
        }
    }
    assert!(open.values().all(|open| !open), "{open:?}");
    assert!(rig.store().alerts().unwrap().is_empty());
    let verdict: String = rusqlite::Connection::open(&rig.path)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}
