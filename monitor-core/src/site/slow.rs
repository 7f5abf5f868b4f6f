//! What is done with the duration of a call beside counting it: objectives and exemplars of slow calls.
//!
//! An exemplar is an event, not an aggregate, so it travels through a bounded queue: when nobody empties it, further ones
//! are dropped and counted, and the call goes on.

use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use once_cell::sync::OnceCell;

use super::CallSite;
use crate::clock;
use crate::shard::{CallCell, End, Quiet};

/// Exemplars that wait for the drain.
const WAITING: usize = 1024;

/// The longest name of a thread that is kept, in bytes.
const THREAD_NAME: usize = 32;

/// A call that took longer than the bound of its function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowCall {
    /// When it ended.
    pub ended: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// How it ended: `ok`, `error`, `panicked` or `cancelled`.
    pub outcome: String,
    /// The function, `Type::method` for a method.
    pub function: String,
    /// Its module.
    pub module: String,
    /// Its service, where it names one.
    pub service: Option<String>,
    /// Its tags, those of this call included.
    pub tags: Vec<(String, String)>,
    /// The name of the thread that it ended on; empty if it has none.
    pub thread: String,
    /// The source file of the function.
    pub file: String,
    /// The line of the function's name.
    pub line: u32,
}

/// What the hot path leaves of a slow call: no allocation.
#[derive(Debug)]
struct Exemplar {
    site: &'static CallSite,
    ended: SystemTime,
    units: u64,
    outcome: &'static str,
    thread: [u8; THREAD_NAME],
    thread_len: usize,
}

fn queue() -> &'static (Sender<Exemplar>, Receiver<Exemplar>) {
    static QUEUE: OnceCell<(Sender<Exemplar>, Receiver<Exemplar>)> = OnceCell::new();
    QUEUE.get_or_init(|| bounded(WAITING))
}

/// Takes a duration into account for the objective and the bound of its function.
#[inline(never)]
pub(super) fn watch(site: &'static CallSite, cell: &CallCell, units: u64, end: End) {
    if site.meta.latency_bound().is_some_and(|bound| units <= clock::to_units(bound)) {
        cell.keep_objective();
    }
    if site.meta.slow_bound().is_some_and(|bound| units > clock::to_units(bound)) {
        leave(site, units, end);
    }
}

#[cold]
fn leave(site: &'static CallSite, units: u64, end: End) {
    // The queue is made with its first exemplar.
    let Some(_quiet) = Quiet::begin() else { return };
    let outcome = match end {
        End::Ok => "ok",
        End::Error(_) => "error",
        End::Panicked => "panicked",
        End::Cancelled => "cancelled",
    };
    let (mut thread, mut thread_len) = ([0; THREAD_NAME], 0);
    // The handle of a thread cannot be had while it is ending.
    let current = std::panic::catch_unwind(std::thread::current);
    if let Some(name) = current.as_ref().ok().and_then(std::thread::Thread::name) {
        thread_len = name.floor_char_boundary(THREAD_NAME);
        thread[..thread_len].copy_from_slice(&name.as_bytes()[..thread_len]);
    }
    let exemplar = Exemplar { site, ended: SystemTime::now(), units, outcome, thread, thread_len };
    if queue().0.try_send(exemplar).is_err() {
        crate::own::DROPPED_EXEMPLARS.add(1_u64);
    }
}

/// The exemplars that have come in since the last time.
pub(crate) fn take() -> Vec<SlowCall> {
    // An allocator may leave exemplars, of the allocations made here too: there would be no end.
    let _quiet = Quiet::begin();
    queue().1.try_iter().map(|exemplar| exemplar.describe()).collect()
}

impl Exemplar {
    fn describe(&self) -> SlowCall {
        let meta = &self.site.meta;
        let (file, line) = meta.location();
        SlowCall {
            ended: self.ended,
            duration: crate::to_duration(self.units as f64 / crate::bucket::UNITS),
            outcome: self.outcome.to_owned(),
            function: meta.function_label(),
            module: meta.module().to_owned(),
            service: meta.service_name().map(str::to_owned),
            tags: self.site.tags(),
            thread: String::from_utf8_lossy(&self.thread[..self.thread_len]).into_owned(),
            file: file.to_owned(),
            line,
        }
    }
}
