//! What the attribute accepts, and what it says about what it does not.
//!
//! `ui/pass` holds a program for every shape of item; they forbid all warnings. `ui/fail` holds a program for every
//! mistake, named after it, with the exact text of the error.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[test]
fn every_shape_of_item_compiles_and_every_mistake_is_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}

/// The programs of `ui/pass` in a crate of each edition, under the lints that they forbid themselves.
#[test]
fn every_shape_is_silent_in_every_edition() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("editions");
    for edition in ["2018", "2021", "2024"] {
        let package = target.join(edition);
        let programs = package.join("src/bin");
        fs::create_dir_all(&programs).unwrap();
        for program in fs::read_dir(root.join("tests/ui/pass")).unwrap() {
            let program = program.unwrap().path();
            fs::copy(&program, programs.join(program.file_name().unwrap())).unwrap();
        }
        let manifest = format!(
            "[package]\nname = \"shapes\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\n[workspace]\n\n\
             [dependencies]\nmonitored = {{ path = {root:?}, default-features = false }}\n"
        );
        fs::write(package.join("Cargo.toml"), manifest).unwrap();
        // The versions that this workspace was resolved to are there already.
        fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["clippy", "--offline", "--quiet", "--bins"])
            .env("CARGO_TARGET_DIR", target.join("target"))
            .env_remove("CARGO_BUILD_TARGET_DIR")
            .current_dir(&package)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "edition {edition}:\n{errors}");
    }
}
