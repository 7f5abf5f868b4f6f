//! Short names for figures of a host are answered from the metrics that they stand for.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{path::PathBuf, time::SystemTime};

use common::{Registry, start};
use monitor_sinks::{Monitor, Series};

const NETWORK: &str = "system_network_io_bytes_total";

fn sent(device: &str) -> [(&str, &str); 2] {
    [("device", device), ("direction", "transmit")]
}

/// A monitor to which `recordings` have been stored, one flush each.
fn recorded(recordings: Vec<fn(&mut Registry)>) -> (tempfile::TempDir, PathBuf, Monitor) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    for recording in recordings {
        feed.with(recording);
        monitor.flush().unwrap();
    }
    (folder, path, monitor)
}

fn ask(monitor: &Monitor, name: &str) -> Vec<Series> {
    monitor.query().metric(name).series().unwrap()
}

fn values(series: &Series) -> Vec<f64> {
    series.points.iter().map(|point| point.value).collect()
}

#[test]
fn a_ratio_is_answered_in_percent() {
    let (_folder, _path, monitor) =
        recorded(vec![|registry| registry.gauge("system_cpu_total_utilization_ratio", &[], 0.25), |registry| {
            registry.gauge("system_cpu_total_utilization_ratio", &[], 0.75);
        }]);
    let answer = ask(&monitor, "cpu_percent_total").remove(0);
    assert_eq!((answer.name.as_str(), answer.unit.as_str()), ("cpu_percent_total", "percent"));
    assert_eq!(values(&answer), [25.0, 75.0]);
    assert_eq!(answer.increase().to_bits(), 50.0_f64.to_bits());
}

#[test]
fn each_core_and_each_command_is_a_series() {
    let (_folder, _path, monitor) = recorded(vec![|registry| {
        registry.gauge("system_cpu_utilization_ratio", &[("cpu", "0")], 0.5);
        registry.gauge("system_cpu_utilization_ratio", &[("cpu", "1")], 1.0);
        registry.gauge("system_memory_total_bytes", &[], 4_000.0);
        registry.gauge("system_process_memory_usage_bytes", &[("command", "db")], 1_000.0);
    }]);
    let cores = ask(&monitor, "cpu_percent_per_core");
    assert_eq!(cores.iter().flat_map(values).collect::<Vec<_>>(), [50.0, 100.0]);
    let top = ask(&monitor, "top_memory_processes").remove(0);
    assert_eq!((top.labels["command"].as_str(), values(&top)), ("db", vec![25.0]));
}

#[test]
fn what_is_one_figure_over_all_devices_is_their_sum() {
    let (_folder, _path, monitor) = recorded(vec![
        |registry| {
            registry.count(NETWORK, &sent("eth0"), 10);
            registry.count(NETWORK, &sent("lo"), 1);
            registry.count(NETWORK, &[("device", "eth0"), ("direction", "receive")], 1_000);
        },
        |registry| registry.count(NETWORK, &sent("eth0"), 20),
        |registry| registry.count(NETWORK, &sent("lo"), 2),
    ]);
    let answer = ask(&monitor, "network_bytes_sent");
    let [answer] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!(values(answer), [11.0, 31.0, 33.0]);
    assert_eq!(answer.increase().to_bits(), 33.0_f64.to_bits());
    assert!(answer.labels.keys().eq(["direction"]), "{:?}", answer.labels);
    let one = monitor.query().metric("network_bytes_sent").tag("device", "lo").series().unwrap();
    assert_eq!(one[0].last().unwrap().value.to_bits(), 3.0_f64.to_bits());
}

