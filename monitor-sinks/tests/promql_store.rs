//! Promise: PromQL over a store answers as over a server that scraped the program at every flush, whatever is sealed, and
//! however often the program was started anew.
#![cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]
#![allow(clippy::float_cmp, reason = "what was recorded comes back bit by bit")]

mod common;

use std::{collections::BTreeMap, path::Path};

use common::{
    Random,
    tape::{HOUR, MINUTE, SECOND, START, Tape},
};
use monitor_core::MetricKind;
use monitor_sinks::{
    Retention, Store,
    promql::{Answer, Data, Error, Labels, Memory, Query, Value, stale},
};

const EVERY: i64 = 10 * SECOND;

/// A recording, and beside it what a server would have that scraped each flush. Only the parts of histograms are
/// mirrored: their buckets are compared elsewhere.
struct Mirrored {
    tape: Tape,
    memory: Memory,
    begun: i64,
    at: i64,
    known: BTreeMap<Labels, f64>,
}

fn labels(name: &str, own: &[(&str, &str)]) -> Labels {
    Labels::new(own.iter().copied().chain([("__name__", name), ("service", "bench")]))
}

impl Mirrored {
    fn begin(path: &Path, at: i64, memory: Memory) -> Self {
        let tape = Tape::record(path, at, EVERY, Retention::FOREVER);
        Self { tape, memory, begun: at, at, known: BTreeMap::new() }
    }

    fn scrape(&mut self, at: i64, name: &str, own: &[(&str, &str)], value: f64, counts: bool) {
        let labels = labels(name, own);
        if counts && !self.known.contains_key(&labels) && value > 0.0 {
            let before = if self.known.is_empty() { self.begun } else { self.at };
            self.memory.push(&labels, before / 1_000, 0.0);
        }
        self.memory.push(&labels, at / 1_000, value);
        self.known.insert(labels, value);
    }

    /// Says that the program was gone when it would have been scraped next, unless the next one was there by then.
    fn end(mut self, next: i64) -> Memory {
        let gone = (self.at + EVERY).min(next);
        self.known.keys().for_each(|labels| self.memory.push(labels, gone / 1_000, stale()));
        self.tape.stop();
        self.memory
    }
}

/// Two hours, with a new recording now and then. Counters rest for long, gauges too, and some series come late.
fn record(path: &Path, random: &mut Random) -> (Memory, i64) {
    let mut recording = Mirrored::begin(path, START, Memory::new());
    let (mut total, mut late, mut level, mut sizes) = (0, 0, 0.0, (0.0, 0.0));
    for flush in 1..=2 * HOUR / EVERY {
        let at = START + flush * EVERY;
        if random.below(150) == 0 {
            let pause = if random.below(2) == 0 { 0 } else { 3 * EVERY };
            let begun = at - EVERY / 2 + pause.min(0);
            // A server would see the values of the new one with its first flush.
            let memory = recording.end(at);
            recording = Mirrored::begin(path, begun, memory);
            (total, late, sizes) = (0, 0, (0.0, 0.0));
        }
        let registry = &mut recording.tape.registry;
        let is_busy = flush / 30 % 2 == 0;
        let rise = if is_busy { random.below(5) as u64 } else { 0 };
        registry.count("rows_total", &[("table", "a")], rise);
        total += rise;
        if flush % 97 == 0 || late > 0 {
            registry.count("late_total", &[], u64::from(flush % 97 == 0));
            late += i64::from(flush % 97 == 0);
        }
        if flush % 17 == 0 || flush == 1 {
            level = random.below(1_000) as f64 / 8.0;
        }
        registry.gauge("level", &[], level);
        if is_busy && random.below(3) == 0 {
            let size = random.below(100) as f64 / 4.0;
            registry.record(MetricKind::Histogram, "sizes", &[], size);
            sizes = (sizes.0 + 1.0, sizes.1 + size);
        }
        recording.tape.flush(at);
        recording.tape.upkeep(at);
        recording.scrape(at, "rows_total", &[("table", "a")], total as f64, true);
        if late > 0 {
            recording.scrape(at, "late_total", &[], late as f64, true);
        }
        recording.scrape(at, "level", &[], level, false);
        if sizes.0 > 0.0 {
            recording.scrape(at, "sizes_count", &[], sizes.0, true);
            recording.scrape(at, "sizes_sum", &[], sizes.1, true);
        }
        recording.at = at;
    }
    let end = recording.at;
    (recording.end(i64::MAX), end)
}

/// Label sets and values of an answer as text with nine digits.
fn shown(answer: &Result<Answer, Error>) -> Vec<String> {
    let value = |value: &Value| value.as_float().map_or_else(|| value.to_string(), |value| format!("{value:.9e}"));
    match answer.as_ref().map(Answer::data) {
        Ok(Data::Vector(elements)) => elements.iter().map(|one| format!("{} {}", one.labels, value(&one.value))).collect(),
        Ok(Data::Matrix(lines)) => lines
            .iter()
            .flat_map(|line| line.points.iter().map(|point| format!("{} {} {}", line.labels, point.time, value(&point.value))))
            .collect(),
        other => vec![format!("{other:?}")],
    }
}

const ASKED: [&str; 24] = [
    "rows_total",
    "{service=\"bench\",table=~\"a|b\"}",
    "level",
    "late_total",
    "rate(rows_total[5m])",
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
    "sum(rate(rows_total[5m])) without (table)",
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
        let (memory, end) = record(&path, &mut random);
        let store = Store::open_read_only(&path).unwrap();
        let source = store.promql_source();
        for text in ASKED {
            for _ in 0..12 {
                let at = START / 1_000 + (random.next() % (end + 10 * MINUTE - START).unsigned_abs()).cast_signed() / 1_000;
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
