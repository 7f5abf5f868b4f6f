//! The background thread: waits, drains, writes, answers.
//!
//! It owns the source and the writer, so that neither needs a lock. Callers reach it by a bounded channel of commands; no
//! recorded value passes through it. A panic on the way, in a source or in this crate, is caught where the drain began:
//! the transaction is rolled back, the values stay with the source, the loop goes on.
//!
//! Samplers wake the thread at instants of their own. It then samples and drains at once, so that a sample is stored at
//! its time, however seldom the rest is.

use std::{
    io,
    thread::{Builder, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use monitor_core::{SlowCall, own};
use rusqlite::Transaction;

use super::{
    Source,
    attendant::{Attendance, Invited},
    outage::Outage,
    sampler::{Samplers, caught},
    schedule::{Grid, Step, step_back},
};
use crate::{
    error::{Error, Kind},
    live::{Look, Moment},
    store::{Derived, Origin, Rider, Writer},
    util::{report, time::to_micros},
};

/// How long the last flush waits for a lock; there is none after it that could make up for it.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// How long the thread tidies up after a drain; the slice that is going on then is finished.
const TIDY_TIME: Duration = Duration::from_millis(10);

/// Exemplars kept in memory while the store cannot be written to.
const SLOW_CALLS_KEPT: usize = 4096;

/// What callers ask of the thread.
#[derive(Debug)]
pub(super) enum Command {
    /// Drain now and answer when it is committed.
    Flush(Reply),
    /// Drain, let others attend from now on, and answer.
    #[allow(dead_code, reason = "there are builds without plans")]
    Renew(Box<Invited>, Reply),
    /// Drain, close the store, answer and end.
    Stop(Reply),
    /// Tell what was recorded up to now.
    Look(Look),
}

/// Where a command is answered.
pub(super) type Reply = Sender<Result<(), Error>>;

/// Starts the thread. `source` is called once the thread is sure to run.
pub(super) fn spawn<S: Source>(
    writer: Writer,
    source: impl FnOnce() -> S,
    samplers: Samplers,
    attendance: Attendance,
    inbox: Receiver<Command>,
    interval_us: i64,
) -> io::Result<JoinHandle<()>> {
    let (hand_over, receive) = crossbeam_channel::bounded::<S>(1);
    let handle = Builder::new().name(String::from("monitored")).spawn(move || {
        if let Ok(source) = receive.recv() {
            let (outage, slow_calls) = (Outage::default(), Vec::new());
            // What is derived is bounded as what is recorded is.
            let derived = Derived::new(monitor_core::total_series_limit());
            Worker {
                writer,
                source,
                samplers,
                attendance,
                derived,
                interval_us,
                outage,
                slow_calls,
                is_untidy: false,
                wall_us: None,
                stored_us: None,
            }
            .run(&inbox);
        }
    })?;
    // Made on the caller's thread, so that what is recorded once `start` has returned is this recording's.
    let _ = hand_over.send(source());
    Ok(handle)
}

struct Worker<S> {
    writer: Writer,
    source: S,
    samplers: Samplers,
    attendance: Attendance,
    derived: Derived,
    interval_us: i64,
    outage: Outage,
    /// Exemplars that have not been stored yet.
    slow_calls: Vec<SlowCall>,
    /// Whether the last attempt to seal or drop something has failed.
    is_untidy: bool,
    /// The last reading of the wall clock.
    wall_us: Option<i64>,
    /// The time of the newest row of this recording.
    stored_us: Option<i64>,
}

impl<S: Source> Worker<S> {
    fn run(mut self, inbox: &Receiver<Command>) {
        let mut grid = Grid::new(self.interval_us, now_us());
        loop {
            let now = now_us();
            let due = [self.samplers.due_us(now), self.attendance.due_us(now)].into_iter().flatten().min();
            let wait = match grid.step(now).with_due(now, due) {
                Step::Drain => {
                    self.samplers.sample_due(now);
                    // The outage has told of a failure, and the next drain makes up for it.
                    if self.drain().is_ok() {
                        self.tidy(TIDY_TIME);
                    }
                    // Commands are answered between drains even if these follow each other without a pause.
                    Duration::ZERO
                }
                Step::Wait(wait) => wait,
            };
            let stop = match inbox.recv_timeout(wait) {
                Ok(Command::Flush(reply)) => self.flush(reply, inbox),
                Ok(Command::Renew(invited, reply)) => {
                    let _ = reply.send(self.renew(&invited));
                    None
                }
                Ok(Command::Stop(reply)) => Some(reply),
                Ok(Command::Look(look)) => {
                    self.look(look);
                    None
                }
                Err(RecvTimeoutError::Timeout) => None,
                // Every handle is gone without a word, which only a forgotten monitor does.
                Err(RecvTimeoutError::Disconnected) => {
                    if let Err(error) = self.end() {
                        report::line(format_args!("{error}"));
                    }
                    return;
                }
            };
            if let Some(reply) = stop {
                let _ = reply.send(self.end());
                return;
            }
        }
    }

    /// Drains once for `first` and for every flush that waits already, so that many callers do not wait for a locked
    /// store one after the other. Returns where a stop that came up among them is to be answered.
    fn flush(&mut self, first: Reply, inbox: &Receiver<Command>) -> Option<Reply> {
        let mut waiting = vec![first];
        let mut stop = None;
        // What has been sent by now is answered by a drain that begins after it.
        while stop.is_none()
            && let Ok(command) = inbox.try_recv()
        {
            match command {
                Command::Flush(reply) => waiting.push(reply),
                Command::Renew(invited, reply) => {
                    let _ = reply.send(self.renew(&invited));
                }
                Command::Stop(reply) => stop = Some(reply),
                Command::Look(look) => self.look(look),
            }
        }
        let result = self.drain();
        for reply in waiting {
            let _ = reply.send(result.clone());
        }
        // Rows gather by these flushes as well.
        if result.is_ok() && stop.is_none() {
            self.tidy(TIDY_TIME);
        }
        stop
    }

    /// Lets others attend from now on, who take up what the ones before them have stored. If they cannot, these stay.
    fn renew(&mut self, invited: &Invited) -> Result<(), Error> {
        self.drain()?;
        let successor = caught(|| self.attendance.successor(invited, &mut self.writer, now_us()));
        let successor = successor.unwrap_or_else(|message| Err(Kind::Panicked { message }.into()))?;
        self.attendance.close(now_us());
        // What this cannot store is known to be open, and done again.
        let _ = self.drain();
        self.attendance.replace(successor);
        self.derived.end_all();
        Ok(())
    }

    /// Seals, rolls up and drops for a while. What fails is begun anew later.
    fn tidy(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            let done = caught(|| self.writer.maintain(now_us())).unwrap_or_else(|message| {
                own::BACKGROUND_PANICS.add(1_u64);
                Err(Kind::Panicked { message }.into())
            });
            match done {
                Ok(true) => self.is_untidy = false,
                Ok(false) => return,
                Err(error) => {
                    own::UPKEEP_FAILURES.add(1_u64);
                    if !std::mem::replace(&mut self.is_untidy, true) {
                        report::line(format_args!("{error}; sealing and retention are tried again, recording goes on"));
                    }
                    return;
                }
            }
        }
    }

    /// Brings what was recorded into the store, and says and counts how that went.
    fn drain(&mut self) -> Result<(), Error> {
        let result = self.store();
        let line = match &result {
            Ok(()) => self.outage.succeeded(self.writer.path(), Instant::now()),
            Err(error) => self.outage.failed(error, Instant::now()),
        };
        if let Some(line) = line {
            report::line(format_args!("{line}"));
        }
        result
    }

    /// Brings what was recorded into the store. The row is stamped once its values have been read: everything in it
    /// happened at its time or before.
    fn store(&mut self) -> Result<(), Error> {
        let result = caught(|| {
            self.source.collect();
            let at_us = now_us();
            self.watch_wall_clock(at_us);
            self.keep_slow_calls();
            self.write(at_us)
        })
        .unwrap_or_else(|message| {
            own::BACKGROUND_PANICS.add(1_u64);
            Err(Kind::Panicked { message }.into())
        });
        if result.is_err() {
            own::FLUSH_FAILURES.add(1_u64);
        }
        result
    }

    /// Tells what was recorded up to now. It is stored later, as if nobody had asked.
    fn look(&mut self, look: Look) {
        let answered = caught(|| {
            self.source.collect();
            let (run, stored_us) = (self.writer.run(), self.stored_us);
            let moment = Moment { at_us: now_us(), stored_us, run, values: Vec::new() };
            look.answer(self.source.samples(), self.writer.service(), moment);
        });
        if answered.is_err() {
            own::BACKGROUND_PANICS.add(1_u64);
        }
    }

    /// Writes what was collected, as of `at_us`, and what comes of it.
    fn write(&mut self, at_us: i64) -> Result<(), Error> {
        let Self { writer, source, samplers, attendance, derived, .. } = self;
        let recorded = || source.samples().map(|sample| Origin::App.sample(sample)).chain(samplers.samples());
        attendance.look(at_us, writer, &mut recorded(), derived);
        let minute = writer.full_minute();
        let is_durable = attendance.wants(at_us, writer.generation());
        let mut figures = std::mem::take(&mut attendance.figures);
        let mut write = |transaction: &Transaction<'_>, generation| attendance.write(transaction, at_us, generation);
        let rider = is_durable.map(|is_durable| Rider { is_durable, write: &mut write });
        let samples = || recorded().chain(derived.samples()).chain(figures.samples());
        let written = writer.write_with(at_us, samples, &self.slow_calls, rider);
        if writer.full_minute() != minute && written.is_ok() {
            figures.delivered();
        }
        attendance.figures = figures;
        match written {
            Ok(written) => self.stored_us = written.or(self.stored_us),
            Err(error) => {
                attendance.failed(at_us, &error);
                return Err(error);
            }
        }
        self.source.delivered();
        self.samplers.delivered();
        self.derived.delivered();
        self.slow_calls.clear();
        self.attendance.stored(&mut self.writer, at_us, is_durable.is_some());
        Ok(())
    }

    /// Takes the exemplars that came in. They are few; while they cannot be stored, the oldest make room for new ones.
    fn keep_slow_calls(&mut self) {
        self.slow_calls.append(&mut self.source.slow_calls());
        let over = self.slow_calls.len().saturating_sub(SLOW_CALLS_KEPT);
        if over > 0 {
            self.slow_calls.drain(..over);
            own::DROPPED_EXEMPLARS.add(over);
        }
    }

    /// Stores what is left and closes the store. A failure is for the caller to tell: nothing comes after it.
    fn end(mut self) -> Result<(), Error> {
        self.writer.set_patience(LAST_PATIENCE);
        self.samplers.sample_all(now_us());
        if self.attendance.is_there() {
            // What comes of the last values is still told, for a while. If it cannot be stored, that is tried once more below.
            let _ = self.store();
            self.attendance.close(now_us());
        }
        self.writer.end_with_next();
        match self.store() {
            Ok(()) => {
                if let Some(line) = self.outage.succeeded(self.writer.path(), Instant::now()) {
                    report::line(format_args!("{line}"));
                }
                self.writer.close()
            }
            Err(error) => {
                self.writer.abandon();
                Err(Kind::Unstored { cause: error }.into())
            }
        }
    }

    fn watch_wall_clock(&mut self, now_us: i64) {
        let before = self.wall_us.replace(now_us);
        if let Some(back) = before.and_then(|before| step_back(before, now_us, self.interval_us)) {
            own::CLOCK_STEPS_BACK.add(1_u64);
            report::line(format_args!(
                "the wall clock was set back by {back:?}; rows follow the newest one at its pace until it has caught up"
            ));
        }
    }
}

fn now_us() -> i64 {
    to_micros(SystemTime::now())
}
