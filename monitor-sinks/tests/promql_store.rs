//! Promise: PromQL over a store answers as over a server that scraped the program at every flush, whatever is sealed, and
//! however often the program was started anew.
#![cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]
#![allow(clippy::float_cmp, reason = "what was recorded comes back bit by bit")]

mod common;

use std::time::Duration;

use common::{
    Random,
    scraped::{self, EVERY},
    tape::{HOUR, MINUTE, SECOND, START, Tape, time},
};
use monitor_core::MetricKind;
use monitor_sinks::{
    Retention, Store,
    promql::{Answer, Data, Error, Query, Value},
};

/// Label sets and values of an answer as text with nine digits.
fn shown(answer: &Result<Answer, Error>) -> Vec<String> {
    let value = |value: &Value| value.as_float().map_or_else(|| value.to_string(), |value| format!("{value:.9e}"));
    match answer.as_ref().map(Answer::data) {
        Ok(Data::Vector(elements)) => {
            elements.iter().map(|one| format!("{} {}", one.labels, value(&one.value))).collect()
        }
        Ok(Data::Matrix(lines)) => lines
            .iter()
            .flat_map(|line| {
                line.points.iter().map(|point| format!("{} {} {}", line.labels, point.time, value(&point.value)))
            })
            .collect(),
        other => vec![format!("{other:?}")],
    }
}

const ASKED: [&str; 24] = [
    "rows_total",
    "{service=\"bench\",table=~\"a|b\"}",
    "level",
    "late_total",
    "rate(rows_total{table=\"a\"}[5m])",
    "increase(rows_total[7m])",
    "irate(rows_total[1m])",
    "increase(late_total[20m])",
    "resets(rows_total[30m])",
    "changes(level[10m])",
    "delta(level[10m])",
    "deriv(level[10m])",
    "avg_over_time(level[10m])",
    "max_over_time(level[10m])",
    "count_over_time(rows_total[5m])",
    "last_over_time(level[3m])",
    "sizes_count",
    "rate(sizes_sum[5m]) / rate(sizes_count[5m])",
    "sum(rate(rows_total[5m])) by (table)",
    "rows_total offset 10m - rows_total offset 20m",
    "absent(late_total)",
    "timestamp(level)",
    "avg_over_time(rate(rows_total[2m])[10m:30s])",
    "predict_linear(level[15m], 600)",
];

#[test]
fn answers_are_those_of_a_server_that_scraped_each_flush() {
    for seed in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut random = Random(0x5eed << seed);
        let memory = scraped::record(&path, &mut random).memory();
        let end = START + scraped::LENGTH;
        let store = Store::open_read_only(&path).unwrap();
        let source = store.promql_source();
        for text in ASKED {
            for _ in 0..12 {
                let at =
                    START / 1_000 + (random.next() % (end + 10 * MINUTE - START).unsigned_abs()).cast_signed() / 1_000;
                let (found, wanted) = (Query::new(&source, text).at(at), Query::new(&memory, text).at(at));
                assert_eq!(shown(&found), shown(&wanted), "seed {seed}: {text} at {at}");
            }
            let (from, to) = (START / 1_000 - 60_000, end / 1_000 + 600_000);
            let found = Query::new(&source, text).range(from, to, 47_000);
            let wanted = Query::new(&memory, text).range(from, to, 47_000);
            for (found, wanted) in shown(&found).iter().zip(&shown(&wanted)) {
                assert_eq!(found, wanted, "seed {seed}: {text}");
            }
            assert_eq!(shown(&found).len(), shown(&wanted).len(), "seed {seed}: {text}");
        }
    }
}

fn first(store: &Store, text: &str, at: i64) -> Option<f64> {
    store.promql(text).at(time(at)).unwrap().first_float()
}

