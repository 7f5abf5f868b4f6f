//! Processors: time by mode, utilisation, counts, and what the kernel counts beside them, from `proc/stat`.
//!
//! Busy is everything but idle and waiting for a disk; time of guests is in user time already. Utilisation comes from two
//! readings that follow each other, so a processor that was offline has none at its first reading after it. A processor
//! is known by its name, since those that are offline are not listed. The kernel lets idle and waiting time fall a little
//! now and then; that is no beginning anew.

use std::io;

use super::{
    file::KernelFile,
    parse::{fields, lines, malformed, next_number, number},
};
use crate::host::{
    device::Devices,
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;
const WAITING: usize = 4;

/// Seconds by which a mode's time may fall without having begun anew.
const DIP: u64 = 3;

/// Ticks that must have passed for a utilisation to be worth telling.
const FEWEST_TICKS: u64 = 5;

/// Lines with one number, and what they are.
const COUNTS: [(&[u8], &str); 3] = [
    (b"ctxt", "system_context_switches_total"),
    (b"processes", "system_forks_total"),
    (b"intr", "system_interrupts_total"),
];
const LEVELS: [(&[u8], &str); 2] =
    [(b"procs_running", "system_processes_running"), (b"procs_blocked", "system_processes_blocked")];

#[derive(Debug)]
pub(super) struct Cpu {
    file: KernelFile,
    topology: Topology,
    ticks_per_second: u64,
    cores: Devices<Core>,
    whole: Utilization,
    slots: Option<Slots>,
}

#[derive(Debug)]
struct Slots {
    utilization: Slot,
    logical: Slot,
    physical: Slot,
    counts: [Slot; COUNTS.len()],
    levels: [Slot; LEVELS.len()],
}

#[derive(Debug)]
struct Core {
    modes: [Slot; MODES.len()],
    ratio: Slot,
    utilization: Utilization,
}

impl Core {
    fn new(cpu: &str, ticks_per_second: u64, out: &mut Record) -> Self {
        let scale = Scale::Per(ticks_per_second as f64);
        let dip = DIP * ticks_per_second;
        let modes = MODES.map(|mode| {
            let labels = [("cpu", cpu), ("mode", mode)];
            out.counter_with_dips("system_cpu_time_seconds_total", "seconds", scale, dip, &labels)
        });
        let ratio = out.gauge("system_cpu_utilization_ratio", "", &[("cpu", cpu)]);
        Self { modes, ratio, utilization: Utilization::default() }
    }

    fn retire(&self, out: &mut Record) {
        self.modes.iter().for_each(|slot| out.retire(*slot));
        out.retire(self.ratio);
    }
}

impl Slots {
    fn new(out: &mut Record) -> Self {
        Self {
            utilization: out.gauge("system_cpu_total_utilization_ratio", "", &[]),
            logical: out.gauge("system_cpu_logical_count", "", &[]),
            physical: out.gauge("system_cpu_physical_count", "", &[]),
            counts: COUNTS.map(|(_, name)| out.counter(name, "", Scale::Whole, &[])),
            levels: LEVELS.map(|(_, name)| out.gauge(name, "", &[])),
        }
    }
}

impl Cpu {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self {
            file: KernelFile::new(settings.path("proc/stat")),
            topology: Topology::new(settings),
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            cores: Devices::new(),
            whole: Utilization::default(),
            slots: None,
        }
    }
}

impl Reader for Cpu {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let bytes = self.file.read_needed(&mut turn.buffer)?;
        let slots = self.slots.get_or_insert_with(|| Slots::new(out));
        let mut online = 0_u32;
        self.cores.begin();
        for line in lines(bytes) {
            let mut fields = fields(line);
            let Some(name) = fields.next() else { continue };
            if let Some(number) = name.strip_prefix(b"cpu") {
                let Some(times) = parse_times(fields).filter(|_| number.iter().all(u8::is_ascii_digit)) else {
                    continue;
                };
                if number.is_empty() {
                    set(out, slots.utilization, self.whole.between(&times));
                    continue;
                }
                let make = |name: &str| Some(Core::new(name, self.ticks_per_second, out));
                let Some(core) = self.cores.find(number, make) else { continue };
                online += 1;
                for (slot, time) in core.modes.iter().zip(times) {
                    out.read(*slot, time);
                }
                set(out, core.ratio, core.utilization.between(&times));
            } else if let Some(place) = COUNTS.iter().position(|(known, _)| *known == name) {
                if let Some(count) = next_number(&mut fields) {
                    out.read(slots.counts[place], count);
                }
            } else if let Some(place) = LEVELS.iter().position(|(known, _)| *known == name) {
                set(out, slots.levels[place], next_number(&mut fields).map(|level| level as f64));
            }
        }
        self.cores.end(|core| core.retire(out));
        if online == 0 {
            return Err(malformed("proc/stat lists no processor"));
        }
        out.set(slots.logical, f64::from(online));
        if let Some(physical) = self.topology.physical(online) {
            out.set(slots.physical, f64::from(physical));
        }
        Ok(())
    }
}

