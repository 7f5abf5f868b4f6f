//! Promise: mails reach a real server encrypted, logged in and threaded; each of its refusals means what it should.
#![cfg(all(feature = "smtp", unix))]

#[path = "common/delivery.rs"]
mod delivery;
#[path = "common/mail.rs"]
mod mail;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use delivery::{PATIENCE, Post, dripping, hanging, keeps_its_deadline, message};
use mail::{PLANTED, Server, certificates};
use monitor_sinks::notify::{Channel, Class, Email, EmailBuilder, Kind, Receipt, Refusal, Secret, outbox::Note};
use serde_json::Value;

const SHORT: Duration = Duration::from_millis(500);

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

/// Row 2 of the failure matrix: what goes by.
#[test]
fn a_server_that_is_busy_or_goes_down_gets_the_mail_once_when_it_is_there() {
    for who in ["busy", "grey", "away"] {
        let Some(server) = Server::start(&[]) else { return };
        let folder = tempfile::tempdir().unwrap();
        let mut post = post(folder.path(), server.email(&[who]));
        post.queue(&message(Kind::Firing, "f00d"), "mail");
        let notes = post.until(is_sent);
        assert_eq!(notes.len(), 3, "{who}: {notes:?}");
        server.next("mail");
        assert!(server.rest().iter().all(|event| event["event"] != "mail"), "{who}");
    }
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
        keeps_its_deadline(&mut email, SHORT, least);
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
    let mut shown = vec![format!("{:?}", server.email(&["ops"]))];
    let refusal = send(server.email(&["ops"]).login("wrong", Secret::new(PLANTED))).unwrap_err();
    shown.push(format!("{refusal:?} {refusal}"));
    let mut post = post(folder.path(), server.email(&["busy", "nobody"]));
    post.queue(&message(Kind::Firing, "f00d"), "mail");
    shown.push(format!("{:?}", post.until(is_sent)));
    shown.push(server.next("mail").to_string());
    drop(post);
    for file in fs::read_dir(folder.path()).unwrap() {
        shown.push(String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).into_owned());
    }
    let shown = shown.concat();
    assert!(shown.contains("(451): busy") && shown.contains("high_cpu"));
    for form in [PLANTED, "cGxhbnRlZC1zZWNyZXQ", "BsYW50ZWQtc2VjcmV0", "wbGFudGVkLXNlY3JldA"] {
        assert!(!shown.contains(form), "{form}");
    }
}
