//! What the writer does between flushes: seal, roll up, drop, tell strangers.
//!
//! One job at a time, in slices that are short transactions, as long as there is time left; a flush never waits for more
//! than the slice that is going on. What a job has done so far is either invisible or complete, so it may be dropped at any
//! moment: by a crash, by an error, by the end of the recording. It is begun anew then.

use rusqlite::Connection;

use super::{
    hourly::Hourly,
    retention::{self, Dropping},
    rollup::{self, Rollup},
    seal::{Seal, When},
    segment,
    tier::{Retention, Tier},
    waiting::Waiting,
    walk,
};

/// How often it is looked whether something is due for its time, in microseconds.
const LOOK_EVERY_US: i64 = 60_000_000;

/// The jobs of a writer.
#[derive(Debug)]
pub(super) struct Maintenance {
    retention: Retention,
    interval_us: i64,
    job: Option<Job>,
    waiting: Waiting,
    /// The time of the newest row. Where the wall clock was set back, rows are ahead of it, and so is what is due.
    newest: Option<i64>,
    /// Whether rows were sealed since [`has_sealed`](Self::has_sealed) was asked.
    has_sealed: bool,
    /// Whether the disk was found full, so that what is oldest has to go, whatever its age, until there is room again.
    is_tight: bool,
    /// When it was last looked what is due.
    looked_us: Option<i64>,
}

#[derive(Debug)]
enum Job {
    Seal(Seal),
    RollUp(Rollup),
    Drop(Dropping),
    Tell(Hourly),
}

impl Maintenance {
    /// Takes over the file, and removes what an earlier writer has not finished.
    pub(super) fn begin(connection: &Connection, retention: Retention, interval_us: i64) -> rusqlite::Result<Self> {
        segment::remove_unfinished(connection)?;
        let waiting = Waiting::load(connection)?;
        let newest = walk::newest(connection)?;
        let job = Dropping::left(connection)?.map(Job::Drop);
        Ok(Self { retention, interval_us, job, waiting, newest, has_sealed: false, is_tight: false, looked_us: None })
    }

    /// Takes note of a row that was written.
    pub(super) fn wrote(&mut self, ts: i64) {
        self.waiting.wrote(ts, self.interval_us);
        self.newest = Some(ts);
    }

    /// Whether rows were sealed since this was asked last.
    pub(super) const fn has_sealed(&mut self) -> bool {
        std::mem::replace(&mut self.has_sealed, false)
    }

    /// How many rows wait to be sealed.
    pub(super) const fn waiting_rows(&self) -> u64 {
        self.waiting.count() as u64
    }

    /// Takes note that the disk is full: a job that needs room is given up, and the oldest data are dropped.
    pub(super) fn relieve(&mut self) {
        self.is_tight = true;
        if !matches!(self.job, Some(Job::Drop(_))) {
            self.job = None;
        }
    }

    /// Whether room has to be made.
    pub(super) const fn is_tight(&self) -> bool {
        self.is_tight
    }

    /// Gives free pages back to the system, or drops what is oldest, to have some, until `is_enough`. Returns whether there
    /// is more to do.
    pub(super) fn make_room(
        &mut self,
        connection: &mut Connection,
        is_enough: impl FnOnce() -> bool,
    ) -> rusqlite::Result<bool> {
        if let Some(Job::Drop(dropping)) = &mut self.job {
            if dropping.slice(connection)? {
                self.job = None;
            }
            return Ok(true);
        }
        if retention::give_all_back(connection)? {
            return Ok(true);
        }
        if is_enough() {
            self.is_tight = false;
            return Ok(true);
        }
        self.job = Dropping::begin_oldest(connection)?.map(Job::Drop);
        Ok(self.job.is_some())
    }

    /// Does a slice of what is due at `now_us`. Returns whether there is more to do at once.
    pub(super) fn step(&mut self, connection: &mut Connection, now_us: i64, run: u64) -> rusqlite::Result<bool> {
        let now_us = self.newest.map_or(now_us, |newest| now_us.max(newest));
        let job = match self.job.take() {
            Some(job) => Some(job),
            None => self.next(connection, now_us, run)?,
        };
        let Some(mut job) = job else { return Ok(false) };
        let done = match &mut job {
            Job::Seal(seal) => seal.slice(connection),
            Job::RollUp(rollup) => rollup.slice(connection),
            Job::Drop(dropping) => dropping.slice(connection),
            Job::Tell(hourly) => hourly.slice(connection),
        };
        // On an error most jobs are gone, and begun anew when they are due again. The segment of one that drops is gone
        // already, and nothing but this job knows of its chunks.
        let is_left = done.as_ref().map_or(matches!(job, Job::Drop(_)), |is_done| !is_done);
        if is_left {
            self.job = Some(job);
            return done.map(|_| true);
        }
        done?;
        match job {
            Job::Seal(_) => {
                self.has_sealed = true;
                self.waiting = Waiting::load(connection)?;
            }
            Job::Drop(_) => retention::give_back(connection)?,
            Job::RollUp(_) | Job::Tell(_) => {}
        }
        // There may be more of the same.
        self.looked_us = None;
        Ok(true)
    }

    fn next(&mut self, connection: &mut Connection, now_us: i64, run: u64) -> rusqlite::Result<Option<Job>> {
        let is_time = self.looked_us.is_none_or(|looked| now_us.abs_diff(looked) >= LOOK_EVERY_US.unsigned_abs());
        if !is_time && !self.waiting.may_be_enough() {
            return Ok(None);
        }
        let mut wanted_until = None;
        if is_time {
            for tier in Tier::ROLLED {
                let Some(due) = rollup::due(connection, tier, now_us)? else { continue };
                let until = due.window.until;
                if tier.below() == Tier::Raw && self.waiting.reach_back_to(until) {
                    wanted_until = Some(until);
                } else {
                    return Rollup::begin(connection, due).map(|rollup| Some(Job::RollUp(rollup)));
                }
            }
            if let Some(dropping) = Dropping::begin(connection, &self.retention, now_us)? {
                return Ok(Some(Job::Drop(dropping)));
            }
            if let Some(hourly) = Hourly::due(connection, now_us, self.retention.keep(Tier::Hours))? {
                return Ok(Some(Job::Tell(hourly)));
            }
        }
        if is_time {
            self.looked_us = Some(now_us);
        }
        let when = When { now_us, run, wanted_until, interval_us: self.interval_us };
        if !self.waiting.may_be_due(when) {
            return Ok(None);
        }
        match Seal::begin(connection, when)? {
            Ok(seal) => Ok(Some(Job::Seal(seal))),
            Err(rows) => {
                self.waiting.looked(rows.count, rows.oldest);
                Ok(None)
            }
        }
    }
}
