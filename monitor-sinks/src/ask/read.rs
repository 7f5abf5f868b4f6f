//! Reads the series of a selector.
//!
//! Series are read in batches, so that what is held beside the samples of the question is bounded: a batch has about as
//! many samples as fit into some megabytes, or is a single series. Within a batch each chunk is decoded once.

use std::ops::{ControlFlow, Range};

use monitor_core::MetricKind;

use super::{
    bucket::Sums,
    classic::Edges,
    grid::{Grid, HELD_US},
    now::Now,
    sample::{floats, histograms},
};
use crate::{
    error::Error,
    promql::{Labels, Series},
    runtime::Current,
    store::{Detail, Entry, Found, Owned, Reader, StoredSeries, Tier, Told, Window},
};

/// How many samples a batch has, about.
const BATCH: usize = 200_000;

/// How many samples of a number a histogram weighs as much as.
const HISTOGRAM: usize = 16;

/// The number of a series that the store does not have yet.
pub(super) const NOT_STORED: u64 = 0;

/// A series, and what it is called in the answer.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) stored: StoredSeries,
    pub(super) labels: Labels,
    pub(super) part: Part,
    /// What it is now, if that is known.
    pub(super) current: Option<Current>,
}

/// What of a series is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// Of a histogram, how many values there were.
    Count,
    /// Of a histogram, their sum.
    Sum,
    /// Of a histogram, how many there were up to each edge: a series an edge.
    Buckets,
}

