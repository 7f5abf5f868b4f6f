//! Page faults, paging, swapping and kills for want of memory, from `proc/vmstat`.

use std::io;

use super::{
    file::KernelFile,
    parse::{fields, lines, next_number},
};
use crate::host::{
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

/// Lines of the file: name there, name here, label, unit, and what a reading is multiplied by.
type Line = (&'static [u8], &'static str, Option<(&'static str, &'static str)>, &'static str, u64);

/// The kernel counts what it pages in and out in kibibytes.
const LINES: [Line; 7] = [
    (b"pgmajfault", "system_paging_faults_total", Some(("type", "major")), "", 1),
    (b"pgfault", "system_paging_faults_total", Some(("type", "minor")), "", 1),
    (b"pswpin", "system_paging_operations_total", Some(("direction", "in")), "", 1),
    (b"pswpout", "system_paging_operations_total", Some(("direction", "out")), "", 1),
    (b"pgpgin", "system_paging_io_bytes_total", Some(("direction", "in")), "bytes", 1024),
    (b"pgpgout", "system_paging_io_bytes_total", Some(("direction", "out")), "bytes", 1024),
    (b"oom_kill", "system_oom_kills_total", None, "", 1),
];
const MAJOR: usize = 0;
const ALL_FAULTS: usize = 1;

#[derive(Debug)]
pub(super) struct Paging {
    file: KernelFile,
    slots: [Option<Slot>; LINES.len()],
}

impl Paging {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self { file: KernelFile::new(settings.path("proc/vmstat")), slots: [None; LINES.len()] }
    }
}

impl Reader for Paging {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let Some(bytes) = self.file.read(&mut turn.buffer)? else { return Ok(()) };
        let mut values = parse(bytes);
        // Major faults are among all faults; what is left are those that needed no disk.
        values[ALL_FAULTS] = values[ALL_FAULTS].map(|all| all.saturating_sub(values[MAJOR].unwrap_or(0)));
        for ((slot, line), value) in self.slots.iter_mut().zip(LINES).zip(values) {
            let (_, name, label, unit, times) = line;
            let Some(value) = value else { continue };
            let slot = *slot.get_or_insert_with(|| out.counter(name, unit, Scale::Whole, label.as_slice()));
            out.read(slot, value.saturating_mul(times));
        }
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> [Option<u64>; LINES.len()] {
    let mut values = [None; LINES.len()];
    for line in lines(bytes) {
        // Most of the file's 150 lines are told apart by their first two letters.
        if !matches!(line, [b'p', b'g' | b's', ..] | [b'o', b'o', ..]) {
            continue;
        }
        let mut fields = fields(line);
        let Some(name) = fields.next() else { continue };
        if let Some(place) = LINES.iter().position(|known| known.0 == name) {
            values[place] = next_number(&mut fields);
        }
    }
    values
}
