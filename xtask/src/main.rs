//! Long proofs and checks of the workspace. `cargo xtask help` lists them.

mod agent;
mod check;
mod compile_time;
mod overhead;
mod peers;
mod prove;
mod run;
mod survive;
mod targets;

use std::process::ExitCode;

const HELP: &str = "usage: cargo xtask COMMAND

  prove [--quick]   every long proof: exactness, kills, model checker, sanitizers, and all commands below;
                    --quick takes smaller counts and leaves out what depends on a quiet machine
  agent-size [--quick]
                    how large the agent's program is, on the disk and in memory, against its bounds; --quick watches it
                    for seconds instead of a minute
  examples          every example, run once
  loom              the shard protocol under the model checker
  sanitize          the tests of monitor-core under the address and thread sanitizers (nightly toolchain)
  miri              the tests of monitor-core under Miri, where it is installed
  hot-path          what a monitored call costs, against its bound
  host-cost [--quick]
                    what a sample of the host costs, against sysinfo and others; --quick takes fewer turns
  host-stress [--quick]
                    sampling the host under stress, and its readers on bytes of no sense
  rule-cost         what evaluating alert rules costs, against its bounds
  overhead          throughput of the example with monitoring and without
  peers [--quick]   the store under a day of load, beside the tables of the seed document and the real Prometheus: writes
                    BENCHMARKS.md, and fails when a bound is missed; --quick takes a third of the load and never fails for one
  compile-time      what the attribute adds to `cargo check`, beside `#[tracing::instrument]`
  survive [OPTION] [CRATE[@VERSION][/FEATURE,...]]...
                    real crates from the package registry, annotated everywhere, against their own tests; five that
                    differ if none is named. --each puts the attribute on every function, impl block and trait,
                    --modules on inline modules, --first before all other attributes; --workspace PATH takes the
                    `monitored` to be tried from another folder
  targets           whether everything compiles for Windows, macOS and FreeBSD
  help              this text";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["prove"] => prove::all(prove::Extent::Full),
        ["prove", "--quick"] => prove::all(prove::Extent::Quick),
        ["agent-size"] => agent::size(prove::Extent::Full),
        ["agent-size", "--quick"] => agent::size(prove::Extent::Quick),
        ["examples"] => check::examples(),
        ["loom"] => check::loom(),
        ["sanitize"] => check::sanitize(),
        ["miri"] => check::miri(),
        ["hot-path"] => check::hot_path(),
        ["compile-time"] => compile_time::measure(),
        ["host-cost"] => check::host_cost(prove::Extent::Full),
        ["host-cost", "--quick"] => check::host_cost(prove::Extent::Quick),
        ["rule-cost"] => check::rule_cost(),
        ["host-stress"] => check::host_stress(prove::Extent::Full),
        ["host-stress", "--quick"] => check::host_stress(prove::Extent::Quick),
        ["overhead"] => overhead::measure(),
        ["peers"] => peers::measure(prove::Extent::Full),
        ["peers", "--quick"] => peers::measure(prove::Extent::Quick),
        ["targets"] => targets::check(),
        ["survive", arguments @ ..] => survive::survive(arguments),
        ["help" | "--help" | "-h"] | [] => {
            println!("{HELP}");
            Ok(())
        }
        unknown => Err(format!("unknown command `{}`\n\n{HELP}", unknown.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
