//! This process: CPU time, memory, threads, descriptors, faults, switches, bytes read and written, age.
//!
//! From `proc/self/stat`, `status`, `io` and the size of `proc/self/fd`.

use std::{
    fs::File,
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    file::KernelFile,
    parse::{decimal, fields, lines, malformed, number, split_at},
    stat::Stat,
};
use crate::host::{
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Seldom, Turn},
};

/// Lines of `status` and the type of switch that they count.
const SWITCHES: [(&[u8], &str); 2] =
    [(b"voluntary_ctxt_switches", "voluntary"), (b"nonvoluntary_ctxt_switches", "involuntary")];

/// Lines of `io` and the direction that they count: bytes that came from and went to a disk.
const DIRECTIONS: [(&[u8], &str); 2] = [(b"read_bytes", "read"), (b"write_bytes", "write")];

/// How often descriptors, switches and bytes are read, which take a file each.
const DETAILS: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct OwnProcess {
    stat: KernelFile,
    status: KernelFile,
    io: KernelFile,
    descriptors: PathBuf,
    age: Age,
    ticks_per_second: f64,
    page_size: f64,
    details: Seldom,
    slots: Option<Slots>,
}

#[derive(Debug)]
struct Slots {
    cpu: [Slot; 2],
    faults: [Slot; 2],
    resident: Slot,
    virtual_memory: Slot,
    threads: Slot,
    descriptors: Slot,
    uptime: Slot,
    switches: [Slot; 2],
    /// The kernel may forbid the file that these come from.
    io: [Option<Slot>; 2],
}

impl Slots {
    fn new(ticks_per_second: f64, out: &mut Record) -> Self {
        let seconds = Scale::Per(ticks_per_second);
        let cpu = |mode| out.counter("process_cpu_time_seconds_total", "seconds", seconds, &[("mode", mode)]);
        let cpu = ["user", "system"].map(cpu);
        let mut count = |name, kind| out.counter(name, "", Scale::Whole, &[("type", kind)]);
        Self {
            cpu,
            faults: ["minor", "major"].map(|kind| count("process_page_faults_total", kind)),
            switches: SWITCHES.map(|(_, kind)| count("process_context_switches_total", kind)),
            resident: out.gauge("process_memory_usage_bytes", "bytes", &[]),
            virtual_memory: out.gauge("process_memory_virtual_bytes", "bytes", &[]),
            threads: out.gauge("process_threads", "", &[]),
            descriptors: out.gauge("process_open_file_descriptors", "", &[]),
            uptime: out.gauge("process_uptime_seconds", "seconds", &[]),
            io: [None; 2],
        }
    }
}

impl OwnProcess {
    pub(super) fn new(settings: &HostSampling) -> Self {
        let file = |name: &str| KernelFile::new(settings.path("proc/self").join(name));
        Self {
            stat: file("stat"),
            status: file("status"),
            io: file("io"),
            descriptors: settings.path("proc/self/fd"),
            age: Age { uptime: KernelFile::new(settings.path("proc/uptime")), known: None },
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1) as f64,
            page_size: rustix::param::page_size() as f64,
            details: Seldom::new(DETAILS),
            slots: None,
        }
    }
}

impl Reader for OwnProcess {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let bytes = self.stat.read_needed(&mut turn.buffer)?;
        let stat = Stat::parse(bytes).ok_or_else(|| malformed("proc/self/stat is not understood"))?;
        let slots = self.slots.get_or_insert_with(|| Slots::new(self.ticks_per_second, out));
        out.read(slots.cpu[0], stat.user);
        out.read(slots.cpu[1], stat.system);
        out.read(slots.faults[0], stat.minor_faults);
        out.read(slots.faults[1], stat.major_faults);
        out.set(slots.threads, stat.threads as f64);
        out.set(slots.virtual_memory, stat.virtual_memory as f64);
        out.set(slots.resident, stat.resident as f64 * self.page_size);
        let started = stat.start as f64 / self.ticks_per_second;
        if let Some(age) = self.age.of(started, turn)? {
            out.set(slots.uptime, age);
        }
        if !self.details.is_due(turn.now) {
            return Ok(());
        }
        if let Some(descriptors) = count_entries(&self.descriptors) {
            out.set(slots.descriptors, descriptors as f64);
        }
        if let Some(bytes) = self.status.read(&mut turn.buffer)? {
            named(bytes, &SWITCHES, |place, value| out.read(slots.switches[place], value));
        }
        if let Some(bytes) = self.io.read(&mut turn.buffer)? {
            named(bytes, &DIRECTIONS, |place, value| {
                let slot = *slots.io[place].get_or_insert_with(|| {
                    let labels = [("direction", DIRECTIONS[place].1)];
                    out.counter("process_io_bytes_total", "bytes", Scale::Whole, &labels)
                });
                out.read(slot, value);
            });
        }
        Ok(())
    }
}

/// How old the process is: asked of the system once, counted on by the clock.
#[derive(Debug)]
struct Age {
    uptime: KernelFile,
    known: Option<(f64, Instant)>,
}

impl Age {
    /// The age of what started `started` seconds after the system did.
    fn of(&mut self, started: f64, turn: &mut Turn) -> io::Result<Option<f64>> {
        if self.known.is_none() {
            let Some(bytes) = self.uptime.read(&mut turn.buffer)? else { return Ok(None) };
            let uptime = fields(bytes).next().and_then(decimal);
            self.known = uptime.map(|uptime| (uptime - started, turn.now));
        }
        Ok(self.known.map(|(age, then)| (age + turn.now.saturating_duration_since(then).as_secs_f64()).max(0.0)))
    }
}

/// Takes the numbers of lines `name: number` whose name is in `wanted`, by their place in it.
fn named(bytes: &[u8], wanted: &[(&[u8], &str)], mut take: impl FnMut(usize, u64)) {
    for line in lines(bytes) {
        let Some((name, rest)) = split_at(line, b':') else { continue };
        let place = wanted.iter().position(|(known, _)| *known == name);
        if let (Some(place), Some(value)) = (place, fields(rest).next().and_then(number)) {
            take(place, value);
        }
    }
}

/// The number of entries of the folder of descriptors, without that which counting opens. Kernels since 6.2 tell it as
/// the folder's size; before, they are counted.
fn count_entries(folder: &std::path::Path) -> Option<u64> {
    let told = rustix::fs::stat(folder).ok()?.st_size;
    if told > 0 {
        return u64::try_from(told).ok();
    }
    let opened = File::open(folder).ok()?;
    let mut room = [std::mem::MaybeUninit::uninit(); 4096];
    let mut entries = rustix::fs::RawDir::new(&opened, &mut room);
    let mut count = 0_u64;
    while let Some(entry) = entries.next() {
        count += u64::from(entry.ok()?.file_name().to_bytes()[0].is_ascii_digit());
    }
    Some(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_counted_without_the_one_that_counting_needs() {
        let folder = PathBuf::from("/proc/self/fd");
        let opened: Vec<_> = (0..40).map(|_| File::open("/proc/self/stat").unwrap()).collect();
        let counted = count_entries(&folder).unwrap();
        let listed = std::fs::read_dir(&folder).unwrap().count() as u64 - 1;
        // Other tests of this process open files at the same time.
        assert!(counted >= 40 && counted.abs_diff(listed) < 30, "{counted} {listed}");
        drop(opened);
    }
}
