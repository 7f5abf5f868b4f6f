//! Machines made of files: what the readers say of them.

mod fuzz;

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs, io,
    time::{Duration, Instant},
};

use monitor_core::Value;
use tempfile::TempDir;

use crate::host::{
    family::Family,
    record::Record,
    settings::HostSampling,
    task::{Reader, Turn},
    top::{Shared, TopProcesses},
};

/// A machine whose files are in a folder, with the readers of all families.
struct Machine {
    tree: TempDir,
    readers: Vec<(Family, Box<dyn Reader>)>,
    record: Record,
    turn: Turn,
    start: Instant,
    top: Shared,
}

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        Self::with(files, |settings| settings)
    }

    fn with(files: &[(&str, &str)], set: impl FnOnce(HostSampling) -> HostSampling) -> Self {
        let tree = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(&tree, path, text.as_bytes());
        }
        let settings = set(HostSampling::every(Duration::from_secs(1)).root(tree.path()));
        let (top, start) = (Shared::default(), Instant::now());
        let mut readers = super::basic(&settings);
        readers.extend(super::slow(&settings, &top).into_iter().flatten());
        Self { tree, readers, record: Record::default(), turn: Turn::new(start), start, top }
    }

    fn write(&self, path: &str, text: &str) {
        write(&self.tree, path, text.as_bytes());
    }

    /// Reads all families, or one, `at` seconds after the start.
    fn read(&mut self, at: u64, family: Option<Family>) -> Vec<(Family, io::Result<()>)> {
        self.turn.now = self.start + Duration::from_secs(at);
        let chosen = self.readers.iter_mut().filter(|(known, _)| family.is_none_or(|family| family == *known));
        chosen.map(|(family, reader)| (*family, reader.read(&mut self.turn, &mut self.record))).collect()
    }

    /// Reads one family, which must succeed.
    fn sample(&mut self, family: Family, at: u64) {
        self.read(at, Some(family)).into_iter().for_each(|(_, result)| result.unwrap());
    }

    /// Every value by name and label values, such as `system_disk_io_bytes_total sda read`.
    fn values(&self) -> BTreeMap<String, f64> {
        let samples = self.record.samples().map(|sample| {
            let mut name = sample.key.name.clone();
            sample.key.labels.iter().for_each(|label| write!(name, " {}", label.1).unwrap());
            match sample.value {
                Value::Counter { total, .. } => (name, total.as_f64()),
                Value::Gauge(value) => (name, value),
                _ => panic!("a distribution"),
            }
        });
        samples.collect()
    }

    fn value(&self, name: &str) -> Option<f64> {
        self.values().get(name).copied()
    }

    fn top(&self) -> TopProcesses {
        self.top.get()
    }
}

