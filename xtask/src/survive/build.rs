//! Builds a copy of a crate, runs its tests, and tells what cargo said about it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::source::Tree;
use crate::run::cargo;

/// What a build came to.
#[derive(Default)]
pub(super) struct Built {
    /// What could be built.
    pub(super) done: BTreeSet<Target>,
    /// What could not. Targets that depend on it are in neither.
    pub(super) failed: BTreeSet<Target>,
    /// Warnings, by place and text. A warning that several targets share appears once.
    pub(super) warnings: BTreeSet<String>,
    /// What the compiler said about the errors, with the target; without one, what cargo said.
    pub(super) errors: Vec<(Option<Target>, String)>,
}

/// A target of a package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    /// `lib`, `bin`, `test` or `example`.
    kind: String,
    name: String,
    /// Whether it is built as a program that runs its tests. A library is built both ways.
    pub(super) tests: bool,
}

impl Target {
    /// Reads a target of `cargo metadata` or of a message.
    fn of(value: &Value, tests: bool) -> Self {
        let kind = value["kind"][0].as_str().unwrap_or_default();
        let kind = if ["bin", "test", "bench", "example", "custom-build"].contains(&kind) { kind } else { "lib" };
        Self { kind: kind.to_owned(), name: value["name"].as_str().unwrap_or_default().to_owned(), tests }
    }

    /// As cargo is told.
    fn arguments(&self) -> Vec<String> {
        match self.kind.as_str() {
            "lib" => vec!["--lib".to_owned()],
            kind => vec![format!("--{kind}"), self.name.clone()],
        }
    }

    /// Whether a test, as [`Tested`] names it, is one of this target.
    pub(super) fn has(&self, test: &str) -> bool {
        let title = self.title();
        test.strip_prefix(&title).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }

