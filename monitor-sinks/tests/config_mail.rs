//! Promise: the monitor.toml of the README sends a mail when its rules fire and another one when they resolve, through a
//! real mail server with STARTTLS and a login.
#![cfg(all(feature = "config", feature = "sqlite", unix))]

mod common;
#[path = "common/delivery.rs"]
mod delivery;
#[path = "common/mail.rs"]
mod mail;

use std::fs;

use common::{Feed, builder};
use mail::{PLANTED, Server};
use monitor_sinks::Monitor;

/// The file of the README.
const README: &str = include_str!("../../examples/monitor.toml");

/// The same for a server on loopback, and for values that the test sets.
fn settings(server: &Server) -> String {
    let mut text = README.to_owned();
    for (from, to) in [
        ("[host]\nevery = \"10s\"", "[host]\nenabled = false"),
        ("smtp.example.com", "localhost"),
        (
            "smtp_port = 587",
            &format!("smtp_port = {}\nca_file = {:?}", server.port, server.ca_file().to_str().unwrap()),
        ),
        ("username = \"alerts@example.com\"", "username = \"monitor\"\nfrom = \"alerts@example.com\""),
        ("password_env = \"SMTP_PASSWORD\"", "password_file = \"password\""),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

fn set(monitor: &Monitor, feed: &Feed, name: &'static str, value: f64) {
    feed.with(move |registry| registry.gauge(name, &[], value));
    monitor.flush().unwrap();
}

#[test]
fn the_rules_of_the_readme_fire_mail_resolve_and_mail() {
    let Some(server) = Server::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.toml");
    fs::write(&path, settings(&server)).unwrap();
    fs::write(folder.path().join("password"), PLANTED).unwrap();
    let feed = Feed::default();
    // The file names the store.
    let monitor = builder(&folder.path().join("other.db")).config(&path).start_with(feed.source()).unwrap();
    assert!(monitor.store().path().ends_with("metrics.db"));
    for (name, bad, good, subject) in [
        ("system_cpu_total_utilization_ratio", 0.932, 0.3, "CPU usage is 93.2%"),
        ("system_memory_utilization_ratio", 0.871, 0.3, "Memory usage is 87.1%"),
    ] {
        set(&monitor, &feed, name, bad);
        let firing = server.next("mail");
        assert_eq!(firing["to"], serde_json::json!(["admin@example.com"]));
        assert!(firing["encrypted"] == true && firing["heads"]["From"] == "alerts@example.com", "{firing}");
        assert!(firing["heads"]["Subject"].as_str().unwrap().contains(subject), "{firing}");
        set(&monitor, &feed, name, good);
        let resolved = server.next("mail");
        assert!(resolved["heads"]["Subject"].as_str().unwrap().to_lowercase().contains("resolved"), "{resolved}");
        assert_eq!(resolved["heads"]["In-Reply-To"], firing["heads"]["Message-ID"]);
    }
    monitor.shutdown().unwrap();
    assert!(server.rest().iter().all(|event| event["event"] != "mail"), "something was told twice");
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let holds = fs::read(&path).unwrap().windows(PLANTED.len()).any(|bytes| bytes == PLANTED.as_bytes());
        assert!(!holds || path.ends_with("password"), "the password is in {}", path.display());
    }
}
