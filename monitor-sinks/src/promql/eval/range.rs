//! Ranges: the samples of each series between two instants, from a selector or a subquery.

use std::sync::Arc;

use super::{
    Context, Table,
    data::{View, seek},
    selector::Look,
    subquery::Subquery,
};
use crate::promql::{error::Error, histogram::Histogram, syntax::RangeMode};

/// Where the samples of a range come from.
pub(super) enum Range {
    Selected(Selected),
    Subquery(Subquery),
}

/// A selector with a range.
pub(super) struct Selected {
    look: Look,
    pub(super) length: i64,
    pub(super) mode: RangeMode,
    view: View<Cursor>,
}

/// The places of the first sample inside and of the first one after it.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    floats: (usize, usize),
    histograms: (usize, usize),
}

/// The samples of one series in a range.
pub(super) struct Samples<'a> {
    pub(super) id: usize,
    pub(super) floats: &'a [(i64, f64)],
    pub(super) histograms: &'a [(i64, Arc<Histogram>)],
}

impl Range {
    /// The range seen from `at`: after the first and up to the second instant.
    pub(super) fn bounds(&self, at: i64) -> (i64, i64) {
        let (look, length) = match self {
            Self::Selected(selected) => (selected.look, selected.length),
            Self::Subquery(subquery) => (subquery.look, subquery.length),
        };
        let end = look.from(at);
        (end - length, end)
    }

    pub(super) fn mode(&self) -> RangeMode {
        match self {
            Self::Selected(selected) => selected.mode,
            Self::Subquery(_) => RangeMode::Plain,
        }
    }

    pub(super) fn series(&self) -> &Table {
        match self {
            Self::Selected(selected) => &selected.view.table,
            Self::Subquery(subquery) => subquery.series(),
        }
    }

    /// Moves to the range seen from `at`.
    pub(super) fn move_to(&mut self, at: i64, context: &mut Context) -> Result<(), Error> {
        let (start, end) = self.bounds(at);
        match self {
            Self::Selected(selected) => selected.move_to(start, end, context),
            Self::Subquery(subquery) => subquery.move_to(start, end, context),
        }
    }

    /// The series that have samples in the range moved to.
    pub(super) fn samples(&self) -> Vec<Samples<'_>> {
        match self {
            Self::Selected(selected) => selected.samples(),
            Self::Subquery(subquery) => subquery.samples(),
        }
    }
}

impl Selected {
    pub(super) fn new(set: usize, look: Look, length: i64, mode: RangeMode) -> Self {
        Self { look, length, mode, view: View::new(set) }
    }

    fn move_to(&mut self, start: i64, end: i64, context: &mut Context) -> Result<(), Error> {
        self.view.renew(&context.data);
        let View { series, cursors, .. } = &mut self.view;
        let lookback = context.times.lookback;
        let (start, end) = match self.mode {
            RangeMode::Plain => (start, end),
            RangeMode::Anchored => (start - lookback, end),
            RangeMode::Smoothed => (start - lookback, end + lookback),
        };
        for (stored, cursor) in series.iter().zip(cursors) {
            cursor.floats = (seek(&stored.floats, cursor.floats.0, start), seek(&stored.floats, cursor.floats.1, end));
            let histograms = &stored.histograms;
            cursor.histograms =
                (seek(histograms, cursor.histograms.0, start), seek(histograms, cursor.histograms.1, end));
            if self.mode != RangeMode::Plain && cursor.histograms.0 < cursor.histograms.1 {
                return Err(Error::evaluation("smoothed and anchored modifiers do not work with native histograms"));
            }
        }
        context.check(series.len())
    }

    fn samples(&self) -> Vec<Samples<'_>> {
        let View { series, cursors, ids, .. } = &self.view;
        let series = series.iter().zip(cursors).zip(ids);
        series
            .map(|((stored, cursor), &id)| Samples {
                id,
                floats: &stored.floats[cursor.floats.0..cursor.floats.1.max(cursor.floats.0)],
                histograms: &stored.histograms[cursor.histograms.0..cursor.histograms.1.max(cursor.histograms.0)],
            })
            .filter(|samples| !samples.floats.is_empty() || !samples.histograms.is_empty())
            .collect()
    }
}