#[test]
fn a_device_that_was_idle_in_the_window_is_in_the_sum_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    feed.with(|registry| {
        registry.count(NETWORK, &sent("eth0"), 10);
        registry.count(NETWORK, &sent("lo"), 5);
    });
    monitor.flush().unwrap();
    let begin = ask(&monitor, "network_bytes_sent")[0].last().unwrap().time;
    feed.with(|registry| registry.count(NETWORK, &sent("eth0"), 7));
    monitor.flush().unwrap();
    let window = || monitor.query().metric("network_bytes_sent").between(begin, SystemTime::now());
    let answer = window().series().unwrap().remove(0);
    assert_eq!(values(&answer), [22.0]);
    assert_eq!(answer.increase().to_bits(), 7.0_f64.to_bits());

    let end = answer.last().unwrap().time;
    let idle = monitor.query().metric("network_bytes_sent").between(end, SystemTime::now()).series().unwrap().remove(0);
    assert_eq!((idle.points.len(), idle.last().map(|point| point.value)), (0, Some(22.0)));
}

#[test]
fn a_sum_begins_again_with_a_new_recording_and_its_increase_does_not() {
    let (_folder, path, monitor) = recorded(vec![|registry| {
        registry.count(NETWORK, &sent("eth0"), 10);
        registry.count(NETWORK, &sent("lo"), 5);
    }]);
    monitor.shutdown().unwrap();
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.count(NETWORK, &sent("eth0"), 7));
    monitor.flush().unwrap();
    let answer = ask(&monitor, "network_bytes_sent").remove(0);
    assert_eq!(values(&answer), [15.0, 7.0]);
    assert_eq!(answer.increase().to_bits(), 22.0_f64.to_bits());
}

#[test]
fn only_the_labels_that_a_name_stands_for_are_taken() {
    let (_folder, _path, monitor) = recorded(vec![|registry| {
        for (mountpoint, state, value) in [("/", "used", 7.0), ("/", "free", 3.0), ("/data", "used", 100.0)] {
            let labels = [("mountpoint", mountpoint), ("state", state)];
            registry.gauge("system_filesystem_usage_bytes", &labels, value);
        }
    }]);
    assert_eq!(ask(&monitor, "disk_used").iter().flat_map(values).collect::<Vec<_>>(), [7.0]);
    assert_eq!(ask(&monitor, "disk_free").iter().flat_map(values).collect::<Vec<_>>(), [3.0]);
}

#[test]
fn a_metric_of_that_very_name_comes_first() {
    let (_folder, _path, monitor) = recorded(vec![|registry| {
        registry.gauge("memory_percent", &[], 1.0);
        registry.gauge("system_memory_utilization_ratio", &[], 0.5);
    }]);
    assert_eq!(values(&ask(&monitor, "memory_percent")[0]), [1.0]);
}

#[test]
fn a_short_name_without_its_metric_says_what_to_do() {
    let (_folder, _path, monitor) = recorded(vec![|registry| registry.count("rows", &[], 1)]);
    let error = monitor.query().metric("cpu_percent_total").series().unwrap_err();
    assert!(error.is_unknown_name(), "{error}");
    assert!(error.to_string().contains("system_cpu_total_utilization_ratio"), "{error}");
    assert!(error.to_string().contains("host("), "{error}");
}

#[test]
fn a_mistyped_short_name_is_answered_with_the_nearest() {
    let (_folder, _path, monitor) =
        recorded(vec![|registry| registry.gauge("system_memory_utilization_ratio", &[], 0.5)]);
    let error = monitor.query().metric("memory_precent").series().unwrap_err();
    assert!(error.to_string().contains("did you mean memory_percent?"), "{error}");
}

#[test]
fn an_answer_that_knows_no_short_names_says_which_metric_to_ask_for() {
    let (_folder, _path, monitor) =
        recorded(vec![|registry| registry.gauge("system_cpu_total_utilization_ratio", &[], 0.25)]);
    let query = || monitor.query().metric("cpu_percent_total");
    for error in [query().latest().err(), query().groups().err(), query().points().err()] {
        let error = error.expect("it is refused");
        assert!(error.is_invalid_setting(), "{error}");
        assert!(error.to_string().contains("metric(\"system_cpu_total_utilization_ratio\")"), "{error}");
    }
}
