//! Promise: the sampler says what the system's own tools say at the same instant.
//!
//! A tool that is not installed is skipped with a line that says so, but in continuous integration, where all are.

#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    fs,
    io::{Read, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use monitor_core::Value;
use monitor_sinks::{Family, Host, HostSampling};

/// A host that is sampled on command.
struct Sampled {
    host: Host,
}

impl Sampled {
    /// Samples until every slow family has been picked up.
    fn start() -> Self {
        let settings = HostSampling::every(Duration::from_millis(100)).budget(1.0);
        let basics = [Family::Load, Family::Paging, Family::Protocol, Family::FileHandle];
        let settings = basics.into_iter().fold(settings, |settings, family| settings.cadence(family, Duration::ZERO));
        let host = Host::open(settings).unwrap();
        let mut sampled = Self { host };
        let end = Instant::now() + Duration::from_secs(30);
        while sampled.find("system_processes_count").is_none() || sampled.find("system_filesystem_size_bytes").is_none()
        {
            assert!(Instant::now() < end, "the slow families do not come");
            sampled.sample();
            thread::sleep(Duration::from_millis(20));
        }
        sampled
    }

    fn sample(&mut self) {
        self.host.sample(self.host.due_us());
    }

    /// Every value by name and label values, such as `system_disk_io_bytes_total sda read`.
    fn values(&self) -> BTreeMap<String, f64> {
        let values = self.host.samples().map(|sample| {
            let mut name = sample.key.name.clone();
            for label in &sample.key.labels {
                write!(name, " {}", label.1).unwrap();
            }
            match sample.value {
                Value::Counter { total, .. } => (name, total.as_f64()),
                Value::Gauge(value) => (name, value),
                _ => panic!("a distribution"),
            }
        });
        values.collect()
    }

    fn find(&self, name: &str) -> Option<f64> {
        self.values().into_iter().find(|(known, _)| known.starts_with(name)).map(|(_, value)| value)
    }

    fn value(&self, name: &str) -> f64 {
        *self.values().get(name).unwrap_or_else(|| panic!("{name} is missing"))
    }

    /// The sum over all series whose name begins so and ends so.
    fn sum(&self, start: &str, end: &str) -> f64 {
        self.values()
            .iter()
            .filter(|(name, _)| name.starts_with(start) && name.ends_with(end))
            .map(|(_, value)| value)
            .sum()
    }
}

/// The output of a tool; `None`, with a line, if it is not there.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    match output {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        other => {
            missing(&format!("{program} {arguments:?}: {other:?}"));
            None
        }
    }
}

fn missing(what: &str) {
    assert!(env::var_os("CI").is_none(), "needed here: {what}");
    eprintln!("SKIPPED, not installed or not working: {what}");
}

fn close(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance, "{what}: {ours} here, {theirs} there, tolerance {tolerance}");
}

const MIB: f64 = 1024.0 * 1024.0;

