//! The samples of the last flushes, in memory, as a source of series.
//!
//! Rules are evaluated at every flush, over windows of minutes. Read from the file, a window would be decoded anew each
//! time, at some hundred times the cost. So the metrics that rules ask for are kept here, each with one sample a flush,
//! just as [`StoreSource`](super::StoreSource) tells them: the same names, labels, parts and short names, a counter's 0
//! before its first value, the marker at the end of a series.
//!
//! All series share one list of instants, the slots; a series is a list of values beside it. So a step of the wall clock
//! is made up for by moving the slots: what was measured five minutes ago by a steady clock stays five minutes old.
//!
//! Memory: 8 bytes a slot and series, for about [`SLOTS`] slots however often there is a flush: a slot that is closer to the
//! one before it than the spacing is overwritten by the next flush. Of histograms, which are larger, only the newest slots
//! and some of those before are kept.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    ops::ControlFlow,
    sync::Arc,
};

use monitor_core::{SeriesKey, Value};

use super::{
    PARTS, StoreSource,
    bucket::Sums,
    labels_of,
    read::{Part, is_plain},
    short,
};
use crate::{
    error,
    promql::{Error, Histogram, Labels, NAME, Reset, Select, Series, Source, is_stale, selector, stale},
    query::{Alias, Form},
    store::{FULL_EVERY_US, Origin, Placed, SeriesInfo, StoredSeries},
};

/// How many slots there are, about.
const SLOTS: i64 = 900;

/// Histograms are kept of so many of the newest slots,
const DENSE: usize = 30;
/// and of one in so many of those before.
const SPARSE: u64 = 15;

/// More names than this are not kept on top.
const MOST_NAMES: usize = 20_000;

/// A series that was not listed for so long is gone, as in the store.
const GONE_MS: i64 = 2 * FULL_EVERY_US / 1_000;

/// In place of a value where there is none.
const ABSENT: f64 = f64::from_bits(0x7ff0_0000_0000_0003);

/// The samples of the last flushes.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// The service of series that name none.
    service: String,
    /// How far back samples are kept.
    span: i64,
    /// When the recording began.
    since: i64,
    /// The names that may be asked for, and the metrics that are kept for them.
    names: HashSet<String>,
    metrics: HashSet<String>,
    /// The names of which all is known that was recorded before.
    remembered: HashSet<String>,
    /// The instants, ascending, in milliseconds since 1970.
    slots: VecDeque<i64>,
    /// The number of the first slot.
    first: u64,
    series: Vec<Kept>,
    by_metric: HashMap<String, Vec<usize>>,
    /// By origin and number there; `None` for those that are not kept.
    places: HashMap<(Origin, usize), Option<usize>>,
    /// What was recorded before this recording, by the name that was asked for.
    past: HashMap<String, Vec<Series>>,
    /// Counts flushes, to tell apart what was listed twice and what again.
    flush: u64,
}

/// A series and its values.
#[derive(Debug)]
struct Kept {
    stored: StoredSeries,
    labels: Labels,
    /// The number of the slot of the first value.
    first: u64,
    values: Values,
    /// The flush that listed it last, and when that was.
    flush: u64,
    listed: i64,
    has_ended: bool,
}

#[derive(Debug)]
enum Values {
    Floats(VecDeque<f64>),
    Histograms {
        values: VecDeque<Option<Arc<Histogram>>>,
        /// What was recorded up to the last delivery, and up to the last flush.
        delivered: Sums,
        sums: Sums,
    },
}

impl Recent {
    /// Keeps `metrics` for `span` milliseconds, from a recording on that begins at `now`. Names may be short ones, or parts
    /// of histograms.
    pub(crate) fn new(service: &str, names: impl IntoIterator<Item = String>, span: i64, now: i64) -> Self {
        let names: HashSet<String> = names.into_iter().collect();
        let metrics = names.iter().flat_map(|name| metrics_of(name)).collect();
        // Counters began at 0 when the recording did.
        let (service, slots) = (service.to_owned(), VecDeque::from([now]));
        Self { service, span, since: now, names, metrics, slots, ..Self::default() }
    }

