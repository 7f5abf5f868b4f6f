//! The real Prometheus, from Debian's package: fetched, unpacked, never installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Outcome;

/// The program, unpacked below `folder` if it is not there yet.
pub(super) fn program(folder: &Path) -> Outcome<PathBuf> {
    let folder = folder.join("prometheus");
    let program = folder.join("usr/bin/prometheus");
    if program.exists() {
        return Ok(program);
    }
    fs::create_dir_all(&folder)?;
    eprintln!("prometheus: fetching Debian's package");
    run(Command::new("apt-get").args(["download", "--quiet", "prometheus"]).current_dir(&folder))
        .map_err(|error| format!("{error} (where it knows no such package, `apt-get update` comes first)"))?;
    let package = fs::read_dir(&folder)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or("apt-get left no package")?;
    run(Command::new("dpkg").arg("-x").arg(&package).arg(&folder))?;
    fs::remove_file(package)?;
    if program.exists() { Ok(program) } else { Err("the package holds no usr/bin/prometheus".into()) }
}

/// The version that the program states.
pub(super) fn version(program: &Path) -> Outcome<String> {
    let output = Command::new(program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok(version.unwrap_or("of unknown version").to_owned())
}

fn run(command: &mut Command) -> Outcome<()> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("cannot run {name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()).into())
}
