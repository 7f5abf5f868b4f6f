//! Steps are exact: whatever was sealed, rolled up and dropped, however often the program was started anew and wherever the
//! clock went, each step has what was recorded in it, and the steps add up to the window.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]
#![allow(clippy::float_cmp, reason = "what was recorded comes back bit by bit")]

mod common;

use std::{path::Path, time::Duration};

use common::{
    Random,
    tape::{HOUR, MINUTE, SECOND, START, Tape, micros, time},
};
use monitor_core::{Distribution, MetricKind};
use monitor_sinks::{Query, Resolution, Retention, Steps, Store, Summary};

/// A flush: when it was stored, what was counted since the one before, the gauge, and a value of the histogram.
#[derive(Clone, Copy)]
struct Flush {
    ts: i64,
    rows: u64,
    level: f64,
    size: f64,
}

/// When the recording begins: a day before the end of a span that is rolled up to hours at once.
const FROM: i64 = 1_700_352_000_000_000 - 24 * HOUR;
const HOURS: i64 = 60;
const END: i64 = FROM + HOURS * HOUR;
const EVERY: i64 = 2 * MINUTE;
/// From when on there is something finer than hours, and from when on single flushes.
const MINUTES_FROM: i64 = END - 29 * HOUR;
const FLUSHES_FROM: i64 = END - 7 * HOUR;

/// Some days in seconds. Now and then the recording is begun anew, or the clock is set back by up to an hour.
fn record(path: &Path) -> Vec<Flush> {
    let retention = Retention::default().raw(Duration::from_hours(8)).minutes(Duration::from_hours(30));
    let mut random = Random(0x5eed);
    let mut tape = Tape::record(path, FROM, EVERY, retention);
    let (mut flushes, mut behind, mut newest): (Vec<Flush>, _, _) = (Vec::new(), 0, FROM);
    for flush in 1..=HOURS * HOUR / EVERY {
        let clock = FROM + flush * EVERY - behind;
        match random.below(200) {
            0 | 1 => {
                tape.stop();
                tape = Tape::record(path, clock.max(newest), EVERY, retention);
            }
            2 => behind = (random.next() % 60).cast_signed() * MINUTE,
            3..10 => behind = 0,
            _ => {}
        }
        let (rows, level, size) = (random.next() % 9, random.below(1_000) as f64, random.below(10_000) as f64 / 16.0);
        let parity = if flush % 2 == 0 { "even" } else { "odd" };
        tape.registry.count("rows", &[("flush", parity)], rows);
        tape.registry.gauge("level", &[], level);
        tape.registry.record(MetricKind::Histogram, "sizes", &[], size);
        let ts = clock.max(newest + 1);
        tape.flush(ts);
        tape.upkeep(clock);
        newest = ts;
        flushes.push(Flush { ts, rows, level, size });
    }
    tape.upkeep(END + 2 * MINUTE);
    tape.stop();
    flushes
}

fn within<'a>(flushes: &'a [Flush], summary: &Summary) -> impl Iterator<Item = Flush> + use<'a> {
    let (after, until) = (micros(summary.after), micros(summary.until));
    flushes.iter().copied().filter(move |flush| flush.ts > after && flush.ts <= until)
}

fn one(query: &Query) -> Steps {
    let mut steps = query.steps().unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].warnings(), []);
    steps.remove(0)
}

fn rows(flushes: impl Iterator<Item = Flush>) -> f64 {
    flushes.map(|flush| flush.rows).sum::<u64>() as f64
}

