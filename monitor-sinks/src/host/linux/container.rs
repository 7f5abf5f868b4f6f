//! The container that this process runs in: the limits and the use of its control group, of both versions.
//!
//! What the machine has says little in a container, whose group may get a fraction of it and be held back while the
//! machine is idle. Where the group is comes from `proc/self/cgroup` and the table of mounts, so that it is found with
//! and without a namespace of its own, in version 1, version 2, and a mixture of both. A limit is the tightest one of the
//! group and those above it, as far as they can be seen. A group without a limit has no series for it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    file::KernelFile,
    mount,
    parse::{fields, lines, next_number, number, split_at, trim},
};
use crate::host::{
    device::Devices,
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Seldom, Turn},
};

/// How often limits are looked at: they change when somebody changes them.
const LIMITS: Duration = Duration::from_secs(10);

/// How often what is not CPU time, throttling or memory in use is read.
const DETAILS: Duration = Duration::from_secs(5);

/// Version 1 says "no limit" by numbers near the end of what pages can be counted in.
const UNLIMITED: u64 = 1 << 60;

/// Groups above this one whose limits are looked at.
const MOST_ABOVE: usize = 16;

/// Reads the container.
#[derive(Debug)]
pub(super) struct Container {
    places: Places,
    cpu: Vec<KernelFile>,
    memory: Vec<KernelFile>,
    /// Version 1 has the length of a period in a file beside the quota.
    periods: Vec<KernelFile>,
    pids_limit: Option<KernelFile>,
    limits: Seldom,
    details: Seldom,
    files: Files,
    devices: Devices<[Slot; 2]>,
    device_names: PathBuf,
    slots: Slots,
}

/// The folders of the group, by what is controlled there; a folder is of version 2 or of version 1.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Places {
    cpu: Option<Place>,
    accounting: Option<Place>,
    memory: Option<Place>,
    pids: Option<Place>,
    io: Option<Place>,
}

/// A folder of the group, and how many folders above it belong to groups that contain it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    folder: PathBuf,
    above: usize,
    is_version_2: bool,
}

#[derive(Debug)]
struct Files {
    usage: Option<KernelFile>,
    throttling: Option<KernelFile>,
    memory: Option<KernelFile>,
    memory_stat: Option<KernelFile>,
    events: Option<KernelFile>,
    pids: Option<KernelFile>,
    io: Option<KernelFile>,
}

#[derive(Debug, Default)]
struct Slots {
    cpu_limit: Option<Slot>,
    memory_limit: Option<Slot>,
    pids_limit: Option<Slot>,
    usage: Option<Slot>,
    throttling: [Option<Slot>; 3],
    memory: Option<Slot>,
    working_set: Option<Slot>,
    events: [Option<Slot>; EVENTS.len()],
    pids: Option<Slot>,
}

/// Lines of the statistics of throttling, with their names here. The last one is a time.
const THROTTLING: [(&[&[u8]], &str); 3] = [
    (&[b"nr_periods"], "container_cpu_periods_total"),
    (&[b"nr_throttled"], "container_cpu_throttled_periods_total"),
    (&[b"throttled_usec", b"throttled_time"], "container_cpu_throttled_seconds_total"),
];

const EVENTS: [&str; 5] = ["low", "high", "max", "oom", "oom_kill"];

impl Place {
    fn file(&self, version_2: &str, version_1: &str) -> KernelFile {
        KernelFile::new(self.folder.join(if self.is_version_2 { version_2 } else { version_1 }))
    }

    /// The same file in this group and in those above it.
    fn files(&self, version_2: &str, version_1: &str) -> Vec<KernelFile> {
        let name = if self.is_version_2 { version_2 } else { version_1 };
        let folders = self.folder.ancestors().take(self.above.min(MOST_ABOVE) + 1);
        folders.map(|folder| KernelFile::new(folder.join(name))).collect()
    }
}