fn set(out: &mut Record, slot: Slot, value: Option<f64>) {
    if let Some(value) = value {
        out.set(slot, value);
    }
}

/// The times of a line in ticks. Old kernels have fewer modes; those are 0.
fn parse_times<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Option<[u64; MODES.len()]> {
    let mut times = [0; MODES.len()];
    let mut found = 0;
    for (time, field) in times.iter_mut().zip(fields) {
        *time = number(field)?;
        found += 1;
    }
    (found > IDLE).then_some(times)
}

/// Utilisation from one reading to the next.
#[derive(Debug, Default)]
struct Utilization(Option<[u64; MODES.len()]>);

impl Utilization {
    /// The share of time that was busy since the last call; `None` at the first one, if hardly any time has passed, and
    /// if the counters began anew.
    fn between(&mut self, times: &[u64; MODES.len()]) -> Option<f64> {
        let before = self.0.replace(*times)?;
        let mut grown = [0; MODES.len()];
        for (place, grown) in grown.iter_mut().enumerate() {
            // Waiting and idle time may fall a little, which counts as nothing; busy time does not.
            *grown = match times[place].checked_sub(before[place]) {
                Some(grown) => grown,
                None if matches!(place, IDLE | WAITING) => 0,
                None => return None,
            };
        }
        let sum = grown.iter().fold(0_u64, |sum, grown| sum.saturating_add(*grown));
        let idle = grown[IDLE].saturating_add(grown[WAITING]);
        if sum < FEWEST_TICKS {
            // Too few to say anything; the next reading compares with the one before.
            self.0 = Some(before);
            return None;
        }
        Some(sum.saturating_sub(idle) as f64 / sum as f64)
    }
}

/// How many cores the processors are, which is asked again only when their number changes.
#[derive(Debug)]
struct Topology {
    folder: std::path::PathBuf,
    counted: Option<(u32, Option<u32>)>,
}

impl Topology {
    fn new(settings: &HostSampling) -> Self {
        Self { folder: settings.path("sys/devices/system/cpu"), counted: None }
    }

    fn physical(&mut self, online: u32) -> Option<u32> {
        match self.counted {
            Some((known, physical)) if known == online => physical,
            _ => {
                let physical = self.count();
                self.counted = Some((online, physical));
                physical
            }
        }
    }

    /// Processors that share a core list the same siblings.
    fn count(&self) -> Option<u32> {
        let mut cores = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(&self.folder).ok()?.flatten() {
            let name = entry.file_name();
            let is_cpu = name.to_str().and_then(|name| name.strip_prefix("cpu")).is_some_and(is_digits);
            if is_cpu {
                let topology = entry.path().join("topology");
                let siblings = ["core_cpus_list", "thread_siblings_list"];
                cores.extend(siblings.iter().find_map(|name| std::fs::read(topology.join(name)).ok()));
            }
        }
        u32::try_from(cores.len()).ok().filter(|count| *count > 0)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utilisation_needs_two_readings_and_takes_waiting_for_idle() {
        let mut utilization = Utilization::default();
        assert_eq!(utilization.between(&[100, 0, 50, 800, 50, 0, 0, 0]), None);
        assert_eq!(utilization.between(&[120, 0, 60, 850, 70, 0, 0, 0]), Some(0.3));
        assert_eq!(utilization.between(&[120, 0, 60, 850, 70, 0, 0, 0]), None);
    }

    #[test]
    fn a_fall_of_waiting_time_is_no_beginning_anew() {
        let mut utilization = Utilization::default();
        utilization.between(&[100, 0, 0, 100, 50, 0, 0, 0]);
        assert_eq!(utilization.between(&[150, 0, 0, 150, 40, 0, 0, 0]), Some(0.5));
        assert_eq!(utilization.between(&[1, 0, 0, 1, 1, 0, 0, 0]), None);
    }

    #[test]
    fn lines_of_old_kernels_have_fewer_modes() {
        let times = |line: &[u8]| parse_times(fields(line));
        assert_eq!(times(b"1 2 3 4"), Some([1, 2, 3, 4, 0, 0, 0, 0]));
        assert_eq!(times(b"1 2 3 4 5 6 7 8 9 10 11"), Some([1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(times(b"1 2 x 4"), None);
        assert_eq!(times(b"1 2"), None);
    }
}
