//! The processes that use the most CPU and memory, as exact lists and as series of bounded number.
//!
//! A series per process would grow the store with every process that ever came to the top. So the series are by command
//! name, over all processes of that name, and there are never more than a fixed number of them; the rest goes under the
//! name `other`. The exact list of the newest scan is kept in memory.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::record::{Record, Slot};

/// Command names that get a series of their own.
const MOST_COMMANDS: usize = 64;

/// One process of a list.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TopProcess {
    /// Its number.
    pub pid: u32,
    /// Its command name, as the system shortens it.
    pub command: String,
    /// CPU time over the time since the scan before, in cores: 1 is one core. `None` if it was not there at that scan.
    pub cpu_ratio: Option<f64>,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Resident memory over the memory of the machine, 0 to 1.
    pub memory_ratio: f64,
}

/// The greatest users of the newest scan, greatest first.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TopProcesses {
    /// By CPU; empty at the first scan.
    pub by_cpu: Vec<TopProcess>,
    /// By resident memory.
    pub by_memory: Vec<TopProcess>,
}

/// Where the scan leaves the lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<TopProcesses>>);

impl Shared {
    pub(super) fn get(&self) -> TopProcesses {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, lists: TopProcesses) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lists;
    }
}

/// The processes that a scan found. Its room is used again by the next one.
#[derive(Debug, Default)]
pub(super) struct Scan {
    rows: Vec<Row>,
    /// The command names, one after the other.
    names: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    pid: u32,
    /// Where the command name begins, and how long it is.
    name: (usize, usize),
    cpu_ratio: Option<f64>,
    memory_bytes: u64,
}

impl Scan {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.names.clear();
    }

    pub(super) fn add(&mut self, pid: u32, command: &[u8], cpu_ratio: Option<f64>, memory_bytes: u64) {
        let name = (self.names.len(), command.len());
        self.names.extend_from_slice(command);
        self.rows.push(Row { pid, name, cpu_ratio, memory_bytes });
    }

    /// The `most` greatest users of CPU and of memory, on a machine with `total_bytes` of memory.
    pub(super) fn top(&mut self, most: usize, total_bytes: u64) -> TopProcesses {
        let list = |rows: &[Row], names: &[u8]| {
            let process = |row: &Row| TopProcess {
                pid: row.pid,
                command: row.command(names).into_owned(),
                cpu_ratio: row.cpu_ratio,
                memory_bytes: row.memory_bytes,
                memory_ratio: if total_bytes == 0 { 0.0 } else { row.memory_bytes as f64 / total_bytes as f64 },
            };
            rows.iter().map(process).collect::<Vec<_>>()
        };
        // By number where they use the same, so that the order does not change by itself.
        let by_cpu = |a: &Row, b: &Row| b.cpu().total_cmp(&a.cpu()).then(a.pid.cmp(&b.pid));
        let by_memory = |a: &Row, b: &Row| b.memory_bytes.cmp(&a.memory_bytes).then(a.pid.cmp(&b.pid));
        let by_cpu = list(greatest(&mut self.rows, most, by_cpu), &self.names);
        let by_memory = list(greatest(&mut self.rows, most, by_memory), &self.names);
        TopProcesses { by_cpu: by_cpu.into_iter().filter(|process| process.cpu_ratio.is_some()).collect(), by_memory }
    }
}

impl Row {
    fn cpu(&self) -> f64 {
        self.cpu_ratio.unwrap_or(-1.0)
    }

    fn command<'a>(&self, names: &'a [u8]) -> Cow<'a, str> {
        String::from_utf8_lossy(names.get(self.name.0..self.name.0 + self.name.1).unwrap_or_default())
    }
}

/// The first `most` rows in the order of `compare`, without sorting the others.
fn greatest(rows: &mut [Row], most: usize, compare: impl Fn(&Row, &Row) -> Ordering) -> &[Row] {
    if most == 0 {
        return &[];
    }
    if most < rows.len() {
        rows.select_nth_unstable_by(most - 1, &compare);
    }
    let end = most.min(rows.len());
    let first = &mut rows[..end];
    first.sort_unstable_by(compare);
    first
}

/// What the processes of one command name use together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Usage {
    processes: u32,
    cpu_ratio: Option<f64>,
    memory_bytes: u64,
}

impl Usage {
    fn add(&mut self, row: &Row) {
        self.processes += 1;
        if let Some(ratio) = row.cpu_ratio {
            *self.cpu_ratio.get_or_insert(0.0) += ratio;
        }
        self.memory_bytes = self.memory_bytes.saturating_add(row.memory_bytes);
    }
}

/// The series of commands that have been at the top.
#[derive(Debug, Default)]
pub(super) struct Commands {
    known: HashMap<String, Command>,
    other: Option<Command>,
}

#[derive(Debug)]
struct Command {
    cpu: Slot,
    memory: Slot,
    usage: Usage,
    is_running: bool,
}

