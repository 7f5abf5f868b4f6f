//! What the rules of an objective cost on a store with a day of flushes, from which their windows of up to 30 days are read.
//!
//! A function is called ten times a second and fails every five minutes, with a flush each second. Measured is an evaluation
//! of the whole group: what is left of the budget, and the alert over windows of up to three days. They are evaluated
//! once a minute, in time of the processor where the system tells it (else of the wall). The least and the median are
//! printed, and the median is judged: it has 60 ms, a tenth of a percent of a core.

use std::{ops::RangeInclusive, time::Duration};

use monitor_core::{MetricKind, Number, Objective, Sample, SeriesKey, Value};
use monitor_sinks::rule::{bench::Watch, objective_group};

const START: i64 = 1_700_002_800_000;

/// In seconds.
const DAY: i64 = 86_400;
const MEASURED: i64 = 610;

const MOST: Duration = Duration::from_millis(60);

fn main() -> std::process::ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("metrics.db");
    let keys = ["ok", "error"].map(key);
    let mut filling = Watch::open(&path, Vec::new(), START).expect("a store");
    flushes(&mut filling, &keys, 1..=DAY);
    drop(filling);
    let group = objective_group(None, "etl", "parse", Objective::new(99.0).errors(0.1));
    let mut watch = Watch::open_groups(&path, vec![group], START + DAY * 1_000).expect("a store");
    let mut costs = flushes(&mut watch, &keys, DAY + 1..=DAY + MEASURED);
    assert_eq!(watch.evaluations().1, 0, "failures");
    // All other flushes evaluate nothing.
    costs.sort_unstable();
    let costs = &costs[costs.len() - (MEASURED / 60).unsigned_abs() as usize..];
    let (least, median) = (costs[0], costs[costs.len() / 2]);
    println!("an objective on a day of flushes: {median:.1?} an evaluation (least {least:.1?}); at most {MOST:?}");
    std::process::ExitCode::from(u8::from(median > MOST))
}

/// A flush each second; how long each took beyond storing.
fn flushes(watch: &mut Watch, keys: &[SeriesKey], seconds: RangeInclusive<i64>) -> Vec<Duration> {
    let mut costs = Vec::new();
    for second in seconds {
        let counts = [(second.unsigned_abs() * 10, 10), (second.unsigned_abs() / 300, u64::from(second % 300 == 0))];
        let samples = || {
            keys.iter().zip(counts).enumerate().map(|(index, (key, (total, fresh)))| {
                let value = Value::Counter { total: Number::Int(total), fresh: Number::Int(fresh) };
                Sample { index, key, value, changed: fresh > 0 }
            })
        };
        let begun = busy();
        watch.evaluate(START + second * 1_000, samples());
        costs.push(busy().saturating_sub(begun));
        watch.store(START + second * 1_000, samples).expect("a flush");
        if second % 300 == 0 {
            watch.tidy(START + second * 1_000).expect("upkeep");
        }
    }
    costs
}

/// How long this thread has been at work.
#[cfg(target_os = "linux")]
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn busy() -> Duration {
    static BEGUN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGUN.elapsed()
}

fn key(outcome: &str) -> SeriesKey {
    let labels = [("function", "parse"), ("module", "etl"), ("outcome", outcome)];
    let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).to_vec();
    let (kind, unit) = (MetricKind::Counter, String::new());
    SeriesKey { name: String::from("function_calls_total"), kind, unit, service: None, labels }
}
