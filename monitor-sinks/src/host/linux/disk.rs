//! Disks: bytes, operations, merges, times and what is in flight, from `proc/diskstats`.
//!
//! Partitions are left out, since what they count is in their disk's counters too. The kernel counts sectors of 512 bytes
//! whatever the disk's own are, and milliseconds.

use std::{io, path::PathBuf};

use super::{
    file::KernelFile,
    parse::{fields, lines, number},
};
use crate::host::{
    device::Devices,
    pattern::Selection,
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

const SECTOR: u64 = 512;

/// The directions, each with the place of its first number. Kernels before 4.18 do not count what is discarded.
const DIRECTIONS: [(&str, usize); 3] = [("read", 0), ("write", 4), ("discard", 11)];

/// Numbers of a line: eleven of every kernel, four of discarding, two of flushing.
const NUMBERS: usize = 17;
const FEWEST: usize = 11;
const PENDING: usize = 8;
const BUSY: usize = 9;
const WEIGHTED: usize = 10;

#[derive(Debug)]
pub(super) struct Disk {
    file: KernelFile,
    /// Where every whole disk has an entry.
    blocks: PathBuf,
    selection: Selection,
    disks: Devices<Slots>,
}

#[derive(Debug)]
struct Slots {
    directions: [Direction; DIRECTIONS.len()],
    pending: Slot,
    busy: Slot,
    weighted: Slot,
}

#[derive(Debug)]
struct Direction {
    operations: Slot,
    merged: Slot,
    bytes: Slot,
    time: Slot,
}

impl Slots {
    fn new(device: &str, out: &mut Record) -> Self {
        let seconds = Scale::Per(1e3);
        let directions = DIRECTIONS.map(|(direction, _)| {
            let labels = [("device", device), ("direction", direction)];
            Direction {
                operations: out.counter("system_disk_operations_total", "", Scale::Whole, &labels),
                merged: out.counter("system_disk_merged_total", "", Scale::Whole, &labels),
                bytes: out.counter("system_disk_io_bytes_total", "bytes", Scale::Whole, &labels),
                time: out.counter("system_disk_operation_time_seconds_total", "seconds", seconds, &labels),
            }
        });
        let labels = [("device", device)];
        Self {
            directions,
            pending: out.gauge("system_disk_pending_operations", "", &labels),
            busy: out.counter("system_disk_io_time_seconds_total", "seconds", seconds, &labels),
            weighted: out.counter("system_disk_weighted_io_time_seconds_total", "seconds", seconds, &labels),
        }
    }

    fn retire(&self, out: &mut Record) {
        for Direction { operations, merged, bytes, time } in &self.directions {
            out.retire_all(&[*operations, *merged, *bytes, *time]);
        }
        out.retire_all(&[self.pending, self.busy, self.weighted]);
    }

    fn read(&self, numbers: &[u64], out: &mut Record) {
        for (slots, (_, first)) in self.directions.iter().zip(DIRECTIONS) {
            let Some(&[operations, merged, sectors, time]) = numbers.get(first..first + 4) else { continue };
            out.read(slots.operations, operations);
            out.read(slots.merged, merged);
            out.read(slots.bytes, sectors.saturating_mul(SECTOR));
            out.read(slots.time, time);
        }
        out.set(self.pending, numbers[PENDING] as f64);
        out.read(self.busy, numbers[BUSY]);
        out.read(self.weighted, numbers[WEIGHTED]);
    }
}

impl Disk {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self {
            file: KernelFile::new(settings.path("proc/diskstats")),
            blocks: settings.path("sys/block"),
            selection: settings.disks.clone(),
            disks: Devices::new(),
        }
    }
}

impl Reader for Disk {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let Some(bytes) = self.file.read(&mut turn.buffer)? else { return Ok(()) };
        self.disks.begin();
        let mut numbers = [0; NUMBERS];
        for line in lines(bytes) {
            let Some((name, count)) = parse(line, &mut numbers) else { continue };
            let make = |name: &str| {
                let is_taken = self.selection.takes(name) && is_whole(&self.blocks, name);
                is_taken.then(|| Slots::new(name, out))
            };
            if let Some(slots) = self.disks.find(name, make) {
                slots.read(&numbers[..count], out);
            }
        }
        self.disks.end(|slots| slots.retire(out));
        Ok(())
    }
}

/// The name of a line, and how many numbers there are.
fn parse<'a>(line: &'a [u8], numbers: &mut [u64; NUMBERS]) -> Option<(&'a [u8], usize)> {
    let mut fields = fields(line).skip(2);
    let name = fields.next()?;
    let mut count = 0;
    for (number_, field) in numbers.iter_mut().zip(fields) {
        *number_ = number(field)?;
        count += 1;
    }
    (count >= FEWEST).then_some((name, count))
}

/// Whether a device is a whole disk. Without the folder that tells, a name that ends in a digit after a letter other than
/// that of a kind of disk is taken for a partition.
fn is_whole(blocks: &std::path::Path, name: &str) -> bool {
    if blocks.is_dir() {
        return blocks.join(name.replace('/', "!")).exists();
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_lettered = ["sd", "hd", "vd", "xvd"].iter().any(|kind| name.starts_with(kind));
    let is_numbered = ["nvme", "mmcblk"].iter().any(|kind| name.starts_with(kind));
    stem == name || !(is_lettered || is_numbered && stem.ends_with('p'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_known_by_name_where_the_system_does_not_tell() {
        let nowhere = PathBuf::from("/no/such/folder");
        for (name, wanted) in [
            ("sda", true),
            ("sda1", false),
            ("xvdb12", false),
            ("nvme0n1", true),
            ("nvme0n1p2", false),
            ("mmcblk0", true),
            ("mmcblk0p1", false),
            ("dm-0", true),
            ("md127", true),
        ] {
            assert_eq!(is_whole(&nowhere, name), wanted, "{name}");
        }
    }
}
