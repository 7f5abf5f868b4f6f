//! Load averages, from `proc/loadavg`.

use std::io;

use super::{
    file::KernelFile,
    parse::{decimal, fields, malformed},
};
use crate::host::{
    record::{Record, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

const NAMES: [&str; 3] = ["system_load_average_1m", "system_load_average_5m", "system_load_average_15m"];

#[derive(Debug)]
pub(super) struct Load {
    file: KernelFile,
    slots: Option<[Slot; 3]>,
}

impl Load {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self { file: KernelFile::new(settings.path("proc/loadavg")), slots: None }
    }
}

impl Reader for Load {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let loads =
            parse(self.file.read_needed(&mut turn.buffer)?).ok_or_else(|| malformed("no load averages in it"))?;
        let slots = self.slots.get_or_insert_with(|| NAMES.map(|name| out.gauge(name, "", &[])));
        for (slot, load) in slots.iter().zip(loads) {
            out.set(*slot, load);
        }
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Option<[f64; 3]> {
    let mut fields = fields(bytes).map(decimal);
    Some([fields.next()??, fields.next()??, fields.next()??])
}
