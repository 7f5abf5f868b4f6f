//! Folds the rows of a window into increases, last values, distributions and points; and [`walk`], which shows the entries
//! of a window to whoever folds them, with what has to be known to judge them.
//!
//! Counters. Within a recording, the increase between two entries is the difference of their totals, whatever became of
//! the rows between them. The first entry of a recording contributes the increase that it carries. Only if a row of the
//! window is damaged may that entry have missed something: then the totals before the window are looked up, which full
//! rows bound to a minute, and a recording that began inside the window contributes its whole total.
//!
//! Gauges. A gauge that did not change has no entry in the window; its value is looked up in the same way. It holds for as
//! long as the recording that wrote it goes on writing rows, and a few minutes more. Where series are asked for, the
//! totals of counters without an entry are looked up with them.

use std::time::Duration;

use monitor_core::{MetricKind, Number};

use super::{
    Asked, Warnings,
    resolution::{Resolution, Resolutions},
    series::Point,
};
use crate::{
    error::Error,
    store::{self, Back, Detail, Encoded, Entry, Found, Merger, Reader, Span, StoredSeries, Tier, Warning, Window},
    util::time::{duration_micros, from_micros},
};

/// A gauge is out of date when the newest row of its recording is older than this and than three flush intervals.
const GAUGE_LIFE: Duration = Duration::from_mins(5);

/// What the rows of a window say.
#[derive(Debug)]
pub(super) struct Gathered {
    /// In the order of the series asked for.
    pub(super) folds: Vec<Fold>,
    pub(super) warnings: Warnings,
}

/// What the rows of a window say of one series.
#[derive(Debug)]
pub(super) struct Fold {
    /// The increase of a counter.
    pub(super) increase: Number,
    /// The value of a gauge at the end of the window, if it is not out of date.
    pub(super) gauge: Option<f64>,
    /// The values of a histogram or timer.
    pub(super) merged: Merger,
    /// One for each row that holds the series.
    pub(super) points: Vec<Point>,
    /// For a series without points, what the newest row before the window says, if it is not out of date.
    pub(super) carried: Option<Point>,
    /// The recordings of the points: from which one on, and what the series had before it.
    runs: Vec<Run>,
    total: Total,
    /// The newest entry of a gauge, or of a counter without points: its recording and value.
    newest: Option<(u64, f64)>,
    /// The resolutions of its entries.
    pub(super) resolutions: Resolutions,
}

/// Folds what is stored of `series` in the window of `asked`, with points if `points` are wanted.
pub(super) fn gather(reader: &Reader, asked: Asked, series: &[StoredSeries], points: bool) -> Result<Gathered, Error> {
    let mut folding = Folding { folds: series.iter().map(|_| Fold::new()).collect(), points, ..Folding::default() };
    let detail = if points { Detail::Lines } else { Detail::Merged };
    let warnings = walk(reader, asked.window, series, detail, Tier::Raw, &mut folding)?;
    let Folding { mut folds, newest, .. } = folding;
    if !series.is_empty() {
        settle(reader, asked, series, &mut folds, newest, points)?;
    }
    Ok(Gathered { folds, warnings })
}

/// Takes what a walk meets.
pub(super) trait Visitor {
    /// An entry of the series at this place. An error says why it cannot be read.
    fn entry(&mut self, met: Met<'_>) -> Result<(), &'static str>;

    /// A flush of a recording.
    fn flush(&mut self, ts: i64, run: u64);
}

/// An entry, and what has to be known to judge it.
pub(super) struct Met<'a> {
    pub(super) place: usize,
    pub(super) ts: i64,
    pub(super) run: u64,
    pub(super) entry: Entry<'a>,
    /// What is known of a counter before the window, if that was looked up.
    pub(super) before: Option<Earlier>,
    pub(super) resolution: Resolution,
}

