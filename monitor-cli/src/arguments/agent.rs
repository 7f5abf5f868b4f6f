//! `monitor agent`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::PossibleValuesParser};
use monitor_sinks::{Family, HostSampling};

use crate::duration;

pub(super) const NOTES: &str = "\
Stops on SIGINT and SIGTERM, once everything is stored; a second signal ends it at once. On SIGHUP it reads the rules and
channels of its monitor.toml anew; if there is a mistake in it, the old ones stay.

Exit codes:
  0  stopped by a signal, everything is stored
  1  could not start, or could not store the last values
  2  the arguments make no sense
  3  another program records to the file";

/// Settings of the agent.
#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// The file to record to; it is created if it does not exist. A monitor.toml may name it instead
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// A monitor.toml: what it says of the store and the machine counts in place of these options; its rules are
    /// evaluated, its channels told
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// How often to sample: 100ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse_interval)]
    pub(crate) every: Duration,

    /// How often to look for anything else to store, such as counts of failures; samples are stored at once
    /// [default: as often as it samples]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) flush: Option<Duration>,

    /// What the samples are stored under
    #[arg(long, value_name = "NAME", default_value = "host")]
    pub(crate) service: String,

    /// How many commands to list as the greatest users of CPU and of memory: 0 to 32
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) top: usize,

    /// A directory of *.prom files with values of other programs
    #[arg(long, value_name = "DIR")]
    pub(crate) textfiles: Option<PathBuf>,

    /// Leave a family of values out; may be given several times
    #[arg(long, value_name = "FAMILY", value_parser = families())]
    pub(crate) without: Vec<String>,

    /// Leave mount points out that match this pattern, in which * stands for any text; may be given several times
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude_mount: Vec<String>,

    /// Where proc and sys are, for a container that has the machine's mounted somewhere
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,

    /// Tell what happens as JSON, an object a line
    #[arg(long)]
    pub(crate) json: bool,
}

fn families() -> PossibleValuesParser {
    Family::ALL.map(Family::name).into()
}

impl Agent {
    /// What to sample.
    pub(crate) fn sampling(&self) -> HostSampling {
        let mut host = HostSampling::every(self.every).top(self.top).root(&self.root);
        for name in &self.without {
            if let Some(family) = Family::ALL.into_iter().find(|family| family.name() == name) {
                host = host.without(family);
            }
        }
        if !self.exclude_mount.is_empty() {
            host = host.exclude_mounts(self.exclude_mount.iter().map(String::as_str));
        }
        match &self.textfiles {
            Some(folder) => host.textfiles(folder),
            None => host,
        }
    }
}
