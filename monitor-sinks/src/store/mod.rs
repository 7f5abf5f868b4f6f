//! The metric store: one SQLite file, written by one thread, read by anyone.
//!
//! - `schema`: what makes a SQLite file ours, its tables, and how connections are opened.
//! - `lease`: at most one writer a file; `beside`: who else may write, and what.
//! - `origin`: where samples come from; `derived`: those that are worked out from others. `head`: the row codec; `rows`:
//!   their table; `series`: the table of series; `slow`: exemplars of slow calls.
//! - `chunk`: the codecs of sealed chunks; `segment`, `build`: their tables and how they are made.
//! - `writer`: one transaction a flush; `maintenance`: what it does in between: `seal`, `rollup`, `retention`, `hourly`;
//!   `vital`: how it fares.
//! - `imported`, `backfill`: what came from elsewhere, reading and writing it.
//! - `backup`, `salvage`: copies of a sound store and of a damaged one; `fresh`: a new file that is whole or absent.
//! - `quarantine`: what becomes of a damaged store when recording has to go on.
//! - `plan`, `walk`, `back`: reading forwards, from which tier, in one go or page by page, and backwards; `flushes`: when
//!   there was a flush at all; `held`: which series are there; `check`: looking for damage; `reader`: the connection.
//!
//! Samples are not rows. A flush writes one row, a blob with the series that changed, because a row per sample costs
//! about a thousand times the bytes on the way to the disk. Later the rows of many flushes are sealed into one chunk a
//! series.

mod about;
mod back;
mod backfill;
mod backup;
mod ballast;
#[doc(hidden)]
pub mod bench;
#[cfg(feature = "rules")]
mod beside;
mod build;
mod check;
mod checkpoint;
pub(crate) mod chunk;
#[cfg_attr(not(feature = "rules"), allow(dead_code, reason = "only rules derive series"))]
mod derived;
mod entry;
mod files;
#[cfg(feature = "promql")]
mod flushes;
mod fresh;
pub(crate) mod head;
#[cfg(feature = "promql")]
mod held;
mod hourly;
mod imported;
mod latest;
mod lease;
#[cfg(test)]
mod lifecycle;
mod line;
mod maintenance;
mod merger;
mod migration;
mod origin;
mod plan;
mod quarantine;
mod reader;
mod retention;
mod rollup;
mod roster;
mod rows;
mod salvage;
pub(crate) mod schema;
mod seal;
mod segment;
mod series;
mod shelf;
mod slow;
mod tier;
mod vital;
mod waiting;
mod walk;
mod writer;

use std::{fmt, path::Path, sync::Arc, time::SystemTime};

use self::{roster::Roster, shelf::Shelf};
use crate::{error::Error, util::time};

pub use self::{
    backup::BackupProgress,
    salvage::{Loss, Salvage},
    series::SeriesInfo,
    tier::Retention,
};

#[cfg(feature = "rules")]
pub(crate) use self::beside::open as open_beside_writer;
#[cfg(feature = "rules")]
pub(crate) use self::derived::Refused;
pub(crate) use self::{
    back::Back,
    backfill::{Backfill, Known, Stretch},
    derived::Derived,
    entry::{Encoded, Entry, Span},
    imported::{Owned, Told, is_imported},
    merger::Merger,
    origin::{Origin, Placed},
    reader::{Reader, Window},
    series::StoredSeries,
    tier::Tier,
    walk::{Detail, Found, Pages},
    writer::{FULL_EVERY_US, Rider, Settings, Writer},
};
#[cfg(feature = "promql")]
pub(crate) use self::{flushes::Flush, line::Line};

/// A metric store, opened for reading.
///
/// Cloning is cheap, and any number of threads may query at once. While somebody records, each query opens a connection and
/// closes it, which costs a fraction of a millisecond and means that a store never stands in the way of the writer,
/// neither its checkpoints nor the clean-up at its end. Where nobody does, one connection is put away for the next query
/// and holds no lock meanwhile. A store remembers the table of series, about a kilobyte for each.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// let store = monitor_sinks::Store::open_read_only("metrics.db")?;
/// for function in store.query().last(Duration::from_secs(3600)).functions()? {
///     println!("{} {} calls", function.path(), function.calls);
/// }
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Store {
    path: Arc<Path>,
    memory: Memory,
}

/// What is remembered from one question to the next, shared by clones.
#[derive(Debug, Default, Clone)]
struct Memory {
    roster: Arc<Roster>,
    shelf: Arc<Shelf>,
}

impl Store {
    /// Opens the store at `path` for reading.
    ///
    /// Works while another process records to it, after that process ended in any way, and where this user may not
    /// write. Nothing in the file is changed.
    ///
    /// # Errors
    ///
    /// If there is no file, or it is a folder, not a database, another application's database, or of a newer schema that
    /// this release cannot read.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = schema::resolve(path.as_ref());
        schema::open_read_only(&path)?;
        Ok(Self::at(path.into()))
    }

    /// Where the store lies, as an absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads everything and reports what is damaged: every checksum, every value, and whether the parts fit together.
    ///
    /// An empty answer means that all is well. Cost: one pass over the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read at all.
    pub fn check(&self) -> Result<Vec<Warning>, Error> {
        self.reader()?.check()
    }

    /// A store whose file is known to be there.
    pub(crate) fn at(path: Arc<Path>) -> Self {
        Self { path, memory: Memory::default() }
    }

    pub(crate) fn reader(&self) -> Result<Reader, Error> {
        Reader::open(&self.path, &self.memory)
    }
}

/// A row of the store that could not be used for an answer.
///
/// The answer is complete all the same for counters whose next row is sound, because rows carry running totals; what a
/// damaged row held of distributions and gauges is missing from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    since: SystemTime,
    at: SystemTime,
    reason: String,
}

impl Warning {
    pub(crate) fn new(ts: i64, reason: impl Into<String>) -> Self {
        Self::of_span(ts, ts, reason)
    }

    /// Of all that was stored between two times.
    pub(crate) fn of_span(since: i64, until: i64, reason: impl Into<String>) -> Self {
        Self { since: time::from_micros(since), at: time::from_micros(until), reason: reason.into() }
    }

    /// The time of the row; of a chunk, that of its last row.
    #[must_use]
    pub const fn at(&self) -> SystemTime {
        self.at
    }

    /// The time of the first row of a chunk; of a row, its time.
    #[must_use]
    pub const fn since(&self) -> SystemTime {
        self.since
    }

    /// What is wrong.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row at {} us: {}", time::to_micros(self.at), self.reason())
    }
}

/// A bounded list of warnings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Warnings {
    list: Vec<Warning>,
    more: u64,
}

impl Warnings {
    /// A file that is damaged all over says so a hundred times, not a million times.
    const MOST: usize = 100;

    pub(crate) fn push(&mut self, warning: Warning) {
        if self.list.len() < Self::MOST {
            self.list.push(warning);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn into_vec(mut self) -> Vec<Warning> {
        if let Some(last) = self.list.last().filter(|_| self.more > 0) {
            let reason = format!("{} more damaged rows follow", self.more);
            self.list.push(Warning { reason, ..last.clone() });
        }
        self.list
    }
}
