//! Promise: with `--json` every command that prints an answer prints JSON, an object or value a line, and nothing else.
#![cfg(unix)]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use common::{monitor, over, printed, store};
use serde_json::Value as Json;

/// Commands that go on until a signal comes, which makes them print a last line.
const LASTING: [&str; 2] = ["agent", "serve"];

/// What is no answer: a script for a shell.
const MUTE: [&str; 2] = ["completions", "help"];

/// The commands that the program says it has.
fn commands() -> BTreeSet<String> {
    let help = printed(&monitor(&["--help"]));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    listed.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// Fails unless every line is JSON; returns them.
fn lines(command: &str, text: &str) -> Vec<Json> {
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{command}: {line}")));
    let lines: Vec<Json> = lines.collect();
    assert!(!lines.is_empty(), "{command} prints something");
    lines
}

#[test]
fn every_command_speaks_json() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("good.test"), "eval instant at 0 1 + 1\n  2\n").unwrap();
    fs::write(path("more.om"), "# TYPE rows counter\nrows_total 1 1700000000\n# EOF\n").unwrap();
    let mut left = commands();
    assert!(left.len() >= 15, "{left:?}");
    for (command, more) in [
        ("functions", vec![]),
        ("top", vec![]),
        ("sites", vec![]),
        ("series", vec![]),
        ("query", vec![String::from("up or vector(1)")]),
        ("sql", vec![String::from("SELECT 1 AS one")]),
        ("export", vec![String::from("--output"), path("out.csv")]),
        ("import", vec![path("more.om")]),
        ("backup", vec![path("copy.db")]),
        ("check", vec![]),
        ("salvage", vec![path("saved.db")]),
    ] {
        let more: Vec<&str> = more.iter().map(String::as_str).chain(["--json"]).collect();
        lines(command, &printed(&over(command, &db, &more)));
        assert!(left.remove(command), "{command}");
    }
    let script = path("good.test");
    let report = lines("promql-test", &printed(&monitor(&["promql-test", "--json", &script])));
    assert_eq!(report[0]["passed"], 1);
    left.remove("promql-test");
    // They need a program with rules; see `alerts.rs`.
    for command in ["alerts", "explain", "ack", "silence", "unsilence"] {
        assert!(left.remove(command), "{command}");
    }
    for command in LASTING {
        let other = path("other.db");
        let db = if command == "agent" { other.as_str() } else { db.to_str().unwrap() };
        let mut arguments = vec![command, "--db", db, "--json"];
        arguments.extend(if command == "serve" { ["--listen", "127.0.0.1:0"] } else { ["--every", "100ms"] });
        let events = lines(command, &until_it_is_told_to_stop(&arguments));
        assert_eq!((&events[0]["event"], &events[1]["event"]), (&Json::from("started"), &Json::from("stopped")));
        assert!(left.remove(command));
    }
    assert_eq!(left.into_iter().collect::<Vec<_>>(), MUTE);
}

#[test]
fn damage_is_told_in_json_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("m.db");
    let host = monitor_sinks::HostSampling::every(std::time::Duration::from_hours(1));
    let monitor = monitor_sinks::Monitor::builder().sqlite(&db).host(host).start().unwrap();
    monitor.flush().unwrap();
    monitor.shutdown().unwrap();
    rusqlite::Connection::open(&db).unwrap().execute("UPDATE head SET crc = crc + 1", []).unwrap();
    let output = over("check", &db, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert!(found["is_sound"] == false && found["findings"][0]["finding"].as_str().unwrap().contains("checksum"));
    let saved = folder.path().join("saved.db");
    let saved: Json =
        serde_json::from_str(&printed(&over("salvage", &db, &["--json", saved.to_str().unwrap()]))).unwrap();
    assert!(!saved["losses"].as_array().unwrap().is_empty(), "{saved}");
}

/// All that a command prints if it is told to stop after its first line.
fn until_it_is_told_to_stop(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_monitor"));
    let mut child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    out.read_line(&mut text).unwrap();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    out.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text}");
    text
}
