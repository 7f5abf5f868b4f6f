//! Rolling up: the flushes of many windows become one entry a window.
//!
//! A span of windows is rolled up once it is over and everything in it is sealed. Counters keep their total and the
//! increase, so that a recording that ended or was reset in the middle counts right; gauges keep last, smallest, largest,
//! sum and count; distributions are merged, which loses nothing. Each recording in the span becomes a segment of its own.
//!
//! Up to where a tier has been rolled up is kept in `meta` and moves on with the last segment of a span, in one
//! transaction. What an unfinished span left behind is removed when it is begun anew.

use std::collections::BTreeMap;

use monitor_core::Number;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{
    Window,
    build::Build,
    entry::{Entry, Span},
    merger::Merger,
    segment::{self, Cursor, Draft, Packed},
    tier::Tier,
    walk::{Detail, Found, Walk},
};

/// Series of one slice.
const SLICE: usize = 8;

/// How long a span has to be over, so that no flush of it is on its way any more.
const GRACE_US: i64 = 60_000_000;

/// A span that is being rolled up.
#[derive(Debug)]
pub(super) struct Rollup {
    tier: Tier,
    window: Window,
    /// The recordings that are left, in the order of time.
    runs: Vec<Run>,
    draft: Option<Draft>,
    done: usize,
}

/// A recording in the span.
#[derive(Debug)]
struct Run {
    name: u64,
    /// The windows in which it has something, by their ends.
    ends: Vec<i64>,
    series: Vec<u64>,
}

/// The span that is due next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) tier: Tier,
    pub(super) window: Window,
}

/// The span of `tier` that is to be rolled up next, if it is over. For the tier above single flushes, these must be sealed
/// up to the end of the span before it is begun.
pub(super) fn due(connection: &Connection, tier: Tier, now_us: i64) -> rusqlite::Result<Option<Due>> {
    let span = tier.span_us();
    let done = match mark(connection, tier)? {
        Some(done) => done,
        None => match first(connection, tier.below(), i64::MIN)? {
            Some(first) => before(first, span),
            None => return Ok(None),
        },
    };
    // Spans without anything are passed over.
    let Some(next) = first(connection, tier.below(), done)? else { return Ok(None) };
    let after = done.max(before(next, span));
    let until = after.saturating_add(span);
    let is_over = now_us.saturating_sub(GRACE_US) >= until;
    let is_below_done = tier.below() == Tier::Raw || mark(connection, tier.below())?.is_some_and(|mark| mark >= until);
    Ok((is_over && is_below_done).then_some(Due { tier, window: Window { after, until } }))
}

/// The end of the last span before the one that holds `ts`.
const fn before(ts: i64, span: i64) -> i64 {
    (ts - 1).div_euclid(span) * span
}

/// The first time of a tier after `after`.
pub(super) fn first(connection: &Connection, tier: Tier, after: i64) -> rusqlite::Result<Option<i64>> {
    let sealed =
        segment::next(connection, tier, Cursor::after(after))?.map(|segment| segment.t0.max(after.saturating_add(1)));
    if sealed.is_some() || tier != Tier::Raw {
        return Ok(sealed);
    }
    connection.prepare_cached("SELECT min(ts) FROM unsealed WHERE ts > ?1")?.query_row([after], |row| row.get(0))
}

/// Up to where a tier has been rolled up.
pub(super) fn mark(connection: &Connection, tier: Tier) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT v FROM meta WHERE k = ?1 AND typeof(v) = 'integer'")?
        .query_row([key(tier)], |row| row.get(0))
        .optional()
}

/// Notes up to where a tier has been rolled up, going by what there is of it, if that is not known.
pub(super) fn restore_mark(connection: &Connection, tier: Tier) -> rusqlite::Result<()> {
    let Some(newest) = segment::newest(connection, tier)? else { return Ok(()) };
    let until = before(newest, tier.span_us()).saturating_add(tier.span_us());
    connection.execute("INSERT OR IGNORE INTO meta(k, v) VALUES(?1, ?2)", params![key(tier), until])?;
    Ok(())
}

fn key(tier: Tier) -> String {
    format!("rolled_up_{}_us", tier.code())
}

impl Rollup {
    pub(super) fn begin(connection: &Connection, due: Due) -> rusqlite::Result<Self> {
        let Due { tier, window } = due;
        remove_between(connection, tier, window)?;
        let mut runs: Vec<Run> = Vec::new();
        let mut cursor = Cursor::after(window.after);
        let (mut scratch, mut times) = Default::default();
        while let Some(segment) =
            segment::next(connection, tier.below(), cursor)?.filter(|next| next.t0 <= window.until)
        {
            cursor = segment.cursor();
            if segment.times(&mut scratch, &mut times).is_err() {
                continue;
            }
            let ends =
                times.iter().filter(|&&ts| ts > window.after && ts <= window.until).map(|&ts| tier.window_end(ts));
            let mut ends: Vec<i64> = ends.collect();
            ends.dedup();
            let series = series_of(connection, segment.first_chunk, segment.last_chunk)?;
            match runs.last_mut().filter(|last| last.name == segment.run) {
                Some(run) => {
                    run.ends.extend(ends);
                    run.series.extend(series);
                }
                None => runs.push(Run { name: segment.run, ends, series }),
            }
        }
        for run in &mut runs {
            run.ends.dedup();
            run.series.sort_unstable();
            run.series.dedup();
        }
        runs.retain(|run| !run.ends.is_empty());
        // The first one is taken off the end.
        runs.reverse();
        Ok(Self { tier, window, runs, draft: None, done: 0 })
    }

