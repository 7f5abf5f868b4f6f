//! Promise: mails reach a real server encrypted, logged in and threaded; each of its refusals means what it should.
#![cfg(all(feature = "smtp", unix))]

#[path = "common/delivery.rs"]
mod delivery;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use delivery::{OVERSHOOT, PATIENCE, Post, dripping, hanging, message};
use monitor_sinks::notify::{Channel, Class, Email, EmailBuilder, Kind, Receipt, Refusal, Secret, outbox::Note};
use serde_json::Value;

const SHORT: Duration = Duration::from_millis(500);

/// The password that is found nowhere.
const PLANTED: &str = "planted-secret";

/// A python with aiosmtpd: the one in `MONITORED_PYTHON`, or that in the path of programs.
fn python() -> Option<PathBuf> {
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
struct Server {
    child: Child,
    port: u16,
    events: mpsc::Receiver<Value>,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(words: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        Self::run(folder, words, 0)
    }

    /// Ends it, and starts it again at the same port after `meanwhile`.
    fn restart(mut self, meanwhile: impl FnOnce()) -> Option<Self> {
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
        command.arg(script).arg(folder.path()).arg(port.to_string()).args(words).stdout(Stdio::piped());
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
    fn email(&self, recipients: &[&str]) -> EmailBuilder {
        let email = Email::via("localhost").port(self.port).ca_file(self.folder.path().join("ca.pem"));
        let email = email.login("monitor", Secret::new(PLANTED)).from("Monitor <monitor@a.example>");
        recipients.iter().fold(email, |email, to| email.to(format!("{to}@b.example")))
    }

    fn next(&self, event: &str) -> Value {
        loop {
            let next = self.events.recv_timeout(PATIENCE).unwrap();
            if next["event"] == event {
                return next;
            }
        }
    }

    fn rest(&self) -> Vec<Value> {
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
fn certificates(folder: &Path) {
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

fn send(email: EmailBuilder) -> Result<Receipt, Refusal> {
    email.build().unwrap().send(&message(Kind::Firing, "f00d"), Instant::now() + PATIENCE)
}

fn post(folder: &Path, email: EmailBuilder) -> Post {
    Post::start(&folder.join("a.db"), vec![("mail", Box::new(email.build().unwrap()))])
}

fn is_sent(note: &Note) -> bool {
    matches!(note, Note::Sent { .. })
}

#[test]
fn a_mail_arrives_encrypted_after_a_login_and_its_incident_is_one_thread() {
    let Some(server) = Server::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut post = post(folder.path(), server.email(&["ops", "dev"]));
    post.queue(&message(Kind::Firing, "f00d"), "mail");
    post.until_sent();
    post.queue(&message(Kind::Resolved, "f00d"), "mail");
    post.until_sent();
    let login = server.next("login");
    assert!(login["encrypted"] == true && login["good"] == true, "{login}");
    let [first, last] = [server.next("mail"), server.next("mail")];
    assert_eq!(first["to"], serde_json::json!(["ops@b.example", "dev@b.example"]));
    assert_eq!(first["heads"]["Subject"], "[MEDIUM] firing: CPU of f00d");
    assert_eq!(first["heads"]["Message-ID"], "<f00d.1.firing.0.mail@test>");
    assert_eq!(last["heads"]["In-Reply-To"], first["heads"]["Message-ID"]);
    assert_eq!(last["heads"]["References"], first["heads"]["Message-ID"]);
    assert!(first["encrypted"] == true && first["text"].as_str().unwrap().contains("rule: high_cpu"), "{first}");
}

#[test]
fn implicit_tls_and_no_encryption_work_where_they_are_asked_for() {
    let Some(server) = Server::start(&["implicit"]) else { return };
    send(server.email(&["ops"]).implicit_tls()).map(drop).unwrap();
    assert_eq!(server.next("login")["good"], true);
    let Some(server) = Server::start(&["plain", "open"]) else { return };
    let email = Email::via("127.0.0.1").port(server.port).without_encryption().from("a@b.example").to("ops@b.example");
    send(email).map(drop).unwrap();
    assert_eq!(server.next("mail")["encrypted"], false);
}

/// Row 2 of the failure matrix: what somebody has to mend.
#[test]
fn wrong_passwords_unknown_authorities_and_missing_encryption_are_for_somebody_to_mend() {
    let Some(server) = Server::start(&[]) else { return };
    let refusal = send(server.email(&["ops"]).login("monitor", Secret::new("wrong"))).unwrap_err();
    assert!(refusal.class == Class::Channel && refusal.reason.contains("535"), "{refusal}");
    let other = tempfile::tempdir().unwrap();
    certificates(other.path());
    let refusal = send(server.email(&["ops"]).ca_file(other.path().join("ca.pem"))).unwrap_err();
    assert!(refusal.class == Class::Channel && refusal.reason.contains("certificate"), "{refusal}");
    let refusal = send(server.email(&["ops"]).implicit_tls()).unwrap_err();
    assert_eq!(refusal.class, Class::Channel, "{refusal}");
    let Some(clear) = Server::start(&["plain"]) else { return };
    let refusal = send(clear.email(&["ops"])).unwrap_err();
    assert!(refusal.class == Class::Channel && refusal.reason.contains("STARTTLS"), "{refusal}");
    // No password was ever said in the clear.
    assert_eq!(clear.rest(), [Value::Null; 0]);
}

#[test]
fn a_server_that_is_busy_gets_the_mail_once_when_it_is_not() {
    let Some(server) = Server::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut post = post(folder.path(), server.email(&["busy"]));
    post.queue(&message(Kind::Firing, "f00d"), "mail");
    let notes = post.until(is_sent);
    assert_eq!(notes.len(), 3, "{notes:?}");
    server.next("mail");
    assert!(server.rest().iter().all(|event| event["event"] != "mail"));
}

/// Row 3 of the failure matrix: nobody can know whether the server took it.
#[test]
fn a_mail_that_may_have_arrived_is_sent_again_under_the_same_name() {
    let Some(server) = Server::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut post = post(folder.path(), server.email(&["cut"]));
    post.queue(&message(Kind::Firing, "f00d"), "mail");
    post.until(is_sent);
    let names = [(); 3].map(|()| server.next("mail")["heads"]["Message-ID"].as_str().unwrap().to_owned());
    assert_eq!(names, ["<f00d.1.firing.0.mail@test>"; 3].map(str::to_owned));
}

#[test]
fn a_refused_mail_is_not_sent_again() {
    let Some(server) = Server::start(&[]) else { return };
    for (who, code) in [("nobody", "550"), ("refused", "554")] {
        let refusal = send(server.email(&[who])).unwrap_err();
        assert!(refusal.class == Class::Message && refusal.reason.contains(code), "{refusal}");
    }
}

#[test]
fn recipients_who_are_refused_do_not_cost_the_others_the_mail() {
    let Some(server) = Server::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut post = post(folder.path(), server.email(&["ops", "nobody", "grey"]));
    post.queue(&message(Kind::Firing, "f00d"), "mail");
    let mut sent = 0;
    let notes = post.until(|note| {
        sent += usize::from(is_sent(note));
        sent == 2
    });
    assert!(
        notes.iter().any(|note| matches!(note, Note::Parked { reason, .. } if reason.contains("550"))),
        "{notes:?}"
    );
    assert_eq!(server.next("mail")["to"], serde_json::json!(["ops@b.example"]));
    let later = server.next("mail");
    assert_eq!(later["to"], serde_json::json!(["grey@b.example"]));
    assert_eq!(later["heads"]["In-Reply-To"], "<f00d.1.firing.0.mail@test>");
}

/// Rows 1 and 2 of the failure matrix: servers that are down, hang, or say a letter now and then.
#[test]
fn the_deadline_is_kept_whatever_the_server_does() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, least) in [
        (hanging(), SHORT),
        (dripping(""), SHORT),
        (dripping("220 hello\r\n250-STARTTLS\r\n250"), SHORT),
        (nobody, Duration::ZERO),
    ] {
        let email = Email::via("127.0.0.1").port(address.port()).from("a@b.example").to("ops@b.example");
        let mut email = email.build().unwrap();
        let begin = Instant::now();
        let refusal = email.send(&message(Kind::Firing, "f00d"), begin + SHORT).unwrap_err();
        let took = begin.elapsed();
        assert_eq!(refusal.class, Class::Transient, "{refusal}");
        assert!(took >= least && took < SHORT + OVERSHOOT, "{took:?}: {refusal}");
    }
}

/// Row 1 of the failure matrix, with a server that comes back.
#[test]
fn an_incident_that_came_and_went_while_the_server_was_down_is_one_mail() {
    let Some(server) = Server::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut post = post(folder.path(), server.email(&["ops"]));
    let Some(server) = server.restart(|| {
        post.queue(&message(Kind::Firing, "f00d"), "mail");
        post.until(|note| matches!(note, Note::Failed { .. }));
        post.queue(&message(Kind::Resolved, "f00d"), "mail");
    }) else {
        return;
    };
    post.until(is_sent);
    assert_eq!(server.next("mail")["heads"]["Message-ID"], "<f00d.1.fired_and_resolved.0.mail@test>");
    assert!(post.turn().is_empty());
    assert!(server.rest().iter().all(|event| event["event"] != "mail"));
}

/// Row 24 of the failure matrix.
#[test]
fn the_password_is_found_nowhere() {
    let Some(server) = Server::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut shown = format!("{:?}", server.email(&["ops"]));
    let refusal = send(server.email(&["ops"]).login("wrong", Secret::new(PLANTED))).unwrap_err();
    shown += &format!("{refusal:?} {refusal}");
    let mut post = post(folder.path(), server.email(&["busy", "nobody"]));
    post.queue(&message(Kind::Firing, "f00d"), "mail");
    shown += &format!("{:?}", post.until(is_sent));
    shown += &format!("{}", server.next("mail"));
    drop(post);
    for file in fs::read_dir(folder.path()).unwrap() {
        shown += &String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap());
    }
    assert!(shown.contains("(451): busy") && shown.contains("high_cpu"), "{shown}");
    for form in [PLANTED, "cGxhbnRlZC1zZWNyZXQ", "BsYW50ZWQtc2VjcmV0", "wbGFudGVkLXNlY3JldA"] {
        assert!(!shown.contains(form), "{form}");
    }
}
