//! What can be said on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};
use monitor_sinks::{Family, HostSampling};

use crate::duration;

/// The words after `monitor`.
#[derive(Debug, Parser)]
#[command(name = "monitor", version, about = "Samples a machine into a metric store", arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sample this machine until it is told to stop
    #[command(after_help = AGENT_NOTES)]
    Agent(Agent),
    /// Run test scripts of PromQL
    #[command(after_help = PROMQL_TEST_NOTES)]
    PromqlTest(PromqlTest),
}

const AGENT_NOTES: &str = "\
Stops on SIGINT and SIGTERM, once everything is stored; a second signal ends it at once.

Exit codes:
  0  stopped by a signal, everything is stored
  1  could not start, or could not store the last values
  2  the arguments make no sense
  3  another program records to the file";

const PROMQL_TEST_NOTES: &str = "\
A script loads series, asks questions, and says what must come out. The language is that of the test files of
Prometheus (promql/promqltest). Each file is printed with its count of cases passed, failed and skipped, each failure
with its line.

Exit codes:
  0  nothing failed
  1  a case failed, or a file could not be read
  2  the arguments make no sense";

/// What scripts to run.
#[derive(Debug, Args)]
pub(crate) struct PromqlTest {
    /// The scripts
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Print counts only
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Settings of the agent.
#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// The file to record to; it is created if it does not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_file_is_all_that_is_needed() {
        let arguments = Arguments::try_parse_from(["monitor", "agent", "--db", "m.db"]).unwrap();
        let Command::Agent(agent) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!(agent.every, Duration::from_secs(10));
        assert_eq!((agent.service.as_str(), agent.top, agent.flush), ("host", 5, None));
    }

    #[test]
    fn each_mistake_is_one_error_that_names_it() {
        for (words, named) in [
            (&["agent"][..], "--db"),
            (&["agent", "--db", "m.db", "--every", "10"], "'10'"),
            (&["agent", "--db", "m.db", "--every", "soon"], "such as 10s"),
            (&["agent", "--db", "m.db", "--top", "-1"], "-1"),
            (&["agent", "--db", "m.db", "--without", "gpu"], "own_process"),
            (&["agent", "--db", "m.db", "--evrey", "10s"], "--evrey"),
            (&["agnet"], "agnet"),
            (&["promql-test"], "FILE"),
        ] {
            let error = Arguments::try_parse_from(std::iter::once(&"monitor").chain(words)).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