impl Command {
    fn new(name: &str, out: &mut Record) -> Self {
        let labels = [("command", name)];
        Self {
            cpu: out.gauge("system_process_cpu_utilization_ratio", "", &labels),
            memory: out.gauge("system_process_memory_usage_bytes", "bytes", &labels),
            usage: Usage::default(),
            is_running: false,
        }
    }

    /// Writes what was summed up. A command that is gone reads 0 once, then nothing.
    fn write(&mut self, out: &mut Record) {
        let usage = std::mem::take(&mut self.usage);
        let was_running = std::mem::replace(&mut self.is_running, usage.processes > 0);
        if usage.processes == 0 && !was_running {
            out.retire(self.cpu);
            out.retire(self.memory);
            return;
        }
        let ended = (usage.processes == 0).then_some(0.0);
        if let Some(ratio) = usage.cpu_ratio.or(ended) {
            out.set(self.cpu, ratio);
        }
        out.set(self.memory, usage.memory_bytes as f64);
    }
}

impl Commands {
    /// Sums up what each command uses that is or was at the top, and writes it.
    pub(super) fn take(&mut self, scan: &Scan, top: &TopProcesses, out: &mut Record) {
        for process in top.by_cpu.iter().chain(&top.by_memory) {
            if !self.known.contains_key(&process.command) && self.known.len() < MOST_COMMANDS {
                self.known.insert(process.command.clone(), Command::new(&process.command, out));
            }
        }
        if self.known.len() == MOST_COMMANDS && self.other.is_none() {
            self.other = Some(Command::new("other", out));
        }
        for row in &scan.rows {
            match self.known.get_mut(&*row.command(&scan.names)) {
                Some(command) => command.usage.add(row),
                None => self.other.iter_mut().for_each(|other| other.usage.add(row)),
            }
        }
        for command in self.known.values_mut().chain(&mut self.other) {
            command.write(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use monitor_core::Value;

    use super::*;

    fn values(out: &Record) -> BTreeMap<(String, String), f64> {
        let value = |value| match value {
            Value::Gauge(value) => value,
            _ => panic!("no gauge"),
        };
        let short = |name: &str| name.trim_start_matches("system_process_").to_owned();
        out.samples()
            .filter(|sample| sample.changed)
            .map(|sample| ((short(&sample.key.name), sample.key.labels[0].1.clone()), value(sample.value)))
            .collect()
    }

    fn at<'a>(values: &'a BTreeMap<(String, String), f64>, name: &str, command: &str) -> Option<&'a f64> {
        values.get(&(name.to_owned(), command.to_owned()))
    }

    #[test]
    fn lists_are_ordered_and_no_longer_than_asked_for() {
        let mut scan = Scan::default();
        for (pid, cpu, memory) in [(1, 0.1, 500), (2, 0.7, 100), (3, 0.3, 900), (4, 0.3, 10)] {
            scan.add(pid, b"worker", Some(cpu), memory);
        }
        let top = scan.top(3, 1_000);
        assert_eq!(top.by_cpu.iter().map(|process| process.pid).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(top.by_memory.iter().map(|process| process.pid).collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!(top.by_memory.first().map(|process| process.memory_ratio), Some(0.9));
        assert!(scan.top(0, 1_000).by_memory.is_empty());
        assert_eq!(scan.top(50, 0).by_memory.len(), 4);
    }

    #[test]
    fn a_command_is_summed_over_its_processes_and_reads_zero_once_when_gone() {
        let (mut scan, mut commands, mut out) = (Scan::default(), Commands::default(), Record::default());
        for pid in 1..=3 {
            scan.add(pid, b"server", Some(0.25), 100);
        }
        scan.add(9, b"idle", Some(0.0), 1);
        let top = scan.top(1, 1_000);
        commands.take(&scan, &top, &mut out);
        let first = values(&out);
        assert_eq!(at(&first, "cpu_utilization_ratio", "server"), Some(&0.75));
        assert_eq!(at(&first, "memory_usage_bytes", "server"), Some(&300.0));
        assert_eq!(at(&first, "memory_usage_bytes", "idle"), None);
        out.delivered();
        scan.clear();
        commands.take(&scan, &TopProcesses::default(), &mut out);
        assert_eq!(at(&values(&out), "cpu_utilization_ratio", "server"), Some(&0.0));
        out.delivered();
        commands.take(&scan, &TopProcesses::default(), &mut out);
        assert!(values(&out).is_empty());
    }

    #[test]
    fn commands_beyond_the_limit_go_under_other() {
        let (mut scan, mut commands, mut out) = (Scan::default(), Commands::default(), Record::default());
        for pid in 0..200_u32 {
            scan.clear();
            scan.add(pid, format!("command{pid}").as_bytes(), Some(1.0), 10);
            let top = scan.top(1, 1_000);
            commands.take(&scan, &top, &mut out);
        }
        let series = out.samples().map(|sample| sample.index).max().unwrap() + 1;
        assert_eq!(series, 2 * (MOST_COMMANDS + 1));
        assert_eq!(at(&values(&out), "memory_usage_bytes", "other"), Some(&10.0));
    }
}
