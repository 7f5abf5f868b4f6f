//! A process that is killed at any instant loses no transition of an alert and no message, and tells none twice under
//! another name.
//!
//! A child fires and resolves alerts as fast as it can, each of a series of its own, and tells them through two channels that
//! append to files, with an fsync before they say that they have: one gets each message by itself, the other one digests of
//! the group that all alerts are in. It is killed again and again. In the end another monitor takes over and tells what is
//! left.
//!
//! `MONITORED_KILLS` sets how often; a few times if not said.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::{Feed, Random, builder};
use monitor_sinks::{
    Monitor, Store,
    notify::{Channel, Message, Receipt, Refusal, Settings},
    rule::Rule,
};

const CHILD: &str = "MONITORED_ALERT_CHILD";
const POINT: &str = "MONITORED_ALERT_POINT";
const FIRST: &str = "MONITORED_ALERT_FIRST";

/// Appends the name of each message to a file, or of all that a digest tells.
struct Appended {
    file: File,
    digest: bool,
}

impl Appended {
    fn to(path: &Path, digest: bool) -> Self {
        Self { file: OpenOptions::new().create(true).append(true).open(path).unwrap(), digest }
    }
}

impl Channel for Appended {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        let mut told: Vec<String> = message.members.iter().map(|member| member.key.clone()).collect();
        if told.is_empty() {
            told.push(message.key());
        }
        let lines = told.join("\n") + "\n";
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map(|()| Receipt::new("appended")).map_err(|error| Refusal::transient(error.to_string()))
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.digest = self.digest;
        settings
    }
}

/// What the channel for single messages wrote to, and the one for digests.
fn inboxes(folder: &Path) -> [PathBuf; 2] {
    ["singles", "digests"].map(|name| folder.join(name))
}

fn record(folder: &Path) -> (Monitor, Feed) {
    let feed = Feed::default();
    let rule = Rule::new("job").when("job").above(10.0).clear_below(9.0).group_by([""; 0]);
    let rule = rule.group_wait(Duration::from_millis(30)).group_interval(Duration::from_secs(1));
    let [singles, digests] = inboxes(folder);
    let builder = builder(&folder.join("metrics.db")).rule(rule).start_patience(Duration::from_secs(10));
    let builder = builder.channel("singles", Appended::to(&singles, false));
    let builder = builder.channel("digests", Appended::to(&digests, true));
    (builder.start_with(feed.source()).unwrap(), feed)
}

fn set(feed: &Feed, job: &str, value: f64) {
    let job = job.to_owned();
    feed.with(move |registry| registry.gauge("job", &[("job", &job)], value));
}

/// Ends what the process before has left firing.
fn end_all(monitor: &Monitor, feed: &Feed) {
    for alert in monitor.alerts().unwrap() {
        set(feed, &alert.labels["job"], 5.0);
    }
}

/// Flushes until an alert fires, or does not: a rule that takes long, as it does beside everything else that a machine with
/// little room does, is not evaluated at each flush.
fn flush_until(monitor: &Monitor, job: &str, fires: bool) {
    loop {
        monitor.flush().unwrap();
        if monitor.alerts().unwrap().iter().any(|alert| alert.labels["job"] == job) == fires {
            return;
        }
    }
}

