//! A recording, and beside it what a server has that scraped the program at every flush.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use monitor_core::MetricKind;
use monitor_sinks::{
    Retention,
    promql::{Labels, Memory, stale},
};

use super::{
    Random,
    tape::{HOUR, SECOND, START, Tape},
};

/// How often the program flushes.
pub(crate) const EVERY: i64 = 10 * SECOND;

/// How long it is recorded.
pub(crate) const LENGTH: i64 = 2 * HOUR;

/// Flushes are beside whole seconds, so that no edge of a range of whole seconds meets a sample.
pub(crate) const BESIDE: i64 = 234_000;

/// Samples by series and milliseconds. Of histograms there are the counts and the sums.
#[derive(Debug, Default)]
pub(crate) struct Scraped(pub(crate) BTreeMap<Labels, BTreeMap<i64, f64>>);

impl Scraped {
    pub(crate) fn memory(&self) -> Memory {
        let mut memory = Memory::new();
        for (labels, samples) in &self.0 {
            for (&at, &value) in samples {
                memory.push(labels, at, value);
            }
        }
        memory
    }

    pub(crate) fn put(&mut self, labels: &Labels, at: i64, value: f64) {
        self.0.entry(labels.clone()).or_default().insert(at.div_euclid(1_000), value);
    }
}

/// What is scraped of one recording.
pub(crate) struct Target {
    pub(crate) begun: i64,
    pub(crate) at: i64,
    known: BTreeSet<Labels>,
}

impl Target {
    pub(crate) fn begin(at: i64) -> Self {
        Self { begun: at, at, known: BTreeSet::new() }
    }

    /// A value that is seen at `at`; a counter was 0 at the scrape before its first value, or when the program began.
    pub(crate) fn scrape(
        &mut self,
        to: &mut Scraped,
        at: i64,
        (name, own): (&str, &[(&str, &str)]),
        value: f64,
        counts: bool,
    ) {
        let labels = Labels::new(own.iter().copied().chain([("__name__", name), ("service", "bench")]));
        if self.known.insert(labels.clone()) && counts && value > 0.0 {
            to.put(&labels, if self.at == self.begun { self.begun } else { self.at }, 0.0);
        }
        to.put(&labels, at, value);
    }

    /// The program was gone when it would have been scraped next, unless the next one was there by then.
    pub(crate) fn end(&self, to: &mut Scraped, next: i64) {
        let gone = (self.at + EVERY).min(next);
        for labels in &self.known {
            to.put(labels, gone, stale());
        }
    }
}

/// Two hours, with a new recording now and then. Counters rest for long, gauges too, and some series come late.
pub(crate) fn record(path: &Path, random: &mut Random) -> Scraped {
    let mut scraped = Scraped::default();
    let begin = START + BESIDE;
    let (mut tape, mut target) = (Tape::record(path, begin, EVERY, Retention::FOREVER), Target::begin(begin));
    let (mut totals, mut late, mut level, mut sizes) = ([0; 3], 0, 0.0, (0.0, 0.0));
    for flush in 1..=LENGTH / EVERY {
        let at = begin + flush * EVERY;
        if random.below(150) == 0 {
            target.end(&mut scraped, at);
            tape.stop();
            let anew = at - EVERY / 2;
            (tape, target) = (Tape::record(path, anew, EVERY, Retention::FOREVER), Target::begin(anew));
            (totals, late, sizes) = ([0; 3], 0, (0.0, 0.0));
        }
        let is_busy = flush / 30 % 2 == 0;
        for (table, total) in ["a", "b", "c"].into_iter().zip(&mut totals) {
            let rise = if is_busy || table == "b" { random.below(5) as u64 } else { 0 };
            *total += rise;
            tape.registry.count("rows_total", &[("table", table)], rise);
            target.scrape(&mut scraped, at, ("rows_total", &[("table", table)]), *total as f64, true);
        }
        if flush % 17 == 0 || target.at == target.begun {
            level = random.below(1_000) as f64 / 8.0;
        }
        tape.registry.gauge("level", &[], level);
        target.scrape(&mut scraped, at, ("level", &[]), level, false);
        late += u64::from(flush % 97 == 0);
        if late > 0 {
            tape.registry.count("late_total", &[], u64::from(flush % 97 == 0));
            target.scrape(&mut scraped, at, ("late_total", &[]), late as f64, true);
        }
        if is_busy && random.below(3) == 0 {
            let size = random.below(100) as f64 / 4.0;
            tape.registry.record(MetricKind::Histogram, "sizes", &[], size);
            sizes = (sizes.0 + 1.0, sizes.1 + size);
        }
        if sizes.0 > 0.0 {
            target.scrape(&mut scraped, at, ("sizes_count", &[]), sizes.0, true);
            target.scrape(&mut scraped, at, ("sizes_sum", &[]), sizes.1, true);
        }
        tape.flush(at);
        tape.upkeep(at);
        target.at = at;
    }
    target.end(&mut scraped, i64::MAX);
    tape.stop();
    scraped
}