/// Tries again a few times, because the machine moves between two looks at it.
fn eventually(mut compare: impl FnMut() -> Result<(), String>) {
    let mut last = String::new();
    for _ in 0..20 {
        match compare() {
            Ok(()) => return,
            Err(error) => last = error,
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{last}");
}

fn equal(what: &str, ours: f64, theirs: f64) -> Result<(), String> {
    if (ours - theirs).abs() < 0.5 { Ok(()) } else { Err(format!("{what}: {ours} here, {theirs} there")) }
}

#[test]
fn memory_is_that_of_free() {
    let Some(first) = run("free", &["-b", "-w"]) else { return };
    drop(first);
    let mut sampled = Sampled::start();
    sampled.sample();
    let text = run("free", &["-b", "-w"]).unwrap();
    let line = |start: &str| -> Vec<f64> {
        let line = text.lines().find(|line| line.starts_with(start)).unwrap();
        line.split_whitespace().skip(1).map(|field| field.parse().unwrap()).collect()
    };
    // total used free shared buffers cache available
    let (memory, swap) = (line("Mem:"), line("Swap:"));
    close("total", sampled.value("system_memory_total_bytes"), memory[0], 0.0);
    close("used", sampled.value("system_memory_usage_bytes used"), memory[1], 256.0 * MIB);
    close("free", sampled.value("system_memory_usage_bytes free"), memory[2], 256.0 * MIB);
    close("shared", sampled.value("system_memory_usage_bytes shared"), memory[3], 64.0 * MIB);
    close("buffers", sampled.value("system_memory_usage_bytes buffers"), memory[4], 64.0 * MIB);
    close("cache", sampled.value("system_memory_usage_bytes cached"), memory[5], 256.0 * MIB);
    close("available", sampled.value("system_memory_available_bytes"), memory[6], 256.0 * MIB);
    close("swap total", sampled.value("system_swap_total_bytes"), swap[0], 0.0);
    close("swap used", sampled.value("system_swap_used_bytes"), swap[1], 64.0 * MIB);
}

#[test]
fn file_systems_are_those_of_df() {
    let Some(text) = run("df", &["-B1", "--output=target,size,used,avail,pcent,itotal,iused"]) else { return };
    drop(text);
    let sampled = Sampled::start();
    let text = run("df", &["-B1", "--output=target,size,used,avail,pcent,itotal,iused"]).unwrap();
    let values = sampled.values();
    let mut compared = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let start = format!("system_filesystem_size_bytes {{}} {} ", fields[0]).replace("{} ", "");
        // Labels are in order of their keys: device, mountpoint, state, type.
        let find = |name: &str, state: Option<&str>| {
            values.iter().find_map(|(known, value)| {
                let parts: Vec<&str> = known.split(' ').collect();
                let is_state = state.is_none_or(|state| parts.get(3) == Some(&state));
                (parts[0] == name && parts.get(2) == Some(&fields[0]) && is_state).then_some(*value)
            })
        };
        let Some(size) = find("system_filesystem_size_bytes", None) else { continue };
        let number = |field: &str| field.trim_end_matches('%').parse::<f64>().unwrap_or(0.0);
        close(&start, size, number(fields[1]), 0.0);
        let used = find("system_filesystem_usage_bytes", Some("used")).unwrap();
        close("used", used, number(fields[2]), 512.0 * MIB);
        close(
            "available",
            find("system_filesystem_usage_bytes", Some("free")).unwrap(),
            number(fields[3]),
            512.0 * MIB,
        );
        let percent = find("system_filesystem_utilization_ratio", None).unwrap() * 100.0;
        // The tool rounds up.
        close("percent", percent.ceil(), number(fields[4]), 1.0);
        if number(fields[5]) > 0.0 {
            close("inodes", find("system_filesystem_inodes", Some("used")).unwrap(), number(fields[6]), 20_000.0);
        }
        compared += 1;
    }
    assert!(compared >= 1, "no file system in common:\n{text}");
}

#[test]
fn processors_and_load_are_those_of_nproc_and_the_kernel() {
    let mut sampled = Sampled::start();
    if let Some(text) = run("nproc", &["--all"]) {
        close("processors", sampled.value("system_cpu_logical_count"), text.trim().parse().unwrap(), 0.0);
    }
    assert!(sampled.value("system_cpu_physical_count") <= sampled.value("system_cpu_logical_count"));
    eventually(|| {
        sampled.sample();
        let text = fs::read_to_string("/proc/loadavg").unwrap();
        let load: Vec<f64> = text.split(' ').take(3).map(|field| field.parse().unwrap()).collect();
        equal("1m", sampled.value("system_load_average_1m") * 1e3, load[0] * 1e3)?;
        equal("5m", sampled.value("system_load_average_5m") * 1e3, load[1] * 1e3)?;
        equal("15m", sampled.value("system_load_average_15m") * 1e3, load[2] * 1e3)
    });
}

#[test]
fn a_busy_core_shows_in_the_utilisation_and_in_the_own_process() {
    let mut sampled = Sampled::start();
    let before = sampled.values();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(600) {
        std::hint::black_box(begun.elapsed());
    }
    sampled.sample();
    let after = sampled.values();
    let grown = |name: &str| after[name] - before[name];
    let own = grown("process_cpu_time_seconds_total user") + grown("process_cpu_time_seconds_total system");
    let all: f64 =
        after.keys().filter(|name| name.starts_with("system_cpu_time_seconds_total")).map(|name| grown(name)).sum();
    let cores = after["system_cpu_logical_count"];
    // Other work on the machine may take the core away for a while.
    assert!(own >= 0.1, "{own} s of CPU time");
    close("seconds of all modes", all / cores, begun.elapsed().as_secs_f64(), 0.35);
    let utilization = after["system_cpu_total_utilization_ratio"];
    assert!(utilization > 0.1 / cores && utilization <= 1.0, "{utilization}");
}

#[test]
fn processes_are_those_of_ps() {
    let arguments = ["-e", "--no-headers", "-o", "pid,rss,comm"];
    let Some(_) = run("ps", &arguments) else { return };
    // So much that this process is among the greatest; the others come and go, and grow and shrink.
    let touched = vec![1_u8; 512 << 20];
    let sampled = Sampled::start();
    let text = run("ps", &arguments).unwrap();
    close("processes", sampled.value("system_processes_count"), text.lines().count() as f64, 60.0);
    let row = |pid: u32| {
        text.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            (fields[0].parse() == Ok(pid)).then(|| (fields[1].parse::<f64>().unwrap() * 1024.0, fields[2..].join(" ")))
        })
    };
    let top = sampled.host.top().by_memory;
    let this =
        top.iter().find(|process| process.pid == std::process::id()).expect("this process is among the greatest");
    let (resident, command) = row(this.pid).unwrap();
    close("resident", this.memory_bytes as f64, resident, 0.2 * resident);
    assert_eq!(this.command, command);
    let total = sampled.value("system_memory_total_bytes");
    close("share", this.memory_ratio, this.memory_bytes as f64 / total, 1e-9);
    let both: Vec<_> = top.iter().filter_map(|process| row(process.pid).map(|row| (&process.command, row.1))).collect();
    let same = both.iter().filter(|(ours, theirs)| *ours == theirs).count();
    assert!(same * 2 > both.len(), "{both:?}");
    drop(touched);
}

