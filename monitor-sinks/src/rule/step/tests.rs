use super::*;
use crate::{notify::Severity::*, random::Random, rule::Level};

const SECOND: Tick = Tick { wall_ms: 0, elapsed_ms: 1_000, interval_ms: 1_000 };

/// Steps an alert through values, one each second; a value of `None` is absent. What happened, by step.
fn run(rule: &Rule, values: &[Option<f64>]) -> Vec<(usize, EventKind)> {
    let mut state = State::default();
    let mut happened = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let observed = value.map_or(Observed::Absent, Observed::Value);
        happened.extend(step(rule, &mut state, observed, SECOND).into_iter().map(|event| (at, event.kind)));
    }
    happened
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const CLEARED: EventKind = EventKind::Resolved { reason: Reason::Cleared };
const MISSING: EventKind = EventKind::Resolved { reason: Reason::Missing };

fn high() -> Rule {
    Rule::new("r").when("x").above(80.0).clear_below(80.0)
}

#[test]
fn an_alert_fires_when_its_time_is_up_and_resolves_when_that_of_keeping_is() {
    let rule = high().held_for(seconds(2)).keep_firing(seconds(3));
    let values = [90., 90., 70., 90., 90., 90., 70., 70., 90., 70., 70., 70., 70.].map(Some);
    assert_eq!(run(&rule, &values), [(5, EventKind::Fired), (12, CLEARED)]);
    assert_eq!(run(&high(), &[90., 70., 90.].map(Some)), [(0, EventKind::Fired), (1, CLEARED), (2, EventKind::Fired)]);
}

#[test]
fn the_lifecycle_is_told_apart() {
    use Lifecycle::*;
    let rule = high().held_for(seconds(1)).keep_firing(seconds(1));
    let mut state = State::default();
    let mut seen = Vec::new();
    for value in [70., 90., 90., 70., 70., 70., 90., 70.] {
        step(&rule, &mut state, Observed::Value(value), SECOND);
        seen.push(state.lifecycle);
    }
    assert_eq!(seen, [Inactive, Pending, Firing, Recovering, Resolved, Inactive, Pending, Inactive]);
    assert_eq!(state.incident, 1);
}

#[test]
fn it_clears_where_the_rule_says_and_not_before() {
    let rule = Rule::new("r").when("x").above(80.0).clear_below(70.0);
    assert_eq!(run(&rule, &[81., 75., 71., 70., 75.].map(Some)), [(0, EventKind::Fired), (3, CLEARED)]);
}

#[test]
fn a_value_that_trembles_at_the_threshold_is_told_once() {
    let rule = Rule::new("r").when("x").above(80.0);
    let mut random = Random(3);
    let noise: Vec<Option<f64>> =
        (0..3_600).map(|_| Some(80.0 * (1.0 + (random.below(2001) as f64 - 1000.0) / 1e6))).collect();
    assert_eq!(run(&rule, &noise).len(), 1);
    // Well below, it ends at once; near it, after two minutes.
    assert_eq!(run(&rule, &[81., 60.].map(Some))[1], (1, CLEARED));
    let near: Vec<Option<f64>> = std::iter::once(81.0).chain([79.5; 200]).map(Some).collect();
    assert_eq!(run(&rule, &near)[1], (121, CLEARED));
    // However near the threshold good values are, it ends.
    let replicas = Rule::new("r").when("x").below(3.0);
    assert_eq!(run(&replicas, &[2., 4.].map(Some))[1], (1, CLEARED));
    let three: Vec<Option<f64>> = std::iter::once(2.0).chain([3.0; 200]).map(Some).collect();
    assert_eq!(run(&replicas, &three)[1], (121, CLEARED));
}

#[test]
fn severities_change_inside_one_incident() {
    let rule = Rule::new("r")
        .when("x")
        .above(80.0)
        .clear_below(70.0)
        .severity(High)
        .level(Level { clear: Some(90.0), ..Level::new(Critical, crate::rule::Comparison::Above, 95.0) })
        .held_for(seconds(1));
    let values = [96., 96., 96., 91., 89., 75., 69., 96.].map(Some);
    assert_eq!(
        run(&rule, &values),
        [(1, EventKind::Fired), (4, EventKind::Deescalated { from: Critical }), (6, CLEARED)]
    );
    let values = [81., 81., 96., 96., 60.].map(Some);
    assert_eq!(run(&rule, &values), [(1, EventKind::Fired), (3, EventKind::Escalated { from: High }), (4, CLEARED)]);
}

