//! Single checks that need other flags or another toolchain.

use crate::prove::Extent;
use crate::run::{Outcome, cargo, root, run, target, works};

const NIGHTLY: &str = "nightly";

/// The shard protocol under the model checker.
pub(crate) fn loom() -> Outcome {
    run(
        "model checker",
        cargo(None)
            .args(["test", "--release", "-p", "monitor-core", "--lib", "model"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_TARGET_DIR", target("loom")),
    )
}

/// The tests of monitor-core under the sanitizers. The standard library is taken as it is delivered, so that no further
/// component is needed: the thread sanitizer then sees the atomics of this crate, which are compiled into it, and not the
/// locks inside the library.
pub(crate) fn sanitize() -> Outcome {
    if !works(cargo(Some(NIGHTLY)).arg("--version")) {
        println!("== sanitizers: SKIPPED, there is no nightly toolchain (rustup toolchain install nightly)");
        return Ok(());
    }
    let suppressions = root().join("xtask/thread-sanitizer.suppressions");
    for sanitizer in ["address", "thread"] {
        run(
            &format!("{sanitizer} sanitizer"),
            cargo(Some(NIGHTLY))
                .args(["test", "-p", "monitor-core", "--lib", "--tests", "--target", HOST])
                // The harness's own threads talk through channels inside the library, which are not instrumented.
                .args(["--", "--test-threads=1"])
                .env("RUSTFLAGS", format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer"))
                .env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()))
                .env("CARGO_TARGET_DIR", target(sanitizer)),
        )?;
    }
    Ok(())
}

/// The platform that this runs on, as the compiler names it.
const HOST: &str = env!("XTASK_HOST");

/// The tests of monitor-core under Miri.
pub(crate) fn miri() -> Outcome {
    if !works(cargo(Some(NIGHTLY)).args(["miri", "--version"])) {
        println!("== Miri: SKIPPED, it is not installed (rustup +nightly component add miri)");
        return Ok(());
    }
    run(
        "Miri",
        cargo(Some(NIGHTLY))
            .args(["miri", "test", "-p", "monitor-core", "--lib", "--tests"])
            .env("MIRIFLAGS", "-Zmiri-many-seeds=0..4")
            .env("CARGO_TARGET_DIR", target("miri")),
    )
}

/// Every example, run once.
pub(crate) fn examples() -> Outcome {
    let folder = root().join("examples");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_example = path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists();
            is_example.then(|| path.file_stem()?.to_str().map(str::to_owned))?
        })
        .collect();
    names.sort();
    for name in &names {
        let mut command = cargo(None);
        command.args(["run", "--release", "--locked", "--example", name]);
        // These go on for a minute unless they are told otherwise.
        command.args(match name.as_str() {
            "alerts" => &["--features", "rules"][..],
            "host" => &["--", "5s"],
            "serve" => &["--features", "http", "--", "127.0.0.1:0", "2"],
            _ => &[],
        });
        run(&format!("example {name}"), &mut command)?;
    }
    Ok(())
}

/// What a monitored call costs, against its bound.
pub(crate) fn hot_path() -> Outcome {
    run("cost of a call", cargo(None).args(["bench", "--bench", "hot_path", "--", "--check"]))
}

/// What sampling the host costs, against its bounds.
pub(crate) fn host_cost(extent: Extent) -> Outcome {
    let mut command = cargo(None);
    command.args(["bench", "-p", "monitor-sinks", "--bench", "host_cost", "--"]);
    run("cost of sampling the host", command.args((extent == Extent::Quick).then_some("--quick")))
}

/// What evaluating alert rules costs, against its bounds.
pub(crate) fn rule_cost() -> Outcome {
    for (what, bench) in [("cost of alert rules", "rule_cost"), ("cost of objectives", "objective_cost")] {
        let mut command = cargo(None);
        run(what, command.args(["bench", "-p", "monitor-sinks", "--features", "rules", "--bench", bench]))?;
    }
    Ok(())
}

/// How long a dry run takes, and a message until it is received, against their bounds.
pub(crate) fn alert_times() -> Outcome {
    let test = |what: &[&str]| {
        let mut command = cargo(None);
        command.args(["test", "--release", "-p", "monitor-sinks", "--features", "config"]).args(what);
        // One after the other, and only these.
        command.args(["--", "--ignored", "--nocapture", "--test-threads", "1"]);
        command
    };
    run("a dry run of a week", &mut test(&["--lib", "rule::dry_run"]))?;
    run("messages until they are received", &mut test(&["--test", "notify_speed"]))
}

/// Readers of the host against bytes of no sense and against a machine under stress.
pub(crate) fn host_stress(extent: Extent) -> Outcome {
    let (rounds, stress) = if extent == Extent::Full { ("50000", "full") } else { ("4000", "small") };
    let mut fuzz = cargo(None);
    fuzz.args(["test", "--release", "-p", "monitor-sinks", "--lib", "host::linux::golden"]);
    run("bytes of no sense", fuzz.env("MONITORED_FUZZ_ROUNDS", rounds))?;
    let mut command = cargo(None);
    command.args(["test", "--release", "-p", "monitor-sinks", "--test", "host_stress"]);
    run("sampling under stress", command.env("MONITORED_STRESS", stress))
}
