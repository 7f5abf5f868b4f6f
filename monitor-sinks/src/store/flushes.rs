//! When a recording wrote to the store: the times that values which did not change have to be told at.
//!
//! A row holds what changed. Whoever needs the value of a series at every flush repeats it at the flushes after it, and so
//! needs to know these. At full resolution they are the times of segments and rows; where flushes were rolled up, they are
//! the windows. A damaged row is none: nothing is known of that time.

use rusqlite::{Connection, params};

use super::{
    Reader, Window,
    chunk::Scratch,
    plan::parts,
    segment::{self, Cursor, Segment},
    tier::Tier,
    walk::sound_row,
};
use crate::error::Error;

/// A flush, or a window of flushes that were rolled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flush {
    /// When it was; of a window, its end.
    pub(crate) ts: i64,
    /// The recording that wrote it.
    pub(crate) run: u64,
    pub(crate) tier: Tier,
}

impl Reader {
    /// The flushes in `window`, by time; of one time, in the order of the recordings. They are from the finest tier that has
    /// something; where there are whole windows of tiers up to `coarsest`, these do.
    ///
    /// Cost: the times of each segment and all unsealed rows in the window, whatever the number of series. What is imported
    /// has no flushes.
    pub(crate) fn flushes(&self, window: Window, coarsest: Tier) -> Result<Vec<Flush>, Error> {
        self.at_once(|| load(&self.connection, window, coarsest).map_err(|error| self.failed(error)))
    }
}

fn load(connection: &Connection, window: Window, coarsest: Tier) -> rusqlite::Result<Vec<Flush>> {
    let mut flushes = Vec::new();
    for part in parts(connection, window, coarsest)? {
        sealed(connection, part.tier, part.window, &mut flushes)?;
        if part.tier == Tier::Raw {
            unsealed(connection, part.window, &mut flushes)?;
        }
    }
    if !flushes.is_sorted_by_key(|flush| (flush.ts, flush.run)) {
        flushes.sort_by_key(|flush| (flush.ts, flush.run));
    }
    Ok(flushes)
}

fn sealed(connection: &Connection, tier: Tier, window: Window, out: &mut Vec<Flush>) -> rusqlite::Result<()> {
    let (mut scratch, mut times) = (Scratch::default(), Vec::new());
    let mut cursor = Cursor::after(window.after);
    while let Some(segment) = segment::next(connection, tier, cursor)?.filter(|next| next.t0 <= window.until) {
        cursor = segment.cursor();
        if out.is_empty() {
            out.reserve(expected(&segment, window));
        }
        if segment.times(&mut scratch, &mut times).is_ok() {
            let inside = times.iter().filter(|&&ts| ts > window.after && ts <= window.until);
            out.extend(inside.map(|&ts| Flush { ts, run: segment.run, tier }));
        }
    }
    Ok(())
}

/// How many flushes there are, about, if the others are as far apart as those of this segment: growing step by step takes as
/// long as reading them.
fn expected(segment: &Segment, window: Window) -> usize {
    const MOST: i64 = 20_000;
    let length = segment.t1.saturating_sub(segment.t0).max(1);
    let segments = window.until.saturating_sub(segment.t0) / length + 1;
    let flushes = i64::try_from(segment.flushes).unwrap_or(0).saturating_mul(segments);
    usize::try_from(flushes.clamp(0, MOST)).unwrap_or(0)
}

fn unsealed(connection: &Connection, window: Window, out: &mut Vec<Flush>) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT ts, n, crc, b FROM unsealed WHERE ts > ?1 AND ts <= ?2 ORDER BY ts")?;
    let mut rows = statement.query(params![window.after, window.until])?;
    while let Some(row) = rows.next()? {
        if let Ok(sound) = sound_row(row)? {
            out.push(Flush { ts: row.get(0)?, run: sound.run, tier: Tier::Raw });
        }
    }
    Ok(())
}
