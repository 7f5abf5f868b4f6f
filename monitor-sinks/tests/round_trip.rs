//! What was recorded is what is answered: to the last call, in this process and from another connection.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use common::{Registry, key, start};
use monitor_core::{MetricKind, Number};
use monitor_sinks::{Monitor, Query, Store};

const HOUR: Duration = Duration::from_hours(1);

fn calls(registry: &mut Registry) {
    for call in 0..100 {
        let outcome = ["ok", "ok", "ok", "error", "cancelled"][call % 5];
        registry.call("etl", "parse", outcome, 0.001 * (call + 1) as f64);
    }
    registry.call("etl", "Pipeline::transform", "panicked", 2.0);
    let labels = [("module", "etl"), ("function", "parse")];
    registry.count("function_errors_total", &[labels[0], labels[1], ("error_type", "MissingField")], 15);
    registry.count("function_errors_total", &[labels[0], labels[1], ("error_type", "Parse\"Int\"")], 5);
    registry.gauge("function_calls_concurrent", &labels, 3.0);
}

fn assert_parse(query: Query, rounds: u64) {
    let stats = query.function("parse").service("test").last(HOUR).stats().unwrap();
    assert_eq!((stats.function.as_str(), stats.module.as_str()), ("parse", "etl"));
    assert_eq!(stats.services, ["test"]);
    assert_eq!(stats.calls, 100 * rounds);
    assert_eq!((stats.ok, stats.errors), (60 * rounds, 20 * rounds));
    assert_eq!((stats.panicked, stats.cancelled), (0, 20 * rounds));
    assert_eq!(stats.in_flight, 3);
    let types = [("MissingField", 15 * rounds), ("Parse\"Int\"", 5 * rounds)];
    assert_eq!(stats.errors_by_type, types.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert_eq!(stats.min(), Some(Duration::from_millis(1)));
    assert_eq!(stats.max(), Some(Duration::from_millis(100)));
    assert_eq!(stats.mean(), Some(Duration::from_micros(50_500)));
    let exact = Duration::from_millis(99);
    let p99 = stats.quantile(0.99).unwrap();
    assert!(p99.abs_diff(exact) <= exact.mul_f64(0.016), "{p99:?}");
    assert!(stats.warnings().is_empty());
}

#[test]
fn a_function_is_answered_alike_while_and_after_it_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    let other = Store::open_read_only(&path).unwrap();
    for round in 1..=3 {
        feed.with(calls);
        monitor.flush().unwrap();
        assert_parse(monitor.query(), round);
        assert_parse(other.query(), round);
    }
    monitor.shutdown().unwrap();
    assert_parse(other.query(), 3);

    let all = other.query().last(HOUR).functions().unwrap();
    let names: Vec<String> = all.iter().map(monitor_sinks::FunctionStats::path).collect();
    assert_eq!(names, ["etl::parse", "etl::Pipeline::transform"], "most total time first");
    assert_eq!(all[1].panicked, 3);
    assert_eq!(all[1].total(), Some(Duration::from_secs(6)));
}

#[test]
fn recordings_one_after_another_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    for run in 1..=4 {
        let (monitor, feed) = start(&path);
        feed.with(calls);
        monitor.flush().unwrap();
        assert_parse(monitor.query(), run);
        // The last values are stored by the drop.
        feed.with(|registry| registry.count("rows", &[], 1));
        drop(monitor);
        let rows = &Store::open_read_only(&path).unwrap().query().metric("rows").series().unwrap()[0];
        assert_eq!(rows.increase().to_bits(), (run as f64).to_bits());
    }
}

#[test]
fn counters_beyond_the_reach_of_floats_stay_exact() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    let labels = [("module", "m"), ("function", "f"), ("outcome", "ok")];
    feed.with(move |registry| registry.count("function_calls_total", &labels, (1 << 53) + 1));
    monitor.flush().unwrap();
    feed.with(move |registry| registry.count("function_calls_total", &labels, 1 << 60));
    monitor.flush().unwrap();
    assert_eq!(monitor.query().function("f").stats().unwrap().calls, (1 << 60) + (1 << 53) + 1);
}

