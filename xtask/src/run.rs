//! Runs commands of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a step comes to: nothing, or what went wrong.
pub(crate) type Outcome = Result<(), String>;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A folder of the target folder: for builds with other flags, so that they do not push out the ordinary ones.
pub(crate) fn target(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(name)
}

/// `cargo`, in the root, by the toolchain of the workspace or by another one.
pub(crate) fn cargo(toolchain: Option<&str>) -> Command {
    let mut command = match toolchain {
        // The variable that cargo sets for its children names the toolchain's own binary: go through the proxy instead.
        Some(toolchain) => {
            let mut command = Command::new("cargo");
            command.env("RUSTUP_TOOLCHAIN", toolchain).env_remove("CARGO").env_remove("RUSTC");
            command
        }
        None => Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
    };
    command.current_dir(root());
    command
}

/// Runs a command to its end, showing what it prints.
pub(crate) fn run(title: &str, command: &mut Command) -> Outcome {
    println!("== {title}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{title}: {status}")),
        Err(error) => Err(format!("{title}: cannot run {}: {error}", command.get_program().display())),
    }
}

/// Whether a command exists and succeeds, silently.
pub(crate) fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
