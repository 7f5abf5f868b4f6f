//! Promise: promtool, which asks a Prometheus, can ask this server, and takes what it exposes.
#![cfg(all(feature = "http", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;
#[path = "common/http.rs"]
mod http;

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use http::{builder, get, memory};
use monitor_sinks::promql::{Histogram, Labels, Memory};

#[test]
fn promtool_reads_the_answers_to_its_queries() {
    let Some(promtool) = common::promtool() else { return };
    let server = builder(memory()).start().unwrap();
    let url = format!("http://{}", server.address());
    for (arguments, wanted) in [
        (
            &["instant", "--time=1000", &url, "calls_total"][..],
            "calls_total{job=\"etl\"} => 100 @[1000]\ncalls_total{job=\"web\"} => 200 @[1000]\n",
        ),
        (&["instant", "--time=1000", &url, "1+1"], "scalar: 2 @[1000]\n"),
        (
            &["instant", "--time=1000", &url, "temperature"],
            "temperature{place=\"cold\"} => -Inf @[1000]\ntemperature{place=\"hot\"} => +Inf @[1000]\n\
             temperature{place=\"none\"} => NaN @[1000]\n",
        ),
        (
            &["range", "--start=900", "--end=960", "--step=30s", &url, "rate(calls_total{job=\"etl\"}[1m])"],
            "{job=\"etl\"} =>\n0.1 @[900]\n0.1 @[930]\n0.1 @[960]\n",
        ),
        (
            &["series", "--match=calls_total", "--start=900", &url],
            "{__name__=\"calls_total\", job=\"etl\"}\n{__name__=\"calls_total\", job=\"web\"}\n",
        ),
        (&["series", "--match=temperature", "--start=2000", "--end=3000", &url], ""),
        (&["labels", "--start=900", &url, "job"], "etl\nweb\n"),
    ] {
        let output = Command::new(&promtool).arg("query").args(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), wanted, "{arguments:?}");
    }
    let output = Command::new(&promtool).args(["query", "instant", &url, "sum("]).output().unwrap();
    assert!(!output.status.success());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("bad_data: invalid parameter \"query\""), "{complaint}");
}

#[test]
fn promtool_finds_nothing_wrong_with_what_is_exposed() {
    let Some(promtool) = common::promtool() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut memory = Memory::new();
    for table in ["a", "b\"\\\n", "é"] {
        memory.push(&Labels::new([("__name__", "rows_total"), ("table", table)]), now - 1000, 5.0);
        let histogram = Histogram::exponential(2, 9, 3.5).positive([(-3, 2.0), (1, 3.0)]).zero(0.001, 4.0);
        memory.push(&Labels::new([("__name__", "parse_seconds"), ("table", table)]), now - 1000, histogram);
    }
    memory.push(&Labels::new([("__name__", "free_bytes")]), now - 1000, f64::NAN);
    let server = builder(memory).start().unwrap();
    let text = get(server.address(), "/metrics").body;
    assert_eq!(text.lines().count(), 6 + 3 + 3 * 6 + 1, "{text}");

    let mut check = Command::new(&promtool);
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut check = check.spawn().unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{complaint}\n{text}");
}