/// Has `visitor` meet what is stored of `series` in `window`, in windows of tiers up to `coarsest` where these do. Returns
/// what is damaged.
pub(super) fn walk(
    reader: &Reader,
    window: Window,
    series: &[StoredSeries],
    detail: Detail,
    coarsest: Tier,
    visitor: &mut dyn Visitor,
) -> Result<Warnings, Error> {
    let ids: Vec<u64> = series.iter().map(|series| series.id).collect();
    let mut warnings = store::Warnings::default();
    let mut before: Option<Before> = None;
    let mut failure = None;
    let mut resolution = Resolution::Flushes;
    reader.walk(&ids, window, detail, coarsest, &mut |found| match found {
        Found::Damaged(warning) => {
            warnings.push(warning);
            if before.is_none() && failure.is_none() {
                match Before::look_up(reader, window, &ids) {
                    Ok(known) => before = Some(known),
                    Err(error) => failure = Some(error),
                }
            }
        }
        Found::Tier(tier) => resolution = tier.into(),
        Found::Flush { ts, run } => visitor.flush(ts, run),
        Found::Entry { place, ts, run, entry } => {
            let before = before.as_ref().map(|before| before.total(place));
            if let Err(reason) = visitor.entry(Met { place, ts, run, entry, before, resolution }) {
                warnings.push(Warning::new(ts, reason));
            }
        }
        Found::Line { place, run, line } => {
            let before = before.as_ref().map(|before| before.total(place));
            for (ts, entry) in line.entries() {
                if let Err(reason) = visitor.entry(Met { place, ts, run, entry, before, resolution }) {
                    warnings.push(Warning::new(ts, reason));
                }
            }
        }
    })?;
    match failure {
        Some(error) => Err(error),
        None => Ok(warnings.into_vec().into()),
    }
}

/// Folds that are going on.
#[derive(Debug, Default)]
struct Folding {
    folds: Vec<Fold>,
    points: bool,
    newest: Option<(i64, u64)>,
    buckets: Vec<(u16, u64)>,
}

impl Visitor for Folding {
    fn entry(&mut self, met: Met<'_>) -> Result<(), &'static str> {
        self.folds[met.place].take(&met, self.points, &mut self.buckets)
    }

    fn flush(&mut self, ts: i64, run: u64) {
        self.newest = Some((ts, run));
    }
}

/// The points of one recording.
#[derive(Debug, Clone, Copy)]
struct Run {
    name: u64,
    /// The number of the first of them.
    first: usize,
    /// What a counter had before it.
    before: f64,
}

impl Fold {
    pub(super) const fn new() -> Self {
        Self {
            increase: Number::ZERO,
            gauge: None,
            merged: Merger::EMPTY,
            points: Vec::new(),
            carried: None,
            runs: Vec::new(),
            total: Total::UNKNOWN,
            newest: None,
            resolutions: Resolutions::NONE,
        }
    }

    /// Takes the entry of one row.
    fn take(&mut self, met: &Met<'_>, points: bool, scratch: &mut Vec<(u16, u64)>) -> Result<(), &'static str> {
        let mut before_first = 0.0;
        let value = match met.entry {
            Entry::Counter { total, increase } => {
                before_first = difference(total, increase).map_or(0.0, Number::as_f64);
                self.increase += self.total.grow(met, total, increase);
                total.as_f64()
            }
            Entry::Gauge(value) | Entry::Span(Span { last: value, .. }) => {
                self.newest = Some((met.run, value));
                value
            }
            Entry::Distribution(encoded) => {
                encoded.buckets(scratch)?;
                self.merged.add(&encoded, scratch);
                if points { mean(&encoded, scratch) } else { encoded.sum }
            }
        };
        self.resolutions.note(met.resolution);
        if points {
            self.push(Point { time: from_micros(met.ts), value }, met.run, before_first);
        }
        Ok(())
    }

    /// Adds a point of recording `run`. A counter had `before` until then.
    pub(super) fn push(&mut self, point: Point, run: u64, before: f64) {
        if self.runs.last().is_none_or(|last| last.name != run) {
            self.runs.push(Run { name: run, first: self.points.len(), before });
        }
        self.points.push(point);
    }

    /// The points, each with its recording.
    pub(super) fn points_by_run(&self) -> impl Iterator<Item = (Point, u64)> {
        let mut runs = self.runs.iter().peekable();
        let mut current = 0;
        self.points.iter().enumerate().map(move |(place, point)| {
            while let Some(run) = runs.next_if(|run| run.first <= place) {
                current = run.name;
            }
            (*point, current)
        })
    }

    /// The recording at the start of the window and the value in it, where that is known.
    pub(super) fn at_start(&self, kind: MetricKind) -> Option<(u64, f64)> {
        match self.runs.first() {
            Some(run) => (kind == MetricKind::Counter).then_some((run.name, run.before)),
            None => self.carried.and(self.newest),
        }
    }
}

/// The newest total of a counter, with its recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Total(Option<(u64, Number)>);

impl Total {
    pub(super) const UNKNOWN: Self = Self(None);