#[test]
fn sockets_are_those_of_ss_and_of_this_test() {
    let Some(text) = run("ss", &["-s"]) else { return };
    drop(text);
    let mut sampled = Sampled::start();
    eventually(|| {
        sampled.sample();
        let text = run("ss", &["-s"]).unwrap();
        // Transport Total IP IPv6
        let total = |name: &str| -> f64 {
            let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            rows.find(|row| row.first() == Some(&name)).unwrap()[1].parse().unwrap()
        };
        let waiting = text.split("timewait ").nth(1).and_then(|rest| rest.split([')', '/', ',']).next()).unwrap();
        equal("waiting", sampled.value("system_network_connections tcp time_wait"), waiting.trim().parse().unwrap())?;
        let both = |protocol: &str| {
            let values = sampled.values();
            let one = |protocol: &str| {
                values.get(&format!("system_network_connections {protocol} in_use")).copied().unwrap_or(0.0)
            };
            one(protocol) + one(&format!("{protocol}6"))
        };
        equal("udp", both("udp"), total("UDP"))?;
        equal("tcp", both("tcp"), total("TCP"))
    });
    let before = sampled.value("system_network_connections udp in_use");
    let sockets: Vec<_> = (0..50).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    sampled.sample();
    close("opened", sampled.value("system_network_connections udp in_use") - before, 50.0, 10.0);
    drop(sockets);
}

#[test]
fn traffic_of_this_test_is_in_the_counters_of_the_interface() {
    let mut sampled = Sampled::start();
    let before = sampled.value("system_network_io_bytes_total lo receive");
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..100 {
        sender.send_to(&[0; 1_000], receiver.local_addr().unwrap()).unwrap();
    }
    sampled.sample();
    let grown = sampled.value("system_network_io_bytes_total lo receive") - before;
    assert!((100_000.0..100_000_000.0).contains(&grown), "{grown}");
}

/// Kibibytes read and written of each device since the machine was started.
fn iostat() -> Option<BTreeMap<String, (f64, f64)>> {
    let text = run("iostat", &["-d", "-k"])?;
    let mut lines = text.lines().skip_while(|line| !line.starts_with("Device"));
    let heading: Vec<&str> = lines.next()?.split_whitespace().collect();
    let place = |name: &str| heading.iter().position(|field| *field == name);
    let (read, written) = (place("kB_read")?, place("kB_wrtn")?);
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        Some(((*fields.first()?).to_owned(), (fields.get(read)?.parse().ok()?, fields.get(written)?.parse().ok()?)))
    };
    Some(lines.filter_map(row).collect())
}

