//! Promise: whatever becomes of the store while rules are watched, the program goes on, what happened meanwhile is told in
//! order once the store is there again, and nothing is told twice.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use common::{Feed, Tmpfs, builder};
use monitor_sinks::{
    Error, Monitor,
    notify::{Channel, Message, Receipt, Refusal, Settings},
    rule::{Lifecycle, Rule},
};

/// Longer than any message takes.
const SOON: Duration = Duration::from_secs(20);

/// Hands messages to the test, each by itself.
struct Handed(Sender<Message>);

impl Channel for Handed {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        self.0.send(message.clone()).map(|()| Receipt::new("taken")).map_err(|_| Refusal::transient("gone"))
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.digest = false;
        settings
    }
}

/// A program with a rule, and what it tells.
struct Program {
    monitor: Monitor,
    feed: Feed,
    messages: Receiver<Message>,
    told: Vec<String>,
}

impl Program {
    fn start(path: &Path) -> Self {
        let (sender, messages) = channel();
        let feed = Feed::default();
        let rule = Rule::new("queue").when("queue").above(10.0).clear_below(9.0);
        let builder = builder(path).instance("test").rule(rule).channel("ops", Handed(sender));
        let monitor = builder.start_with(feed.source()).unwrap();
        Self { monitor, feed, messages, told: Vec::new() }
    }

    fn set(&self, value: f64) -> Result<(), Error> {
        self.feed.with(move |registry| {
            registry.gauge("queue", &[], value);
            registry.count("seconds_total", &[], 1);
        });
        self.monitor.flush()
    }

    /// Sets values while the store takes nothing, so that it fires, resolves, and fires again.
    fn live_through(&self) -> Vec<Error> {
        [20.0, 20.0, 5.0, 5.0, 20.0, 20.0].into_iter().filter_map(|value| self.set(value).err()).collect()
    }

    /// What is told, as `KIND INCIDENT`, until something was.
    fn told_until(&mut self, last: &str) -> &[String] {
        let begun = Instant::now();
        while self.told.last().is_none_or(|told| told != last) {
            let _ = self.monitor.flush();
            let new = self.messages.try_iter().map(|message| format!("{} {}", message.kind, message.incident));
            self.told.extend(new);
            assert!(begun.elapsed() < SOON, "`{last}` is not told: {:?}", self.told);
        }
        &self.told
    }

    /// Ends it; everything that was recorded must be there, and nothing more be told.
    fn end(self, seconds: f64) {
        let counted = self.monitor.query().metric("seconds_total").series().unwrap()[0].increase();
        assert!((counted - seconds).abs() < 0.5, "{counted} s are stored");
        assert!(self.monitor.store().check().unwrap().is_empty());
        self.monitor.shutdown().unwrap();
        assert_eq!(self.messages.try_iter().map(|message| message.key()).collect::<Vec<_>>(), [""; 0]);
    }
}

/// What is told of an incident that began and ended while nothing could be stored is one message.
const ALL: [&str; 2] = ["fired_and_resolved 1", "flapping 2"];

#[test]
fn a_full_disk_costs_no_alert() {
    let Some(disk) = Tmpfs::mount(2_048) else { return };
    let mut program = Program::start(&disk.path().join("metrics.db"));
    program.set(5.0).unwrap();
    let ballast = disk.path().join("ballast");
    let fill = || {
        let mut left = 2_048 * 1_024;
        while left > 512 {
            let mut text = fs::read(&ballast).unwrap_or_default();
            text.resize(text.len() + left, 0);
            if fs::write(&ballast, &text).is_err() {
                left /= 2;
            }
        }
    };
    // The store has room of its own for a while.
    let mut filled = 0;
    while program.set(5.0).is_ok() {
        let many = filled * 50..(filled + 1) * 50;
        program.feed.with(move |registry| {
            many.for_each(|number| registry.gauge("level", &[("number", &number.to_string())], 1.0));
        });
        fill();
        filled += 1;
        assert!(filled < 200, "the disk does not get full");
    }
    let failures = program.live_through();
    assert!(failures.len() == 6 && failures.iter().all(Error::is_full), "{failures:?}");
    fs::remove_file(&ballast).unwrap();
    assert_eq!(program.told_until("flapping 2"), ALL);
    program.end(f64::from(filled) + 8.0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_turns_read_only_costs_no_alert() {
    let Some(disk) = common::disk::Disk::make() else { return };
    let mut program = Program::start(&disk.home().join("metrics.db"));
    program.set(5.0).unwrap();
    disk.fail();
    assert_eq!(program.live_through().len(), 6);
    disk.repair();
    assert_eq!(program.told_until("flapping 2"), ALL);
    program.end(7.0);
}

#[cfg(unix)]
#[test]
fn a_file_that_is_deleted_costs_no_alert() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("data");
    fs::create_dir(&home).unwrap();
    let mut program = Program::start(&home.join("metrics.db"));
    program.set(20.0).unwrap();
    assert_eq!(program.told_until("firing 1"), ["firing 1"]);
    // The file alone.
    fs::remove_file(home.join("metrics.db")).unwrap();
    (0..2).for_each(|_| program.set(20.0).unwrap());
    let alerts = program.monitor.alerts().unwrap();
    assert_eq!(
        (alerts[0].lifecycle, alerts[0].incident, &alerts[0].told[..]),
        (Lifecycle::Firing, 1, &["ops".into()][..])
    );
    // Its folder, for a while.
    fs::remove_dir_all(&home).unwrap();
    let failures: Vec<Error> = [5.0, 20.0].into_iter().filter_map(|value| program.set(value).err()).collect();
    assert_eq!(failures.len(), 2);
    fs::create_dir(&home).unwrap();
    assert_eq!(program.told_until("flapping 2"), ["firing 1", "resolved 1", "flapping 2"]);
    program.monitor.shutdown().unwrap();
    assert_eq!(program.messages.try_iter().count(), 0);
}

/// The file is overwritten while it is in use, as by a bad disk.
#[test]
fn a_file_that_is_destroyed_costs_no_alert() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut program = Program::start(&path);
    program.set(20.0).unwrap();
    assert_eq!(program.told_until("firing 1"), ["firing 1"]);
    // What is in the log comes into the file; then all pages but the first are nonsense.
    rusqlite::Connection::open(&path).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(4_096)).unwrap();
    file.write_all(&vec![0x5a; length - 4_096]).unwrap();
    drop(file);
    for value in [20.0, 5.0, 20.0] {
        // Whether it is noticed at once or later does not matter.
        let _ = program.set(value);
    }
    let told = program.told_until("flapping 2").to_vec();
    assert_eq!(told, ["firing 1", "resolved 1", "flapping 2"]);
    program.monitor.flush().unwrap();
    let alerts = program.monitor.alerts().unwrap();
    assert_eq!((alerts[0].lifecycle, alerts[0].incident), (Lifecycle::Firing, 2));
    assert!(program.monitor.store().check().unwrap().is_empty());
    program.monitor.shutdown().unwrap();
    assert_eq!(program.messages.try_iter().count(), 0);
}