    /// What was added since the entry before.
    pub(super) fn grow(&mut self, met: &Met<'_>, total: Number, increase: Number) -> Number {
        let previous = self.0.map_or(met.before, |known| Some(Earlier::Known(known)));
        self.0 = Some((met.run, total));
        match previous {
            // Counters of an import begin anew wherever those did that it is of.
            _ if store::is_imported(met.run) => increase,
            Some(Earlier::Known((known, earlier))) if known == met.run => {
                difference(total, earlier).unwrap_or(increase)
            }
            // Of this recording nothing came before. `before` is looked up after damage only.
            Some(Earlier::Known(_) | Earlier::None) if met.before.is_some() => total,
            _ => increase,
        }
    }
}

/// The mean of a distribution with these buckets.
fn mean(encoded: &Encoded<'_>, buckets: &[(u16, u64)]) -> f64 {
    encoded.sum / buckets.iter().map(|bucket| bucket.1 as f64).sum::<f64>()
}

/// `total` less `earlier`; `None` if it shrank, which no recording does.
fn difference(total: Number, earlier: Number) -> Option<Number> {
    match (total, earlier) {
        (Number::Int(total), Number::Int(earlier)) => total.checked_sub(earlier).map(Number::Int),
        (total, earlier) => {
            let difference = total.as_f64() - earlier.as_f64();
            (difference >= 0.0).then_some(Number::Float(difference))
        }
    }
}

/// Whether series of this kind have a value that goes on until the next.
pub(super) const fn has_value(kind: MetricKind) -> bool {
    matches!(kind, MetricKind::Counter | MetricKind::Gauge)
}

/// The value of a counter or gauge.
pub(super) const fn value(entry: Entry<'_>) -> Option<f64> {
    match entry {
        Entry::Counter { total, .. } => Some(total.as_f64()),
        Entry::Gauge(value) | Entry::Span(Span { last: value, .. }) => Some(value),
        Entry::Distribution(_) => None,
    }
}

/// What is known of a counter before its first entry in the window.
#[derive(Debug, Clone, Copy)]
pub(super) enum Earlier {
    /// It had this total, in this recording.
    Known((u64, Number)),
    /// It did not exist, so that it began at zero inside the window.
    None,
    /// Rows that would tell are missing.
    Unknown,
}

/// The totals of counters just before a window.
#[derive(Debug)]
struct Before {
    totals: Vec<Option<Number>>,
    back: Back,
}

impl Before {
    fn look_up(reader: &Reader, window: Window, ids: &[u64]) -> Result<Self, Error> {
        let mut totals = vec![None; ids.len()];
        let oldest = window.after.saturating_sub(gauge_life(reader.interval_us()?));
        let back = reader.look_back(ids, window.after, oldest, &mut |place, _, entry| {
            if let Entry::Counter { total, .. } = entry {
                totals[place] = Some(total);
            }
        })?;
        Ok(Self { totals, back })
    }