    pub(super) fn title(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// What a run of tests came to.
#[derive(Default)]
pub(super) struct Tested {
    /// The tests that passed, with their target. A target without a harness counts as one test.
    pub(super) passed: BTreeSet<String>,
    /// The tests that failed, and targets that did not come to their end.
    pub(super) failed: BTreeSet<String>,
    /// How long all of it took.
    pub(super) time: Duration,
}

/// `cargo metadata` of a folder: of the package alone, or of all that it needs on this platform.
pub(super) fn metadata(folder: &Path, complete: bool) -> Result<Value, String> {
    let mut command = ordinary(folder);
    command.args(["metadata", "--format-version", "1"]);
    if complete {
        command.args(["--filter-platform", env!("XTASK_HOST")]);
    } else {
        command.arg("--no-deps");
    }
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// What there is to annotate in a package.
pub(super) struct Package {
    pub(super) edition: String,
    /// The root files of the library, the programs and the tests.
    pub(super) roots: Vec<PathBuf>,
}

/// Reads a package's own manifest.
pub(super) fn package(folder: &Path) -> Result<Package, String> {
    let metadata = metadata(folder, false)?;
    let package = &metadata["packages"][0];
    let targets = package["targets"].as_array().into_iter().flatten();
    let ours = targets.filter(|target| ["lib", "bin", "test"].contains(&Target::of(target, false).kind.as_str()));
    Ok(Package {
        edition: package["edition"].as_str().unwrap_or_default().to_owned(),
        roots: ours.filter_map(|target| target["src_path"].as_str().map(PathBuf::from)).collect(),
    })
}

/// `cargo` in the folder of a crate, which knows nothing of this workspace.
fn ordinary(folder: &Path) -> Command {
    let mut command = cargo(None);
    command
        .current_dir(folder)
        .env("CARGO_TERM_COLOR", "never")
        // Older crates name the compilers that they support; which versions of others they get must not depend on it.
        .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow")
        // Nobody debugs these; builds are quicker and smaller.
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .env("CARGO_INCREMENTAL", "0")
        .stdin(Stdio::null());
    command
}

/// Builds the library and everything with tests. Errors in the crate are a result like any other.
pub(super) fn build(tree: &Tree, target: &Path) -> Result<Built, String> {
    // Without any other selection, this is the library as its users get it and every program; what has tests is added.
    let mut built = Built::default();
    for selection in [None, Some("--tests")] {
        let mut command = ordinary(&tree.folder);
        command
            .args(["build", "--keep-going", "--quiet", "--message-format", "json"])
            .args(selection)
            .args(tree.selection())
            .env("CARGO_TARGET_DIR", target);
        let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
        built.take(&output, &tree.folder.join("Cargo.toml"));
    }
    Ok(built)
}

impl Built {
    /// The targets whose tests can be run.
    pub(super) fn tests(&self) -> Vec<Target> {
        self.done.iter().filter(|target| target.tests).cloned().collect()
    }

    fn take(&mut self, output: &Output, manifest: &Path) {
        let text = String::from_utf8_lossy(&output.stdout);
        for message in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            self.read(&message, manifest);
        }
        if !output.status.success() && self.errors.is_empty() {
            // Something that this crate depends on cannot be built, or the manifest is wrong.
            self.errors.push((None, String::from_utf8_lossy(&output.stderr).into_owned()));
        }
    }

    fn read(&mut self, message: &Value, manifest: &Path) {
        if message["manifest_path"].as_str().map(Path::new) != Some(manifest) {
            return;
        }
        let target = Target::of(&message["target"], message["profile"]["test"] == true);
        match message["reason"].as_str() {
            Some("compiler-artifact") => {
                self.done.insert(target);
            }
            Some("compiler-message") => {
                let message = &message["message"];
                let text = message["rendered"].as_str().unwrap_or_default();
                match message["level"].as_str() {
                    Some("warning") if message["code"].is_object() => {
                        self.warnings.insert(warning(message));
                    }
                    // Also an error in the compiler itself.
                    Some(level) if level.starts_with("error") => {
                        if !self.errors.iter().any(|(_, known)| known == text) {
                            self.errors.push((Some(target.clone()), text.to_owned()));
                        }
                        self.failed.insert(target);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// A warning in one line. Columns are left out: the attribute moves them.
fn warning(message: &Value) -> String {
    let spans = message["spans"].as_array();
    let primary = spans.into_iter().flatten().find(|span| span["is_primary"] == true).unwrap_or(&Value::Null);
    let (file, line) = (primary["file_name"].as_str().unwrap_or("?"), primary["line_start"].as_u64().unwrap_or(0));
    let code = message["code"]["code"].as_str().unwrap_or_default();
    format!("{file}:{line}: {} ({code})", message["message"].as_str().unwrap_or_default())
}

/// Runs the tests of a target, which may take as long as `limit`.
pub(super) fn test(tree: &Tree, target: &Path, tests: &Target, limit: Duration) -> Result<Tested, String> {
    let log = tree.folder.with_extension("log");
    let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let errors = file.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = ordinary(&tree.folder);
    command
        .args(["test", "--no-fail-fast"])
        .args(tree.selection())
        .args(tests.arguments())
        .env("CARGO_TARGET_DIR", target)
        .stdout(file)
        .stderr(errors);
    let start = Instant::now();
    let ended = wait(&mut command, limit)?;
    let text = fs::read(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut tested = Tested { time: start.elapsed(), ..Tested::default() };
    tested.read(&String::from_utf8_lossy(&text), &tests.title());
    let has_harness = text.windows(13).any(|window| window == b"test result: ");
    let whole = tests.title();
    match ended {
        Some(true) if !has_harness => tested.passed.insert(whole),
        Some(false) if !has_harness => tested.failed.insert(whole),
        None => tested.failed.insert(format!("{whole}: not ended after {} s", limit.as_secs())),
        _ => false,
    };
    if ended != Some(true) {
        keep(&log, tests);
    }
    Ok(tested)
}

/// Keeps what a failed run printed.
fn keep(log: &Path, tests: &Target) {
    let _ = fs::rename(log, log.with_extension(format!("{}.{}.log", tests.kind, tests.name)));
}

/// Whether a command succeeded; `None` if it had to be ended, with all that it started.
fn wait(command: &mut Command, limit: Duration) -> Result<Option<bool>, String> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command.spawn().map_err(|error| format!("cannot run cargo: {error}"))?;
    let start = Instant::now();
    while start.elapsed() < limit {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Some(status.success())),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(error.to_string()),
        }
    }
    #[cfg(unix)]
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
    let _ = child.kill();
    let _ = child.wait();
    Ok(None)
}

impl Tested {
    fn read(&mut self, text: &str, target: &str) {
        for line in text.lines() {
            let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) else {
                continue;
            };
            let name = format!("{target}: {}", name.trim_end_matches(" - should panic"));
            match outcome {
                "ok" => self.passed.insert(name),
                "FAILED" => self.failed.insert(name),
                _ => false,
            };
        }
    }

    /// The tests that pass here and not there.
    pub(super) fn missing_in<'a>(&'a self, other: &'a Self) -> Vec<&'a String> {
        self.passed.difference(&other.passed).collect()
    }

    /// Adds the tests of another target, or of another run.
    pub(super) fn add(&mut self, other: Self) {
        self.passed.extend(other.passed);
        self.failed.extend(other.failed);
        self.time += other.time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_of_each_test_is_read() {
        let mut tested = Tested::default();
        let text = "running 4 tests\ntest a::b ... ok\ntest c - should panic ... ok\ntest d ... FAILED\ntest e ... \
                    ignored, slow\ntest result: FAILED. 2 passed; 1 failed; 1 ignored\n";
        tested.read(text, "lib x");
        assert_eq!(Vec::from_iter(tested.passed), ["lib x: a::b", "lib x: c"]);
        assert_eq!(Vec::from_iter(tested.failed), ["lib x: d"]);
    }
}
