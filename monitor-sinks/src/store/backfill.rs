//! Writing values of any time into a store that nobody records to.
//!
//! What is written stays unseen until all of it is there: segments are written under a tier that nobody reads, in short
//! transactions, and one last transaction makes them, and the series that are new, part of the store. So a process that
//! is killed leaves the store as it was. What it has written is removed by the next import or, in slices, by the upkeep
//! of the next recording.
//!
//! Nothing is sealed, rolled up or dropped, and no row is written: what there was before is not touched.

use std::{collections::BTreeMap, path::Path, time::Duration};

use monitor_core::{Distribution, Number, SeriesKey};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Window,
    build::Build,
    imported::{self, IMPORT, Imported},
    lease::Lease,
    schema,
    segment::{self, Draft},
    series,
    tier::Tier,
    walk::{self, Detail, Found, Walk},
};
use crate::{error::Error, store::Origin};

/// Chunks of one transaction.
const SLICE: usize = 200;

/// How long opening waits for readers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts of the names of what is sampled of a machine.
const OF_HOST: [&str; 3] = ["system_", "process_", "container_"];

/// A store that values are written into.
#[derive(Debug)]
pub(crate) struct Backfill {
    connection: Connection,
    path: Box<Path>,
    /// The name of this import.
    run: u64,
    now_us: i64,
    next_segment: i64,
    next_series: i64,
    open: Option<Open>,
    new: Vec<(u64, SeriesKey)>,
    /// The newest value of each counter and gauge.
    latest: BTreeMap<u64, (i64, f64)>,
    /// Chunks of the transaction that is open; none is open at 0.
    in_slice: usize,
    /// Last, so that the connection is closed before another writer may come.
    _lease: Lease,
}

/// A segment that series with the same times are added to.
#[derive(Debug)]
struct Open {
    draft: Draft,
    times: Vec<i64>,
}

/// Values of one series, ascending in time, at most [`Stretch::MOST`].
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    times: Vec<i64>,
    build: Build,
    /// The newest value that has a plain form.
    last: Option<(i64, f64)>,
}

/// The times at which a store has a series already.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Ascending.
    times: Vec<i64>,
    /// Ends of windows that stand for values that were dropped.
    windows: Vec<(Tier, i64)>,
    /// Single values were dropped before this time.
    dropped_before: i64,
}

impl Backfill {
    /// Opens the store at `path`, which it creates if need be, and takes its lease.
    pub(crate) fn open(path: &Path, now_us: i64) -> Result<Self, Error> {
        let path = schema::resolve(path);
        schema::inspect(&path, PATIENCE)?;
        let lease = Lease::take(&path, PATIENCE)?;
        let blamed = |error| schema::blame_companion(&path, error);
        let connection = schema::open_for_writing(&path, PATIENCE).map_err(blamed)?;
        let failed = |error| blamed(Error::sqlite("prepare", &path, PATIENCE, error));
        let one_more = |table| {
            connection.query_row(&format!("SELECT coalesce(max(id), 0) + 1 FROM {table}"), [], |row| row.get(0))
        };
        segment::remove_unfinished(&connection).map_err(failed)?;
        remove_broken_off(&connection).map_err(failed)?;
        let (next_segment, next_series) = (one_more("segment").map_err(failed)?, one_more("series").map_err(failed)?);
        Ok(Self {
            connection,
            path: path.into(),
            run: now_us.unsigned_abs() | IMPORT,
            now_us,
            next_segment,
            next_series,
            open: None,
            new: Vec::new(),
            latest: BTreeMap::new(),
            in_slice: 0,
            _lease: lease,
        })
    }

    /// The number of a series, and whether the store knew it. `key` names its service.
    pub(crate) fn series(&mut self, key: SeriesKey) -> Result<(u64, bool), Error> {
        let known = series::find(&self.connection, &key, "").map_err(|error| self.failed(error))?;
        if let Some(id) = known {
            return Ok((id, true));
        }
        let id = self.next_series.cast_unsigned();
        self.next_series += 1;
        self.new.push((id, key));
        Ok((id, false))
    }

