//! Sources of crates as the package registry delivers them, copied to where they can be changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build;

/// The sources of one version of a crate, in cargo's cache.
pub(super) struct Original {
    /// `name-version`.
    pub(super) title: String,
    folder: PathBuf,
    features: Option<String>,
}

/// A crate that cargo can build by itself.
pub(super) struct Tree {
    /// The folder of its manifest.
    pub(super) folder: PathBuf,
    /// The features that are wanted besides the default ones, separated by commas.
    features: Option<String>,
}

impl Tree {
    /// The features, as cargo is told.
    pub(super) fn selection(&self) -> Vec<String> {
        self.features.iter().map(|features| format!("--features={features}")).collect()
    }
}

/// Downloads a crate, given as `name[@version][/feature,...]`, by means of a package that depends on it.
pub(super) fn fetch(wanted: &str, base: &Path) -> Result<Original, String> {
    let (wanted, features) = wanted.split_once('/').map_or((wanted, None), |(wanted, list)| (wanted, Some(list)));
    let (name, version) = wanted.split_once('@').unwrap_or((wanted, ""));
    let version = if version.is_empty() { "*".to_owned() } else { format!("={version}") };
    let folder = base.join("fetch");
    let _ = fs::remove_dir_all(&folder);
    write(&folder.join("lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"survive-fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[lib]\npath = \
         \"lib.rs\"\n\n[workspace]\n\n[dependencies]\nsubject = {{ package = \"{name}\", version = \"{version}\" }}\n"
    );
    write(&folder.join("Cargo.toml"), &manifest)?;
    let metadata = build::metadata(&folder, true)?;
    let mut candidates = packages(&metadata)
        .filter(|package| package["name"] == name && package["source"].is_string())
        .filter(|package| is_asked_for(&metadata, package));
    let found = candidates
        .find_map(|package| Some((package["version"].as_str()?, Path::new(package["manifest_path"].as_str()?))));
    let (version, manifest) = found.ok_or(format!("cannot find {wanted} among the downloads"))?;
    let folder = manifest.parent().ok_or("a manifest without a folder")?.to_owned();
    Ok(Original { title: format!("{name}-{version}"), folder, features: features.map(str::to_owned) })
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// Whether a package is the one that the downloading package depends on, and not another version of it further down.
/// Where cargo does not say, as for packages without a library, the name has to do.
fn is_asked_for(metadata: &Value, package: &Value) -> bool {
    let nodes = metadata["resolve"]["nodes"].as_array();
    let root = nodes.into_iter().flatten().find(|node| node["id"] == metadata["resolve"]["root"]);
    let direct = root.and_then(|node| node["dependencies"].as_array()).filter(|direct| !direct.is_empty());
    direct.is_none_or(|direct| direct.contains(&package["id"]))
}

impl Original {
    /// Copies the sources as they are. They keep their times, so that nothing is built again that was built before.
    pub(super) fn bare(&self, folder: &Path) -> Result<Tree, String> {
        self.copy(folder, true, "")
    }

    /// Copies the sources to be annotated, with the facade as a dependency, and the versions that `bare` uses.
    pub(super) fn monitored(&self, folder: &Path, bare: &Tree, workspace: &Path) -> Result<Tree, String> {
        let dependency =
            format!("\n[dependencies.monitored]\npath = {:?}\ndefault-features = false\n", workspace.display());
        let copy = self.copy(folder, false, &dependency)?;
        let lock = bare.folder.join("Cargo.lock");
        fs::copy(&lock, copy.folder.join("Cargo.lock")).map_err(|error| format!("{}: {error}", lock.display()))?;
        Ok(copy)
    }

    fn copy(&self, folder: &Path, keep_times: bool, dependency: &str) -> Result<Tree, String> {
        let _ = fs::remove_dir_all(folder);
        copy_folder(&self.folder, folder, keep_times).map_err(|error| format!("{}: {error}", folder.display()))?;
        // The newest versions that fit are taken, in all crates the same.
        let _ = fs::remove_file(folder.join("Cargo.lock"));
        let path = folder.join("Cargo.toml");
        let mut manifest = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if !manifest.lines().any(|line| line.trim_start().starts_with("[workspace")) {
            // The copy lies inside of this workspace without being a part of it.
            manifest.push_str("\n[workspace]\n");
        }
        manifest.push_str(dependency);
        write(&path, &manifest)?;
        Ok(Tree { folder: folder.to_owned(), features: self.features.clone() })
    }
}

fn copy_folder(from: &Path, to: &Path, keep_times: bool) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&source, &copy, keep_times)?;
        } else {
            fs::write(&copy, fs::read(&source)?)?;
            let copy = File::options().write(true).open(&copy)?;
            if keep_times {
                copy.set_modified(source.metadata()?.modified()?)?;
            }
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}