#[test]
fn missing_values_do_what_the_rule_says() {
    let gap: Vec<Option<f64>> =
        [Some(90.0); 2].into_iter().chain([None; 200]).chain([Some(90.0), Some(60.0)]).collect();
    let told = [(0, EventKind::Fired), (121, EventKind::NoData), (202, EventKind::DataBack), (203, CLEARED)];
    assert_eq!(run(&high(), &gap), told);
    assert_eq!(run(&high().missing(Missing::Ignore), &gap), [(0, EventKind::Fired), (203, CLEARED)]);
    let resolved = run(&high().missing(Missing::Resolve), &gap);
    assert_eq!(resolved, [(0, EventKind::Fired), (2, MISSING), (202, EventKind::Fired), (203, CLEARED)]);
    let fired = run(&high().missing(Missing::Fire).held_for(seconds(2)), &[None, None, None, Some(60.0)]);
    assert_eq!(fired, [(2, EventKind::Fired), (3, CLEARED)]);
    // Not-a-number is missing.
    assert_eq!(run(&high(), &[90., f64::NAN, 90.].map(Some)), [(0, EventKind::Fired)]);
}

#[test]
fn an_element_that_is_gone_is_no_alert_any_more() {
    let rule = Rule::new("r").when("x > 80");
    assert_eq!(
        run(&rule, &[Some(90.0), None, Some(f64::NAN)]),
        [(0, EventKind::Fired), (1, CLEARED), (2, EventKind::Fired)]
    );
}

#[test]
fn a_failure_changes_nothing() {
    let rule = high().held_for(seconds(5)).missing(Missing::Resolve);
    let mut state = State::default();
    step(&rule, &mut state, Observed::Value(90.0), SECOND);
    for _ in 0..100 {
        let events = step(&rule, &mut state, Observed::Failed, SECOND);
        assert!(events.is_empty() && state.lifecycle == Lifecycle::Pending && state.waited_ms() == 0);
    }
}

#[test]
fn time_that_nobody_watched_does_not_count() {
    let rule = high().held_for(seconds(60));
    let mut state = State::default();
    step(&rule, &mut state, Observed::Value(90.0), SECOND);
    for elapsed_ms in [0, u64::MAX, 3_600_000] {
        step(&rule, &mut state, Observed::Value(90.0), Tick { elapsed_ms, wall_ms: i64::MAX, ..SECOND });
    }
    assert_eq!((state.lifecycle, state.waited_ms()), (Lifecycle::Pending, 4_000));
}

#[test]
fn too_many_changes_are_told_as_one_thing() {
    let square: Vec<Option<f64>> = (0..40).map(|at| Some(if at % 2 == 0 { 90.0 } else { 60.0 })).collect();
    let happened = run(&high(), &square);
    assert_eq!(happened.iter().filter(|(_, kind)| *kind == EventKind::Flapping).count(), 1);
    assert_eq!(happened[6..8], [(6, EventKind::Fired), (6, EventKind::Flapping)]);
    let quiet: Vec<Option<f64>> = square.into_iter().chain(std::iter::repeat_n(Some(60.0), 3_700)).collect();
    assert_eq!(run(&high(), &quiet).last(), Some(&(39 + 3_600, EventKind::Calm)));
}

#[test]
fn a_rule_that_is_edited_goes_on_where_it_was() {
    let mut state = State::default();
    step(&high().severity(High), &mut state, Observed::Value(90.0), SECOND);
    let edited = high().severity(Critical).held_for(seconds(600));
    let events = step(&edited, &mut state, Observed::Value(90.0), SECOND);
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Escalated { from: High }]);
    assert_eq!((state.incident, state.lifecycle), (1, Lifecycle::Firing));
    let gone = remove(&mut state, 5).unwrap();
    assert_eq!((gone.kind, gone.severity), (EventKind::Resolved { reason: Reason::RuleRemoved }, Critical));
    assert_eq!(remove(&mut state, 6), None);
}

