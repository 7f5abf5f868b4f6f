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

#[test]
fn an_unknown_service_or_tag_is_told_to_each_kind_of_question() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = recorded(&folder);
    let errors = [
        monitor.query().metric("rows_loaded").service("other").series().unwrap_err(),
        monitor.query().metric("rows_loaded").tag("table", "trains").series().unwrap_err(),
        monitor.query().service("other").series().unwrap_err(),
        monitor.query().service("other").functions().unwrap_err(),
        monitor.query().tag("tenant", "a").functions().unwrap_err(),
        monitor.query().service("other").function("transform").functions().unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_unknown_name() && error.to_string().contains("`test`"), "{error}");
    }
    assert!(monitor.query().tag("table", "flights").functions().unwrap().is_empty(), "known, but not of functions");
}

#[test]
fn a_metric_is_not_ignored_where_functions_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = recorded(&folder);
    for error in [
        monitor.query().function("transform").metric("zz").stats().unwrap_err(),
        monitor.query().metric("rows_loaded").functions().unwrap_err(),
        monitor.query().metric("rows_loaded").function("transform").series().unwrap_err(),
    ] {
        assert!(error.is_invalid_setting() && error.to_string().contains("leave "), "{error}");
    }
    assert_eq!(monitor.query().metric("function_calls_total").function("transform").series().unwrap().len(), 1);
}

#[test]
fn empty_and_endless_names_are_answered_briefly() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = recorded(&folder);
    assert!(monitor.query().function("").stats().unwrap_err().is_invalid_setting());
    assert!(monitor.query().metric("").series().unwrap_err().is_invalid_setting());
    assert!(monitor.query().service("").functions().unwrap_err().is_invalid_setting());
    let long = "ä".repeat(100_000);
    for error in [
        monitor.query().function(&long).stats().unwrap_err(),
        monitor.query().metric(&long).series().unwrap_err(),
        monitor.query().service(&long).series().unwrap_err(),
        monitor.query().tag(&long, &long).functions().unwrap_err(),
    ] {
        assert!(error.is_unknown_name(), "{error}");
        let message = error.to_string();
        assert!(message.len() < 1_000 && message.contains("200000 bytes"), "{message}");
    }
}
