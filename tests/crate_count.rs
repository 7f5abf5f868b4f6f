//! Promise: who only annotates compiles at most 10 external crates, the default at most 40.

use std::collections::BTreeSet;
use std::process::Command;

/// The external crates that a user compiles with these features.
fn external_crates(features: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "monitored", "--edges", "normal,build", "--prefix", "none", "--offline"])
        .args(["--format", "{p}"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let own = ["monitored", "monitor-core", "monitor-macros", "monitor-sinks"];
    names.filter(|name| !own.contains(name)).map(str::to_owned).collect()
}

#[test]
fn the_attribute_alone_brings_few_crates() {
    let crates = external_crates(&["--no-default-features"]);
    assert!(crates.contains("syn"), "{crates:?}");
    assert!(crates.len() <= 10, "{} crates: {crates:?}", crates.len());
}

#[test]
fn the_default_brings_few_crates() {
    let crates = external_crates(&[]);
    assert!(crates.contains("rusqlite"), "{crates:?}");
    assert!(crates.len() <= 40, "{} crates: {crates:?}", crates.len());
}
