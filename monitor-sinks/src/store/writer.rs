//! Writes what changed, one transaction a flush.
//!
//! The writer takes values and does not own them: when a transaction fails, nothing was stored, nothing was forgotten,
//! and the next flush brings the same values with whatever was added. Only what a commit has made safe enters the
//! writer's own memory (the numbers of new series, the time of the newest row).
//!
//! Times ascend strictly. While the wall clock is behind the newest row, because it was set back, rows follow each other
//! at the pace of that clock, an interval at the most: what happened in an hour still takes an hour, and nothing that was
//! stored is overwritten.
//!
//! The file may be deleted or replaced while it is recorded to. SQLite's locks on the index of the log belong to the
//! process and go with the first of its descriptors that is closed, so the old connection is closed before a new one is
//! opened, and what the old one left behind is removed first: an index without locks would be cut short by the next
//! reader from outside, under the feet of whoever has it mapped.
//!
//! A row holds the changed series only, but the first row of a recording and the first of each minute are full. So a
//! reader that needs the state at some time looks back a minute, never further, and a series that nobody has written for
//! minutes is known to be gone rather than unchanged.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use monitor_core::{Distribution, Number, Sample, SlowCall, Value, own};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{
    ballast::Ballast,
    checkpoint::Checkpoints,
    files::Files,
    head::Encoder,
    latest,
    lease::Lease,
    maintenance::Maintenance,
    origin::{Numbers, Origin, Placed},
    quarantine::{self, Saving},
    rows::Slots,
    schema, series, slow,
    tier::Retention,
    vital::Vitals,
    walk,
};
use crate::{
    error::{Error, Kind},
    util::{report, time::duration_micros},
};

/// How often a full row is due, in microseconds.
pub(crate) const FULL_EVERY_US: i64 = 60_000_000;

/// How often a writer without work looks whether its file is still there, in microseconds.
const LOOK_EVERY_US: u64 = 1_000_000;

/// How many damaged files a writer sets aside within a day.
const MOST_SET_ASIDE: u32 = 3;

/// A day in microseconds.
const DAY_US: i64 = 86_400_000_000;

/// The name in `meta` of the flush interval, which tells readers when a gauge is out of date.
pub(crate) const INTERVAL_KEY: &str = "interval_us";

/// How a writer treats its store.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The service of series that name none.
    pub(crate) service: String,
    /// The flush interval, for the readers.
    pub(crate) interval: Duration,
    /// How long opening waits for a locked database.
    pub(crate) start_patience: Duration,
    /// How long a flush waits for a locked database.
    pub(crate) patience: Duration,
    /// How long data are kept.
    pub(crate) retention: Retention,
    /// Whether what is told of the store itself is stored too.
    pub(crate) vitals: bool,
}

/// What is to be written in the transaction of a flush beside its row. Nothing of it counts before the commit, and it may
/// be asked for several times: a write that failed is tried again in a new file, or with more room.
pub(crate) struct Rider<'a> {
    /// Whether it must be safe from a loss of power when the flush is over, which costs a flush of the disk.
    pub(crate) is_durable: bool,
    /// Writes it, to the file of which the number is given; see [`Writer::generation`].
    #[allow(clippy::type_complexity, reason = "it is spelled out here and nowhere else")]
    pub(crate) write: &'a mut dyn FnMut(&Transaction<'_>, u64) -> rusqlite::Result<()>,
}

/// The one connection that writes to a store.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` only between the loss of a file and the opening of the one in its place.
    connection: Option<Connection>,
    path: Arc<Path>,
    settings: Settings,
    /// Which files the connection has open.
    files: Files,
    /// How many files have been opened.
    generation: u64,
    /// Whether the log was missing when the path was last looked at.
    log_was_lost: bool,
    /// When the path was last looked at.
    looked_us: i64,
    /// When the newest flush was, by the wall clock.
    flushed_us: i64,
    /// The numbers of the series that have been written.
    numbers: Numbers,
    run: u64,
    /// The minute of the newest full row.
    full_minute: Option<i64>,
    buffer: Vec<u8>,
    vitals: Vitals,
    slots: Slots,
    checkpoints: Checkpoints,
    /// `None` as for the connection.
    maintenance: Option<Maintenance>,
    /// `None` before the file was opened for the first time.
    ballast: Option<Ballast>,
    /// Whether the next row is the last one.
    is_last: bool,
    /// How many damaged files it has set aside since when.
    set_aside: (u32, i64),
    /// The newest of them, while it is being saved.
    saving: Option<Saving>,
    /// `None` as for the connection. Last, so that the connection is closed before another writer may come.
    lease: Option<Lease>,
}