    /// At which times the store has values of a series between two times.
    pub(crate) fn known(&self, id: u64, from: i64, to: i64) -> Result<Known, Error> {
        let window = Window { after: from.saturating_sub(1), until: to };
        Known::look(&self.connection, id, window).map_err(|error| self.failed(error))
    }

    /// The total that a counter had in an earlier import before `ts`.
    pub(crate) fn total_before(&self, id: u64, ts: i64) -> Result<Option<Number>, Error> {
        imported::total_before(&self.connection, id, ts).map_err(|error| self.failed(error))
    }

    /// Writes a stretch of a series, and empties it.
    pub(crate) fn add(&mut self, id: u64, stretch: &mut Stretch) -> Result<(), Error> {
        if stretch.times.is_empty() {
            return Ok(());
        }
        if let Some(last) = stretch.last.filter(|last| self.latest.get(&id).is_none_or(|known| known.0 < last.0)) {
            self.latest.insert(id, last);
        }
        let added = self.try_add(id, stretch).map_err(|error| self.failed(error));
        stretch.clear();
        added
    }

    fn try_add(&mut self, id: u64, stretch: &mut Stretch) -> rusqlite::Result<()> {
        if self.in_slice == 0 {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
        }
        // What makes no chunk is a mistake of this release; the rest is worth more than it is.
        if let Ok(Some(chunk)) = std::mem::take(&mut stretch.build).pack(stretch.times.len()) {
            let mut open = self.segment_at(&stretch.times)?;
            open.draft.add(&self.connection, id, &chunk)?;
            self.open = Some(open);
        }
        self.in_slice += 1;
        if self.in_slice == SLICE {
            self.commit()?;
        }
        Ok(())
    }

    /// The segment with these times: the one before if it has them, as it has for the series of one program.
    fn segment_at(&mut self, times: &[i64]) -> rusqlite::Result<Open> {
        match self.open.take() {
            Some(open) if open.times == times => Ok(open),
            other => {
                self.open = other;
                self.close_segment()?;
                self.next_segment += 1;
                let draft = Draft::numbered(self.next_segment - 1, Tier::Unfinished, self.run);
                Ok(Open { draft, times: times.to_vec() })
            }
        }
    }

