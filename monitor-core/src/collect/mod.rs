//! The drain: turns the cells of all threads into series, by differences, without disturbing a writer.
//!
//! Cells are cumulative and are never reset. A collector remembers what it last saw of each cell and adds what came
//! since; all counters in cells are taken modulo their width, so wrapping is harmless as long as no counter of one cell
//! runs through its whole range between two drains (2^32 calls of one function on one thread).
//!
//! Order of reading, and why: of a cell first the outcomes (Acquire), then its buckets and sum, which are thus at least
//! as new. Calls in flight are the starts less the ends of one site; as both go on meanwhile, the starts are read before
//! and after the ends, and count only if nothing began in between.
//!
//! Delivery is two-sided. What a sink has not confirmed with [`Collector::delivered`] is offered again, merged with what
//! came since: a sink that fails loses resolution, never counts.

mod seen;
mod tracked;

use std::collections::HashMap;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use crate::metric::{self, Data, Series};
use crate::sample::{MetricKind, Number, Sample, SeriesKey};
use crate::shard::{EPOCH, KINDS};
use crate::site::{self, CallSite, SlowCall};
use crate::tag::SERVICE;
use seen::{Seen, SeenCall, of_cell};
use tracked::{TrackedSet, Undelivered};

/// Reads everything that was recorded in this process, from where the previous collector stopped.
///
/// Usually one at a time lives in a process. A second one, made while the first is alive, sees what is recorded from
/// then on. When a collector is dropped, the next one takes over where it stopped, with what it had not delivered, so
/// nothing is counted twice and nothing falls between them.
///
/// # Examples
///
/// ```
/// use monitor_core::{Collector, counter};
///
/// counter!("collected_rows", 17);
/// let mut collector = Collector::new();
/// collector.collect();
/// assert!(collector.samples().any(|sample| sample.key.name == "collected_rows" && sample.changed));
/// collector.delivered();
/// ```
#[derive(Debug)]
pub struct Collector {
    seen: Seen,
    series: TrackedSet,
    sites: HashMap<usize, SiteSeries>,
    metrics: HashMap<usize, usize>,
    /// The last epoch that has been read in full.
    epoch: u32,
    is_first: bool,
}

/// What the process's first collector left: what it has seen, and what it could not deliver. `None` while one is alive.
static RESTING: Mutex<Option<(Seen, Undelivered)>> = Mutex::new(Some((Seen::NOTHING, Undelivered::NOTHING)));

/// The series that a call site feeds.
#[derive(Debug)]
struct SiteSeries {
    ok: usize,
    duration: usize,
    concurrent: usize,
    panicked: Option<usize>,
    cancelled: Option<usize>,
    /// Calls that kept the latency of their objective, where there is one.
    kept: Option<usize>,
    /// All errors, and each kind by its number.
    error: Option<usize>,
    errors: Vec<Option<usize>>,
    key: SiteKey,
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector {
    /// A collector that goes on where the last one stopped, or that starts now while another one lives.
    #[must_use]
    pub fn new() -> Self {
        let resting = RESTING.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_first = resting.is_some();
        let (seen, undelivered) = resting.unwrap_or((Seen::NOTHING, Undelivered::NOTHING));
        let mut collector = Self::with(seen, is_first);
        collector.series.take_over(undelivered);
        if !is_first {
            // What came before belongs to the other one.
            collector.collect();
            collector = Self::with(std::mem::take(&mut collector.seen), false);
        }
        collector
    }

    fn with(seen: Seen, is_first: bool) -> Self {
        Self {
            seen,
            series: TrackedSet::default(),
            sites: HashMap::new(),
            metrics: HashMap::new(),
            epoch: EPOCH.current().wrapping_sub(1),
            is_first,
        }
    }

    /// Takes in what was recorded since the last time. Cost: about a microsecond for each thread and call site or
    /// histogram that was used meanwhile.
    pub fn collect(&mut self) {
        let epochs = Epochs { last: EPOCH.advance(), previous: self.epoch };
        self.epoch = epochs.last;
        self.series.restart_levels();
        for site in site::registered() {
            self.collect_site(site, epochs);
        }
        for series in metric::registered() {
            self.collect_metric(series, epochs);
        }
    }

    /// Every series of this recording, each with its value and whether that still has to be delivered.
    pub fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.series.samples()
    }

    /// The calls that took longer than the bound of their function (`slow = "250ms"`) and have not been taken yet.
    ///
    /// At most 1,024 wait; further ones are dropped, and counted in `monitored_dropped_exemplars_total`. Of several
    /// collectors the first that asks has them.
    #[must_use]
    pub fn slow_calls(&mut self) -> Vec<SlowCall> {
        site::take_slow_calls()
    }

    /// Marks what [`samples`](Self::samples) offers as stored.
    pub fn delivered(&mut self) {
        self.series.delivered();
    }

    /// Adds a site's outcomes, durations and calls in flight.
    fn collect_site(&mut self, site: &'static CallSite, epochs: Epochs) {
        let of_site = self.seen.calls.entry(ptr::from_ref(site).addr()).or_default();
        let mut gained = SeenCall::default();
        let in_flight = of_site.take(site, epochs, &mut gained);
        let series = &mut self.series;
        let known = self.sites.entry(ptr::from_ref(site).addr()).or_insert_with(|| SiteSeries::new(site, series));
        if !gained.is_nothing() {
            known.add(site, series, &gained);
        }
        series.raise_level(known.concurrent, in_flight);
    }

