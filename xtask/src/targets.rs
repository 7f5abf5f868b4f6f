//! Whether everything compiles for systems that this one is not.
//!
//! Only the compiler's front end runs, so that no linker is needed, and the C code of SQLite is compiled by nothing: its
//! compiler is replaced by a program that succeeds. A target whose standard library is neither installed nor to be had is
//! left out with a word.

use std::process::Command;

use crate::run::{Outcome, cargo, run, target, works};

/// One of each family.
const TARGETS: [&str; 3] = ["x86_64-pc-windows-gnu", "aarch64-apple-darwin", "x86_64-unknown-freebsd"];

pub(crate) fn check() -> Outcome {
    for triple in TARGETS {
        // Says at once when it is there already.
        if !works(Command::new("rustup").args(["target", "add", triple])) {
            println!("== {triple}: SKIPPED, its standard library cannot be installed (rustup target add {triple})");
            continue;
        }
        let name = triple.replace('-', "_");
        run(
            triple,
            cargo(None)
                .args(["check", "--locked", "-p", "monitored", "-p", "monitor-cli", "--target", triple])
                .env(format!("CC_{name}"), "true")
                .env(format!("AR_{name}"), "true")
                .env("RUSTFLAGS", "-D warnings")
                .env("CARGO_TARGET_DIR", target("targets")),
        )?;
    }
    Ok(())
}
