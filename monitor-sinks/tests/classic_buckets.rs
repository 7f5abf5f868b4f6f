//! Promise: who asks for `NAME_bucket` gets our histograms as classic ones, with exact counts; who does not never sees them.
#![cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]
#![allow(clippy::float_cmp, reason = "counts are exact")]

mod common;

use std::collections::BTreeMap;

use common::{
    Random, start,
    tape::{HOUR, MINUTE, START, Tape, time},
};
use monitor_core::MetricKind;
use monitor_sinks::{
    Retention, Store,
    promql::{Data, Labels, Query},
};

/// Counts by `le` at an instant, of a function.
fn buckets(store: &Store, function: &str, at: i64) -> BTreeMap<String, f64> {
    let text = format!("parse_seconds_bucket{{function=\"{function}\"}}");
    let answer = store.promql(text).at(time(at)).unwrap();
    let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
    let le = |labels: &Labels| labels.get("le").unwrap().to_owned();
    elements.iter().map(|element| (le(&element.labels), element.value.as_float().unwrap())).collect()
}

#[test]
fn counts_are_those_of_the_values_up_to_each_edge_since_the_recording_began() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = Random(0xb0);
    let mut recorded: Vec<(i64, &str, f64)> = Vec::new();
    let mut asked = 0;
    for begin in [START, START + 7 * HOUR] {
        let mut tape = Tape::record(&path, begin, MINUTE, Retention::FOREVER);
        recorded.clear();
        for flush in 1..=6 * 60 {
            let at = begin + flush * MINUTE;
            for function in ["fast", "slow"] {
                if random.below(2) == 0 {
                    continue;
                }
                let octave = 1_u64 << random.below(8);
                // Beside the edges.
                let seconds = (1 + random.below(1_000)) as f64 / 1_009.0 * octave as f64
                    / if function == "fast" { 4096.0 } else { 16.0 };
                tape.registry.record(MetricKind::Timer, "parse_seconds", &[("function", function)], seconds);
                recorded.push((at, function, seconds));
            }
            tape.flush(at);
            tape.upkeep(at);
        }
        let store = tape.store();
        for function in ["fast", "slow"] {
            for _ in 0..10 {
                let at = begin + (1 + (random.next() % (6 * 60)).cast_signed()) * MINUTE + 1_000_000;
                let so_far: Vec<f64> =
                    recorded.iter().filter(|value| value.0 <= at && value.1 == function).map(|value| value.2).collect();
                for (le, count) in buckets(&store, function, at) {
                    let edge = le.replace("+Inf", "inf").parse::<f64>().unwrap();
                    let wanted = so_far.iter().filter(|value| **value <= edge).count();
                    assert_eq!(count, wanted as f64, "{function} up to {le} at {at}");
                    asked += 1;
                }
            }
        }
        tape.stop();
    }
    assert!(asked > 400, "{asked}");
}

#[test]
fn a_public_dashboard_finds_its_quantiles() {
    let folder = tempfile::tempdir().unwrap();
    let mut tape = Tape::record(&folder.path().join("metrics.db"), START, 10_000_000, Retention::FOREVER);
    let mut random = Random(0xb1);
    for flush in 1..=60 {
        for function in ["a", "b"] {
            for _ in 0..20 {
                let seconds = (1 + random.below(4_000)) as f64 / if function == "a" { 1e6 } else { 1e3 };
                tape.registry.call("shop", function, "ok", seconds);
            }
        }
        tape.flush(START + flush * 10_000_000);
    }
    let (store, at) = (tape.store(), time(START + 595_000_000));
    let value = |text: &str| store.promql(text).at(at).unwrap().first_float().unwrap();
    for q in ["0.5", "0.9", "0.99"] {
        let duration = "function_calls_duration_seconds";
        let classic = value(&format!("histogram_quantile({q}, sum by (le) (rate({duration}_bucket[5m])))"));
        let native = value(&format!("histogram_quantile({q}, sum(rate({duration}[5m])))"));
        assert!(classic / native < 2.0 && native / classic < 2.0, "{q}: {classic} and {native}");
        let one = value(&format!("histogram_quantile({q}, rate({duration}_bucket{{function=\"a\"}}[5m]))"));
        assert!(one < 0.008, "{q}: {one}");
    }
    // Sums by `le` rise, because functions of different speed have the same edges.
    let answer = store.promql("sum by (le) (function_calls_duration_seconds_bucket)").at(at).unwrap();
    let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
    let edge = |labels: &Labels| labels.get("le").unwrap().replace("+Inf", "inf").parse::<f64>().unwrap();
    let mut counts: Vec<(f64, f64)> =
        elements.iter().map(|element| (edge(&element.labels), element.value.as_float().unwrap())).collect();
    counts.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(counts.len() > 10 && counts.iter().map(|count| count.1).is_sorted(), "{counts:?}");
    let all = "sum(function_calls_duration_seconds_bucket{le=\"+Inf\"}) - sum(function_calls_duration_seconds_count)";
    assert_eq!(value(all), 0.0);
    assert_eq!(value("count(function_calls_duration_seconds_bucket{le=~\"0.5|1.0\"})"), 4.0);
}

#[test]
fn buckets_are_there_only_for_who_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    feed.with(|registry| {
        registry.record(MetricKind::Histogram, "sizes", &[], 3.0);
        registry.count("rows_bucket", &[], 1);
    });
    let count = |text: &str| monitor.promql(text).newest().unwrap().first_float();
    for _ in 0..2 {
        assert_eq!(count("count({__name__=~\".*_bucket\"})"), Some(1.0));
        // Beside 2 and 4, all of them.
        assert_eq!(count("count(sizes_bucket)"), Some(3.0));
        assert_eq!(count("sizes_bucket{le=\"4.0\"}"), Some(1.0));
        assert_eq!(count("sizes_bucket{le=\"2.0\"}"), Some(0.0));
        // A metric of that name is meant first.
        assert_eq!(count("rows_bucket"), Some(1.0));
        monitor.flush().unwrap();
    }
    let source = monitor.store().promql_source();
    assert!(Query::new(&source, "nothing_bucket").at(0).unwrap().first_float().is_none());
}
