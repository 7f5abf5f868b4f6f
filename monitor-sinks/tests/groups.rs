//! Series are put together by any labels: sums, means and extremes are over their series, quantiles over all their values.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]
#![allow(clippy::float_cmp, reason = "the figures are exact")]

mod common;

use std::{collections::BTreeMap, path::Path, time::Duration};

use common::tape::{HOUR, MINUTE, START, Tape, time};
use monitor_core::{Distribution, MetricKind};
use monitor_sinks::{Group, Query, Retention};

const HOSTS: [&str; 3] = ["a", "b", "c"];
const PATHS: [&str; 2] = ["/", "/flights"];

/// Ten minutes of requests: one, two, three a minute by host, ten times as many on the second path.
fn record(path: &Path) -> Tape {
    let mut tape = Tape::record(path, START, MINUTE, Retention::FOREVER);
    for minute in 0..=10 {
        for (host, name) in HOSTS.into_iter().enumerate() {
            for (path, factor) in PATHS.into_iter().zip([1, 10]) {
                let requests = (host as u64 + 1) * factor;
                let labels = [("host", name), ("path", path)];
                // What the first flush has was recorded before the window.
                tape.registry.count("requests_total", &labels, if minute == 0 { 1_000 } else { requests });
                for request in 0..requests {
                    tape.registry.record(MetricKind::Timer, "request_seconds", &labels, 0.001 * (request + 1) as f64);
                }
            }
            tape.registry.gauge("queue", &[("host", name)], host as f64 * 100.0 - minute as f64);
        }
        tape.flush(START + minute * MINUTE);
    }
    tape
}

fn query(tape: &Tape) -> Query {
    tape.store().query().between(time(START), time(START + 10 * MINUTE))
}

fn by_label<T>(groups: Vec<Group>, label: &str, figure: impl Fn(&Group) -> T) -> BTreeMap<String, T> {
    groups.into_iter().map(|group| (group.labels.get(label).cloned().unwrap_or_default(), figure(&group))).collect()
}

fn by<T>(entries: impl IntoIterator<Item = (&'static str, T)>) -> BTreeMap<String, T> {
    entries.into_iter().map(|(label, figure)| (label.to_owned(), figure)).collect()
}

#[test]
fn counters_add_up_by_any_label() {
    let folder = tempfile::tempdir().unwrap();
    let tape = record(&folder.path().join("metrics.db"));
    let groups = |label: &str| query(&tape).metric("requests_total").group_by([label]).groups().unwrap();
    let increase = |group: &Group| group.summary.increase().unwrap();
    assert_eq!(by_label(groups("host"), "host", increase), by([("a", 110.0), ("b", 220.0), ("c", 330.0)]));
    assert_eq!(by_label(groups("path"), "path", increase), by([("/", 60.0), ("/flights", 600.0)]));
    let rate = |group: &Group| group.summary.rate().unwrap();
    assert_eq!(by_label(groups("path"), "path", rate), by([("/", 0.1), ("/flights", 1.0)]));
    let spread = |group: &Group| {
        let summary = &group.summary;
        (summary.series, summary.min().unwrap(), summary.max().unwrap(), summary.mean().unwrap())
    };
    let wanted = by([("/", (3, 10.0, 30.0, 20.0)), ("/flights", (3, 100.0, 300.0, 200.0))]);
    assert_eq!(by_label(groups("path"), "path", spread), wanted);
}

#[test]
fn gauges_are_told_by_their_values_at_the_end_and_their_extremes_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let tape = record(&folder.path().join("metrics.db"));
    let all = query(&tape).metric("queue").group_by([""; 0]).groups().unwrap().remove(0);
    assert!(all.labels.is_empty());
    let summary = &all.summary;
    // 0, 100 and 200, each less 10 at the end, and less 1 after the first minute.
    assert_eq!((summary.sum(), summary.mean()), (Some(270.0), Some(90.0)));
    assert_eq!((summary.min(), summary.max()), (Some(-10.0), Some(199.0)));
    assert_eq!(summary.mean_over_time(), Some(94.5));
    assert_eq!((summary.increase(), summary.rate(), summary.quantile(0.5)), (None, None, None));
}

