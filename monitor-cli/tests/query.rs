//! Promise: `monitor query` answers PromQL from any store that can be read, for people and for programs, and says by its
//! exit code what became of it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn monitor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_monitor")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn query(db: &Path, arguments: &[&str]) -> Output {
    monitor(&[&["query", "--db", db.to_str().unwrap()], arguments].concat())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A store with what was imported: ten minutes of a counter.
fn store(folder: &Path) -> PathBuf {
    let (db, file) = (folder.join("m.db"), folder.join("rows.om"));
    let line = |half: u64| format!("rows_total{{table=\"a\"}} {} {}\n", half * 30, 1_700_000_000 + half * 30);
    let lines = (0..=20).map(line).collect::<Vec<_>>().concat();
    std::fs::write(&file, format!("# TYPE rows counter\n{lines}# EOF\n")).unwrap();
    let output = monitor(&["import", "--db", db.to_str().unwrap(), file.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    db
}

#[test]
fn people_get_a_table_and_programs_what_prometheus_answers() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let output = query(&db, &["rate(rows_total[5m])"]);
    let table = "series       value\n-----------  -----\n{table=\"a\"}      1\n";
    assert_eq!((text(&output.stdout), output.status.code()), (table, Some(0)), "{output:?}");
    let output = query(&db, &["--json", "--at", "1700000300", "rows_total"]);
    let found = r#"{"result":[{"metric":{"__name__":"rows_total","table":"a"},"value":[1700000300.0,"300"]}],"resultType":"vector"}"#;
    assert_eq!(text(&output.stdout), format!("{found}\n"));
    let output = query(&db, &["--at", "1700000300", "scalar(rows_total) / 4"]);
    assert_eq!(text(&output.stdout), "75\n");
    let output = query(&db, &["rows_total > 1e9"]);
    assert_eq!((text(&output.stdout), output.status.code()), ("no series\n", Some(0)));
}

#[test]
fn a_range_is_a_line_for_each_point_where_no_terminal_is() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let range = ["--from", "1700000240", "--to", "1700000360", "--step", "1m"];
    let output = query(&db, &[&range[..], &["rows_total"]].concat());
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(
        lines[2..],
        [
            "1700000240  rows_total{table=\"a\"}    240",
            "1700000300  rows_total{table=\"a\"}    300",
            "1700000360  rows_total{table=\"a\"}    360"
        ]
    );
    let output = query(&db, &[&range[..], &["--json", "rows_total"]].concat());
    let values = r#""values":[[1700000240.0,"240"],[1700000300.0,"300"],[1700000360.0,"360"]]"#;
    assert!(text(&output.stdout).contains(values), "{output:?}");
    // Without a step and an end there are as many points as a terminal is wide, up to what is newest.
    let output = query(&db, &["--from", "1700000000", "rows_total"]);
    assert_eq!(text(&output.stdout).lines().count(), 2 + 121);
}

#[test]
fn exit_codes_tell_mistakes_from_failures() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    for (arguments, code, said) in [
        (&["sum(rate(rows_total[5m])"][..], 2, "1:"),
        (&["raet(rows_total[5m])"], 2, "did you mean `rate`?"),
        (&["row_total"], 2, "1:1: there is no metric `row_total`; did you mean `rows_total`?"),
        (&["--from", "1700000000", "--to", "1600000000", "rows_total"], 2, "before start"),
        (&["--from", "1700000000", "--step", "1ms", "rows_total"], 1, "maximum resolution"),
        (&["rows_total / on (none) (rows_total or vector(1))"], 1, "many"),
    ] {
        let output = query(&db, arguments);
        let error = text(&output.stderr);
        assert!(output.status.code() == Some(code) && error.contains(said), "{arguments:?}: {output:?}");
        assert!(error.starts_with("monitor: ") && output.stdout.is_empty(), "{error}");
    }
    let output = query(&folder.path().join("none.db"), &["up"]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("none.db"), "{output:?}");
}
