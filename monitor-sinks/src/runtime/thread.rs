//! The background thread: waits, drains, writes, answers.
//!
//! It owns the source and the writer, so that neither needs a lock. Callers reach it by a bounded channel of commands; no
//! recorded value passes through it. A panic on the way, in a source or in this crate, is caught where the drain began:
//! the transaction is rolled back, the values stay with the source, the loop goes on.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{Builder, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use monitor_core::{SlowCall, own};

use super::{
    Source,
    outage::Outage,
    schedule::{Grid, Now, Step, step_back},
};
use crate::{
    error::{Error, Kind},
    store::Writer,
    util::{report, time::to_millis},
};

/// How long the last flush waits for a lock; there is none after it that could make up for it.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// Exemplars kept in memory while the store cannot be written to.
const SLOW_CALLS_KEPT: usize = 4096;

/// What callers ask of the thread.
#[derive(Debug)]
pub(super) enum Command {
    /// Drain now and answer when it is committed.
    Flush(Sender<Result<(), Error>>),
    /// Drain, close the store, answer and end.
    Stop(Sender<Result<(), Error>>),
}

/// Starts the thread. `source` is called once the thread is sure to run.
pub(super) fn spawn<S: Source>(
    writer: Writer,
    source: impl FnOnce() -> S,
    inbox: Receiver<Command>,
    interval_ms: i64,
) -> io::Result<JoinHandle<()>> {
    let (hand_over, receive) = crossbeam_channel::bounded::<S>(1);
    let handle = Builder::new().name(String::from("monitored")).spawn(move || {
        if let Ok(source) = receive.recv() {
            Worker { writer, source, interval_ms, outage: Outage::default(), slow_calls: Vec::new(), wall_ms: None }
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
    interval_ms: i64,
    outage: Outage,
    /// Exemplars that have not been stored yet.
    slow_calls: Vec<SlowCall>,
    /// The last reading of the wall clock.
    wall_ms: Option<i64>,
}

impl<S: Source> Worker<S> {
    fn run(mut self, inbox: &Receiver<Command>) {
        let mut grid = Grid::new(self.interval_ms, now());
        loop {
            let wait = match grid.step(now()) {
                Step::Drain { at_ms } => {
                    // The outage has told of a failure, and the next drain makes up for it.
                    let _ = self.drain(at_ms);
                    // Commands are answered between drains even if these follow each other without a pause.
                    Duration::ZERO
                }
                Step::Wait(wait) => wait,
            };
            match inbox.recv_timeout(wait) {
                Ok(Command::Flush(reply)) => {
                    let result = self.drain(now().millis);
                    let _ = reply.send(result);
                }
                Ok(Command::Stop(reply)) => {
                    let _ = reply.send(self.end());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Every handle is gone without a word, which only a forgotten monitor does.
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.end();
                    return;
                }
            }
        }
    }

    /// Brings what was recorded into the store, stamped `at_ms`.
    fn drain(&mut self, at_ms: i64) -> Result<(), Error> {
        self.watch_wall_clock(now().millis);
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.source.collect();
            self.keep_slow_calls();
            self.writer.write(at_ms, self.source.samples(), &self.slow_calls)?;
            self.source.delivered();
            self.slow_calls.clear();
            Ok(())
        }))
        .unwrap_or_else(|panic| {
            own::BACKGROUND_PANICS.add(1_u64);
            Err(Kind::Panicked { message: message(&*panic) }.into())
        });
        let line = match &result {
            Ok(()) => self.outage.succeeded(self.writer.path(), Instant::now()),
            Err(error) => {
                own::FLUSH_FAILURES.add(1_u64);
                self.outage.failed(error, Instant::now())
            }
        };
        if let Some(line) = line {
            report::line(format_args!("{line}"));
        }
        result
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

    fn end(mut self) -> Result<(), Error> {
        self.writer.set_patience(LAST_PATIENCE);
        let flushed = self.drain(now().millis);
        flushed.and(self.writer.close())
    }

    fn watch_wall_clock(&mut self, now_ms: i64) {
        let before = self.wall_ms.replace(now_ms);
        if let Some(back) = before.and_then(|before| step_back(before, now_ms, self.interval_ms)) {
            own::CLOCK_STEPS_BACK.add(1_u64);
            report::line(format_args!(
                "the wall clock was set back by {back:?}; rows are stored just after the newest one until it has caught up"
            ));
        }
    }
}

fn now() -> Now {
    let time = SystemTime::now();
    let nanos = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos() % 1_000_000);
    Now { millis: to_millis(time), nanos }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}
