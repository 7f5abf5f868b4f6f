//! Sockets in use, from `proc/net/sockstat` and `sockstat6`.
//!
//! `system_network_connections` counts sockets as the tables of connections would list them, those that only wait for late
//! packets (`time_wait`) included, for a thousandth of what reading the tables costs.

use std::io;

use super::{
    file::KernelFile,
    network::folder,
    parse::{fields, lines, number, split_at},
};
use crate::host::{
    record::{Record, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

/// Lines of the files and the protocols that they stand for.
const PROTOCOLS: [(&[u8], &str); 6] =
    [(b"TCP", "tcp"), (b"TCP6", "tcp6"), (b"UDP", "udp"), (b"UDP6", "udp6"), (b"RAW", "raw"), (b"RAW6", "raw6")];

/// The size of the pages that the kernel counts socket memory in.
fn page_size() -> f64 {
    rustix::param::page_size() as f64
}

#[derive(Debug)]
pub(super) struct Socket {
    files: [KernelFile; 2],
    in_use: [Option<Slot>; PROTOCOLS.len()],
    memory: [Option<Slot>; PROTOCOLS.len()],
    time_wait: Option<Slot>,
    orphan: Option<Slot>,
    used: Option<Slot>,
}

impl Socket {
    pub(super) fn new(settings: &HostSampling) -> Self {
        let file = |name| KernelFile::new(folder(settings).join(name));
        Self {
            files: ["sockstat", "sockstat6"].map(file),
            in_use: [None; PROTOCOLS.len()],
            memory: [None; PROTOCOLS.len()],
            time_wait: None,
            orphan: None,
            used: None,
        }
    }

    fn set(&mut self, group: &[u8], name: &[u8], value: u64, out: &mut Record) {
        let protocol = PROTOCOLS.iter().position(|(known, _)| *known == group);
        let connections = |protocol, state, out: &mut Record| {
            out.gauge("system_network_connections", "", &[("protocol", protocol), ("state", state)])
        };
        let (slot, value) = match (protocol, name) {
            (Some(place), b"inuse") => {
                let make = || connections(PROTOCOLS[place].1, "in_use", out);
                (*self.in_use[place].get_or_insert_with(make), value as f64)
            }
            (Some(place), b"mem") => {
                let make = || {
                    let labels = [("protocol", PROTOCOLS[place].1)];
                    out.gauge("system_socket_memory_bytes", "bytes", &labels)
                };
                (*self.memory[place].get_or_insert_with(make), value as f64 * page_size())
            }
            (Some(_), b"tw") => {
                (*self.time_wait.get_or_insert_with(|| connections("tcp", "time_wait", out)), value as f64)
            }
            (Some(_), b"orphan") => {
                (*self.orphan.get_or_insert_with(|| out.gauge("system_tcp_orphans", "", &[])), value as f64)
            }
            (None, b"used") => {
                (*self.used.get_or_insert_with(|| out.gauge("system_sockets_used", "", &[])), value as f64)
            }
            _ => return,
        };
        out.set(slot, value);
    }
}

impl Reader for Socket {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        for place in 0..self.files.len() {
            let Some(bytes) = self.files[place].read(&mut turn.buffer)? else { continue };
            each(bytes, |group, name, value| self.set(group, name, value, out));
        }
        Ok(())
    }
}

/// Every pair of name and number of the file, with the word that its line begins with.
fn each(bytes: &[u8], mut take: impl FnMut(&[u8], &[u8], u64)) {
    for line in lines(bytes) {
        let Some((group, rest)) = split_at(line, b':') else { continue };
        let mut fields = fields(rest);
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            if let Some(value) = number(value) {
                take(group, name, value);
            }
        }
    }
}
