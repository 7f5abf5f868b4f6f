//! Reads the series of a selector.
//!
//! Series are read in batches, so that what is held beside the samples of the question is bounded: a batch has about as
//! many samples as fit into some megabytes, or is a single series. Within a batch each chunk is decoded once, and its
//! entries become samples as they are met.

use std::ops::{ControlFlow, Range};

use monitor_core::MetricKind;

use super::{
    bucket::Sums,
    classic::Octaves,
    grid::{Grid, HELD_US, stretches},
    histogram::{Edges, Histograms},
    now::Now,
    sample::Teller,
};
use crate::{
    error::Error,
    live::Current,
    promql::{Labels, Select, Series, function::written_moment},
    store::{Detail, Entry, Found, Reader, StoredSeries, Tier, Warning, Window},
    util::time::to_micros,
};

/// How many samples a batch has, about.
const BATCH: usize = 200_000;

/// How many samples of a number a histogram weighs as much as.
const HISTOGRAM: usize = 128;

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

/// One reading of a store.
struct Reading<'a> {
    reader: &'a Reader,
    select: &'a Select<'a>,
    now: Option<&'a Now>,
    window: Window,
    /// Before it, windows of five minutes do.
    exact_since: i64,
    grid: Grid,
    /// The part of it that histograms need. What they had recorded before is read as such; it need not be read back for.
    inside: Grid,
    /// The edges of classic buckets, if these are wanted.
    octaves: Octaves,
}

/// Gives the samples of each series in the window of a selection, until `give` breaks or it is too late; with the values
/// of a moment at the end, if there is one. What lies before `exact_since` may come from windows of five minutes.
pub(super) fn read(
    reader: &Reader,
    select: &Select<'_>,
    now: Option<&Now>,
    exact_since: i64,
    mut wanted: Vec<Wanted>,
    give: &mut dyn FnMut(Series) -> ControlFlow<()>,
) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    wanted.sort_by_key(|wanted| is_plain(&wanted.stored));
    let window = window_of(select, now);
    let grid = Grid::read(reader, window, exact_since)?;
    tell(select, grid.tier());
    let lasting = wanted.partition_point(|wanted| !is_plain(&wanted.stored));
    let (histogram, number) = (grid.len() * HISTOGRAM, grid.len());
    let inside = grid.since(if lasting > 0 { window.after } else { i64::MAX });
    let mut reading = Reading { reader, select, now, window, exact_since, grid, inside, octaves: Octaves::default() };
    if wanted[0].part == Part::Buckets {
        reading.octaves = reading.octaves(&wanted)?;
    }
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

/// The window of a selection, as far as rows of it may be read: a sample counts at the millisecond that it lies in.
pub(super) fn window_of(select: &Select<'_>, now: Option<&Now>) -> Window {
    let micros = |millis: i64| millis.saturating_add(1).saturating_mul(1_000).saturating_sub(1);
    let after = micros(select.from);
    now.map_or_else(|| Window { after, until: micros(select.to) }, |now| now.window(after))
}

/// Cuts `places` into batches of series with so many samples each.
fn batches(places: Range<usize>, samples_each: usize) -> impl Iterator<Item = Range<usize>> {
    let size = (BATCH / samples_each.max(1)).clamp(1, BATCH);
    let end = places.end;
    places.step_by(size).map(move |first| first..(first + size).min(end))
}

impl Wanted {
    /// Whether the moment has a sample of it, whatever is stored.
    pub(super) fn is_fresh(&self) -> bool {
        match &self.current {
            Some(Current::Distribution(fresh)) => !fresh.is_empty(),
            Some(Current::Counter { .. } | Current::Gauge(_)) => true,
            None => false,
        }
    }
}

