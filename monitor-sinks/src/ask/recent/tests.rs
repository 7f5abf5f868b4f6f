use std::time::Duration;

use monitor_core::{MetricKind, Sample};

use super::*;
use crate::{
    promql::{Data, Query, Sources},
    random::Random,
    registry::{Registry, key},
    store::{Retention, Settings, Store, Writer},
};

const START: i64 = 1_700_002_800_000;

fn open(path: &std::path::Path, now: i64) -> Writer {
    let settings = Settings {
        service: String::from("etl"),
        interval: Duration::from_secs(1),
        start_patience: Duration::ZERO,
        patience: Duration::ZERO,
        retention: Retention::FOREVER,
        vitals: false,
    };
    Writer::open(path, settings, now * 1_000).unwrap()
}

fn samples(registry: &Registry) -> impl Iterator<Item = Placed<'_>> {
    let samples = registry.samples();
    samples.map(|(index, key, value, changed)| Origin::App.sample(Sample { index, key, value, changed }))
}

/// What is recorded in a second.
fn record(registry: &mut Registry, random: &mut Random) {
    if random.next() % 3 > 0 {
        registry.count("rows_total", &[("table", "a")], random.next() % 100);
    }
    if random.next() % 20 == 0 {
        registry.count("rows_total", &[("table", "b")], 1);
    }
    registry.gauge("system_memory_utilization_ratio", &[], (random.next() % 100) as f64 / 100.0);
    for _ in 0..random.next() % 4 {
        registry.record(MetricKind::Timer, "took_seconds", &[], (random.next() % 1_000) as f64 / 1e3);
    }
}

fn answers(source: &dyn Source, question: &str, at: i64) -> Vec<(Labels, f64)> {
    let answer = Query::new(source, question).at(at).unwrap();
    let Data::Vector(elements) = answer.into_data() else { panic!("{question}") };
    elements.into_iter().map(|element| (element.labels, element.value.as_float().unwrap())).collect()
}

fn assert_same(question: &str, at: i64, left: &dyn Source, right: &dyn Source) -> usize {
    let (left, right) = (answers(left, question, at), answers(right, question, at));
    assert_eq!(left.len(), right.len(), "{question} at {at}: {left:?} for {right:?}");
    for (left, right) in left.iter().zip(&right) {
        let is_near =
            (left.1 - right.1).abs() <= 1e-9 * right.1.abs().max(1.0) || left.1.to_bits() == right.1.to_bits();
        assert!(left.0 == right.0 && is_near, "{question} at {at}: {left:?} for {right:?}");
    }
    left.len()
}

const QUESTIONS: [&str; 11] = [
    "rows_total",
    "rate(rows_total[1m])",
    "increase(rows_total{table=\"b\"}[5m])",
    "sum by (service) (rate(rows_total[30s] offset 2m))",
    "avg_over_time(system_memory_utilization_ratio[2m])",
    "count_over_time(system_memory_utilization_ratio[5m])",
    "memory_percent",
    "took_seconds_count",
    "took_seconds_sum",
    "histogram_count(took_seconds)",
    "histogram_quantile(0.9, took_seconds)",
];

fn names() -> impl Iterator<Item = String> {
    ["rows_total", "memory_percent", "system_memory_utilization_ratio", "took_seconds", "took_seconds_count"]
        .into_iter()
        .chain(["took_seconds_sum"])
        .map(str::to_owned)
}

#[test]
fn the_last_flushes_answer_as_the_store_does() {
    for seed in 1..=3 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed << 24));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut writer = open(&path, START);
        let store = Store::open_read_only(&path).unwrap().promql_source();
        let mut recent = Recent::new("etl", names(), 300_000, START);
        let mut registry = Registry::default();
        let mut found = 0;
        for second in 1..=700 {
            let now = START + second * 1_000;
            record(&mut registry, &mut random);
            recent.take(now, samples(&registry));
            writer.write(now * 1_000, || samples(&registry), &[]).unwrap();
            registry.delivered();
            recent.delivered();
            if second % 37 == 0 {
                found += QUESTIONS.iter().map(|text| assert_same(text, now, &recent, &store)).sum::<usize>();
            }
        }
        assert!(found > 100, "{found}");
    }
}