    /// Rolls up the next series, and writes them in one transaction. Returns whether all is done.
    pub(super) fn slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let chunks = self.pack(connection)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(run) = self.runs.last() {
            let draft = match &mut self.draft {
                Some(draft) => draft,
                none => none.insert(Draft::begin(&transaction, self.tier, run.name)?),
            };
            for (series, chunk) in &chunks {
                draft.add(&transaction, *series, chunk)?;
            }
            self.done = (self.done + SLICE).min(run.series.len());
            if self.done == run.series.len() {
                draft.finish(&transaction, &run.ends, self.tier.step_us())?;
                self.runs.pop();
                (self.draft, self.done) = (None, 0);
            }
        }
        let is_done = self.runs.is_empty();
        if is_done {
            transaction.execute(
                "INSERT INTO meta(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v",
                params![key(self.tier), self.window.until],
            )?;
        }
        transaction.commit()?;
        Ok(is_done)
    }

    /// The chunks of the next series.
    fn pack(&self, connection: &Connection) -> rusqlite::Result<Vec<(u64, Packed)>> {
        let Some(run) = self.runs.last() else { return Ok(Vec::new()) };
        let series = &run.series[self.done..(self.done + SLICE).min(run.series.len())];
        let builds = gather(connection, self.tier, self.window, run, series)?;
        // As in sealing, what makes no chunk is left out.
        let packed = |(series, build): (&u64, Build)| Some((*series, build.pack(run.ends.len()).ok()??));
        Ok(series.iter().zip(builds).filter_map(packed).collect())
    }
}

/// The series that have a chunk between two.
fn series_of(connection: &Connection, first: i64, last: i64) -> rusqlite::Result<Vec<u64>> {
    let mut statement = connection.prepare_cached("SELECT series FROM chunk WHERE id BETWEEN ?1 AND ?2")?;
    let rows = statement.query_map([first, last], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))?;
    rows.collect()
}

/// Removes what an attempt that was not finished has left of a span.
fn remove_between(connection: &Connection, tier: Tier, window: Window) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached("SELECT id, first_chunk, last_chunk FROM segment WHERE tier = ?1 AND t0 > ?2 AND t1 <= ?3")?;
    let rows = statement.query_map(params![tier.code(), window.after, window.until], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    let left: Vec<(i64, i64, i64)> = rows.collect::<rusqlite::Result<_>>()?;
    for (id, first, last) in left {
        // At once: of chunks without their segment nobody knows.
        let transaction = connection.unchecked_transaction()?;
        transaction.execute("DELETE FROM segment WHERE id = ?1", [id])?;
        transaction.execute("DELETE FROM chunk WHERE id BETWEEN ?1 AND ?2", [first, last])?;
        transaction.commit()?;
    }
    Ok(())
}

/// What a window has of a series so far.
#[derive(Debug)]
enum Sum {
    Counter { total: Number, increase: Number },
    Gauge(Span),
    Values(Merger),
}

/// The entries of `series` of one recording, a window each.
fn gather(
    connection: &Connection,
    tier: Tier,
    window: Window,
    run: &Run,
    series: &[u64],
) -> rusqlite::Result<Vec<Build>> {
    let mut builds: Vec<Build> = Vec::new();
    builds.resize_with(series.len(), Build::default);
    let mut open: BTreeMap<usize, (i64, Sum)> = BTreeMap::new();
    let mut buckets = Vec::new();
    Walk::new(connection, series, Detail::Each).tier(tier.below(), window, &mut |found| {
        let Found::Entry { place, ts, run: name, entry } = found else { return };
        if name != run.name {
            return;
        }
        let end = tier.window_end(ts);
        match open.get_mut(&place) {
            Some((of, sum)) if *of == end => sum.add(entry, &mut buckets),
            _ => {
                if let Some((of, sum)) = open.insert(place, (end, Sum::of(entry, &mut buckets))) {
                    sum.close(&mut builds[place], &run.ends, of);
                }
            }
        }
    })?;
    for (place, (of, sum)) in open {
        sum.close(&mut builds[place], &run.ends, of);
    }
    Ok(builds)
}

impl Sum {
    fn of(entry: Entry<'_>, buckets: &mut Vec<(u16, u64)>) -> Self {
        match entry {
            Entry::Counter { total, increase } => Self::Counter { total, increase },
            Entry::Gauge(value) => Self::Gauge(Span::of(value)),
            Entry::Span(span) => Self::Gauge(span),
            Entry::Distribution(_) => {
                let mut sum = Self::Values(Merger::EMPTY);
                sum.add(entry, buckets);
                sum
            }
        }
    }

    fn add(&mut self, entry: Entry<'_>, buckets: &mut Vec<(u16, u64)>) {
        match (self, entry) {
            (Self::Counter { total, increase }, Entry::Counter { total: later, increase: more }) => {
                *total = later;
                *increase += more;
            }
            (Self::Gauge(span), Entry::Gauge(value)) => span.add(Span::of(value)),
            (Self::Gauge(span), Entry::Span(later)) => span.add(later),
            (Self::Values(values), Entry::Distribution(encoded)) if encoded.buckets(buckets).is_ok() => {
                values.add(&encoded, buckets);
            }
            // A series is of one kind.
            _ => {}
        }
    }

    fn close(self, build: &mut Build, ends: &[i64], end: i64) {
        let Ok(at) = ends.binary_search(&end) else { return };
        match self {
            Self::Counter { total, increase } => build.push_counter(at as u32, total, increase),
            Self::Gauge(span) => build.push_span(at as u32, span),
            Self::Values(values) => build.push_distribution(at as u32, &values.into_distribution()),
        }
    }
}
