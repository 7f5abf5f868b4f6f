//! Reading what was imported, in the order of time with what was recorded.
//!
//! Imported values may be of any time, before, between and beside what a recording wrote, and of any resolution. They lie
//! in a tier of their own, so that everything that relies on the order of recordings (sealing, rolling up, the newest
//! row, the time of the next one) need not know of them. A segment of that tier is a stretch of one series, or of those
//! with the same times, and stretches of one series may overlap when files were imported that complement each other.
//!
//! A walk meets the entries of a series in the order of time. So before it tells of an entry, it tells of those imported
//! ones of the same series that are older, and at its end of the rest. What is held of a series are the stretches that
//! overlap at that time.

use std::collections::VecDeque;

use monitor_core::Number;
use rusqlite::{Connection, params};

use super::{
    Window,
    chunk::merged::Moments,
    entry::{Encoded, Entry, Span},
    segment,
    tier::Tier,
    walk::{Detail, Found, Walk},
};

/// Set in the name of an import, so that it is told from that of a recording.
pub(super) const IMPORT: u64 = 1 << 62;

/// Whether `run` is the name of an import.
pub(crate) const fn is_imported(run: u64) -> bool {
    run & IMPORT != 0
}

/// What was imported of the series of a walk.
#[derive(Debug)]
pub(super) struct Imported<'a> {
    connection: &'a Connection,
    detail: Detail,
    window: Window,
    /// By the place of the series; empty if nothing was ever imported.
    strands: Vec<Strand>,
    /// What the entries that are not imported are of.
    tier: Tier,
    failure: Option<rusqlite::Error>,
}

/// What is still to be told of one series.
#[derive(Debug)]
struct Strand {
    series: u64,
    /// Beginning, end and number of the segments; `None` before they were looked up.
    segments: Option<VecDeque<(i64, i64, i64)>>,
    pending: VecDeque<Told>,
}

/// An entry that outlives its chunk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) ts: i64,
    pub(crate) run: u64,
    pub(crate) value: Owned,
}

/// The value of an entry that outlives its chunk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Owned {
    Counter { total: Number, increase: Number },
    Gauge(f64),
    Span(Span),
    Distribution { moments: Moments, buckets: Vec<(u16, u64)> },
}

impl Owned {
    /// `None` if the buckets of a distribution make no sense.
    pub(crate) fn of(entry: Entry<'_>) -> Result<Self, &'static str> {
        Ok(match entry {
            Entry::Counter { total, increase } => Self::Counter { total, increase },
            Entry::Gauge(value) => Self::Gauge(value),
            Entry::Span(span) => Self::Span(span),
            Entry::Distribution(encoded) => {
                let mut buckets = Vec::new();
                encoded.buckets(&mut buckets)?;
                let Encoded { sum, min, max, .. } = encoded;
                Self::Distribution { moments: Moments { sum, min, max }, buckets }
            }
        })
    }

    fn entry(&self) -> Entry<'_> {
        match self {
            Self::Counter { total, increase } => Entry::Counter { total: *total, increase: *increase },
            Self::Gauge(value) => Entry::Gauge(*value),
            Self::Span(span) => Entry::Span(*span),
            Self::Distribution { moments, buckets } => Entry::Distribution(Encoded::of_chunk(*moments, buckets)),
        }
    }
}

impl<'a> Imported<'a> {
    /// For the series `ids`, which are at `places` of those asked for. Cost without any imports: one look at an index.
    pub(super) fn of(
        connection: &'a Connection,
        ids: &[u64],
        places: &[usize],
        detail: Detail,
        window: Window,
    ) -> rusqlite::Result<Self> {
        let any: bool = connection
            .prepare_cached("SELECT EXISTS(SELECT 1 FROM segment WHERE tier = ?1)")?
            .query_row([Tier::Imported.code()], |row| row.get(0))?;
        let mut imported = Self { connection, detail, window, strands: Vec::new(), tier: Tier::Raw, failure: None };
        if any {
            let mut by_place: Vec<(usize, u64)> = places.iter().copied().zip(ids.iter().copied()).collect();
            by_place.sort_unstable();
            let strand = |(_, series)| Strand { series, segments: None, pending: VecDeque::new() };
            imported.strands = by_place.into_iter().map(strand).collect();
        }
        Ok(imported)
    }

