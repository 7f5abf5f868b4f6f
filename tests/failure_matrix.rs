//! The table of CONTRIBUTING.md that says what can fail names tests that there are.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All source files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rows of the table: their numbers, and the tests that they name, as `FILE::TEST`.
fn rows() -> Vec<(u32, Vec<String>)> {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
        let named = cells.last()?.split('`').filter(|part| part.contains("::")).map(str::to_owned);
        Some((cells[0].parse().ok()?, named.collect()))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn every_row_names_tests_and_all_of_them_are_there() {
    let mut files = Vec::new();
    for folder in ["monitor-sinks/src", "monitor-sinks/tests", "monitor-cli/tests"] {
        sources(&root().join(folder), &mut files);
    }
    let rows = rows();
    let numbers: Vec<u32> = rows.iter().map(|row| row.0).collect();
    // 10, 19 and 20 are about checks of health.
    let expected: Vec<u32> = (1..=25).filter(|row| ![10, 19, 20].contains(row)).collect();
    assert_eq!(numbers, expected);
    for (row, tests) in &rows {
        assert!(!tests.is_empty(), "row {row} names no test");
        for named in tests {
            let (file, test) = named.split_once("::").unwrap();
            let ending = format!("/{file}.rs");
            let is_meant = |path: &&PathBuf| path.to_string_lossy().replace('\\', "/").ends_with(&ending);
            let has_it = |path: &PathBuf| {
                let source = fs::read_to_string(path).unwrap();
                source.contains(&format!("#[test]\nfn {test}()"))
                    || source.contains(&format!("#[test]\n    fn {test}()"))
            };
            assert!(files.iter().filter(is_meant).any(has_it), "row {row}: there is no test {test} in {file}.rs");
        }
    }
}
