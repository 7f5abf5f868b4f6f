//! Readers over the crate `sysinfo`, for systems without readers of their own here.
//!
//! Only counters and sizes are taken from it; differences over time are made here as everywhere, because its own are cut
//! to 0 when a counter begins again and depend on the order of its refreshes. Processor utilisation is the exception: it
//! has no counters for it, and its first figure, which is an average since the machine was started, is not taken.
//! What it cannot tell is left out rather than guessed: time by mode, numbers of operations, inodes, drops.

use std::{
    collections::HashMap,
    io,
    time::{Duration, Instant},
};

use sysinfo::{
    CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, Networks, ProcessRefreshKind, ProcessesToUpdate, System,
    ThreadKind,
};

use super::{
    device::Devices,
    family::Family,
    pattern::Selection,
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
    top::{Commands, Scan, Shared},
};

/// Its figures of processor use do not change within this time.
const FRESH: Duration = Duration::from_millis(200);

/// What is read by the sample itself, in this order.
pub(super) fn basic(settings: &HostSampling) -> Vec<(Family, Box<dyn Reader>)> {
    vec![
        (Family::Cpu, Box::new(Cpu::default())),
        (Family::Load, Box::new(Load)),
        (Family::Memory, Box::new(Memory::default())),
        (
            Family::Network,
            Box::new(Network { networks: None, selection: settings.interfaces.clone(), found: Devices::new() }),
        ),
    ]
}

/// What is read by threads of their own, a list each.
pub(super) fn slow(settings: &HostSampling, top: &Shared) -> Vec<Vec<(Family, Box<dyn Reader>)>> {
    let disks = |is_storage| Disk {
        disks: None,
        selection: if is_storage { settings.mounts.clone() } else { settings.disks.clone() },
        is_storage,
        found: Devices::new(),
    };
    vec![
        vec![
            (Family::Process, Box::new(Process::new(settings, top))),
            (Family::OwnProcess, Box::new(OwnProcess::default())),
        ],
        vec![(Family::Filesystem, Box::new(disks(true))), (Family::Disk, Box::new(disks(false)))],
    ]
}

/// The crate's own state, made when it is first used.
fn made<T>(state: &mut Option<T>, make: impl FnOnce() -> Result<T, sysinfo::Error>) -> io::Result<&mut T> {
    if state.is_none() {
        *state = Some(make().map_err(|error| io::Error::other(error.to_string()))?);
    }
    state.as_mut().ok_or_else(|| io::Error::other("the system cannot be read"))
}

#[derive(Default)]
struct Cpu {
    system: Option<System>,
    refreshed: Option<Instant>,
    /// Refreshes so far; the first one has nothing to compare with.
    refreshes: u32,
    physical: Option<f64>,
}

impl Reader for Cpu {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let system = made(&mut self.system, System::new)?;
        let physical = self.physical.get_or_insert_with(|| System::physical_core_count().unwrap_or(0) as f64);
        if *physical > 0.0 {
            let slot = out.gauge("system_cpu_physical_count", "", &[]);
            out.set(slot, *physical);
        }
        if self.refreshed.is_some_and(|last| turn.now.saturating_duration_since(last) < FRESH) {
            return Ok(());
        }
        self.refreshed = Some(turn.now);
        if self.refreshes == 0 {
            system.refresh_cpu_list(CpuRefreshKind::nothing());
        }
        system.refresh_cpu_usage();
        let slot = out.gauge("system_cpu_logical_count", "", &[]);
        out.set(slot, system.cpus().len() as f64);
        self.refreshes = self.refreshes.saturating_add(1);
        if self.refreshes == 1 {
            return Ok(());
        }
        let ratio = |percent: f32| f64::from(percent / 100.0).clamp(0.0, 1.0);
        let slot = out.gauge("system_cpu_total_utilization_ratio", "", &[]);
        out.set(slot, ratio(system.global_cpu_usage()));
        for (number, cpu) in system.cpus().iter().enumerate() {
            let slot = out.gauge("system_cpu_utilization_ratio", "", &[("cpu", &number.to_string())]);
            out.set(slot, ratio(cpu.usage()));
        }
        Ok(())
    }
}

