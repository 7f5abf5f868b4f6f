//! A name that means nothing, or more than one thing, is answered with the names that do.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use common::start;
use monitor_sinks::{Monitor, Query};

fn recorded(folder: &tempfile::TempDir) -> Monitor {
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    feed.with(|registry| {
        registry.call("app::etl", "parse", "ok", 0.1);
        registry.call("app::web", "parse", "ok", 0.1);
        registry.call("app::etl", "Pipeline::transform", "ok", 0.1);
        registry.count("rows_loaded", &[("table", "flights")], 3);
    });
    monitor.flush().unwrap();
    monitor
}

#[test]
fn an_ambiguous_function_lists_how_to_write_each() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = recorded(&folder);
    let error = monitor.query().function("parse").stats().unwrap_err();
    assert!(error.is_ambiguous_name());
    assert_eq!(error.candidates(), ["etl::parse", "web::parse"]);
    assert_eq!(error.to_string(), "several functions are called `parse`; write one of: etl::parse, web::parse");
    for candidate in error.candidates() {
        assert_eq!(monitor.query().function(candidate).stats().unwrap().calls, 1);
    }
}

#[test]
fn a_mistyped_function_is_answered_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = recorded(&folder);
    let error = monitor.query().function("trnsform").stats().unwrap_err();
    assert!(error.is_unknown_name());
    assert_eq!(error.to_string(), "there is no function `trnsform`; did you mean transform?");
    for name in ["transform", "Pipeline::transform", "app::etl::Pipeline::transform"] {
        assert_eq!(monitor.query().function(name).stats().unwrap().calls, 1, "{name}");
    }
}

#[test]
fn a_mistyped_metric_is_answered_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = recorded(&folder);
    let error = monitor.query().metric("rows_load").series().unwrap_err();
    assert!(error.is_unknown_name());
    assert_eq!(error.to_string(), "there is no metric `rows_load`; did you mean rows_loaded?");
}

#[test]
fn a_service_that_never_called_the_function_is_told_who_did() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = recorded(&folder);
    let wrong: [Query; 2] = [monitor.query().service("other"), monitor.query().tag("tenant", "a")];
    for query in wrong {
        let error = query.function("etl::parse").stats().unwrap_err();
        assert!(error.is_unknown_name() && error.to_string().contains("`test`"), "{error}");
    }
}

#[test]
fn a_store_without_functions_says_what_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, _feed) = start(&folder.path().join("metrics.db"));
    let error = monitor.query().function("parse").stats().unwrap_err();
    assert!(error.is_unknown_name() && error.to_string().contains("#[monitored]"), "{error}");
    assert!(monitor.query().functions().unwrap().is_empty());
    let error = monitor.query().metric("rows").series().unwrap_err();
    assert!(error.is_unknown_name() && error.to_string().contains("no series at all"), "{error}");
}