#[test]
fn every_step_has_what_was_recorded_in_it_in_every_tier() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let flushes = record(&path);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(store.check().unwrap(), []);
    for (from, step) in [
        (FROM, HOUR),
        (FROM, 3 * HOUR),
        (MINUTES_FROM, 5 * MINUTE),
        (MINUTES_FROM + 123, 20 * MINUTE),
        (FLUSHES_FROM, 2 * MINUTE),
        (FLUSHES_FROM + 17, 7 * MINUTE),
    ] {
        // A step that begins within a stored window is exact only where single flushes are left.
        let query = |metric: &str| {
            let step = Duration::from_micros(step.unsigned_abs());
            store.query().metric(metric).between(time(from), time(END)).group_by([""; 0]).step(step)
        };
        let is_exact = |summary: &&Summary| from % MINUTE == 0 || from >= FLUSHES_FROM || micros(summary.after) > from;
        let counted = one(&query("rows"));
        assert!(counted.steps.len() >= 20);
        for summary in counted.steps.iter().filter(is_exact) {
            assert_eq!(summary.increase(), Some(rows(within(&flushes, summary))), "{step} {summary:?}");
        }
        let level = one(&query("level"));
        for summary in level.steps.iter().filter(is_exact) {
            let levels = || within(&flushes, summary).map(|flush| flush.level);
            if levels().next().is_none() {
                // Nothing was stored while the clock was behind; the value holds.
                continue;
            }
            assert_eq!(summary.min(), levels().reduce(f64::min), "{step} {summary:?}");
            assert_eq!(summary.max(), levels().reduce(f64::max));
            let mean = levels().sum::<f64>() / levels().count() as f64;
            assert!((summary.mean_over_time().unwrap() - mean).abs() < 1e-9);
            assert!(summary.sum().is_none_or(|last| Some(last) == levels().last()));
        }
        let sizes = one(&query("sizes"));
        for summary in sizes.steps.iter().filter(is_exact) {
            let mut wanted = Distribution::new();
            within(&flushes, summary).for_each(|flush| wanted.record(flush.size));
            assert_eq!(summary.distribution().buckets(), wanted.buckets(), "{step} {summary:?}");
            assert_eq!(summary.quantile(0.9), wanted.quantile(0.9));
            assert_eq!(summary.sum(), Some(wanted.sum()));
        }
    }
}

#[test]
fn steps_of_any_length_add_up_to_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let flushes = record(&path);
    let store = Store::open_read_only(&path).unwrap();
    let all = rows(flushes.iter().copied());
    for step in [61 * MINUTE, 5 * MINUTE, 2 * HOUR, 777 * MINUTE, 24 * HOUR] {
        let steps =
            one(&store.query().metric("rows").group_by([""; 0]).step(Duration::from_micros(step.unsigned_abs())));
        let sum: f64 = steps.steps.iter().filter_map(Summary::increase).sum();
        assert_eq!(sum, all, "step {step}");
        let sizes = one(&store.query().metric("sizes").step(Duration::from_micros(step.unsigned_abs())));
        let count: u64 = sizes.steps.iter().map(|summary| summary.distribution().count()).sum();
        assert_eq!(count, flushes.len() as u64, "step {step}");
    }
    // By label, and as a whole.
    let by_parity = store.query().metric("rows").group_by(["flush"]).groups().unwrap();
    let labels: Vec<&str> = by_parity.iter().map(|group| group.labels["flush"].as_str()).collect();
    assert_eq!(labels, ["even", "odd"]);
    assert_eq!(by_parity.iter().filter_map(|group| group.summary.increase()).sum::<f64>(), all);
}

#[test]
fn a_coarse_step_reads_windows_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    record(&path);
    let store = Store::open_read_only(&path).unwrap();
    let resolutions = |hours: i64, step: i64| {
        let query = store.query().metric("sizes").between(time(END - hours * HOUR), time(END));
        one(&query.step(Duration::from_micros(step.unsigned_abs()))).resolutions().to_vec()
    };
    assert_eq!(resolutions(7, MINUTE), [Resolution::Flushes]);
    assert_eq!(resolutions(28, 7 * MINUTE), [Resolution::Flushes, Resolution::Minutes]);
    // There are flushes of the last eight hours. What has been rolled up of them does as windows.
    let windows = |hours, step| resolutions(hours, step).contains(&Resolution::Minutes);
    assert!(!windows(7, 4 * MINUTE) && windows(7, 10 * MINUTE));
    let hours = |hours, step| resolutions(hours, step).contains(&Resolution::Hours);
    assert!(!hours(28, HOUR) && hours(60, HOUR) && hours(60, MINUTE));
    assert_eq!(Resolution::Hours.window(), Some(Duration::from_hours(1)));
}

