//! Promise: over a store we answer what Prometheus does that scraped the same program.
//!
//! The server is the one of Debian 12, 2.42. What changed since then is kept apart: ranges and the lookback contain their
//! left edge there, so no edge meets a sample here; and what was backfilled cannot end with a marker there, so series that
//! end are left out.
#![cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    io::{Read, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{
    Random, promtool,
    scraped::{self, Scraped},
    tape::{MINUTE, START},
};
use monitor_sinks::{
    Store,
    promql::{Data, Query, Value},
};
use serde_json::Value as Json;

const ASKED: [&str; 60] = [
    "rows_total",
    "level",
    "rows_total{table=~\"a|c\"}",
    "{table!=\"b\",__name__=\"rows_total\"}",
    "rate(rows_total[5m])",
    "rate(rows_total[61s])",
    "increase(rows_total[17m])",
    "irate(rows_total[2m])",
    "idelta(level[2m])",
    "delta(level[9m])",
    "deriv(level[11m])",
    "predict_linear(level[11m], 3600)",
    "sgn(deriv(level[11m])) * cos(level)",
    "resets(rows_total[1h])",
    "changes(level[1h])",
    "avg_over_time(level[13m])",
    "min_over_time(level[13m])",
    "max_over_time(level[13m])",
    "sum_over_time(level[13m])",
    "count_over_time(level[13m])",
    "stddev_over_time(level[13m])",
    "stdvar_over_time(level[13m])",
    "quantile_over_time(0.7, level[13m])",
    "last_over_time(level[13m])",
    "present_over_time(level[13m])",
    "sum(rows_total)",
    "sum by (table) (rate(rows_total[5m]))",
    "sum without (table) (rows_total)",
    "avg(rows_total)",
    "min(rows_total)",
    "max by (service) (rows_total)",
    "count(rows_total)",
    "stddev(rows_total)",
    "stdvar(rows_total)",
    "group(rows_total)",
    "topk(2, rows_total)",
    "bottomk(1, rate(rows_total[5m]))",
    "quantile(0.4, rows_total)",
    "count_values(\"of\", rows_total > bool 100)",
    "rows_total offset 7m",
    "rows_total - rows_total offset 3m",
    "rows_total / on(table) rows_total offset 1m",
    "rows_total * on(service) group_left level",
    "rows_total > 50",
    "rows_total > bool 50",
    "rows_total > 20 and rows_total < 500",
    "rows_total{table=\"a\"} or level",
    "rows_total unless rows_total{table=\"a\"}",
    "-rows_total ^ 2 % 7",
    "abs(level - 60)",
    "clamp(level, 20, 80)",
    "round(level, 0.5)",
    "ln(level + 1) + sqrt(level)",
    "scalar(level) * vector(2)",
    "absent(rows_total{table=\"z\"})",
    "label_replace(level, \"x\", \"$1\", \"service\", \"(..).*\")",
    "sort_desc(rows_total)",
    "max_over_time(rate(rows_total[2m])[20m:30s])",
    "avg_over_time(level[20m:1m] offset 4m)",
    "hour(timestamp(level)) + minute() + time()",
];

#[test]
fn the_real_prometheus_gives_the_same_answers() {
    let (Some(promtool), Some(prometheus)) = (promtool(), prometheus()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = Random(0x2_0042);
    let scraped = scraped::record(&path, &mut random);
    let server = Server::with(&promtool, &prometheus, folder.path(), &scraped);
    let source = Store::open_read_only(&path).unwrap().promql_source();
    let mut compared = 0;
    for text in ASKED {
        for _ in 0..10 {
            let minutes = 20 + (random.next() % 99).cast_signed();
            let at = (START + minutes * MINUTE) / 1_000 + (random.next() % 60).cast_signed() * 1_000;
            let ours = Query::new(&source, text).at(at).unwrap();
            let (ours, theirs) = (by_labels(ours.data()), server.ask(text, at));
            assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{text} at {at}");
            for (labels, value) in &ours {
                let wanted = theirs[labels];
                let is_near =
                    (value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0) || value.is_nan() && wanted.is_nan();
                assert!(is_near, "{text} at {at}: {labels} {value} for {wanted}");
                compared += 1;
            }
        }
    }
    assert!(compared > 600, "{compared}");
}

fn by_labels(data: &Data) -> BTreeMap<String, f64> {
    let Data::Vector(elements) = data else { panic!("{data:?}") };
    let value = |value: &Value| value.as_float().unwrap();
    let labels = |labels: &monitor_sinks::promql::Labels| {
        labels.iter().map(|(label, value)| format!("{label}={value};")).collect::<Vec<_>>().concat()
    };
    elements.iter().map(|element| (labels(&element.labels), value(&element.value))).collect()
}

/// Where `prometheus` is; as for [`promtool`].
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

/// A server on loopback over what was backfilled, ended when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn with(promtool: &Path, prometheus: &Path, folder: &Path, scraped: &Scraped) -> Self {
        let (file, blocks, config) = (folder.join("m.om"), folder.join("blocks"), folder.join("prometheus.yml"));
        fs::write(&file, openmetrics(scraped)).unwrap();
        fs::write(&config, "global: {}\n").unwrap();
        let filled = Command::new(promtool)
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .args([&file, &blocks])
            .output()
            .unwrap();
        assert!(filled.status.success(), "{filled:?}");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(prometheus)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", blocks.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--storage.tsdb.retention.time=100y", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port };
        let begun = Instant::now();
        // Another process: there is nothing to wait for but its answer.
        while server.get("/-/ready").is_none() {
            assert!(begun.elapsed() < Duration::from_mins(1), "prometheus does not get ready");
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn ask(&self, text: &str, at: i64) -> BTreeMap<String, f64> {
        let mut encoded = String::new();
        text.bytes().for_each(|byte| write!(encoded, "%{byte:02X}").unwrap());
        let answer = self.get(&format!("/api/v1/query?query={encoded}&time={}.{:03}", at / 1_000, at % 1_000)).unwrap();
        let answer: Json = serde_json::from_str(&answer).unwrap();
        let elements = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{text}: {answer}"));
        let label = |(label, value): (&String, &Json)| format!("{label}={};", value.as_str().unwrap());
        let labels = |one: &Json| one["metric"].as_object().unwrap().iter().map(label).collect::<Vec<_>>().concat();
        elements.iter().map(|one| (labels(one), one["value"][1].as_str().unwrap().parse().unwrap())).collect()
    }

    /// The body of the answer, if it is one of success.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).is_some_and(|status| status == "200").then(|| body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was scraped, without markers, which the text cannot say.
fn openmetrics(scraped: &Scraped) -> String {
    let mut text = String::from("# TYPE rows counter\n# TYPE level gauge\n");
    for (labels, samples) in scraped.0.iter().filter(|(labels, _)| ["rows_total", "level"].contains(&labels.name())) {
        let own: Vec<String> = labels.iter().skip(1).map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        for (at, value) in samples.iter().filter(|(_, value)| !value.is_nan()) {
            writeln!(text, "{}{{{}}} {value} {}.{:03}", labels.name(), own.join(","), at / 1_000, at % 1_000).unwrap();
        }
    }
    text + "# EOF\n"
}
