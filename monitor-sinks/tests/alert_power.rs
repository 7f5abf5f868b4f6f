//! Promise: a power cut leaves whole transitions. The state of an alert, its event and its message are all there or none of
//! them; and all of them are there for each transition whose flush has returned.
//!
//! A power cut is played on copies of the file and its log: of what was written since the last flush with a transition, which
//! is written through to the disk, any part may be missing, or be nonsense. What was written through is there.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use common::{Feed, Random, builder};
use monitor_sinks::{
    Monitor, Store,
    notify::{Channel, Message, Receipt, Refusal},
    rule::Rule,
};
use rusqlite::Connection;

/// Takes every message.
struct Sink;

impl Channel for Sink {
    fn send(&mut self, _message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        Ok(Receipt::new("taken"))
    }
}

/// So many bytes a disk writes as one, about.
const SECTOR: usize = 512;

/// The file and its log, as they are on the disk.
#[derive(Clone, PartialEq, Eq)]
struct Disk {
    file: Vec<u8>,
    log: Vec<u8>,
}

impl Disk {
    fn read(path: &Path) -> Self {
        let log = fs::read(log_of(path)).unwrap_or_default();
        Self { file: fs::read(path).unwrap(), log }
    }

    /// Whether something was written to the log since, and nothing else.
    fn is_continued_by(&self, later: &Self) -> bool {
        self.file == later.file && self.log != later.log
    }

    /// The sectors of the log that were written since, from the first to the last.
    fn written(&self, later: &Self) -> std::ops::Range<usize> {
        let mut sectors = later.log.chunks(SECTOR).enumerate().map(|(number, now)| {
            let at = number * SECTOR;
            (at, self.log.get(at..at + now.len()) != Some(now))
        });
        let first = sectors.find(|sector| sector.1).map_or(0, |sector| sector.0);
        let last = sectors.rfind(|sector| sector.1).map_or(first, |sector| sector.0);
        first..(last + SECTOR).min(later.log.len())
    }

    /// What is left if only a part of that was written. A log that was begun anew has its old content after it, one that
    /// was made longer has nothing, zeros, or nonsense.
    fn cut(&self, later: &Self, written: &std::ops::Range<usize>, random: &mut Random) -> Self {
        let kept = written.start + random.below(written.len());
        let mut log = later.log[..kept].to_vec();
        if kept < self.log.len() {
            log.extend_from_slice(&self.log[kept..]);
        } else {
            let (rest, nonsense) = (random.below(3) * 4_096, random.next().is_multiple_of(2));
            log.extend((0..rest).map(|_| if nonsense { random.next() as u8 } else { 0 }));
        }
        Self { file: self.file.clone(), log }
    }

