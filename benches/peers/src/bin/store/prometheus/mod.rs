//! Prometheus under the load: a server on loopback that gets it by remote write and is asked over HTTP.
//!
//! Its receive time is what its answers took; requests are put together outside of it. What it does beside, such as
//! making blocks, is not counted, so the comparison leans to its side. Its size is that of a snapshot taken once it has
//! nothing left to compact: every sample is in a block then, and neither its log nor its memory counts.

mod package;
mod wire;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use self::wire::Sender;
use crate::{
    Outcome,
    load::{Grid, Load, SCALARS},
    measure::{Times, bytes},
    promql::{self, Answered},
};

/// How long the server may take to start or to come to rest.
const PATIENCE: Duration = Duration::from_mins(3);

/// For how long nothing may have been compacted until nothing will be.
const REST: Duration = Duration::from_secs(15);

/// How often a question is asked.
const ASKED: usize = 11;

/// The program, ready to be started.
#[derive(Debug)]
pub(crate) struct Prometheus {
    program: PathBuf,
    pub(crate) version: String,
}

/// What became of a load.
#[derive(Debug)]
pub(crate) struct Received {
    /// Of requests.
    pub(crate) times: Times,
    /// Of all blocks.
    pub(crate) bytes: u64,
    pub(crate) blocks: usize,
    /// Answers to [`QUESTIONS`], in their order.
    pub(crate) questions: Vec<Times>,
    /// Questions in PromQL to it and to us, if it was given the path of our store.
    pub(crate) promql: Vec<Answered>,
}

/// What a server is asked that has received a load.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// Whether it is asked [`QUESTIONS`].
    pub(crate) questions: bool,
    /// The store of ours that is asked in PromQL beside it.
    pub(crate) beside: Option<&'a Path>,
}

/// What is asked, as in `ours::Questions`.
const QUESTIONS: [&str; 4] = [
    "system_cpu_utilization_ratio{cpu=\"7\"}[1d]",
    "histogram_quantile(0.99, increase(function_calls_duration_seconds{function=\"step_007\"}[1d]))",
    "histogram_quantile(0.99, increase(function_calls_duration_seconds[1h]))",
    "{__name__=~\".+\"}",
];

impl Prometheus {
    /// Finds the program, or fetches it into a folder below `folder`.
    pub(crate) fn find(folder: &Path) -> Outcome<Self> {
        let program = package::program(folder)?;
        Ok(Self { version: package::version(&program)?, program })
    }

    /// Sends it `flushes` flushes of the load, into an empty folder of its own below `folder`, and asks it.
    pub(crate) fn receive(
        &self,
        folder: &Path,
        grid: Option<Grid>,
        flushes: usize,
        asked: Asked<'_>,
    ) -> Outcome<Received> {
        let folder = folder.join("prometheus");
        fs::create_dir(&folder)?;
        let mut server = Server::start(&self.program, &folder)?;
        let mut load = Load::new(grid);
        let mut sender = Sender::new(grid);
        let mut times = Times::default();
        for at in 0..flushes {
            crate::progress("prometheus", at, flushes);
            load.advance();
            if let Some(request) = sender.add(load.at_us(), load.samples()) {
                times.take(|| server.write(&request))?;
            }
            times.reached(at + 1, flushes);
        }
        if let Some(request) = sender.take() {
            times.take(|| server.write(&request))?;
        }
        eprintln!("prometheus: waiting until it has compacted all");
        server.rest()?;
        let questions = if asked.questions { server.ask(load.at_us())? } else { Vec::new() };
        let promql = match asked.beside {
            Some(ours) => promql::ask(ours, load.at_us(), &server.address)?,
            None => Vec::new(),
        };
        let snapshot = server.snapshot()?;
        let blocks = fs::read_dir(&snapshot)?.count();
        let received = Received { times, bytes: bytes(&snapshot), blocks, questions, promql };
        let scalars = if grid.is_none() { samples(&snapshot)? } else { (flushes * SCALARS) as u64 };
        drop(server);
        fs::remove_dir_all(folder)?;
        if scalars == (flushes * SCALARS) as u64 {
            Ok(received)
        } else {
            Err(format!("Prometheus has {scalars} samples of {}", flushes * SCALARS).into())
        }
    }
}

