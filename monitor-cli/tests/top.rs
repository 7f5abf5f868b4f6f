//! Promise: `monitor top` draws on terminals only, shows what is recorded, and gives the terminal back.
#![cfg(unix)]

mod common;

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{complaint, over, printed, store};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn without_a_terminal_it_says_what_to_run_instead() {
    let folder = tempfile::tempdir().unwrap();
    let output = over("top", &store(folder.path()), &[]);
    let (code, said) = complaint(&output);
    assert!(code == 2 && said.contains("`monitor functions --db ") && said.contains("--once"), "{said}");
    assert!(said.lines().count() == 1 && output.stdout.is_empty(), "{said}");
}

#[test]
fn a_frame_can_be_printed() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let text = printed(&over("top", &db, &["--once", "--last", "36500d"]));
    assert!(text.contains("! nothing has been stored for"), "{text}");
    let line = text.lines().find(|line| line.starts_with("app::etl::parse ")).unwrap();
    assert!(line.contains(" 600 ") && line.ends_with("0.0%"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

/// A screen in a terminal of its own, which `script` of util-linux makes; afterwards the state of that is printed.
fn on_a_terminal(db: &Path) -> Option<Child> {
    let (program, db) = (env!("CARGO_BIN_EXE_monitor"), db.display());
    let line =
        format!("stty rows 30 cols 100; sh -c 'echo process $$; exec {program} top --db {db}'; echo code $?; stty -a");
    let mut script = Command::new("script");
    script.args(["-qc", &line, "/dev/null"]).env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let started = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    if started.is_err() {
        assert!(std::env::var_os("CI").is_none(), "`script` of util-linux is needed");
        eprintln!("skipped: there is no `script`, which makes a terminal");
    }
    started.ok()
}

/// Reads until `wanted` has come.
fn read_until(child: &mut Child, seen: &mut String, wanted: &str) {
    let start = Instant::now();
    let mut bytes = [0; 4_096];
    while !seen.contains(wanted) {
        assert!(start.elapsed() < PATIENCE, "{wanted:?} in {seen}");
        let length = child.stdout.as_mut().unwrap().read(&mut bytes).unwrap();
        assert!(length > 0, "it ended without {wanted:?}: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
}

/// Fails unless the terminal was given back as it was.
fn assert_given_back(seen: &str) {
    let (on_screen, after) = seen.split_once("\u{1b}[?1049l").unwrap_or_else(|| panic!("{seen}"));
    assert!(on_screen.contains("\u{1b}[?1049h"), "{seen}");
    assert!(after.contains("code 0") && after.contains(" icanon") && after.contains(" echo "), "{seen}");
    assert!(seen.rfind("\u{1b}[?25h") > seen.rfind("\u{1b}[?25l"), "the cursor is shown: {seen}");
}

#[test]
fn keys_end_it_and_the_terminal_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut child) = on_a_terminal(&store(folder.path())) else { return };
    let mut seen = String::new();
    read_until(&mut child, &mut seen, "quit");
    child.stdin.as_mut().unwrap().write_all(b"/pars").unwrap();
    read_until(&mut child, &mut seen, "Esc");
    child.stdin.as_mut().unwrap().write_all(b"\rq").unwrap();
    read_until(&mut child, &mut seen, "iexten");
    child.wait().unwrap();
    assert_given_back(&seen);
}

#[test]
fn sigterm_ends_it_and_the_terminal_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let Some(mut child) = on_a_terminal(&db) else { return };
    let mut seen = String::new();
    read_until(&mut child, &mut seen, "quit");
    let process = seen.split("process ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    assert!(Command::new("kill").args(["-TERM", process]).status().unwrap().success());
    read_until(&mut child, &mut seen, "iexten");
    child.wait().unwrap();
    assert_given_back(&seen);
}
