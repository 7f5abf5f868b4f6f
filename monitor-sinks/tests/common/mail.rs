//! The real mail server of Python's package aiosmtpd, on loopback.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use monitor_sinks::notify::{Email, EmailBuilder, Secret};
use serde_json::Value;

use super::delivery::PATIENCE;

/// The password of the user `monitor`.
pub(crate) const PLANTED: &str = "planted-secret";

/// A python with aiosmtpd: the one in `MONITORED_PYTHON`, or that in the path of programs.
pub(crate) fn python() -> Option<PathBuf> {
    let found = env::var_os("MONITORED_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let has_it = Command::new(&found).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
    if has_it.is_ok_and(|status| status.success()) {
        return Some(found);
    }
    let message = "SKIPPED: this test needs a python with aiosmtpd, named by MONITORED_PYTHON";
    assert!(env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}");
    None
}

/// The real aiosmtpd, with a certificate that a CA of its own has signed.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    events: mpsc::Receiver<Value>,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start(words: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        Self::run(folder, words, 0)
    }

    /// Ends it, and starts it again at the same port after `meanwhile`.
    pub(crate) fn restart(mut self, meanwhile: impl FnOnce()) -> Option<Self> {
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        let port = self.port;
        drop(self);
        meanwhile();
        Self::run(folder, &[], port)
    }

    fn run(folder: tempfile::TempDir, words: &[&str], port: u16) -> Option<Self> {
        let python = python()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/smtp_server.py");
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(folder.path())
            .arg(port.to_string())
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str::<Value>(&line).unwrap());
            }
        });
        let first = events.recv_timeout(PATIENCE).unwrap();
        let port = u16::try_from(first["port"].as_u64().unwrap()).unwrap();
        Some(Self { child, port, events, folder })
    }

    /// A channel that this server should be content with.
    pub(crate) fn email(&self, recipients: &[&str]) -> EmailBuilder {
        let email = Email::via("localhost").port(self.port).ca_file(self.ca_file());
        let email = email.login("monitor", Secret::new(PLANTED)).from("Monitor <monitor@a.example>");
        recipients.iter().fold(email, |email, to| email.to(format!("{to}@b.example")))
    }

    /// The certificate of the CA that has signed that of the server.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn next(&self, event: &str) -> Value {
        loop {
            let next = self.events.recv_timeout(PATIENCE).unwrap();
            if next["event"] == event {
                return next;
            }
        }
    }

    pub(crate) fn rest(&self) -> Vec<Value> {
        self.events.try_iter().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes ca.pem, server.pem and server.key.
pub(crate) fn certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("{key} -x509 -days 2 -subj /CN=Test-CA -keyout ca.key -out ca.pem"));
    openssl(&format!("{key} -subj /CN=localhost -keyout server.key -out server.csr"));
    fs::write(folder.join("names.cnf"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names.cnf -out server.pem",
    );
}
