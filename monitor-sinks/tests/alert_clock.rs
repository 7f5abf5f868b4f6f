//! Promise: a wall clock that is set while a program watches makes no alert, ends none, and costs none of the time that a
//! condition has held. With the real clock of a live process, set through libfaketime.
#![cfg(all(target_os = "linux", feature = "rules", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant, SystemTime},
};

use common::{Feed, builder};
use monitor_sinks::{
    Store,
    notify::{Channel, Message, Receipt, Refusal},
    rule::{AlertEvent, Lifecycle, Rule},
};

const CHILD: &str = "MONITORED_CLOCK_CHILD";

/// How often there is a flush, and an evaluation.
const TICK: Duration = Duration::from_millis(100);

/// How long a condition must hold.
const HELD: Duration = Duration::from_millis(2_500);

/// How late a busy machine may be.
const LATE: Duration = Duration::from_secs(5);

/// Where the library is: at the path in `MONITORED_FAKETIME`, or where Debian's package puts it. Where there is none the
/// test cannot run: it says so, and fails where it must not be left out.
fn faketime() -> Option<PathBuf> {
    let usual = || fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path().join("faketime"));
    let named = env::var_os("MONITORED_FAKETIME").map(PathBuf::from);
    let found = named.or_else(|| usual().map(|folder| folder.join("libfaketime.so.1")).find(|path| path.exists()));
    if let Some(found) = found.filter(|path| path.exists()) {
        return Some(found);
    }
    let message =
        "SKIPPED: this test needs libfaketime.so.1, of the Debian package libfaketime, named by MONITORED_FAKETIME";
    assert!(env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}");
    None
}

/// Hands the names of rules to the test, with what is told of them.
struct Handed(Sender<String>);

impl Channel for Handed {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        let told = format!("{} {}", message.kind, message.rule);
        self.0.send(told).map(|()| Receipt::new("taken")).map_err(|_| Refusal::transient("gone"))
    }
}

fn next(told: &Receiver<String>) -> String {
    told.recv_timeout(LATE).unwrap()
}

/// Keeps a counter going for so long.
fn work(feed: &Feed, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        feed.with(|registry| registry.count("rows_total", &[], 10));
        thread::sleep(TICK / 2);
    }
}

/// Sets the clock of this process, and makes sure that it is.
fn set_clock(file: &Path, seconds: i64) {
    // What it was set by before may have been something else.
    let step = |seconds: i64| Duration::from_secs(seconds.unsigned_abs().saturating_sub(60));
    let before = SystemTime::now();
    let set = |now: SystemTime| match seconds {
        0.. => now.duration_since(before).is_ok_and(|far| far > step(seconds)),
        _ => before.duration_since(now).is_ok_and(|far| far > step(seconds)),
    };
    let begun = Instant::now();
    fs::write(file, format!("{seconds:+}\n")).unwrap();
    while !set(SystemTime::now()) {
        assert!(begun.elapsed() < LATE, "the clock is not set");
    }
}

/// Watches while its clock is set, for a parent that lends it the library.
#[test]
fn child_whose_clock_is_set() {
    let Some(folder) = env::var_os(CHILD).map(PathBuf::from) else { return };
    let (path, clock) = (folder.join("metrics.db"), folder.join("clock"));
    let (sender, told) = channel();
    let feed = Feed::default();
    let rules = [
        Rule::new("fires").when("queue").above(10.0).clear_below(9.0),
        Rule::new("waits").when("queue").above(10.0).clear_below(9.0).held_for(HELD),
        // What a step would break: a rate over a window, a mean, and the age of a sample.
        Rule::new("rate").when("rate(rows_total[10s])").below(1.0),
        Rule::new("mean").when("avg_over_time(calm[1m])").above(1.0),
        Rule::new("age").when("time() - timestamp(rows_total)").above(30.0),
        Rule::new("negative").when("time() - timestamp(rows_total)").below(-30.0),
    ];
    let builder = builder(&path).flush_every(TICK).rules(rules).channel("test", Handed(sender));
    let monitor = builder.start_with(feed.source()).unwrap();
    feed.with(|registry| {
        registry.gauge("calm", &[], 0.0);
        registry.gauge("queue", &[], 1.0);
    });
    work(&feed, TICK * 10);

    feed.with(|registry| registry.gauge("queue", &[], 20.0));
    assert_eq!(next(&told), "firing fires");
    let begun = Instant::now();
    work(&feed, HELD / 4);
    set_clock(&clock, 3_600);
    work(&feed, HELD / 4);
    set_clock(&clock, -7_200);
    work(&feed, HELD / 4);
    assert!(told.try_recv().is_err(), "something was told before its time");
    assert_eq!(next(&told), "firing waits");
    let held = begun.elapsed();
    assert!(held + TICK * 2 > HELD, "it was told after {held:?}");
    assert!(held < HELD + TICK * 2 + Duration::from_secs(1), "it was told after {held:?}");

    // Both fire while the clock is set again, and end when they should.
    set_clock(&clock, 3_600);
    work(&feed, TICK * 5);
    let lifecycles = || monitor.alerts().unwrap().into_iter().map(|alert| (alert.rule, alert.lifecycle));
    let firing = |rule: &str| (rule.to_owned(), Lifecycle::Firing);
    assert_eq!(lifecycles().collect::<Vec<_>>(), [firing("fires"), firing("waits")]);
    feed.with(|registry| registry.gauge("queue", &[], 1.0));
    let mut ended = [next(&told), next(&told)];
    ended.sort();
    assert_eq!(ended, ["resolved fires", "resolved waits"]);
    work(&feed, TICK * 5);
    monitor.shutdown().unwrap();
    assert!(told.try_recv().is_err(), "something else was told");
    println!("\nheld for {} ms", held.as_millis());
}

/// Row 9 of the failure matrix.
#[test]
fn a_clock_that_is_set_an_hour_ahead_and_two_back_makes_no_transition_and_costs_no_time() {
    let Some(library) = faketime() else { return };
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    fs::write(&clock, "+0\n").unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_whose_clock_is_set", "--nocapture"])
        .env(CHILD, folder.path())
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")])
        .output()
        .unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success() && out.contains("held for "), "{out}{err}");
    let store = Store::open_read_only(folder.path().join("metrics.db")).unwrap();
    let mut events = store.alert_events(100).unwrap();
    events.retain(|event| event.kind != "clock");
    events.reverse();
    let named = |event: &AlertEvent| format!("{} {}", event.kind, event.rule.as_deref().unwrap_or("-"));
    let happened: Vec<String> = events.iter().map(named).collect();
    assert_eq!(happened[..2], ["fired fires", "fired waits"]);
    assert_eq!((happened.len(), happened.iter().filter(|event| event.starts_with("resolved ")).count()), (4, 2));
    assert!(store.check().unwrap().is_empty());
}
