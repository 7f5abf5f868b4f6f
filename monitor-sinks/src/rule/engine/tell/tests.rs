use std::time::Duration;

use super::{
    super::super::step::{Observed, Tick, step},
    super::tracked::Acknowledgement,
    *,
};

/// An alert that is taken through what the test says, a second a step if it says nothing else.
struct Scene {
    rule: Rule,
    memory: Memory,
    recipients: Vec<Recipient>,
    second: i64,
    step: u64,
}

impl Scene {
    fn new(rule: Rule) -> Self {
        let recipient = |name: &str, least| Recipient { name: name.to_owned(), least, is_single: false };
        let recipients = vec![recipient("ops", Severity::Low), recipient("pager", Severity::High)];
        Self { rule, memory: Memory::default(), recipients, second: 0, step: 1 }
    }

    /// What is told after a value was seen, as `KIND:CHANNELS`.
    fn see(&mut self, value: f64) -> Vec<String> {
        self.second += self.step.cast_signed();
        let elapsed_ms = self.step * 1_000;
        let tick = Tick { wall_ms: self.second * 1_000, elapsed_ms, interval_ms: elapsed_ms };
        let events = step(&self.rule, &mut self.memory.state, Observed::Value(value), tick);
        let way = Way::new(&self.rule, &[]);
        let notes =
            tell(&self.rule, &way, &mut self.memory, &events, &self.recipients, self.second * 1_000, elapsed_ms);
        notes.iter().map(|note| format!("{:?}:{}", note.kind, note.channels.join("+"))).collect()
    }
}

fn rule() -> Rule {
    Rule::new("queue").when("queue").above(10.0).clear_below(9.0).repeat(Duration::from_secs(10))
}

#[test]
fn whoever_was_told_of_the_beginning_is_told_of_the_end() {
    let mut scene = Scene::new(rule());
    assert_eq!(scene.see(5.0), [""; 0]);
    assert_eq!(scene.see(20.0), ["Firing:ops"]);
    assert_eq!(scene.see(20.0), [""; 0]);
    assert_eq!(scene.see(5.0), ["Resolved:ops"]);
    assert_eq!(scene.see(5.0), [""; 0]);
}

#[test]
fn a_silence_over_the_beginning_and_the_end_leaves_nothing() {
    let mut scene = Scene::new(rule());
    scene.memory.silenced = Some(1);
    assert_eq!(scene.see(20.0), [""; 0]);
    assert_eq!(scene.see(5.0), [""; 0]);
    scene.memory.silenced = None;
    assert_eq!(scene.see(5.0), [""; 0], "an orphan");
}

#[test]
fn a_silence_that_ends_while_it_fires_has_it_told_then() {
    let mut scene = Scene::new(rule());
    scene.memory.silenced = Some(1);
    assert_eq!(scene.see(20.0), [""; 0]);
    scene.memory.silenced = None;
    assert_eq!(scene.see(20.0), ["Firing:ops"]);
    assert_eq!(scene.see(5.0), ["Resolved:ops"]);
}

#[test]
fn a_silence_that_begins_after_the_beginning_lets_the_end_through() {
    let mut scene = Scene::new(rule());
    assert_eq!(scene.see(20.0), ["Firing:ops"]);
    scene.memory.silenced = Some(1);
    (0..20).for_each(|_| assert_eq!(scene.see(20.0), [""; 0], "a repetition"));
    assert_eq!(scene.see(5.0), ["Resolved:ops"]);
}

#[test]
fn it_is_told_again_until_somebody_has_seen_it_and_again_when_that_is_over() {
    let mut scene = Scene::new(rule());
    assert_eq!(scene.see(20.0), ["Firing:ops"]);
    (0..9).for_each(|_| assert_eq!(scene.see(20.0), [""; 0]));
    assert_eq!(scene.see(20.0), ["Repeat:ops"]);
    let until_ms = (scene.second + 30) * 1_000;
    let ack = Acknowledgement { by: "me".into(), note: String::new(), until_ms, incident: 1 };
    scene.memory.ack = Some(ack.clone());
    (0..29).for_each(|_| assert_eq!(scene.see(20.0), [""; 0]));
    assert_eq!(scene.see(20.0), ["Repeat:ops"]);
    assert_eq!(scene.memory.ack, None);
    // It goes with its incident.
    scene.memory.ack = Some(Acknowledgement { until_ms: i64::MAX, ..ack });
    assert_eq!(scene.see(5.0), ["Resolved:ops"]);
    assert_eq!(scene.see(20.0), ["Flapping:ops"]);
    assert_eq!(scene.memory.ack, None);
}

#[test]
fn an_escalation_reaches_who_wants_to_know_of_it_only_and_so_does_the_end() {
    use super::super::super::condition::{Comparison, Level};
    let rule = rule().severity(Severity::Low).level(Level::new(Severity::Critical, Comparison::Above, 50.0));
    let mut scene = Scene::new(rule);
    assert_eq!(scene.see(20.0), ["Firing:ops"]);
    assert_eq!(scene.see(80.0), ["Escalated:ops+pager"]);
    assert_eq!(scene.see(5.0), ["Resolved:ops+pager"]);
}

/// What is told while a value is seen for some seconds.
fn hold(scene: &mut Scene, value: f64, seconds: u64) -> Vec<String> {
    (0..seconds / scene.step).flat_map(|_| scene.see(value)).collect()
}