#[test]
fn quantiles_are_of_all_values_of_a_group() {
    let folder = tempfile::tempdir().unwrap();
    let tape = record(&folder.path().join("metrics.db"));
    let groups = query(&tape).metric("request_seconds").group_by(["path"]).groups().unwrap();
    assert_eq!(groups.len(), 2);
    for (group, factor) in groups.iter().zip([1, 10]) {
        let mut wanted = Distribution::new();
        for _ in 0..10 {
            for host in 1..=3 {
                (0..host * factor).for_each(|request| wanted.record(0.001 * f64::from(request + 1)));
            }
        }
        let found = &group.summary;
        assert_eq!(found.distribution().buckets(), wanted.buckets());
        assert_eq!(found.quantile(0.99), wanted.quantile(0.99));
        assert_eq!((found.min(), found.max(), found.series), (wanted.min(), wanted.max(), 3));
        assert_eq!(found.increase(), Some(60.0 * f64::from(factor)));
    }
}

#[test]
fn without_grouping_every_series_is_told_with_its_labels_and_service() {
    let folder = tempfile::tempdir().unwrap();
    let tape = record(&folder.path().join("metrics.db"));
    let groups = query(&tape).metric("requests_total").tag("host", "b").groups().unwrap();
    assert_eq!(groups.len(), 2);
    for (group, path) in groups.iter().zip(PATHS) {
        let labels = [("host", "b"), ("path", path), ("service", "bench")];
        assert_eq!(group.labels, labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert_eq!((group.kind, group.summary.series), (MetricKind::Counter, 1));
    }
    let by_service = query(&tape).group_by(["service"]).groups().unwrap();
    let names: Vec<&str> = by_service.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["queue", "request_seconds", "requests_total"], "metrics are never put together");
    assert!(by_service.iter().all(|group| group.labels["service"] == "bench"));
}

#[test]
fn a_label_that_only_some_series_have_puts_the_others_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut tape = Tape::record(&folder.path().join("metrics.db"), START, MINUTE, Retention::FOREVER);
    tape.registry.count("rows", &[], 1);
    tape.registry.count("rows", &[("kind", "x")], 2);
    tape.registry.count("rows", &[("table", "t")], 4);
    tape.flush(START);
    let groups = tape.store().query().metric("rows").group_by(["table"]).groups().unwrap();
    let increases = by_label(groups, "table", |group| group.summary.increase().unwrap());
    assert_eq!(increases, by([("", 3.0), ("t", 4.0)]));
}

#[test]
fn a_restart_is_no_decrease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    for run in 0..3 {
        let begin = START + run * HOUR;
        let mut tape = Tape::record(&path, begin, MINUTE, Retention::FOREVER);
        for minute in 0..5 {
            tape.registry.count("rows", &[], 10);
            tape.flush(begin + minute * MINUTE);
        }
        if run == 2 {
            let rows = |from: i64, to: i64| {
                let query = tape.store().query().metric("rows").between(time(START + from), time(START + to));
                query.groups().unwrap()[0].summary.increase()
            };
            assert_eq!(rows(-1, 3 * HOUR), Some(150.0));
            assert_eq!(rows(0, HOUR), Some(50.0), "four of the first, one of the second");
            assert_eq!(rows(2 * MINUTE, 2 * HOUR + MINUTE), Some(90.0));
        }
    }
}

#[test]
fn without_a_window_a_rate_is_over_the_time_that_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut tape = Tape::record(&folder.path().join("metrics.db"), START, MINUTE, Retention::FOREVER);
    for minute in 1..=30 {
        tape.registry.count("rows", &[], 6);
        tape.flush(START + minute * MINUTE);
    }
    let group = tape.store().query().metric("rows").groups().unwrap().remove(0);
    assert_eq!(group.summary.rate(), Some(0.1));
}

#[test]
fn points_that_are_left_out_take_no_peak_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut tape = Tape::record(&folder.path().join("metrics.db"), START, MINUTE, Retention::FOREVER);
    for minute in 0..500 {
        tape.registry.gauge("level", &[], if minute == 333 { 1e6 } else { (minute % 7) as f64 });
        tape.registry.count("rows", &[], 1);
        tape.flush(START + minute * MINUTE);
    }
    let query = tape.store().query().at_most(20);
    let level = query.clone().metric("level").series().unwrap().remove(0);
    assert!(level.points.len() <= 20 && level.points.iter().any(|point| point.value == 1e6));
    let rows = query.metric("rows").series().unwrap().remove(0);
    assert_eq!((rows.increase(), rows.last().unwrap().value), (500.0, 500.0));
    let steps = tape.store().query().metric("level").at_most(20).steps().unwrap();
    assert!(steps[0].steps.iter().any(|step| step.max() == Some(1e6)));
    let minute = Duration::from_mins(1);
    let peak = tape.store().query().metric("level").step(minute).steps().unwrap();
    assert_eq!(peak[0].steps.iter().filter(|step| step.max() == Some(1e6)).count(), 1);
}
