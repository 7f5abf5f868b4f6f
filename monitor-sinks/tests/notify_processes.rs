//! Promise: two processes on one outbox tell each message once, whichever of them it is.
//!
//! Row 21 of the failure matrix. Both are children of the test that take what is due and send it through a channel which
//! appends to a file, while the test goes on queueing.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

#[path = "common/delivery.rs"]
mod delivery;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use delivery::{PATIENCE, Post, message, now_ms};
use monitor_sinks::notify::{Channel, Kind, Message, Receipt, Refusal, Settings, outbox};
use rusqlite::Connection;

const FOLDER: &str = "MONITORED_OUTBOX_OF_TWO";

/// Alerts, each of which begins and ends.
const ALERTS: usize = 150;

/// Appends who sends what.
struct Appended(File);

impl Channel for Appended {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        let line = format!("{} {}\n", process::id(), message.key());
        let written = self.0.write_all(line.as_bytes()).and_then(|()| self.0.sync_data());
        written.map(|()| Receipt::new("appended")).map_err(|error| Refusal::transient(error.to_string()))
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.digest = false;
        settings
    }
}

fn inbox(folder: &Path) -> PathBuf {
    folder.join("inbox")
}

/// Sends what is due until it is killed.
#[test]
fn child_that_sends_what_is_due_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let file = OpenOptions::new().create(true).append(true).open(inbox(&folder)).unwrap();
    let mut post = Post::start(&folder.join("outbox.db"), vec![("file", Box::new(Appended(file)))]);
    loop {
        post.turn();
        thread::sleep(Duration::from_millis(1));
    }
}

/// Killed when dropped, so that it does not outlive the test.
struct Sender(Child);

impl Sender {
    fn start(folder: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_sends_what_is_due_until_it_is_killed", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_message_is_sent_once_by_one_of_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("outbox.db")).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    outbox::create(&connection).unwrap();
    let senders = [(); 2].map(|()| Sender::start(folder.path()));
    let states = || -> BTreeMap<String, u64> {
        outbox::counts(&connection).unwrap().into_iter().map(|(_, state, count)| (state, count)).collect()
    };
    for alert in 0..ALERTS {
        for kind in [Kind::Firing, Kind::Resolved] {
            outbox::insert(&connection, &message(kind, &alert.to_string()), "file", now_ms(), 0).unwrap();
        }
        thread::sleep(Duration::from_millis(2));
    }
    let begun = Instant::now();
    while states().contains_key("pending") {
        assert!(begun.elapsed() < PATIENCE, "{:?}", states());
        thread::sleep(Duration::from_millis(5));
    }
    drop(senders);

    let text = fs::read_to_string(inbox(folder.path())).unwrap();
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let processes: BTreeSet<&str> = lines.iter().map(|(process, _)| *process).collect();
    assert_eq!(processes.len(), 2, "only one has sent");
    let keys: BTreeSet<&str> = lines.iter().map(|(_, key)| *key).collect();
    assert_eq!(keys.len(), lines.len(), "something was sent twice: {text}");
    // A beginning and an end that waited together may be one message.
    for alert in 0..ALERTS {
        let has = |kind: &str| keys.contains(format!("{alert}.1.{kind}.0").as_str());
        let (begun, ended, both) = (has("firing"), has("resolved"), has("fired_and_resolved"));
        assert!((begun && ended) != both && begun == ended, "alert {alert}: {begun} {ended} {both}");
    }
    assert_eq!(states()["sent"], lines.len() as u64);
}
