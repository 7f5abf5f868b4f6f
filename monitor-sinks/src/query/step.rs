//! Folds what is stored into summaries of groups of series, step by step.
//!
//! A series is in a step if it has an entry in it, or if it is known not to have changed: then it has the value of its last
//! entry, for as long as the recording that wrote it goes on, and a few minutes at most. A counter that did not change has
//! grown by nothing; a histogram or timer without an entry has recorded nothing and is not there.
//!
//! The increases of steps add up to that of the range, however it is cut: both are made of the same increases from entry
//! to entry, and every entry is in one step.

use monitor_core::{MetricKind, Number};

use super::{
    Warnings,
    fold::{Met, Total, Visitor, gauge_life, has_value, value, walk},
    grid::Grid,
    resolution::Resolutions,
    summary::{Cell, Summary},
};
use crate::{
    error::Error,
    store::{Detail, Entry, Reader, Span, StoredSeries, Window},
};

/// The most windows of an answer, over all groups: what they take is kept in memory until it is complete.
const MOST_WINDOWS: usize = 1_000_000;

/// As many windows takes one of a histogram or timer.
const VALUES_WEIGHT: usize = 10;

/// What a group comes to.
#[derive(Debug)]
pub(super) struct Stepped {
    /// Of the steps in which it has something, in the order of time.
    pub(super) summaries: Vec<Summary>,
    pub(super) resolutions: Resolutions,
}

/// Folds what is stored of `series` in `range` into the steps of `grid`. `group_of` says which group each belongs to, and
/// `kinds` of what kind each group is.
pub(super) fn fold(
    reader: &Reader,
    range: Window,
    grid: Grid,
    series: &[StoredSeries],
    group_of: Vec<usize>,
    kinds: &[MetricKind],
) -> Result<(Vec<Stepped>, Warnings), Error> {
    check_size(grid, kinds)?;
    let mut steps = Steps {
        grid,
        life_us: gauge_life(reader.interval_us()?),
        tracks: group_of.into_iter().zip(series).map(|(group, series)| Track::new(group, series.kind)).collect(),
        groups: kinds.iter().map(|_| Group::default()).collect(),
        runs: Vec::new(),
        buckets: Vec::new(),
    };
    steps.begin(reader, range.after, series)?;
    let detail = if grid.len() > 1 { Detail::Each } else { Detail::Merged };
    let warnings = walk(reader, range, series, detail, grid.coarsest(), &mut steps)?;
    for place in 0..series.len() {
        steps.advance(place, grid.len());
    }
    Ok((steps.groups.into_iter().zip(kinds).map(|(group, kind)| group.finish(*kind, grid)).collect(), warnings))
}

/// Refuses an answer that would take too much memory.
fn check_size(grid: Grid, kinds: &[MetricKind]) -> Result<(), Error> {
    let weight = |kind: &MetricKind| match kind {
        MetricKind::Histogram | MetricKind::Timer => VALUES_WEIGHT,
        _ => 1,
    };
    let weight: usize = kinds.iter().map(weight).sum();
    if weight.saturating_mul(grid.len()) <= MOST_WINDOWS {
        return Ok(());
    }
    Err(Error::setting(format!(
        "{} steps of {} series or groups are too many for one answer; give a longer step, a shorter time, or group_by(...) \
         with fewer labels",
        grid.len(),
        kinds.len()
    )))
}

/// Steps that are being folded.
#[derive(Debug)]
struct Steps {
    grid: Grid,
    life_us: i64,
    tracks: Vec<Track>,
    groups: Vec<Group>,
    /// The recordings that were met, ascending. Each is called after the time at which it began.
    runs: Vec<u64>,
    buckets: Vec<(u16, u64)>,
}

/// A group of series: its steps up to the last one in which something was met.
#[derive(Debug, Default)]
struct Group {
    cells: Vec<Cell>,
    resolutions: Resolutions,
}

/// How far one series has been followed.
#[derive(Debug)]
struct Track {
    group: usize,
    kind: MetricKind,
    /// The step of its last entry, which is not closed yet, and when that step ends.
    open: Option<usize>,
    until: i64,
    total: Total,
    /// What a counter has grown by in the open step.
    increase: Number,
    held: Option<Held>,
}

/// The last entry of a counter or gauge.
#[derive(Debug, Clone, Copy)]
struct Held {
    ts: i64,
    run: u64,
    value: f64,
}