impl Writer {
    /// Opens the store at `path`, which it creates if need be, and takes its lease. `now_us` is the wall-clock time.
    pub(crate) fn open(path: &Path, settings: Settings, now_us: i64) -> Result<Self, Error> {
        let path = schema::resolve(path);
        let mut writer = Self {
            connection: None,
            vitals: Vitals::of(&path),
            path: path.into(),
            files: Files::default(),
            generation: 0,
            log_was_lost: false,
            looked_us: now_us,
            flushed_us: now_us,
            numbers: Numbers::default(),
            run: 0,
            full_minute: None,
            buffer: Vec::new(),
            slots: Slots::default(),
            checkpoints: Checkpoints::default(),
            maintenance: None,
            ballast: None,
            is_last: false,
            set_aside: (0, now_us),
            saving: None,
            lease: None,
            settings,
        };
        let patience = writer.settings.start_patience;
        let attached = schema::inspect(&writer.path, patience).and_then(|()| writer.attach(patience));
        let newest = attached.or_else(|error| writer.outlive(error, now_us, patience))?;
        // After the newest row, so that no two recordings share a name, whatever the wall clock did in between.
        let run = newest.map_or(now_us, |newest| now_us.max(newest.saturating_add(1)));
        writer.run = u64::try_from(run).unwrap_or(0);
        Ok(writer)
    }

    /// Takes the lease and opens the file; what a lost one left is removed. Returns the time of the newest row.
    fn attach(&mut self, patience: Duration) -> Result<Option<i64>, Error> {
        schema::inspect_path(&self.path)?;
        let lease = Lease::take(&self.path, patience)?;
        self.files.remove_orphans(&self.path);
        let blamed = |error| schema::blame_companion(&self.path, error);
        let mut connection = schema::open_for_writing(&self.path, patience).map_err(blamed)?;
        let failed = |error| blamed(Error::sqlite("prepare", &self.path, patience, error));
        connection
            .execute(
                "INSERT INTO meta(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v",
                params![INTERVAL_KEY, duration_micros(self.settings.interval)],
            )
            .map_err(failed)?;
        let newest = walk::newest(&connection).map_err(failed)?;
        let maintenance =
            Maintenance::begin(&connection, self.settings.retention, duration_micros(self.settings.interval))
                .map_err(failed)?;
        self.slots = Slots::load(&connection).map_err(failed)?;
        self.checkpoints = Checkpoints::watch(&mut connection).map_err(failed)?;
        connection.busy_timeout(self.settings.patience).map_err(failed)?;
        self.maintenance = Some(maintenance);
        self.ballast = Some(Ballast::of(&self.path, self.looked_us));
        self.files = Files::at(&self.path);
        self.generation += 1;
        (self.connection, self.lease) = (Some(connection), Some(lease));
        Ok(newest)
    }

    /// Where the store lies.
    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// The name of the recording.
    pub(crate) const fn run(&self) -> u64 {
        self.run
    }

    /// The service of series that name none themselves.
    pub(crate) fn service(&self) -> &str {
        &self.settings.service
    }

    /// The number of the file that is open: another one after it was deleted, replaced or set aside, or may have been.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The minute of the newest full row, in which all series are.
    pub(crate) const fn full_minute(&self) -> Option<i64> {
        self.full_minute
    }

