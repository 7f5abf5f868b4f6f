//! Two hours of a shop with three hosts: counters that begin anew, gauges, a classic histogram, and times without a
//! recording; beside it what a server has that scraped the shop at every flush.
//!
//! Gauges have values that never repeat by chance, and no two of them are equal, so that what is sorted, and what is the
//! largest, is the same for everybody.

use std::{collections::BTreeMap, path::Path};

use monitor_core::{MetricKind, Number};
use monitor_sinks::Retention;

use super::{
    Random, key,
    scraped::{EVERY, LENGTH, Scraped, Target},
    tape::{HOUR, MINUTE, START, Tape},
};

pub(crate) use super::scraped::BESIDE;

const HOSTS: [&str; 3] = ["a", "b", "c"];

/// Upper limits of the classic histogram.
const LIMITS: [(&str, f64); 7] =
    [("0.05", 0.05), ("0.1", 0.1), ("0.25", 0.25), ("0.5", 0.5), ("1", 1.0), ("2.5", 2.5), ("+Inf", f64::INFINITY)];

/// The edges of our own histogram, as classic ones: those of the octaves from 2 ms to 8 s.
const EDGES: [(&str, f64); 14] = [
    ("0.001953125", 0.001_953_125),
    ("0.00390625", 0.003_906_25),
    ("0.0078125", 0.007_812_5),
    ("0.015625", 0.015_625),
    ("0.03125", 0.031_25),
    ("0.0625", 0.0625),
    ("0.125", 0.125),
    ("0.25", 0.25),
    ("0.5", 0.5),
    ("1.0", 1.0),
    ("2.0", 2.0),
    ("4.0", 4.0),
    ("8.0", 8.0),
    ("+Inf", f64::INFINITY),
];

/// When nothing records, in minutes from the start: for less than a lookback, and for more.
const DOWN: [(i64, i64); 2] = [(37, 40), (71, 79)];

/// The last flush.
pub(crate) const END: i64 = START + BESIDE + LENGTH;

/// The shop's file, its samples, and the recording, which goes on.
pub(crate) fn record(path: &Path, random: &mut Random) -> (Scraped, Tape) {
    let mut shop = Shop::open(path, START + BESIDE);
    for flush in 1..=LENGTH / EVERY {
        let at = START + BESIDE + flush * EVERY;
        let is_down = |(from, to): &(i64, i64)| (START + from * MINUTE..START + to * MINUTE).contains(&at);
        if DOWN.iter().any(is_down) {
            continue;
        }
        if at - shop.target.at > EVERY || random.below(200) == 0 {
            shop = shop.begin_anew(path, at);
        }
        shop.flush(at, flush, random);
    }
    (shop.scraped, shop.tape)
}

struct Shop {
    scraped: Scraped,
    tape: Tape,
    target: Target,
    /// By name and labels.
    totals: BTreeMap<(String, Vec<(String, String)>), f64>,
    rooms: [f64; 4],
}

impl Shop {
    fn open(path: &Path, at: i64) -> Self {
        Self {
            scraped: Scraped::default(),
            tape: Tape::record(path, at, EVERY, Retention::FOREVER),
            target: Target::begin(at),
            totals: BTreeMap::new(),
            rooms: [20.0, -5.0, 3.0, 50.0],
        }
    }

    /// Another recording, which began half an interval before `at`.
    fn begin_anew(mut self, path: &Path, at: i64) -> Self {
        self.target.end(&mut self.scraped, at);
        self.tape.stop();
        Self { scraped: self.scraped, rooms: self.rooms, ..Self::open(path, at - EVERY / 2) }
    }

