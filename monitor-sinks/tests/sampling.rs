//! A monitor with host sampling stores samples at their time, beside what its program records, and none without it.
#![cfg(all(feature = "host", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use common::{Feed, NEVER, builder};
use monitor_sinks::{Family, HostSampling, Monitor, Series, Store};

const TICK: Duration = Duration::from_millis(100);

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything as often as it goes.
fn sampling() -> HostSampling {
    Family::ALL.into_iter().fold(HostSampling::every(TICK), |host, family| host.cadence(family, TICK))
}

/// A monitor that drains by itself only once an hour.
fn start(path: &Path, host: HostSampling) -> (Monitor, Feed) {
    let feed = Feed::default();
    let monitor = builder(path).flush_every(NEVER).host(host).start_with(feed.source()).unwrap();
    (monitor, feed)
}

fn ask(store: &Store, metric: &str) -> Vec<Series> {
    store.query().metric(metric).series().unwrap_or_default()
}

fn wait_for(store: &Store, metric: &str, points: usize) -> Vec<Series> {
    let start = Instant::now();
    loop {
        let series = ask(store, metric);
        if series.iter().any(|series| series.points.len() >= points) {
            return series;
        }
        assert!(start.elapsed() < PATIENCE, "{metric} is sampled");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn samples_are_stored_at_their_time_however_seldom_the_rest_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path, HostSampling::every(TICK));
    feed.with(|registry| registry.count("rows", &[], 1));
    let series = wait_for(monitor.store(), "system_context_switches_total", 6).remove(0);
    // The first is taken when the monitor starts, the others on whole multiples of the interval.
    let late = series.points[1..].iter().map(|point| {
        let since = point.time.duration_since(UNIX_EPOCH).unwrap();
        Duration::from_nanos((since.as_nanos() % TICK.as_nanos()) as u64)
    });
    let late: Vec<Duration> = late.collect();
    assert!(late.iter().min().unwrap() < &Duration::from_millis(50), "{late:?}");
    assert_eq!(ask(monitor.store(), "rows").len(), 1, "what was recorded comes along");
    monitor.shutdown().unwrap();
}

#[test]
fn the_first_sample_is_there_at_once_and_the_last_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, _feed) = start(&path, HostSampling::every(NEVER));
    monitor.flush().unwrap();
    let points = |store: &Store| ask(store, "system_memory_available_bytes").remove(0).points;
    let first = points(monitor.store());
    assert_eq!(first.len(), 1);
    let before = SystemTime::now();
    monitor.shutdown().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(points(&store).len(), 2);
    assert!(points(&store)[1].time >= before);
}

#[test]
fn nothing_is_sampled_unless_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let feed = Feed::default();
    let monitor = builder(&path).start_with(feed.source()).unwrap();
    monitor.flush().unwrap();
    assert!(monitor.query().series().unwrap().is_empty());
    monitor.shutdown().unwrap();
}

#[test]
fn a_bad_setting_is_an_error_at_the_start_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let error = builder(&path).host(HostSampling::every(Duration::ZERO)).start().unwrap_err();
    assert!(error.is_invalid_setting(), "{error}");
    assert!(!path.exists());
}

#[test]
fn the_last_of_several_settings_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let bad = HostSampling::every(Duration::ZERO);
    let feed = Feed::default();
    let monitor = builder(&path).host(bad).host(HostSampling::every(NEVER)).start_with(feed.source()).unwrap();
    monitor.shutdown().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn every_short_name_is_answered_on_a_live_machine() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, _feed) = start(&folder.path().join("metrics.db"), sampling());
    let names = "cpu_percent_total cpu_percent_per_core cpu_count_logical cpu_count_physical load_avg_1m load_avg_5m \
                 load_avg_15m memory_total memory_used memory_available memory_percent swap_total swap_used \
                 swap_percent disk_total disk_used disk_free disk_percent disk_read_bytes disk_write_bytes \
                 disk_read_count disk_write_count network_bytes_sent network_bytes_recv network_packets_sent \
                 network_packets_recv network_connections total_processes top_cpu_processes top_memory_processes";
    for name in names.split_whitespace() {
        let series = wait_for(monitor.store(), name, 1);
        for series in series {
            assert_eq!(series.name, name);
            let value = series.last().unwrap().value;
            assert!(value.is_finite() && value >= 0.0, "{name}: {value}");
            assert!(!name.contains("percent") || value <= 100.0, "{name}: {value}");
        }
    }
    monitor.shutdown().unwrap();
}
