//! Promise: a receiver that holds what fires is told at each flush of the alerts that it was told of, and of no others.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::{Feed, builder};
use monitor_sinks::{
    Monitor,
    notify::{Active, Channel, Message, Receipt, Refusal, Severity, Watcher},
    rule::Rule,
};

/// Holds what it was told last.
#[derive(Clone, Default)]
struct Board(Arc<Mutex<Vec<Active>>>);

impl Board {
    fn rules(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|active| format!("{} {}", active.rule, active.severity)).collect()
    }
}

impl Channel for Board {
    fn send(&mut self, _message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        Ok(Receipt::new("seen"))
    }

    fn watcher(&self) -> Option<Watcher> {
        let board = self.clone();
        Some(Arc::new(move |active| *board.0.lock().unwrap() = active))
    }
}

fn set(monitor: &Monitor, feed: &Feed, value: f64) {
    feed.with(move |registry| registry.gauge("queue", &[], value));
    monitor.flush().unwrap();
}

#[test]
fn what_fires_is_held_unless_it_is_silenced_or_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let board = Board::default();
    let rule = |name: &str, threshold: f64| Rule::new(name).when("queue").above(threshold).severity(Severity::High);
    let rules =
        || [rule("long", 10.0).label("team", "shop"), rule("longer", 50.0), rule("other", 10.0).channels(["log"])];
    let start = |board: &Board| {
        let feed = Feed::default();
        let log = monitor_sinks::notify::JsonFile::new(folder.path().join("log"));
        let builder = builder(&path).rules(rules()).channel("board", board.clone()).channel("log", log);
        (builder.start_with(feed.source()).unwrap(), feed)
    };
    let (monitor, feed) = start(&board);
    set(&monitor, &feed, 20.0);
    assert_eq!(board.rules(), ["long high"]);
    assert_eq!(board.0.lock().unwrap()[0].labels["team"], "shop");
    monitor.silence("longer", Some(std::time::SystemTime::now() + Duration::from_mins(10)), "me", "").unwrap();
    set(&monitor, &feed, 100.0);
    assert_eq!(board.rules(), ["long high"]);
    monitor.shutdown().unwrap();

    // After a restart it is told again, though nothing has changed.
    let board = Board::default();
    let (monitor, feed) = start(&board);
    set(&monitor, &feed, 100.0);
    assert_eq!(board.rules(), ["long high"]);
    set(&monitor, &feed, 1.0);
    assert_eq!(board.rules(), [""; 0]);
    // One that comes and goes is held until it is calm.
    for value in [20.0, 1.0, 20.0, 1.0] {
        set(&monitor, &feed, value);
        assert_eq!(board.rules(), ["long high"]);
    }
    monitor.shutdown().unwrap();
}