    fn total(&self, place: usize) -> Earlier {
        match (self.totals[place], self.back.newest) {
            (Some(total), Some((_, run))) => Earlier::Known((run, total)),
            _ if self.back.complete => Earlier::None,
            _ => Earlier::Unknown,
        }
    }
}

/// Decides which gauges hold at the end of the window, looking before it for those without an entry in it; with `points`,
/// for such counters too.
fn settle(
    reader: &Reader,
    asked: Asked,
    series: &[StoredSeries],
    folds: &mut [Fold],
    mut newest: Option<(i64, u64)>,
    points: bool,
) -> Result<(), Error> {
    let is_open = |kind, fold: &Fold| match kind {
        MetricKind::Gauge => fold.newest.is_none(),
        MetricKind::Counter => points && fold.total.0.is_none(),
        _ => false,
    };
    let open: Vec<usize> = (0..series.len()).filter(|&place| is_open(series[place].kind, &folds[place])).collect();
    let life = gauge_life(reader.interval_us()?);
    let end = match asked.end {
        Some(end) => end,
        None => newest.map_or(i64::MIN, |(ts, _)| ts),
    };
    let alive = |ts: i64| end.saturating_sub(ts) <= life;
    if !open.is_empty() && newest.is_none_or(|(ts, _)| alive(ts)) {
        // The newest row is at most one life old, and a full row at most another one older than that.
        let oldest = end.saturating_sub(life).saturating_sub(life);
        let ids: Vec<u64> = open.iter().map(|&place| series[place].id).collect();
        let mut carried = Vec::new();
        let back = reader.look_back(&ids, asked.window.after, oldest, &mut |place, ts, entry| match entry {
            Entry::Gauge(value) | Entry::Span(Span { last: value, .. }) => carried.push((open[place], ts, value)),
            Entry::Counter { total, .. } => carried.push((open[place], ts, total.as_f64())),
            Entry::Distribution(_) => {}
        })?;
        if let Some((ts, run)) = back.newest
            && newest.is_none_or(|newest| newest.1 == run)
            && alive(newest.get_or_insert((ts, run)).0)
        {
            for (place, ts, value) in carried {
                folds[place].newest = Some((run, value));
                folds[place].carried = Some(Point { time: from_micros(ts), value });
            }
        }
    }
    let current = newest.filter(|&(ts, _)| alive(ts)).map(|(_, run)| run);
    for fold in folds {
        fold.gauge = fold.newest.filter(|&(run, _)| Some(run) == current).map(|(_, value)| value);
        fold.carried = fold.carried.filter(|_| fold.gauge.is_some());
    }
    Ok(())
}

/// How long a gauge's row holds, in microseconds.
pub(super) fn gauge_life(interval_us: i64) -> i64 {
    duration_micros(GAUGE_LIFE).max(interval_us.saturating_mul(3))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::SystemTime};

    use monitor_core::Sample;

    use super::*;
    use crate::{
        query::FunctionStats,
        registry::Registry,
        store::{Origin, Retention, Settings, Store, Writer},
    };

    /// Offsets in these tests are in milliseconds.
    const START: i64 = 1_600_000_000_000_000;
    const FUNCTION: [(&str, &str); 2] = [("module", "m"), ("function", "f")];

    fn writer(path: &Path, interval: Duration, at: i64) -> Writer {
        let patience = Duration::ZERO;
        let settings = Settings {
            service: String::from("test"),
            interval,
            start_patience: patience,
            patience,
            retention: Retention::FOREVER,
            vitals: false,
        };
        Writer::open(path, settings, START + at * 1_000).unwrap()
    }

    fn write(writer: &mut Writer, registry: &mut Registry, at: i64) {
        let samples = || {
            registry
                .samples()
                .map(|(index, key, value, changed)| Origin::App.sample(Sample { index, key, value, changed }))
        };
        writer.write(START + at * 1_000, samples, &[]).unwrap();
        registry.delivered();
    }

    fn at(offset: i64) -> SystemTime {
        from_micros(START + offset * 1_000)
    }

