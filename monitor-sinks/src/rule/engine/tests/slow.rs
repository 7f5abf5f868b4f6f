//! Expressions that would take for ever.

use std::time::Instant;

use super::*;

/// An expression of some hundred million samples.
const ENDLESS: &str = "sum(max_over_time(sum_over_time(queue[1h:1ms])[1h:1ms]))";

fn rig(rules: impl IntoIterator<Item = Rule>) -> Rig {
    let mut rig = Rig::new(rules);
    rig.limits = Limits { deadline: Duration::from_millis(50), share: 200, ..Limits::USUAL };
    rig.restart(0);
    rig
}

#[test]
fn an_expression_that_takes_too_long_is_given_up_told_and_asked_seldom() {
    let mut rig = rig([Rule::new("endless").when(ENDLESS).above(1e12), queue()]);
    let begun = Instant::now();
    rig.hold("queue", 20.0, 1);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "a flush took {took:?}");
    // A rule of which nobody knows what it costs waits for the next flush if this one has taken long enough.
    rig.hold("queue", 20.0, 1);
    assert_eq!(rig.told(), ["meta endless", "firing queue"]);
    let failure = rig.engine().rules[0].failure.clone().unwrap();
    assert!(failure.starts_with("rule `endless`: "), "{failure}");
    // It may use a share of the time only, and is asked again after that.
    let evaluated = |rig: &mut Rig| rig.engine().rules[0].evaluated_ms;
    rig.hold("queue", 20.0, 5);
    assert_eq!(evaluated(&mut rig), Some(1_000));
    while evaluated(&mut rig) == Some(1_000) {
        assert!(rig.steady_ms < 1_000_000, "it was given up for good");
        rig.hold("queue", 20.0, 1);
    }
    assert!(evaluated(&mut rig) >= Some(10_000), "it took more than its share");
}

#[test]
fn expressions_that_take_too_long_take_turns() {
    let endless = (0..6).map(|number| Rule::new(format!("endless_{number}")).when(ENDLESS).above(1e12));
    let mut rig = rig(endless.chain([queue()]));
    let failing = |rig: &mut Rig| {
        rig.hold("queue", 20.0, 1);
        rig.engine().rules.iter().filter(|live| live.failure.is_some()).count()
    };
    let first = failing(&mut rig);
    assert!((1..=2).contains(&first), "{first} in one flush");
    while rig.told().last().is_none_or(|told| told != "firing queue") {
        assert!(failing(&mut rig) <= 6 && rig.steady_ms < 20_000, "{:?}", rig.told());
    }
    // All had their turn, and go on having it.
    let since = rig.steady_ms;
    while rig.engine().rules[..6].iter().any(|live| live.evaluated_ms <= Some(since)) {
        assert!(rig.steady_ms < 1_000_000, "one of them has no turn");
        assert_eq!(failing(&mut rig), 6);
    }
}
