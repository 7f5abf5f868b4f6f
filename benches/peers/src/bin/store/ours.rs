//! The store of this project under the load: written as the background thread writes it, asked through the public query
//! interface.
//!
//! What the background thread does after a flush is done here at once and to its end, slice by slice, so that each slice
//! is seen and all of its cost counts as the cost of the flushes before it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use monitor_sinks::{Retention, Store, store::bench::Recorder};
use rusqlite::{Connection, OpenFlags};

use crate::{
    Outcome,
    load::{FUNCTIONS, Grid, HOUR, HOUR_US, Load, SCALARS, START_US, STEP_US, function_name},
    measure::{Times, Written, bytes},
};

/// Flushes for which a reader holds its transaction.
const PINNED: usize = 1_200;

/// Flushes after which the first hour may expire: single flushes go once they have been rolled up, six hours at a time.
pub(crate) const EXPIRES: usize = 7 * HOUR;

/// How often a question is asked.
const ASKED: usize = 51;

/// A store with the load in it.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) path: PathBuf,
    /// The time of the last flush.
    end_us: i64,
    pub(crate) flushes: Times,
    pub(crate) slices: Times,
    pub(crate) written: Written,
    /// Of the file, after it was closed.
    pub(crate) bytes: u64,
    /// Buckets in use, a histogram and flush.
    pub(crate) buckets: f64,
}

impl Filled {
    /// Seconds that flushes and upkeep took.
    pub(crate) fn total_s(&self) -> f64 {
        self.flushes.total_s() + self.slices.total_s()
    }

    /// Seconds that the best part of the load took.
    pub(crate) fn best_part_s(&self) -> f64 {
        let parts = self.flushes.parts_s().zip(self.slices.parts_s());
        parts.map(|(flushes, slices)| flushes + slices).fold(f64::INFINITY, f64::min)
    }

    /// Seconds of the processor's time in it.
    pub(crate) fn processor_s(&self) -> f64 {
        self.flushes.processor_s() + self.slices.processor_s()
    }
}

/// Records `flushes` flushes of the load into a new store in `folder`.
pub(crate) fn fill(folder: &Path, grid: Option<Grid>, flushes: usize) -> Outcome<Filled> {
    let name = match grid {
        None => "scalars",
        Some(Grid::Coarse) => "coarse",
        Some(Grid::Fine) => "fine",
    };
    let path = folder.join(format!("{name}-{flushes}.db"));
    let mut load = Load::new(grid);
    let mut recorder = open(&path, START_US, Retention::default())?;
    let (mut times, mut slices) = (Times::default(), Times::default());
    let before = Written::now();
    for at in 0..flushes {
        crate::progress("ours", at, flushes);
        flush(&mut recorder, &mut load, &mut times, &mut slices)?;
        times.reached(at + 1, flushes);
        slices.reached(at + 1, flushes);
    }
    recorder.close()?;
    let written = Written::now().since(before);
    show_anatomy(&path)?;
    let buckets = load.buckets as f64 / (flushes * FUNCTIONS) as f64;
    Ok(Filled { bytes: bytes(&path), path, end_us: load.at_us(), flushes: times, slices, written, buckets })
}

fn open(path: &Path, at_us: i64, retention: Retention) -> Outcome<Recorder> {
    Ok(Recorder::open(path, at_us, Duration::from_micros(STEP_US.unsigned_abs()), retention)?)
}

/// One flush, and all that is due after it.
fn flush(recorder: &mut Recorder, load: &mut Load, flushes: &mut Times, slices: &mut Times) -> Outcome<()> {
    load.advance();
    flushes.take(|| recorder.flush(load.at_us(), || load.samples()))?;
    while slices.take(|| recorder.upkeep(load.at_us()))? {
        if slices.last_ms() > 50.0 {
            eprintln!("ours: a slice of {:.1} ms after flush {}", slices.last_ms(), flushes.count());
        }
    }
    Ok(())
}

/// The largest log, in bytes, while a reader holds its transaction for 1,200 flushes.
pub(crate) fn pinned_log(folder: &Path, grid: Option<Grid>) -> Outcome<u64> {
    let path = folder.join("pinned.db");
    let log = folder.join("pinned.db-wal");
    let mut load = Load::new(grid);
    let mut recorder = open(&path, START_US, Retention::default())?;
    let (mut flushes, mut slices) = (Times::default(), Times::default());
    for _ in 0..HOUR / 2 {
        flush(&mut recorder, &mut load, &mut flushes, &mut slices)?;
    }
    let reader = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    reader.execute_batch("BEGIN; SELECT count(*) FROM series")?;
    let mut largest = 0;
    for at in 0..PINNED {
        crate::progress("ours, with a reader", at, PINNED);
        flush(&mut recorder, &mut load, &mut flushes, &mut slices)?;
        largest = largest.max(bytes(&log));
    }
    drop(reader);
    recorder.close()?;
    std::fs::remove_file(path)?;
    Ok(largest)
}

