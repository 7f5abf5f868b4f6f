//! A monitor that goes by a file, and reads it anew when it is told to.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use monitor_core::own;

use super::{Beside, Config};
use crate::{
    error::Error,
    runtime::{Builder, Monitor, Plan},
    util::report,
};

impl Monitor {
    /// Starts a monitor that does what a `monitor.toml` says; see the guide.
    ///
    /// # Errors
    ///
    /// If the file has mistakes in it, which are all told, or as for [`Builder::start`].
    ///
    /// # Examples
    ///
    /// ```
    /// use monitor_sinks::Monitor;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("monitor.toml");
    /// std::fs::write(&path, "[store]\npath = \"metrics.db\"\n\n[[rule]]\nname = \"long_queue\"\nexpr = \"queue > 100\"\n")?;
    /// let monitor = Monitor::from_config(&path)?;
    /// monitor.reload()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_config(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().config(path).start()
    }

    /// Reads the file that the monitor was started with anew, and goes on with its rules and channels.
    ///
    /// Alerts keep their state, as in a restart of the program; those of rules that are gone end. Where to record, how
    /// often, and what of the machine, is taken at the next start. Returns when the new rules are in force. Messages that
    /// are on their way are waited for, for two seconds.
    ///
    /// # Errors
    ///
    /// If the monitor was not started with a file, the file has mistakes in it, or the store cannot be written to at the
    /// moment. The rules and channels are then those that they were; one line on standard error says so, and
    /// `monitored_config_reload_failures_total` counts it.
    pub fn reload(&self) -> Result<(), Error> {
        self.renew().inspect_err(|error| {
            own::CONFIG_RELOAD_FAILURES.add(1_u64);
            let text = error.to_string();
            let more = text.lines().count().saturating_sub(1);
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            let first = text.lines().next().unwrap_or_default();
            report::line(format_args!("the settings were not read anew, the old ones stay: {first}{more}"));
        })
    }
}

impl Builder {
    /// Does what a `monitor.toml` says as well. The file is read by [`start`](Self::start); what it says of the store and the
    /// machine counts, whatever the builder was told, and its rules and channels come beside those of the program. Rules of
    /// the file may name channels of the program, and the other way round.
    pub fn config(self, path: impl AsRef<Path>) -> Self {
        self.plan(Arc::new(File(path.as_ref().to_owned())))
    }
}

/// A file as a plan.
#[derive(Debug)]
struct File(PathBuf);

impl Plan for File {
    fn apply(&self, mut builder: Builder) -> Result<Builder, Error> {
        let (rules, channels) = builder.names();
        Config::load(&self.0, &Beside { rules, channels }, true).map(|config| config.apply(builder))
    }
}