#[test]
fn histograms_tell_what_their_recording_had_so_far_whatever_the_question_looks_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut tape = Tape::record(&path, START, MINUTE, Retention::FOREVER);
    let mut random = Random(7);
    let mut recorded: Vec<(i64, f64)> = Vec::new();
    for flush in 1..=15 * 60 {
        let at = START + flush * MINUTE;
        for _ in 0..random.below(3) {
            let seconds = random.below(10_000) as f64 / 3_000.0;
            tape.registry.record(MetricKind::Timer, "parse_seconds", &[], seconds);
            recorded.push((at, seconds));
        }
        tape.registry.gauge("up", &[], 1.0);
        tape.flush(at);
        tape.upkeep(at);
    }
    let store = tape.store();
    for _ in 0..40 {
        let at = START + (1 + (random.next() % (15 * 60)).cast_signed()) * MINUTE;
        let so_far = || recorded.iter().filter(|value| value.0 <= at);
        let count = first(&store, "histogram_count(parse_seconds)", at).unwrap_or(0.0);
        assert_eq!(count, so_far().count() as f64);
        let sum = first(&store, "parse_seconds_sum", at).unwrap_or(0.0);
        assert!((sum - so_far().map(|value| value.1).sum::<f64>()).abs() < 1e-6);
        // The same quantile as the other interface tells of the same hour, within the width of a bucket of schema 8.
        let quantile = first(&store, "histogram_quantile(0.9, increase(parse_seconds[1h]))", at);
        let hour = store.query().metric("parse_seconds").between(time(at - HOUR), time(at)).series().unwrap();
        let wanted = hour.first().and_then(|series| series.distribution().quantile(0.9));
        let (Some(quantile), Some(wanted)) = (quantile, wanted) else { continue };
        let values = {
            let mut values: Vec<f64> = so_far().filter(|value| value.0 > at - HOUR).map(|value| value.1).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        // Of few values, neighbours are far apart, and either is a fair answer.
        let rank = (values.len() as f64 * 0.9).ceil() as usize;
        let near = |value: f64| {
            values[rank.saturating_sub(2)] * 0.98 <= value && value <= values[rank.min(values.len() - 1)] * 1.02
        };
        assert!(near(quantile) && near(wanted), "{quantile} {wanted} {values:?}");
    }
}

#[test]
fn a_recording_that_begins_anew_is_a_reset_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut at = START;
    let mut counted = 0;
    // Each recording ends with a greater total than the one before it, so that totals never fall but between recordings.
    for rise in 1..=6 {
        let mut tape = Tape::record(&path, at, EVERY, Retention::FOREVER);
        for _ in 0..6 {
            at += EVERY;
            tape.registry.count("rows_total", &[], rise);
            tape.registry.record(MetricKind::Histogram, "sizes", &[], 1.0);
            tape.flush(at);
            counted += rise;
        }
        tape.stop();
        at += 2 * SECOND;
    }
    let store = Store::open_read_only(&path).unwrap();
    let near = |text: &str, wanted: f64| {
        // A rate is extrapolated to the edges of its range, which begins a second before the first recording.
        let found = first(&store, text, at).unwrap();
        assert!(found >= wanted && found <= wanted * 1.05, "{text}: {found} for {wanted}");
    };
    let counted = counted as f64;
    near("increase(rows_total[373s])", counted);
    near("histogram_count(increase(sizes[373s]))", 36.0);
    assert_eq!(first(&store, "resets(rows_total[10m])", at), Some(5.0));
    assert_eq!(first(&store, "rows_total", at), Some(36.0));
    assert_eq!(first(&store, "sizes_count", at), Some(6.0));
    // Nobody records any more: where the next flush would have been, the series end.
    assert_eq!(first(&store, "rows_total or sizes_count", at + EVERY), None);
}

#[test]
fn what_was_rolled_up_is_told_once_a_minute_and_keeps_its_increases() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let retention = Retention::default().raw(Duration::from_hours(8)).minutes(Duration::from_hours(150));
    let begin = START - START.rem_euclid(120 * HOUR) - MINUTE;
    let mut tape = Tape::record(&path, begin, MINUTE, retention);
    let end = begin + 12 * 24 * HOUR;
    let mut at = begin;
    while at < end {
        at += MINUTE;
        tape.registry.count("rows_total", &[], 3);
        tape.registry.gauge("level", &[], (at / MINUTE % 5) as f64);
        tape.registry.record(MetricKind::Histogram, "sizes", &[], 2.0);
        tape.flush(at);
        tape.upkeep(at);
    }
    let store = tape.store();
    // Three a minute, by windows of an hour, of five minutes, and by flushes.
    for ago in [10 * 24 * HOUR, 4 * 24 * HOUR, 2 * HOUR, 0] {
        let at = end - ago;
        for (text, wanted) in [
            ("rate(rows_total[5m]) * 60", 3.0),
            ("increase(rows_total[1h])", 180.0),
            ("histogram_count(increase(sizes[30m]))", 30.0),
            ("histogram_avg(rate(sizes[10m]))", 2.0),
            ("avg_over_time(level[5h])", 2.0),
            ("rows_total", ((at - begin) / MINUTE * 3) as f64),
            ("histogram_count(sizes)", ((at - begin) / MINUTE) as f64),
        ] {
            let found = first(&store, text, at).unwrap_or(f64::NAN);
            assert!((found - wanted).abs() <= wanted * 0.01, "{text} {ago} us ago: {found} for {wanted}");
        }
    }
    let range = store.promql("rate(rows_total[5m])").range(time(begin + HOUR), time(end), Duration::from_mins(30));
    let Data::Matrix(lines) = range.unwrap().into_data() else { panic!() };
    assert_eq!(lines[0].points.len(), 12 * 48 - 1);
    assert!(lines[0].points.iter().all(|point| (point.value.as_float().unwrap() - 0.05).abs() < 0.001));
}

