//! Reads the series of a selector.
//!
//! Series are read in batches, so that what is held beside the samples of the question is bounded: a batch has about as
//! many samples as fit into some megabytes, or is a single series. Within a batch each chunk is decoded once, and its
//! entries become samples as they are met.

use std::ops::{ControlFlow, Range};

use monitor_core::MetricKind;

use super::{
    bucket::Sums,
    grid::{Grid, HELD_US},
    histogram::{Edges, Histograms},
    sample::Teller,
};
use crate::{
    error::Error,
    promql::{Labels, Select, Series, function::written_moment},
    store::{Detail, Entry, Found, Reader, StoredSeries, Tier, Warning, Window},
    util::time::to_micros,
};

/// How many samples a batch has, about.
const BATCH: usize = 200_000;

/// How many samples of a number a histogram weighs as much as.
const HISTOGRAM: usize = 128;

/// A series, and what it is called in the answer.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) stored: StoredSeries,
    pub(super) labels: Labels,
    pub(super) part: Part,
}

/// What of a series is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// Of a histogram, how many values there were.
    Count,
    /// Of a histogram, their sum.
    Sum,
}

/// One reading of a store.
struct Reading<'a> {
    reader: &'a Reader,
    select: &'a Select<'a>,
    window: Window,
    grid: Grid,
}

/// Gives the samples of each series in the window of a selection, until `give` breaks or it is too late.
pub(super) fn read(
    reader: &Reader,
    select: &Select<'_>,
    mut wanted: Vec<Wanted>,
    give: &mut dyn FnMut(Series) -> ControlFlow<()>,
) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    wanted.sort_by_key(|wanted| is_plain(&wanted.stored));
    let window = window_of(select);
    let grid = Grid::read(reader, window)?;
    tell(select, grid.tier());
    let lasting = wanted.partition_point(|wanted| !is_plain(&wanted.stored));
    let (histogram, number) = (grid.len() * HISTOGRAM, grid.len());
    let reading = Reading { reader, select, window, grid };
    for batch in batches(0..lasting, histogram).chain(batches(lasting..wanted.len(), number)) {
        if reading.batch(&wanted[batch], give)?.is_break() || select.in_time().is_err() {
            break;
        }
    }
    Ok(())
}

/// Has the answer say that not all of it is from single flushes, because these are not kept for so long.
fn tell(select: &Select<'_>, tier: Tier) {
    match tier {
        Tier::Minutes => select.inform("answered in part from windows of 5 minutes, which were rolled up"),
        Tier::Hours => select.inform("answered in part from windows of an hour or 5 minutes, which were rolled up"),
        Tier::Raw | Tier::Imported | Tier::Unfinished => {}
    }
}

/// The window of a selection: a sample counts at the millisecond that it lies in.
pub(super) fn window_of(select: &Select<'_>) -> Window {
    let micros = |millis: i64| millis.saturating_add(1).saturating_mul(1_000).saturating_sub(1);
    Window { after: micros(select.from), until: micros(select.to) }
}

/// Cuts `places` into batches of series with so many samples each.
fn batches(places: Range<usize>, samples_each: usize) -> impl Iterator<Item = Range<usize>> {
    let size = (BATCH / samples_each.max(1)).clamp(1, BATCH);
    let end = places.end;
    places.step_by(size).map(move |first| first..(first + size).min(end))
}

impl Reading<'_> {
    /// Gives some series of the same kind.
    fn batch(
        &self,
        batch: &[Wanted],
        give: &mut dyn FnMut(Series) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut tellers: Vec<Teller> = if is_plain(&batch[0].stored) {
            batch.iter().map(|_| Teller::of_floats(&self.grid)).collect()
        } else {
            let (edges, run) = (Edges::of(self.select), self.grid.first_run());
            let before = self.before(batch)?.into_iter().zip(batch);
            before
                .map(|(before, wanted)| Teller::of_histograms(Histograms::new(wanted.part, edges, run, before)))
                .collect()
        };
        let Self { window, grid, .. } = self;
        let reach = Window {
            after: window.after.saturating_sub(HELD_US),
            until: window.until.max(grid.until().unwrap_or(i64::MIN)),
        };
        self.walk(batch, reach, (Detail::Each, Tier::Raw), &mut |found| match found {
            Found::Entry { place, ts, run, entry } => {
                if let Err(reason) = tellers[place].entry(grid, ts, run, entry) {
                    self.warn(&Warning::new(ts, reason));
                }
            }
            Found::Damaged(warning) => self.warn(&warning),
            Found::Tier(_) | Found::Flush { .. } => {}
        })?;
        for (teller, wanted) in tellers.into_iter().zip(batch) {
            if self.select.in_time().is_err()
                || give(teller.finish(grid, Series::new(wanted.labels.clone()))).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What each histogram had recorded before the window, in the recording that the window begins in.
    fn before(&self, batch: &[Wanted]) -> Result<Vec<Sums>, Error> {
        let mut sums: Vec<Sums> = batch.iter().map(|_| Sums::default()).collect();
        let Some(first) = self.grid.first_run() else { return Ok(sums) };
        let begun = i64::try_from(first).unwrap_or(i64::MIN);
        let earlier = Window { after: begun.saturating_sub(1), until: self.window.after.saturating_sub(HELD_US) };
        if earlier.after >= earlier.until {
            return Ok(sums);
        }
        let mut buckets = Vec::new();
        self.walk(batch, earlier, (Detail::Merged, Tier::Hours), &mut |found| {
            if let Found::Entry { place, run, entry: Entry::Distribution(encoded), .. } = found
                && run == first
                && encoded.buckets(&mut buckets).is_ok()
            {
                sums[place].add(encoded.sum, &buckets, 1.0);
            }
        })?;
        Ok(sums)
    }

    fn walk(
        &self,
        batch: &[Wanted],
        window: Window,
        how: (Detail, Tier),
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<(), Error> {
        let ids: Vec<u64> = batch.iter().map(|wanted| wanted.stored.id).collect();
        let is_late = || self.select.in_time().is_err();
        self.reader.walk_unless(&is_late, &ids, window, how, visit)
    }

    /// Has the answer say that something is missing from it.
    fn warn(&self, warning: &Warning) {
        let moment = |time| written_moment(to_micros(time).div_euclid(1_000_000));
        let (since, until) = (moment(warning.since()), moment(warning.at()));
        self.select.warn(&format!("damaged, and missing from this answer: {since} to {until}: {}", warning.reason()));
    }
}

/// Whether a series is of numbers, which full rows repeat.
pub(super) fn is_plain(series: &StoredSeries) -> bool {
    matches!(series.kind, MetricKind::Counter | MetricKind::Gauge)
}
