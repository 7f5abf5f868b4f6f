//! Promise: `monitor alert test` says whether a real Alertmanager takes alerts, and leaves none behind there.
#![cfg(unix)]

mod common;

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{complaint, monitor, printed};

/// Longer than it takes to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program of Debian's package prometheus-alertmanager. Killed when dropped.
struct Real(Child);

impl Real {
    /// `None` where there is no such program.
    fn start(folder: &Path, address: SocketAddr) -> Option<Self> {
        let program = env::var_os("MONITORED_ALERTMANAGER").unwrap_or_else(|| "prometheus-alertmanager".into());
        let settings = folder.join("alertmanager.yml");
        fs::write(&settings, "route: {receiver: none}\nreceivers: [{name: none}]\n").unwrap();
        let spawned = Command::new(program)
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if spawned.is_err() {
            let message = "SKIPPED: this test needs prometheus-alertmanager, of the Debian package of that name";
            assert!(env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
        }
        spawned.ok().map(Self)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What it answers; `None` while it does not.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

#[test]
fn a_test_of_an_alertmanager_says_what_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = folder.path().join("monitor.toml");
    fs::write(&config, format!("[channels.am]\ntype = 'alertmanager'\nurl = 'http://{address}'\n")).unwrap();
    let config = config.to_str().unwrap();
    let sent = || monitor(&["alert", "test", "--config", config, "--channel", "am"]);
    let (code, said) = complaint(&sent());
    assert!(code == 1 && said.contains("channel `am` did not take the test") && said.contains("refused"), "{said}");

    let Some(_real) = Real::start(folder.path(), address) else { return };
    let begun = Instant::now();
    while get(address, "/-/ready").is_none() {
        assert!(begun.elapsed() < PATIENCE, "it does not start");
        thread::sleep(Duration::from_millis(50));
    }
    let said = printed(&sent());
    assert!(said.starts_with("channel `am` took the test: 200 OK; it held the alert MonitoredTest"), "{said}");
    assert_eq!(get(address, "/api/v2/alerts").unwrap().trim(), "[]");
}
