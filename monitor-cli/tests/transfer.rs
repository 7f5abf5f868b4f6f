//! Promise: `monitor export` and `monitor import` move values between stores and files, in pipes as well.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use monitor_sinks::{Monitor, Store};

const TEXT: &str = "# TYPE rows counter\nrows_total{table=\"a\"} 1 1700000000\nrows_total{table=\"a\"} 5 1700000060\n\
                    rows_total{table=\"b\"} 7 1700000120\n# EOF\n";

fn monitor(arguments: &[&str], folder: &Path, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_monitor"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_is_piped_from_one_store_to_another_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.om"), TEXT).unwrap();
    let imported = monitor(&["import", "--db", "a.db", "a.om", "--json"], folder, "");
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert_eq!((summary["samples"].as_u64(), summary["series"].as_u64()), (Some(3), Some(2)), "{summary}");

    let exported = monitor(&["export", "--db", "a.db", "--format", "openmetrics", "--json"], folder, "");
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&exported.stderr).unwrap();
    assert_eq!(summary["samples"].as_u64(), Some(3), "{summary}");

    let piped = monitor(&["import", "--db", "b.db", "-"], folder, &text(&exported.stdout));
    assert!(text(&piped.stdout).contains("3 values of 2 series"), "{}{}", text(&piped.stdout), text(&piped.stderr));
    let again = monitor(&["import", "--db", "b.db", "a.om"], folder, "");
    assert!(text(&again.stdout).contains("3 were in the store already"), "{}", text(&again.stdout));
    let series = Store::open_read_only(folder.join("b.db")).unwrap().query().metric("rows_total").series().unwrap();
    assert!((series[0].increase() - 4.0).abs() < 1e-9);
}

#[test]
fn a_window_and_a_selection_narrow_what_is_written_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    monitor(&["import", "--db", "m.db", "-"], folder, TEXT);
    let window = ["--from", "2023-11-14T22:13:20Z", "--to", "1700000060", "--tag", "table=a"];
    let arguments = ["export", "--db", "m.db", "--metric", "rows_total", "-o", "out.csv"];
    let exported = monitor(&[&arguments[..], &window[..]].concat(), folder, "");
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    assert!(text(&exported.stdout).contains("1 values of 1 series"), "{}", text(&exported.stdout));
    let lines = fs::read_to_string(folder.join("out.csv")).unwrap();
    assert_eq!(
        lines.lines().nth(1),
        Some("2023-11-14T22:14:20.000000Z,rows_total,counter,,,\"{\"\"table\"\":\"\"a\"\"}\",5,4,,,,")
    );
    let names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("part")), "{names:?}");
}

#[test]
fn a_database_with_plain_tables_is_a_form_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    monitor(&["import", "--db", "m.db", "-"], folder, TEXT);
    let exported = monitor(&["export", "--db", "m.db", "--format", "sqlite", "-o", "plain.db", "--json"], folder, "");
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&exported.stdout).unwrap();
    assert_eq!((summary["app_rows"].as_u64(), summary["system_rows"].as_u64()), (Some(3), Some(0)), "{summary}");
    assert!(fs::read(folder.join("plain.db")).unwrap().starts_with(b"SQLite format 3"));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<String> = (0..20_000).map(|second| format!("gauge 1.5 {}\n", 1_700_000_000 + second)).collect();
    monitor(&["import", "--db", "m.db", "-"], folder.path(), &(many.concat() + "# EOF\n"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_monitor"))
        .args(["export", "--db", "m.db", "--format", "jsonl"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn each_failure_is_one_line_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("bad.om"), "a 1 1700000000\nb one 1700000000\n# EOF\n").unwrap();
    monitor(&["import", "--db", "m.db", "-"], folder, TEXT);
    for (arguments, code, word) in [
        (&["import", "--db", "m.db", "bad.om"][..], 1, "bad.om: line 2: "),
        (&["import", "--db", "m.db", "none.om"], 1, "none.om"),
        (&["export", "--db", "none.db"], 1, "none.db"),
        (&["export", "--db", "m.db", "--metric", "rows_totl", "-o", "out"], 2, "rows_total"),
        (&["export", "--db", "m.db", "-o", "none/out"], 1, "none/out"),
        (&["export", "--db", "m.db", "--format", "sqlite"], 2, "--output"),
        (&["export", "--db", "m.db", "--format", "sqlite", "-o", "out", "--metric", "rows"], 2, "leave --metric"),
        (&["export", "--db", "m.db", "--from", "now", "--to", "1h"], 2, "earlier time first"),
    ] {
        let output = monitor(arguments, folder, "");
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaint}");
        assert!(complaint.contains(word) && complaint.lines().count() == 1, "{arguments:?}: {complaint}");
    }
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["bad.om", "m.db", "m.db-lock"]);
    let recording = Monitor::builder().sqlite(folder.join("m.db")).start().unwrap();
    assert_eq!(monitor(&["import", "--db", "m.db", "-"], folder, TEXT).status.code(), Some(3));
    recording.shutdown().unwrap();
}

#[test]
fn an_export_never_replaces_the_store_that_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    monitor(&["import", "--db", "m.db", "-"], folder, TEXT);
    let before = fs::read(folder.join("m.db")).unwrap();
    let refused = monitor(&["export", "--db", "m.db", "--output", "./m.db"], folder, "");
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("is the store itself"), "{}", text(&refused.stderr));
    assert_eq!(fs::read(folder.join("m.db")).unwrap(), before);
}
