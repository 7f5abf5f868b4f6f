use std::time::Duration;

use super::*;
use crate::{
    promql::{self, Memory},
    rule::{Elements, evaluate},
};

fn objective() -> Objective {
    Objective::new(99.9).latency(Duration::from_millis(250)).errors(0.5)
}

fn rules(group: &Group) -> Vec<&Rule> {
    let rules =
        group.entries.iter().filter_map(|entry| if let Entry::Alert(rule) = entry { Some(&**rule) } else { None });
    rules.collect()
}

/// A minute's calls, of which some fail, for as many minutes; then another stretch, and so on.
fn calls(stretches: &[(i64, f64)]) -> (Memory, i64) {
    let mut memory = Memory::new();
    let series = |outcome: &str| {
        promql::Labels::new([
            ("__name__", "function_calls_total"),
            ("function", "parse"),
            ("module", "etl"),
            ("outcome", outcome),
        ])
    };
    let (mut minute, mut ok, mut failed) = (0, 0.0, 0.0);
    for &(minutes, share) in stretches {
        for _ in 0..minutes {
            failed += 100.0 * share;
            ok += 100.0 * (1.0 - share);
            memory.push(&series("ok"), minute * 60_000, ok);
            memory.push(&series("error"), minute * 60_000, failed);
            minute += 1;
        }
    }
    (memory, (minute - 1) * 60_000)
}

/// The severity of the alert on errors after stretches of calls.
fn severity(stretches: &[(i64, f64)]) -> Option<Severity> {
    let group = objective_group(None, "etl", "parse", objective());
    let rule = rules(&group)[0].clone();
    let (memory, at_ms) = calls(stretches);
    let elements: Elements = evaluate(&rule, &memory, at_ms, None).unwrap();
    let value = *elements.values().next().unwrap();
    let crate::rule::Condition::Levels(levels) = rule.condition() else { panic!("{rule:?}") };
    levels.iter().filter(|level| level.fires(value)).map(|level| level.severity).max()
}

#[test]
fn each_promise_has_a_rule_and_a_budget_that_make_sense() {
    let group = objective_group(Some("web"), "etl", "parse", objective());
    group.check().unwrap();
    let names: Vec<&str> = rules(&group).iter().map(|rule| rule.name()).collect();
    assert_eq!(names, ["objective_errors: etl::parse", "objective_latency: etl::parse"]);
    assert_eq!(rules(&group)[1].label_templates()["service"], "web");
    assert_eq!(group.entries.len(), 4);
    assert!(objective_group(None, "a", "b", Objective::new(99.0)).entries.is_empty());
}

/// The budget is 0.5 %: 7.2 % of failures burn it 14.4 times too fast.
#[test]
fn how_fast_the_budget_burns_is_how_urgent_it_is() {
    let day = 1_440;
    assert_eq!(severity(&[(day, 0.004)]), None, "within the budget");
    assert_eq!(severity(&[(4 * day, 0.01)]), Some(Severity::Low));
    assert_eq!(severity(&[(day, 0.0), (90, 0.10)]), Some(Severity::Critical));
    assert_eq!(severity(&[(day, 0.0), (90, 0.10), (10, 0.0)]), Some(Severity::Low), "the short window is over it");
    assert_eq!(severity(&[(day, 0.0), (5, 0.10)]), None, "five minutes in an hour are 1.7 times too fast");
    assert_eq!(severity(&[(day, 0.0), (7 * 60, 0.04)]), Some(Severity::High));
    assert_eq!(severity(&[(day, 0.02)]), Some(Severity::Medium));
}

#[test]
fn what_is_left_of_the_budget_is_recorded() {
    let group = objective_group(None, "etl", "parse", objective());
    let Entry::Record(recording) = &group.entries[0] else { panic!("{group:?}") };
    let left = |share: f64| {
        let (memory, at_ms) = calls(&[(1_000, share)]);
        recording.evaluate(&memory, at_ms).unwrap()[0].clone()
    };
    let (labels, all) = left(0.0);
    let wanted =
        r#"{__name__="function_objective_budget_left:ratio", function="parse", module="etl", objective="errors"}"#;
    assert_eq!((labels.to_string().as_str(), all), (wanted, 1.0));
    assert!((left(0.0025).1 - 0.5).abs() < 1e-9 && (left(0.01).1 + 1.0).abs() < 1e-9);
    assert_eq!(recording.evaluate(&Memory::new(), 0).unwrap(), [], "without a call nothing is known");
}