#[test]
fn bytes_of_disks_are_those_of_iostat() {
    let Some(_) = iostat() else { return };
    let mut sampled = Sampled::start();
    let (ours, theirs) = (sampled.values(), iostat().unwrap());
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&vec![7; 32 << 20]).unwrap();
    file.sync_all().unwrap();
    sampled.sample();
    let (after, now) = (sampled.values(), iostat().unwrap());
    let mut compared = 0;
    for (device, total) in &now {
        let (read, write) =
            (format!("system_disk_io_bytes_total {device} read"), format!("system_disk_io_bytes_total {device} write"));
        let Some(before) = theirs.get(device) else { continue };
        let (Some(read_now), Some(write_now)) = (after.get(&read), after.get(&write)) else { continue };
        close(&read, read_now - ours[&read], (total.0 - before.0) * 1024.0, 64.0 * MIB);
        close(&write, write_now - ours[&write], (total.1 - before.1) * 1024.0, 64.0 * MIB);
        compared += 1;
    }
    assert!(compared >= 1, "no disk in common: {now:?}");
}

#[test]
fn descriptors_and_memory_of_this_process_are_seen() {
    let files: Vec<_> = (0..60).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
    let touched = vec![1_u8; 64 << 20];
    // Other tests of this process open and close files all the time.
    eventually(|| {
        let mut host = Host::open(HostSampling::every(Duration::from_secs(1)).only([Family::OwnProcess])).unwrap();
        host.sample(host.due_us());
        let listed = fs::read_dir("/proc/self/fd").unwrap().count() as f64;
        let ours = Sampled { host }.value("process_open_file_descriptors");
        if (ours - listed).abs() <= 10.0 { Ok(()) } else { Err(format!("{ours} here, {listed} listed")) }
    });
    let sampled = Sampled::start();
    assert!(sampled.value("process_open_file_descriptors") >= 60.0);
    assert!(sampled.value("process_memory_usage_bytes") >= touched.len() as f64);
    assert!((0.0..600.0).contains(&sampled.value("process_uptime_seconds")));
    assert!(sampled.value("process_threads") >= 2.0);
    assert!(sampled.values().keys().any(|name| name.starts_with("process_thread_cpu_time_seconds_total ")));
    drop(files);
}

#[test]
fn what_sysinfo_knows_is_the_same_there() {
    let mut sampled = Sampled::start();
    let mut system = sysinfo::System::new().unwrap();
    system.refresh_memory();
    sampled.sample();
    close("total", sampled.value("system_memory_total_bytes"), system.total_memory() as f64, 0.0);
    close("available", sampled.value("system_memory_available_bytes"), system.available_memory() as f64, 256.0 * MIB);
    close("swap", sampled.value("system_swap_total_bytes"), system.total_swap() as f64, 0.0);
    if let Ok(cores) = sysinfo::System::physical_core_count() {
        close("cores", sampled.value("system_cpu_physical_count"), cores as f64, 0.0);
    }
}

/// The path of a Python that has psutil.
fn python() -> Option<PathBuf> {
    let python = env::var_os("MONITORED_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let has = Command::new(&python).args(["-c", "import psutil"]).stderr(Stdio::null()).status();
    if has.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    missing("psutil for the Python that MONITORED_PYTHON names");
    None
}

const PSUTIL: &str = "
import psutil, sys
for line in sys.stdin:
    m = psutil.virtual_memory(); s = psutil.swap_memory(); u = psutil.disk_usage('/')
    d = psutil.disk_io_counters(); n = psutil.net_io_counters()
    t = psutil.cpu_times(); l = psutil.getloadavg()
    rows = dict(
        logical=psutil.cpu_count(), physical=psutil.cpu_count(logical=False) or 0, load=l[0],
        memory_total=m.total, memory_used=m.used, memory_available=m.available, memory_percent=m.percent,
        swap_total=s.total, swap_used=s.used, swap_percent=s.percent,
        disk_total=u.total, disk_used=u.used, disk_free=u.free, disk_percent=u.percent,
        disk_read=d.read_bytes, disk_write=d.write_bytes, disk_reads=d.read_count, disk_writes=d.write_count,
        sent=n.bytes_sent, received=n.bytes_recv, packets_sent=n.packets_sent, packets_received=n.packets_recv,
        connections=len(psutil.net_connections()), processes=len(psutil.pids()),
        user=t.user, system=t.system, idle=t.idle, percent=psutil.cpu_percent(interval=None))
    print(' '.join(f'{k}={v}' for k, v in rows.items()), flush=True)
";

/// psutil, asked again and again.
struct Psutil(Child);

impl Psutil {
    fn ask(&mut self) -> BTreeMap<String, f64> {
        self.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = Vec::new();
        let output = self.0.stdout.as_mut().unwrap();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            assert_eq!(output.read(&mut byte).unwrap(), 1, "psutil has ended");
            line.push(byte[0]);
        }
        let text = String::from_utf8(line).unwrap();
        text.split_whitespace()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    }
}

