//! Promise: what is measured follows the attribute and the switches, and counts stay exact whatever is timed.

use std::time::Duration;

use monitored::{Mode, Monitor, SiteInfo, monitored};

#[monitored(sample = 1 / 16)]
fn sampled() {}

#[monitored(time = off)]
fn untimed() {}

#[monitored]
fn switched() {}

#[monitored(outermost)]
fn countdown(from: u32) -> u32 {
    if from == 0 { 0 } else { countdown(from - 1) + 1 }
}

#[monitored(slow = "2ms", tags(kind))]
fn slow(kind: &str, pause: Duration) -> Result<(), std::fmt::Error> {
    std::thread::sleep(pause);
    if kind == "bad" { Err(std::fmt::Error) } else { Ok(()) }
}

#[monitored(objective(latency = "5ms", target = 99))]
fn promised(pause: Duration) {
    std::thread::sleep(pause);
}

fn site(function: &str) -> SiteInfo {
    monitored::sites().into_iter().find(|site| site.function == function).expect("the site was called")
}

#[test]
fn attributes_and_switches_decide_what_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = Monitor::builder()
        .service("switches")
        .sqlite(folder.path().join("switches.db"))
        .flush_every(Duration::from_hours(1))
        .start()
        .unwrap();
    let stats = |name: &str| {
        monitor.flush().unwrap();
        monitor.query().function(name).stats().unwrap()
    };
    let timed = |name: &str| {
        monitor.flush().unwrap();
        let series = monitor.query().metric("function_calls_duration_seconds").function(name).series();
        // A function of which no call was timed has no such series.
        series.unwrap_or_default().iter().map(|series| series.distribution().count()).sum::<u64>()
    };

    (0..160).for_each(|_| sampled());
    assert_eq!((stats("sampled").calls, timed("sampled")), (160, 10));
    assert_eq!(site("sampled").mode, Mode::Sample(16));

    (0..5).for_each(|_| untimed());
    assert_eq!((stats("untimed").calls, timed("untimed")), (5, 0));

    // A rule given before the first call holds for it too.
    monitored::set("switches::switched", Mode::Off);
    (0..5).for_each(|_| switched());
    assert_eq!(site("switched").figures.calls, 0);
    monitored::set("*::switched", Mode::Count);
    (0..5).for_each(|_| switched());
    assert_eq!((stats("switched").calls, timed("switched")), (5, 0));
    monitored::set("switched", Mode::AsWritten);
    (0..5).for_each(|_| switched());
    assert_eq!((stats("switched").calls, timed("switched")), (10, 5));

    assert_eq!(countdown(9), 9);
    assert_eq!(countdown(3), 3);
    assert_eq!(stats("countdown").calls, 2);

    slow("quick", Duration::ZERO).unwrap();
    slow("good", Duration::from_millis(4)).unwrap();
    slow("bad", Duration::from_millis(4)).unwrap_err();
    assert_eq!(stats("slow").calls, 3);
    assert_eq!(monitor.query().function("slow").tag("kind", "bad").stats().unwrap().errors, 1);
    let exemplars = monitor.query().function("slow").slow_calls().unwrap();
    assert_eq!(exemplars.iter().map(|call| call.outcome.as_str()).collect::<Vec<_>>(), ["error", "ok"]);
    assert_eq!(exemplars[1].tags, [("kind".to_owned(), "good".to_owned())]);
    assert!(
        exemplars.iter().all(|call| call.duration >= Duration::from_millis(4) && call.file.ends_with("switches.rs"))
    );
    assert!(exemplars.iter().all(|call| call.thread.contains("attributes_and_switches")));

    promised(Duration::ZERO);
    promised(Duration::from_millis(8));
    assert_eq!(stats("promised").calls, 2);
    let kept = monitor.query().metric("function_calls_within_objective_total").function("promised").series().unwrap();
    assert_eq!(kept.iter().map(monitored::Series::increase).sum::<f64>() as u64, 1);
    assert_eq!(
        site("promised").objective.and_then(|objective| objective.latency_bound()),
        Some(Duration::from_millis(5))
    );
    monitor.shutdown().unwrap();
}
