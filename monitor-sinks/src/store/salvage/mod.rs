//! Saves what can still be read of a damaged store into a new one.
//!
//! What SQLite makes of a damaged file depends on which page was hit: one in the middle may cost a row, one at the root
//! everything. So the file is not read through SQLite. All its pages are gone through, and every row that is found to be
//! what was written, mostly by its checksum, is added to a new store. The order of pages does not matter, nor do the
//! header, the schema and the indexes; the index of the series even stands in for lost rows of that table.
//!
//! - `page`: the pages of the file and its log. `record`: the rows in them. `table`: which row belongs where.
//!
//! What was deleted may still lie in pages that are not used any more. The map of the file tells which these are; where it
//! is damaged, what was deleted comes back, so that in the end everything is taken out that cannot be: rows that are
//! sealed, chunks without their segment or series. What is left is sound: it passes the check.
//!
//! The original is never changed. It must not be recorded to meanwhile.

mod page;
mod record;
mod table;

use std::{
    fmt,
    path::Path,
    time::{Duration, SystemTime},
};

use rusqlite::Connection;

use self::{
    page::{PAGE, Pages, Use},
    record::Tree,
    table::{Found, Table},
};
use super::{Store, fresh::Fresh, lease::Quiet, rollup, rows as head_rows, schema, segment, tier::Tier};
use crate::{
    error::{Error, Kind},
    util::time,
};

/// Pages whose rows are added in one transaction.
const BATCH: u32 = 512;

/// Pages that are looked at to tell whether a file is a store: 32 MB.
const LOOKED_AT: u32 = 4_096;

/// What was saved of a damaged store, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Salvage {
    /// Pages of the file that were gone through.
    pub pages: u64,
    /// Pages that should hold rows and make no sense, or could not be read.
    pub damaged_pages: u64,
    /// Series that were saved.
    pub series: u64,
    /// Flushes that were saved as rows.
    pub flushes: u64,
    /// Segments that were saved, that is spans of sealed flushes or windows.
    pub segments: u64,
    /// Chunks that were saved, that is what one series has in one segment.
    pub chunks: u64,
    /// Exemplars of slow calls that were saved.
    pub slow_calls: u64,
    losses: Vec<Loss>,
    more_losses: u64,
}

impl Salvage {
    /// A file that is damaged all over says so a thousand times, not a million times.
    const MOST_LOSSES: usize = 1_000;

    /// What was found and could not be saved: the first thousand. What left no trace is not among it.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// How many losses there were beyond those that are listed.
    #[must_use]
    pub const fn more_losses(&self) -> u64 {
        self.more_losses
    }

    fn lose(&mut self, between: Option<(i64, i64)>, what: String) {
        if self.losses.len() < Self::MOST_LOSSES {
            let between = between.map(|(from, to)| (time::from_micros(from), time::from_micros(to)));
            self.losses.push(Loss { between, what });
        } else {
            self.more_losses += 1;
        }
    }
}

impl fmt::Display for Salvage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "saved {} series, {} flushes, {} segments with {} chunks, {} slow calls; damaged pages: {} of {}, losses: {}",
            self.series,
            self.flushes,
            self.segments,
            self.chunks,
            self.slow_calls,
            self.damaged_pages,
            self.pages,
            self.losses.len() as u64 + self.more_losses
        )
    }
}

/// Something that could not be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    between: Option<(SystemTime, SystemTime)>,
    what: String,
}

