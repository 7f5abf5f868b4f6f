//! Promise: what is not a number, missing, late, divided by nothing, or counted anew is judged by the rule's policy alone, and
//! by default ends no alert and makes none.
#![cfg(feature = "rules")]

use std::time::Duration;

use monitor_sinks::rule::{
    Lifecycle::{self, Firing, Inactive},
    Missing, Rule,
    testing::RuleTest,
};

const MINUTE: Duration = Duration::from_mins(1);

/// What becomes of an alert by its policy: `Keep`, `Resolve`, `Fire` and `Ignore`.
type ByPolicy = [Lifecycle; 4];

const LEFT_TO_THE_POLICY: ByPolicy = [Firing, Inactive, Firing, Firing];
const WELL: ByPolicy = [Inactive; 4];
const BAD: ByPolicy = [Firing; 4];

/// Row 11 of the failure matrix.
#[test]
fn what_is_no_number_is_missing_and_what_is_without_end_is_a_number() {
    // What the value is, after five minutes of 95 and before five minutes of 10.
    for (expr, series, expected) in [
        ("x", [("x", "95x4 NaNx9 10x4"), ("y", "1x18")], LEFT_TO_THE_POLICY),
        ("x", [("x", "95x4 Infx9 10x4"), ("y", "1x18")], BAD),
        ("x", [("x", "95x4 -Infx9 10x4"), ("y", "1x18")], WELL),
        ("avg_over_time(x[1m])", [("x", "95x4 NaNx9 10x4"), ("y", "1x18")], LEFT_TO_THE_POLICY),
        ("x / y", [("x", "95x4 0x9 10x4"), ("y", "1x4 0x9 1x4")], LEFT_TO_THE_POLICY),
        ("x / y", [("x", "95x4 7x9 10x4"), ("y", "1x4 0x9 1x4")], BAD),
        ("x / y", [("x", "95x4 7x9 10x4"), ("y", "1x4 Infx9 1x4")], WELL),
        ("x % y", [("x", "95x4 95x9 10x4"), ("y", "1000x4 0x9 1000x4")], LEFT_TO_THE_POLICY),
        ("sqrt(x) * 10", [("x", "95x4 -1x9 1x4"), ("y", "1x18")], LEFT_TO_THE_POLICY),
    ] {
        judge(expr, &series, expected);
    }
}

/// Row 12 of the failure matrix.
#[test]
fn what_is_missing_ended_or_called_otherwise_is_left_to_the_policy() {
    for (expr, series, expected) in [
        ("x", [("x", "95x4 stale _x8 10x4"), ("y", "1x18")], LEFT_TO_THE_POLICY),
        // The last value stands for five minutes.
        ("x", [("x", "95x4 _x10 10x4"), ("y", "1x18")], LEFT_TO_THE_POLICY),
        // Late by less than that.
        ("x", [("x", "95x4 _x4 95 _x4 95 10x4"), ("y", "1x18")], BAD),
        // A value of the other series is missing.
        ("x * y", [("x", "95x14 10x4"), ("y", "1x4 stale _x8 1x4")], LEFT_TO_THE_POLICY),
        // The labels change, and change back.
        ("x", [("x{of=\"a\"}", "95x4 stale _x8 10x4"), ("x{of=\"b\"}", "_x5 10x13")], LEFT_TO_THE_POLICY),
    ] {
        judge(expr, &series, expected);
    }
}

fn judge(expr: &str, series: &[(&str, &str)], expected: ByPolicy) {
    let policies = [Missing::Keep, Missing::Resolve, Missing::Fire, Missing::Ignore];
    for (missing, lifecycle) in policies.into_iter().zip(expected) {
        let rule = Rule::new("r").when(expr).above(80.0).clear_below(80.0).missing(missing);
        let test = series.iter().fold(RuleTest::new(&rule), |test, (name, points)| test.series(name, points));
        let test = test.expect_at(MINUTE * 4, Firing).expect_at(MINUTE * 13, lifecycle);
        let test = if expected == WELL { test } else { test.expect_at(MINUTE * 17, Inactive) };
        test.run().unwrap_or_else(|error| panic!("{missing} of `{expr}` over {series:?}: {error}"));
    }
}

/// Missing values count as the condition for as long as the rule asks for, as all others.
#[test]
fn a_value_that_is_missing_must_be_so_for_as_long_as_any_other() {
    let rule = Rule::new("r").when("x").above(80.0).missing(Missing::Fire).held_for(MINUTE * 3);
    RuleTest::new(&rule)
        .series("x", "1x3 stale _x9")
        .expect_at(MINUTE * 4, Lifecycle::Pending)
        .expect_at(MINUTE * 6, Lifecycle::Pending)
        .expect_at(MINUTE * 7, Firing)
        .run()
        .unwrap();
}

#[test]
fn a_counter_that_begins_anew_is_no_fall() {
    for (expr, above) in [("rate(c[5m])", false), ("increase(c[5m])", false), ("rate(c[5m])", true)] {
        let rule = Rule::new("r").when(expr);
        let rule = if above { rule.above(1.5) } else { rule.below(0.0) };
        let mut test = RuleTest::new(&rule).series("c", "0+60x20 60+60x10 30+60x5 1000+60x10");
        for minute in 0..45 {
            if !above || minute < 36 {
                test = test.expect_at(MINUTE * minute, Inactive);
            }
        }
        test.run().unwrap();
    }
}

/// A sample that comes late, such as by an import, changes what is seen from then on, and never what was told.
#[test]
fn a_window_with_gaps_is_judged_by_its_samples_unless_the_rule_asks_for_more() {
    let mean = Rule::new("r").when("avg_over_time(x[5m])").above(80.0).clear_below(70.0);
    let points = "95x5 _x3 95 _x3 10x6";
    RuleTest::new(&mean)
        .series("x", points)
        .expect_at(MINUTE * 11, Firing)
        .expect_at(MINUTE * 18, Inactive)
        .run()
        .unwrap();
    let covered = mean.min_coverage(0.5, MINUTE);
    // With one sample of five nobody knows; with three it is well.
    RuleTest::new(&covered)
        .series("x", "95x5 _x3 10 _x3 10x6")
        .expect_at(MINUTE * 11, Firing)
        .expect_at(MINUTE * 18, Inactive)
        .run()
        .unwrap();
}