    /// Keeps one metric more from the next flush on, as if it had been kept before. The last flush must be stored.
    pub(crate) fn learn(&mut self, source: &StoreSource, name: &str) {
        if self.names.len() >= MOST_NAMES || !self.names.insert(name.to_owned()) {
            return;
        }
        self.metrics.extend(metrics_of(name));
        self.places.retain(|_, place| place.is_some());
        // What could not be read goes on to be asked of the store.
        let _ = self.remember(source, name, false);
    }

    /// Takes over what the store has of `name` from before, as ended when this recording began if that is just now.
    pub(crate) fn remember(&mut self, source: &StoreSource, name: &str, is_over: bool) -> Result<(), Error> {
        let Some(&now) = self.slots.back() else { return Ok(()) };
        let matchers = selector(name)?;
        let select = Select::new(&matchers, now - self.span, if is_over { now - 1 } else { now });
        let mut found = Vec::new();
        source.select(&select, &mut |mut series| {
            if is_over {
                end(&mut series, now - 1);
            }
            found.push(series);
            ControlFlow::Continue(())
        })?;
        self.remembered.insert(name.to_owned());
        if !found.is_empty() {
            self.past.insert(name.to_owned(), found);
        }
        Ok(())
    }

    /// Whether all that is asked for is here, and nothing of it in the store alone.
    pub(crate) fn covers(&self, select: &Select<'_>) -> bool {
        let (Some(name), Some(&newest)) = (select.name(), self.slots.back()) else { return false };
        let since = if self.remembered.contains(name) { newest - self.span } else { self.since };
        // Buckets of classic histograms are made of those of the store.
        self.names.contains(name) && !name.ends_with("_bucket") && select.from >= since.max(newest - self.span)
    }

    /// Moves all samples by `millis`, because the wall clock was set by so much.
    pub(crate) fn shift(&mut self, millis: i64) {
        self.since = self.since.saturating_add(millis);
        self.slots.iter_mut().for_each(|slot| *slot = slot.saturating_add(millis));
        self.series.iter_mut().for_each(|kept| kept.listed = kept.listed.saturating_add(millis));
        for series in self.past.values_mut().flatten() {
            series.floats.iter_mut().for_each(|sample| sample.0 = sample.0.saturating_add(millis));
            series.histograms.iter_mut().for_each(|sample| sample.0 = sample.0.saturating_add(millis));
        }
    }