/// Row 13 of the failure matrix, with the settings that a rule has if nothing is said.
#[test]
fn of_a_wave_the_first_beginning_and_end_are_told_then_that_it_flaps_and_in_the_end_what_it_is() {
    let plain = || Rule::new("queue").when("queue").above(10.0);
    // From two evaluations to half an hour.
    let slow = (1..=60).step_by(3).chain([60]).map(|steps| (15, steps));
    for (step, steps) in [1, 2, 3, 7, 40, 299].map(|steps| (1, steps)).into_iter().chain(slow) {
        for last in [5.0, 20.0] {
            let mut scene = Scene { step, ..Scene::new(plain()) };
            let wave = (0..3_600 / step).map(|at| if at / steps % 2 == 0 { 20.0 } else { 5.0 });
            let within: Vec<String> = wave.flat_map(|value| scene.see(value)).collect();
            let half = step * steps;
            assert_eq!(within, ["Firing:ops", "Resolved:ops", "Flapping:ops"], "{half} s");
            let after = hold(&mut scene, last, 7_200);
            let wanted = if last > 10.0 { "Repeat:ops" } else { "Resolved:ops" };
            assert_eq!(after, [wanted], "{half} s, {last}");
            assert_eq!(scene.memory.told.channels.is_empty(), last < 10.0);
            // The end of what goes on is told as well, and once.
            assert_eq!(hold(&mut scene, 5.0, 7_200), if last > 10.0 { vec!["Resolved:ops"] } else { vec![] });
        }
    }
}

#[test]
fn of_a_value_that_trembles_around_its_threshold_little_is_told() {
    let mut random = crate::random::Random(13);
    let mut told = Vec::new();
    let mut scene = Scene::new(Rule::new("queue").when("queue").above(10.0));
    for _ in 0..3_600 {
        let off = (random.next() % 2_001) as f64 / 1_000.0 - 1.0;
        told.extend(scene.see(10.0 * (1.0 + off / 1_000.0)));
    }
    assert_eq!(told, ["Firing:ops"]);
    assert_eq!(hold(&mut scene, 5.0, 600), ["Resolved:ops"]);
    // A rule that clears where it fires has no such margin.
    let mut scene = Scene::new(Rule::new("queue").when("queue").above(10.0).clear_below(10.0));
    let told: Vec<String> =
        (0..3_600).flat_map(|_| scene.see(if random.next().is_multiple_of(2) { 10.001 } else { 9.999 })).collect();
    assert_eq!(told, ["Firing:ops", "Resolved:ops", "Flapping:ops"]);
}

#[test]
fn whatever_an_alert_does_everybody_knows_in_the_end_what_it_is() {
    for seed in 1..=10 {
        let mut random = crate::random::Random(seed * 7_919);
        let mut scene = Scene::new(Rule::new("queue").when("queue").above(10.0).clear_below(9.0));
        let mut told = Vec::new();
        scene.step = 5;
        for _ in 0..200 {
            let longest = [2, 30, 700, 2_000][(random.next() % 4) as usize];
            let value = if random.next().is_multiple_of(2) { 20.0 } else { 5.0 };
            scene.memory.silenced = random.next().is_multiple_of(8).then_some(1);
            told.extend(hold(&mut scene, value, 5 + random.next() % longest));
        }
        scene.memory.silenced = None;
        let last = if seed % 2 == 0 { 20.0 } else { 5.0 };
        told.extend(hold(&mut scene, last, 7_200));
        let mut is_open = false;
        for note in &told {
            match note.split(':').next().unwrap() {
                "Firing" => assert!(!std::mem::replace(&mut is_open, true), "begun twice: {told:?}"),
                "Resolved" => assert!(std::mem::replace(&mut is_open, false), "an orphan: {told:?}"),
                "Flapping" => is_open = true,
                _ => assert!(is_open, "{told:?}"),
            }
        }
        assert_eq!(is_open, last > 10.0, "{told:?}");
    }
}

#[test]
fn an_alert_that_becomes_worse_and_better_again_is_told_to_be_worse_once_an_hour() {
    use super::super::super::condition::{Comparison, Level};
    let rule = rule().severity(Severity::Low).level(Level::new(Severity::Critical, Comparison::Above, 50.0));
    let mut scene = Scene::new(rule.repeat(Duration::ZERO));
    let told: Vec<String> =
        (0..7_100).flat_map(|second| scene.see(if second / 60 % 2 == 0 { 20.0 } else { 80.0 })).collect();
    assert_eq!(told, ["Firing:ops", "Escalated:ops+pager", "Escalated:ops+pager"]);
    assert_eq!(scene.see(5.0), ["Resolved:ops+pager"]);
}

#[test]
fn an_acknowledgement_is_told_to_those_who_know_of_the_alert() {
    let mut scene = Scene::new(rule());
    let (rule, way) = (scene.rule.clone(), Way::new(&scene.rule, &[]));
    assert!(tell_of_ack(&rule, &way, &mut scene.memory, 0).is_empty(), "nobody knows");
    let mut scene = Scene::new(rule.clone());
    scene.see(20.0);
    let way = Way::new(&rule, &[]);
    let notes = tell_of_ack(&rule, &way, &mut scene.memory, 5_000);
    assert_eq!((notes[0].kind, &notes[0].channels[..]), (Kind::Acknowledged, &[String::from("ops")][..]));
    scene.memory.silenced = Some(1);
    assert!(tell_of_ack(&rule, &way, &mut scene.memory, 6_000).is_empty());
}