    fn close_segment(&mut self) -> rusqlite::Result<()> {
        if let Some(Open { draft, times }) = self.open.take() {
            let grid = times.get(1).map_or(0, |second| second - times[0]);
            draft.finish(&self.connection, &times, grid)?;
        }
        Ok(())
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        if std::mem::take(&mut self.in_slice) > 0 {
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// Makes everything that was added part of the store, in one transaction.
    pub(crate) fn publish(mut self) -> Result<(), Error> {
        self.try_publish().map_err(|error| self.failed(error))
    }

    fn try_publish(&mut self) -> rusqlite::Result<()> {
        self.close_segment()?;
        self.commit()?;
        let transaction = self.connection.transaction()?;
        for (id, key) in &self.new {
            let is_host = OF_HOST.iter().any(|start| key.name.starts_with(start));
            let origin = if is_host { Origin::Host } else { Origin::App };
            series::enter(&transaction, *id, origin, key, self.now_us)?;
        }
        transaction.execute(
            "UPDATE segment SET tier = ?1 WHERE tier = ?2",
            [Tier::Imported.code(), Tier::Unfinished.code()],
        )?;
        for (id, (ts, value)) in &self.latest {
            transaction
                .prepare_cached(
                    "INSERT INTO last_value(series, ts, value) VALUES(?1, ?2, ?3) ON CONFLICT(series)
                     DO UPDATE SET ts = excluded.ts, value = excluded.value WHERE excluded.ts > last_value.ts",
                )?
                .execute(params![id.cast_signed(), ts, value])?;
        }
        transaction.commit()?;
        // A reader may stand in the way; the next writer does it then.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(())
    }

    /// Takes back what was added.
    pub(crate) fn abandon(mut self) {
        // What cannot be removed now is so later, and nobody sees it until then.
        let _ = self.commit();
        let _ = remove_broken_off(&self.connection);
        let _ = segment::remove_unfinished(&self.connection);
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        Error::sqlite("import into", &self.path, PATIENCE, error)
    }
}

/// Removes what imports that were broken off have written.
fn remove_broken_off(connection: &Connection) -> rusqlite::Result<()> {
    let mut next = connection.prepare("SELECT id, first_chunk, last_chunk FROM segment WHERE tier = ?1 LIMIT 1")?;
    let mut left = || {
        next.query_row([Tier::Unfinished.code()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()
    };
    let mut found = left()?;
    while found.is_some() {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..SLICE {
            let Some((id, first, last)) = found else { break };
            connection.execute("DELETE FROM chunk WHERE id BETWEEN ?1 AND ?2", [first, last])?;
            connection.execute("DELETE FROM segment WHERE id = ?1", [id])?;
            found = left()?;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(())
}

impl Stretch {
    /// The most values of a stretch: enough to pack well, few enough to be read for the sake of one of them.
    pub(crate) const MOST: usize = 1_024;

    /// How many values it has.
    pub(crate) const fn len(&self) -> usize {
        self.times.len()
    }

    /// Adds the total of a counter, with what it grew by since the value before.
    pub(crate) fn push_counter(&mut self, ts: i64, total: Number, increase: Number) {
        self.note(ts, total.as_f64());
        let at = self.at(ts);
        self.build.push_grown_counter(at, total, increase);
    }

    /// Adds the value of a gauge.
    pub(crate) fn push_gauge(&mut self, ts: i64, value: f64) {
        self.note(ts, value);
        let at = self.at(ts);
        let _ = self.build.push(at, super::Entry::Gauge(value));
    }

    /// Adds what a histogram recorded since the value before: something.
    pub(crate) fn push_distribution(&mut self, ts: i64, values: &Distribution) {
        let at = self.at(ts);
        self.build.push_distribution(at, values);
    }

    fn at(&mut self, ts: i64) -> u32 {
        self.times.push(ts);
        (self.times.len() - 1) as u32
    }

    fn note(&mut self, ts: i64, value: f64) {
        if !value.is_nan() {
            self.last = Some((ts, value));
        }
    }

    fn clear(&mut self) {
        self.times.clear();
        self.last = None;
    }
}

impl Known {
    fn look(connection: &Connection, id: u64, window: Window) -> rusqlite::Result<Self> {
        let mut known = Self::default();
        let mut take = |found: Found<'_>| {
            if let Found::Entry { ts, .. } = found {
                known.times.push(ts);
            }
        };
        let mut walk = Walk::new(connection, &[id], Detail::Each);
        walk.tier(Tier::Raw, window, &mut take)?;
        Imported::of(connection, &[id], &[0], Detail::Each, window)?.finish(&mut take)?;
        known.times.sort_unstable();
        for tier in Tier::ROLLED {
            let window = Window { after: window.after, until: tier.window_end(window.until) };
            walk.tier(tier, window, &mut |found| {
                if let Found::Entry { ts, .. } = found {
                    known.windows.push((tier, ts));
                }
            })?;
        }
        known.windows.sort_unstable();
        known.dropped_before = walk::oldest(connection)?.unwrap_or(i64::MAX);
        Ok(known)
    }

    /// Whether the store has the value at `ts`, as it was or, where single values were dropped, in a window.
    pub(crate) fn has(&self, ts: i64) -> bool {
        let is_in = |tier: &Tier| self.windows.binary_search(&(*tier, tier.window_end(ts))).is_ok();
        self.times.binary_search(&ts).is_ok() || (ts < self.dropped_before && Tier::ROLLED.iter().any(is_in))
    }
}

#[cfg(test)]
mod tests;