#[test]
fn every_float_of_a_gauge_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    let floats = [0.0, -0.0, 0.1, -17.0, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for float in floats {
        feed.with(move |registry| registry.gauge("level", &[], float));
        monitor.flush().unwrap();
    }
    let level = &monitor.query().metric("level").series().unwrap()[0];
    let found: Vec<u64> = level.points.iter().map(|point| point.value.to_bits()).collect();
    assert_eq!(found, floats.map(f64::to_bits));
    assert!(level.points.is_sorted_by(|a, b| a.time < b.time), "times ascend strictly");
}

#[test]
fn tags_with_quotes_nul_unicode_and_great_length_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    let long = "ä".repeat(5_000);
    let values = ["", "'", "\"; DROP TABLE head; --", "a\0b", "\u{1f980} ünï", "{\"x\":[1]}", "\n\t\\", long.as_str()];
    for (place, value) in values.into_iter().enumerate() {
        let value = value.to_owned();
        feed.with(move |registry| registry.count("rows", &[("tag", &value), ("k\"ey", "1")], place as u64 + 1));
    }
    monitor.shutdown().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    for (place, value) in values.into_iter().enumerate() {
        let series = store.query().metric("rows").tag("tag", value).series().unwrap();
        assert_eq!(series.len(), 1, "{value:?}");
        assert_eq!(
            series[0].labels,
            BTreeMap::from([("tag", value), ("k\"ey", "1")].map(|(k, v)| (k.into(), v.into())))
        );
        assert_eq!(series[0].increase().to_bits(), (place as f64 + 1.0).to_bits());
    }
}

#[test]
fn odd_service_and_metric_names_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    feed.with(|registry| {
        let mut odd = key(MetricKind::Counter, "rows\0'", &[]);
        odd.service = Some(String::from("s\0 \"x\""));
        odd.unit = String::from("km/h");
        registry.add(odd, Number::Float(0.5));
    });
    monitor.flush().unwrap();
    let series = monitor.query().metric("rows\0'").service("s\0 \"x\"").series().unwrap();
    assert_eq!((series[0].unit.as_str(), series[0].service.as_str()), ("km/h", "s\0 \"x\""));
    assert_eq!(series[0].increase().to_bits(), 0.5_f64.to_bits());
}

#[test]
fn a_series_recorded_with_and_without_its_service_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    for named in [true, false, true, true] {
        feed.with(move |registry| {
            let mut rows = key(MetricKind::Counter, "rows", &[]);
            rows.service = named.then(|| String::from("test"));
            registry.add(rows, Number::Int(1));
        });
        monitor.flush().unwrap();
    }
    let series = monitor.query().metric("rows").series().unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].increase().to_bits(), 4.0_f64.to_bits());
    assert_eq!(series[0].points.last().unwrap().value.to_bits(), 4.0_f64.to_bits());
}

#[test]
fn adjoining_windows_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    for _ in 0..6 {
        feed.with(|registry| registry.call("m", "f", "ok", 0.5));
        monitor.flush().unwrap();
    }
    let points = monitor.query().metric("function_calls_total").series().unwrap().remove(0).points;
    let middle = points[2].time;
    let (past, future) = (SystemTime::UNIX_EPOCH, SystemTime::now() + HOUR);
    let first = monitor.query().function("f").between(past, middle).stats().unwrap();
    let second = monitor.query().function("f").between(middle, future).stats().unwrap();
    assert_eq!((first.calls, second.calls), (3, 3));
    assert_eq!((first.durations().count(), second.durations().count()), (3, 3));
}

#[test]
fn a_flush_between_two_looks_at_the_clock_lies_between_them() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    let mut looks = vec![SystemTime::now()];
    for _ in 0..50 {
        feed.with(|registry| registry.call("m", "f", "ok", 0.5));
        monitor.flush().unwrap();
        looks.push(SystemTime::now());
    }
    for window in looks.windows(2) {
        assert_eq!(monitor.query().function("f").between(window[0], window[1]).stats().unwrap().calls, 1);
    }
    // However they are cut, adjoining windows add up.
    for cut in [1, 7, 25] {
        let calls = |from: usize, to: usize| {
            monitor.query().function("f").between(looks[from], looks[to]).stats().unwrap().calls
        };
        assert_eq!(calls(0, cut) + calls(cut, 50), 50);
    }
}

/// Takes its time, and says when it was done.
struct Slow {
    inner: common::Fed,
    collected: std::sync::mpsc::Sender<SystemTime>,
}

impl monitor_sinks::runtime::Source for Slow {
    fn collect(&mut self) {
        self.inner.collect();
        std::thread::sleep(Duration::from_millis(5));
        let _ = self.collected.send(SystemTime::now());
    }

