//! Promise: a webhook and an Alertmanager whose certificate is signed by a CA of one's own are trusted if the channel knows
//! that CA, and by no one else.
#![cfg(all(feature = "smtp", feature = "webhook", unix))]

#[path = "common/delivery.rs"]
mod delivery;
#[path = "common/mail.rs"]
mod mail;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Instant,
};

use delivery::{PATIENCE, message};
use monitor_sinks::notify::{Alertmanager, Channel, Class, Kind, Receipt, Refusal, Webhook};
use serde_json::Value;

/// A real server of HTTPS. Killed when dropped.
struct Server {
    child: Child,
    port: u64,
    events: mpsc::Receiver<Value>,
}

impl Server {
    fn start(folder: &Path) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/https_server.py");
        let mut command = Command::new(mail::python()?);
        command.arg(script).arg(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str::<Value>(&line).unwrap());
            }
        });
        let port = events.recv_timeout(PATIENCE).unwrap()["port"].as_u64().unwrap();
        Some(Self { child, port, events })
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send(channel: &mut impl Channel, kind: Kind) -> Result<Receipt, Refusal> {
    channel.send(&message(kind, "f00d"), Instant::now() + PATIENCE)
}

#[test]
fn a_ca_of_ones_own_is_trusted_where_it_is_named_and_nowhere_else() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    mail::certificates(folder.path());
    mail::certificates(other.path());
    let Some(server) = Server::start(folder.path()) else { return };
    let ca = folder.path().join("ca.pem");
    let webhook = || Webhook::new(server.url());
    send(&mut webhook().ca_file(&ca).build().unwrap(), Kind::Firing).map(drop).unwrap();
    let posted = server.events.recv_timeout(PATIENCE).unwrap();
    assert!(posted["body"].as_str().unwrap().contains("CPU of f00d"), "{posted}");
    for stranger in [webhook(), webhook().ca_file(other.path().join("ca.pem"))] {
        let refusal = send(&mut stranger.build().unwrap(), Kind::Firing).unwrap_err();
        assert_eq!(refusal.class, Class::Channel, "{refusal}");
    }
    assert!(server.events.try_recv().is_err());

    let alertmanager = || Alertmanager::at(server.url());
    send(&mut alertmanager().ca_file(&ca).start().unwrap(), Kind::Test).map(drop).unwrap();
    assert_eq!(server.events.recv_timeout(PATIENCE).unwrap()["path"], "/api/v2/alerts");
    let refusal = send(&mut alertmanager().start().unwrap(), Kind::Test).unwrap_err();
    assert_eq!(refusal.class, Class::Channel, "{refusal}");
    let error = webhook().ca_file(folder.path().join("none.pem")).build().unwrap_err();
    assert!(error.is_invalid_setting() && error.to_string().contains("none.pem"), "{error}");
}