/// Samples in the blocks of `snapshot`, as these state.
fn samples(snapshot: &Path) -> Outcome<u64> {
    let mut samples = 0;
    for block in fs::read_dir(snapshot)? {
        let meta: serde_json::Value = serde_json::from_slice(&fs::read(block?.path().join("meta.json"))?)?;
        samples += meta["stats"]["numSamples"].as_u64().unwrap_or(0);
    }
    Ok(samples)
}

/// A server that runs until it is dropped.
#[derive(Debug)]
struct Server {
    child: Child,
    folder: PathBuf,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &Path, folder: &Path) -> Outcome<Self> {
        let config = folder.join("prometheus.yml");
        fs::write(&config, "")?;
        let log = fs::File::create(folder.join("log"))?;
        // Free now; if somebody takes it meanwhile, the server says so and ends.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--web.enable-remote-write-receiver", "--web.enable-admin-api"])
            .arg("--enable-feature=native-histograms")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut server = Self { child, folder: folder.to_owned(), address: format!("http://127.0.0.1:{port}") };
        let begun = Instant::now();
        while ureq::get(server.url("/-/ready")).call().is_err() {
            if let Some(status) = server.child.try_wait()? {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                return Err(format!("Prometheus ended at its start: {status}\n{log}").into());
            }
            if begun.elapsed() > PATIENCE {
                return Err("Prometheus does not become ready".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    fn write(&mut self, request: &[u8]) -> Outcome<()> {
        ureq::post(self.url("/api/v1/write"))
            .header("Content-Type", "application/x-protobuf")
            .header("Content-Encoding", "snappy")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0")
            .send(request)?;
        Ok(())
    }

    /// How long each of the questions takes, answers read to their end.
    fn ask(&self, end_us: i64) -> Outcome<Vec<Times>> {
        let ask = |question: &str| -> Outcome<String> {
            let get = ureq::get(self.url("/api/v1/query"));
            let mut answer = get.query("query", question).query("time", (end_us / 1_000_000).to_string()).call()?;
            Ok(answer.body_mut().read_to_string()?)
        };
        let mut times = Vec::new();
        for question in QUESTIONS {
            let answer: serde_json::Value = serde_json::from_str(&ask(question)?)?;
            if answer["data"]["result"].as_array().is_none_or(Vec::is_empty) {
                return Err(format!("Prometheus has no answer to {question}").into());
            }
            times.push(Times::repeat(ASKED, || ask(question)));
        }
        Ok(times)
    }

    /// Waits until there is nothing left to compact.
    fn rest(&self) -> Outcome<()> {
        let begun = Instant::now();
        let (mut known, mut since) = (String::new(), Instant::now());
        while since.elapsed() < REST {
            if begun.elapsed() > PATIENCE {
                return Err("Prometheus does not come to rest".into());
            }
            thread::sleep(Duration::from_millis(500));
            let text = ureq::get(self.url("/metrics")).call()?.body_mut().read_to_string()?;
            let of_compaction = |line: &&str| {
                ["prometheus_tsdb_compactions_total", "prometheus_tsdb_blocks_loaded", "prometheus_tsdb_head_min_time"]
                    .iter()
                    .any(|name| line.starts_with(name))
            };
            let found: String = text.lines().filter(of_compaction).collect();
            if found != known {
                (known, since) = (found, Instant::now());
            }
        }
        Ok(())
    }

    /// A folder with all that it holds, in blocks.
    fn snapshot(&self) -> Outcome<PathBuf> {
        let mut answer = ureq::post(self.url("/api/v1/admin/tsdb/snapshot")).send_empty()?;
        let answer: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        let name = answer["data"]["name"].as_str().ok_or("Prometheus made no snapshot")?;
        Ok(self.folder.join("data/snapshots").join(name))
    }
}
