//! Alerts, where the program knows none.

use std::time::SystemTime;

use monitor_sinks::{Error, Store};

/// Nothing: this program was built without the feature `alerts`.
#[allow(clippy::unnecessary_wraps, reason = "with the feature, the store is read")]
pub(super) fn notices(_: &Store, _: SystemTime) -> Result<Vec<String>, Error> {
    Ok(Vec::new())
}
