//! Rules that record, second by second.

use monitor_core::Objective;

use super::*;
use crate::rule::{Recording, objective_group};

impl Rig {
    fn of_groups(groups: impl IntoIterator<Item = Group>) -> Self {
        let mut rig = Self::new([]);
        rig.groups = groups.into_iter().collect();
        rig.restart(1);
        rig
    }

    /// What a question is answered at the last flush, as text, by the store.
    fn answer(&self, text: &str) -> String {
        self.answer_at(text, self.wall_ms)
    }

    fn answer_at(&self, text: &str, wall_ms: i64) -> String {
        let source = self.store().promql_source();
        let answer = crate::promql::Query::new(&source, text).at(wall_ms).unwrap();
        let crate::promql::Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
        let shown = elements.iter().map(|element| format!("{} {}", element.labels, element.value.as_float().unwrap()));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// Puts other rules in the place of those that there are, while the program runs.
    fn reload(&mut self, groups: impl IntoIterator<Item = Group>) {
        self.groups = groups.into_iter().collect();
        let (mut writer, _) = self.running.take().unwrap();
        let engine = self.opened(&mut writer);
        self.derived.end_all();
        self.running = Some((writer, engine));
    }

    fn figures(&self) -> Figures {
        self.running.as_ref().unwrap().1.figures()
    }
}

fn twice() -> Recording {
    Recording::new("queue:length:twice", "queue * 2")
}

#[test]
fn rules_of_a_group_see_what_those_before_them_have_recorded_at_the_same_instant() {
    let group = Group::new("g")
        .rule(Rule::new("early").when("queue:length:twice").above(10.0))
        .record(twice())
        .record(Recording::new("queue:length:more", "queue:length:twice + 1").label("team", "x"))
        .rule(Rule::new("late").when("queue:length:more").above(10.0));
    let mut rig = Rig::of_groups([group]);
    rig.hold("queue", 2.0, 3);
    rig.hold("queue", 20.0, 1);
    assert_eq!(rig.told(), ["firing late"]);
    rig.hold("queue", 20.0, 1);
    assert_eq!(rig.told(), ["firing late", "firing early"]);
    let wanted = r#"{__name__="queue:length:more", service="etl", team="x"} 41"#;
    assert_eq!(rig.answer("queue:length:more"), wanted);
    assert_eq!(rig.answer("sum(avg_over_time(queue:length:twice[1500ms]))"), "{} 40");
    // The store's own questions know them as well.
    let listed = rig.store().query().metric("queue:length:twice").series().unwrap();
    assert_eq!(listed.len(), 1);
}

#[test]
fn a_series_that_is_not_in_the_result_any_more_ends_at_once() {
    let longer = Recording::new("long", "queue > 10");
    let seen = Rule::new("seen").when("count(long)").at_least(1.0).missing(Missing::Resolve);
    let mut rig = Rig::of_groups([Group::new("g").record(longer).rule(seen)]);
    rig.hold("queue", 20.0, 5);
    assert_eq!(rig.answer("count(long)"), "{} 1");
    rig.hold("queue", 5.0, 1);
    assert_eq!(rig.answer("long"), "");
    let ended = rig.wall_ms;
    rig.hold("queue", 5.0, 4);
    assert_eq!(rig.told(), ["firing seen", "resolved seen"]);
    rig.hold("queue", 30.0, 1);
    assert_eq!(rig.answer("sum(long)"), "{} 30");
    // Its end is in the file as it is in chunks and, without its samples, in windows.
    (0..900).for_each(|_| rig.hold("queue", 30.0, 1));
    let (writer, _) = rig.running.as_mut().unwrap();
    while writer.maintain(rig.wall_ms * 1_000).unwrap() {}
    assert_eq!(rig.answer_at("long", ended), "");
    assert_eq!(rig.answer_at("count(long)", ended - 1_000), "{} 1");
    assert_eq!(rig.answer_at("count_over_time(long[4500ms])", ended), r#"{service="etl"} 4"#);
    // With the program it ends as well, and is back with the next one.
    rig.restart(10);
    rig.hold("queue", 5.0, 2);
    assert_eq!(rig.answer("long"), "");
    rig.hold("queue", 11.0, 1);
    assert_eq!(rig.answer("sum(long)"), "{} 11");
}

#[test]
fn a_rule_that_fails_keeps_its_values_for_a_while_and_disturbs_no_other() {
    let twins = Recording::new("twins", "other").label("table", "x");
    let group = Group::new("g").record(twins).record(twice());
    let mut rig = Rig::of_groups([group]);
    rig.registry.gauge("other", &[("table", "a")], 20.0);
    rig.hold("queue", 20.0, 3);
    assert_eq!(rig.answer("sum(twins)"), "{} 20");
    // Two series of the result are now called the same.
    rig.registry.gauge("other", &[("table", "b")], 1.0);
    rig.hold("queue", 30.0, 5);
    assert_eq!(rig.kinds(), ["rule_failed"]);
    let event = &rig.store().alert_events(1).unwrap()[0];
    assert!(event.rule.as_deref() == Some("twins") && event.text.contains("rule `twins`: "), "{event:?}");
    assert_eq!(rig.figures().failures, 5);
    assert_eq!(rig.answer("sum(twins)"), "{} 20");
    assert_eq!(rig.answer("sum(queue:length:twice)"), "{} 60");
    rig.hold("queue", 30.0, 300);
    assert_eq!(rig.answer("sum(twins)"), "", "what is not known lasts as long as PromQL looks back");
    assert!(rig.told().is_empty());
}

#[test]
fn series_that_are_too_many_are_left_out_and_those_that_are_known_stay() {
    let mut rig = Rig::of_groups([Group::new("g").record(Recording::new("copy", "full"))]);
    for disk in 0..1_100 {
        if disk == 500 {
            assert!(rig.tick());
        }
        rig.registry.gauge("full", &[("disk", &disk.to_string())], 1.0);
    }
    (0..2).for_each(|_| assert!(rig.tick()));
    assert_eq!(rig.answer("count(copy)"), "{} 1000");
    assert_eq!(rig.answer("count(copy{disk=~\"[0-4]?[0-9]?[0-9]\"})"), "{} 500");
    let event = &rig.store().alert_events(1).unwrap()[0];
    assert!(event.text.contains("rules have recorded 1000 series, and 100 of it are left out"), "{event:?}");
    // Labels without an end are bounded over time.
    let values = Group::new("g").record(Recording::new("seen", "count_values(\"value\", queue)"));
    let mut rig = Rig::of_groups([values]);
    (0..1_010).for_each(|second| rig.hold("queue", f64::from(second), 1));
    let event = &rig.store().alert_events(1).unwrap()[0];
    assert!(event.text.contains("1000 series"), "{event:?}");
    assert_eq!(rig.answer("seen"), "");
}

#[test]
fn two_rules_cannot_record_one_series() {
    let group = Group::new("g").record(twice()).record(Recording::new("queue:length:twice", "queue + 1"));
    let mut rig = Rig::of_groups([group]);
    rig.hold("queue", 20.0, 2);
    assert_eq!(rig.answer("sum(queue:length:twice)"), "{} 40");
    let event = &rig.store().alert_events(1).unwrap()[0];
    assert!(event.text.contains("is recorded by another rule as well; give one of them a label"), "{event:?}");
}

#[test]
fn a_group_with_an_interval_is_evaluated_by_that() {
    let slow = Group::new("slow").every(Duration::from_secs(10)).record(twice()).rule(queue());
    let mut rig = Rig::of_groups([slow, Group::new("each").record(Recording::new("copy", "queue"))]);
    rig.hold("queue", 5.0, 1);
    rig.hold("queue", 20.0, 9);
    assert_eq!((rig.answer("sum(queue:length:twice)"), rig.answer("sum(copy)")), ("{} 10".into(), "{} 20".into()));
    assert!(rig.told().is_empty());
    rig.hold("queue", 20.0, 1);
    assert_eq!((rig.answer("sum(queue:length:twice)"), rig.told()), ("{} 40".into(), vec!["firing queue".into()]));
    assert_eq!(rig.figures().evaluations, 11 + 2 * 2);
}

#[test]
fn rules_that_take_the_place_of_others_go_on_with_their_series() {
    let other = Recording::new("other", "queue + 1");
    let mut rig = Rig::of_groups([Group::new("g").record(other.clone()).record(twice())]);
    rig.hold("queue", 5.0, 3);
    rig.reload([Group::new("g").record(twice()).record(Recording::new("third", "queue + 2"))]);
    rig.hold("queue", 6.0, 1);
    let answers = ["other", "queue:length:twice", "third"].map(|name| rig.answer(&format!("sum({name})")));
    assert_eq!(answers, ["", "{} 12", "{} 8"]);
    rig.reload([Group::new("g").record(other)]);
    rig.hold("queue", 7.0, 2);
    let answers = ["other", "queue:length:twice", "third"].map(|name| rig.answer(&format!("sum({name})")));
    assert_eq!(answers, ["{} 8", "", ""]);
    assert!(rig.store().check().unwrap().is_empty());
}

#[test]
fn what_was_recorded_before_a_restart_is_there_for_windows_after_it() {
    let group = Group::new("g").record(twice()).record(Recording::new("most", "max_over_time(queue:length:twice[1m])"));
    let mut rig = Rig::of_groups([group]);
    rig.hold("queue", 50.0, 3);
    rig.restart(5);
    rig.hold("queue", 5.0, 3);
    assert_eq!(rig.answer("sum(most)"), "{} 100");
    rig.hold("queue", 5.0, 60);
    assert_eq!(rig.answer("sum(most)"), "{} 10");
}

#[test]
fn what_does_not_change_is_not_written_again_before_the_next_minute() {
    let mut rig = Rig::of_groups([Group::new("g").record(Recording::new("one", "vector(1)"))]);
    assert!(rig.tick());
    let newest = |rig: &Rig| rig.store().promql_source().newest().unwrap();
    let written = newest(&rig);
    (0..50).for_each(|_| assert!(rig.tick()));
    assert_eq!(newest(&rig), written);
    (0..15).for_each(|_| assert!(rig.tick()));
    assert!(newest(&rig) > written);
    assert_eq!(rig.answer("one"), r#"{__name__="one"} 1"#);
}

/// Nine hours with a flush every ten seconds, half an hour without the program among them.
#[test]
fn increases_over_hours_are_as_good_from_windows() {
    let mut rig = Rig::of_groups([]);
    for step in 0..3_000_u64 {
        if step == 700 {
            rig.restart(1_800);
        }
        rig.registry.count("rows_total", &[], step % 7 + u64::from(step > 1_500) * 20);
        (rig.wall_ms, rig.steady_ms) = (rig.wall_ms + 9_000, rig.steady_ms + 9_000);
        assert!(rig.tick());
        if step % 100 == 0 {
            let (writer, _) = rig.running.as_mut().unwrap();
            while writer.maintain(rig.wall_ms * 1_000).unwrap() {}
        }
    }
    let exact = rig.store().promql_source();
    let rough = exact.rough_before(3_600_000);
    let ask = |source: &StoreSource, range: &str| {
        let answer = crate::promql::Query::new(source, format!("sum(increase(rows_total[{range}]))"));
        let answer = answer.at(rig.wall_ms).unwrap();
        let crate::promql::Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
        (elements[0].value.as_float().unwrap(), answer.infos().iter().any(|info| info.contains("windows of 5 minutes")))
    };
    for (range, most) in [("5m", 0.0), ("1h", 0.0), ("2h", 0.01), ("6h", 0.01), ("8h", 0.01), ("1d", 0.01)] {
        let ((wanted, from_windows), (found, _)) = (ask(&exact, range), ask(&rough, range));
        assert!(!from_windows, "{range}");
        assert!((found - wanted).abs() <= wanted * most, "{range}: {found} and not {wanted}");
    }
    assert!(ask(&rough, "6h").1, "windows were read");
}

#[test]
fn an_objective_that_is_broken_spends_its_budget_and_alerts() {
    let objective = Objective::new(99.0).errors(1.0);
    let mut rig = Rig::of_groups([objective_group(None, "etl", "parse", objective)]);
    let calls = |rig: &mut Rig, outcome: &str, each: u64, seconds: usize| {
        for _ in 0..seconds {
            let labels = [("function", "parse"), ("module", "etl"), ("outcome", outcome)];
            rig.registry.count("function_calls_total", &labels, each);
            assert!(rig.tick());
        }
    };
    let left = |rig: &Rig| {
        let answer = rig.answer("function_objective_budget_left:ratio");
        let (labels, value) = answer.rsplit_once(' ').unwrap();
        let wanted =
            r#"{__name__="function_objective_budget_left:ratio", function="parse", module="etl", objective="errors"}"#;
        assert_eq!(labels, wanted);
        value.parse::<f64>().unwrap()
    };
    calls(&mut rig, "ok", 10, 130);
    assert!((left(&rig) - 1.0).abs() < 1e-9);
    assert!(rig.told().is_empty());
    calls(&mut rig, "error", 10, 65);
    assert!(left(&rig) < -10.0, "{}", left(&rig));
    assert_eq!(rig.told(), ["firing objective_errors: etl::parse"]);
    assert_eq!(rig.alert("objective_errors: etl::parse").severity, Some(Severity::Critical));
}

#[test]
fn alerts_of_a_function_that_has_not_been_called_since_the_start_wait_for_it_for_a_day() {
    let group = objective_group(None, "etl", "parse", Objective::new(99.0).errors(1.0));
    let mut rig = Rig::of_groups([group]);
    let labels = [("function", "parse"), ("module", "etl"), ("outcome", "error")];
    rig.registry.count("function_calls_total", &labels, 10);
    assert!(rig.tick());
    assert_eq!(rig.told(), ["firing objective_errors: etl::parse"]);
    // The program starts anew, and its functions are not called.
    (rig.groups, rig.objectives) = (Vec::new(), true);
    rig.restart(5);
    rig.hold("queue", 5.0, 10);
    assert_eq!(rig.told().len(), 1);
    assert_eq!(rig.alert("objective_errors: etl::parse").lifecycle, Lifecycle::Firing);
    (rig.wall_ms, rig.steady_ms) = (rig.wall_ms + 86_400_000, rig.steady_ms + 86_400_000);
    rig.hold("queue", 5.0, 2);
    assert_eq!(rig.told()[1..], ["resolved objective_errors: etl::parse"]);
    assert!(rig.store().alerts().unwrap().is_empty());
    // Where objectives are not watched, nobody waits.
    rig.groups = vec![objective_group(None, "etl", "parse", Objective::new(99.0).errors(1.0))];
    rig.objectives = false;
    rig.restart(5);
    rig.registry.count("function_calls_total", &labels, 1_000);
    assert!(rig.tick());
    assert_eq!(rig.told().last().unwrap(), "firing objective_errors: etl::parse");
    rig.groups.clear();
    rig.restart(5);
    rig.hold("queue", 5.0, 1);
    assert_eq!(rig.told().last().unwrap(), "resolved objective_errors: etl::parse");
}
