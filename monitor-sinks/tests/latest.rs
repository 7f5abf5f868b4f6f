//! The newest value of each series is found, while it is recorded and long after, and whichever recording it is of.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]
#![allow(clippy::float_cmp, reason = "what was recorded comes back bit by bit")]

mod common;

use std::collections::BTreeMap;

use common::{
    Random,
    tape::{HOUR, MINUTE, SECOND, START, Tape, micros, time},
};
use monitor_core::MetricKind;
use monitor_sinks::{Latest, Retention, Store};

/// By name: value, seconds since the start, whether it is current.
fn found(store: &Store) -> BTreeMap<String, (f64, i64, bool)> {
    let latest = store.query().latest().unwrap();
    let entry = |latest: Latest| {
        let seconds = (micros(latest.point.time) - START) / SECOND;
        (latest.series.name.clone(), (latest.point.value, seconds, latest.is_current))
    };
    latest.into_iter().map(entry).collect()
}

fn wanted<const N: usize>(entries: [(&str, f64, i64, bool); N]) -> BTreeMap<String, (f64, i64, bool)> {
    entries.map(|(name, value, seconds, is_current)| (name.to_owned(), (value, seconds, is_current))).into()
}

#[test]
fn what_changed_and_what_did_not_are_found_in_their_newest_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut tape = Tape::record(&folder.path().join("metrics.db"), START, 10 * SECOND, Retention::FOREVER);
    tape.registry.gauge("steady", &[], 0.5);
    tape.registry.record(MetricKind::Histogram, "sizes", &[], 1.0);
    for flush in 0..100 {
        tape.registry.count("rows", &[], 3);
        tape.flush(START + flush * 10 * SECOND);
    }
    // There is a full row at each minute.
    assert_eq!(found(&tape.store()), wanted([("rows", 300.0, 990, true), ("steady", 0.5, 960, true)]));
}

#[test]
fn a_store_that_nobody_records_to_any_more_still_tells() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut tape = Tape::record(&path, START, 10 * SECOND, Retention::FOREVER);
    tape.registry.gauge("steady", &[], f64::NEG_INFINITY);
    for flush in 0..1_000 {
        tape.registry.count("rows", &[], 1);
        tape.flush(START + flush * 10 * SECOND);
        tape.upkeep(START + flush * 10 * SECOND);
    }
    // All of it sealed, as a later look at the file by a writer does.
    tape.upkeep(START + 100 * HOUR);
    tape.stop();
    let rows = wanted([("rows", 1_000.0, 9_990, true), ("steady", f64::NEG_INFINITY, 9_960, true)]);
    assert_eq!(found(&Store::open_read_only(&path).unwrap()), rows);
}

#[test]
fn series_of_earlier_recordings_have_the_last_value_that_was_stored_however_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = Random(21);
    for is_sealed in [false, true] {
        let mut last = BTreeMap::new();
        let mut at = START;
        let _ = std::fs::remove_file(&path);
        for run in 0..6 {
            let mut tape = Tape::record(&path, at, 10 * SECOND, Retention::FOREVER);
            let own = format!("own_{run}");
            for _ in 0..40 + random.below(100) {
                at += 10 * SECOND;
                tape.registry.count(&own, &[], 1);
                tape.registry.gauge("shared", &[], at as f64);
                tape.flush(at);
                if is_sealed {
                    tape.upkeep(at);
                }
                let total = last.get(&own).map_or(0.0, |entry: &(f64, i64, bool)| entry.0);
                let seconds = (at - START) / SECOND;
                last.insert(own.clone(), (total + 1.0, seconds, run == 5));
                last.insert(String::from("shared"), (at as f64, seconds, run == 5));
            }
            // As by a crash: nothing is noted at the end.
            drop(tape);
        }
        assert_eq!(found(&Store::open_read_only(&path).unwrap()), last, "sealed: {is_sealed}");
    }
}

#[test]
fn a_window_and_labels_narrow_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut tape = Tape::record(&folder.path().join("metrics.db"), START, 10 * SECOND, Retention::FOREVER);
    for table in ["flights", "airports"] {
        tape.registry.count("rows", &[("table", table)], 1);
        tape.flush(START + i64::from(table == "airports") * 10 * SECOND);
    }
    let store = tape.store();
    let tables = |latest: Vec<Latest>| -> Vec<String> {
        latest.into_iter().map(|latest| latest.series.labels["table"].clone()).collect()
    };
    assert_eq!(tables(store.query().latest().unwrap()), ["airports", "flights"]);
    assert_eq!(tables(store.query().tag("table", "flights").latest().unwrap()), ["flights"]);
    let late = store.query().between(time(START), time(START + MINUTE));
    assert_eq!(tables(late.latest().unwrap()), ["airports"]);
    assert!(store.query().metric("row").latest().unwrap_err().is_unknown_name());
}

#[test]
fn an_empty_store_has_nothing_and_a_series_without_data_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut tape = Tape::record(&folder.path().join("metrics.db"), START, 10 * SECOND, Retention::FOREVER);
    assert!(tape.store().query().latest().unwrap().is_empty());
    tape.registry.record(MetricKind::Histogram, "sizes", &[], 1.0);
    tape.flush(START);
    assert!(tape.store().query().latest().unwrap().is_empty());
}