    /// Takes the samples of a flush at `now`, which is after all before.
    pub(crate) fn take<'a>(&mut self, now: i64, samples: impl Iterator<Item = Placed<'a>>) {
        self.flush += 1;
        self.open_slot(now);
        self.add(now, samples);
        let (first, flush, slot) = (self.first, self.flush, self.last());
        for kept in &mut self.series {
            if kept.flush != flush {
                kept.go_on(slot, now);
            }
            kept.forget(first);
        }
    }

    /// Takes more samples of the flush that was taken last, such as those that came of the others.
    pub(crate) fn add<'a>(&mut self, now: i64, samples: impl Iterator<Item = Placed<'a>>) {
        let slot = self.last();
        for Placed { origin, sample } in samples {
            let place = match self.places.entry((origin, sample.index)) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let is_kept = self.metrics.contains(&sample.key.name);
                    let place =
                        is_kept.then(|| place_of(&mut self.series, &mut self.by_metric, sample.key, &self.service));
                    *new.insert(place)
                }
            };
            if let Some(place) = place {
                self.series[place].take(slot, now, self.flush, sample.value, sample.changed);
            }
        }
    }

    /// Takes note that the values of the last flush have been stored.
    pub(crate) fn delivered(&mut self) {
        for kept in &mut self.series {
            if let Values::Histograms { delivered, sums, .. } = &mut kept.values
                && kept.flush == self.flush
            {
                delivered.clone_from(sums);
            }
        }
    }

    /// The number of the last slot.
    fn last(&self) -> u64 {
        self.first + self.slots.len() as u64 - 1
    }

    /// Makes a slot for `now`, or the last one that of `now`, and drops those that are too old.
    fn open_slot(&mut self, now: i64) {
        let spacing = self.span / SLOTS;
        let is_close = self.slots.len() > 2 && now - self.slots[self.slots.len() - 2] < spacing;
        if is_close {
            self.slots.pop_back();
        }
        self.slots.push_back(now);
        // One more than the window has, for what began before it.
        while self.slots.len() > 2 && self.slots[1] <= now - self.span {
            self.slots.pop_front();
            self.first += 1;
        }
        self.past.retain(|_, found| {
            let is_in = |time: Option<i64>| time.is_some_and(|time| time > now - self.span);
            found.iter().any(|series| {
                is_in(series.floats.last().map(|last| last.0)) || is_in(series.histograms.last().map(|last| last.0))
            })
        });
    }

    /// The series of a metric that are called `name`, as this part of them.
    fn called(&self, metric: &str, name: &str, part: Part, select: &Select<'_>) -> impl Iterator<Item = Series> {
        let places = self.by_metric.get(metric).into_iter().flatten();
        let kept = places.map(|&place| &self.series[place]);
        let kept = kept.filter(move |kept| part == Part::Whole || !is_plain(&kept.stored));
        kept.filter_map(move |kept| {
            let labels = if part == Part::Whole { kept.labels.clone() } else { kept.labels.with(NAME, name) };
            select.wants(&labels).then(|| self.samples(kept, labels, part, select.from, select.to))
        })
    }

    /// The samples of a series in `(from, to]`.
    fn samples(&self, kept: &Kept, labels: Labels, part: Part, from: i64, to: i64) -> Series {
        let lowest = usize::try_from(kept.first.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let begin = self.slots.partition_point(|&slot| slot <= from).max(lowest);
        let end = self.slots.partition_point(|&slot| slot <= to).min(lowest + kept.len()).max(begin);
        let slots = self.slots.range(begin.min(self.slots.len())..end.min(self.slots.len())).copied();
        let values = begin.min(end) - lowest.min(begin)..end - lowest.min(end);
        let mut series = Series::new(labels);
        match &kept.values {
            Values::Floats(floats) => {
                // In one go: rules read whole windows at every flush.
                series.floats.reserve_exact(values.len());
                let samples = slots.zip(floats.range(values).copied());
                series.with_floats(samples.filter(|sample| sample.1.to_bits() != ABSENT.to_bits()))
            }
            Values::Histograms { values: histograms, .. } => {
                let samples = slots.zip(histograms.range(values)).filter_map(|(at, value)| Some((at, value.clone()?)));
                match part {
                    Part::Whole => series.with_histograms(samples),
                    Part::Count => series.with_floats(samples.map(|(at, histogram)| {
                        (at, if is_stale(histogram.sum()) { histogram.sum() } else { histogram.count() })
                    })),
                    // Those are made of the store alone, see `covers`.
                    Part::Buckets => series,
                    Part::Sum => series.with_floats(samples.map(|(at, histogram)| (at, histogram.sum()))),
                }
            }
        }
    }

    /// The series that a name stands for: a metric, a part of a histogram, or a short name.
    fn named(&self, name: &str, select: &Select<'_>) -> Result<Vec<Series>, error::Error> {
        let whole: Vec<Series> = self.called(name, name, Part::Whole, select).collect();
        if self.by_metric.contains_key(name) {
            return Ok(whole);
        }
        for (end, part) in PARTS {
            if let Some(metric) = name.strip_suffix(end) {
                return Ok(self.called(metric, name, part, select).collect());
            }
        }
        let Some(alias) = Alias::find(name) else { return Ok(Vec::new()) };
        let all = Select::new(&[], select.from, select.to);
        let places = self.by_metric.get(alias.metric).into_iter().flatten();
        let kept = places.map(|&place| &self.series[place]).filter(|kept| alias.takes(&kept.stored));
        let samples = |kept: &Kept| self.samples(kept, kept.labels.with(NAME, name), Part::Whole, all.from, all.to);
        let shaped = short::shaped(alias, kept.map(samples).collect(), |metric| {
            Ok(self.called(metric, metric, Part::Whole, &all).collect())
        })?;
        Ok(shaped.into_iter().filter(|series| select.wants(series.labels())).collect())
    }
}

