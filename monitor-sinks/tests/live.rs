//! Promise: a question to a monitor sees what was recorded before it was asked, without a flush; after the flush the same
//! values are there once.
#![cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use common::{Feed, builder, start};
use monitor_core::MetricKind;
use monitor_sinks::Monitor;
use monitor_sinks::promql::{Labels, Query, Select, Source, selector};

/// The number that a question has now; `None` if its answer is empty or names what nobody knows.
fn now(monitor: &Monitor, text: &str) -> Option<f64> {
    match monitor.promql(text).newest() {
        Ok(answer) => answer.first_float(),
        Err(error) if error.is_unknown_name() => None,
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Three rows, a level, and two sizes.
fn record(feed: &Feed) {
    feed.with(|registry| {
        registry.count("rows_total", &[("table", "a")], 3);
        registry.gauge("level", &[], 7.5);
        registry.record(MetricKind::Histogram, "sizes", &[], 4.0);
        registry.record(MetricKind::Histogram, "sizes", &[], 8.0);
    });
}

const ASKED: [&str; 7] = [
    "rows_total",
    "sum(rows_total{table=\"a\",service=\"test\"})",
    "level",
    "sizes_count",
    "sizes_sum",
    "histogram_count(sizes)",
    "{__name__=~\"row.*\"}",
];

#[test]
fn what_was_recorded_a_moment_ago_is_seen_without_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    assert_eq!(now(&monitor, "rows_total"), None);
    record(&feed);
    let seen = ASKED.map(|text| now(&monitor, text));
    assert_eq!(seen, [3.0, 3.0, 7.5, 2.0, 12.0, 2.0, 3.0].map(Some));
    // A counter that begins has risen from 0.
    assert!(now(&monitor, "increase(rows_total[1m])") >= Some(3.0));
    assert!(now(&monitor, "histogram_count(increase(sizes[1m]))") >= Some(2.0));
    let quantile = now(&monitor, "histogram_quantile(0.9, increase(sizes[1m]))").unwrap();
    assert!((quantile / 8.0 - 1.0).abs() < 0.05, "{quantile}");
    // The store alone knows nothing of it.
    assert!(monitor.store().promql("rows_total").newest().is_err_and(|error| error.is_unknown_name()));
}

#[test]
fn series_that_are_not_stored_yet_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    let source = monitor.promql_source();
    let listed = |text: &str| {
        let (mut found, matchers) = (Vec::new(), selector(text).unwrap());
        let give = &mut |labels: Labels| {
            found.push(
                ["__name__", "le", "table"].map(|label| labels.get(label).unwrap_or_default().to_owned()).join(" "),
            );
            ControlFlow::Continue(())
        };
        source.labels(&Select::new(&matchers, 0, i64::MAX / 2_000), give).unwrap();
        found.sort_unstable();
        found
    };
    assert!(listed("{service=\"test\"}").is_empty());
    record(&feed);
    for _ in 0..2 {
        assert_eq!(listed("{service=\"test\"}"), ["level  ", "rows_total  a", "sizes  "]);
        assert_eq!(listed("sizes_sum"), ["sizes_sum  "]);
        let edges = ["sizes_bucket +Inf ", "sizes_bucket 16.0 ", "sizes_bucket 4.0 ", "sizes_bucket 8.0 "];
        assert_eq!(listed("sizes_bucket"), edges);
        assert_eq!(listed("sizes_bucket{le=\"8.0\"}"), edges[3..]);
        monitor.flush().unwrap();
    }
}

