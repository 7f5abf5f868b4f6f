//! What the network protocols lost or had to repeat, from `proc/net/snmp` and `proc/net/netstat`.
//!
//! Both files hold pairs of lines: names, then numbers in the same order. Kernels differ in what they name.

use std::io;

use super::{
    file::KernelFile,
    network::folder,
    parse::{fields, lines, number, split_at},
};
use crate::host::{
    record::{Record, Scale, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

/// Protocol, name in the file, name here, label.
type Count = (&'static [u8], &'static [u8], &'static str, Option<(&'static str, &'static str)>);

const COUNTS: [Count; 16] = [
    (b"Tcp", b"ActiveOpens", "system_tcp_opens_total", Some(("type", "active"))),
    (b"Tcp", b"PassiveOpens", "system_tcp_opens_total", Some(("type", "passive"))),
    (b"Tcp", b"AttemptFails", "system_tcp_failed_attempts_total", None),
    (b"Tcp", b"EstabResets", "system_tcp_resets_total", Some(("type", "established"))),
    (b"Tcp", b"OutRsts", "system_tcp_resets_total", Some(("type", "sent"))),
    (b"Tcp", b"InSegs", "system_tcp_segments_total", Some(("direction", "receive"))),
    (b"Tcp", b"OutSegs", "system_tcp_segments_total", Some(("direction", "transmit"))),
    (b"Tcp", b"RetransSegs", "system_tcp_retransmits_total", None),
    (b"Tcp", b"InErrs", "system_tcp_errors_total", None),
    (b"TcpExt", b"ListenOverflows", "system_tcp_listen_overflows_total", None),
    (b"TcpExt", b"ListenDrops", "system_tcp_listen_drops_total", None),
    (b"TcpExt", b"TCPTimeouts", "system_tcp_timeouts_total", None),
    (b"Udp", b"InErrors", "system_udp_errors_total", Some(("type", "receive"))),
    (b"Udp", b"NoPorts", "system_udp_errors_total", Some(("type", "no_port"))),
    (b"Udp", b"RcvbufErrors", "system_udp_buffer_errors_total", Some(("direction", "receive"))),
    (b"Udp", b"SndbufErrors", "system_udp_buffer_errors_total", Some(("direction", "transmit"))),
];

#[derive(Debug)]
pub(super) struct Protocol {
    files: [KernelFile; 2],
    slots: [Option<Slot>; COUNTS.len()],
    established: Option<Slot>,
}

impl Protocol {
    pub(super) fn new(settings: &HostSampling) -> Self {
        let file = |name| KernelFile::new(folder(settings).join(name));
        Self { files: ["snmp", "netstat"].map(file), slots: [None; COUNTS.len()], established: None }
    }
}

impl Reader for Protocol {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        for file in &mut self.files {
            let Some(bytes) = file.read(&mut turn.buffer)? else { continue };
            each(bytes, |protocol, name, value| {
                if protocol == b"Tcp" && name == b"CurrEstab" {
                    let slot = self.established.get_or_insert_with(|| out.gauge("system_tcp_established", "", &[]));
                    out.set(*slot, value as f64);
                } else if let Some(place) = COUNTS.iter().position(|count| count.1 == name && count.0 == protocol) {
                    let (_, _, name, label) = COUNTS[place];
                    let slot =
                        self.slots[place].get_or_insert_with(|| out.counter(name, "", Scale::Whole, label.as_slice()));
                    out.read(*slot, value);
                }
            });
        }
        Ok(())
    }
}

/// Every number of the file with its protocol and name. Negative ones, which stand for "no limit", are left out.
fn each(bytes: &[u8], mut take: impl FnMut(&[u8], &[u8], u64)) {
    let mut heading = None;
    for line in lines(bytes) {
        let Some((protocol, rest)) = split_at(line, b':') else { continue };
        match heading.take() {
            Some((earlier, names)) if earlier == protocol => {
                for (name, value) in fields(names).zip(fields(rest)) {
                    if let Some(value) = number(value) {
                        take(protocol, name, value);
                    }
                }
            }
            _ => heading = Some((protocol, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_paired_by_protocol() {
        let text = b"Tcp: A B MaxConn\nTcp: 1 2 -1\nUdp: C\nIp: D E\nIp: 3 4 5\nUdp: 9\n";
        let mut found = Vec::new();
        each(text, |protocol, name, value| found.push((protocol.to_vec(), name.to_vec(), value)));
        let wanted = [("Tcp", "A", 1), ("Tcp", "B", 2), ("Ip", "D", 3), ("Ip", "E", 4)];
        assert_eq!(found, wanted.map(|(protocol, name, value)| (protocol.into(), name.into(), value)));
    }
}