    fn flush(&mut self, at: i64, flush: i64, random: &mut Random) {
        // Six minutes of work, four of rest.
        let is_busy = flush / 6 % 10 < 6;
        for host in HOSTS {
            for method in ["get", "post"] {
                for (code, most) in [("200", 40), ("404", 6), ("500", 3)] {
                    let rise = if is_busy || host == "b" { random.below(most) as f64 } else { 0.0 };
                    self.count(at, "requests_total", &[("code", code), ("host", host), ("method", method)], rise);
                }
            }
            for kind in ["io", "parse"] {
                let rise = random.below(3) as f64;
                self.count(at, "errors_total", &[("host", host), ("kind", kind)], rise);
            }
            self.count(at, "sent_bytes_total", &[("host", host)], unit(random) * 5e4 + 0.5);
            self.gauge(at, "temperature", &[("host", host)], 15.0 + 20.0 * unit(random));
            let capacity = HOSTS.iter().position(|known| *known == host).unwrap() as f64 * 7.0 + 3.25;
            self.gauge(at, "capacity", &[("host", host)], capacity);
            self.gauge(at, "phase", &[("host", host)], random.below(5) as f64);
            self.gauge(at, "build_info", &[("host", host), ("version", if host == "c" { "2.0" } else { "1.9" })], 1.0);
            self.parses(at, host, if is_busy { random.below(9) } else { 0 }, random);
            self.latencies(at, host, if is_busy { random.below(9) } else { 0 }, random);
        }
        for (room, name) in ["east", "north", "south\nwing", "west"].into_iter().enumerate() {
            // The first one rests for long.
            if room > 0 || flush % 31 == 0 {
                self.rooms[room] += unit(random) * 4.0 - 2.0;
            }
            self.gauge(at, "level", &[("room", name)], self.rooms[room]);
        }
        // From the second hour on.
        if at > START + HOUR {
            self.count(at, "late_total", &[], random.below(2) as f64);
            self.gauge(at, "opened_seconds", &[], 951_820_000.0 + (flush * 40_000) as f64);
        }
        self.tape.flush(at);
        self.tape.upkeep(at);
        self.target.at = at;
    }

    fn latencies(&mut self, at: i64, host: &str, count: usize, random: &mut Random) {
        let latencies: Vec<f64> = (0..count).map(|_| unit(random) * unit(random) * 4.0).collect();
        for (limit, upper) in LIMITS {
            let within = latencies.iter().filter(|latency| **latency <= upper).count() as f64;
            self.count(at, "latency_seconds_bucket", &[("host", host), ("le", limit)], within);
        }
        self.count(at, "latency_seconds_count", &[("host", host)], count as f64);
        self.count(at, "latency_seconds_sum", &[("host", host)], latencies.iter().sum());
    }

    /// A histogram of ours, and what it is as a classic one. A recording begins with its smallest and its largest value.
    fn parses(&mut self, at: i64, host: &str, count: usize, random: &mut Random) {
        let begun = self.target.begun;
        let is_first = self.target.at == begun;
        let mut parses: Vec<f64> = (0..count).map(|_| 0.002 + 7.9 * unit(random).powi(3)).collect();
        if is_first {
            parses.extend([0.001_98, 7.99]);
        }
        for seconds in &parses {
            self.tape.registry.record(MetricKind::Timer, "parse_seconds", &[("host", host)], *seconds);
        }
        let edges = EDGES.map(|(edge, upper)| ("parse_seconds_bucket", vec![("host", host), ("le", edge)], upper));
        for (name, own, upper) in
            edges.into_iter().chain([("parse_seconds_count", vec![("host", host)], f64::INFINITY)])
        {
            if is_first {
                self.target.scrape(&mut self.scraped, begun, (name, &own), 0.0, true);
            }
            let total = self
                .totals
                .entry((
                    name.to_owned(),
                    own.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect(),
                ))
                .or_default();
            *total += parses.iter().filter(|seconds| **seconds <= upper).count() as f64;
            self.target.scrape(&mut self.scraped, at, (name, &own), *total, true);
        }
    }

    fn count(&mut self, at: i64, name: &str, own: &[(&str, &str)], rise: f64) {
        let key = key(MetricKind::Counter, name, own);
        let total = self.totals.entry((key.name.clone(), key.labels.clone())).or_default();
        *total += rise;
        let more = if rise.fract() == 0.0 { Number::Int(rise as u64) } else { Number::Float(rise) };
        self.tape.registry.add(key, more);
        self.target.scrape(&mut self.scraped, at, (name, own), *total, true);
    }

    fn gauge(&mut self, at: i64, name: &str, own: &[(&str, &str)], value: f64) {
        self.tape.registry.gauge(name, own, value);
        self.target.scrape(&mut self.scraped, at, (name, own), value, false);
    }
}

/// A number from 0 up to 1, which is not reached.
fn unit(random: &mut Random) -> f64 {
    (random.next() >> 11) as f64 / (1_u64 << 53) as f64
}