    /// Tells of `found`, and before it of what was imported of its series and is not younger.
    pub(super) fn merge(&mut self, found: Found<'_>, visit: &mut dyn FnMut(Found<'_>)) {
        match found {
            Found::Entry { place, ts, .. } if !self.strands.is_empty() => self.tell(place, ts, visit),
            Found::Line { place, run, line } if !self.strands.is_empty() => {
                for (ts, entry) in line.entries() {
                    self.tell(place, ts, visit);
                    visit(Found::Entry { place, ts, run, entry });
                }
                return;
            }
            Found::Tier(tier) => self.tier = tier,
            _ => {}
        }
        visit(found);
    }

    /// Tells of the rest.
    pub(super) fn finish(mut self, visit: &mut dyn FnMut(Found<'_>)) -> rusqlite::Result<()> {
        for place in 0..self.strands.len() {
            self.tell(place, i64::MAX, visit);
        }
        self.failure.map_or(Ok(()), Err)
    }

    fn tell(&mut self, place: usize, until: i64, visit: &mut dyn FnMut(Found<'_>)) {
        if self.failure.is_none()
            && let Err(error) = self.try_tell(place, until, visit)
        {
            self.failure = Some(error);
        }
    }

    fn try_tell(&mut self, place: usize, until: i64, visit: &mut dyn FnMut(Found<'_>)) -> rusqlite::Result<()> {
        let Self { connection, detail, window, strands, tier, .. } = self;
        let strand = &mut strands[place];
        let mut segments = match strand.segments.take() {
            Some(segments) => segments,
            None => segments_of(connection, strand.series, *window)?,
        };
        let mut is_told = false;
        loop {
            while let Some(told) = strand.pending.pop_front_if(|told| told.ts <= until) {
                if !std::mem::replace(&mut is_told, true) {
                    visit(Found::Tier(Tier::Imported));
                }
                visit(Found::Entry { place, ts: told.ts, run: told.run, entry: told.value.entry() });
            }
            if !strand.pending.is_empty() || segments.front().is_none_or(|first| first.0 > until) {
                break;
            }
            let mut end = i64::MIN;
            while let Some((_, t1, id)) = segments.pop_front_if(|next| end == i64::MIN || next.0 <= end) {
                end = end.max(t1);
                load(connection, id, strand.series, *detail, *window, &mut strand.pending, visit)?;
            }
            strand.pending.make_contiguous().sort_by_key(|told| told.ts);
        }
        strand.segments = Some(segments);
        if is_told {
            visit(Found::Tier(*tier));
        }
        Ok(())
    }
}

/// Beginning, end and number of the segments that have something of a series in a window, by their beginnings.
fn segments_of(connection: &Connection, series: u64, window: Window) -> rusqlite::Result<VecDeque<(i64, i64, i64)>> {
    // The other way round, every imported segment of the window would be looked at for every series.
    let mut statement = connection.prepare_cached(
        "SELECT segment.t0, segment.t1, segment.id FROM chunk CROSS JOIN segment ON segment.id = chunk.segment
         WHERE chunk.series = ?1 AND segment.tier = ?2 AND segment.t1 > ?3 AND segment.t0 <= ?4
         ORDER BY segment.t0, segment.id",
    )?;
    let wanted = params![series.cast_signed(), Tier::Imported.code(), window.after, window.until];
    statement.query_map(wanted, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

/// The earliest time of all imports. Cost: a look at each of their segments.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT min(t0) FROM segment WHERE tier = ?1";
    connection.prepare_cached(sql)?.query_row([Tier::Imported.code()], |row| row.get(0))
}

/// The total that a counter had in an import before `ts`, by the segment of it that ends last.
pub(super) fn total_before(connection: &Connection, series: u64, ts: i64) -> rusqlite::Result<Option<Number>> {
    let window = Window { after: i64::MIN, until: ts.saturating_sub(1) };
    let last = segments_of(connection, series, window)?.into_iter().max_by_key(|segment| segment.1.min(ts));
    let Some((_, _, id)) = last else { return Ok(None) };
    let mut pending = VecDeque::new();
    load(connection, id, series, Detail::Each, window, &mut pending, &mut |_| {})?;
    Ok(pending.back().and_then(|told| match told.value {
        Owned::Counter { total, .. } => Some(total),
        _ => None,
    }))
}

/// Appends what a segment has of a series. One that was dropped meanwhile has nothing.
fn load(
    connection: &Connection,
    segment: i64,
    series: u64,
    detail: Detail,
    window: Window,
    pending: &mut VecDeque<Told>,
    visit: &mut dyn FnMut(Found<'_>),
) -> rusqlite::Result<()> {
    let Some(segment) = segment::numbered(connection, Tier::Imported, segment)? else { return Ok(()) };
    Walk::new(connection, &[series], detail).segment(connection, &segment, window, &mut |found| match found {
        Found::Entry { ts, run, entry, .. } => match Owned::of(entry) {
            Ok(value) => pending.push_back(Told { ts, run, value }),
            Err(reason) => visit(Found::Damaged(super::Warning::new(ts, reason))),
        },
        Found::Line { run, line, .. } => {
            let told = line.entries().filter_map(|(ts, entry)| Some(Told { ts, run, value: Owned::of(entry).ok()? }));
            pending.extend(told);
        }
        // An import is over: no value of it holds until the next one.
        Found::Flush { .. } | Found::Tier(_) => {}
        damaged @ Found::Damaged(_) => visit(damaged),
    })
}