struct Load;

impl Reader for Load {
    fn read(&mut self, _: &mut Turn, out: &mut Record) -> io::Result<()> {
        // Windows has no such thing.
        let Ok(load) = System::load_average() else { return Ok(()) };
        for (name, value) in [("1m", load.one), ("5m", load.five), ("15m", load.fifteen)] {
            let slot = out.gauge(&format!("system_load_average_{name}"), "", &[]);
            out.set(slot, value);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Memory {
    system: Option<System>,
}

impl Reader for Memory {
    fn read(&mut self, _: &mut Turn, out: &mut Record) -> io::Result<()> {
        let system = made(&mut self.system, System::new)?;
        system.refresh_memory_specifics(MemoryRefreshKind::everything());
        let (total, available) = (system.total_memory(), system.available_memory().min(system.total_memory()));
        let used = total - available;
        let (swap, swap_free) = (system.total_swap(), system.free_swap());
        let swap_used = swap.saturating_sub(swap_free);
        for (name, bytes) in [
            ("system_memory_total_bytes", total),
            ("system_memory_available_bytes", available),
            ("system_swap_total_bytes", swap),
            ("system_swap_used_bytes", swap_used),
            ("system_swap_free_bytes", swap_free),
        ] {
            let slot = out.gauge(name, "bytes", &[]);
            out.set(slot, bytes as f64);
        }
        for (state, bytes) in [("used", used), ("free", system.free_memory())] {
            let slot = out.gauge("system_memory_usage_bytes", "bytes", &[("state", state)]);
            out.set(slot, bytes as f64);
        }
        for (name, part, whole) in
            [("system_memory_utilization_ratio", used, total), ("system_swap_utilization_ratio", swap_used, swap)]
        {
            let slot = out.gauge(name, "", &[]);
            out.set(slot, part as f64 / whole.max(1) as f64);
        }
        Ok(())
    }
}

struct Network {
    networks: Option<Networks>,
    selection: Selection,
    found: Devices<[Slot; 6]>,
}

impl Reader for Network {
    fn read(&mut self, _: &mut Turn, out: &mut Record) -> io::Result<()> {
        let networks = made(&mut self.networks, Networks::new)?;
        networks.refresh(true);
        self.found.begin();
        for (name, data) in networks.iter() {
            let make = |device: &str, out: &mut Record| {
                let mut slot = |name, unit, direction| {
                    out.counter(name, unit, Scale::Whole, &[("device", device), ("direction", direction)])
                };
                [
                    slot("system_network_io_bytes_total", "bytes", "receive"),
                    slot("system_network_io_bytes_total", "bytes", "transmit"),
                    slot("system_network_packets_total", "", "receive"),
                    slot("system_network_packets_total", "", "transmit"),
                    slot("system_network_errors_total", "", "receive"),
                    slot("system_network_errors_total", "", "transmit"),
                ]
            };
            let make = |device: &str| self.selection.takes(device).then(|| make(device, out));
            let Some(slots) = self.found.find(name.as_encoded_bytes(), make) else { continue };
            let values = [
                data.total_received(),
                data.total_transmitted(),
                data.total_packets_received(),
                data.total_packets_transmitted(),
                data.total_errors_on_received(),
                data.total_errors_on_transmitted(),
            ];
            slots.iter().zip(values).for_each(|(slot, value)| out.read(*slot, value));
        }
        self.found.end(|slots| slots.iter().for_each(|slot| out.retire(*slot)));
        Ok(())
    }
}

/// Disks in one of two respects: the size of what is mounted, or the bytes read and written.
struct Disk {
    disks: Option<Disks>,
    selection: Selection,
    is_storage: bool,
    found: Devices<Vec<Slot>>,
}

impl Disk {
    /// The slots of a device: of its size and use, or of its bytes.
    fn slots(disk: &sysinfo::Disk, is_storage: bool, out: &mut Record) -> Vec<Slot> {
        let [point, device, kind] =
            [disk.mount_point().as_os_str(), disk.name(), disk.file_system()].map(std::ffi::OsStr::to_string_lossy);
        if !is_storage {
            let direction = |direction| {
                let labels = [("device", &*device), ("direction", direction)];
                out.counter("system_disk_io_bytes_total", "bytes", Scale::Whole, &labels)
            };
            return ["read", "write"].map(direction).into();
        }
        let labels = [("mountpoint", &*point), ("device", &*device), ("type", &*kind)];
        let mut gauge = |name, unit, state: Option<&str>| {
            let state = state.map(|state| ("state", state));
            let labels: Vec<_> = labels.iter().copied().chain(state).collect();
            out.gauge(name, unit, &labels)
        };
        vec![
            gauge("system_filesystem_size_bytes", "bytes", None),
            gauge("system_filesystem_usage_bytes", "bytes", Some("used")),
            gauge("system_filesystem_usage_bytes", "bytes", Some("free")),
            gauge("system_filesystem_utilization_ratio", "", None),
            gauge("system_filesystem_read_only", "", None),
        ]
    }

    fn write(disk: &sysinfo::Disk, is_storage: bool, slots: &[Slot], out: &mut Record) {
        if !is_storage {
            let usage = disk.usage();
            let values = [usage.total_read_bytes, usage.total_written_bytes];
            slots.iter().zip(values).for_each(|(slot, value)| out.read(*slot, value));
            return;
        }
        let (size, available) = (disk.total_space(), disk.available_space());
        let used = size.saturating_sub(available);
        let values = [
            size as f64,
            used as f64,
            available as f64,
            used as f64 / size.max(1) as f64,
            f64::from(u8::from(disk.is_read_only())),
        ];
        slots.iter().zip(values).for_each(|(slot, value)| out.set(*slot, value));
    }
}

impl Reader for Disk {
    fn read(&mut self, _: &mut Turn, out: &mut Record) -> io::Result<()> {
        let is_storage = self.is_storage;
        let disks = made(&mut self.disks, Disks::new)?;
        let kind = DiskRefreshKind::nothing();
        disks.refresh_specifics(true, if is_storage { kind.with_storage() } else { kind.with_io_usage() });
        self.found.begin();
        for disk in disks.iter() {
            let name = if is_storage { disk.mount_point().as_os_str() } else { disk.name() };
            let make = |name: &str| self.selection.takes(name).then(|| Self::slots(disk, is_storage, out));
            if let Some(slots) = self.found.find(name.as_encoded_bytes(), make) {
                Self::write(disk, is_storage, slots, out);
            }
        }
        self.found.end(|slots| slots.iter().for_each(|slot| out.retire(*slot)));
        Ok(())
    }
}

struct Process {
    system: Option<System>,
    /// CPU milliseconds of each process at the scan before, with the second it started in.
    before: HashMap<u32, (u64, u64)>,
    last: Option<Instant>,
    scan: Scan,
    commands: Commands,
    top: usize,
    shared: Shared,
}

impl Process {
    fn new(settings: &HostSampling, shared: &Shared) -> Self {
        Self {
            system: None,
            before: HashMap::new(),
            last: None,
            scan: Scan::default(),
            commands: Commands::default(),
            top: settings.top,
            shared: shared.clone(),
        }
    }
}

impl Reader for Process {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let system = made(&mut self.system, System::new)?;
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        let elapsed = self.last.replace(turn.now).map(|last| turn.now.saturating_duration_since(last).as_secs_f64());
        self.scan.clear();
        let mut now = HashMap::with_capacity(system.processes().len());
        for (pid, process) in system.processes() {
            let (pid, used) = (pid.as_u32(), (process.accumulated_cpu_time(), process.start_time()));
            now.insert(pid, used);
            if process.thread_kind() == Some(ThreadKind::Kernel) {
                continue;
            }
            let before = self.before.get(&pid).filter(|before| before.1 == used.1);
            let ratio = match (before, elapsed) {
                (Some(before), Some(elapsed)) if elapsed > 0.0 => {
                    Some(used.0.saturating_sub(before.0) as f64 / 1e3 / elapsed)
                }
                _ => None,
            };
            self.scan.add(pid, process.name().as_encoded_bytes(), ratio, process.memory());
        }
        let slot = out.gauge("system_processes_count", "", &[]);
        out.set(slot, now.len() as f64);
        self.before = now;
        let top = self.scan.top(self.top, system.total_memory());
        self.commands.take(&self.scan, &top, out);
        self.shared.set(top);
        Ok(())
    }
}

#[derive(Default)]
struct OwnProcess {
    system: Option<System>,
}

impl Reader for OwnProcess {
    fn read(&mut self, _: &mut Turn, out: &mut Record) -> io::Result<()> {
        let system = made(&mut self.system, System::new)?;
        let pid = sysinfo::get_current_pid().map_err(io::Error::other)?;
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().with_disk_usage().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kind);
        let Some(process) = system.process(pid) else { return Err(io::Error::other("this process is not listed")) };
        let seconds = Scale::Per(1e3);
        let slot = out.counter("process_cpu_time_seconds_total", "seconds", seconds, &[("mode", "all")]);
        out.read(slot, process.accumulated_cpu_time());
        for (name, unit, value) in [
            ("process_memory_usage_bytes", "bytes", process.memory()),
            ("process_memory_virtual_bytes", "bytes", process.virtual_memory()),
            ("process_uptime_seconds", "seconds", process.run_time()),
        ] {
            let slot = out.gauge(name, unit, &[]);
            out.set(slot, value as f64);
        }
        if let Some(descriptors) = process.open_files() {
            let slot = out.gauge("process_open_file_descriptors", "", &[]);
            out.set(slot, descriptors as f64);
        }
        let usage = process.disk_usage();
        for (direction, bytes) in [("read", usage.total_read_bytes), ("write", usage.total_written_bytes)] {
            let slot = out.counter("process_io_bytes_total", "bytes", Scale::Whole, &[("direction", direction)]);
            out.read(slot, bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use monitor_core::Value;

    use super::*;

    fn values(record: &Record) -> BTreeMap<String, f64> {
        let value = |value| match value {
            Value::Gauge(value) => value,
            Value::Counter { total, .. } => total.as_f64(),
            _ => panic!("a distribution"),
        };
        record.samples().map(|sample| (sample.key.name.clone(), value(sample.value))).collect()
    }

    #[test]
    fn every_reader_reads_this_machine() {
        let settings = HostSampling::every(Duration::from_secs(1));
        let (top, start) = (Shared::default(), Instant::now());
        let mut readers = basic(&settings);
        readers.extend(slow(&settings, &top).into_iter().flatten());
        let (mut record, mut turn) = (Record::default(), Turn::new(start));
        for round in 0..3 {
            // The crate itself asks for a pause between two readings; here it passes for the readers.
            turn.now = start + FRESH * round;
            for (family, reader) in &mut readers {
                reader.read(&mut turn, &mut record).unwrap_or_else(|error| panic!("{family:?}: {error}"));
            }
        }
        let values = values(&record);
        for name in [
            "system_cpu_logical_count",
            "system_cpu_total_utilization_ratio",
            "system_memory_total_bytes",
            "system_memory_utilization_ratio",
            "system_processes_count",
            "process_memory_usage_bytes",
        ] {
            assert!(values.contains_key(name), "{name} is missing of {:?}", values.keys());
        }
        assert!((0.0..=1.0).contains(&values["system_cpu_total_utilization_ratio"]));
        assert!(values["system_memory_total_bytes"] > 1e8 && values["process_memory_usage_bytes"] > 1e5);
        assert!(!top.get().by_memory.is_empty());
    }
}
