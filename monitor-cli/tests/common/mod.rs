//! A store with functions of two services, and the program over it.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use rusqlite::Connection;

/// Two minutes: `parse` was called 600 times, 30 of which failed, `load` 60 times. An import has no durations.
const TEXT: &str = "\
# TYPE function_calls counter
function_calls_total{function=\"parse\",module=\"app::etl\",outcome=\"ok\",stage=\"read\",service=\"etl\"} 0 1700000000
function_calls_total{function=\"parse\",module=\"app::etl\",outcome=\"ok\",stage=\"read\",service=\"etl\"} 570 1700000120
function_calls_total{function=\"parse\",module=\"app::etl\",outcome=\"error\",stage=\"read\",service=\"etl\"} 0 1700000000
function_calls_total{function=\"parse\",module=\"app::etl\",outcome=\"error\",stage=\"read\",service=\"etl\"} 30 1700000120
function_calls_total{function=\"load\",module=\"app::web\",outcome=\"ok\",service=\"web\"} 0 1700000000
function_calls_total{function=\"load\",module=\"app::web\",outcome=\"ok\",service=\"web\"} 60 1700000120
# TYPE function_errors counter
function_errors_total{error_type=\"Timeout\",function=\"parse\",module=\"app::etl\",stage=\"read\",service=\"etl\"} 0 1700000000
function_errors_total{error_type=\"Timeout\",function=\"parse\",module=\"app::etl\",stage=\"read\",service=\"etl\"} 30 1700000120
# EOF
";

/// Runs the program.
pub(crate) fn monitor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_monitor")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Runs a command over a store.
pub(crate) fn over(command: &str, db: &Path, more: &[&str]) -> Output {
    let db = db.to_str().unwrap();
    monitor(&[&[command, "--db", db], more].concat())
}

/// What was printed.
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What was complained of, and the exit code.
pub(crate) fn complaint(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// The store.
pub(crate) fn store(folder: &Path) -> PathBuf {
    let (db, file) = (folder.join("m.db"), folder.join("functions.om"));
    fs::write(&file, TEXT).unwrap();
    printed(&over("import", &db, &[file.to_str().unwrap()]));
    db
}

/// Adds a slow call of `parse`.
pub(crate) fn add_slow_call(db: &Path, line: u32) {
    let sql = "INSERT INTO slow_call(ts, seconds, outcome, service, module, function, tags, thread, file, line)
               VALUES(1700000100000000, 0.25, 'error', 'etl', 'app::etl', 'parse', '{\"stage\":\"read\"}', 'worker', 'src/etl.rs', ?1)";
    Connection::open(db).unwrap().execute(sql, [line]).unwrap();
}
