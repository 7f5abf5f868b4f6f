//! Promise: the agent does what its monitor.toml says, and reads it anew on a hang-up; a mistake changes nothing.
#![cfg(unix)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{complaint, monitor};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings with one rule that always holds.
fn settings(rule: &str) -> String {
    format!(
        "[store]\npath = 'm.db'\nflush_every = '200ms'\nservice = 'edge'\n[host]\nevery = '200ms'\nfamilies = ['load']\n\
         [[record]]\nrecord = 'load:one:twice'\nexpr = 'system_load_average_1m * 0 + 2'\n\
         [[rule]]\nname = '{rule}'\nexpr = 'load:one:twice > 1'\n[channels.log]\ntype = 'file'\npath = 'alerts.jsonl'\n"
    )
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn told(folder: &Path) -> String {
    fs::read_to_string(folder.join("alerts.jsonl")).unwrap_or_default()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn an_agent_goes_by_its_file_and_reads_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("monitor.toml");
    fs::write(&config, settings("first")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_monitor"))
        .args(["agent", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("m.db") && line.contains("monitor.toml says"), "{line}");
    wait_until("the first rule is told", || told(folder.path()).contains("\"rule\":\"first\""));

    fs::write(&config, settings("second").replace("expr", "exrp")).unwrap();
    signal(&child, "HUP");
    let mut complaints = BufReader::new(child.stderr.take().unwrap());
    let mut complaint = String::new();
    complaints.read_line(&mut complaint).unwrap();
    assert!(complaint.contains("the old ones stay") && complaint.contains("did you mean `expr`?"), "{complaint}");

    fs::write(&config, settings("second")).unwrap();
    signal(&child, "HUP");
    line.clear();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("anew"), "{line}");
    wait_until("the second rule is told, and the end of the first", || {
        let told = told(folder.path());
        told.contains("\"rule\":\"second\"") && told.contains("\"kind\":\"resolved\"")
    });

    // The store and the machine are for the next start, and that is said.
    fs::write(&config, settings("second").replace("every = '200ms'\nfamilies", "every = '300ms'\nfamilies")).unwrap();
    signal(&child, "HUP");
    complaint.clear();
    complaints.read_line(&mut complaint).unwrap();
    assert!(complaint.contains("counts from the next start on"), "{complaint}");
    line.clear();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("anew"), "{line}");
    signal(&child, "TERM");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    let store = monitor_sinks::Store::open_read_only(folder.path().join("m.db")).unwrap();
    let load = store.query().metric("system_load_average_1m").series().unwrap();
    assert_eq!(load[0].service, "edge");
    assert!(store.query().metric("system_memory_available_bytes").series().is_err(), "that family is off");
    // What a rule has recorded is asked for, listed and exported by its name.
    let db = folder.path().join("m.db");
    let db = ["--db", db.to_str().unwrap()];
    for (task, end) in [("query", "load:one:twice"), ("series", "load:one:twice"), ("export", "--format=csv")] {
        let output = monitor(&[&[task], &db[..], &[end]].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains("load:one:twice"), "{task}: {said}");
    }
    let failures = store.query().metric("monitored_config_reload_failures_total").series().unwrap();
    assert!((failures[0].increase() - 1.0).abs() < 1e-9, "{failures:?}");
}

#[test]
fn an_agent_without_a_file_goes_on_after_a_hang_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_monitor"))
        .args(["agent", "--every", "1s", "--db"])
        .arg(folder.path().join("m.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    signal(&child, "HUP");
    let mut complaint = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut complaint).unwrap();
    assert!(complaint.contains("not started with a file of settings"), "{complaint}");
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn mistakes_are_told_before_anything_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("monitor.toml");
    fs::write(&config, settings("a") + "[sotre]\n").unwrap();
    let path = config.to_str().unwrap();
    let (code, said) = complaint(&monitor(&["agent", "--config", path]));
    assert!(code == 2 && said.contains("did you mean `store`?"), "{said}");
    fs::write(&config, settings("a")).unwrap();
    let (code, said) = complaint(&monitor(&["agent", "--config", path, "--db", "other.db"]));
    assert!(code == 2 && said.contains("leave one out"), "{said}");
    let (code, said) = complaint(&monitor(&["agent"]));
    assert!(code == 2 && said.contains("--config"), "{said}");
    assert!(!folder.path().join("m.db").exists());
}
