//! Promise: `monitor backup`, `check` and `salvage` do what they say, and scripts can tell by the exit code.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use monitor_sinks::{Monitor, Store};
use rusqlite::Connection;

/// Runs `monitor` with a command, a store and a file to make.
fn run(command: &str, db: &Path, out: Option<&Path>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_monitor")).args([command, "--db"]).arg(db).args(out).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A store with some samples of this machine.
fn record(path: &Path) -> Monitor {
    let host = monitor_sinks::HostSampling::every(std::time::Duration::from_mins(1));
    let monitor = Monitor::builder().sqlite(path).host(host).start().unwrap();
    monitor.flush().unwrap();
    monitor
}

#[test]
fn a_backup_is_made_while_another_process_records_and_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("m.db"), folder.path().join("copy.db"));
    let monitor = record(&path);
    let output = run("backup", &path, Some(&copy));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("copy.db"));
    assert_eq!(run("check", &copy, None).status.code(), Some(0));
    let again = run("backup", &path, Some(&copy));
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("already"), "{}", text(&again.stderr));
    let refused = run("salvage", &path, Some(&folder.path().join("saved.db")));
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    monitor.shutdown().unwrap();
}

#[test]
fn damage_is_found_and_the_rest_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let (path, saved) = (folder.path().join("m.db"), folder.path().join("saved.db"));
    record(&path).shutdown().unwrap();
    let rows = |path: &Path| -> i64 {
        Connection::open(path).unwrap().query_row("SELECT count(*) FROM unsealed", [], |row| row.get(0)).unwrap()
    };
    let all = rows(&path);
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE head SET crc = crc + 1 WHERE ts = (SELECT min(ts) FROM unsealed)", [])
        .unwrap();
    let check = run("check", &path, None);
    assert_eq!(check.status.code(), Some(1));
    let said = text(&check.stdout);
    assert!(said.contains("checksum") && said.contains("findings: 1"), "{said}");
    let output = run("salvage", &path, Some(&saved));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("lost: a flush") && said.contains("losses: 1"), "{said}");
    assert_eq!(rows(&saved), all - 1);
    assert_eq!(Store::open_read_only(&saved).unwrap().check().unwrap(), []);
}

#[test]
fn what_is_no_store_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note.txt");
    fs::write(&note, "a note, and a long one. ".repeat(1_000)).unwrap();
    let out = folder.path().join("out.db");
    for (command, out) in [("check", None), ("backup", Some(out.as_path())), ("salvage", Some(out.as_path()))] {
        let output = run(command, &note, out);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(text(&output.stderr).contains("note.txt"), "{command}: {}", text(&output.stderr));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
