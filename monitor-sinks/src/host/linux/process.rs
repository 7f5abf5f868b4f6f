//! All processes: how many there are, and which use the most CPU and memory.
//!
//! One line of `proc/PID/stat` a process, from descriptors that are kept open, because opening costs as much as reading.
//! They are few against what the program may open: at most a quarter of its limit, which is never raised; beyond that,
//! files are opened and closed. If the program itself runs out of descriptors, all of ours are given back at once.
//! A process is the same as before only if it started at the same time, because numbers are used again. Threads of the
//! kernel count as processes but come into no list.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::PathBuf,
    time::Instant,
};

use rustix::{
    fs::{Mode, OFlags, RawDir, SeekFrom, openat, seek},
    io::Errno,
    process::{Resource, getrlimit},
};

use super::{file::KernelFile, memory::total_bytes, stat::Stat};
use crate::host::{
    record::{Record, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
    top::{Commands, Scan, Shared},
};

/// Descriptors that are kept at most, however many the program may open.
const MOST_KEPT: usize = 4096;

/// Room for the line of one process; a name has at most 64 bytes and a line some fifty numbers.
const LINE: usize = 1536;

/// Room for the entries of the folder that one call lists.
const LISTED: usize = 16 * 1024;

/// Reads the processes.
pub(super) struct Process {
    folder_path: PathBuf,
    folder: Option<File>,
    memory: KernelFile,
    known: HashMap<u32, Known>,
    /// Descriptors that may be kept, and that are.
    may_keep: usize,
    kept: usize,
    scan: u64,
    last: Option<Instant>,
    /// The newest start of a process, as of the scan before and of this one.
    newest: [u64; 2],
    clock: Clock,
    found: Scan,
    commands: Commands,
    top: usize,
    shared: Shared,
    slots: Option<Slots>,
}

struct Slots {
    count: Slot,
    kernel_threads: Slot,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    ticks_per_second: f64,
    page_size: u64,
}

/// A process as of the scan before.
struct Known {
    file: Option<File>,
    start: u64,
    ticks: u64,
    scan: u64,
}

impl Process {
    pub(super) fn new(settings: &HostSampling, shared: &Shared) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self {
            folder_path: settings.path("proc"),
            folder: None,
            memory: KernelFile::new(settings.path("proc/meminfo")),
            known: HashMap::new(),
            may_keep: usize::try_from(limit / 4).unwrap_or(MOST_KEPT).min(MOST_KEPT),
            kept: 0,
            scan: 0,
            last: None,
            newest: [0; 2],
            clock: Clock {
                ticks_per_second: rustix::param::clock_ticks_per_second().max(1) as f64,
                page_size: rustix::param::page_size() as u64,
            },
            found: Scan::default(),
            commands: Commands::default(),
            top: settings.top,
            shared: shared.clone(),
            slots: None,
        }
    }

    /// Reads every process that is there. Returns how many there are, how many of them are threads of the kernel, and
    /// how many could not be read for want of a descriptor.
    fn scan(&mut self, now: Instant) -> io::Result<Counts> {
        let elapsed = self.last.replace(now).map(|last| now.saturating_duration_since(last).as_secs_f64());
        self.scan += 1;
        self.newest[0] = self.newest[1];
        self.found.clear();
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => File::open(&self.folder_path)?,
        };
        seek(&folder, SeekFrom::Start(0))?;
        let mut counts = Counts::default();
        let mut room = [MaybeUninit::uninit(); LISTED];
        let mut entries = RawDir::new(&folder, &mut room);
        while let Some(entry) = entries.next() {
            let Some(pid) = pid(entry?.file_name().to_bytes()) else { continue };
            counts.processes += 1;
            self.read_one(&folder, pid, elapsed, &mut counts);
        }
        self.folder = Some(folder);
        let (scan, kept) = (self.scan, &mut self.kept);
        self.known.retain(|_, known| {
            let stays = known.scan == scan;
            *kept -= usize::from(!stays && known.file.is_some());
            stays
        });
        Ok(counts)
    }

    /// Reads one process. One that has ended since it was listed is passed over.
    fn read_one(&mut self, folder: &File, pid: u32, elapsed: Option<f64>, counts: &mut Counts) {
        let mut line = [0; LINE];
        let length = match self.read_line(folder, pid, &mut line) {
            Ok(length) => length,
            Err(error) => {
                counts.unread += u64::from(is_exhausted(&error));
                return;
            }
        };
        let Some(stat) = Stat::parse(&line[..length]) else { return };
        counts.kernel_threads += u64::from(stat.is_kernel_thread);
        let Some(known) = self.known.get_mut(&pid) else { return };
        // One that is new has used all of its time since the scan before; one that is merely new to us has not.
        let is_new = stat.start >= self.newest[0];
        let before = if known.start == stat.start && known.scan != 0 { Some(known.ticks) } else { is_new.then_some(0) };
        self.newest[1] = self.newest[1].max(stat.start);
        (known.start, known.ticks, known.scan) = (stat.start, stat.ticks(), self.scan);
        if stat.is_kernel_thread {
            return;
        }
        let cpu_ratio = self.clock.ratio(before, stat.ticks(), elapsed);
        self.found.add(pid, stat.command, cpu_ratio, stat.resident.saturating_mul(self.clock.page_size));
    }

    /// The line of a process, from its kept descriptor or from a new one.
    fn read_line(&mut self, folder: &File, pid: u32, line: &mut [u8]) -> io::Result<usize> {
        let known = self.known.entry(pid).or_insert(Known { file: None, start: 0, ticks: 0, scan: 0 });
        if let Some(file) = &known.file {
            // A descriptor whose process has ended reads nothing more; the number may belong to another one by now.
            match file.read_at(line, 0) {
                Ok(length) if length > 0 => return Ok(length),
                _ => {
                    known.file = None;
                    self.kept -= 1;
                }
            }
        }
        let file = match open(folder, pid) {
            Err(error) if is_exhausted(&error) && self.kept > 0 => {
                self.give_back();
                open(folder, pid)
            }
            opened => opened,
        }?;
        let length = file.read_at(line, 0)?;
        if self.kept < self.may_keep
            && let Some(known) = self.known.get_mut(&pid)
        {
            known.file = Some(file);
            self.kept += 1;
        }
        Ok(length)
    }

    /// Gives all kept descriptors back to a program that has none left, and keeps fewer from now on.
    fn give_back(&mut self) {
        self.known.values_mut().for_each(|known| known.file = None);
        self.may_keep = self.kept / 2;
        self.kept = 0;
    }
}