impl Reading<'_> {
    /// Gives some series of the same kind.
    fn batch(
        &self,
        batch: &[Wanted],
        give: &mut dyn FnMut(Series) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut reach = self.reach();
        let (grid, mut tellers): (&Grid, Vec<Teller>) = if is_plain(&batch[0].stored) {
            (&self.grid, batch.iter().map(|_| Teller::of_floats(&self.grid)).collect())
        } else {
            reach.after = self.window.after;
            let (edges, run) = (Edges::of(self.select), self.inside.first_run());
            let of = |(before, wanted): (Sums, &Wanted)| {
                Teller::of_histograms(Histograms::new(wanted.part, edges, run, before))
            };
            (&self.inside, self.before(batch)?.into_iter().zip(batch).map(of).collect())
        };
        for (stretch, coarsest) in stretches(reach, self.exact_since) {
            self.walk(batch, stretch, (Detail::Lines, coarsest), &mut |found| match found {
                Found::Line { place, run, line } => {
                    if let Err(reason) = tellers[place].line(grid, run, line) {
                        self.warn(&Warning::new(line.times[0], reason));
                    }
                }
                Found::Entry { place, ts, run, entry } => {
                    if let Err(reason) = tellers[place].entry(grid, ts, run, entry) {
                        self.warn(&Warning::new(ts, reason));
                    }
                }
                Found::Damaged(warning) => self.warn(&warning),
                Found::Tier(_) | Found::Flush { .. } => {}
            })?;
        }
        let stored = self.stored(batch)?;
        for ((teller, wanted), stored) in tellers.into_iter().zip(batch).zip(stored) {
            let mut series = teller.finish(grid, Series::new(wanted.labels.clone()));
            if let Some((now, current)) = self.now.zip(wanted.current.as_ref()) {
                now.tell(&mut series, wanted.part, current, stored);
            }
            if self.select.in_time().is_err() || self.give(wanted.part, series, give).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn give(&self, part: Part, series: Series, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> ControlFlow<()> {
        match part {
            Part::Whole | Part::Count | Part::Sum => give(series),
            Part::Buckets => self.octaves.series(&series.labels, &series.histograms).into_iter().try_for_each(give),
        }
    }

    /// The rows that samples of the window come from.
    fn reach(&self) -> Window {
        let Self { window, grid, .. } = self;
        Window {
            after: window.after.saturating_sub(HELD_US),
            until: window.until.max(grid.until().unwrap_or(i64::MIN)),
        }
    }

    /// What each histogram had recorded before the window, in the recording that the window begins in.
    fn before(&self, batch: &[Wanted]) -> Result<Vec<Sums>, Error> {
        match self.inside.first_run() {
            Some(run) => self.recorded(batch, run, Window { after: before_run(run), until: self.window.after }),
            None => Ok(vec![Sums::default(); batch.len()]),
        }
    }

    /// What is stored of each histogram in the recording of the moment; nothing, if there is no moment.
    fn stored(&self, batch: &[Wanted]) -> Result<Vec<Sums>, Error> {
        match self.now.filter(|_| !is_plain(&batch[0].stored)) {
            Some(now) => self.recorded(batch, now.run(), now.window(before_run(now.run()))),
            None => Ok(vec![Sums::default(); batch.len()]),
        }
    }

    /// What each histogram recorded in a window of one recording.
    fn recorded(&self, batch: &[Wanted], of: u64, window: Window) -> Result<Vec<Sums>, Error> {
        let mut sums = vec![Sums::default(); batch.len()];
        if window.after >= window.until {
            return Ok(sums);
        }
        let mut buckets = Vec::new();
        self.walk(batch, window, (Detail::Merged, Tier::Hours), &mut |found| {
            if let Found::Entry { place, run, entry: Entry::Distribution(encoded), .. } = found
                && run == of
                && encoded.buckets(&mut buckets).is_ok()
            {
                sums[place].add(encoded.sum, &buckets, 1.0);
            }
        })?;
        Ok(sums)
    }

    /// The edges of classic buckets: those of everything that was recorded in the recordings that the window touches, so
    /// that a series has all of them from its beginning on.
    fn octaves(&self, wanted: &[Wanted]) -> Result<Octaves, Error> {
        let mut octaves = Octaves::default();
        for fresh in wanted.iter().filter_map(|wanted| wanted.current.as_ref()) {
            if let Current::Distribution(fresh) = fresh {
                octaves.widen(fresh.buckets());
            }
        }
        let reach = self.reach();
        let begun = self.grid.first_run().map_or(reach.after, before_run);
        let reach = Window { after: reach.after.min(begun), ..reach };
        let mut buckets = Vec::new();
        self.walk(wanted, reach, (Detail::Merged, Tier::Hours), &mut |found| {
            if let Found::Entry { entry: Entry::Distribution(encoded), .. } = found
                && encoded.buckets(&mut buckets).is_ok()
            {
                octaves.widen(&buckets);
            }
        })?;
        Ok(octaves)
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

/// The instant before a recording, which is named after its beginning.
fn before_run(run: u64) -> i64 {
    i64::try_from(run).unwrap_or(i64::MAX).saturating_sub(1)
}

/// Whether a series is of numbers, which full rows repeat.
pub(super) fn is_plain(series: &StoredSeries) -> bool {
    matches!(series.kind, MetricKind::Counter | MetricKind::Gauge)
}
