//! The real Prometheus on loopback, with samples that it is sent by remote write.
//!
//! Unlike the text that `promtool` makes blocks of, remote write can say that a series ended.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use monitor_sinks::promql::Labels;
use serde_json::Value as Json;

use super::scraped::Scraped;

/// Where `prometheus` is: at the path in `MONITORED_PROMETHEUS`, or else in the path of programs. Where there is none the
/// test cannot run: it says so, and fails where it must not be left out.
pub(crate) fn prometheus() -> Option<PathBuf> {
    let found = env::var_os("MONITORED_PROMETHEUS").map_or_else(|| PathBuf::from("prometheus"), PathBuf::from);
    if Command::new(&found).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(found);
    }
    let message = "SKIPPED: this test needs prometheus, of the Debian package of that name";
    assert!(env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}");
    None
}

/// A server, ended when dropped.
pub(crate) struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    /// Starts one with its data in `folder`, and waits until it is ready.
    pub(crate) fn start(program: &Path, folder: &Path) -> Self {
        let config = folder.join("prometheus.yml");
        fs::write(&config, "global: {}\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port };
        let begun = Instant::now();
        // Another process: there is nothing to wait for but its answer.
        while server.get("/-/ready").is_none_or(|answer| answer.0 != 200) {
            assert!(begun.elapsed() < Duration::from_mins(1), "prometheus does not get ready");
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Gives it what was scraped, some minutes at a time, because it takes nothing that is older than an hour.
    pub(crate) fn write(&self, scraped: &Scraped) {
        const MINUTES: i64 = 20 * 60_000;
        let mut parts: std::collections::BTreeMap<i64, Vec<u8>> = std::collections::BTreeMap::new();
        for (labels, samples) in &scraped.0 {
            let mut series: std::collections::BTreeMap<i64, Vec<u8>> = std::collections::BTreeMap::new();
            for (&at, &value) in samples {
                let encoded = [&[0x09][..], &value.to_le_bytes(), &[0x10], &varint(at.unsigned_abs())].concat();
                let samples = series.entry(at / MINUTES).or_insert_with(|| label_fields(labels));
                samples.extend(field(2, &encoded));
            }
            for (part, series) in series {
                parts.entry(part).or_default().extend(field(1, &series));
            }
        }
        for request in parts.into_values() {
            let body = snappy(&request);
            let head = format!(
                "POST /api/v1/write HTTP/1.0\r\nContent-Length: {}\r\nContent-Encoding: snappy\r\n\
                 Content-Type: application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n\r\n",
                body.len()
            );
            let (status, answer) = self.exchange(&[head.as_bytes(), &body].concat()).unwrap();
            assert_eq!(status, 204, "{answer}");
        }
    }

    /// What it answers, whether that is data or an error.
    pub(crate) fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Json {
        let mut target = format!("/api/v1/{path}?");
        for (name, value) in parameters {
            write!(target, "{name}=").unwrap();
            value.bytes().for_each(|byte| write!(target, "%{byte:02X}").unwrap());
            target.push('&');
        }
        let (_, body) = self.get(&target).unwrap_or_else(|| panic!("no answer to {parameters:?}"));
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{parameters:?}: {error} in {body}"))
    }

    /// The status and body of an answer.
    fn get(&self, target: &str) -> Option<(u16, String)> {
        self.exchange(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes())
    }

    fn exchange(&self, request: &[u8]) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(request).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The labels of a `TimeSeries`.
fn label_fields(labels: &Labels) -> Vec<u8> {
    let label =
        |(name, value): (&str, &str)| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    labels.iter().flat_map(label).collect()
}

/// A field of bytes in a message of protobuf.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(bytes.len() as u64), bytes].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Snappy's block format, of literals only.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut block = varint(bytes.len() as u64);
    for literal in bytes.chunks(1 << 16) {
        block.push(61 << 2);
        block.extend(((literal.len() - 1) as u16).to_le_bytes());
        block.extend(literal);
    }
    block
}
