//! Promise: a program that is run for a message gets it, is listened to, and leaves nothing behind at its deadline.
#![cfg(all(feature = "rules", any(feature = "sqlite", feature = "sqlite-system"), unix))]

#[path = "common/delivery.rs"]
mod delivery;

use std::{
    fs, process, thread,
    time::{Duration, Instant},
};

use delivery::{OVERSHOOT, PATIENCE, message};
use monitor_sinks::notify::{Channel, Class, Command, Kind, Receipt, Refusal, Secret};

const SHORT: Duration = Duration::from_millis(300);

fn shell(script: &str) -> Command {
    Command::new("/bin/sh").arg("-c").arg(script).timeout(SHORT)
}

fn send(mut command: Command, patience: Duration) -> Result<Receipt, Refusal> {
    let mut message = message(Kind::Firing, "f00d");
    message.title = String::from("$(touch injected); `id` \0 \"quoted\"");
    command.send(&message, Instant::now() + patience)
}

#[test]
fn a_program_gets_the_message_as_json_and_as_variables_and_no_text_is_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "cd '{}' && cat > message.json && printf '%s|%s|%s' \"$MONITORED_KEY\" \"$MONITORED_TITLE\" \"$TOKEN\" > seen",
        folder.path().display()
    );
    send(shell(&script).env("TOKEN", Secret::new("planted")), PATIENCE).map(drop).unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("message.json")).unwrap()).unwrap();
    assert_eq!(json["fingerprint"], "f00d");
    let seen = fs::read_to_string(folder.path().join("seen")).unwrap();
    assert_eq!(seen, "f00d.1.firing.0.@test|$(touch injected); `id`  \"quoted\"|planted");
    assert!(!folder.path().join("injected").exists());
}

#[test]
fn the_number_that_it_ends_with_says_what_is_done() {
    for (code, class) in [
        (1, Class::Transient),
        (75, Class::Transient),
        (65, Class::Message),
        (77, Class::Channel),
        (78, Class::Channel),
    ] {
        let refusal = send(shell(&format!("echo no pager >&2; exit {code}")), PATIENCE).unwrap_err();
        assert!(refusal.class == class && refusal.reason.contains("no pager"), "{refusal:?}");
    }
    let refusal = send(Command::new("/no/such/program"), PATIENCE).unwrap_err();
    assert!(refusal.class == Class::Channel && refusal.reason.contains("/no/such/program"), "{refusal:?}");
}

#[test]
fn all_that_it_started_is_killed_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("child");
    let begin = Instant::now();
    let script = format!("sleep 600 & echo $! > '{}'; wait", file.display());
    let refusal = send(shell(&script), SHORT).unwrap_err();
    assert!(refusal.class == Class::Transient && refusal.reason.contains("killed"), "{refusal:?}");
    assert!(begin.elapsed() < SHORT + OVERSHOOT, "{:?}", begin.elapsed());
    let child = fs::read_to_string(&file).unwrap();
    while is_alive(child.trim()) {
        assert!(begin.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_it_leaves_running_or_says_without_end_holds_nobody_up() {
    let begin = Instant::now();
    // Its child keeps its standard error open.
    send(shell("sleep 3 & exit 0"), PATIENCE).map(drop).unwrap();
    let refusal = send(shell("sleep 3 & exit 1"), PATIENCE).unwrap_err();
    assert_eq!(refusal.class, Class::Transient);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let refusal = send(shell("yes no >&2"), SHORT).unwrap_err();
    assert!(refusal.reason.contains("killed"), "{refusal:?}");
}

#[test]
fn no_way_of_printing_shows_a_secret() {
    let shown = format!("{:?}", shell("true").env("TOKEN", Secret::new("planted")));
    assert!(shown.contains("TOKEN") && !shown.contains("planted"), "{shown}");
}

/// Whether a process runs: one that has ended and that nobody has waited for does not.
fn is_alive(id: &str) -> bool {
    let status = process::Command::new("ps").args(["-o", "stat=", "-p", id]).output().unwrap().stdout;
    let status = String::from_utf8(status).unwrap();
    !status.trim().is_empty() && !status.trim().starts_with('Z')
}