impl Source for Recent {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        let Some(name) = select.name() else { return Ok(()) };
        let now = self.named(name, select).map_err(Error::from_source)?;
        let before = self.past.get(name).into_iter().flatten().filter(|series| select.wants(series.labels())).cloned();
        for series in now.into_iter().chain(before) {
            if give(series).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Kept {
    fn new(stored: StoredSeries) -> Self {
        let values = if is_plain(&stored) {
            Values::Floats(VecDeque::new())
        } else {
            Values::Histograms { values: VecDeque::new(), delivered: Sums::default(), sums: Sums::default() }
        };
        let labels = labels_of(&stored, &stored.name);
        Self { stored, labels, first: 0, values, flush: 0, listed: 0, has_ended: false }
    }

    fn is(&self, other: &StoredSeries) -> bool {
        let key = |series: &StoredSeries| (series.kind, series.service.clone());
        key(&self.stored) == key(other) && self.stored.labels == other.labels
    }

    fn len(&self) -> usize {
        match &self.values {
            Values::Floats(values) => values.len(),
            Values::Histograms { values, .. } => values.len(),
        }
    }

    /// Takes its value at a slot. Several samples of one flush may be one series, as in the writer.
    fn take(&mut self, slot: u64, now: i64, flush: u64, value: Value<'_>, changed: bool) {
        let is_again = self.flush == flush;
        (self.flush, self.listed, self.has_ended) = (flush, now, false);
        let is_first = self.len() == 0;
        if is_first && matches!(value, Value::Distribution(fresh) if fresh.is_empty()) {
            return;
        }
        if is_first {
            self.first = slot;
        }
        let place = usize::try_from(slot - self.first).unwrap_or(usize::MAX);
        match (&mut self.values, value) {
            (Values::Floats(values), Value::Counter { total, fresh }) => {
                if is_first && total == fresh && !total.is_zero() && slot > 0 {
                    values.push_back(0.0);
                    self.first -= 1;
                    return put(values, place + 1, total.as_f64(), ABSENT);
                }
                let before = if is_again { values.get(place).copied().unwrap_or(0.0) } else { 0.0 };
                put(values, place, before + total.as_f64(), ABSENT);
            }
            (Values::Floats(values), Value::Gauge(value)) if changed || !is_again => {
                put(values, place, value, ABSENT);
            }
            (Values::Histograms { values, delivered, sums }, Value::Distribution(fresh)) => {
                if !is_again {
                    sums.clone_from(delivered);
                }
                let before = values.get(place.wrapping_sub(1)).cloned().flatten();
                let place = if is_first && slot > 0 {
                    values.push_back(Some(Sums::default().histogram(Reset::Reset)));
                    self.first -= 1;
                    place + 1
                } else {
                    place
                };
                sums.add(fresh.sum(), fresh.buckets(), 1.0);
                // Of what has not changed there is one copy.
                let is_same = fresh.is_empty() && !is_again;
                let value = before.filter(|_| is_same).unwrap_or_else(|| sums.histogram(Reset::NotReset));
                put(values, place, Some(value), None);
                thin(values, self.first);
            }
            _ => {}
        }
    }

    /// Tells its value once more, or that it has ended.
    fn go_on(&mut self, slot: u64, now: i64) {
        if self.len() == 0 {
            return;
        }
        let place = usize::try_from(slot - self.first).unwrap_or(usize::MAX);
        let is_gone = now.saturating_sub(self.listed) >= GONE_MS;
        let has_ended = self.has_ended;
        self.has_ended |= is_gone;
        match &mut self.values {
            Values::Floats(values) => {
                let same = values.get(place).or(values.back()).copied().unwrap_or(ABSENT);
                put(
                    values,
                    place,
                    if has_ended {
                        ABSENT
                    } else if is_gone {
                        stale()
                    } else {
                        same
                    },
                    ABSENT,
                );
            }
            // Full rows do not repeat them, so that not being listed says nothing.
            Values::Histograms { values, .. } => {
                let same = values.get(place).or(values.back()).cloned().flatten();
                put(values, place, same, None);
                thin(values, self.first);
            }
        }
    }

    /// Forgets what came before a slot.
    fn forget(&mut self, first: u64) {
        let old = usize::try_from(first.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.len());
        match &mut self.values {
            Values::Floats(values) => drop(values.drain(..old)),
            Values::Histograms { values, .. } => drop(values.drain(..old)),
        }
        self.first += old as u64;
    }
}

/// Sets the value of a place, which is one of the last, or comes after them.
fn put<T: Clone>(values: &mut VecDeque<T>, place: usize, value: T, absent: T) {
    values.truncate(place);
    values.resize(place, absent);
    values.push_back(value);
}

/// Drops the histogram that is not one of the newest any more, if it is none of those that are kept.
fn thin(values: &mut VecDeque<Option<Arc<Histogram>>>, first: u64) {
    let Some(place) = values.len().checked_sub(DENSE + 1).filter(|&place| place > 0) else { return };
    if !(first + place as u64).is_multiple_of(SPARSE) {
        values[place] = None;
    }
}

/// The metrics that a name may stand for: itself, a histogram whose part it is, those of a short name.
fn metrics_of(name: &str) -> Vec<String> {
    let mut metrics = vec![name.to_owned()];
    metrics.extend(PARTS.iter().filter_map(|(end, _)| name.strip_suffix(end)).map(str::to_owned));
    if let Some(alias) = Alias::find(name) {
        metrics.push(alias.metric.to_owned());
        if let Form::PercentOf(whole) = alias.form {
            metrics.push(whole.to_owned());
        }
    }
    metrics
}

/// The place of the series of a key, which is made if need be. Several keys may be one series.
fn place_of(
    series: &mut Vec<Kept>,
    by_metric: &mut HashMap<String, Vec<usize>>,
    key: &SeriesKey,
    service: &str,
) -> usize {
    let stored = stored(key, service);
    let same = by_metric.entry(stored.name.clone()).or_default();
    if let Some(known) = same.iter().find(|&&place| series[place].is(&stored)) {
        return *known;
    }
    same.push(series.len());
    series.push(Kept::new(stored));
    series.len() - 1
}

/// Marks the end of a series that has none.
fn end(series: &mut Series, at: i64) {
    if !series.histograms.is_empty() {
        series.histograms.push((at, Arc::new(Histogram::exponential(0, 0, stale()))));
    } else if series.floats.last().is_some_and(|last| !is_stale(last.1)) {
        series.floats.push((at, stale()));
    }
}

fn stored(key: &SeriesKey, service: &str) -> StoredSeries {
    let info = SeriesInfo {
        name: key.name.clone(),
        kind: key.kind,
        unit: key.unit.clone(),
        service: key.service.clone().unwrap_or_else(|| service.to_owned()),
        labels: key.labels.iter().cloned().collect(),
    };
    StoredSeries { id: 0, info: Arc::new(info) }
}

#[cfg(test)]
mod tests;