impl Steps {
    /// Looks up the values that counters and gauges have when the first step begins.
    fn begin(&mut self, reader: &Reader, after: i64, series: &[StoredSeries]) -> Result<(), Error> {
        let places: Vec<usize> = (0..series.len()).filter(|&place| has_value(series[place].kind)).collect();
        if places.is_empty() {
            return Ok(());
        }
        let ids: Vec<u64> = places.iter().map(|&place| series[place].id).collect();
        let mut found = Vec::new();
        let back = reader.look_back(&ids, after, after.saturating_sub(self.life_us), &mut |place, ts, entry| {
            found.extend(value(entry).map(|value| (places[place], ts, value)));
        })?;
        for (place, ts, value) in found {
            self.tracks[place].held = back.newest.map(|(_, run)| Held { ts, run, value });
        }
        Ok(())
    }

    /// The step of the next entry of a series. Those before it are closed.
    fn step_of(&mut self, place: usize, ts: i64) -> usize {
        // Mostly it is that of the entry before, which is found out without a division.
        let track = &self.tracks[place];
        match track.open {
            Some(open) if ts <= track.until => open,
            _ => {
                let step = self.grid.place(ts);
                self.advance(place, step);
                step
            }
        }
    }

    /// Closes what was open of a series before step `to`, and fills the steps up to it in which it did not change.
    fn advance(&mut self, place: usize, to: usize) {
        let track = &mut self.tracks[place];
        let (kind, open, held) = (track.kind, track.open, track.held);
        if open == Some(to) {
            return;
        }
        let increase = std::mem::replace(&mut track.increase, Number::ZERO);
        let group = &mut self.groups[track.group];
        let Some(held) = held else { return };
        let ends = held.ts.saturating_add(self.life_us).min(end_of(held.run, &self.runs));
        if let Some(open) = open {
            let is_held = self.grid.window(open).until <= ends;
            group.close(open, kind, increase, is_held.then_some(held.value));
        }
        for step in open.map_or(0, |open| open + 1)..to {
            if self.grid.window(step).until > ends {
                break;
            }
            if kind == MetricKind::Gauge {
                group.cell(step).add_readings(Span::of(held.value));
            }
            group.close(step, kind, Number::ZERO, Some(held.value));
        }
    }

    fn note_run(&mut self, run: u64) {
        if self.runs.last().is_none_or(|last| *last < run) {
            self.runs.push(run);
        }
    }
}

impl Visitor for Steps {
    fn entry(&mut self, met: Met<'_>) -> Result<(), &'static str> {
        self.note_run(met.run);
        let step = self.step_of(met.place, met.ts);
        let track = &mut self.tracks[met.place];
        let group = &mut self.groups[track.group];
        match met.entry {
            Entry::Counter { total, increase } => track.increase += track.total.grow(&met, total, increase),
            Entry::Gauge(value) => group.cell(step).add_readings(Span::of(value)),
            Entry::Span(span) => group.cell(step).add_readings(span),
            Entry::Distribution(encoded) => {
                encoded.buckets(&mut self.buckets)?;
                group.cell(step).add_values(track.open != Some(step)).add(&encoded, &self.buckets);
            }
        }
        group.resolutions.note(met.resolution);
        if track.open != Some(step) {
            (track.open, track.until) = (Some(step), self.grid.window(step).until);
        }
        track.held = value(met.entry).map(|value| Held { ts: met.ts, run: met.run, value });
        Ok(())
    }

    fn flush(&mut self, _ts: i64, run: u64) {
        self.note_run(run);
    }
}

impl Track {
    const fn new(group: usize, kind: MetricKind) -> Self {
        Self { group, kind, open: None, until: i64::MIN, total: Total::UNKNOWN, increase: Number::ZERO, held: None }
    }
}

impl Group {
    fn cell(&mut self, step: usize) -> &mut Cell {
        while self.cells.len() <= step {
            self.cells.push(Cell::EMPTY);
        }
        &mut self.cells[step]
    }

    /// Takes what a counter or gauge came to in a step.
    fn close(&mut self, step: usize, kind: MetricKind, increase: Number, value: Option<f64>) {
        match kind {
            MetricKind::Counter => self.cell(step).add_increase(increase),
            _ => self.cell(step).add_last(value),
        }
    }

    fn finish(self, kind: MetricKind, grid: Grid) -> Stepped {
        let cells = self.cells.into_iter().enumerate();
        let summaries = cells.filter_map(|(step, cell)| cell.summary(kind, grid.window(step))).collect();
        Stepped { summaries, resolutions: self.resolutions }
    }
}

/// When a recording is over for certain: when the next one has begun.
fn end_of(run: u64, runs: &[u64]) -> i64 {
    let next = runs.get(runs.partition_point(|known| *known <= run));
    next.map_or(i64::MAX, |next| i64::try_from(*next).unwrap_or(i64::MAX))
}
