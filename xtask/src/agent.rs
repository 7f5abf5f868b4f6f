//! How large the agent is: its program on the disk, stripped, and in memory while it samples.

use std::fs;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use crate::prove::Extent;
use crate::run::{Outcome, cargo, run, target};

/// The largest program, in bytes.
const MOST_ON_DISK: u64 = 8_000_000;

/// The most resident memory, in KiB.
const MOST_IN_MEMORY: u64 = 15_000_000 / 1_024;

/// Builds the agent as it is handed out, runs it at ten samples a second, and compares with the bounds.
pub(crate) fn size(extent: Extent) -> Outcome {
    // Long enough for every family to be read, and in full for a row of everything after the first minute.
    let watch = Duration::from_secs(if extent == Extent::Full { 65 } else { 6 });
    run(
        "agent, as it is handed out",
        cargo(None).args(["build", "--locked", "--profile", "dist", "-p", "monitor-cli", "--no-default-features"]),
    )?;
    let program = target("dist").join("monitor");
    let on_disk = fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?.len();
    let folder = target("agent-size");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut agent = Command::new(&program)
        .args(["agent", "--every", "100ms", "--db"])
        .arg(folder.join("metrics.db"))
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    sleep(watch);
    let in_memory = most_resident(&agent);
    stop(&mut agent)?;
    let in_memory = in_memory.ok_or("the agent has ended, or this system does not say how much memory it uses")?;
    println!(
        "program: {:.1} MB of at most {:.0} MB; resident at most {:.1} MB of {:.0} MB",
        on_disk as f64 / 1e6,
        MOST_ON_DISK as f64 / 1e6,
        in_memory as f64 * 1.024e-3,
        MOST_IN_MEMORY as f64 * 1.024e-3,
    );
    if on_disk > MOST_ON_DISK || in_memory > MOST_IN_MEMORY {
        return Err(String::from("the agent is larger than it may be"));
    }
    Ok(())
}

/// The most memory that the agent has had so far, in KiB.
fn most_resident(agent: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Tells the agent to stop, which it does with success.
fn stop(agent: &mut Child) -> Outcome {
    let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", agent.id())]).status();
    if !asked.is_ok_and(|status| status.success()) {
        let _ = agent.kill();
    }
    match agent.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the agent ended with {status}")),
        Err(error) => Err(format!("the agent cannot be waited for: {error}")),
    }
}