    fn collect_metric(&mut self, series: &'static Series, epochs: Epochs) {
        let address = ptr::from_ref(series).addr();
        let index = *self.metrics.entry(address).or_insert_with(|| self.series.index_of(key_of(series)));
        match &series.data {
            Data::Counter(shards) => {
                let seen = self.seen.counters.entry(address).or_default();
                for cell in shards.cells.iter() {
                    self.series.count(index, of_cell(seen, cell).take(cell));
                }
            }
            Data::Gauge(gauge) => {
                if let Some(value) = gauge.read() {
                    self.series.set(index, value);
                }
            }
            Data::Values(shards) => {
                let seen = self.seen.values.entry(address).or_default();
                for cell in shards.cells.iter() {
                    if let Some(fresh) = of_cell(seen, cell).take(cell, epochs) {
                        self.series.distribute(index, &fresh);
                    }
                }
            }
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if self.is_first {
            let left = (std::mem::take(&mut self.seen), std::mem::take(&mut self.series).into_undelivered());
            *RESTING.lock().unwrap_or_else(PoisonError::into_inner) = Some(left);
        }
    }
}

/// The epochs that ended since the last drain of this collector.
#[derive(Debug, Clone, Copy)]
struct Epochs {
    /// The one that this drain ended.
    last: u32,
    /// The last one that this collector has read already.
    previous: u32,
}

impl Epochs {
    /// The epochs whose extremes can still be read: a cell keeps two.
    fn readable(self) -> impl Iterator<Item = u32> {
        let before = self.last.wrapping_sub(1);
        [Some(self.last), (before != self.previous).then_some(before)].into_iter().flatten()
    }
}

/// What the series of one call site have in common.
#[derive(Debug, Clone)]
struct SiteKey {
    service: Option<String>,
    labels: Vec<(String, String)>,
}

impl SiteKey {
    fn of(site: &CallSite) -> Self {
        let mut labels = site.tags();
        labels.push(("function".to_owned(), site.meta.function_label()));
        labels.push(("module".to_owned(), site.meta.module().to_owned()));
        Self { service: site.meta.service_name().map(str::to_owned), labels }
    }

    fn series(&self, name: &str, kind: MetricKind, unit: &str, label: Option<(&str, String)>) -> SeriesKey {
        let mut labels = self.labels.clone();
        labels.extend(label.map(|(key, value)| (key.to_owned(), value)));
        labels.sort();
        labels.dedup_by(|later, kept| later.0 == kept.0);
        SeriesKey { name: name.to_owned(), kind, unit: unit.to_owned(), service: self.service.clone(), labels }
    }

    fn calls(&self, outcome: &str) -> SeriesKey {
        self.series(names::CALLS, MetricKind::Counter, "", Some(("outcome", outcome.to_owned())))
    }
}

/// The metrics of functions, as the autometrics specification names them.
pub mod names {
    /// Calls that ended, by `outcome`: `ok`, `error`, `panicked`, `cancelled`.
    pub const CALLS: &str = "function_calls_total";
    /// Calls that returned an error, by `error_type`.
    pub const ERRORS: &str = "function_errors_total";
    /// How long calls took.
    pub const DURATION: &str = "function_calls_duration_seconds";
    /// Calls that kept the latency of their objective; of all calls that ended, see [`CALLS`].
    pub const KEPT: &str = "function_calls_within_objective_total";
    /// Calls in flight.
    pub const CONCURRENT: &str = "function_calls_concurrent";
}

impl SiteSeries {
    fn new(site: &CallSite, series: &mut TrackedSet) -> Self {
        let key = SiteKey::of(site);
        Self {
            ok: series.index_of(key.calls("ok")),
            duration: series.index_of(key.series(names::DURATION, MetricKind::Timer, "seconds", None)),
            concurrent: series.index_of(key.series(names::CONCURRENT, MetricKind::Gauge, "", None)),
            kept: site
                .meta
                .latency_bound()
                .map(|_| series.index_of(key.series(names::KEPT, MetricKind::Counter, "", None))),
            panicked: None,
            cancelled: None,
            error: None,
            errors: vec![None; KINDS],
            key,
        }
    }

    fn add(&mut self, site: &CallSite, series: &mut TrackedSet, gained: &SeenCall) {
        series.count(self.ok, Number::Int(gained.ok));
        series.distribute(self.duration, &gained.durations());
        if let Some(kept) = self.kept {
            series.count(kept, Number::Int(gained.kept));
        }
        let rare = [
            (&mut self.panicked, gained.panicked, "panicked"),
            (&mut self.cancelled, gained.cancelled, "cancelled"),
            (&mut self.error, gained.errors.iter().sum(), "error"),
        ];
        for (index, count, outcome) in rare {
            count_rare(series, index, count, || self.key.calls(outcome));
        }
        for (kind, (&count, index)) in gained.errors.iter().zip(&mut self.errors).enumerate() {
            count_rare(series, index, count, || {
                let label = ("error_type", site.kinds.label(kind));
                self.key.series(names::ERRORS, MetricKind::Counter, "", Some(label))
            });
        }
    }
}

/// Adds to a series that exists only once there is something to add.
fn count_rare(series: &mut TrackedSet, index: &mut Option<usize>, count: u64, key: impl FnOnce() -> SeriesKey) {
    if count > 0 {
        let index = *index.get_or_insert_with(|| series.index_of(key()));
        series.count(index, Number::Int(count));
    }
}

/// The key of a metric's series. The tag `service` becomes the service.
fn key_of(series: &Series) -> SeriesKey {
    let is_service = |tag: &&(Box<str>, Box<str>)| &*tag.0 == SERVICE;
    SeriesKey {
        name: series.family.name.to_string(),
        kind: series.family.kind,
        unit: series.family.unit.to_string(),
        service: series.tags.iter().find(is_service).map(|tag| tag.1.to_string()),
        labels: series
            .tags
            .iter()
            .filter(|tag| !is_service(tag))
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
    }
}