impl Container {
    pub(super) fn new(settings: &HostSampling) -> Self {
        let read = |name: &str| fs::read(settings.path(name)).unwrap_or_default();
        let places = Places::find(&settings.root, &read("proc/self/cgroup"), &read("proc/self/mountinfo"));
        let file = |place: &Option<Place>, version_2: &str, version_1: &str| {
            place.as_ref().map(|place| place.file(version_2, version_1))
        };
        let files = |place: &Option<Place>, version_2: &str, version_1: &str| {
            place.as_ref().map(|place| place.files(version_2, version_1)).unwrap_or_default()
        };
        Self {
            cpu: files(&places.cpu, "cpu.max", "cpu.cfs_quota_us"),
            periods: files(&places.cpu, "", "cpu.cfs_period_us"),
            memory: files(&places.memory, "memory.max", "memory.limit_in_bytes"),
            pids_limit: file(&places.pids, "pids.max", "pids.max"),
            files: Files {
                usage: file(&places.accounting, "cpu.stat", "cpuacct.usage"),
                throttling: file(&places.cpu, "cpu.stat", "cpu.stat"),
                memory: file(&places.memory, "memory.current", "memory.usage_in_bytes"),
                memory_stat: file(&places.memory, "memory.stat", "memory.stat"),
                events: file(&places.memory, "memory.events", "memory.oom_control"),
                pids: file(&places.pids, "pids.current", "pids.current"),
                io: file(&places.io, "io.stat", "blkio.throttle.io_service_bytes"),
            },
            places,
            limits: Seldom::new(LIMITS),
            details: Seldom::new(DETAILS),
            devices: Devices::new(),
            device_names: settings.path("sys/dev/block"),
            slots: Slots::default(),
        }
    }

    fn read_limits(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let is_version_2 = self.places.cpu.as_ref().is_some_and(|place| place.is_version_2);
        let mut cores: Option<f64> = None;
        for (quota, period) in self.cpu.iter_mut().zip(&mut self.periods) {
            let Some(bytes) = quota.read(&mut turn.buffer)? else { continue };
            let limit = if is_version_2 {
                parse_cpu_max(bytes)
            } else if let Some(quota) = number(trim(bytes)) {
                cores_of(quota, period.read(&mut turn.buffer)?.and_then(|text| number(trim(text))))
            } else {
                None
            };
            cores = [cores, limit].into_iter().flatten().reduce(f64::min);
        }
        let mut bytes: Option<u64> = None;
        for file in &mut self.memory {
            let limit = file.read(&mut turn.buffer)?.and_then(|text| number(trim(text)));
            bytes = [bytes, limit.filter(|limit| *limit < UNLIMITED)].into_iter().flatten().min();
        }
        let pids = value(self.pids_limit.as_mut(), turn)?;
        limit(&mut self.slots.cpu_limit, "container_cpu_limit_ratio", "", cores, out);
        limit(
            &mut self.slots.memory_limit,
            "container_memory_limit_bytes",
            "bytes",
            bytes.map(|bytes| bytes as f64),
            out,
        );
        limit(&mut self.slots.pids_limit, "container_pids_limit", "", pids.map(|pids| pids as f64), out);
        Ok(())
    }

    fn read_cpu(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let (files, slots) = (&mut self.files, &mut self.slots);
        if let Some(file) = &mut files.usage
            && let Some(bytes) = file.read(&mut turn.buffer)?
        {
            // Version 1 has a file with nanoseconds, version 2 a line with microseconds.
            let is_version_2 = self.places.accounting.as_ref().is_some_and(|place| place.is_version_2);
            let (value, per_second) =
                if is_version_2 { (find(bytes, b"usage_usec"), 1e6) } else { (number(trim(bytes)), 1e9) };
            count(&mut slots.usage, "container_cpu_usage_seconds_total", "seconds", Scale::Per(per_second), value, out);
        }
        let Some(file) = &mut files.throttling else { return Ok(()) };
        let Some(bytes) = file.read(&mut turn.buffer)? else { return Ok(()) };
        let is_version_2 = self.places.cpu.as_ref().is_some_and(|place| place.is_version_2);
        for (place, (names, name)) in THROTTLING.iter().enumerate() {
            let value = names.iter().find_map(|wanted| find(bytes, wanted));
            let is_time = place == THROTTLING.len() - 1;
            let per_second = if is_version_2 { 1e6 } else { 1e9 };
            let (unit, scale) = if is_time { ("seconds", Scale::Per(per_second)) } else { ("", Scale::Whole) };
            count(&mut slots.throttling[place], name, unit, scale, value, out);
        }
        Ok(())
    }

