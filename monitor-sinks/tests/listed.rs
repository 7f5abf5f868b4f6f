//! A query lists the series that a store has, of every kind and recording, and says over what time it looks.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::time::Duration;

use common::tape::{HOUR, MINUTE, SECOND, START, Tape, micros, time};
use monitor_core::MetricKind;
use monitor_sinks::{Retention, Store};

#[test]
fn series_of_every_kind_and_recording_are_listed_with_when_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut first = Tape::record(&path, START, 10 * SECOND, Retention::FOREVER);
    first.registry.gauge("steady", &[("disk", "a")], 0.5);
    first.flush(START);
    first.registry.record(MetricKind::Histogram, "sizes", &[], 1.0);
    first.flush(START + MINUTE);
    first.stop();
    let mut second = Tape::record(&path, START + HOUR, 10 * SECOND, Retention::FOREVER);
    second.registry.count("rows", &[], 1);
    second.flush(START + HOUR);

    let since = |store: &Store, name: Option<&str>| {
        let query = store.query().last(Duration::from_secs(1));
        let query = name.into_iter().fold(query, monitor_sinks::Query::metric);
        let listed = query.listed().unwrap().into_iter();
        listed.map(|listed| (listed.series.name.clone(), (micros(listed.since) - START) / SECOND)).collect::<Vec<_>>()
    };
    let all = [("rows", 3_600), ("sizes", 60), ("steady", 0)].map(|(name, at)| (name.to_owned(), at));
    assert_eq!(since(&second.store(), None), all);
    assert_eq!(since(&second.store(), Some("sizes")), all[1..2]);
    let error = second.store().query().metric("row").listed().unwrap_err();
    assert!(error.is_unknown_name() && error.to_string().contains("rows"), "{error}");
    let error = second.store().query().at_most(10).listed().unwrap_err();
    assert!(error.is_invalid_setting() && error.to_string().contains("at_most"), "{error}");
}

#[test]
fn a_window_reaches_no_further_back_than_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut tape = Tape::record(&path, START, 10 * SECOND, Retention::FOREVER);
    assert_eq!(tape.store().query().window().unwrap(), None);
    for flush in 0..=6 {
        tape.registry.count("rows", &[], 1);
        tape.flush(START + flush * 10 * SECOND);
    }
    // The first flush holds what was recorded in the ten seconds before it.
    let (begin, end) = (time(START - 10 * SECOND), time(START + MINUTE));
    let query = tape.store().query();
    assert_eq!(query.window().unwrap(), Some((begin, end)));
    let between = |from: i64, to: i64| query.clone().between(time(START + from), time(START + to)).window().unwrap();
    assert_eq!(between(-HOUR, 30 * SECOND), Some((begin, time(START + 30 * SECOND))));
    assert_eq!(between(SECOND, HOUR), Some((time(START + SECOND), time(START + HOUR))));
    assert_eq!(between(-HOUR, -MINUTE), None);
    assert!(query.between(end, begin).window().unwrap_err().is_invalid_setting());
}