    fn between(path: &Path, from: i64, to: i64) -> FunctionStats {
        Store::open_read_only(path).unwrap().query().function("f").between(at(from), at(to)).stats().unwrap()
    }

    #[test]
    fn a_gauge_that_did_not_change_is_looked_up_before_the_window() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut registry = Registry::default();
        let mut writer = writer(&path, Duration::from_secs(1), 0);
        registry.gauge("function_calls_concurrent", &FUNCTION, 3.0);
        for second in 0..400 {
            registry.call("m", "f", "ok", 0.001);
            write(&mut writer, &mut registry, second * 1_000);
        }
        for (from, to) in [(0, 10_000), (100_000, 101_000), (390_000, 399_000), (398_999, 699_000)] {
            assert_eq!(between(&path, from, to).in_flight, 3, "{from} to {to}");
        }
        assert_eq!(between(&path, 398_999, 699_001).in_flight, 0, "the recording has ended five minutes ago");
    }

    #[test]
    fn a_gauge_that_nobody_has_written_for_five_minutes_is_out_of_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut registry = Registry::default();
        registry.gauge("function_calls_concurrent", &FUNCTION, 3.0);
        write(&mut writer(&path, Duration::from_secs(1), 0), &mut registry, 0);
        assert_eq!(between(&path, -1, 300_000).in_flight, 3);
        assert_eq!(between(&path, 1_000, 300_000).in_flight, 3);
        assert_eq!(between(&path, -1, 300_001).in_flight, 0);
        assert_eq!(between(&path, 1_000, 300_001).in_flight, 0);
    }

    #[test]
    fn a_gauge_lives_for_three_intervals_where_these_are_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut registry = Registry::default();
        registry.gauge("function_calls_concurrent", &FUNCTION, 3.0);
        write(&mut writer(&path, Duration::from_hours(1), 0), &mut registry, 0);
        assert_eq!(between(&path, 1_000, 3 * 3_600_000).in_flight, 3);
        assert_eq!(between(&path, 1_000, 3 * 3_600_000 + 1).in_flight, 0);
    }

    #[test]
    fn a_gauge_of_an_earlier_recording_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut killed = Registry::default();
        killed.gauge("function_calls_concurrent", &FUNCTION, 3.0);
        write(&mut writer(&path, Duration::from_secs(1), 0), &mut killed, 0);
        let mut registry = Registry::default();
        registry.call("m", "f", "ok", 0.001);
        write(&mut writer(&path, Duration::from_secs(1), 1_000), &mut registry, 1_000);
        assert_eq!(between(&path, -1, 0).in_flight, 3);
        assert_eq!(between(&path, -1, 2_000).in_flight, 0);
        assert_eq!(between(&path, 500, 2_000).in_flight, 0);
    }

    #[test]
    fn windows_of_any_cut_add_up_over_recordings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let mut flushes = 0;
        for run in 0..3 {
            let mut registry = Registry::default();
            let mut writer = writer(&path, Duration::from_secs(1), run * 700_000);
            for second in 0..600 {
                registry.call("m", "f", "ok", 0.001);
                write(&mut writer, &mut registry, run * 700_000 + second * 1_000);
                flushes += 1;
            }
        }
        for width in [1_000, 7_777, 61_000, 650_000, 5_000_000] {
            let mut calls = 0;
            let mut from = -1;
            while from < 2_000_000 {
                calls += between(&path, from, from + width).calls;
                from += width;
            }
            assert_eq!(calls, flushes, "width {width}");
        }
    }

    #[test]
    fn shrinking_totals_do_not_become_huge_increases() {
        assert_eq!(difference(Number::Int(3), Number::Int(5)), None);
        assert_eq!(difference(Number::Float(0.5), Number::Int(5)), None);
        assert_eq!(difference(Number::Int(u64::MAX), Number::Int(1)), Some(Number::Int(u64::MAX - 1)));
    }
}
