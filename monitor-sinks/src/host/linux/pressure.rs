//! How long work waited for processors, memory and disks, from `proc/pressure`.
//!
//! `some` is the time in which at least one task waited, `full` that in which all did. Kernels before 4.20, and those
//! that have it switched off, do not have the files.

use std::io;

use super::{
    file::KernelFile,
    parse::{fields, lines, number},
};
use crate::host::{
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

const RESOURCES: [&str; 4] = ["cpu", "memory", "io", "irq"];
const SCOPES: [&str; 2] = ["some", "full"];

#[derive(Debug)]
pub(super) struct Pressure {
    resources: [Resource; RESOURCES.len()],
}

#[derive(Debug)]
struct Resource {
    name: &'static str,
    file: KernelFile,
    slots: [Option<Slot>; SCOPES.len()],
}

impl Pressure {
    pub(super) fn new(settings: &HostSampling) -> Self {
        let resource = |name| Resource {
            name,
            file: KernelFile::new(settings.path("proc/pressure").join(name)),
            slots: [None; SCOPES.len()],
        };
        Self { resources: RESOURCES.map(resource) }
    }
}

impl Reader for Pressure {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        for Resource { name, file, slots } in &mut self.resources {
            let Some(bytes) = file.read(&mut turn.buffer)? else { continue };
            for (place, micros) in parse(bytes) {
                let slot = *slots[place].get_or_insert_with(|| {
                    let labels = [("resource", *name), ("scope", SCOPES[place])];
                    out.counter("system_pressure_waiting_seconds_total", "seconds", Scale::Per(1e6), &labels)
                });
                out.read(slot, micros);
            }
        }
        Ok(())
    }
}

/// Scopes, by their place, with the microseconds that were waited.
fn parse(bytes: &[u8]) -> impl Iterator<Item = (usize, u64)> {
    lines(bytes).filter_map(|line| {
        let mut fields = fields(line);
        let scope = fields.next()?;
        let place = SCOPES.iter().position(|known| known.as_bytes() == scope)?;
        let total = fields.find_map(|field| field.strip_prefix(b"total="))?;
        Some((place, number(total)?))
    })
}
