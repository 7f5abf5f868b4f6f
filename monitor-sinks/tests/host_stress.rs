//! Promise: sampling goes on, within its budget, whatever the machine and this process are burdened with.
//!
//! Counts are small by default; `MONITORED_STRESS=full` takes those of a release.

#![cfg(target_os = "linux")]

use std::{
    env, fs,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use monitor_core::Value;
use monitor_sinks::{Host, HostSampling};

fn count(small: usize, full: usize) -> usize {
    if env::var("MONITORED_STRESS").is_ok_and(|text| text == "full") { full } else { small }
}

fn value(host: &Host, name: &str) -> Option<f64> {
    let mut samples = host.samples();
    let sample = samples.find(|sample| {
        name.split(' ').next() == Some(&sample.key.name)
            && name.split(' ').skip(1).all(|wanted| sample.key.labels.iter().any(|label| label.1 == wanted))
    })?;
    match sample.value {
        Value::Counter { total, .. } => Some(total.as_f64()),
        Value::Gauge(value) => Some(value),
        _ => None,
    }
}

/// The CPU time that sampling has cost so far, by its own account.
fn cost(host: &Host) -> f64 {
    let seconds = host.samples().filter(|sample| sample.key.name == "monitored_host_sample_seconds_total");
    seconds.map(|sample| if let Value::Counter { total, .. } = sample.value { total.as_f64() } else { 0.0 }).sum()
}

/// Samples ten times a second until `is_done` or the time is over; returns the longest time that a sample took.
fn sample_until(host: &mut Host, longest: Duration, mut is_done: impl FnMut(&Host) -> bool) -> Duration {
    let end = Instant::now() + longest;
    let mut slowest = Duration::ZERO;
    while !is_done(host) && Instant::now() < end {
        let begun = Instant::now();
        host.sample(host.due_us());
        slowest = slowest.max(begun.elapsed());
        host.delivered();
        thread::sleep(Duration::from_millis(100));
    }
    slowest
}

/// Half a per cent of a core by default, which shows over minutes only: what is read once counts in full.
fn keeps_its_budget(host: &mut Host) {
    let (rest, limit) = (count(3, 40), if count(0, 1) == 1 { 0.007 } else { 0.05 });
    let (before, begun) = (cost(host), Instant::now());
    sample_until(host, Duration::from_secs(rest as u64), |_| false);
    let share = (cost(host) - before) / begun.elapsed().as_secs_f64();
    println!("{:.3} % of one core", share * 100.0);
    assert!(share < limit, "{share} of one core");
}

fn often() -> HostSampling {
    HostSampling::every(Duration::from_millis(100))
}

/// Processes that are ended with the value.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

fn sleep() -> Child {
    Command::new("sleep").arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn many_threads_of_this_process_are_read_within_the_budget() {
    let threads = count(200, 1_000);
    let barrier = Arc::new(Barrier::new(threads + 1));
    let sleepers: Vec<_> = (0..threads)
        .map(|_| {
            let barrier = barrier.clone();
            let builder = thread::Builder::new().name(String::from("sleeper")).stack_size(64 << 10);
            builder
                .spawn(move || {
                    barrier.wait();
                })
                .unwrap()
        })
        .collect();
    let mut host = Host::open(often()).unwrap();
    let is_seen = |host: &Host| value(host, "process_thread_cpu_time_seconds_total sleeper").is_some();
    sample_until(&mut host, Duration::from_secs(20), is_seen);
    assert!(is_seen(&host));
    assert!(value(&host, "process_threads").unwrap() >= threads as f64);
    keeps_its_budget(&mut host);
    barrier.wait();
    for sleeper in sleepers {
        sleeper.join().unwrap();
    }
}

#[test]
fn many_processes_are_all_counted_and_the_interval_says_how_often() {
    let processes = count(200, 2_000);
    let children = Children((0..processes).map(|_| sleep()).collect());
    let mut host = Host::open(often().budget(0.001)).unwrap();
    let is_seen = |host: &Host| value(host, "system_processes_count").is_some_and(|count| count >= processes as f64);
    sample_until(&mut host, Duration::from_secs(30), is_seen);
    assert!(is_seen(&host), "{:?}", value(&host, "system_processes_count"));
    let mut usual = Host::open(often()).unwrap();
    sample_until(&mut usual, Duration::from_secs(10), is_seen);
    keeps_its_budget(&mut usual);
    // A budget that is far too small stretches the interval, and the metric shows it.
    let is_stretched = |host: &Host| {
        value(host, "monitored_host_process_scan_interval_seconds").is_some_and(|interval| interval > 5.5)
    };
    sample_until(&mut host, Duration::from_secs(30), is_stretched);
    assert!(is_stretched(&host), "{:?}", value(&host, "monitored_host_process_scan_interval_seconds"));
    drop(children);
}

#[test]
fn a_storm_of_processes_that_come_and_go_disturbs_nothing() {
    let stop = Arc::new(AtomicBool::new(false));
    let storm = {
        let stop = stop.clone();
        thread::spawn(move || {
            let mut forks = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                let children: Vec<_> = (0..10).filter_map(|_| Command::new("true").spawn().ok()).collect();
                forks += children.len() as u32;
                drop(Children(children));
            }
            forks
        })
    };
    let settings = often().cadence(monitor_sinks::Family::Process, Duration::ZERO).budget(1.0);
    let mut host = Host::open(settings).unwrap();
    sample_until(&mut host, Duration::from_millis(100 * count(30, 300) as u64), |_| false);
    stop.store(true, Ordering::Relaxed);
    let forks = storm.join().unwrap();
    assert!(value(&host, "system_processes_count").unwrap() > 1.0);
    assert!(value(&host, "system_forks_total").unwrap() > f64::from(forks) / 4.0);
    assert_eq!(value(&host, "monitored_host_failures_total process"), None);
    // Descriptors of processes that have ended are given back.
    assert!(fs::read_dir("/proc/self/fd").unwrap().count() < 4_000);
}

/// Set for the process that this test starts again under a low limit.
const LOW: &str = "MONITORED_STRESS_LOW_LIMIT";

#[test]
fn a_program_without_a_descriptor_left_is_sampled_all_the_same() {
    if env::var_os(LOW).is_some() {
        return exhausted();
    }
    let this = env::current_exe().unwrap();
    let name = "a_program_without_a_descriptor_left_is_sampled_all_the_same";
    let command = format!("ulimit -n 128 && exec '{}' --exact {name} --nocapture", this.display());
    let output = Command::new("sh").args(["-c", &command]).env(LOW, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stdout));
    // It says so once when it begins, not at every sample.
    assert!(text.matches("cannot read `process`").count() <= 2, "{text}");
}

fn exhausted() {
    let settings = often().cadence(monitor_sinks::Family::Process, Duration::ZERO).budget(1.0);
    let mut host = Host::open(settings).unwrap();
    sample_until(&mut host, Duration::from_secs(2), |host| value(host, "system_processes_count").is_some());
    let kept = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(kept < 128 / 4 + 40, "{kept} descriptors open");
    let mut taken = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        taken.push(file);
    }
    let before = value(&host, "monitored_host_samples_total").unwrap();
    let slowest = sample_until(&mut host, Duration::from_secs(2), |_| false);
    assert!(value(&host, "monitored_host_samples_total").unwrap() >= before + 10.0);
    assert!(slowest < Duration::from_secs(1), "a sample took {slowest:?}");
    // Files that were open before are read all the same.
    assert!(value(&host, "system_memory_available_bytes").unwrap() > 0.0);
    drop(taken);
    let scans = |host: &Host| value(host, "monitored_host_sample_seconds_total process");
    let before = scans(&host);
    sample_until(&mut host, Duration::from_secs(10), |host| scans(host) > before);
    assert!(scans(&host) > before && value(&host, "system_processes_count").unwrap() > 1.0);
}