impl Reader for Process {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let counts = self.scan(turn.now)?;
        let slots = self.slots.get_or_insert_with(|| Slots {
            count: out.gauge("system_processes_count", "", &[]),
            kernel_threads: out.gauge("system_kernel_threads_count", "", &[]),
        });
        out.set(slots.count, counts.processes as f64);
        out.set(slots.kernel_threads, counts.kernel_threads as f64);
        let total = total_bytes(self.memory.read(&mut turn.buffer)?.unwrap_or_default()).unwrap_or(0);
        self.shared.set(self.found.top(self.top, total));
        self.commands.take(&self.found, &self.shared.get(), out);
        if counts.unread > 0 {
            let message = format!("{} processes left out: the program has no file descriptor left", counts.unread);
            return Err(io::Error::other(message));
        }
        Ok(())
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    processes: u64,
    kernel_threads: u64,
    unread: u64,
}

impl Clock {
    /// CPU time over elapsed time, in cores.
    fn ratio(self, before: Option<u64>, ticks: u64, elapsed: Option<f64>) -> Option<f64> {
        let elapsed = elapsed.filter(|elapsed| *elapsed > 0.0)?;
        let used = ticks.saturating_sub(before?);
        Some(used as f64 / self.ticks_per_second / elapsed)
    }
}

/// The number that the name of an entry of the folder is, if it is a process.
fn pid(name: &[u8]) -> Option<u32> {
    super::parse::number(name).and_then(|pid| u32::try_from(pid).ok())
}

/// Opens `PID/stat` in the folder of processes, without allocating.
fn open(folder: &File, pid: u32) -> io::Result<File> {
    let mut path = [0; 24];
    write!(&mut path[..], "{pid}/stat")?;
    let length = path.iter().position(|byte| *byte == 0).unwrap_or(0);
    let path = std::ffi::CStr::from_bytes_until_nul(&path[..=length]).map_err(io::Error::other)?;
    let opened: OwnedFd = openat(folder, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(File::from(opened))
}

fn is_exhausted(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::MFILE | Errno::NFILE))
}
