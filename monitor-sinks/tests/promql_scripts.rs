//! The scripts in tests/promql: what PromQL means, case by case.
#![cfg(feature = "promql")]

use std::{fs, path::Path};

use monitor_sinks::promql::testing::run;

/// Runs a script of which all cases must pass.
fn script(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promql").join(name);
    let report = run(&fs::read_to_string(&path).unwrap());
    for (line, message) in &report.failed {
        println!("{name}:{line}: {message}");
    }
    assert!(report.failed.is_empty() && report.skipped.is_empty(), "{name}: {} failed", report.failed.len());
    assert!(report.passed > 0);
}

#[test]
fn functions_compute_what_is_documented() {
    script("functions.test");
}

#[test]
fn names_go_when_the_question_is_answered() {
    script("names.test");
}

#[test]
fn classic_histograms_have_quantiles_and_fractions() {
    script("histograms.test");
}

#[test]
fn native_histograms_are_added_compared_and_cut() {
    script("native_histograms.test");
}

#[test]
fn groups_are_summed_and_chosen_from() {
    script("aggregation.test");
}

#[test]
fn angles_are_radians() {
    script("trigonometry.test");
}

#[test]
fn what_is_experimental_is_there() {
    script("extended.test");
}

#[test]
fn instants_offsets_and_subqueries_agree() {
    script("times.test");
}

/// A runner that never fails would prove nothing.
#[test]
fn a_wrong_expectation_fails_with_its_line() {
    let script = "load 1m\n  x 1 2\n  h {{count:1 sum:2}}\n\n";
    for wrong in [
        "eval instant at 1m x\n  x 3",
        "eval instant at 1m x\n  y 2",
        "eval instant at 1m x",
        "eval instant at 1m none\n  x 2",
        "eval instant at 1m x\n  x {{count:1}}",
        "eval instant at 1m h\n  h {{count:1 sum:3}}",
        "eval range from 0 to 1m step 1m x\n  x 1",
        "eval range from 0 to 1m step 1m x\n  x 1 _",
        "eval instant at 1m 1 + 1\n  3",
        "eval instant at 1m x\n  expect fail\n  x 2",
        "eval instant at 1m x[\n  x 2",
        "eval instant at 1m quantile(2, x)\n  expect no_warn\n  {} Inf",
        "eval instant at 1m x\n  expect warn\n  x 2",
        "eval instant at 1m {__name__=~\"x\"} + on (a) x\n  expect fail msg: something else",
        "evaluate x",
    ] {
        let report = run(&format!("{script}{wrong}\n"));
        assert_eq!((report.passed, report.failed.len()), (0, 1), "{wrong}");
        assert_eq!(report.failed[0].0, 5, "{wrong}");
    }
}