    fn read_memory(&mut self, usage: Option<u64>, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let (files, slots) = (&mut self.files, &mut self.slots);
        if let (Some(usage), Some(file)) = (usage, &mut files.memory_stat)
            && let Some(bytes) = file.read(&mut turn.buffer)?
        {
            // Of the cache, what has not been used lately is given back before anything is refused.
            let idle = find(bytes, b"total_inactive_file").or_else(|| find(bytes, b"inactive_file")).unwrap_or(0);
            let working_set = usage.saturating_sub(idle) as f64;
            limit(&mut slots.working_set, "container_memory_working_set_bytes", "bytes", Some(working_set), out);
        }
        if let Some(file) = &mut files.events
            && let Some(bytes) = file.read(&mut turn.buffer)?
        {
            for (slot, event) in slots.events.iter_mut().zip(EVENTS) {
                let Some(value) = find(bytes, event.as_bytes()) else { continue };
                let make = || out.counter("container_memory_events_total", "", Scale::Whole, &[("event", event)]);
                let slot = *slot.get_or_insert_with(make);
                out.read(slot, value);
            }
        }
        Ok(())
    }

    fn read_io(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let Some(file) = &mut self.files.io else { return Ok(()) };
        let Some(bytes) = file.read(&mut turn.buffer)? else { return Ok(()) };
        let names = &self.device_names;
        self.devices.begin();
        for line in lines(bytes) {
            let Some((device, values)) = parse_io(line) else { continue };
            let make = |device: &str| {
                let name = fs::read_link(names.join(device)).ok();
                let name = name.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
                let name = name.unwrap_or_else(|| device.to_owned());
                Some(["read", "write"].map(|direction| {
                    let labels = [("device", &*name), ("direction", direction)];
                    out.counter("container_io_bytes_total", "bytes", Scale::Whole, &labels)
                }))
            };
            let Some(slots) = self.devices.find(device, make) else { continue };
            for (slot, value) in slots.iter().zip(values) {
                if let Some(value) = value {
                    out.read(*slot, value);
                }
            }
        }
        self.devices.end(|slots| slots.iter().for_each(|slot| out.retire(*slot)));
        Ok(())
    }
}

impl Reader for Container {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        if self.limits.is_due(turn.now) {
            self.read_limits(turn, out)?;
        }
        self.read_cpu(turn, out)?;
        let usage = value(self.files.memory.as_mut(), turn)?;
        limit(&mut self.slots.memory, "container_memory_usage_bytes", "bytes", usage.map(|usage| usage as f64), out);
        if !self.details.is_due(turn.now) {
            return Ok(());
        }
        self.read_memory(usage, turn, out)?;
        let pids = value(self.files.pids.as_mut(), turn)?;
        limit(&mut self.slots.pids, "container_pids", "", pids.map(|pids| pids as f64), out);
        self.read_io(turn, out)
    }
}

impl Places {
    /// Finds the folders of the group that `membership` names, by the table of mounts.
    fn find(root: &Path, membership: &[u8], table: &[u8]) -> Self {
        let place = |controller: &[u8]| Self::place(root, controller, membership, table);
        Self {
            cpu: place(b"cpu"),
            accounting: place(b"cpuacct"),
            memory: place(b"memory"),
            pids: place(b"pids"),
            io: place(b"blkio"),
        }
    }

    /// The folder for one controller, named as in version 1: there if that version has it, else in version 2.
    fn place(root: &Path, controller: &[u8], membership: &[u8], table: &[u8]) -> Option<Place> {
        let is_listed = |list: &[u8]| list.split(|byte| *byte == b',').any(|name| name == controller);
        let mut version_2 = None;
        for line in lines(membership) {
            let (_, rest) = split_at(line, b':')?;
            let (controllers, path) = split_at(rest, b':')?;
            if controllers.is_empty() {
                version_2 = Some(path);
            } else if is_listed(controllers) {
                let mount = mount::mounts(table).find(|mount| mount.kind == b"cgroup" && is_listed(mount.options))?;
                return Self::folder(root, &mount, path, false);
            }
        }
        let path = version_2?;
        let mount = mount::mounts(table).find(|mount| mount.kind == b"cgroup2")?;
        let place = Self::folder(root, &mount, path, true)?;
        // The group of everything is no container, and what it counts is the machine's.
        place.folder.join("cgroup.type").exists().then_some(place)
    }

