//! Network interfaces: bytes, packets, errors and drops, from `proc/net/dev`.
//!
//! One file holds all interfaces. It shows the network namespace of the process that opened it, or of the machine's first
//! process if the machine's files are found elsewhere.

use std::{io, path::PathBuf, time::Duration};

use super::{
    file::KernelFile,
    parse::{fields, lines, number, trim},
};
use crate::host::{
    device::Devices,
    pattern::Selection,
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Seldom, Turn},
};

const DIRECTIONS: [(&str, usize); 2] = [("receive", 0), ("transmit", 8)];

/// What is counted, with its unit and its place among the numbers of a direction.
const COUNTS: [(&str, &str, usize); 4] = [
    ("system_network_io_bytes_total", "bytes", 0),
    ("system_network_packets_total", "", 1),
    ("system_network_errors_total", "", 2),
    ("system_network_dropped_total", "", 3),
];

const NUMBERS: usize = 16;

/// How often links are looked at: several files for each.
const LINKS: Duration = Duration::from_secs(30);
const COLLISIONS: usize = 13;

#[derive(Debug)]
pub(super) struct Network {
    file: KernelFile,
    selection: Selection,
    interfaces: Devices<Slots>,
}

#[derive(Debug)]
struct Slots {
    counts: [[Slot; COUNTS.len()]; DIRECTIONS.len()],
    collisions: Slot,
}

impl Slots {
    fn new(device: &str, out: &mut Record) -> Self {
        let counts = DIRECTIONS.map(|(direction, _)| {
            let labels = [("device", device), ("direction", direction)];
            COUNTS.map(|(name, unit, _)| out.counter(name, unit, Scale::Whole, &labels))
        });
        let collisions = out.counter("system_network_collisions_total", "", Scale::Whole, &[("device", device)]);
        Self { counts, collisions }
    }

    fn retire(&self, out: &mut Record) {
        self.counts.iter().flatten().for_each(|slot| out.retire(*slot));
        out.retire(self.collisions);
    }

    fn read(&self, numbers: &[u64; NUMBERS], out: &mut Record) {
        for (slots, (_, first)) in self.counts.iter().zip(DIRECTIONS) {
            for (slot, (_, _, place)) in slots.iter().zip(COUNTS) {
                out.read(*slot, numbers[first + place]);
            }
        }
        out.read(self.collisions, numbers[COLLISIONS]);
    }
}

/// The folder of network files: that of the first process if the machine's files are not at their usual place.
pub(super) fn folder(settings: &HostSampling) -> PathBuf {
    let first = settings.path("proc/1/net");
    let is_elsewhere = settings.root != std::path::Path::new("/");
    if is_elsewhere && first.is_dir() { first } else { settings.path("proc/net") }
}

impl Network {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self {
            file: KernelFile::new(folder(settings).join("dev")),
            selection: settings.interfaces.clone(),
            interfaces: Devices::new(),
        }
    }
}

impl Reader for Network {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let Some(bytes) = self.file.read(&mut turn.buffer)? else { return Ok(()) };
        self.interfaces.begin();
        for line in lines(bytes) {
            let Some((name, numbers)) = parse(line) else { continue };
            let make = |name: &str| self.selection.takes(name).then(|| Slots::new(name, out));
            if let Some(slots) = self.interfaces.find(name, make) {
                slots.read(&numbers, out);
            }
        }
        self.interfaces.end(|slots| slots.retire(out));
        Ok(())
    }
}

/// The name and the numbers of a line; `None` for headings. The numbers may follow the colon without a blank.
fn parse(line: &[u8]) -> Option<(&[u8], [u64; NUMBERS])> {
    // A name may have a colon in it, numbers have not.
    let at = line.iter().rposition(|byte| *byte == b':')?;
    let (name, rest) = (&line[..at], &line[at + 1..]);
    let mut numbers = [0; NUMBERS];
    let mut fields = fields(rest);
    for value in &mut numbers {
        *value = number(fields.next()?)?;
    }
    Some((trim(name), numbers))
}

/// Whether interfaces are up, and how fast they may be, from `sys/class/net`.
///
/// The kernel may make a reader of these wait for a change of configuration, so it is no part of the sample itself.
#[derive(Debug)]
pub(super) struct Link {
    folder: PathBuf,
    selection: Selection,
    links: Devices<LinkSlots>,
    seldom: Seldom,
}

#[derive(Debug)]
struct LinkSlots {
    up: Slot,
    speed: Option<Slot>,
}

impl Link {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self {
            folder: settings.path("sys/class/net"),
            selection: settings.interfaces.clone(),
            links: Devices::new(),
            seldom: Seldom::new(LINKS),
        }
    }
}

impl Reader for Link {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        if !self.seldom.is_due(turn.now) {
            return Ok(());
        }
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Ok(()) };
        self.links.begin();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let labels = |name: &str, out: &mut Record| LinkSlots {
                up: out.gauge("system_network_up", "", &[("device", name)]),
                speed: None,
            };
            let make = |name: &str| self.selection.takes(name).then(|| labels(name, out));
            let Some(slots) = self.links.find(name.as_encoded_bytes(), make) else { continue };
            let read = |file: &str| std::fs::read(entry.path().join(file)).ok();
            let state = read("operstate").unwrap_or_default();
            let carries = read("carrier").is_some_and(|carrier| trim(&carrier) == b"1");
            // Interfaces without a state of their own, such as the loopback, say that it is unknown.
            let is_up = trim(&state) == b"up" || trim(&state) == b"unknown" && carries;
            out.set(slots.up, f64::from(u8::from(is_up)));
            if let Some(megabits) = read("speed").and_then(|speed| number(trim(&speed))) {
                let speed = *slots.speed.get_or_insert_with(|| {
                    let labels = [("device", &*name.to_string_lossy())];
                    out.gauge("system_network_link_speed_bytes_per_second", "bytes_per_second", &labels)
                });
                out.set(speed, megabits as f64 * 125_000.0);
            }
        }
        self.links.end(|slots| {
            out.retire(slots.up);
            slots.speed.into_iter().for_each(|slot| out.retire(slot));
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_touch_the_colon_and_headings_are_no_interfaces() {
        let (name, numbers) = parse(b"  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16").unwrap();
        assert_eq!((name, numbers[0], numbers[15]), (&b"eth0"[..], 1, 16));
        assert_eq!(parse(b"  eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16").unwrap().0, b"eth0:1");
        assert_eq!(parse(b" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets"), None);
        assert_eq!(parse(b"eth0: 1 2 3"), None);
    }
}
