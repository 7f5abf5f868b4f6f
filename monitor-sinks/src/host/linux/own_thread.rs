//! The threads of this process: CPU time by thread name, from `proc/self/task/TID/stat`.
//!
//! Threads that share a name share a series, so that a pool is one series however often its threads are replaced. What a
//! thread uses between the last reading and its end is in the time of the process, not here. Names are few; beyond a
//! number of them the rest goes under `other`.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
};

use super::{
    parse::{malformed, number},
    stat::Stat,
};
use crate::host::{
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

/// Names that get a series of their own.
const MOST_NAMES: usize = 64;

const LINE: usize = 1536;

#[derive(Debug)]
pub(super) struct OwnThread {
    folder: PathBuf,
    /// Each thread's start and ticks, as of the reading before.
    known: HashMap<u64, Known>,
    slots: HashMap<Box<[u8]>, Slot>,
    other: Option<Slot>,
    reading: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    start: u64,
    ticks: u64,
    reading: u64,
}

impl OwnThread {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self {
            folder: settings.path("proc/self/task"),
            known: HashMap::new(),
            slots: HashMap::new(),
            other: None,
            reading: 0,
        }
    }

    /// What a thread used since the reading before. Threads of the first reading begin at 0, since they were there before
    /// it; one that came later has used all of its time since.
    fn used(&mut self, tid: u64, stat: &Stat<'_>) -> u64 {
        let known = Known { start: stat.start, ticks: stat.ticks(), reading: self.reading };
        let before = self.known.insert(tid, known).filter(|before| before.start == stat.start);
        match before {
            Some(before) => stat.ticks().saturating_sub(before.ticks),
            None if self.reading == 1 => 0,
            None => stat.ticks(),
        }
    }

    fn slot(&mut self, name: &[u8], out: &mut Record) -> Slot {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let scale = Scale::Per(rustix::param::clock_ticks_per_second().max(1) as f64);
        let mut make =
            |name: &str| out.counter("process_thread_cpu_time_seconds_total", "seconds", scale, &[("thread", name)]);
        if self.slots.len() >= MOST_NAMES {
            return *self.other.get_or_insert_with(|| make("other"));
        }
        let slot = make(&String::from_utf8_lossy(name));
        self.slots.insert(name.into(), slot);
        slot
    }
}

impl Reader for OwnThread {
    fn read(&mut self, _: &mut Turn, out: &mut Record) -> io::Result<()> {
        self.reading += 1;
        let mut line = [0; LINE];
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let Some(tid) = number(entry.file_name().as_encoded_bytes()) else { continue };
            // A thread that has ended since it was listed is passed over.
            let Ok(file) = File::open(entry.path().join("stat")) else { continue };
            let Ok(length) = file.read_at(&mut line, 0) else { continue };
            let Some(stat) = Stat::parse(&line[..length]) else { continue };
            let used = self.used(tid, &stat);
            let slot = self.slot(stat.command, out);
            out.add(slot, used);
        }
        self.known.retain(|_, known| known.reading == self.reading);
        if self.known.is_empty() { Err(malformed("no thread of this process could be read")) } else { Ok(()) }
    }
}
