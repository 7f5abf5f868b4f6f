//! No bytes in any file make a reader panic.

use std::{fs, path::PathBuf, time::Duration};

use super::{Machine, V2, process, write};
use crate::{
    host::{linux, record::Record, settings::HostSampling},
    random::Random,
};

impl Random {
    /// Bytes of no sense, of the kind that the parsers look for.
    fn bytes(&mut self) -> Vec<u8> {
        const LIKELY: &[u8] = b"0123456789 \t\n:=()-.,/\\cpuTtal_\x00\xff";
        (0..self.below(400)).map(|_| LIKELY[self.below(LIKELY.len())]).collect()
    }

    /// `bytes` with a few mistakes: a byte changed, a part cut out, repeated, or replaced by a huge number.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + self.below(20)).min(bytes.len());
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = self.next() as u8,
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, bytes[at..end].to_vec()).count()),
                3 => drop(bytes.splice(at..end, b"99999999999999999999".iter().copied()).count()),
                _ => bytes.truncate(at),
            }
        }
        bytes
    }
}

/// The files that the readers of the live machine read, with what they hold.
fn live_files() -> Vec<(String, Vec<u8>)> {
    let names = [
        "stat",
        "loadavg",
        "meminfo",
        "diskstats",
        "net/dev",
        "net/sockstat",
        "net/sockstat6",
        "net/snmp",
        "net/netstat",
        "pressure/cpu",
        "pressure/memory",
        "pressure/io",
        "vmstat",
        "sys/fs/file-nr",
        "self/stat",
        "self/status",
        "self/io",
        "self/cgroup",
        "self/mountinfo",
        "uptime",
    ];
    let read = |name: &str| (format!("proc/{name}"), fs::read(PathBuf::from("/proc").join(name)).unwrap_or_default());
    let mut files: Vec<_> = names.into_iter().map(read).collect();
    let group = "sys/fs/cgroup";
    let made: [(&str, &[u8]); 13] = [
        ("cgroup.type", b"domain\n"),
        ("cpu.max", b"150000 100000\n"),
        ("cpu.stat", b"usage_usec 5000000\nnr_periods 10\nnr_throttled 2\nthrottled_usec 500000\n"),
        ("memory.max", b"1073741824\n"),
        ("memory.current", b"400000\n"),
        ("memory.stat", b"anon 1\ninactive_file 150000\n"),
        ("memory.events", b"low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n"),
        ("pids.current", b"7\n"),
        ("pids.max", b"max\n"),
        ("io.stat", b"254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"),
        ("cpu.cfs_quota_us", b"-1\n"),
        ("cpuacct.usage", b"1000\n"),
        ("memory.oom_control", b"oom_kill_disable 0\noom_kill 3\n"),
    ];
    files.extend(made.map(|(name, bytes)| (format!("{group}/{name}"), bytes.to_vec())));
    for pid in 1..4 {
        let line = process(pid, "a) (b", 0, 100, 5, 7);
        files.push((format!("proc/{pid}/stat"), line.clone().into_bytes()));
        files.push((format!("proc/self/task/{pid}/stat"), line.into_bytes()));
    }
    files.push((String::from("sys/class/net/eth0/operstate"), b"up\n".to_vec()));
    files.push((String::from("sys/class/net/eth0/speed"), b"1000\n".to_vec()));
    files
}

#[test]
fn no_bytes_in_any_file_make_a_reader_panic() {
    let rounds: u64 = std::env::var("MONITORED_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let files = live_files();
    // Mounts of the machine are not asked: a mutated path may lead anywhere.
    let names: Vec<(&str, &str)> = vec![("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", V2)];
    let mut machine = Machine::with(&names, |settings| settings.include_mounts(["/no such mount"]));
    for (path, bytes) in &files {
        write(&machine.tree, path, bytes);
    }
    for round in 0..rounds {
        for _ in 0..=random.below(3) {
            let (path, bytes) = &files[random.below(files.len())];
            let bytes = if random.below(4) == 0 { random.bytes() } else { random.mutate(bytes) };
            write(&machine.tree, path, &bytes);
        }
        machine.read(round, None);
        if round % 50 == 0 {
            machine.record.delivered();
        }
        if round % 50 == 0 {
            assert!(machine.values().values().all(|value| value.is_finite()));
        }
        if round % 500 == 0 {
            // Names that never existed have made series; a new machine begins without them.
            machine.record = Record::default();
            let settings =
                HostSampling::every(Duration::from_secs(1)).root(machine.tree.path()).include_mounts(["/no"]);
            machine.readers = linux::basic(&settings);
            machine.readers.extend(linux::slow(&settings, &machine.top).into_iter().flatten());
        }
    }
}