impl Drop for Psutil {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_psutil_says_is_the_same_here() {
    let Some(python) = python() else { return };
    let child = Command::new(python).args(["-c", PSUTIL]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut psutil = Psutil(child);
    psutil.ask();
    let mut sampled = Sampled::start();
    let (ours, theirs) = (sampled.values(), psutil.ask());
    // Between the two looks the machine does some work, so that counters have something to count.
    let work = Instant::now();
    while work.elapsed() < Duration::from_millis(500) {
        std::hint::black_box(work.elapsed());
    }
    sampled.sample();
    let (now, then) = (psutil.ask(), ours);
    let after = sampled.values();
    let value = |name: &str| *after.get(name).unwrap_or_else(|| panic!("{name} is missing"));
    close("logical", value("system_cpu_logical_count"), now["logical"], 0.0);
    close("physical", value("system_cpu_physical_count"), now["physical"], 0.0);
    close("load", value("system_load_average_1m"), now["load"], 1.0);
    close("memory", value("system_memory_total_bytes"), now["memory_total"], 0.0);
    close("used", value("system_memory_usage_bytes used"), now["memory_used"], 256.0 * MIB);
    close("available", value("system_memory_available_bytes"), now["memory_available"], 256.0 * MIB);
    close("percent", value("system_memory_utilization_ratio") * 100.0, now["memory_percent"], 2.0);
    close("swap", value("system_swap_total_bytes"), now["swap_total"], 0.0);
    close("swap used", value("system_swap_used_bytes"), now["swap_used"], 64.0 * MIB);
    close("swap percent", value("system_swap_utilization_ratio") * 100.0, now["swap_percent"], 1.0);
    let root = |name: &str, end: &str| {
        let is_root = |known: &str| {
            let parts: Vec<&str> = known.split(' ').collect();
            parts[0] == name && parts.get(2) == Some(&"/") && (end.is_empty() || parts.get(3) == Some(&end))
        };
        after.iter().find(|(known, _)| is_root(known)).map(|(_, value)| *value)
    };
    if let Some(size) = root("system_filesystem_size_bytes", "") {
        close("disk", size, now["disk_total"], 0.0);
        close("disk used", root("system_filesystem_usage_bytes", "used").unwrap(), now["disk_used"], 512.0 * MIB);
        close("disk free", root("system_filesystem_usage_bytes", "free").unwrap(), now["disk_free"], 512.0 * MIB);
        close(
            "disk percent",
            root("system_filesystem_utilization_ratio", "").unwrap() * 100.0,
            now["disk_percent"],
            0.5,
        );
    }
    let grown = |start: &str, end: &str| {
        let sum = |values: &BTreeMap<String, f64>| -> f64 {
            values
                .iter()
                .filter(|(name, _)| name.starts_with(start) && name.ends_with(end))
                .map(|(_, value)| value)
                .sum()
        };
        sum(&after) - sum(&then)
    };
    for (name, direction, key, tolerance) in [
        ("system_disk_io_bytes_total", "read", "disk_read", 32.0 * MIB),
        ("system_disk_io_bytes_total", "write", "disk_write", 256.0 * MIB),
        ("system_disk_operations_total", "read", "disk_reads", 1_000.0),
        ("system_disk_operations_total", "write", "disk_writes", 1_000.0),
        ("system_network_io_bytes_total", "receive", "received", 4.0 * MIB),
        ("system_network_io_bytes_total", "transmit", "sent", 4.0 * MIB),
        ("system_network_packets_total", "receive", "packets_received", 1_000.0),
        ("system_network_packets_total", "transmit", "packets_sent", 1_000.0),
        ("system_cpu_time_seconds_total", "user", "user", 0.4),
        ("system_cpu_time_seconds_total", "idle", "idle", 0.4),
    ] {
        close(key, grown(name, direction), now[key] - theirs[key], tolerance);
    }
    close("processes", value("system_processes_count"), now["processes"], 30.0);
    let mut sampled = Some(sampled);
    eventually(|| {
        let sampled = sampled.as_mut().unwrap();
        sampled.sample();
        let connections =
            sampled.sum("system_network_connections tcp", "") + sampled.sum("system_network_connections udp", "");
        equal("connections", connections, psutil.ask()["connections"])
    });
}

/// The real node exporter, on a port of its own.
struct Exporter {
    child: Child,
    address: String,
}

impl Exporter {
    fn start() -> Option<Self> {
        let paths = env::var_os("PATH")?;
        let mut programs = env::split_paths(&paths).map(|folder| folder.join("prometheus-node-exporter"));
        let Some(program) = programs.find(|path| Path::new(path).is_file()) else {
            missing("prometheus-node-exporter");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let listen = format!("--web.listen-address={address}");
        let child = Command::new(program).arg(listen).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let exporter = Self { child, address };
        let end = Instant::now() + Duration::from_secs(20);
        while exporter.scrape().is_none() {
            assert!(Instant::now() < end, "the node exporter does not answer");
            thread::sleep(Duration::from_millis(50));
        }
        Some(exporter)
    }

    /// Every value by name with its labels.
    fn scrape(&self) -> Option<BTreeMap<String, f64>> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let lines = text.lines().filter(|line| line.starts_with("node_"));
        let values: BTreeMap<String, f64> = lines
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect();
        (!values.is_empty()).then_some(values)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_the_node_exporter_says_is_the_same_here() {
    let Some(exporter) = Exporter::start() else { return };
    let mut sampled = Sampled::start();
    let (ours, theirs) = (sampled.values(), exporter.scrape().unwrap());
    thread::sleep(Duration::from_millis(700));
    sampled.sample();
    let (after, now) = (sampled.values(), exporter.scrape().unwrap());
    let mut compared = 0;
    for (here, there, tolerance) in [
        ("system_memory_total_bytes", "node_memory_MemTotal_bytes", 0.0),
        ("system_memory_available_bytes", "node_memory_MemAvailable_bytes", 256.0 * MIB),
        ("system_memory_usage_bytes free", "node_memory_MemFree_bytes", 256.0 * MIB),
        ("system_memory_commit_limit_bytes", "node_memory_CommitLimit_bytes", 1.0 * MIB),
        ("system_swap_total_bytes", "node_memory_SwapTotal_bytes", 0.0),
        ("system_load_average_15m", "node_load15", 0.2),
        ("system_file_handles_maximum", "node_filefd_maximum", 0.0),
        ("system_file_handles_allocated", "node_filefd_allocated", 1_500.0),
        ("system_sockets_used", "node_sockstat_sockets_used", 60.0),
        ("system_tcp_established", "node_netstat_Tcp_CurrEstab", 40.0),
    ] {
        close(here, after[here], now[there], tolerance);
        compared += 1;
    }
    for (here, there, tolerance) in [
        ("system_context_switches_total", "node_context_switches_total", 20_000.0),
        ("system_forks_total", "node_forks_total", 400.0),
        ("system_interrupts_total", "node_intr_total", 20_000.0),
        ("system_pressure_waiting_seconds_total cpu some", "node_pressure_cpu_waiting_seconds_total", 0.5),
        ("system_paging_faults_total major", "node_vmstat_pgmajfault", 2_000.0),
        ("system_oom_kills_total", "node_vmstat_oom_kill", 0.0),
        ("system_network_io_bytes_total lo receive", "node_network_receive_bytes_total{device=\"lo\"}", 4.0 * MIB),
        ("system_cpu_time_seconds_total 0 user", "node_cpu_seconds_total{cpu=\"0\",mode=\"user\"}", 0.4),
        ("system_cpu_time_seconds_total 0 idle", "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}", 0.4),
    ] {
        let (Some(before), Some(after)) = (theirs.get(there), now.get(there)) else { continue };
        let (from, to) = (ours.get(here).copied(), sampled.values().get(here).copied());
        let (Some(from), Some(to)) = (from, to) else { panic!("{here} is missing") };
        close(here, to - from, after - before, tolerance);
        compared += 1;
    }
    for (name, total) in now.iter().filter(|(name, _)| name.starts_with("node_disk_written_bytes_total")) {
        let device = name.split('"').nth(1).unwrap();
        let here = format!("system_disk_io_bytes_total {device} write");
        let (Some(from), Some(to)) = (ours.get(&here), after.get(&here)) else { continue };
        close(&here, to - from, total - theirs[name], 256.0 * MIB);
        compared += 1;
    }
    assert!(compared > 15, "only {compared} values in common");
}