fn write(tree: &TempDir, path: &str, bytes: &[u8]) {
    let path = tree.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The text of `proc/stat` for processors that have each used so many ticks in user mode and idle.
fn stat(cpus: &[(u32, u64, u64)]) -> String {
    let (user, idle) = cpus.iter().fold((0, 0), |sum, cpu| (sum.0 + cpu.1, sum.1 + cpu.2));
    let mut text = format!("cpu  {user} 0 0 {idle} 0 0 0 0 0 0\n");
    for (number, user, idle) in cpus {
        writeln!(text, "cpu{number} {user} 0 0 {idle} 0 0 0 0 0 0").unwrap();
    }
    text + "intr 500 1 2 3\nctxt 900\nbtime 1795407574\nprocesses 70\nprocs_running 3\nprocs_blocked 1\n"
}

fn process(pid: u32, name: &str, flags: u64, ticks: u64, start: u64, pages: u64) -> String {
    format!(
        "{pid} ({name}) S 1 {pid} {pid} 0 -1 {flags} 9 0 1 0 {ticks} 0 0 0 20 0 1 0 {start} 4096000 {pages} 18446744\n"
    )
}

#[test]
fn a_machine_with_one_processor() {
    let mut machine = Machine::new(&[("proc/stat", &stat(&[(0, 1_000, 9_000)]))]);
    machine.sample(Family::Cpu, 0);
    assert_eq!(machine.value("system_cpu_total_utilization_ratio"), None);
    assert_eq!(machine.value("system_cpu_time_seconds_total 0 user"), Some(0.0));
    assert_eq!(machine.value("system_processes_running"), Some(3.0));
    machine.write("proc/stat", &stat(&[(0, 1_025, 9_075)]));
    machine.sample(Family::Cpu, 1);
    assert_eq!(machine.value("system_cpu_total_utilization_ratio"), Some(0.25));
    assert_eq!(machine.value("system_cpu_utilization_ratio 0"), Some(0.25));
    assert_eq!(machine.value("system_cpu_time_seconds_total 0 user"), Some(0.25));
    assert_eq!(machine.value("system_cpu_time_seconds_total 0 idle"), Some(0.75));
    assert_eq!(machine.value("system_cpu_logical_count"), Some(1.0));
    assert_eq!(machine.value("system_cpu_physical_count"), None);
}

#[test]
fn a_machine_with_256_processors_on_128_cores() {
    let cpus = |user| stat(&(0..256).map(|cpu| (cpu, user + u64::from(cpu), 9_000)).collect::<Vec<_>>());
    let mut machine = Machine::new(&[("proc/stat", &cpus(0))]);
    for cpu in 0..256 {
        let siblings = format!("{},{}\n", cpu % 128, cpu % 128 + 128);
        machine.write(&format!("sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list"), &siblings);
    }
    machine.write("sys/devices/system/cpu/cpufreq/policy0", "");
    machine.sample(Family::Cpu, 0);
    machine.write("proc/stat", &cpus(100));
    machine.sample(Family::Cpu, 1);
    let values = machine.values();
    assert_eq!(values.keys().filter(|name| name.starts_with("system_cpu_utilization_ratio")).count(), 256);
    assert!((0..256).all(|cpu| values.get(&format!("system_cpu_utilization_ratio {cpu}")) == Some(&1.0)));
    assert_eq!(machine.value("system_cpu_logical_count"), Some(256.0));
    assert_eq!(machine.value("system_cpu_physical_count"), Some(128.0));
}

#[test]
fn a_processor_goes_offline_and_comes_back() {
    let mut machine = Machine::new(&[("proc/stat", &stat(&[(0, 0, 0), (1, 500, 500), (2, 0, 0)]))]);
    machine.sample(Family::Cpu, 0);
    machine.write("proc/stat", &stat(&[(0, 50, 50), (1, 550, 550), (2, 10, 90)]));
    machine.sample(Family::Cpu, 1);
    assert_eq!(machine.value("system_cpu_utilization_ratio 2"), Some(0.1));
    machine.write("proc/stat", &stat(&[(0, 100, 100), (2, 20, 180)]));
    machine.sample(Family::Cpu, 2);
    // The third processor has not taken the place of the second one.
    assert_eq!(machine.value("system_cpu_utilization_ratio 2"), Some(0.1));
    assert_eq!(machine.value("system_cpu_utilization_ratio 1"), None);
    assert_eq!(machine.value("system_cpu_logical_count"), Some(2.0));
    machine.write("proc/stat", &stat(&[(0, 150, 150), (1, 560, 560), (2, 30, 270)]));
    machine.sample(Family::Cpu, 3);
    assert_eq!(machine.value("system_cpu_utilization_ratio 1"), None);
    machine.write("proc/stat", &stat(&[(0, 200, 200), (1, 580, 640), (2, 40, 360)]));
    machine.sample(Family::Cpu, 4);
    assert_eq!(machine.value("system_cpu_utilization_ratio 1"), Some(0.2));
    assert_eq!(machine.value("system_cpu_time_seconds_total 1 user"), Some(0.8));
}

#[test]
fn counters_of_a_machine_that_begin_again() {
    let disk = |sectors: u64| format!("   8       0 sda 10 0 {sectors} 5 20 0 40 6 0 7 8\n");
    let mut machine = Machine::new(&[("proc/diskstats", &disk(1_000)), ("proc/stat", &stat(&[(0, 10_000, 10_000)]))]);
    let files = [(1, 1_010, 10_100), (2, 4, 100), (3, 6, 150)];
    machine.sample(Family::Disk, 0);
    machine.sample(Family::Cpu, 0);
    for (at, sectors, user) in files {
        machine.write("proc/diskstats", &disk(sectors));
        machine.write("proc/stat", &stat(&[(0, user, 10_000)]));
        machine.sample(Family::Disk, at);
        machine.sample(Family::Cpu, at);
        let utilization = machine.value("system_cpu_total_utilization_ratio").unwrap();
        assert!((0.0..=1.0).contains(&utilization));
    }
    assert_eq!(machine.value("system_disk_io_bytes_total sda read"), Some((10.0 + 4.0 + 2.0) * 512.0));
    assert_eq!(machine.value("system_cpu_time_seconds_total 0 user"), Some(1.0 + 1.0 + 0.5));
}

#[test]
fn a_disk_is_removed_and_returns() {
    let disk = |name, sectors| format!("   8       0 {name} 10 0 {sectors} 5 20 0 40 6 3 7 8\n");
    let both = |sectors: u64| disk("sda", sectors) + &disk("sdb", sectors);
    let mut machine = Machine::new(&[("proc/diskstats", &both(100))]);
    let name = "system_disk_io_bytes_total sda read";
    machine.sample(Family::Disk, 0);
    machine.write("proc/diskstats", &both(104));
    machine.sample(Family::Disk, 1);
    assert_eq!(machine.value("system_disk_pending_operations sda"), Some(3.0));
    machine.record.delivered();
    machine.write("proc/diskstats", &disk("sdb", 108));
    machine.sample(Family::Disk, 2);
    assert_eq!(machine.value("system_disk_pending_operations sda"), None);
    assert_eq!(machine.value(name), None);
    assert_eq!(machine.value("system_disk_io_bytes_total sdb read"), Some(8.0 * 512.0));
    machine.write("proc/diskstats", &both(10));
    machine.sample(Family::Disk, 3);
    assert_eq!(machine.value(name), Some(14.0 * 512.0));
}

#[test]
fn disks_of_old_and_new_kernels_without_partitions() {
    let text = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n   8       1 sda1 1 2 3 4 5 6 7 8 9 10 11\n \
        259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n 7 0 loop0 1 2 3 4 5 6 7 8 9 10 11\n";
    let mut machine =
        Machine::new(&[("proc/diskstats", text), ("sys/block/sda/size", ""), ("sys/block/nvme0n1/size", "")]);
    machine.sample(Family::Disk, 0);
    let values = machine.values();
    assert!(values.contains_key("system_disk_merged_total nvme0n1 discard"));
    assert!(!values.keys().any(|name| name.contains("sda1") || name.contains("loop") || name.contains("sda discard")));
    assert_eq!(machine.value("system_disk_pending_operations sda"), Some(9.0));
}

#[test]
fn memory_of_a_kernel_that_does_not_say_what_is_available() {
    let text =
        "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 300 kB\nShmem: 20 kB\nSReclaimable: 30 kB\n";
    let mut machine = Machine::new(&[("proc/meminfo", text)]);
    machine.sample(Family::Memory, 0);
    assert_eq!(machine.value("system_memory_available_bytes"), Some(460.0 * 1024.0));
    assert_eq!(machine.value("system_memory_usage_bytes used"), Some(540.0 * 1024.0));
    assert_eq!(machine.value("system_memory_utilization_ratio"), Some(0.54));
    assert_eq!(machine.value("system_swap_total_bytes"), None);
    machine.write(
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 5000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    );
    machine.sample(Family::Memory, 1);
    assert_eq!(machine.value("system_memory_available_bytes"), Some(100.0 * 1024.0));
    assert_eq!(machine.value("system_swap_utilization_ratio"), Some(0.0));
    machine.write("proc/meminfo", "MemFree: 1 kB\n");
    assert!(machine.read(2, Some(Family::Memory))[0].1.is_err());
}

#[test]
fn processes_of_any_name_and_age() {
    let names = [") (", "a) R 9 (b", "x\ny", "naïve"];
    let mut machine =
        Machine::with(&[("proc/meminfo", "MemTotal: 4000 kB\nMemFree: 1 kB\n")], |settings| settings.top(3));
    for (name, pid) in names.iter().zip(10_u32..) {
        machine.write(&format!("proc/{pid}/stat"), &process(pid, name, 0, 1_000, 50, u64::from(pid)));
    }
    machine.write("proc/2/stat", &process(2, "kthreadd", 0x0020_8040, 90_000, 1, 0));
    machine.write("proc/77x/stat", "not a process");
    fs::create_dir_all(machine.tree.path().join("proc/99")).unwrap();
    machine.sample(Family::Process, 0);
    assert_eq!(machine.value("system_processes_count"), Some(6.0));
    assert_eq!(machine.value("system_kernel_threads_count"), Some(1.0));
    assert!(machine.top().by_cpu.is_empty());
    assert_eq!(machine.top().by_memory.iter().map(|process| process.pid).collect::<Vec<_>>(), [13, 12, 11]);
    let page = rustix::param::page_size() as f64;
    let ratio = machine.top().by_memory.first().map(|process| process.memory_ratio);
    assert_eq!(ratio, Some(13.0 * page / 4_096_000.0));
    // 10 used two seconds in four; 11 is another process under an old number; 14 is new; 15 was merely not seen before.
    machine.write("proc/10/stat", &process(10, names[0], 0, 1_200, 50, 10));
    machine.write("proc/11/stat", &process(11, "reused", 0, 100, 600, 11));
    machine.write("proc/14/stat", &process(14, "new", 0, 20, 601, 1));
    machine.write("proc/15/stat", &process(15, "unseen", 0, 5_000, 7, 1));
    fs::remove_dir_all(machine.tree.path().join("proc/12")).unwrap();
    machine.sample(Family::Process, 4);
    let top = machine.top().by_cpu;
    let wanted = [(10, ") (", Some(0.5)), (11, "reused", Some(0.25)), (14, "new", Some(0.05))];
    let found: Vec<_> = top.iter().map(|process| (process.pid, &*process.command, process.cpu_ratio)).collect();
    assert_eq!(found, wanted);
    assert_eq!(machine.value("system_process_cpu_utilization_ratio ) ("), Some(0.5));
    assert_eq!(machine.value("system_process_memory_usage_bytes x\ny"), Some(0.0));
    machine.sample(Family::Process, 8);
    assert_eq!(machine.value("system_process_memory_usage_bytes x\ny"), None);
}

#[test]
fn threads_are_summed_up_by_name() {
    let mut machine = Machine::new(&[]);
    for tid in [1, 2, 3] {
        machine.write(&format!("proc/self/task/{tid}/stat"), &process(tid, "worker", 0, 100, 5, 1));
    }
    machine.sample(Family::OwnThread, 0);
    assert_eq!(machine.value("process_thread_cpu_time_seconds_total worker"), Some(0.0));
    fs::remove_dir_all(machine.tree.path().join("proc/self/task/1")).unwrap();
    machine.write("proc/self/task/2/stat", &process(2, "worker", 0, 150, 5, 1));
    machine.write("proc/self/task/3/stat", &process(3, "worker", 0, 20, 900, 1));
    machine.write("proc/self/task/4/stat", &process(4, "new ) (", 0, 30, 900, 1));
    machine.sample(Family::OwnThread, 5);
    assert_eq!(machine.value("process_thread_cpu_time_seconds_total worker"), Some(0.7));
    assert_eq!(machine.value("process_thread_cpu_time_seconds_total new ) ("), Some(0.3));
}

const V2: &str = "30 22 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

#[test]
fn a_container_of_version_2_seen_from_outside_its_namespace() {
    let group = "sys/fs/cgroup/system.slice/app.service";
    let mut machine = Machine::new(&[
        ("proc/self/cgroup", "0::/system.slice/app.service\n"),
        ("proc/self/mountinfo", V2),
        (&format!("{group}/cgroup.type"), "domain\n"),
        (&format!("{group}/cpu.max"), "max 100000\n"),
        ("sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n"),
        (
            &format!("{group}/cpu.stat"),
            "usage_usec 5000000\nuser_usec 1\nnr_periods 10\nnr_throttled 2\nthrottled_usec 500000\n",
        ),
        (&format!("{group}/memory.max"), "1073741824\n"),
        ("sys/fs/cgroup/system.slice/memory.max", "536870912\n"),
        (&format!("{group}/memory.current"), "400000\n"),
        (&format!("{group}/memory.stat"), "anon 1\ninactive_file 150000\n"),
        (&format!("{group}/memory.events"), "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n"),
        (&format!("{group}/pids.current"), "7\n"),
        (&format!("{group}/pids.max"), "max\n"),
        (&format!("{group}/io.stat"), "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"),
    ]);
    machine.sample(Family::Container, 0);
    machine.write(
        &format!("{group}/cpu.stat"),
        "usage_usec 6500000\nnr_periods 20\nnr_throttled 5\nthrottled_usec 1250000\n",
    );
    machine.write(&format!("{group}/memory.events"), "low 0\nhigh 1\nmax 2\noom 4\noom_kill 6\n");
    machine.write(&format!("{group}/io.stat"), "254:0 rbytes=5120 wbytes=8192 rios=2 wios=2\n");
    machine.sample(Family::Container, 5);
    for (name, wanted) in [
        ("container_cpu_limit_ratio", 1.5),
        ("container_cpu_usage_seconds_total", 1.5),
        ("container_cpu_periods_total", 10.0),
        ("container_cpu_throttled_periods_total", 3.0),
        ("container_cpu_throttled_seconds_total", 0.75),
        ("container_memory_limit_bytes", 536_870_912.0),
        ("container_memory_usage_bytes", 400_000.0),
        ("container_memory_working_set_bytes", 250_000.0),
        ("container_memory_events_total oom_kill", 2.0),
        ("container_memory_events_total low", 0.0),
        ("container_pids", 7.0),
        ("container_io_bytes_total 254:0 read", 1_024.0),
    ] {
        assert_eq!(machine.value(name), Some(wanted), "{name}");
    }
    assert_eq!(machine.value("container_pids_limit"), None);
    machine.write("sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
    machine.sample(Family::Container, 20);
    assert_eq!(machine.value("container_cpu_limit_ratio"), None);
}

#[test]
fn a_container_of_version_2_in_its_own_namespace() {
    let mut machine = Machine::new(&[
        ("proc/self/cgroup", "0::/\n"),
        ("proc/self/mountinfo", V2),
        ("sys/fs/cgroup/cgroup.type", "domain\n"),
        ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
        ("sys/fs/cgroup/memory.max", "max\n"),
        ("sys/fs/cgroup/memory.current", "123\n"),
    ]);
    machine.sample(Family::Container, 0);
    assert_eq!(machine.value("container_cpu_limit_ratio"), Some(0.5));
    assert_eq!(machine.value("container_memory_usage_bytes"), Some(123.0));
    assert_eq!(machine.value("container_memory_limit_bytes"), None);
}

#[test]
fn a_machine_that_is_no_container_has_no_series_of_one() {
    let files =
        [("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", V2), ("sys/fs/cgroup/cpu.stat", "usage_usec 5\n")];
    let mut machine = Machine::new(&files);
    machine.sample(Family::Container, 0);
    assert!(machine.values().is_empty());
}

const V1: &str = "31 22 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
    32 22 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
    33 22 0:32 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n\
    34 22 0:33 / /sys/fs/cgroup/blkio ro - cgroup cgroup rw,blkio\n";

#[test]
fn a_container_of_version_1() {
    let membership =
        "9:pids:/docker/abc\n5:memory:/docker/abc\n4:blkio:/docker/abc\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n";
    let mut machine = Machine::new(&[
        ("proc/self/cgroup", membership),
        ("proc/self/mountinfo", V1),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 5\nnr_throttled 1\nthrottled_time 1000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "1000000000\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n"),
        ("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 2000\n"),
        ("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
        ("sys/fs/cgroup/pids/pids.current", "4\n"),
        ("sys/fs/cgroup/pids/pids.max", "100\n"),
        (
            "sys/fs/cgroup/blkio/docker/abc/blkio.throttle.io_service_bytes",
            "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n",
        ),
    ]);
    machine.sample(Family::Container, 0);
    machine.write("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "3500000000\n");
    machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 5\nnr_throttled 1\nthrottled_time 2000001000\n");
    machine.write(
        "sys/fs/cgroup/blkio/docker/abc/blkio.throttle.io_service_bytes",
        "8:0 Read 10\n8:0 Write 90\n8:0 Total 100\n",
    );
    machine.sample(Family::Container, 5);
    for (name, wanted) in [
        ("container_cpu_limit_ratio", 2.5),
        ("container_cpu_usage_seconds_total", 2.5),
        ("container_cpu_throttled_seconds_total", 2.0),
        ("container_memory_usage_bytes", 5_000.0),
        ("container_memory_working_set_bytes", 3_000.0),
        ("container_memory_events_total oom_kill", 0.0),
        ("container_pids_limit", 100.0),
        ("container_io_bytes_total 8:0 write", 70.0),
    ] {
        assert_eq!(machine.value(name), Some(wanted), "{name}");
    }
    assert_eq!(machine.value("container_memory_limit_bytes"), None);
}

#[test]
fn a_container_of_both_versions() {
    let mut machine = Machine::new(&[
        ("proc/self/cgroup", "4:memory:/job/7\n2:cpu:/\n0::/job/7\n"),
        (
            "proc/self/mountinfo",
            "32 22 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             33 22 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
             35 22 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        ),
        ("sys/fs/cgroup/memory/job/7/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "7000000\n"),
        ("sys/fs/cgroup/memory/job/7/memory.usage_in_bytes", "5000\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/unified/job/7/cgroup.type", "domain\n"),
        ("sys/fs/cgroup/unified/job/7/pids.current", "9\n"),
    ]);
    machine.sample(Family::Container, 0);
    assert_eq!(machine.value("container_memory_limit_bytes"), Some(7_000_000.0));
    assert_eq!(machine.value("container_memory_usage_bytes"), Some(5_000.0));
    assert_eq!(machine.value("container_pids"), Some(9.0));
    assert_eq!(machine.value("container_cpu_limit_ratio"), None);
}

#[test]
fn network_pressure_paging_sockets_and_protocols() {
    let heading =
        "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes\n";
    let device = |bytes: u64| {
        format!("{heading}  eth0: {bytes} 2 3 4 0 0 0 0 50 6 7 8 0 9 0 0\nveth1: 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7\n")
    };
    let mut machine = Machine::new(&[
        ("proc/net/dev", &device(1_000)),
        ("proc/net/sockstat", "sockets: used 11\nTCP: inuse 4 orphan 1 tw 5 alloc 1 mem 2\nUDP: inuse 3 mem 0\n"),
        ("proc/net/sockstat6", "TCP6: inuse 6\nUDP6: inuse 0\n"),
        ("proc/net/snmp", "Tcp: MaxConn CurrEstab RetransSegs\nTcp: -1 8 100\nUdp: InErrors\nUdp: 5\n"),
        ("proc/net/netstat", "TcpExt: A ListenOverflows ListenDrops\nTcpExt: 1 2 3\nIpExt: X\nIpExt: 1\n"),
        ("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull avg10=0.00 total=0\n"),
        ("proc/vmstat", "nr_free_pages 7\npgpgin 10\npgfault 100\npgmajfault 5\npswpin 1\noom_kill 2\n"),
        ("proc/sys/fs/file-nr", "395\t0\t2466170\n"),
        ("proc/loadavg", "0.50 1.25 2.00 2/83 16218\n"),
        ("sys/class/net/eth0/operstate", "up\n"),
        ("sys/class/net/eth0/speed", "1000\n"),
        ("sys/class/net/eth1/operstate", "down\n"),
        ("sys/class/net/eth1/speed", "-1\n"),
    ]);
    let families = [
        Family::Network,
        Family::Socket,
        Family::Protocol,
        Family::Pressure,
        Family::Paging,
        Family::FileHandle,
        Family::Load,
    ];
    for family in families {
        machine.sample(family, 0);
    }
    machine.write("proc/net/dev", &device(1_500));
    machine.write("proc/net/snmp", "Tcp: MaxConn CurrEstab RetransSegs\nTcp: -1 9 130\nUdp: InErrors\nUdp: 6\n");
    machine.write("proc/net/netstat", "TcpExt: A ListenOverflows ListenDrops\nTcpExt: 1 4 8\n");
    machine.write("proc/pressure/cpu", "some avg10=0.00 total=3500000\nfull total=1\n");
    machine.write("proc/vmstat", "pgpgin 12\npgfault 150\npgmajfault 15\npswpin 1\noom_kill 3\n");
    for family in families {
        machine.sample(family, 1);
    }
    for (name, wanted) in [
        ("system_network_io_bytes_total eth0 receive", 500.0),
        ("system_network_io_bytes_total eth0 transmit", 0.0),
        ("system_network_up eth0", 1.0),
        ("system_network_up eth1", 0.0),
        ("system_network_link_speed_bytes_per_second eth0", 125e6),
        ("system_network_connections tcp in_use", 4.0),
        ("system_network_connections tcp6 in_use", 6.0),
        ("system_network_connections tcp time_wait", 5.0),
        ("system_network_connections udp in_use", 3.0),
        ("system_tcp_orphans", 1.0),
        ("system_sockets_used", 11.0),
        ("system_tcp_established", 9.0),
        ("system_tcp_retransmits_total", 30.0),
        ("system_udp_errors_total receive", 1.0),
        ("system_tcp_listen_overflows_total", 2.0),
        ("system_tcp_listen_drops_total", 5.0),
        ("system_pressure_waiting_seconds_total cpu some", 2.5),
        ("system_paging_faults_total major", 10.0),
        ("system_paging_faults_total minor", 40.0),
        ("system_paging_io_bytes_total in", 2_048.0),
        ("system_oom_kills_total", 1.0),
        ("system_file_handles_allocated", 395.0),
        ("system_file_handles_maximum", 2_466_170.0),
        ("system_load_average_5m", 1.25),
    ] {
        assert_eq!(machine.value(name), Some(wanted), "{name}");
    }
    assert!(!machine.values().keys().any(|name| name.contains("veth1")));
    assert_eq!(machine.value("system_network_link_speed_bytes_per_second eth1"), None);
}

#[test]
fn a_machine_without_any_file_fails_where_it_must_and_nowhere_else() {
    let mut machine = Machine::new(&[]);
    let failed: Vec<Family> =
        machine.read(0, None).into_iter().filter_map(|(family, result)| result.is_err().then_some(family)).collect();
    assert_eq!(
        failed,
        [Family::Cpu, Family::Load, Family::Memory, Family::OwnProcess, Family::Process, Family::OwnThread]
    );
    assert!(machine.values().is_empty());
}
