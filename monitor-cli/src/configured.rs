//! What a monitor.toml says of the agent.

use std::path::{Path, PathBuf};

use monitor_sinks::{Builder, Monitor, config::Config};

use crate::{arguments::Agent, failure::Failure};

/// A builder with all that the file at `path` says; whether the machine is still to be sampled as the arguments say; and
/// the store, if the file names one.
pub(crate) fn begin(builder: Builder, agent: &Agent, path: &Path) -> Result<(Builder, bool, Option<PathBuf>), Failure> {
    let config = Config::read_without_secrets(path)?;
    let store = config.store_path().map(Path::to_owned);
    if let (Some(db), Some(own)) = (&agent.db, &store) {
        let (db, path, own) = (db.display(), path.display(), own.display());
        return Err(Failure::Usage(format!("--db is {db}, and {path} names the store {own}; leave one out")));
    }
    Ok((builder.config(path), !config.says_host(), store))
}

/// Reads rules and channels anew. A failure is told on standard error.
pub(crate) fn reload(monitor: &Monitor) -> bool {
    monitor.reload().is_ok()
}