#[test]
fn what_was_seen_is_there_once_after_the_flush() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    for round in 1..=4_i32 {
        record(&feed);
        let wanted = [3.0, 3.0, 7.5, 2.0, 12.0, 2.0, 3.0];
        let wanted = wanted.map(|each: f64| if each.fract() == 0.0 { each * f64::from(round) } else { each }).map(Some);
        assert_eq!(ASKED.map(|text| now(&monitor, text)), wanted, "before flush {round}");
        monitor.flush().unwrap();
        assert_eq!(ASKED.map(|text| now(&monitor, text)), wanted, "after flush {round}");
        assert_eq!(monitor.store().promql("sizes_count").newest().unwrap().first_float(), wanted[3]);
    }
    // A range has it once, too: a value an instant, which never falls.
    let (to, step) = (SystemTime::now(), Duration::from_millis(10));
    let answer = monitor.promql("sizes_count").range(to - Duration::from_secs(5), to, step).unwrap();
    let monitor_sinks::promql::Data::Matrix(lines) = answer.data() else { panic!("{answer:?}") };
    let values: Vec<f64> = lines[0].points.iter().map(|point| point.value.as_float().unwrap()).collect();
    assert!(lines.len() == 1 && values.is_sorted() && values.last() == Some(&8.0), "{values:?}");
}

#[test]
fn a_recording_does_not_add_to_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    record(&feed);
    monitor.shutdown().unwrap();
    let (monitor, feed) = start(&path);
    record(&feed);
    assert_eq!(ASKED.map(|text| now(&monitor, text)), [3.0, 3.0, 7.5, 2.0, 12.0, 2.0, 3.0].map(Some));
    assert!(now(&monitor, "increase(rows_total[1m])") >= Some(3.0));
}

#[test]
fn a_question_about_the_past_does_not_see_the_present() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    record(&feed);
    let past = SystemTime::now() - Duration::from_secs(30);
    assert_eq!(monitor.promql("rows_total").at(past).unwrap().first_float(), None);
    assert_eq!(monitor.promql("rows_total offset 30s").newest().unwrap().first_float(), None);
    let later = SystemTime::now() + Duration::from_secs(30);
    assert_eq!(monitor.promql("rows_total").at(later).unwrap().first_float(), Some(3.0));
}

#[test]
fn a_source_outlives_its_monitor_with_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    record(&feed);
    let source = monitor.promql_source();
    let before = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let ask = || Query::new(&source, "last_over_time(rows_total[5m])").at(before + 60_000).unwrap().first_float();
    assert_eq!(ask(), Some(3.0));
    monitor.shutdown().unwrap();
    assert_eq!(ask(), Some(3.0));
}

#[test]
fn nothing_goes_back_or_is_doubled_while_flushes_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let feed = Feed::default();
    let path = folder.path().join("metrics.db");
    let monitor = builder(&path).flush_every(Duration::from_millis(3)).start_with(feed.source()).unwrap();
    let recorded = Arc::new(AtomicU64::new(0));
    let (counting, feeding) = (recorded.clone(), feed.clone());
    let thread = thread::spawn(move || {
        for _ in 0..2_000 {
            // Counted first: what is counted may come in a moment, and nothing comes that is not counted.
            counting.fetch_add(1, Ordering::SeqCst);
            feeding.with(|registry| {
                registry.count("rows_total", &[], 1);
                registry.record(MetricKind::Histogram, "sizes", &[], 1.0);
            });
            thread::yield_now();
        }
    });
    let mut last = [0.0; 2];
    while !thread.is_finished() || last[0] < 2_000.0 {
        for (last, text) in last.iter_mut().zip(["rows_total", "sizes_count"]) {
            let begun = recorded.load(Ordering::SeqCst) as f64;
            let seen = now(&monitor, text).unwrap_or(0.0);
            let at_most = recorded.load(Ordering::SeqCst) as f64;
            assert!(
                seen >= *last && seen >= begun - 1.0 && seen <= at_most,
                "{text}: {last}, {begun}, {seen}, {at_most}"
            );
            *last = seen;
        }
    }
    thread.join().unwrap();
    assert_eq!(["rows_total", "sizes_count"].map(|text| now(&monitor, text)), [Some(2_000.0); 2]);
}
