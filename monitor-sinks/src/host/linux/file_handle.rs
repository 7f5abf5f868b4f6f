//! File handles of the whole system, from `proc/sys/fs/file-nr`.

use std::io;

use super::{
    file::KernelFile,
    parse::{fields, malformed, number},
};
use crate::host::{
    record::{Record, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

#[derive(Debug)]
pub(super) struct FileHandle {
    file: KernelFile,
    slots: Option<[Slot; 2]>,
}

impl FileHandle {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self { file: KernelFile::new(settings.path("proc/sys/fs/file-nr")), slots: None }
    }
}

impl Reader for FileHandle {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let Some(bytes) = self.file.read(&mut turn.buffer)? else { return Ok(()) };
        let values = parse(bytes).ok_or_else(|| malformed("proc/sys/fs/file-nr has not three numbers"))?;
        let names = ["system_file_handles_allocated", "system_file_handles_maximum"];
        let slots = self.slots.get_or_insert_with(|| names.map(|name| out.gauge(name, "", &[])));
        for (slot, value) in slots.iter().zip(values) {
            out.set(*slot, value as f64);
        }
        Ok(())
    }
}

/// Allocated and maximum; between them stands what is free, which is always 0.
fn parse(bytes: &[u8]) -> Option<[u64; 2]> {
    let mut numbers = fields(bytes.trim_ascii()).map(number);
    let (allocated, _, maximum) = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some([allocated, maximum])
}
