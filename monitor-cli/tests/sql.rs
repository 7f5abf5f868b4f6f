//! Promise: `monitor sql` answers from any store that can be read, for people and for programs, and says by its exit code
//! what became of it.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use monitor_sinks::Monitor;

fn sql(db: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_monitor"))
        .args(["sql", "--db"])
        .arg(db)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A store with what a machine has, once.
fn store(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("m.db");
    let host = monitor_sinks::HostSampling::every(std::time::Duration::from_hours(1));
    Monitor::builder().service("test").sqlite(&path).host(host).start().unwrap().shutdown().unwrap();
    path
}

#[test]
fn people_get_a_table_and_programs_get_lines_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let query = "SELECT metric_name, unit, count(*) AS n FROM system_metrics WHERE metric_name = 'memory_total'";
    let output = sql(&db, &[query]);
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    let samples = lines[2].split_whitespace().last().unwrap();
    assert_eq!(lines[..2], ["metric_name   unit   n", "------------  -----  -"]);
    assert_eq!(lines[2], format!("memory_total  bytes  {samples}"));
    let output = sql(&db, &["--json", query]);
    let line = format!("{{\"metric_name\":\"memory_total\",\"unit\":\"bytes\",\"n\":{samples}}}\n");
    assert_eq!(text(&output.stdout), line);
    assert!(output.stderr.is_empty());
}

#[test]
fn an_answer_that_was_cut_says_so_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let output = sql(&db, &["--json", "--limit", "2", "VALUES(1), (2), (3)"]);
    assert_eq!(text(&output.stdout).lines().count(), 2);
    assert!(output.status.success() && text(&output.stderr).contains("--limit"), "{output:?}");
}

#[test]
fn exit_codes_tell_mistakes_from_failures() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    for (arguments, code, said) in [
        (&["SELEC 1"][..], 2, "column 1"),
        (&["SELECT * FROM app_metric"], 2, "did you mean app_metrics?"),
        (&["DELETE FROM series"], 2, "refused"),
        (&["SELECT ?1"], 2, "no value"),
        (&["--within", "50ms", endless], 1, "too long"),
    ] {
        let output = sql(&db, arguments);
        let error = text(&output.stderr);
        assert!(output.status.code() == Some(code) && error.contains(said), "{arguments:?}: {output:?}");
        assert!(error.starts_with("monitor: ") && output.stdout.is_empty(), "{error}");
    }
    let output = sql(&folder.path().join("none.db"), &["SELECT 1"]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("none.db"), "{output:?}");
}
