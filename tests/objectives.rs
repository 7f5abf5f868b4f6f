//! Promise: what a function has promised is watched from its first call on, across restarts, without a rule being written.

use std::path::Path;
use std::time::{Duration, SystemTime};

use monitored::notify::Severity;
use monitored::promql::Data;
use monitored::rule::{Fingerprint, Lifecycle};
use monitored::{Monitor, Store, monitored};

#[monitored(name = "parse", objective(errors = 1))]
fn parse(row: u64) -> Result<u64, String> {
    if row.is_multiple_of(4) { Err(String::from("no row")) } else { Ok(row) }
}

/// A monitor that flushes when it is told to.
fn start(path: &Path) -> Monitor {
    Monitor::builder().service("etl").sqlite(path).flush_every(Duration::from_hours(1)).objectives().start().unwrap()
}

/// What is left of the budget, by the store.
fn left(path: &Path) -> Option<f64> {
    let answer =
        Store::open_read_only(path).unwrap().promql("function_objective_budget_left:ratio").at(SystemTime::now());
    let answer = answer.ok()?;
    let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
    elements.first().and_then(|element| {
        assert_eq!((element.labels.get("function"), element.labels.get("objective")), (Some("parse"), Some("errors")));
        element.value.as_float()
    })
}

fn firing(monitor: &Monitor) -> Option<(Fingerprint, Option<Severity>)> {
    let alerts = monitor.alerts().unwrap();
    let alert = alerts.first()?;
    assert!(alert.lifecycle == Lifecycle::Firing && alert.rule.starts_with("objective_errors: "), "{alert:?}");
    Some((alert.fingerprint, alert.severity))
}

/// One test: functions register themselves in the process.
#[test]
fn a_function_that_fails_too_often_spends_its_budget_and_alerts_from_its_first_call_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    // Before its first call a function is unknown.
    let monitor = start(&path);
    monitor.flush().unwrap();
    assert_eq!((left(&path), firing(&monitor)), (None, None));
    (0..100).for_each(|row| drop(parse(2 * row + 1)));
    monitor.flush().unwrap();
    assert_eq!((left(&path), firing(&monitor)), (Some(1.0), None));
    monitor.shutdown().unwrap();

    // The rules are evaluated at the start and once a minute.
    let monitor = start(&path);
    (0..400).for_each(|row| drop(parse(row)));
    monitor.flush().unwrap();
    let spent = left(&path).unwrap();
    assert!(spent < -5.0, "a quarter failed, one in a hundred may: {spent}");
    let alert = firing(&monitor).unwrap();
    assert_eq!(alert.1, Some(Severity::Critical));
    monitor.shutdown().unwrap();

    // It goes on where it was.
    let monitor = start(&path);
    monitor.flush().unwrap();
    assert_eq!(firing(&monitor), Some(alert));
    let events = monitor.store().alert_events(10).unwrap();
    assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["fired"]);
    monitor.shutdown().unwrap();
    assert!(Store::open_read_only(&path).unwrap().check().unwrap().is_empty());
}