    /// The connection, for reading and for making tables of one's own between flushes.
    #[allow(dead_code, reason = "nobody asks without the feature `rules`")]
    pub(crate) const fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// Stores what is told of the store itself, from now on.
    pub(crate) const fn tell_of_itself(&mut self) {
        self.settings.vitals = true;
    }

    /// Sets how long a flush waits for a locked database.
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        if self.connection.as_ref().is_none_or(|connection| connection.busy_timeout(patience).is_ok()) {
            self.settings.patience = patience;
        }
    }

    /// Stores what changed, as of `at_us`, and exemplars of slow calls. When this returns without an error, it is committed.
    ///
    /// Returns the time of the new row, `None` if there was nothing to write.
    pub(crate) fn write<'a, I: Iterator<Item = Placed<'a>>>(
        &mut self,
        at_us: i64,
        samples: impl Fn() -> I,
        slow_calls: &[SlowCall],
    ) -> Result<Option<i64>, Error> {
        self.write_with(at_us, samples, slow_calls, None)
    }

    /// Like [`write`](Self::write), with more in the same transaction. It happens though there may be nothing else to write.
    pub(crate) fn write_with<'a, I: Iterator<Item = Placed<'a>>>(
        &mut self,
        at_us: i64,
        samples: impl Fn() -> I,
        slow_calls: &[SlowCall],
        mut rider: Option<Rider<'_>>,
    ) -> Result<Option<i64>, Error> {
        let begun = Instant::now();
        let due = rider.is_some() || !slow_calls.is_empty() || self.is_due(at_us, samples());
        if due || self.connection.is_none() || at_us.abs_diff(self.looked_us) >= LOOK_EVERY_US {
            self.looked_us = at_us;
            if let Err(error) = self.follow_path() {
                self.outlive(error, at_us, self.settings.patience)?;
            }
        }
        // In a file that has just been begun, everything is due.
        let due = due || (self.is_full_due(at_us) && self.is_due(at_us, samples()));
        // What strangers read may be older than the newest row.
        let due = due || (self.is_last && self.numbers.count() > 0);
        if !due {
            return Ok(None);
        }
        let mut rider = rider.as_mut();
        let written = match self.try_write(at_us, samples(), slow_calls, rider.as_deref_mut()) {
            Err(error) if error.is_full() && self.make_room(at_us) => {
                self.try_write(at_us, samples(), slow_calls, rider)?
            }
            Err(error) if error.is_damage() => {
                self.outlive(error, at_us, self.settings.patience)?;
                self.try_write(at_us, samples(), slow_calls, rider)?
            }
            other => other?,
        };
        if written.is_some() {
            self.vitals.flushed(begun.elapsed());
        }
        let is_tight = self.maintenance.as_ref().is_some_and(Maintenance::is_tight);
        if let Some(ballast) = self.ballast.as_mut().filter(|_| !is_tight) {
            ballast.restore(at_us);
        }
        if self.files.log.is_none() {
            self.files = Files { main: self.files.main, ..Files::at(&self.path) };
        }
        Ok(written)
    }

    fn try_write<'a>(
        &mut self,
        at_us: i64,
        samples: impl Iterator<Item = Placed<'a>>,
        slow_calls: &[SlowCall],
        rider: Option<&mut Rider<'_>>,
    ) -> Result<Option<i64>, Error> {
        let buffer = std::mem::take(&mut self.buffer);
        let is_durable = rider.as_ref().is_some_and(|rider| rider.is_durable);
        // Not within the transaction, where SQLite ignores it.
        let synchronous = |connection: Option<&Connection>, level: &str| match connection {
            Some(connection) if is_durable => connection.pragma_update(None, "synchronous", level),
            _ => Ok(()),
        };
        let written = synchronous(self.connection.as_ref(), "FULL")
            .and_then(|()| self.transact(at_us, samples, slow_calls, rider, buffer));
        let restored = synchronous(self.connection.as_ref(), "NORMAL");
        written
            .and_then(|written| restored.map(|()| written))
            .map_err(|error| Error::sqlite("write to", &self.path, self.settings.patience, error))
    }

    /// Makes room on a full disk: gives the ballast free, shortens the log, and has the oldest data dropped. Returns
    /// whether there is more room now.
    fn make_room(&mut self, now_us: i64) -> bool {
        if let Some(maintenance) = &mut self.maintenance {
            maintenance.relieve();
        }
        let released = self.ballast.as_mut().is_some_and(|ballast| ballast.release(now_us));
        if let Some(connection) = &self.connection {
            // A reader may stand in the way; then the room of the ballast has to do.
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        released
    }

    /// Does a slice of what there is to do between flushes: seal, roll up, drop. Returns whether there is more to do at
    /// once. What fails is done again later; nothing is lost.
    pub(crate) fn maintain(&mut self, now_us: i64) -> Result<bool, Error> {
        let (Some(connection), Some(maintenance)) = (&mut self.connection, &mut self.maintenance) else {
            return Ok(false);
        };
        let begun = Instant::now();
        if self.checkpoints.is_due() {
            self.checkpoints.run(connection);
            self.vitals.tidied(begun.elapsed());
            return Ok(true);
        }
        let done = if maintenance.is_tight() {
            let ballast = &mut self.ballast;
            maintenance.make_room(connection, || ballast.as_mut().is_none_or(Ballast::lay_again))
        } else {
            self.vitals.look_at_log(connection).and_then(|()| maintenance.step(connection, now_us, self.run))
        };
        let done = done.and_then(|more| {
            if maintenance.has_sealed() {
                self.slots = Slots::load(connection)?;
            }
            Ok(more)
        });
        self.vitals.tidied(begun.elapsed());
        let done = done.map_err(|error| Error::sqlite("tidy", &self.path, self.settings.patience, error));
        done.or_else(|error| self.outlive(error, now_us, self.settings.patience).map(|_| true))
    }

    /// Goes on in a new file if `error` comes from damage to the store; the damaged one is set aside, see [`quarantine`].
    /// Returns the time of the newest row, which in a new file there is none of.
    ///
    /// A disk that damages one file after the other is not filled with them: then the error stays what it is.
    fn outlive(&mut self, error: Error, now_us: i64, patience: Duration) -> Result<Option<i64>, Error> {
        let is_damaged = match self.connection {
            // It was a store of ours when it was opened.
            Some(_) => error.is_damage(),
            None => quarantine::is_damaged_store(&self.path, &error),
        };
        if now_us.saturating_sub(self.set_aside.1) >= DAY_US {
            self.set_aside = (0, now_us);
        }
        if !is_damaged || self.set_aside.0 == MOST_SET_ASIDE {
            return Err(error);
        }
        // Closed before anything else is opened, see above.
        (self.connection, self.maintenance) = (None, None);
        let lease = self.lease.take().map_or_else(|| Lease::take(&self.path, patience), Ok)?;
        let aside = quarantine::rename(&self.path, now_us)?;
        drop(lease);
        self.set_aside.0 += 1;
        own::DAMAGED_STORES.add(1_u64);
        let reason =
            std::error::Error::source(&error).map_or_else(|| "its header is damaged".to_owned(), ToString::to_string);
        report::line(format_args!(
            "metric store {} was found damaged ({reason}) and is set aside as {}. Recording goes on in a new file; what can be read \
             is saved beside it",
            self.path.display(),
            aside.display()
        ));
        // One at a time.
        self.saving = None;
        self.saving = Some(Saving::begin(aside));
        self.files = Files::default();
        self.numbers.clear();
        (self.full_minute, self.log_was_lost) = (None, false);
        self.attach(patience)
    }

    /// Says that the next row will be the last one, so that what is told to strangers is brought up to date with it.
    pub(crate) const fn end_with_next(&mut self) {
        self.is_last = true;
    }

    /// Whether a flush at `at_us` has anything to write.
    fn is_due<'a>(&self, at_us: i64, mut samples: impl Iterator<Item = Placed<'a>>) -> bool {
        if self.is_full_due(at_us) { samples.next().is_some() } else { samples.any(|placed| placed.sample.changed) }
    }

    fn is_full_due(&self, at_us: i64) -> bool {
        self.full_minute != Some(at_us.div_euclid(FULL_EVERY_US))
    }

    /// Opens the store anew if its file was deleted or replaced, because what went into the old one would be seen by
    /// nobody. The recording goes on in the new one; what the old one held went with it.
    fn follow_path(&mut self) -> Result<(), Error> {
        if self.connection.is_some() {
            if self.files.main.is_none() {
                return Ok(());
            }
            let found = Files::at(&self.path);
            if found.main == self.files.main {
                return self.keep_log(found);
            }
            // Closed before anything else is opened, see above. The file of the lease may have gone as well, and then the
            // lock on it excludes nobody.
            self.connection = None;
        }
        self.lease = None;
        self.numbers.clear();
        self.full_minute = None;
        let before = self.files.main;
        // Opening may not wait as it does at the start: a flush is waiting for it.
        self.attach(self.settings.patience)?;
        self.log_was_lost = false;
        if self.files.main != before {
            let path = self.path.display();
            report::line(format_args!("metric store {path} was removed or replaced; a new one was begun"));
        }
        Ok(())
    }

    /// Begins a new log if the file of the old one was removed: nobody else could read from it, and it would be gone
    /// after a crash. What it holds is moved into the store's file first.
    fn keep_log(&mut self, found: Files) -> Result<(), Error> {
        // Where a reader of this process has the old index, the new connection shares it and the path still has none.
        let is_kept = found.index.is_some() && (found.log, found.index) == (self.files.log, self.files.index);
        if is_kept || self.files.log.is_none() {
            self.log_was_lost = false;
            return Ok(());
        }
        let Some(connection) = &self.connection else { return Ok(()) };
        let failed = |error| Error::sqlite("save the log of", &self.path, self.settings.patience, error);
        let is_busy: bool =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(failed)?;
        if is_busy {
            let waited = self.settings.patience;
            return Err(Kind::Locked { path: self.path.to_path_buf(), waited }.into());
        }
        self.connection = None;
        let mut connection = schema::open_for_writing(&self.path, self.settings.patience)?;
        self.checkpoints = Checkpoints::watch(&mut connection)
            .map_err(|error| Error::sqlite("open", &self.path, self.settings.patience, error))?;
        self.connection = Some(connection);
        self.files = Files { main: self.files.main, log: None, index: None };
        if !std::mem::replace(&mut self.log_was_lost, true) {
            report::line(format_args!(
                "the log of metric store {} (-wal, -shm) was removed; nothing is lost, a new one was begun",
                self.path.display()
            ));
        }
        Ok(())
    }

    fn transact<'a>(
        &mut self,
        at_us: i64,
        samples: impl Iterator<Item = Placed<'a>>,
        slow_calls: &[SlowCall],
        rider: Option<&mut Rider<'_>>,
        buffer: Vec<u8>,
    ) -> rusqlite::Result<Option<i64>> {
        let full = self.is_full_due(at_us);
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        slow::insert(&transaction, slow_calls, &self.settings.service)?;
        let passed = at_us.saturating_sub(self.flushed_us).clamp(1, duration_micros(self.settings.interval).max(1));
        let newest = walk::newest(&transaction)?;
        let ts = newest.map_or(at_us, |newest| if at_us > newest { at_us } else { newest.saturating_add(passed) });

        // Of a recording that has just begun there is nothing to tell yet.
        let with_vitals = self.settings.vitals && full && self.full_minute.is_some();
        if with_vitals {
            let waiting_rows = self.maintenance.as_ref().map_or(0, Maintenance::waiting_rows);
            self.vitals.measure(&transaction, &self.path, waiting_rows, self.numbers.count())?;
        }
        let vitals = self.vitals.samples().filter(|_| with_vitals).map(|sample| Origin::Own.sample(sample));

        let mut new = Vec::new();
        let mut numbered = Vec::new();
        // Each of them for as long as the others.
        let samples = samples.map(|Placed { origin, sample }| origin.sample(sample));
        for placed in samples.chain(vitals) {
            let id = match self.numbers.get(&placed) {
                None if full || placed.sample.changed => {
                    let id = series::resolve(&transaction, &placed, &self.settings.service, ts)?;
                    new.extend(id.map(|id| (placed.origin, placed.sample.index, id)));
                    id
                }
                known => known,
            };
            numbered.extend(id.map(|id| (id, placed.sample)));
        }
        // Stable, so that samples of one series stay in the order in which they came.
        numbered.sort_by_key(|entry| entry.0);
        let mut encoder = Encoder::new(buffer, self.run, full);
        for same in numbered.chunk_by(|a, b| a.0 == b.0) {
            put(&mut encoder, full, same);
        }

        let entries = encoder.entries();
        let row = encoder.finish();
        let put = if entries > 0 { Some(self.slots.put(&transaction, ts, entries, &row)?) } else { None };
        if full || self.is_last {
            let as_of = if entries > 0 { ts } else { newest.unwrap_or(ts) };
            latest::write(&transaction, as_of, &numbered)?;
        }
        if let Some(rider) = rider {
            (rider.write)(&transaction, self.generation)?;
        }
        transaction.commit()?;

        let written = (entries > 0).then_some(ts);
        self.flushed_us = at_us;
        if let (Some(put), Some(maintenance)) = (put, &mut self.maintenance) {
            maintenance.wrote(ts);
            self.slots.committed(put);
        }
        self.buffer = row;
        if with_vitals {
            self.vitals.delivered();
        }
        for (origin, index, id) in new {
            self.numbers.set(origin, index, id);
        }
        if full {
            self.full_minute = Some(at_us.div_euclid(FULL_EVERY_US));
        }
        Ok(written)
    }

    /// Moves the log into the file and closes it.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        let Some(connection) = self.connection.take() else { return Ok(()) };
        let failed = |error| Error::sqlite("close", &self.path, self.settings.patience, error);
        let checkpoint = || connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed);
        let shortened = match checkpoint() {
            Err(error) if error.is_full() && self.ballast.as_mut().is_some_and(|ballast| ballast.release(0)) => {
                checkpoint()
            }
            other => other,
        };
        // A reader that is at work keeps the log alive, and so does a full disk. It is complete, and the next writer takes
        // it over.
        match shortened {
            Err(error) if !error.is_locked() && !error.is_full() => return Err(error),
            _ => {}
        }
        connection.close().map_err(|(_, error)| failed(error))
    }

    /// Closes the file as it is and waits for nothing, because writing to it has just failed. The log stays for the next
    /// writer.
    pub(crate) fn abandon(mut self) {
        self.set_patience(Duration::ZERO);
    }
}

