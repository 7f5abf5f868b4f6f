//! Promise: bad input gives a clear error or a counter; what else is recorded is stored, and nothing panics.

use std::time::Duration;

use monitored::{Counter, Gauge, Histogram, Monitor, Series, Timer, counter, gauge, histogram};

fn total(series: &[Series]) -> f64 {
    series.iter().map(Series::increase).sum()
}

#[test]
fn names_that_are_not_allowed_are_refused_with_a_cure() {
    for (name, says) in [
        ("", "is empty"),
        ("rows loaded", "write `rows_loaded`"),
        ("9_lives", "must start with a letter"),
        ("größe", "'ö' at byte 2"),
        ("rows\0", "'\\0' at byte 4"),
    ] {
        let error = Counter::named(name).register().unwrap_err();
        assert!(error.is_invalid_name());
        assert!(error.to_string().contains(says), "{name:?}: {error}");
    }
    let long = "x".repeat(10_000);
    let error = Gauge::named(&long).register().unwrap_err().to_string();
    assert!(error.contains("10000 bytes; at most 200") && error.len() < 200, "{error}");
    assert!(Histogram::named("sizes").unit("kilo bytes").register().is_err());
    assert!(Timer::named("times").tag("bad key", "x").register().is_err());
    assert!(Timer::named("times").tag("__name__", "x").register().is_err());
    assert!(Timer::named("times").service("").register().is_err());
}

#[test]
fn strange_values_and_tags_are_counted_and_the_rest_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.db");
    let monitor = Monitor::builder().service("bad").sqlite(&file).flush_every(Duration::from_hours(1)).start().unwrap();

    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        counter!("bad_counter", value);
        histogram!("bad_histogram", value);
    }
    counter!("bad_counter", -5_i64);
    gauge!("bad_gauge", f64::NAN);
    counter!("bad_counter", 3);
    histogram!("bad_histogram", 2.5);
    gauge!("bad_gauge", -7.5);

    let huge = "ü".repeat(5_000);
    let tags = ["plain", "", "two \"quotes\" and 'one'", "nul\0inside", "line\nbreak", "日本語 🚀", "{a=\"b\"}", &huge];
    for tag in tags {
        counter!("tagged", 1, "tag" => tag);
    }
    monitor.flush().unwrap();

    let query = |metric: &str| monitor.query().metric(metric).service("bad").series().unwrap();
    assert!((total(&query("bad_counter")) - 3.0).abs() < f64::EPSILON);
    assert_eq!(query("bad_histogram")[0].distribution().count(), 1);
    assert_eq!(query("bad_gauge")[0].last().unwrap().value.to_bits(), (-7.5_f64).to_bits());
    assert!((total(&query("monitored_rejected_total")) - 10.0).abs() < f64::EPSILON);

    let tagged = query("tagged");
    assert_eq!(tagged.len(), tags.len(), "no two tags share a series");
    for tag in &tags[..tags.len() - 1] {
        let found = monitor.query().metric("tagged").tag("tag", *tag).series().unwrap();
        assert!((total(&found) - 1.0).abs() < f64::EPSILON, "{tag:?}");
        assert_eq!(found[0].labels["tag"], *tag);
    }
    assert!(tagged.iter().all(|series| series.labels["tag"].len() <= 1024));
    assert!((total(&query("monitored_cut_tags_total")) - 1.0).abs() < f64::EPSILON);
    monitor.shutdown().unwrap();
}
