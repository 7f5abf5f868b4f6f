//! `#[track_caller]` keeps its meaning in a monitored function.
//!
//! A closure would become the caller that the body sees, so these functions are only guarded: their errors count as
//! successful calls, because `return` and `?` cannot be caught without a closure.

use std::panic::{Location, catch_unwind};

use monitor_core::{Collector, Sample, Value};
use monitored::monitored;

#[monitored]
#[track_caller]
fn located(early: bool) -> Result<u32, u32> {
    let line = Location::caller().line();
    if early {
        return Ok(line);
    }
    Err(line)
}

#[cfg_attr(all(), monitored)]
#[cfg_attr(all(), track_caller)]
fn conditional(text: Option<u32>) -> u32 {
    assert!(text.is_some(), "no text");
    Location::caller().line()
}

#[test]
fn the_caller_is_seen_and_a_return_is_no_panic() {
    assert_eq!(located(true), Ok(line!()));
    assert_eq!(located(false), Err(line!()));
    assert_eq!(conditional(Some(1)), line!());
    assert!(catch_unwind(|| conditional(None)).is_err());

    let mut collector = Collector::new();
    collector.collect();
    assert_eq!((calls(&collector, "located", "ok"), calls(&collector, "located", "panicked")), (2.0, 0.0));
    assert_eq!((calls(&collector, "conditional", "ok"), calls(&collector, "conditional", "panicked")), (1.0, 1.0));
}

fn calls(collector: &Collector, function: &str, outcome: &str) -> f64 {
    let wanted = [("function", function), ("outcome", outcome)];
    let fits = |sample: &Sample<'_>| {
        wanted
            .iter()
            .all(|wanted| sample.key.labels.iter().any(|(key, value)| (key.as_str(), value.as_str()) == *wanted))
    };
    match collector.samples().find(fits).map(|sample| sample.value) {
        Some(Value::Counter { total, .. }) => total.as_f64(),
        _ => 0.0,
    }
}