/// Appends the value of one series. Several samples are one series if a site names the monitor's own service and another
/// leaves it out: their counters and distributions add up, and the gauge that changed counts.
fn put(encoder: &mut Encoder, full: bool, same: &[(u64, Sample<'_>)]) {
    let changed = same.iter().any(|(_, sample)| sample.changed);
    let Some(&(id, first)) = same.first().filter(|_| full || changed) else { return };
    if let [_] = same {
        encoder.put(id, first.value);
        return;
    }
    let mut merged = (Number::ZERO, Number::ZERO);
    let mut distribution = Distribution::new();
    let mut gauge = None;
    for (_, sample) in same {
        match sample.value {
            Value::Counter { total, fresh } => {
                merged.0 += total;
                merged.1 += fresh;
            }
            Value::Gauge(value) if sample.changed || gauge.is_none() => gauge = Some(value),
            Value::Distribution(values) => distribution.merge(values),
            _ => {}
        }
    }
    match first.value {
        Value::Counter { .. } => encoder.put(id, Value::Counter { total: merged.0, fresh: merged.1 }),
        Value::Gauge(value) => encoder.put(id, Value::Gauge(gauge.unwrap_or(value))),
        _ => encoder.put(id, Value::Distribution(&distribution)),
    }
}

#[cfg(test)]
mod tests;