    fn samples(&self) -> impl Iterator<Item = monitor_core::Sample<'_>> {
        self.inner.samples()
    }

    fn delivered(&mut self) {
        self.inner.delivered();
    }
}

#[test]
fn a_row_is_not_older_than_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let feed = common::Feed::default();
    let (collected, told) = std::sync::mpsc::channel();
    let source = Slow { inner: feed.source(), collected };
    let monitor = common::builder(&folder.path().join("metrics.db")).start_with(source).unwrap();
    feed.with(|registry| registry.count("rows", &[], 1));
    monitor.flush().unwrap();
    let row = monitor.query().metric("rows").series().unwrap()[0].points[0].time;
    // The store keeps whole microseconds.
    assert!(row + Duration::from_micros(1) > told.recv().unwrap());
    assert!(row <= SystemTime::now());
}

#[test]
fn what_does_not_change_in_a_window_is_there_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    feed.with(|registry| {
        registry.gauge("level", &[], 0.5);
        registry.count("rows", &[], 7);
        registry.record(MetricKind::Histogram, "sizes", &[], 1.0);
        registry.count("ticks", &[], 1);
    });
    monitor.flush().unwrap();
    let begin = SystemTime::now();
    feed.with(|registry| registry.count("ticks", &[], 1));
    monitor.flush().unwrap();
    let end = SystemTime::now();
    for (metric, value) in [("level", 0.5), ("rows", 7.0)] {
        let series = monitor.query().metric(metric).between(begin, end).series().unwrap().remove(0);
        let row = monitor.query().metric(metric).series().unwrap()[0].points[0].time;
        assert!(series.points.is_empty(), "{metric}");
        assert_eq!(series.increase().to_bits(), 0.0_f64.to_bits());
        let last = series.last().unwrap();
        assert_eq!((last.value.to_bits(), last.time), (f64::to_bits(value), row));
        assert!(last.time <= begin);
    }
    assert!(monitor.query().metric("sizes").between(begin, end).series().unwrap().is_empty());
    assert_eq!(monitor.query().between(begin, end).series().unwrap().len(), 3);
}

#[test]
fn a_known_name_without_anything_in_the_window_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    feed.with(|registry| registry.call("m", "f", "ok", 0.5));
    monitor.flush().unwrap();
    let past = SystemTime::UNIX_EPOCH;
    let stats = monitor.query().function("f").between(past, past + HOUR).stats().unwrap();
    assert_eq!((stats.calls, stats.function.as_str()), (0, "f"));
    assert_eq!((stats.min(), stats.mean(), stats.total(), stats.quantile(0.5)), (None, None, None, None));
    assert!(monitor.query().between(past, past + HOUR).functions().unwrap().is_empty());
    assert!(monitor.query().metric("function_calls_total").between(past, past + HOUR).series().unwrap().is_empty());
}

#[test]
fn values_of_a_histogram_are_merged_over_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    for round in 1..=4_u32 {
        feed.with(move |registry| {
            for value in [1.0, 3.0] {
                registry.record(MetricKind::Histogram, "sizes", &[("table", "flights")], value * f64::from(round));
            }
        });
        monitor.flush().unwrap();
    }
    let series = monitor.query().metric("sizes").tag("table", "flights").series().unwrap();
    assert_eq!(series[0].increase().to_bits(), 8.0_f64.to_bits());
    assert_eq!(series[0].distribution().sum().to_bits(), 40.0_f64.to_bits());
    assert_eq!((series[0].distribution().min(), series[0].distribution().max()), (Some(1.0), Some(12.0)));
    let means: Vec<f64> = series[0].points.iter().map(|point| point.value).collect();
    assert_eq!(means, [2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn the_registry_of_this_process_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let monitor = Monitor::builder().service("etl").sqlite(&path).start().unwrap();
    monitor_core::counter!("rows_loaded", 17, "table" => "flights");
    monitor.flush().unwrap();
    monitor_core::counter!("rows_loaded", 5, "table" => "flights");
    let series =
        monitor.query().metric("rows_loaded").service("etl").tag("table", "flights").last(HOUR).series().unwrap();
    assert_eq!(series[0].increase().to_bits(), 17.0_f64.to_bits());
    monitor.shutdown().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(store.query().metric("rows_loaded").series().unwrap()[0].increase().to_bits(), 22.0_f64.to_bits());
}
