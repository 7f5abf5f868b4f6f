//! What sampling the host costs, as a ratio to what others need for the same.
//!
//! Both sides are measured in the same run and by the CPU time of the thread that does it, taking turns, with a pause
//! before each so that caches are as cold as they are when a program samples once a second. Rows:
//!
//! - `basics`: CPU, load, memory, disks, network and sockets against the crate `sysinfo` for all of that but the sockets;
//!   and all families but processes and file systems, of which `sysinfo` knows less than half, against the same.
//! - `scan`: all processes, among them 2,000 that sleep, against `sysinfo` asked for CPU and memory of each.
//! - `node exporter`: the basics against one scrape of the real one, if it is installed.
//! - `psutil`: the basics and the scan against the calls of a usual Python sampler, if Python has it.
//!
//! A ratio above its limit makes the run fail. `--quick` takes fewer turns and 200 processes.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the cost of sampling is measured on Linux only");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        env, fs,
        hint::black_box,
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        path::{Path, PathBuf},
        process::{Child, Command, ExitCode, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use monitor_core::Value;
    use monitor_sinks::{Family, Host, HostSampling};
    use sysinfo::{
        CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, Networks, ProcessRefreshKind, ProcessesToUpdate,
        System,
    };

    /// `sysinfo` ignores what is asked of it sooner than 200 ms after the time before.
    const PAUSE: Duration = Duration::from_millis(210);

    const BASICS: [Family; 12] = [
        Family::Cpu,
        Family::Load,
        Family::Memory,
        Family::Pressure,
        Family::Disk,
        Family::Network,
        Family::Socket,
        Family::Paging,
        Family::Protocol,
        Family::FileHandle,
        Family::OwnProcess,
        Family::Container,
    ];

    pub(super) fn main() -> ExitCode {
        let is_quick = env::args().any(|argument| argument == "--quick");
        let (turns, sleepers) = if is_quick { (10, 200) } else { (40, 2_000) };
        let mut report = Report { is_good: true };
        let basics = basics(turns, &mut report);
        exporter(basics, turns, &mut report);
        let sleepers = Sleepers::start(sleepers);
        let scan = scan(turns.min(15), &mut report);
        psutil(basics, scan, &mut report);
        drop(sleepers);
        if report.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    struct Report {
        is_good: bool,
    }

    impl Report {
        /// Prints a ratio of seconds and whether it keeps its limit.
        fn ratio(&mut self, name: &str, ours: f64, theirs: f64, limit: f64) {
            let ratio = ours / theirs;
            let is_good = ratio <= limit;
            self.is_good &= is_good;
            let judged = if is_good { "ok" } else { "TOO MUCH" };
            println!(
                "{name:<34} {:>9.3} ms {:>9.3} ms  ratio {ratio:>7.4}  limit {limit:>7.4}  {judged}",
                ours * 1e3,
                theirs * 1e3
            );
        }

        fn share(&mut self, name: &str, share: f64, limit: f64) {
            let is_good = share <= limit;
            self.is_good &= is_good;
            let judged = if is_good { "ok" } else { "TOO MUCH" };
            println!("{name:<34} {:>9.4} % of one core           limit {:>7.4} %  {judged}", share * 1e2, limit * 1e2);
        }
    }

    fn thread_cpu() -> f64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }

    fn cpu_of(work: impl FnOnce()) -> f64 {
        let before = thread_cpu();
        work();
        thread_cpu() - before
    }

    fn median(mut costs: Vec<f64>) -> f64 {
        costs.sort_by(f64::total_cmp);
        costs.get(costs.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The basics, each family at its own cadence, with the list of series that a drain would go through.
    fn basics(turns: u32, report: &mut Report) -> f64 {
        let settings = HostSampling::every(Duration::from_millis(100)).only(BASICS);
        let every = BASICS.iter().fold(settings, |settings, family| settings.cadence(*family, Duration::ZERO));
        let usual = HostSampling::every(Duration::from_secs(1)).only(BASICS);
        let known = [Family::Cpu, Family::Load, Family::Memory, Family::Disk, Family::Network, Family::Socket];
        let shared = HostSampling::every(Duration::from_millis(100)).only(known);
        let mut every = Host::open(every.budget(1.0)).unwrap();
        let mut shared = Host::open(shared.budget(1.0)).unwrap();
        let mut usual = Host::open(usual).unwrap();
        let mut others = Others::new();
        let (mut all, mut knowns, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        let mut begun = Instant::now();
        let (mut usual_cpu, mut usual_samples) = (0.0, 0.0);
        for turn in 0..turns + 4 {
            let mut measured = [0.0; 3];
            thread::sleep(PAUSE);
            measured[0] = cpu_of(|| sample(&mut every));
            thread::sleep(PAUSE);
            measured[1] = cpu_of(|| sample(&mut shared));
            thread::sleep(PAUSE);
            measured[2] = cpu_of(|| others.basics());
            let mut was_due = false;
            let cost = cpu_of(|| was_due = sample_when_due(&mut usual));
            if turn < 4 {
                // The first samples make the series.
                begun = Instant::now();
            } else {
                usual_cpu += cost;
                usual_samples += f64::from(u8::from(was_due));
            }
            if turn >= 2 {
                all.push(measured[0]);
                knowns.push(measured[1]);
                theirs.push(measured[2]);
            }
        }
        let share = usual_cpu / begun.elapsed().as_secs_f64();
        let (all, knowns, theirs) = (median(all), median(knowns), median(theirs));
        let mean = usual_cpu / usual_samples;
        println!("{:<34} {:>12} {:>12}", "", "here", "there");
        report.ratio("basics, what sysinfo knows", knowns, theirs, 0.35);
        report.ratio("basics, all, as they are at 1 s", mean, theirs, 0.35);
        report.ratio("basics, every family every time", all, theirs, 1.0);
        by_family(&every);
        report.share("basics at 1 s", share, 0.0003);
        mean
    }

    fn sample(host: &mut Host) {
        host.sample(host.due_us());
        for sample in host.samples() {
            black_box(sample);
        }
        host.delivered();
    }

    /// Prints what each family cost a sample, on average.
    fn by_family(host: &Host) {
        let samples = series(host, "monitored_host_samples_total");
        let costs = host.samples().filter(|sample| sample.key.name == "monitored_host_sample_seconds_total");
        let cost = |sample: monitor_core::Sample<'_>| match sample.value {
            Value::Counter { total, .. } => format!("{} {:.1}", sample.key.labels[0].1, total.as_f64() / samples * 1e6),
            _ => String::new(),
        };
        println!("of which, in us: {}", costs.map(cost).collect::<Vec<_>>().join(", "));
    }

    fn sample_when_due(host: &mut Host) -> bool {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let is_due = host.is_due(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
        if is_due {
            sample(host);
        }
        is_due
    }

    /// The same by the crate `sysinfo`, asked for no more than is needed.
    struct Others {
        system: System,
        disks: Disks,
        networks: Networks,
    }

    impl Others {
        fn new() -> Self {
            let mut system = System::new().unwrap();
            system.refresh_cpu_list(CpuRefreshKind::nothing());
            Self {
                system,
                disks: Disks::new_with_refreshed_list().unwrap(),
                networks: Networks::new_with_refreshed_list().unwrap(),
            }
        }

        fn basics(&mut self) {
            self.system.refresh_cpu_usage();
            self.system.refresh_memory_specifics(MemoryRefreshKind::everything());
            let _ = black_box(System::load_average());
            self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage().with_io_usage());
            self.networks.refresh(true);
            black_box((self.system.global_cpu_usage(), self.system.used_memory()));
        }

        fn scan(&mut self) {
            let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
            black_box(self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind));
        }
    }

    /// All processes, among them many that sleep.
    fn scan(turns: u32, report: &mut Report) -> f64 {
        let settings = HostSampling::every(Duration::from_millis(100)).only([Family::Process]);
        let settings = settings.cadence(Family::Process, Duration::ZERO).budget(1.0);
        let mut host = Host::open(settings).unwrap();
        let mut others = Others::new();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut before = None;
        for turn in 0..turns + 2 {
            thread::sleep(PAUSE);
            let cost = cpu_of(|| others.scan());
            thread::sleep(PAUSE);
            sample(&mut host);
            let seconds = series(&host, "monitored_host_sample_seconds_total");
            if turn >= 2 {
                theirs.push(cost);
                ours.extend(before.map(|before: f64| seconds - before).filter(|cost| *cost > 0.0));
            }
            before = Some(seconds);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let processes = series(&host, "system_processes_count");
        report.ratio(&format!("scan of {processes} processes"), ours, theirs, 0.35);
        report.share("scan every 5 s", ours / 5.0, 0.0035);
        ours
    }

    fn series(host: &Host, name: &str) -> f64 {
        let found = host.samples().find(|sample| sample.key.name == name);
        found.map_or(0.0, |sample| match sample.value {
            Value::Counter { total, .. } => total.as_f64(),
            Value::Gauge(value) => value,
            _ => 0.0,
        })
    }

    /// Processes that sleep until they are dropped.
    struct Sleepers(Vec<Child>);

    impl Sleepers {
        fn start(count: usize) -> Self {
            let start = || Command::new("sleep").arg("900").stdin(Stdio::null()).stdout(Stdio::null()).spawn();
            Self((0..count).map_while(|_| start().ok()).collect())
        }
    }

    impl Drop for Sleepers {
        fn drop(&mut self) {
            for child in &mut self.0 {
                let _ = child.kill();
            }
            for child in &mut self.0 {
                let _ = child.wait();
            }
        }
    }

    /// One scrape of the real node exporter, by the CPU time of its process.
    fn exporter(basics: f64, turns: u32, report: &mut Report) {
        let Some(program) = find("prometheus-node-exporter") else {
            println!("node exporter: not installed, row left out");
            return;
        };
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new(program)
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            println!("node exporter: does not start, row left out");
            return;
        };
        let child = Sleepers(vec![child]);
        let pid = child.0[0].id();
        if !(0..100).any(|_| {
            thread::sleep(Duration::from_millis(50));
            scrape(&address).is_some()
        }) {
            println!("node exporter: does not answer, row left out");
            return;
        }
        let before = process_cpu(pid);
        for _ in 0..turns {
            thread::sleep(PAUSE);
            black_box(scrape(&address));
        }
        // Its clock counts in hundredths of a second, so only the sum over many scrapes says something.
        let cost = (process_cpu(pid) - before) / f64::from(turns);
        report.ratio("basics, against a node exporter", basics, cost, 1.0 / 25.0);
    }

    fn scrape(address: &str) -> Option<usize> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.contains("node_cpu_seconds_total").then_some(text.len())
    }

    fn process_cpu(pid: u32) -> f64 {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = line.rsplit(')').next().unwrap_or_default();
        let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }

    /// The calls of a usual Python sampler: per-core CPU, memory, disk, network, connections, every process.
    const PYTHON: &str = "
import psutil, time
def sample():
    psutil.cpu_percent(interval=None, percpu=True); psutil.cpu_percent(interval=None)
    psutil.cpu_count(); psutil.cpu_count(logical=False); psutil.getloadavg()
    psutil.virtual_memory(); psutil.swap_memory()
    psutil.disk_usage('/'); psutil.disk_io_counters()
    psutil.net_io_counters(); len(psutil.net_connections())
    rows = [p.info for p in psutil.process_iter(['pid', 'name', 'cpu_percent', 'memory_percent'])]
    sorted(rows, key=lambda x: x['cpu_percent'] or 0, reverse=True)[:5]
    sorted(rows, key=lambda x: x['memory_percent'] or 0, reverse=True)[:5]
sample()
costs = []
for _ in range(5):
    time.sleep(0.21)
    before = time.process_time()
    sample()
    costs.append(time.process_time() - before)
print(sorted(costs)[2])
";

    fn psutil(basics: f64, scan: f64, report: &mut Report) {
        let python = env::var_os("MONITORED_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
        // With the same processes on the machine as for the scan.
        let output = Command::new(python).arg("-c").arg(PYTHON).output();
        let cost = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse::<f64>().ok());
        match cost {
            Some(cost) => report.ratio("basics and scan, against psutil", basics + scan, cost, 0.2),
            None => println!("psutil: Python does not have it, row left out"),
        }
    }

    fn find(program: &str) -> Option<PathBuf> {
        let paths = env::var_os("PATH")?;
        env::split_paths(&paths).map(|folder| folder.join(program)).find(|path| Path::new(path).is_file())
    }
}