    /// Where `path` of the hierarchy is, of which `mount` shows a part.
    fn folder(root: &Path, mount: &mount::Mount<'_>, path: &[u8], is_version_2: bool) -> Option<Place> {
        let point = std::str::from_utf8(&mount.point).ok()?;
        let top = root.join(point.trim_start_matches('/'));
        let shown = mount.root.strip_suffix(b"/").unwrap_or(&mount.root);
        // A path outside of what is mounted is that of a container whose own group is mounted as the top.
        let inside = path.strip_prefix(shown).and_then(|inside| std::str::from_utf8(inside).ok()).unwrap_or("");
        let inside = inside.trim_matches('/');
        let is_safe = inside.split('/').all(|part| part != "..");
        let folder = top.join(inside);
        if inside.is_empty() || !is_safe || !folder.is_dir() {
            return top.is_dir().then_some(Place { folder: top, above: 0, is_version_2 });
        }
        Some(Place { folder, above: inside.split('/').count(), is_version_2 })
    }
}

/// A file with one number.
fn value(file: Option<&mut KernelFile>, turn: &mut Turn) -> io::Result<Option<u64>> {
    let Some(file) = file else { return Ok(None) };
    Ok(file.read(&mut turn.buffer)?.and_then(|bytes| number(trim(bytes))))
}

/// Sets a gauge that may have no value.
fn limit(slot: &mut Option<Slot>, name: &str, unit: &str, value: Option<f64>, out: &mut Record) {
    match (value, &slot) {
        (Some(value), _) => {
            let slot = *slot.get_or_insert_with(|| out.gauge(name, unit, &[]));
            out.set(slot, value);
        }
        (None, Some(slot)) => out.retire(*slot),
        (None, None) => {}
    }
}

fn count(slot: &mut Option<Slot>, name: &str, unit: &str, scale: Scale, value: Option<u64>, out: &mut Record) {
    if let Some(value) = value {
        let slot = *slot.get_or_insert_with(|| out.counter(name, unit, scale, &[]));
        out.read(slot, value);
    }
}

/// The number on the line that begins with `name`.
fn find(bytes: &[u8], name: &[u8]) -> Option<u64> {
    lines(bytes).find_map(|line| {
        let mut fields = fields(line);
        if fields.next()? == name { next_number(&mut fields) } else { None }
    })
}

/// The cores of `QUOTA PERIOD`, where the quota may be `max`.
fn parse_cpu_max(bytes: &[u8]) -> Option<f64> {
    let mut fields = fields(trim(bytes));
    let quota = next_number(&mut fields)?;
    cores_of(quota, next_number(&mut fields))
}

fn cores_of(quota: u64, period: Option<u64>) -> Option<f64> {
    let period = period.unwrap_or(100_000);
    (period > 0 && quota > 0).then(|| quota as f64 / period as f64)
}

/// The device of a line with bytes read and written: all on one line in version 2, a line each in version 1.
fn parse_io(line: &[u8]) -> Option<(&[u8], [Option<u64>; 2])> {
    let mut fields = fields(line);
    let device = fields.next().filter(|device| device.contains(&b':'))?;
    let mut values = [None; 2];
    while let Some(field) = fields.next() {
        match field {
            b"Read" => values[0] = next_number(&mut fields),
            b"Write" => values[1] = next_number(&mut fields),
            _ => match split_at(field, b'=') {
                Some((b"rbytes", bytes)) => values[0] = number(bytes),
                Some((b"wbytes", bytes)) => values[1] = number(bytes),
                _ => {}
            },
        }
    }
    Some((device, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_none() {
        assert_eq!(parse_cpu_max(b"150000 100000\n"), Some(1.5));
        assert_eq!(parse_cpu_max(b"max 100000\n"), None);
        assert_eq!(parse_cpu_max(b"50000"), Some(0.5));
        assert_eq!(parse_cpu_max(b"5 0"), None);
        assert_eq!(parse_cpu_max(b""), None);
    }

    #[test]
    fn both_versions_tell_the_bytes_of_a_device() {
        assert_eq!(parse_io(b"254:0 rbytes=10 wbytes=20 rios=1"), Some((&b"254:0"[..], [Some(10), Some(20)])));
        assert_eq!(parse_io(b"254:0 Read 10"), Some((&b"254:0"[..], [Some(10), None])));
        assert_eq!(parse_io(b"Total 30"), None);
    }
}
