//! The agent of a program that knows no alerts: a monitor.toml is refused.

use std::path::{Path, PathBuf};

use monitor_sinks::{Builder, Monitor};

use crate::{arguments::Agent, failure::Failure};

/// There is none: this program was built without the feature `alerts`.
pub(crate) fn begin(_: Builder, _: &Agent, path: &Path) -> Result<(Builder, bool, Option<PathBuf>), Failure> {
    let cure = "leave --config out, or take one that has it";
    Err(Failure::Usage(format!("{}: this program was built without the feature `alerts`; {cure}", path.display())))
}

/// Nothing to read anew.
pub(crate) const fn reload(_: &Monitor) -> bool {
    false
}
