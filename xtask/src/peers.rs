//! The store against others: the benchmark in `benches/peers`, a workspace of its own.
//!
//! The whole run fetches and starts the real Prometheus, writes `BENCHMARKS.md`, and fails when a bound is missed. Where
//! Prometheus cannot be had, the rest is measured, and the file is left as it is.

use crate::prove::Extent;
use crate::run::{Outcome, cargo, run, target};

pub(crate) fn measure(extent: Extent) -> Outcome {
    let with = |command: &str| {
        let mut cargo = cargo(None);
        cargo.args([command, "--release", "--manifest-path", "benches/peers/Cargo.toml", "--bin", "store"]);
        cargo.env("CARGO_TARGET_DIR", target("peers"));
        cargo
    };
    run("the benchmark's own tests", &mut with("test"))?;
    let options: &[&str] = match extent {
        Extent::Full => &["--check", "--write", "BENCHMARKS.md"],
        Extent::Quick => &["--quick"],
    };
    run("the store against others", with("run").arg("--").args(options))
}
