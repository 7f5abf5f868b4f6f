//! Promise: a real Alertmanager holds what fires and lets go of what is over, whatever happened to it meanwhile.
#![cfg(all(feature = "webhook", unix))]

mod common;
#[path = "common/delivery.rs"]
mod delivery;

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use delivery::{PATIENCE, Receiver, message, now_ms};
use monitor_sinks::{
    Monitor,
    notify::{Active, Alertmanager, Channel, Class, Kind, Severity},
    rule::Rule,
};

/// Where the program of Debian's package prometheus-alertmanager is: in `MONITORED_ALERTMANAGER`, or in the path of
/// programs.
fn alertmanager() -> Option<PathBuf> {
    let named = env::var_os("MONITORED_ALERTMANAGER").map(PathBuf::from);
    let found = named.unwrap_or_else(|| PathBuf::from("prometheus-alertmanager"));
    if Command::new(&found).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(found);
    }
    let message = "SKIPPED: this test needs prometheus-alertmanager, of the Debian package of that name";
    assert!(env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}");
    None
}

/// The real thing, on loopback, which tells a receiver at once. Killed when dropped.
struct Real {
    child: Child,
    address: SocketAddr,
}

impl Real {
    fn start(program: &Path, folder: &Path, address: SocketAddr, receiver: &Receiver) -> Self {
        let config = format!(
            "route: {{receiver: test, group_by: [alertname], group_wait: 1s, group_interval: 1s}}\n\
             receivers: [{{name: test, webhook_configs: [{{url: '{}'}}]}}]\n",
            receiver.url()
        );
        let file = folder.join("alertmanager.yml");
        fs::write(&file, config).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, address }
    }

    /// The labels of what it holds as firing; `None` while it does not answer.
    fn holds(&self) -> Option<Vec<serde_json::Value>> {
        let answer = get(self.address, "/api/v2/alerts")?;
        let alerts: Vec<serde_json::Value> = serde_json::from_str(&answer).ok()?;
        Some(alerts.into_iter().map(|mut alert| alert["labels"].take()).collect())
    }

    fn until(&self, within: Duration, mut is_it: impl FnMut(&[serde_json::Value]) -> bool) -> Duration {
        let begin = Instant::now();
        loop {
            let holds = self.holds();
            if holds.as_deref().is_some_and(&mut is_it) {
                return begin.elapsed();
            }
            assert!(begin.elapsed() < within, "after {:?} it holds {holds:?}", begin.elapsed());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

fn firing() -> Active {
    let mut alert = Active::new("high_cpu", now_ms() - 5_000);
    alert.labels.insert(String::from("host.name"), String::from("h1"));
    alert.annotations.insert(String::from("summary"), String::from("CPU 95 %"));
    alert
}

/// Row 22 of the failure matrix.
#[test]
fn what_fires_comes_back_after_a_kill_and_its_end_arrives_although_it_was_down() {
    let Some(program) = alertmanager() else { return };
    let receiver = Receiver::answering("200 OK");
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = || Real::start(&program, folder.path(), address, &receiver);

    // It is down when the alert begins.
    let resend = Duration::from_secs(1);
    let ours = Alertmanager::at(format!("http://{address}/")).resend_every(resend).start().unwrap();
    let alert = firing();
    ours.update(vec![alert.clone()]);
    let real = start();
    real.until(PATIENCE, |holds| {
        holds.len() == 1 && holds[0]["host_name"] == "h1" && holds[0]["alertname"] == "high_cpu"
    });
    let told = receiver.next().json();
    assert_eq!((&told["status"], &told["alerts"][0]["annotations"]["summary"]), (&"firing".into(), &"CPU 95 %".into()));

    // It is killed, and forgets.
    drop(real);
    let real = start();
    real.until(PATIENCE, |holds| holds.len() == 1);

    // The alert ends while it is down, and another one goes on.
    drop(real);
    let mut other = firing();
    other.rule = String::from("full_disk");
    ours.update(vec![other]);
    let real = start();
    real.until(PATIENCE, |holds| holds.len() == 1 && holds[0]["alertname"] == "full_disk");

    // It holds an alert, which ends.
    ours.update(vec![]);
    let begin = Instant::now();
    loop {
        let told = receiver.next().json();
        if told["status"] == "resolved" && told["alerts"][0]["labels"]["alertname"] == "full_disk" {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{told}");
    }
    real.until(PATIENCE, <[_]>::is_empty);
}

#[test]
fn an_alert_whose_program_is_killed_ends_by_itself() {
    let Some(program) = alertmanager() else { return };
    let receiver = Receiver::answering("200 OK");
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let real = Real::start(&program, folder.path(), address, &receiver);
    real.until(PATIENCE, <[_]>::is_empty);
    let ours = Alertmanager::at(format!("http://{address}")).resend_every(Duration::from_secs(1)).start().unwrap();
    ours.update(vec![firing()]);
    real.until(PATIENCE, |holds| holds.len() == 1);
    drop(ours);
    real.until(PATIENCE, <[_]>::is_empty);
}

#[test]
fn a_test_is_an_alert_that_says_so_and_is_ended_again() {
    let Some(program) = alertmanager() else { return };
    let receiver = Receiver::answering("200 OK");
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut ours = Alertmanager::at(format!("http://{address}")).start().unwrap();
    let mut test = || ours.send(&message(Kind::Test, "f00d"), Instant::now() + PATIENCE);
    assert_eq!(test().unwrap_err().class, Class::Transient, "nobody is there");
    let real = Real::start(&program, folder.path(), address, &receiver);
    real.until(PATIENCE, <[_]>::is_empty);
    let receipt = test().unwrap();
    assert!(receipt.text.starts_with("200 OK"), "{}", receipt.text);
    let figures = get(address, "/metrics").unwrap();
    for status in ["firing", "resolved"] {
        let line = format!("alertmanager_alerts_received_total{{status=\"{status}\",version=\"v2\"}} 1\n");
        assert!(figures.contains(&line), "{status}: {figures}");
    }
    assert!(real.holds().unwrap().is_empty());
    // An address at which there is no Alertmanager is for somebody to mend.
    let none = Receiver::answering("404 Not Found");
    let mut wrong = Alertmanager::at(format!("http://{}", none.address)).start().unwrap();
    let refusal = wrong.send(&message(Kind::Test, "f00d"), Instant::now() + PATIENCE).unwrap_err();
    assert_eq!(refusal.class, Class::Channel, "{refusal}");
}

#[test]
fn a_monitor_hands_over_what_fires_and_takes_it_back() {
    let Some(program) = alertmanager() else { return };
    let receiver = Receiver::answering("200 OK");
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let real = Real::start(&program, folder.path(), address, &receiver);
    real.until(PATIENCE, <[_]>::is_empty);
    let start = || {
        let ours = Alertmanager::at(format!("http://{address}")).resend_every(Duration::from_secs(1)).start().unwrap();
        let rule = Rule::new("long_queue").when("queue").above(10.0).severity(Severity::High);
        let feed = common::Feed::default();
        let builder = common::builder(&folder.path().join("m.db")).rule(rule).channel("am", ours);
        (builder.start_with(feed.source()).unwrap(), feed)
    };
    let set = |monitor: &Monitor, feed: &common::Feed, value: f64| {
        feed.with(move |registry| registry.gauge("queue", &[], value));
        monitor.flush().unwrap();
    };
    let (monitor, feed) = start();
    set(&monitor, &feed, 20.0);
    real.until(PATIENCE, |holds| holds.len() == 1 && holds[0]["severity"] == "high");
    // The program starts again; nothing is told by the monitor, and the alert stays.
    monitor.shutdown().unwrap();
    let (monitor, feed) = start();
    set(&monitor, &feed, 20.0);
    thread::sleep(Duration::from_secs(5));
    assert_eq!(real.holds().map(|holds| holds.len()), Some(1));
    set(&monitor, &feed, 1.0);
    real.until(PATIENCE, <[_]>::is_empty);
    monitor.shutdown().unwrap();
}
