//! `monitor promql-test` prints a count for each file and says by its exit code whether all was as expected.

use std::{fs, process::Command};

/// The exit code and what was printed, for scripts of these contents.
fn run(scripts: &[(&str, &str)], also: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in scripts {
        fs::write(folder.path().join(name), script).unwrap();
    }
    let files = scripts.iter().map(|(name, _)| *name).chain(also.iter().copied());
    let output = Command::new(env!("CARGO_BIN_EXE_monitor"))
        .current_dir(folder.path())
        .arg("promql-test")
        .args(files)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), printed)
}

const GOOD: (&str, &str) = ("good.test", "load 1m\n  up 1 0\n\neval instant at 1m up == 0\n  up 0\n");

#[test]
fn what_is_as_expected_is_counted() {
    assert_eq!(run(&[GOOD], &[]), (0, String::from("good.test: 1 passed, 0 failed, 0 skipped\n")));
}

#[test]
fn a_failure_is_printed_with_its_line_and_the_rest_is_run() {
    let bad =
        ("bad.test", "eval instant at 0 1 + 1\n  3\n\nload 1m\n  x 1\n  x@st -1m\n\neval instant at 0 x\n  x 1\n");
    let (code, printed) = run(&[bad, GOOD], &["--quiet"]);
    assert_eq!(code, 1);
    assert_eq!(
        printed,
        "bad.test: 0 passed, 1 failed, 1 skipped (1 needs start timestamps)\ngood.test: 1 passed, 0 failed, 0 skipped\n\
         total: 1 passed, 1 failed, 1 skipped (1 needs start timestamps)\n"
    );
    let (_, printed) = run(&[bad], &[]);
    assert!(printed.starts_with("bad.test:1: 1 + 1: 3 expected, but it is 2\n"), "{printed}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_failure() {
    let (code, printed) = run(&[GOOD], &["none.test"]);
    assert!(code == 1 && printed.contains("cannot read none.test"), "{printed}");
}
