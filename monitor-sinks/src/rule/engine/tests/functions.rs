//! Functions of the program that take their time, held by channels.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Sender, channel},
    },
    time::Instant,
};

use super::*;

/// A rule whose function says what it is sent, and waits for it.
fn waiting(name: &str) -> (Rule, Sender<bool>) {
    let (say, said) = channel();
    let said = Mutex::new(said);
    (Rule::new(name).when_fn(move |_| said.lock().unwrap().recv().ok()), say)
}

impl Rig {
    /// Waits until a function has answered; a second passes after that.
    fn tick_when_answered(&mut self) {
        let begun = Instant::now();
        while !self.engine().functions().1 {
            assert!(begun.elapsed() < LONG, "no answer");
            std::thread::yield_now();
        }
        assert!(self.tick());
    }

    /// Lets no flush wait for functions.
    fn hurry(&mut self) {
        self.limits.grace = Duration::ZERO;
        self.engine().pace.limits.grace = Duration::ZERO;
    }
}

#[test]
fn a_function_that_waits_holds_nothing_up_and_is_judged_as_of_when_it_was_asked() {
    let (rule, say) = waiting("waits");
    let mut rig = Rig::new([rule, queue()]);
    rig.hurry();
    rig.hold("queue", 20.0, 3);
    assert_eq!(rig.told(), ["firing queue"]);
    assert_eq!(rig.engine().functions(), (true, false));
    say.send(true).unwrap();
    rig.tick_when_answered();
    assert_eq!(rig.told(), ["firing queue", "firing waits"]);
    let alert = rig.alert("waits");
    let asked = SystemTime::UNIX_EPOCH + Duration::from_millis((START + 1_000).unsigned_abs());
    assert_eq!((alert.lifecycle, alert.started), (Lifecycle::Firing, Some(asked)));
    // The next question is asked a second later.
    assert_eq!(rig.engine().functions(), (false, false));
    rig.hold("queue", 20.0, 1);
    say.send(false).unwrap();
    rig.tick_when_answered();
    assert_eq!(rig.told()[2..], ["resolved waits"]);
}

#[test]
fn a_function_that_does_not_come_back_makes_its_rule_fail_until_it_does() {
    let (rule, say) = waiting("stuck");
    let mut rig = Rig::new([rule.answers_within(Duration::from_secs(3)), queue()]);
    say.send(true).unwrap();
    rig.hold("queue", 5.0, 1);
    assert_eq!(rig.told(), ["firing stuck"]);
    rig.hurry();
    // It is asked in the next second, and has three from then.
    rig.hold("queue", 20.0, 3);
    assert_eq!(rig.told()[1..], ["firing queue"]);
    assert_eq!(rig.engine().figures().failures, 0);
    rig.hold("queue", 20.0, 1);
    assert_eq!(rig.told()[2..], ["meta stuck"]);
    assert_eq!(rig.engine().figures().failures, 1);
    rig.hold("queue", 5.0, 30);
    assert_eq!(rig.told()[3..], ["resolved queue"]);
    assert_eq!(rig.alert("stuck").lifecycle, Lifecycle::Firing, "a failure is not false");
    let explained = rig.store().explain(rig.alert("stuck").fingerprint).unwrap();
    assert!(explained.reasons.iter().any(|reason| reason.contains("has not answered within 3s")), "{explained:?}");
    assert_eq!(rig.kinds(), ["fired", "fired", "rule_failed", "resolved"]);
    // What comes too late is not judged.
    say.send(false).unwrap();
    let begun = Instant::now();
    while rig.engine().functions() == (false, false) {
        assert!(begun.elapsed() < LONG, "it is not asked again");
        rig.hold("queue", 5.0, 1);
    }
    assert_eq!(rig.alert("stuck").lifecycle, Lifecycle::Firing);
    say.send(true).unwrap();
    rig.tick_when_answered();
    assert_eq!(rig.told()[4..], ["meta stuck"]);
    assert_eq!(rig.kinds()[4..], ["rule_works"]);
    rig.hold("queue", 5.0, 1);
    say.send(false).unwrap();
    rig.tick_when_answered();
    assert_eq!(rig.told()[5..], ["resolved stuck"]);
}