impl Loss {
    /// The times of its first and last flush, where they are known.
    #[must_use]
    pub const fn between(&self) -> Option<(SystemTime, SystemTime)> {
        self.between
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.between {
            Some((from, to)) => write!(f, " ({} to {} us)", time::to_micros(from), time::to_micros(to)),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Saves what can still be read of the damaged store `from` into the new store `to`, and tells what was lost.
    ///
    /// Any damage will do: to the header, to pages, to single bytes, a file that is cut off. A page that is damaged costs
    /// what it holds and nothing else; a row with a flipped bit is left out. The log beside the file is read as well. The
    /// original is not changed.
    ///
    /// The times, values and series that are saved are as they were. Plain rows without a checksum, which are the names of
    /// series, exemplars, and what strangers read, are saved if they make sense.
    ///
    /// Cost: one pass over the file, a page in memory at a time.
    ///
    /// # Errors
    ///
    /// If somebody records to the original, nothing of a store is found in it, there is a file `to` already, or it cannot
    /// be written; nothing is left of it then.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let saved = monitor_sinks::Store::salvage("damaged.db", "saved.db")?;
    /// println!("{saved}");
    /// for loss in saved.losses() {
    ///     println!("{loss}");
    /// }
    /// # Ok::<(), monitor_sinks::Error>(())
    /// ```
    pub fn salvage(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Salvage, Error> {
        salvage(from.as_ref(), to.as_ref(), || true)
    }
}

/// Like [`Store::salvage`], given up once `goes_on` says so.
pub(super) fn salvage(from: &Path, to: &Path, goes_on: impl Fn() -> bool) -> Result<Salvage, Error> {
    let from = schema::resolve(from);
    if !schema::inspect_path(&from)? {
        return Err(Kind::NotFound { path: from }.into());
    }
    let fresh = Fresh::begin(to)?;
    // Also because opening a file by other means than SQLite drops the locks that its connections hold.
    let Some(_quiet) = Quiet::at(&from) else { return Err(Kind::InUse { path: from, holder: None }.into()) };
    let mut pages = Pages::open(&from)?;
    let connection = schema::open_for_writing(fresh.path(), Duration::ZERO)?;
    let failed = |error| Error::sqlite("write", fresh.path(), Duration::ZERO, error);
    let mut saved = gather(&mut pages, &connection, goes_on).map_err(failed)?.ok_or(Kind::Stopped)?;
    tidy(&connection, &mut saved).map_err(failed)?;
    if saved.series == 0 {
        return Err(Kind::NothingFound { path: from }.into());
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))?;
    fresh.finish()?;
    Ok(saved)
}

/// Whether the file at `path` holds what only a store does: a row with its checksum. The beginning of a large file has to
/// do, because somebody waits for the answer.
pub(super) fn holds_rows(path: &Path) -> Result<bool, Error> {
    let mut pages = Pages::open(path)?;
    let mut is_found = false;
    for number in 1..=pages.count().min(LOOKED_AT) {
        rows(&mut pages, number, &mut |found| {
            is_found |= matches!(found, Row::Found(found) if found.time().is_some() && found.is_sound());
            Ok(())
        })
        .map_err(|error| Error::sqlite("read", path, Duration::ZERO, error))?;
        if is_found {
            break;
        }
    }
    Ok(is_found)
}

/// Adds all rows of all pages to the new store; `None` if that was given up.
fn gather(pages: &mut Pages, connection: &Connection, goes_on: impl Fn() -> bool) -> rusqlite::Result<Option<Salvage>> {
    let mut saved = Salvage::default();
    // What is lost in a crash is the new store, and it is made again then.
    connection.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;
         CREATE TEMP TABLE candidate(id, source, name, kind, unit, service, labels, created_us);",
    )?;
    let mut number = 1;
    while number <= pages.count() {
        let transaction = connection.unchecked_transaction()?;
        let end = number.saturating_add(BATCH).min(pages.count().saturating_add(1));
        for number in number..end {
            if !goes_on() {
                return Ok(None);
            }
            rows(pages, number, &mut |row| add(&row, number, connection, &mut saved))?;
        }
        transaction.commit()?;
        saved.pages += u64::from(end - number);
        number = end;
    }
    Ok(Some(saved))
}

fn add(row: &Row<'_>, number: u32, connection: &Connection, saved: &mut Salvage) -> rusqlite::Result<()> {
    let found = match row {
        Row::Found(found) => found,
        Row::DamagedCell => {
            saved.lose(None, format!("a row in page {number} makes no sense"));
            return Ok(());
        }
        Row::DamagedPage => {
            saved.damaged_pages += 1;
            saved.lose(None, format!("page {number} makes no sense, or the disk cannot read it"));
            return Ok(());
        }
    };
    if found.is_sound() {
        found.insert(connection)?;
        return Ok(());
    }
    let what = match found.table {
        Table::Head | Table::OldHead => "a flush whose checksum does not match",
        Table::Segment => "a segment whose checksum does not match",
        Table::Chunk => "a chunk whose checksum does not match",
        _ => "a series whose kind or labels make no sense",
    };
    saved.lose(found.time().map(|ts| (ts, ts)), format!("{what}, in page {number}"));
    Ok(())
}

/// What is found in a page.
enum Row<'a> {
    Found(Found<'a>),
    DamagedCell,
    DamagedPage,
}

/// Visits the rows of page `number`.
fn rows(
    pages: &mut Pages,
    number: u32,
    visit: &mut dyn FnMut(Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let usage = pages.usage(number);
    if !record::may_hold_rows(usage) {
        return Ok(());
    }
    let mut page = [0; PAGE];
    let tree = pages.read(number, &mut page).then(|| record::tree(number, &page)).flatten();
    let cells = tree.and_then(|tree| record::cells(number, &page, tree).map(|cells| (tree, cells)));
    let Some((tree, cells)) = cells else {
        // Of a page that may as well be none of a tree, nothing can be said.
        return if usage == Use::Tree { visit(Row::DamagedPage) } else { Ok(()) };
    };
    if tree == Tree::Way {
        return Ok(());
    }
    let mut payload = Vec::new();
    for cell in cells {
        let mut columns = Vec::new();
        let row = cell.and_then(|at| record::cell(pages, &page, tree, at, &mut payload));
        let read = row.and_then(|row| record::columns(&payload, &mut columns).map(|()| row));
        let found = match read {
            None => Some(Row::DamagedCell),
            Some(row) if tree == Tree::Rows => Found::of_row(row, &columns).map(Row::Found),
            Some(_) => Found::of_entry(&columns).map(Row::Found),
        };
        if let Some(found) = found {
            visit(found)?;
        }
    }
    Ok(())
}

/// Enters the series. Their rows have no checksum, but all that matters is in an index as well: what both say comes first,
/// and then what names a series that there are chunks of.
fn name_series(connection: &Connection, saved: &mut Salvage) -> rusqlite::Result<()> {
    let named = connection.execute(
        "INSERT OR IGNORE INTO series
         SELECT id, coalesce(max(source), 'app'), name, kind, coalesce(max(unit), ''), service, labels, coalesce(max(created_us), 0)
         FROM temp.candidate GROUP BY id, name, service, labels, kind
         ORDER BY count(*) DESC, id IN (SELECT series FROM chunk) DESC, max(source) IS NULL",
        [],
    )?;
    let groups = "SELECT count(*) FROM (SELECT DISTINCT id, name, service, labels, kind FROM temp.candidate)";
    let all: i64 = connection.query_row(groups, [], |row| row.get(0))?;
    let refused = all.unsigned_abs().saturating_sub(named as u64);
    if refused > 0 {
        saved.lose(None, format!("{refused} names of series that contradict others"));
    }
    Ok(())
}

/// Drops the rows that were sealed, which stay where they are for a while. Those of a segment that was lost count again,
/// unless they are told by windows as well.
fn drop_sealed_rows(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM meta WHERE k = 'sealed_us'", [])?;
    let told = segment::newest(connection, Tier::Raw)?.max(rollup::mark(connection, Tier::Minutes)?);
    if let Some(until) = told {
        connection.execute("DELETE FROM head WHERE ts <= ?1", [until])?;
        head_rows::seal_until(connection, until, &[])?;
    }
    Ok(())
}

/// Takes out what does not fit together, and counts what is left.
fn tidy(connection: &Connection, saved: &mut Salvage) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    name_series(connection, saved)?;
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    // The chunks of a segment that was not finished come after all others, and their rows are still there.
    let homeless = "FROM chunk WHERE segment NOT IN (SELECT id FROM segment)";
    let lost =
        count(&format!("SELECT count(DISTINCT segment) {homeless} AND id <= (SELECT max(last_chunk) FROM segment)"))?;
    if lost > 0 {
        saved.lose(None, format!("{lost} segments whose times are lost, with all their chunks"));
    }
    let nameless = "FROM chunk WHERE series NOT IN (SELECT id FROM series)";
    let lost = count(&format!("SELECT count(DISTINCT series) {nameless}"))?;
    if lost > 0 {
        saved.lose(None, format!("{lost} series whose names are lost, with all their chunks"));
    }
    connection.execute(&format!("DELETE {homeless}"), [])?;
    connection.execute(&format!("DELETE {nameless}"), [])?;
    connection.execute(
        "DELETE FROM chunk WHERE id NOT BETWEEN (SELECT first_chunk FROM segment WHERE id = chunk.segment)
             AND (SELECT last_chunk FROM segment WHERE id = chunk.segment)",
        [],
    )?;
    for tier in [Tier::Raw, Tier::Minutes, Tier::Hours] {
        let mut cursor = segment::Cursor::after(i64::MIN);
        while let Some(found) = segment::next(connection, tier, cursor)? {
            cursor = found.cursor();
            let chunks = segment::mend(connection, &found)?;
            if chunks < found.chunks {
                let what = format!("{} of {} chunks of a segment", found.chunks - chunks, found.chunks);
                saved.lose(Some((found.t0, found.t1)), what);
            }
        }
    }
    for tier in Tier::ROLLED {
        rollup::restore_mark(connection, tier)?;
    }
    drop_sealed_rows(connection)?;
    saved.series = count("SELECT count(*) FROM series")?;
    saved.flushes = count("SELECT count(*) FROM head")?;
    saved.segments = count("SELECT count(*) FROM segment")?;
    saved.chunks = count("SELECT count(*) FROM chunk")?;
    saved.slow_calls = count("SELECT count(*) FROM slow_call")?;
    transaction.commit()
}