#[test]
fn short_names_are_metrics_in_their_own_unit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut tape = Tape::record(&path, START, EVERY, Retention::FOREVER);
    for flush in 1..=12 {
        let registry = &mut tape.registry;
        registry.gauge("system_memory_utilization_ratio", &[], 0.25);
        registry.gauge("system_memory_total_bytes", &[], 1000.0);
        registry.gauge("system_process_memory_usage_bytes", &[("command", "a")], 50.0);
        for device in ["sda", "sdb"] {
            registry.count("system_disk_io_bytes_total", &[("device", device), ("direction", "read")], 10);
        }
        registry.count("system_disk_io_bytes_total", &[("device", "sda"), ("direction", "write")], 1_000);
        tape.flush(START + flush * EVERY);
    }
    let store = tape.store();
    let at = START + 12 * EVERY;
    assert_eq!(first(&store, "memory_percent", at), Some(25.0));
    assert_eq!(first(&store, "memory_percent{service=\"bench\"} > 20", at), Some(25.0));
    assert_eq!(first(&store, "disk_read_bytes", at), Some(240.0));
    assert_eq!(first(&store, "rate(disk_read_bytes[1m])", at), Some(2.0));
    assert_eq!(first(&store, "top_memory_processes{command=\"a\"}", at), Some(5.0));
    assert_eq!(first(&store, "memory_percent{service=\"other\"} or vector(7)", at), Some(7.0));
}

#[test]
fn an_unknown_metric_is_answered_with_the_nearest_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut tape = Tape::record(&path, START, EVERY, Retention::FOREVER);
    tape.registry.count("rows_total", &[], 1);
    tape.registry.record(MetricKind::Histogram, "sizes", &[], 1.0);
    tape.flush(START + EVERY);
    let store = tape.store();
    let asked = |text: &str| store.promql(text).newest().unwrap_err();
    let error = asked("sum(rate(row_total[5m]))");
    assert!(error.is_unknown_name() && error.position() == Some((1, 10)), "{error}");
    assert_eq!(error.to_string(), "1:10: there is no metric `row_total`; did you mean `rows_total`?");
    assert!(asked("sizes_cuont").to_string().ends_with("did you mean `sizes_count`?"));
    assert!(asked("rate(rows_total[5m]").is_syntax());
    // A question about what is not there may be meant so.
    assert_eq!(store.promql("absent(nothing)").newest().unwrap().first_float(), Some(1.0));
    let Data::Vector(none) = store.promql("rows_total > 5").newest().unwrap().into_data() else { panic!() };
    assert_eq!(none, []);
}

#[test]
fn a_monitor_answers_while_it_records() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = common::start(&folder.path().join("metrics.db"));
    for rows in 1..=5 {
        feed.with(move |registry| registry.count("rows_total", &[("table", "a")], rows));
        monitor.flush().unwrap();
    }
    let answer = monitor.promql("sum by (table, service) (rows_total)").newest().unwrap();
    let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
    assert_eq!(elements[0].labels.to_string(), r#"{service="test", table="a"}"#);
    assert_eq!(elements[0].value, Value::Float(15.0));
    // While somebody records, the newest value stands for the next five minutes.
    let later = std::time::SystemTime::now() + Duration::from_mins(1);
    assert_eq!(monitor.promql("rows_total").at(later).unwrap().first_float(), Some(15.0));
    monitor.shutdown().unwrap();
}
