//! Promise: a mistake is told in one line that names the thing, and by the exit code; nothing is printed, nothing panics.

mod common;

use std::fs;

use common::{complaint, monitor, over, store};

/// Every command that reads a store, with what else it needs.
const READING: [(&str, &[&str]); 11] = [
    ("functions", &[]),
    ("top", &["--once"]),
    ("sites", &[]),
    ("series", &[]),
    ("query", &["1"]),
    ("serve", &["--listen", "127.0.0.1:0"]),
    ("sql", &["SELECT 1"]),
    ("export", &[]),
    ("backup", &["/tmp/never-made.db"]),
    ("check", &[]),
    ("salvage", &["/tmp/never-made.db"]),
];

#[test]
fn no_file_no_store_and_a_folder_are_told_apart_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note.txt");
    fs::write(&note, "a note, and a long one. ".repeat(1_000)).unwrap();
    for (command, more) in READING {
        for (path, word) in [
            (folder.path().join("none.db"), "none.db"),
            (folder.path().join("no/such/m.db"), "m.db"),
            (note.clone(), "note.txt"),
            (folder.path().to_owned(), "folder"),
        ] {
            let output = over(command, &path, more);
            let (code, said) = complaint(&output);
            assert_eq!((code, said.lines().count()), (1, 1), "{command} {}: {said}", path.display());
            assert!(said.starts_with("monitor: ") && said.contains(word), "{command}: {said}");
            assert!(output.stdout.is_empty(), "{command}");
        }
    }
}

#[test]
fn arguments_that_make_no_sense_are_named_with_what_would() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    for (command, more, word) in [
        ("functions", &["--sort", "p98"][..], "p99"),
        ("functions", &["--last", "soon"], "such as 10s"),
        ("functions", &["--last", "1h", "--to", "now"], "--to"),
        ("functions", &["--from", "yesterday"], "RFC 3339"),
        ("functions", &["--service", "none"], "`none`"),
        ("functions", &["--service", ""], "names nothing"),
        ("sites", &["--service", "none"], "`none`"),
        ("sites", &["--from", "1h"], "--slow"),
        ("sites", &["--slow", "--from", "now", "--to", "1h"], "earlier time first"),
        ("series", &["rows_total["], "1:"),
        ("top", &["--once", "--service", "none"], "`none`"),
        ("top", &["--every", "5ms"], "250ms to 1h"),
        ("export", &["--metric", "function_cals_total"], "function_calls_total"),
    ] {
        let output = over(command, &db, more);
        let (code, said) = complaint(&output);
        assert!(code == 2 && said.contains(word) && !said.contains("panicked at"), "{command} {more:?}: {code} {said}");
        assert!(output.stdout.is_empty(), "{command} {more:?}");
    }
    let (code, said) = complaint(&monitor(&["completions", "tcsh"]));
    assert!(code == 2 && said.contains("elvish"), "{said}");
    let (code, said) = complaint(&monitor(&["functoins", "--db", "m.db"]));
    assert!(code == 2 && said.contains("functions"), "{said}");
}

#[test]
fn completions_are_there_for_five_shells() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = monitor(&["completions", shell]);
        let script = common::printed(&output);
        for word in ["functions", "promql-test", "sort"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
