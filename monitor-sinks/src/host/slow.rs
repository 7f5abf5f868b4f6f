//! Readers that may take long or hang, on a thread of their own.
//!
//! The thread reads into a record of its own and leaves what it took in a channel; a sample picks up what is there and
//! never waits. It works when it is told when the next sample is due, a little before that instant, so that what is
//! picked up is new; a sampler that is not asked for samples leaves it at rest.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::Builder,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use monitor_core::own;

use super::{
    record::{Batch, Imported, Record},
    task::{Tasks, Turn},
};
use crate::util::report;

/// How long before the next sample the slow readers begin, at most.
const LEAD: Duration = Duration::from_secs(1);

/// How long the end of a sampler waits for the end of a reading. One that hangs is left behind.
const PATIENCE: Duration = Duration::from_millis(200);

/// How much of the budget is planned with. The rest is for readings that cost more than those before them.
const PLANNED: f64 = 0.85;

/// The shares of one core that the threads of a sampler use, each told by its thread.
#[derive(Debug)]
pub(super) struct Budget {
    share: f64,
    used: Vec<AtomicU64>,
}

impl Budget {
    pub(super) fn new(share: f64, threads: usize) -> Arc<Self> {
        Arc::new(Self { share: share * PLANNED, used: (0..threads).map(|_| AtomicU64::new(0)).collect() })
    }

    /// What thread `place` may plan with: what the others leave, and a tenth of all in any case.
    ///
    /// Relaxed: each is a number for itself, and an old one is as good a guess as a new one.
    pub(super) fn available(&self, place: usize) -> f64 {
        let others = self.used.iter().enumerate().filter(|(other, _)| *other != place);
        let used: f64 = others.map(|(_, share)| f64::from_bits(share.load(Ordering::Relaxed))).sum();
        (self.share - used).max(self.share / 10.0)
    }

    pub(super) fn tell(&self, place: usize, share: f64) {
        if let Some(used) = self.used.get(place) {
            used.store(share.to_bits(), Ordering::Relaxed);
        }
    }
}

/// What runs on the thread, apart from the thread.
pub(super) struct Work {
    pub(super) tasks: Tasks,
    pub(super) budget: Arc<Budget>,
    pub(super) place: usize,
}

impl Work {
    /// Reads what is due at `turn.now` into `record`.
    pub(super) fn turn(&mut self, turn: &mut Turn, record: &mut Record) {
        self.tasks.run(turn, record, self.budget.available(self.place));
        self.budget.tell(self.place, self.tasks.share());
    }
}

/// The sampler's end of such a thread.
pub(super) struct Slow {
    /// When to work next.
    wake: Option<Sender<Instant>>,
    filled: Receiver<Batch>,
    empty: Sender<Batch>,
    ended: Receiver<()>,
    slots: Vec<Imported>,
}

impl Slow {
    /// Starts the thread, which works once at once.
    pub(super) fn start(work: Work) -> io::Result<Self> {
        let (wake, wakes) = bounded(1);
        let (give, filled) = bounded(1);
        let (empty, take) = bounded(1);
        let (end, ended) = bounded::<()>(0);
        let _ = empty.send(Batch::default());
        let body = move || {
            run(work, &wakes, &take, &give);
            drop(end);
        };
        Builder::new().name(String::from("monitored-host")).spawn(body)?;
        Ok(Self { wake: Some(wake), filled, empty, ended, slots: Vec::new() })
    }

    /// Takes over what the thread has finished, without waiting.
    pub(super) fn pick_up(&mut self, record: &mut Record) {
        match self.filled.try_recv() {
            Ok(mut batch) => {
                record.take_over(&mut batch, &mut self.slots);
                let _ = self.empty.try_send(batch);
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                if self.wake.take().is_some() {
                    own::BACKGROUND_PANICS.add(1_u64);
                    report::line(format_args!("a thread of host sampling has ended; its families are read no more"));
                }
            }
        }
    }

    /// Tells the thread that the next sample is `wait` from `now`.
    pub(super) fn prepare(&self, now: Instant, wait: Duration) {
        if let Some(wake) = &self.wake {
            // If the thread has not come to the instant before, it is late, and works for this one too.
            let _ = wake.try_send(now + wait.saturating_sub(LEAD.min(wait / 2)));
        }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.wake = None;
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

fn run(mut work: Work, wakes: &Receiver<Instant>, take: &Receiver<Batch>, give: &Sender<Batch>) {
    let mut record = Record::default();
    let mut turn = Turn::new(Instant::now());
    loop {
        turn.now = Instant::now();
        work.turn(&mut turn, &mut record);
        // Without an empty batch the last one has not been picked up; the record keeps what is new.
        if let Ok(mut batch) = take.try_recv() {
            record.hand_over(&mut batch);
            let _ = give.try_send(batch);
        }
        let Ok(at) = wakes.recv() else { return };
        if !wait_until(at, wakes) {
            return;
        }
    }
}

/// Waits, and says whether there is somebody left to work for.
fn wait_until(at: Instant, wakes: &Receiver<Instant>) -> bool {
    let mut at = at;
    loop {
        match wakes.recv_deadline(at) {
            Ok(newer) => at = newer,
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}
