//! The long proofs, one after the other.

use crate::run::{Outcome, cargo, run};
use crate::{check, compile_time, overhead, peers, survive};

/// How much is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it, as a release needs it.
    Full,
    /// The same code with smaller counts, without what depends on a quiet machine.
    Quick,
}

/// Everything; stops at the first failure.
pub(crate) fn all(extent: Extent) -> Outcome {
    let (runs, kills) = if extent == Extent::Full { ("20", "200") } else { ("3", "10") };
    run(
        "exact totals in the store",
        cargo(None).args(["test", "--release", "--test", "exact_store"]).env("MONITORED_RUNS", runs),
    )?;
    run("kill -9", cargo(None).args(["test", "--release", "--test", "kill"]).env("MONITORED_KILLS", kills))?;
    run(
        "kill -9 in the middle of upkeep and of imports",
        cargo(None)
            .args([
                "test",
                "--release",
                "-p",
                "monitor-sinks",
                "--test",
                "crash_upkeep",
                "--test",
                "import_kill",
                "--test",
                "crash_migration",
            ])
            .env("MONITORED_KILLS", kills),
    )?;
    run(
        "kill -9 while alerts fire",
        cargo(None)
            .args(["test", "--release", "-p", "monitor-sinks", "--features", "rules", "--test", "alert_kill"])
            .env("MONITORED_KILLS", kills),
    )?;
    run(
        "a lock that lasts",
        cargo(None)
            .args(["test", "--release", "-p", "monitor-sinks", "--test", "locked"])
            .env("MONITORED_LOCK_SECONDS", if extent == Extent::Full { "30" } else { "3" }),
    )?;
    run(
        "lives of a store",
        cargo(None)
            .args(["test", "--release", "-p", "monitor-sinks", "--lib", "lifecycle", "--", "--include-ignored"])
            .env("MONITORED_LIVES", if extent == Extent::Full { "100" } else { "4" }),
    )?;
    run(
        "texts of no sense",
        cargo(None)
            .args(["test", "--release", "-p", "monitor-sinks", "--test", "import_fuzz"])
            .env("MONITORED_FUZZ_ROUNDS", if extent == Extent::Full { "200000" } else { "10000" }),
    )?;
    check::host_stress(extent)?;
    check::loom()?;
    check::sanitize()?;
    check::miri()?;
    if extent == Extent::Full {
        check::hot_path()?;
        check::host_cost(extent)?;
        check::rule_cost()?;
        check::alert_times()?;
        overhead::measure()?;
        compile_time::measure()?;
        survive::survive(&[])?;
        // Last, because it fails for a bound that a machine misses, and that must not keep the other proofs from running.
        peers::measure(extent)?;
    } else {
        survive::survive(&["--each", "heck@0.5.0"])?;
    }
    Ok(())
}