/// Gives the samples of each series in a window, until `give` breaks; with the values of a moment at the end, if there is
/// one.
pub(super) fn read(
    reader: &Reader,
    window: Window,
    now: Option<&Now>,
    mut wanted: Vec<Wanted>,
    give: &mut dyn FnMut(Series) -> ControlFlow<()>,
) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    wanted.sort_by_key(|wanted| is_plain(&wanted.stored));
    let grid = Grid::read(reader, window)?;
    let edges = if wanted[0].part == Part::Buckets { edges(reader, window, &grid, &wanted)? } else { Edges::default() };
    let lasting = wanted.partition_point(|wanted| !is_plain(&wanted.stored));
    for batch in batches(0..lasting, grid.len() * HISTOGRAM).chain(batches(lasting..wanted.len(), grid.len())) {
        let batch = &wanted[batch];
        let mut read = entries(reader, window, &grid, batch)?;
        let is_plain = is_plain(&batch[0].stored);
        let before = if is_plain { Vec::new() } else { before(reader, window, &grid, batch)? };
        let recorded = match now {
            Some(now) if !is_plain => recorded(reader, now.run(), now.recording(), batch)?,
            _ => Vec::new(),
        };
        for (place, wanted) in batch.iter().enumerate() {
            let entries = std::mem::take(&mut read[place]);
            let nothing = Sums::default();
            let [before, recorded] = [&before, &recorded].map(|sums| sums.get(place).unwrap_or(&nothing));
            let now = now.zip(wanted.current.as_ref());
            let now = now.map(|(now, current)| (now, current, recorded));
            for series in series(wanted, &entries, &grid, before, now, edges) {
                if give(series).is_break() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Cuts `places` into batches of series with so many samples each.
fn batches(places: Range<usize>, samples_each: usize) -> impl Iterator<Item = Range<usize>> {
    let size = (BATCH / samples_each.max(1)).clamp(1, BATCH);
    let end = places.end;
    places.step_by(size).map(move |first| first..(first + size).min(end))
}

/// What is stored of each series in the window, and as long before it as matters.
fn entries(reader: &Reader, window: Window, grid: &Grid, batch: &[Wanted]) -> Result<Vec<Vec<Told>>, Error> {
    let mut read: Vec<Vec<Told>> = batch.iter().map(|_| Vec::new()).collect();
    let reach = Window {
        after: window.after.saturating_sub(HELD_US),
        until: window.until.max(grid.until().unwrap_or(i64::MIN)),
    };
    reader.walk(&ids(batch), reach, Detail::Each, Tier::Raw, &mut |found| {
        if let Found::Entry { place, ts, run, entry } = found
            // What cannot be read is missing.
            && let Ok(value) = Owned::of(entry)
        {
            read[place].push(Told { ts, run, value });
        }
    })?;
    Ok(read)
}

/// What each histogram had recorded before the window, in the recording that the window begins in.
fn before(reader: &Reader, window: Window, grid: &Grid, batch: &[Wanted]) -> Result<Vec<Sums>, Error> {
    let Some(first) = grid.first_run() else { return Ok(Vec::new()) };
    let begun = i64::try_from(first).unwrap_or(i64::MIN);
    let earlier = Window { after: begun.saturating_sub(1), until: window.after.saturating_sub(HELD_US) };
    recorded(reader, first, earlier, batch)
}

/// The edges of classic buckets: those of everything that was recorded in the recordings that the window touches, so that
/// a series has all of them from its beginning on.
fn edges(reader: &Reader, window: Window, grid: &Grid, wanted: &[Wanted]) -> Result<Edges, Error> {
    let mut edges = Edges::default();
    for fresh in wanted.iter().filter_map(|wanted| wanted.current.as_ref()) {
        if let Current::Distribution(fresh) = fresh {
            edges.widen(fresh.buckets());
        }
    }
    let begun = grid.first_run().map_or(i64::MAX, |run| i64::try_from(run).unwrap_or(i64::MIN)).saturating_sub(1);
    let reach = Window {
        after: begun.min(window.after.saturating_sub(HELD_US)),
        until: window.until.max(grid.until().unwrap_or(i64::MIN)),
    };
    let mut buckets = Vec::new();
    reader.walk(&ids(wanted), reach, Detail::Merged, Tier::Hours, &mut |found| {
        if let Found::Entry { entry: Entry::Distribution(encoded), .. } = found
            && encoded.buckets(&mut buckets).is_ok()
        {
            edges.widen(&buckets);
        }
    })?;
    Ok(edges)
}

/// What each histogram recorded in a window of one recording.
fn recorded(reader: &Reader, of: u64, window: Window, batch: &[Wanted]) -> Result<Vec<Sums>, Error> {
    let mut sums: Vec<Sums> = batch.iter().map(|_| Sums::default()).collect();
    if window.after >= window.until {
        return Ok(sums);
    }
    let mut buckets = Vec::new();
    reader.walk(&ids(batch), window, Detail::Merged, Tier::Hours, &mut |found| {
        if let Found::Entry { place, run, entry: Entry::Distribution(encoded), .. } = found
            && run == of
            && encoded.buckets(&mut buckets).is_ok()
        {
            sums[place].add(encoded.sum, &buckets, 1.0);
        }
    })?;
    Ok(sums)
}

/// The series of what is wanted; the moment at its end comes with what is stored of the recording.
fn series(
    wanted: &Wanted,
    entries: &[Told],
    grid: &Grid,
    before: &Sums,
    now: Option<(&Now, &Current, &Sums)>,
    edges: Edges,
) -> Vec<Series> {
    let series = Series::new(wanted.labels.clone());
    if is_plain(&wanted.stored) {
        let mut floats = floats(entries, grid);
        if let Some((now, current, _)) = now {
            now.tell_float(&mut floats, current);
        }
        return vec![series.with_floats(floats)];
    }
    let mut histograms = histograms(entries, grid, before);
    if let Some((now, Current::Distribution(fresh), recorded)) = now {
        now.tell_histogram(&mut histograms, recorded, fresh);
    }
    if wanted.part == Part::Buckets {
        return edges.series(&wanted.labels, &histograms);
    }
    let histograms = histograms.into_iter();
    vec![match wanted.part {
        Part::Whole | Part::Buckets => series.with_histograms(histograms),
        // A histogram that ends a series has the marker as its sum.
        Part::Count => series.with_floats(histograms.map(|(at, histogram)| {
            (at, if crate::promql::is_stale(histogram.sum()) { histogram.sum() } else { histogram.count() })
        })),
        Part::Sum => series.with_floats(histograms.map(|(at, histogram)| (at, histogram.sum()))),
    }]
}

/// Whether a series is of numbers, which full rows repeat.
pub(super) fn is_plain(series: &StoredSeries) -> bool {
    matches!(series.kind, MetricKind::Counter | MetricKind::Gauge)
}

fn ids(batch: &[Wanted]) -> Vec<u64> {
    batch.iter().map(|wanted| wanted.stored.id).collect()
}
