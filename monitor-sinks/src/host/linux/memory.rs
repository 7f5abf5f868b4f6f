//! Memory and swap, from `proc/meminfo`.
//!
//! `used` is the total less what is available, which is what programs can still get without swapping; `free` is less,
//! because caches are not free but can be had. The states of `system_memory_usage_bytes` therefore overlap and do not add
//! up to the total. Kernels before 3.14 do not say what is available; it is then what is free or can be dropped.

use std::io;

use super::{
    file::KernelFile,
    parse::{fields, lines, malformed, next_number, split_at},
};
use crate::host::{
    record::{Record, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

#[derive(Debug)]
pub(super) struct Memory {
    file: KernelFile,
    slots: Option<Slots>,
}

/// The lines of the file that are used, in bytes; `None` where a kernel has no such line.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Info {
    values: [Option<u64>; KEYS.len()],
}

const KEYS: [&[u8]; 25] = [
    b"MemTotal",
    b"MemFree",
    b"MemAvailable",
    b"Buffers",
    b"Cached",
    b"SReclaimable",
    b"SUnreclaim",
    b"Shmem",
    b"SwapTotal",
    b"SwapFree",
    b"Dirty",
    b"Writeback",
    b"Committed_AS",
    b"CommitLimit",
    b"AnonPages",
    b"Mapped",
    b"PageTables",
    b"KernelStack",
    b"Active",
    b"Inactive",
    b"Mlocked",
    b"HugePages_Total",
    b"HugePages_Free",
    b"Hugepagesize",
    b"SwapCached",
];

const TOTAL: usize = 0;
const FREE: usize = 1;
const AVAILABLE: usize = 2;
const BUFFERS: usize = 3;
const CACHED: usize = 4;
const RECLAIMABLE: usize = 5;
const UNRECLAIMABLE: usize = 6;
const SHARED: usize = 7;
const SWAP_TOTAL: usize = 8;
const SWAP_FREE: usize = 9;
const HUGE_TOTAL: usize = 21;
const HUGE_FREE: usize = 22;
const HUGE_SIZE: usize = 23;

/// Lines that are a gauge of their own, by their place in `KEYS`.
const PLAIN: [(usize, &str); 12] = [
    (10, "system_memory_dirty_bytes"),
    (11, "system_memory_writeback_bytes"),
    (12, "system_memory_committed_bytes"),
    (13, "system_memory_commit_limit_bytes"),
    (14, "system_memory_anonymous_bytes"),
    (15, "system_memory_mapped_bytes"),
    (16, "system_memory_page_tables_bytes"),
    (17, "system_memory_kernel_stack_bytes"),
    (18, "system_memory_active_bytes"),
    (19, "system_memory_inactive_bytes"),
    (20, "system_memory_locked_bytes"),
    (24, "system_swap_cached_bytes"),
];

const STATES: [&str; 7] = ["used", "free", "buffers", "cached", "shared", "slab_reclaimable", "slab_unreclaimable"];

#[derive(Debug)]
struct Slots {
    total: Slot,
    available: Slot,
    utilization: Slot,
    states: [Slot; STATES.len()],
    swap: [Slot; 3],
    swap_utilization: Slot,
    plain: [Slot; PLAIN.len()],
    huge: [Slot; 2],
}

impl Slots {
    fn new(out: &mut Record) -> Self {
        let mut bytes = |name: &str, labels: &[(&str, &str)]| out.gauge(name, "bytes", labels);
        Self {
            total: bytes("system_memory_total_bytes", &[]),
            available: bytes("system_memory_available_bytes", &[]),
            states: STATES.map(|state| bytes("system_memory_usage_bytes", &[("state", state)])),
            swap: ["total", "used", "free"].map(|part| bytes(&format!("system_swap_{part}_bytes"), &[])),
            plain: PLAIN.map(|(_, name)| bytes(name, &[])),
            huge: ["used", "free"].map(|state| bytes("system_memory_huge_pages_bytes", &[("state", state)])),
            utilization: out.gauge("system_memory_utilization_ratio", "", &[]),
            swap_utilization: out.gauge("system_swap_utilization_ratio", "", &[]),
        }
    }
}

impl Memory {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self { file: KernelFile::new(settings.path("proc/meminfo")), slots: None }
    }
}

impl Reader for Memory {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let info = Info::parse(self.file.read_needed(&mut turn.buffer)?);
        let (Some(total), Some(free)) = (info.values[TOTAL], info.values[FREE]) else {
            return Err(malformed("proc/meminfo has no MemTotal or no MemFree"));
        };
        let slots = self.slots.get_or_insert_with(|| Slots::new(out));
        let available = info.available(total, free);
        let used = total.saturating_sub(available);
        out.set(slots.total, total as f64);
        out.set(slots.available, available as f64);
        out.set(slots.utilization, ratio(used, total));
        let cached = info.values[CACHED].map(|cached| cached.saturating_add(info.get(RECLAIMABLE)));
        let states = [
            Some(used),
            Some(free),
            info.values[BUFFERS],
            cached,
            info.values[SHARED],
            info.values[RECLAIMABLE],
            info.values[UNRECLAIMABLE],
        ];
        set_all(out, &slots.states, &states);
        if let (Some(total), Some(free)) = (info.values[SWAP_TOTAL], info.values[SWAP_FREE]) {
            let used = total.saturating_sub(free);
            set_all(out, &slots.swap, &[Some(total), Some(used), Some(free)]);
            out.set(slots.swap_utilization, ratio(used, total));
        }
        for (slot, (place, _)) in slots.plain.iter().zip(PLAIN) {
            set_all(out, &[*slot], &[info.values[place]]);
        }
        if let (Some(total), Some(free), Some(size)) =
            (info.values[HUGE_TOTAL], info.values[HUGE_FREE], info.values[HUGE_SIZE])
        {
            let used = total.saturating_sub(free);
            set_all(out, &slots.huge, &[used, free].map(|pages| Some(pages.saturating_mul(size))));
        }
        Ok(())
    }
}

impl Info {
    fn parse(bytes: &[u8]) -> Self {
        let mut info = Self::default();
        for line in lines(bytes) {
            let Some((key, rest)) = split_at(line, b':') else { continue };
            let Some(place) = KEYS.iter().position(|known| *known == key) else { continue };
            let mut fields = fields(rest);
            let value = next_number(&mut fields);
            let unit = if fields.next() == Some(b"kB") { 1024 } else { 1 };
            info.values[place] = value.map(|value| value.saturating_mul(unit));
        }
        info
    }

    fn get(&self, place: usize) -> u64 {
        self.values[place].unwrap_or(0)
    }

    /// What programs can get. More than all memory, which a container's view of the file can say, is what is free.
    fn available(&self, total: u64, free: u64) -> u64 {
        match self.values[AVAILABLE].filter(|available| *available > 0) {
            Some(available) if available <= total => available,
            Some(_) => free.min(total),
            None => {
                let caches = self.get(BUFFERS).saturating_add(self.get(CACHED)).saturating_sub(self.get(SHARED));
                free.saturating_add(caches).saturating_add(self.get(RECLAIMABLE)).min(total)
            }
        }
    }
}

fn set_all(out: &mut Record, slots: &[Slot], values: &[Option<u64>]) {
    for (slot, value) in slots.iter().zip(values) {
        if let Some(value) = value {
            out.set(*slot, *value as f64);
        }
    }
}

/// `part` of `whole`, 0 if there is nothing of it.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The memory of the machine, from the text of `proc/meminfo`.
pub(super) fn total_bytes(bytes: &[u8]) -> Option<u64> {
    Info::parse(bytes).values[TOTAL]
}
