//! What the attribute adds to the time of `cargo check`, beside what `#[tracing::instrument]` adds to the same functions.
//!
//! Three packages with the same thousand functions: bare, monitored, traced. They are checked in turns, several times,
//! after all that they depend on was built, and the best time of each counts, because a machine can only be too slow.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::run::{Outcome, cargo, root, target};

/// How many functions are annotated.
const FUNCTIONS: usize = 1_000;
/// How often each package is checked.
const ROUNDS: usize = 5;
/// What the attribute may add for a thousand functions.
const BOUND: Duration = Duration::from_millis(1_500);
/// What it may add as a share of what `#[tracing::instrument]` adds.
const SHARE: f64 = 0.5;

/// A package: its name, its attribute, what it depends on.
struct Package {
    name: &'static str,
    attribute: &'static str,
    dependency: String,
}

/// Measures, prints, and fails where a bound is not held.
pub(crate) fn measure() -> Outcome {
    let folder = target("compile-time");
    // A TOML string, in which no backslash is special.
    let path = format!("'{}'", root().display());
    let packages = [
        Package { name: "bare", attribute: "", dependency: String::new() },
        Package {
            name: "with_monitored",
            attribute: "#[monitored::monitored]",
            dependency: format!("monitored = {{ path = {path}, default-features = false }}\n"),
        },
        Package {
            name: "with_tracing",
            attribute: "#[tracing::instrument(skip_all)]",
            dependency:
                "tracing = { version = \"0.1\", default-features = false, features = [\"std\", \"attributes\"] }\n"
                    .to_owned(),
        },
    ];
    write(&folder, &packages).map_err(|error| format!("{}: {error}", folder.display()))?;
    println!("== cargo check of {FUNCTIONS} functions, the best of {ROUNDS}");
    for package in &packages {
        check(&folder, package)?;
    }
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for (package, best) in packages.iter().zip(&mut best) {
            *best = check(&folder, package)?.min(*best);
        }
    }
    report(&packages, best)
}

fn report(packages: &[Package], [bare, monitored, traced]: [Duration; 3]) -> Outcome {
    for (package, time) in packages.iter().zip([bare, monitored, traced]) {
        let added = time.saturating_sub(bare);
        println!("  {:<16} {:>6.2} s   adds {:>6.2} s", package.name, time.as_secs_f64(), added.as_secs_f64());
    }
    let (ours, theirs) = (monitored.saturating_sub(bare), traced.saturating_sub(bare));
    let share = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("  share of what tracing adds: {share:.2} (bound {SHARE}); bound of what is added: {BOUND:?}");
    if ours > BOUND {
        return Err(format!("the attribute adds {ours:?} to {FUNCTIONS} functions; {BOUND:?} are allowed"));
    }
    if share > SHARE {
        return Err(format!("the attribute adds {share:.2} of what tracing's adds; {SHARE} are allowed"));
    }
    Ok(())
}

/// Checks a package whose source is new, and returns how long that took.
fn check(folder: &Path, package: &Package) -> Result<Duration, String> {
    let source = source_path(folder, package);
    let text = fs::read(&source).and_then(|text| fs::write(&source, text));
    text.map_err(|error| format!("{}: {error}", source.display()))?;
    let mut command = cargo(None);
    command.args(["check", "--quiet", "-p", package.name]).current_dir(folder);
    let begun = Instant::now();
    let output = command.env("CARGO_TARGET_DIR", folder.join("target")).output();
    let took = begun.elapsed();
    let output = output.map_err(|error| format!("cargo check of {}: {error}", package.name))?;
    if !output.status.success() {
        return Err(format!("cargo check of {}:\n{}", package.name, String::from_utf8_lossy(&output.stderr)));
    }
    Ok(took)
}

fn source_path(folder: &Path, package: &Package) -> PathBuf {
    folder.join(package.name).join("src/lib.rs")
}

fn write(folder: &Path, packages: &[Package]) -> std::io::Result<()> {
    for package in packages {
        let source = source_path(folder, package);
        fs::create_dir_all(source.parent().unwrap_or(folder))?;
        let manifest = format!(
            "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}",
            package.name, package.dependency
        );
        fs::write(folder.join(package.name).join("Cargo.toml"), manifest)?;
        fs::write(source, functions(package.attribute))?;
    }
    let members: Vec<&str> = packages.iter().map(|package| package.name).collect();
    fs::write(folder.join("Cargo.toml"), format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n"))
}

/// The functions, of five kinds in turn: each has the length of a short real one.
fn functions(attribute: &str) -> String {
    let mut text = String::from("pub struct Row(pub u64);\n");
    for n in 0..FUNCTIONS {
        let _ = match n % 5 {
            0 => writeln!(
                text,
                "{attribute}\npub fn plain_{n}(rows: &[u64]) -> u64 {{ let mut sum = 0; for row in rows {{ sum += row; }} sum }}"
            ),
            1 => writeln!(
                text,
                "{attribute}\npub fn parsed_{n}(text: &str) -> Result<u64, std::num::ParseIntError> {{ let n: u64 = \
                 text.trim().parse()?; if n == 0 {{ return Ok(1); }} Ok(n * 2) }}"
            ),
            2 => writeln!(
                text,
                "impl Row {{ {attribute}\npub fn method_{n}(&mut self, by: u64) -> Option<u64> {{ self.0 = \
                 self.0.checked_add(by)?; Some(self.0) }} }}"
            ),
            3 => writeln!(
                text,
                "{attribute}\npub async fn awaited_{n}(text: String) -> Result<usize, std::io::Error> {{ \
                 std::future::ready(()).await; Ok(text.len()) }}"
            ),
            _ => writeln!(
                text,
                "{attribute}\npub fn generic_{n}<T: AsRef<str>>(items: &[T]) -> Vec<String> {{ \
                 items.iter().map(|item| item.as_ref().to_owned()).collect() }}"
            ),
        };
    }
    text
}