#[test]
fn after_flushes_that_failed_totals_are_those_of_the_store() {
    let mut random = Random(5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut writer = open(&path, START);
    let store = Store::open_read_only(&path).unwrap().promql_source();
    let mut recent = Recent::new("etl", names(), 300_000, START);
    let mut registry = Registry::default();
    for second in 1..=200 {
        let now = START + second * 1_000;
        record(&mut registry, &mut random);
        recent.take(now, samples(&registry));
        if random.next() % 3 == 0 {
            continue;
        }
        writer.write(now * 1_000, || samples(&registry), &[]).unwrap();
        registry.delivered();
        recent.delivered();
        if second % 5 == 0 {
            for text in
                ["rows_total", "took_seconds_count", "took_seconds_sum", "histogram_quantile(0.9, took_seconds)"]
            {
                assert_same(text, now, &recent, &store);
            }
        }
    }
}

#[test]
fn what_the_recording_before_has_left_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = Random(7);
    let mut recent = Recent::default();
    let mut registry = Registry::default();
    for (begin, end) in [(0, 200), (203, 300)] {
        let mut writer = open(&path, START + begin * 1_000);
        let store = Store::open_read_only(&path).unwrap().promql_source();
        registry = Registry::default();
        recent = Recent::new("etl", names(), 300_000, START + begin * 1_000);
        for name in names() {
            recent.remember(&store, &name, true).unwrap();
        }
        for second in begin + 1..=end {
            let now = START + second * 1_000;
            record(&mut registry, &mut random);
            recent.take(now, samples(&registry));
            writer.write(now * 1_000, || samples(&registry), &[]).unwrap();
            registry.delivered();
            recent.delivered();
            if second % 7 == 0 {
                // The store tells an end one interval after the last flush, which differs by a moment.
                let lasting = QUESTIONS.iter().filter(|text| !text.contains("offset"));
                lasting.for_each(|text| {
                    assert_same(text, now, &recent, &store);
                });
            }
        }
        writer.close().unwrap();
    }
    // What is too old goes.
    for second in 301..1_000 {
        recent.take(START + second * 1_000, samples(&registry));
    }
    assert!(recent.past.is_empty());
}

#[test]
fn a_step_of_the_wall_clock_changes_no_answer() {
    let mut random = Random(11);
    let (mut steady, mut stepped) = (Recent::default(), Recent::default());
    for recent in [&mut steady, &mut stepped] {
        *recent = Recent::new("etl", names(), 300_000, START);
    }
    let mut registry = Registry::default();
    let mut step = 0;
    for second in 1..=400 {
        let now = START + second * 1_000;
        if second == 150 || second == 250 {
            let by = if second == 150 { 3_600_000 } else { -7_200_000 };
            stepped.shift(by);
            step += by;
        }
        record(&mut registry, &mut random);
        steady.take(now, samples(&registry));
        stepped.take(now + step, samples(&registry));
        registry.delivered();
        steady.delivered();
        stepped.delivered();
        for text in QUESTIONS {
            assert_eq!(answers(&steady, text, now), answers(&stepped, text, now + step), "{text}");
        }
    }
}

#[test]
fn memory_is_bounded_however_often_there_is_a_flush() {
    let mut recent = Recent::new("etl", names(), 300_000, START);
    let mut registry = Registry::default();
    for flush in 0..20_000 {
        registry.gauge("system_memory_utilization_ratio", &[], flush as f64);
        registry.record(MetricKind::Timer, "took_seconds", &[], flush as f64);
        recent.take(START + 1 + flush * 30, samples(&registry));
        recent.delivered();
        registry.delivered();
    }
    assert!(recent.slots.len() <= 920, "{}", recent.slots.len());
    for kept in &recent.series {
        assert!(kept.len() <= 920);
        if let Values::Histograms { values, .. } = &kept.values {
            assert!(values.iter().flatten().count() <= 100);
        }
    }
    let newest = answers(&recent, "system_memory_utilization_ratio", START + 1 + 19_999 * 30);
    assert_eq!(newest[0].1, 19_999.0);
}

#[test]
fn a_series_that_is_not_listed_any_more_ends_after_two_minutes() {
    let mut recent = Recent::new("etl", [String::from("queue")], 300_000, START);
    let key = key(MetricKind::Gauge, "queue", &[]);
    let listed = [Origin::Host.sample(Sample { index: 3, key: &key, value: Value::Gauge(5.0), changed: true })];
    recent.take(START + 1_000, listed.into_iter());
    let is_there = |recent: &Recent, second: i64| !answers(recent, "queue", START + second * 1_000).is_empty();
    for second in 2..=130 {
        recent.take(START + second * 1_000, std::iter::empty());
        assert_eq!(is_there(&recent, second), second < 121, "{second}");
    }
    recent.take(START + 131_000, listed.into_iter());
    assert!(is_there(&recent, 131));
}

#[test]
fn other_metrics_are_not_kept() {
    let mut recent = Recent::new("etl", [String::from("rows_total")], 300_000, START);
    let mut registry = Registry::default();
    registry.count("rows_total", &[], 1);
    registry.count("others_total", &[], 1);
    recent.take(START + 1_000, samples(&registry));
    assert_eq!(recent.series.len(), 1);
    let both = Sources::new([&recent as &dyn Source]);
    assert!(answers(&both, "others_total", START + 1_000).is_empty());
}