/// How long questions take.
#[derive(Debug)]
pub(crate) struct Questions {
    pub(crate) raw_day: Times,
    pub(crate) function_day: Times,
    pub(crate) functions_hour: Times,
    pub(crate) latest: Times,
}

/// Asks what the promises are about.
pub(crate) fn ask(filled: &Filled) -> Outcome<Questions> {
    let store = Store::open_read_only(&filled.path)?;
    let (begin, hour, end) = (at(START_US), at(filled.end_us - HOUR_US), at(filled.end_us));
    let raw_day = || {
        let query = store.query().metric("system_cpu_utilization_ratio").tag("cpu", "7").between(begin, end);
        query.series().map(|series| series.iter().map(|series| series.points.len()).sum())
    };
    let function_day =
        || store.query().function(function_name(7)).between(begin, end).stats().map(|stats| stats.quantile(0.99));
    let functions_hour = || {
        let durations = store.query().metric("function_calls_duration_seconds").between(hour, end);
        let groups = durations.group_by(["function"]).groups();
        groups.map(|all| all.iter().filter(|group| group.summary.quantile(0.99).is_some()).count())
    };
    let latest = || store.query().latest().map(|all| all.len());
    let flushes = ((filled.end_us - START_US) / STEP_US) as usize;
    expect("points of a day", raw_day()?, flushes)?;
    expect("a function with a p99", usize::from(function_day()?.is_some()), 1)?;
    expect("functions with a p99", functions_hour()?, FUNCTIONS)?;
    expect("series with a value", latest()?, SCALARS)?;
    Ok(Questions {
        raw_day: Times::repeat(ASKED, raw_day),
        function_day: Times::repeat(ASKED, function_day),
        functions_hour: Times::repeat(ASKED, functions_hour),
        latest: Times::repeat(ASKED, latest),
    })
}

/// An answer that is wrong says nothing about speed.
fn expect(what: &str, found: usize, wanted: usize) -> Outcome<()> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found}, not {wanted}").into()) }
}

fn at(us: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(us.unsigned_abs())
}

/// The slices in which the hour that expired first is deleted, from a copy: the store is asked again later.
pub(crate) fn expire(filled: &Filled) -> Outcome<Times> {
    let path = filled.path.with_extension("expired");
    std::fs::copy(&filled.path, &path)?;
    // Else the first slice that waits for the disk waits for the whole copy.
    std::fs::File::open(&path)?.sync_all()?;
    // What is due besides is done first.
    let mut recorder = open(&path, filled.end_us, Retention::default())?;
    while recorder.upkeep(filled.end_us)? {}
    recorder.close()?;
    let kept = Duration::from_micros((filled.end_us - START_US - HOUR_US).unsigned_abs());
    let mut recorder = open(&path, filled.end_us, Retention::default().raw(kept))?;
    let mut slices = Times::default();
    let before = segments(&path)?;
    while slices.take(|| recorder.upkeep(filled.end_us))? {}
    recorder.close()?;
    if segments(&path)? < before { Ok(slices) } else { Err("nothing expired".into()) }
}

/// Segments at full resolution.
fn segments(path: &Path) -> Outcome<usize> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    Ok(connection.query_row("SELECT count(*) FROM segment WHERE tier = 0", [], |row| row.get::<_, u32>(0))? as usize)
}

/// Says on standard error where the bytes of a store are: its tables, pages in no use, and the chunks by tier.
fn show_anatomy(path: &Path) -> Outcome<()> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    for query in [
        "SELECT name, sum(pgsize) FROM dbstat GROUP BY name HAVING sum(pgsize) > 50000 ORDER BY 2 DESC",
        "SELECT 'pages in no use', freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
        "SELECT 'of them chunks of tier ' || tier, sum(length(chunk.b) + ifnull(length(merged), 0))
         FROM chunk JOIN segment ON chunk.id BETWEEN first_chunk AND last_chunk GROUP BY tier",
    ] {
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            eprintln!("{:>12} bytes {}", row.get::<_, i64>(1)?, row.get::<_, String>(0)?);
        }
    }
    Ok(())
}