#[test]
fn a_gauge_that_does_not_change_is_in_every_step_of_its_recording_and_in_none_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let every = 10 * SECOND;
    let mut tape = Tape::record(&path, START, every, Retention::FOREVER);
    tape.registry.gauge("level", &[], 0.5);
    tape.registry.count("rows", &[], 7);
    for flush in 0..60 {
        tape.registry.count("ticks", &[], 1);
        tape.flush(START + flush * every);
    }
    let store = tape.store();
    let steps = |metric: &str, from: i64, to: i64| {
        let query = store.query().metric(metric).between(time(START + from), time(START + to));
        one(&query.step(Duration::from_secs(5))).steps
    };
    let level = steps("level", 2 * MINUTE, 3 * MINUTE);
    assert_eq!(level.len(), 12);
    for summary in &level {
        assert_eq!((summary.sum(), summary.max(), summary.mean_over_time()), (Some(0.5), Some(0.5), Some(0.5)));
    }
    let rows = steps("rows", 2 * MINUTE, 3 * MINUTE);
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().all(|summary| summary.increase() == Some(0.0) && summary.rate() == Some(0.0)));
    // Another recording without it ends it at once; nobody at all, after five minutes.
    let last = steps("level", 9 * MINUTE, 30 * MINUTE).last().unwrap().until;
    let age = micros(last) - START - 9 * MINUTE;
    assert!((4 * MINUTE..=5 * MINUTE).contains(&age), "{age}");
    tape.stop();
    let mut tape = Tape::record(&path, START + 11 * MINUTE, every, Retention::FOREVER);
    tape.registry.count("ticks", &[], 1);
    tape.flush(START + 11 * MINUTE);
    let last = steps("level", 9 * MINUTE, 30 * MINUTE).last().unwrap().until;
    assert_eq!(micros(last), START + 11 * MINUTE);
}

#[test]
fn at_most_so_many_steps_of_a_round_length_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut tape = Tape::record(&path, START, MINUTE, Retention::FOREVER);
    for minute in 0..300 {
        tape.registry.count("rows", &[], 1);
        tape.flush(START + minute * MINUTE);
    }
    for (most, minutes) in [(4, 180), (31, 10), (100, 5), (1_000, 1)] {
        let steps = one(&tape.store().query().metric("rows").at_most(most)).steps;
        assert!(steps.len() <= most, "{} of {most}", steps.len());
        let longest = steps.iter().map(|step| micros(step.until) - micros(step.after)).max();
        assert!(longest <= Some(minutes * MINUTE), "{longest:?} for {most}");
        assert_eq!(steps.iter().filter_map(Summary::increase).sum::<f64>(), 300.0);
    }
}

#[test]
fn questions_without_sense_say_what_to_ask_instead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut tape = Tape::record(&path, START, MINUTE, Retention::FOREVER);
    tape.registry.count("rows", &[("table", "flights")], 1);
    tape.flush(START);
    tape.flush(START + 100 * HOUR);
    let query = || tape.store().query().metric("rows");
    let second = Duration::from_secs(1);
    let hour = Duration::from_hours(1);
    let hours = |hours: i64| time(START + hours * HOUR);
    for (error, cure) in [
        (query().step(Duration::ZERO).steps().err(), "give at least a microsecond"),
        (query().between(hours(0), hours(1)).step(2 * hour).steps().err(), "give a shorter step"),
        (query().step(second).steps().err(), "a step of 60s or more"),
        (query().step(second).at_most(5).steps().err(), "leave one of them out"),
        (query().at_most(3).steps().err(), "ask for 4 or more"),
        (query().at_most(0).series().err(), "ask for 4 or more"),
        (query().steps().err(), "at_most(...)"),
    ] {
        let error = error.expect("it is refused");
        assert!(error.is_invalid_setting() && error.to_string().contains(cure), "{error}");
    }
    for (error, cure) in [
        (query().step(hour).groups().err(), "ask for steps()"),
        (query().step(hour).series().err(), "ask for groups() or steps()"),
        (query().group_by(["table"]).latest().err(), "ask for groups()"),
        (query().at_most(5).points().err(), "leave at_most(...) out"),
    ] {
        let error = error.expect("it is refused");
        assert!(error.is_invalid_setting() && error.to_string().contains(cure), "{error}");
    }
    let error = query().group_by(["tabel"]).groups().unwrap_err();
    assert!(error.is_unknown_name() && error.to_string().contains("did you mean table?"), "{error}");
}
