//! Promise: the real Prometheus scrapes this server, and then answers what this server answers.
#![cfg(feature = "http")]

#[path = "common/http.rs"]
mod http;

use std::{
    collections::BTreeMap,
    env, fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use http::{PATIENCE, builder, get};
use monitor_sinks::promql::{Histogram, Labels, Memory};

/// Where the server of Debian's package prometheus is: in `MONITORED_PROMETHEUS`, or in the path of programs.
fn prometheus() -> Option<PathBuf> {
    let found = env::var_os("MONITORED_PROMETHEUS").map_or_else(|| PathBuf::from("prometheus"), PathBuf::from);
    if Command::new(&found).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(found);
    }
    let message = "SKIPPED: this test needs prometheus, of the Debian package of that name";
    assert!(env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}");
    None
}

/// A Prometheus on loopback that scrapes one target each second, ended when dropped.
struct Scraper {
    child: Child,
    address: SocketAddr,
}

impl Scraper {
    fn start(program: &Path, folder: &Path, target: SocketAddr) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = folder.join("prometheus.yml");
        let job = format!("{{job_name: ours, scrape_interval: 1s, static_configs: [{{targets: ['{target}']}}]}}");
        fs::write(&config, format!("scrape_configs: [{job}]\n")).unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, address }
    }

    /// Values by labels, once it has scraped.
    fn values(&self, query: &str) -> BTreeMap<String, String> {
        let begin = Instant::now();
        loop {
            if TcpStream::connect(self.address).is_ok() {
                let found = values(self.address, query);
                if !found.is_empty() {
                    return found;
                }
            }
            assert!(begin.elapsed() < 2 * PATIENCE, "Prometheus has no {query}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn values(address: SocketAddr, query: &str) -> BTreeMap<String, String> {
    let reply = get(address, &format!("/api/v1/query?query={}", query.replace(' ', "%20")));
    if reply.status != 200 {
        return BTreeMap::new();
    }
    let result = reply.data()["result"].as_array().unwrap().clone();
    let value = |element: &serde_json::Value| element["value"][1].as_str().unwrap().to_owned();
    result.iter().map(|element| (element["metric"].to_string(), value(element))).collect()
}

#[test]
fn the_real_prometheus_has_what_it_scraped() {
    let Some(program) = prometheus() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut memory = Memory::new();
    for (table, value) in [("a", 5.0), ("b\"\\\n", 0.1), ("é", 9_007_199_254_740_991.0)] {
        memory.push(&Labels::new([("__name__", "rows_total"), ("table", table)]), now, value);
    }
    for (place, value) in [("cold", f64::NEG_INFINITY), ("hot", f64::INFINITY), ("none", f64::NAN), ("low", 5e-324)] {
        memory.push(&Labels::new([("__name__", "temperature"), ("place", place)]), now, value);
    }
    let histogram = Histogram::exponential(2, 9, 3.5).positive([(-3, 2.0), (1, 3.0)]).zero(0.001, 4.0);
    memory.push(&Labels::new([("__name__", "parse_seconds")]), now, histogram);
    let server = builder(memory).start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let scraper = Scraper::start(&program, folder.path(), server.address());
    for (there, here) in [
        ("max without (instance, job) (rows_total)", "max without (instance) (rows_total)"),
        ("max without (instance, job) (temperature)", "max without (instance) (temperature)"),
        ("sum(parse_seconds_count)", "sum(histogram_count(parse_seconds))"),
        ("sum(parse_seconds_sum)", "sum(histogram_sum(parse_seconds))"),
        ("sum(parse_seconds_bucket{le='0.001'})", "sum(histogram_fraction(-1, 0.001, parse_seconds)) * 9"),
    ] {
        let found = scraper.values(there);
        assert_eq!(found, values(server.address(), here), "{there}");
        assert!(!found.is_empty());
    }
    assert_eq!(scraper.values("up").values().collect::<Vec<_>>(), ["1"]);
}