    fn write(&self, path: &Path) {
        fs::write(path, &self.file).unwrap();
        fs::write(log_of(path), &self.log).unwrap();
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

fn record(path: &Path) -> (Monitor, Feed) {
    let feed = Feed::default();
    let rule = Rule::new("job").when("job").above(10.0).clear_below(9.0);
    (builder(path).rule(rule).channel("sink", Sink).start_with(feed.source()).unwrap(), feed)
}

/// A transition: what happened, and to which job.
type Transition = (String, String);

fn transitions(connection: &Connection, query: &str) -> BTreeSet<Transition> {
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The transitions in a store, each of which must be there as a whole.
fn whole(path: &Path) -> BTreeSet<Transition> {
    let connection = Connection::open(path).unwrap();
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let events = transitions(
        &connection,
        "SELECT kind, json_extract(labels, '$.job') FROM alert_event JOIN alert_instance USING(fingerprint)",
    );
    let count: i64 = connection
        .query_row("SELECT count(*) FROM alert_event WHERE fingerprint NOT NULL", [], |row| row.get(0))
        .unwrap();
    assert_eq!(usize::try_from(count).unwrap(), events.len(), "an event without its alert, or twice");
    let mut states = transitions(
        &connection,
        "SELECT lifecycle, json_extract(labels, '$.job') FROM alert_instance WHERE incident > 0",
    );
    let ended: BTreeSet<Transition> = events.iter().filter(|event| event.0 == "resolved").cloned().collect();
    let begun = events.iter().filter(|event| event.0 == "fired");
    let fires = begun.filter(|(_, job)| !ended.contains(&(String::from("resolved"), job.clone())));
    let mut expected: BTreeSet<Transition> = fires.map(|(_, job)| (String::from("firing"), job.clone())).collect();
    expected.extend(ended.iter().cloned());
    // One that has been over for a while is at rest.
    states = states.into_iter().map(|(state, job)| (state.replace("inactive", "resolved"), job)).collect();
    assert_eq!(states, expected, "states and events differ");
    let messages = transitions(
        &connection,
        "SELECT CASE kind WHEN 'firing' THEN 'fired' ELSE kind END, json_extract(payload, '$.labels.job') FROM outbox
         WHERE kind IN ('firing', 'resolved')",
    );
    assert_eq!(messages, events, "messages and events differ");
    events
}

/// Row 6 of the failure matrix.
#[test]
fn a_power_cut_leaves_whole_transitions_and_all_that_were_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = record(&path);
    let mut random = Random(0x0ff5_1dea_c0de_0006);
    let mut flushed: BTreeSet<Transition> = BTreeSet::new();
    let mut durable = Disk::read(&path);
    let (mut cuts, mut lost) = (0, 0);
    for step in 0..40 {
        let (job, value) = ((step / 2).to_string(), if step % 2 == 0 { 20.0 } else { 5.0 });
        feed.with(move |registry| registry.gauge("job", &[("job", &job)], value));
        // Some of what is stored between is not written through.
        for _ in 0..random.next() % 3 {
            feed.with(|registry| registry.count("rows", &[], 1));
        }
        monitor.flush().unwrap();
        let now = Disk::read(&path);
        let kind = if step % 2 == 0 { "fired" } else { "resolved" };
        let transition = (kind.to_owned(), (step / 2).to_string());
        if durable.is_continued_by(&now) {
            let written = durable.written(&now);
            for _ in 0..2 {
                let copy = tempfile::tempdir().unwrap();
                let copied = copy.path().join("metrics.db");
                durable.cut(&now, &written, &mut random).write(&copied);
                let found = whole(&copied);
                let mut all = flushed.clone();
                lost += usize::from(found == all);
                all.insert(transition.clone());
                assert!(found == flushed || found == all, "step {step}: {found:?}");
                assert!(Store::open_read_only(&copied).unwrap().check().unwrap().is_empty(), "step {step}");
                cuts += 1;
            }
        }
        flushed.insert(transition);
        // A few rows of samples alone, which may be lost.
        if random.next().is_multiple_of(3) {
            feed.with(|registry| registry.count("rows", &[], 1));
            monitor.flush().unwrap();
        }
        durable = now;
    }
    assert!(cuts >= 40, "only {cuts} cuts");
    assert!(lost > cuts / 2, "the cuts did not reach the transitions: {lost} of {cuts} took one");
    monitor.shutdown().unwrap();
    assert_eq!(whole(&path), flushed);
}

/// A store that lost its last transitions by a power cut tells them when it is watched again.
#[test]
fn a_monitor_goes_on_after_a_power_cut_where_the_file_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = record(&path);
    let set = |monitor: &Monitor, feed: &Feed, job: &'static str, value: f64| {
        feed.with(move |registry| registry.gauge("job", &[("job", job)], value));
        monitor.flush().unwrap();
    };
    set(&monitor, &feed, "a", 20.0);
    let before = Disk::read(&path);
    set(&monitor, &feed, "b", 20.0);
    let after = Disk::read(&path);
    assert!(before.is_continued_by(&after));
    monitor.shutdown().unwrap();
    let copied = folder.path().join("cut.db");
    Disk { log: after.log[..after.log.len() - 1].to_vec(), file: after.file }.write(&copied);
    let (monitor, feed) = record(&copied);
    for job in ["a", "b"] {
        set(&monitor, &feed, job, 20.0);
    }
    monitor.shutdown().unwrap();
    let event = |kind: &str, job: &str| (kind.to_owned(), job.to_owned());
    assert_eq!(whole(&copied), BTreeSet::from([event("fired", "a"), event("fired", "b")]));
}