#[test]
fn however_often_rules_are_replaced_few_threads_are_stuck() {
    let threads = std::sync::Arc::new(AtomicUsize::new(0));
    let (say, said) = channel::<()>();
    let (said, inside) = (Mutex::new(said), std::sync::Arc::clone(&threads));
    let mut rig = Rig::new([Rule::new("stuck").when_fn(move |_| {
        inside.fetch_add(1, Ordering::Relaxed);
        said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv().ok()?;
        None
    })]);
    rig.hurry();
    for start in 1..=10 {
        let begun = Instant::now();
        rig.hold("queue", 5.0, 1);
        while threads.load(Ordering::Relaxed) < start.min(4) {
            assert!(begun.elapsed() < LONG, "it was not called");
            std::thread::yield_now();
        }
        rig.restart(1);
    }
    rig.hold("queue", 5.0, 1);
    assert_eq!(threads.load(Ordering::Relaxed), 4);
    let failure = rig.engine().rules[0].failure.clone().unwrap();
    assert!(failure.contains("4 calls of its function have not come back"), "{failure}");
    drop(say);
    let begun = Instant::now();
    while rig.engine().rules[0].failure.is_some() {
        assert!(begun.elapsed() < LONG, "it is not called again");
        rig.hold("queue", 5.0, 1);
    }
}

#[test]
fn a_thread_that_outlives_the_rules_holds_nothing_of_the_store() {
    let (go, gone) = channel::<()>();
    let (tell, told) = channel();
    let (gone, tell) = (Mutex::new(gone), Mutex::new(tell));
    let mut rig = Rig::new([Rule::new("reads").when_fn(move |view| {
        let before = view.value("queue");
        gone.lock().unwrap().recv().ok()?;
        tell.lock().unwrap().send((before, view.value("queue"))).ok()?;
        None
    })]);
    // The metric is not known before it is asked for.
    rig.hurry();
    rig.hold("queue", 5.0, 1);
    let samples = Arc::downgrade(&rig.engine().samples);
    go.send(()).unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap().1, Some(5.0));
    rig.tick_when_answered();
    rig.hold("queue", 7.0, 1);
    rig.running = None;
    let begun = Instant::now();
    while samples.strong_count() > 0 {
        assert!(begun.elapsed() < LONG, "the samples are held");
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    let (_, after) = told.recv_timeout(LONG).unwrap();
    assert_eq!(after, None);
}

#[test]
fn functions_read_while_samples_come_in() {
    let rules = (0..8).map(|number| {
        Rule::new(format!("reader_{number}")).when_fn(|view| {
            let queue = view.value("queue")?;
            // Of one instant there is one value.
            assert_eq!(view.value("max_over_time(queue[1s])"), Some(queue));
            Some(queue > 10.0)
        })
    });
    // Seconds pass faster here than they can answer.
    let rules = rules.map(|rule| rule.answers_within(Duration::from_hours(1)));
    let mut rig = Rig::new(rules);
    rig.limits.grace = Duration::from_micros(50);
    rig.engine().pace.limits.grace = rig.limits.grace;
    (0..300).for_each(|second| rig.hold("queue", f64::from(second % 10), 1));
    assert_eq!(rig.told(), [""; 0]);
    rig.engine().pace.limits.grace = LONG;
    let begun = Instant::now();
    while rig.told().len() < 8 {
        assert!(begun.elapsed() < LONG, "{:?}", rig.told());
        rig.hold("queue", 20.0, 1);
    }
    assert!(rig.told().iter().all(|told| told.starts_with("firing ")), "{:?}", rig.told());
}