/// How many scenarios are generated: `MONITORED_SCENARIOS` says; a release is proved with 10,000.
fn scenarios() -> u64 {
    std::env::var("MONITORED_SCENARIOS").ok().and_then(|count| count.parse().ok()).unwrap_or(500)
}

/// A scenario: a rule, and what happens to it second by second.
struct Scenario {
    random: Random,
    rule: Rule,
    level: Level,
    state: State,
    wall_ms: i64,
    /// When the value was last seen to have cleared, and has ever since not been seen to hold.
    cleared: bool,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = random.next());
        let mut level = Level::new(High, crate::rule::Comparison::Above, 80.0);
        level.clear = [None, Some(80.0), Some(70.0)][random.below(3)];
        let wait = |random: &mut Random| seconds([0, 1, 5, 30][random.below(4)]);
        let rule = Rule::new("r").when("x").level(level).held_for(wait(&mut random)).keep_firing(wait(&mut random));
        Self { random, rule, level, state: State::default(), wall_ms: 1_700_000_000_000, cleared: false }
    }

    /// What is seen next: mostly a value, at times for a while nothing, not-a-number or a failure.
    fn observed(&mut self, fault: &mut (usize, usize)) -> Observed {
        if fault.0 == 0 && self.random.below(20) == 0 {
            *fault = (1 + self.random.below(40), self.random.below(3));
        }
        if fault.0 > 0 {
            fault.0 -= 1;
            return [Observed::Absent, Observed::Value(f64::NAN), Observed::Failed][fault.1];
        }
        Observed::Value([95.0, 81.0, 79.0, 75.0, 60.0, f64::INFINITY][self.random.below(6)])
    }

    fn tick(&mut self) -> Tick {
        let mut elapsed_ms = 900 + self.random.below(200) as u64;
        self.wall_ms += elapsed_ms.cast_signed();
        match self.random.below(30) {
            0 => self.wall_ms += 3_600_000,
            1 => self.wall_ms -= 7_200_000,
            2 => elapsed_ms = 86_400_000,
            3 => {
                // A restart: what was stored is read, and the clock that is never set begins anew.
                let stored = serde_json::to_string(&self.state).unwrap();
                self.state = serde_json::from_str(&stored).unwrap();
                elapsed_ms = 0;
            }
            _ => {}
        }
        Tick { wall_ms: self.wall_ms, elapsed_ms, interval_ms: 1_000 }
    }

    /// Runs it and says how many incidents there were.
    fn run(&mut self) -> u64 {
        let mut fault = (0, 0);
        for _ in 0..300 {
            let observed = self.observed(&mut fault);
            let known = match observed {
                Observed::Value(value) if !value.is_nan() => Some(value),
                _ => None,
            };
            let before = self.state.clone();
            let tick = self.tick();
            let events = step(&self.rule, &mut self.state, observed, tick);
            let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
            let resolves = kinds.iter().filter(|kind| matches!(kind, EventKind::Resolved { .. })).count();
            let fires = kinds.iter().filter(|kind| **kind == EventKind::Fired).count();
            if let Some(value) = known {
                self.cleared = !self.level.stays(value);
            } else {
                assert_eq!((resolves, fires), (0, 0), "something changed while nobody knew: {observed:?}");
                assert_eq!((self.state.lifecycle, self.state.incident), (before.lifecycle, before.incident));
            }
            assert!(resolves == 0 || self.cleared, "a false resolve at {observed:?}: {before:?}");
            assert!(fires == 0 || known.is_some_and(|value| self.level.fires(value)), "a false alarm at {observed:?}");
            assert!(fires == 0 || !before.is_active(), "fired twice");
            assert!(resolves == 0 || before.is_active(), "resolved what was not there");
            assert!(events.iter().all(|event| event.at_ms == tick.wall_ms && event.incident == self.state.incident));
        }
        self.state.incident
    }
}

/// The promise of the default policy: an alert never ends because nobody knows.
#[test]
fn no_scenario_has_a_false_resolve() {
    let mut incidents = 0;
    for seed in 1..=scenarios() {
        incidents += Scenario::new(seed).run();
    }
    // The scenarios would prove nothing if nothing ever fired.
    assert!(incidents > scenarios(), "only {incidents} incidents");
}