/// Fires and resolves until it is killed, and says what was committed.
#[test]
fn child_whose_alerts_fire_until_it_is_killed() {
    let (Some(folder), Ok(first)) = (std::env::var_os(CHILD).map(PathBuf::from), std::env::var(FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    let (monitor, feed) = record(&folder);
    end_all(&monitor, &feed);
    let mut out = std::io::stdout();
    for job in first.. {
        set(&feed, &job.to_string(), 20.0);
        flush_until(&monitor, &job.to_string(), true);
        writeln!(out, "\ntold fired {job}").unwrap();
        set(&feed, &job.to_string(), 5.0);
        if job % 3 > 0 {
            flush_until(&monitor, &job.to_string(), false);
            writeln!(out, "\ntold resolved {job}").unwrap();
        }
    }
}

#[test]
fn no_transition_and_no_message_is_lost_or_told_twice_however_often_it_is_killed() {
    let kills: u64 = std::env::var("MONITORED_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = Random(0x5eed_1234_5678_9abc);
    let mut said: BTreeSet<(String, u64)> = BTreeSet::new();
    for kill in 0..kills {
        // Numbers that no other child has.
        let first = kill * 1_000_000;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_whose_alerts_fire_until_it_is_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .env(FIRST, first.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut told = lines.filter_map(|line| {
            let (kind, job) = line.strip_prefix("told ")?.split_once(' ')?;
            Some((kind.to_owned(), job.parse::<u64>().ok()?))
        });
        let wanted = 1 + random.next() % 30;
        said.extend(told.by_ref().take(usize::try_from(wanted).unwrap()));
        std::thread::sleep(Duration::from_micros(random.next() % 20_000));
        child.kill().unwrap();
        // What it could still say before it died counts too.
        said.extend(told);
        child.wait().unwrap();
    }
    assert!(said.len() as u64 >= kills, "the children have done nothing");

    let (monitor, feed) = record(folder.path());
    end_all(&monitor, &feed);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let begun = Instant::now();
    let waiting = || -> i64 {
        monitor.flush().unwrap();
        connection.query_row("SELECT count(*) FROM outbox WHERE state = 'pending'", [], |row| row.get(0)).unwrap()
    };
    while waiting() > 0 {
        assert!(begun.elapsed() < Duration::from_mins(2), "messages are left");
    }
    assert!(monitor.alerts().unwrap().is_empty());
    monitor.shutdown().unwrap();

    for inbox in inboxes(folder.path()) {
        check(&path, &inbox, &said, kills);
    }
    assert!(Store::open_read_only(&path).unwrap().check().unwrap().is_empty());
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

/// Ends the program at its first message, before that has left it or after.
struct Fatal(Appended, String);

impl Channel for Fatal {
    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        if self.1 == "after" {
            drop(self.0.send(message, deadline));
        }
        std::process::abort();
    }
}

/// Fires, and dies of telling it.
#[test]
fn child_that_dies_of_its_first_message() {
    let (Some(folder), Ok(point)) = (std::env::var_os(CHILD).map(PathBuf::from), std::env::var(POINT)) else { return };
    let feed = Feed::default();
    let [inbox, _] = inboxes(&folder);
    let fatal = Fatal(Appended::to(&inbox, false), point);
    let rule = Rule::new("job").when("job").above(10.0).clear_below(9.0);
    let builder = builder(&folder.join("metrics.db")).rule(rule).channel("singles", fatal);
    let monitor = builder.start_with(feed.source()).unwrap();
    set(&feed, "fatal", 20.0);
    loop {
        monitor.flush().unwrap();
    }
}

/// Row 5 of the failure matrix: between the commit and the message, and between the message and the note that it was sent.
#[test]
fn a_program_that_dies_of_a_message_has_it_told_by_the_next_under_the_same_name() {
    for (point, times) in [("before", 1), ("after", 2)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let [inbox, _] = inboxes(folder.path());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_dies_of_its_first_message", "--nocapture"])
            .env(CHILD, folder.path())
            .env(POINT, point)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success());
        let (monitor, feed) = record(folder.path());
        let told = || fs::read_to_string(&inbox).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
        let begun = Instant::now();
        while told().len() < times {
            set(&feed, "fatal", 20.0);
            monitor.flush().unwrap();
            assert!(begun.elapsed() < Duration::from_mins(1), "{point}: it is not told");
        }
        monitor.shutdown().unwrap();
        let told = told();
        let mut names = told.clone();
        names.dedup();
        assert!(told.len() == times && names.len() == 1 && names[0].ends_with(".1.firing.0"), "{point}: {told:?}");
        let store = Store::open_read_only(&path).unwrap();
        let kinds: Vec<String> = store.alert_events(10).unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["fired"], "{point}");
    }
}

/// Compares what the children said, what the store holds, and what has arrived.
fn check(path: &Path, inbox: &Path, said: &BTreeSet<(String, u64)>, kills: u64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT fingerprint, kind, alert_event.incident, json_extract(labels, '$.job') FROM alert_event
             JOIN alert_instance USING(fingerprint) WHERE kind IN ('fired', 'resolved')",
        )
        .unwrap();
    let mut events: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    let mut stored = BTreeSet::new();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (print, kind, job): (String, String, String) =
            (row.get(0).unwrap(), row.get(1).unwrap(), row.get(3).unwrap());
        assert!(stored.insert((kind.clone(), job.parse::<u64>().unwrap())), "{kind} {job} happened twice");
        events.entry(print).or_default().push((kind, row.get(2).unwrap()));
    }
    let lost: Vec<_> = said.difference(&stored).collect();
    assert!(lost.is_empty(), "transitions that were committed are lost: {lost:?}");

    let wire: Vec<String> = BufReader::new(File::open(inbox).unwrap()).lines().map(Result::unwrap).collect();
    let arrived: BTreeSet<&String> = wire.iter().collect();
    let begins = |print: &str| {
        let kinds = ["firing", "fired_and_resolved"].map(|kind| format!("{print}.1.{kind}.0"));
        arrived.iter().filter(|key| kinds.contains(key)).count()
    };
    let ends = |print: &str| {
        let kinds = ["resolved", "fired_and_resolved"].map(|kind| format!("{print}.1.{kind}.0"));
        arrived.iter().filter(|key| kinds.contains(key)).count()
    };
    for (print, events) in &events {
        assert_eq!(*events, [("fired".to_owned(), 1), ("resolved".to_owned(), 1)], "alert {print}");
        assert_eq!((begins(print), ends(print)), (1, 1), "messages of alert {print}");
    }
    println!(
        "{}: {kills} kills, {} alerts, {} messages arrived, {} of them twice with the same name, none lost",
        inbox.file_name().unwrap().display(),
        events.len(),
        arrived.len(),
        wire.len() - arrived.len()
    );
}
