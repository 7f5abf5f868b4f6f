//! What can be said on the command line.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};
use monitor_sinks::{Family, Format, HostSampling};

use crate::{duration, instant};

/// The words after `monitor`.
#[derive(Debug, Parser)]
#[command(
    name = "monitor",
    version,
    about = "Samples a machine into a metric store, asks it, and moves values in and out of it",
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sample this machine until it is told to stop
    #[command(after_help = AGENT_NOTES)]
    Agent(Agent),
    /// Copy a store to a new file while it is recorded to
    #[command(after_help = COPY_NOTES)]
    Backup(Copy),
    /// Look for damage: every checksum, every value, and whether the parts fit together
    #[command(after_help = CHECK_NOTES)]
    Check(Check),
    /// Save what can still be read of a damaged store into a new one
    #[command(after_help = SALVAGE_NOTES)]
    Salvage(Copy),
    /// Answer an expression of PromQL
    #[command(after_help = QUERY_NOTES)]
    Query(Query),
    /// Answer clients of Prometheus, such as Grafana, over HTTP until it is told to stop
    #[command(after_help = SERVE_NOTES)]
    Serve(Serve),
    /// Answer a question in SQL
    #[command(after_help = SQL_NOTES)]
    Sql(Sql),
    /// Write the values of a store as CSV, JSON lines or OpenMetrics text
    #[command(after_help = TIMES)]
    Export(Export),
    /// Read OpenMetrics or Prometheus text with timestamps into a store
    #[command(after_help = IMPORT_NOTES)]
    Import(Import),
    /// Run test scripts of PromQL
    #[command(after_help = PROMQL_TEST_NOTES)]
    PromqlTest(PromqlTest),
}

const QUERY_NOTES: &str = "\
Series have the names and labels that they are stored with, and the label service; histograms and timers are native
histograms. Without a time the answer is that of the newest instant in the store. With --from it is a range: a plot in a
terminal, else a table; --json is the data that the HTTP interface of Prometheus answers with.

Times are RFC 3339 (2026-11-28T10:00:00Z; without a zone they are UTC), seconds since 1970, `now`, or a span before now
such as 2h or `2h ago`.

Examples:
  monitor query --db m.db 'sum by (function) (rate(function_calls_total[5m]))'
  monitor query --db m.db --from 1h 'histogram_quantile(0.99, rate(function_calls_duration_seconds[5m]))'

Exit codes:
  0  it is answered, be it by nothing
  1  the store cannot be read, the data has no answer, or it takes too long or is too large
  2  the arguments or the expression make no sense, or it names a metric that there is none of";

const SERVE_NOTES: &str = "\
Paths, parameters and answers are those of Prometheus; in Grafana, add a data source of that kind with the address.
Nothing is ever changed, and a recording is not disturbed. Other machines are let in only with a token, which clients
send as `Authorization: Bearer ...`. It is sent and answered in plain text; put a server that speaks TLS before it.

Examples:
  monitor serve --db m.db
  monitor serve --db m.db --listen 0.0.0.0:9090 --token-file token --host metrics.example

Exit codes:
  0  stopped by a signal
  1  the store or the token cannot be read, or the address is in use
  2  the arguments make no sense, or would let other machines in without a token";

const SQL_NOTES: &str = "\
Tables: samples; app_metrics and system_metrics, the same as older scripts store it; series, latest, function_hourly and
the other plain tables of the file, which the table about explains. Times are UTC. Nothing is ever changed.

Examples:
  monitor sql --db m.db \"SELECT * FROM latest\"
  monitor sql --db m.db \"SELECT timestamp, value FROM system_metrics
      WHERE metric_name = 'cpu_percent_total' AND timestamp > datetime('now', '-1 hour')\"

Exit codes:
  0  it is answered
  1  the store cannot be read, or the answer takes too long or is too large
  2  the arguments or the SQL make no sense, or would change something";

const AGENT_NOTES: &str = "\
Stops on SIGINT and SIGTERM, once everything is stored; a second signal ends it at once.

Exit codes:
  0  stopped by a signal, everything is stored
  1  could not start, or could not store the last values
  2  the arguments make no sense
  3  another program records to the file";

const COPY_NOTES: &str = "\
The copy is complete or not there. A file that is there already is never replaced.

Exit codes:
  0  the copy is made
  1  it could not be made
  2  the arguments make no sense";

const SALVAGE_NOTES: &str = "\
Prints what could not be saved, and how much was. The damaged file is not changed; nobody may record to it meanwhile.

Exit codes:
  0  what could be read is saved, whatever was lost
  1  nothing could be saved
  2  the arguments make no sense
  3  another program records to the file";

const CHECK_NOTES: &str = "\
Prints each finding on a line of its own. Nothing is changed.

Exit codes:
  0  the store is sound
  1  it is damaged, or cannot be read
  2  the arguments make no sense";

/// A store, and a new file for a copy of it.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The file to make; there must be none of that name
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
}

/// A store.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,
}

const TIMES: &str = "\
Times are RFC 3339 (2026-11-28T10:00:00Z; without a zone they are UTC), seconds since 1970, `now`, or a span before now
such as 2h or `2h ago`.

Exit codes: 0 done, also if nobody reads to the end; 1 failed; 2 the arguments make no sense.";

const IMPORT_NOTES: &str = "\
The store is complete or as it was before: an import that fails or is killed leaves nothing behind. What the store has
already, the same series at the same time, is left out, so that importing a file twice does not double it. Imported
values are kept at their resolution, for as long as the store keeps anything.

Exit codes: 0 done; 1 failed, the message names file and line; 2 the arguments make no sense; 3 another program records
to the store.";

/// What is to be exported, and where to.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The store to read; a recording is not disturbed
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The form: csv, jsonl, openmetrics, or sqlite: a file with the tables `app_metrics` and `system_metrics`
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = formats())]
    pub(crate) format: String,

    /// Only this metric
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,

    /// Only this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// Only series with this label; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub(crate) tag: Vec<(String, String)>,

    /// Only values after this time
    #[arg(long, value_name = "TIME", value_parser = instant::parse)]
    pub(crate) from: Option<SystemTime>,

    /// Only values up to this time
    #[arg(long, value_name = "TIME", value_parser = instant::parse)]
    pub(crate) to: Option<SystemTime>,

    /// The file to write, which appears when it is complete [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Tell what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is to be imported, and where to.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The store to write; it is created if it does not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The files to read; - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The service of series that have no label `service`
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// The time of values without a timestamp; without this they are refused
    #[arg(long, value_name = "TIME", value_parser = instant::parse)]
    pub(crate) at: Option<SystemTime>,

    /// The most series of all files together
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(crate) max_series: usize,

    /// Tell what was imported as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The form that is a database of its own.
pub(crate) const SQLITE: &str = "sqlite";

fn formats() -> PossibleValuesParser {
    Format::ALL.map(Format::name).into_iter().chain([SQLITE]).collect::<Vec<_>>().into()
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write a key and a value, such as table=flights")?;
    Ok((key.to_owned(), value.to_owned()))
}

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

/// A question in PromQL.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The expression
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) expression: String,

    /// The instant to ask at [default: the newest in the store]
    #[arg(long, value_name = "TIME", value_parser = instant::parse, conflicts_with = "from")]
    pub(crate) at: Option<SystemTime>,

    /// The first instant of a range
    #[arg(long, value_name = "TIME", value_parser = instant::parse)]
    pub(crate) from: Option<SystemTime>,

    /// The last instant of the range [default: the newest in the store]
    #[arg(long, value_name = "TIME", value_parser = instant::parse, requires = "from")]
    pub(crate) to: Option<SystemTime>,

    /// The time between two instants of the range [default: what makes about 120 of them]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, requires = "from")]
    pub(crate) step: Option<Duration>,

    /// Print the answer as JSON, as the HTTP interface of Prometheus does
    #[arg(long)]
    pub(crate) json: bool,

    /// How long the answer may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) within: Duration,
}

/// What is to be served, where, and to whom.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The address and port to listen at; port 0 is a free one, which is printed
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9090")]
    pub(crate) listen: SocketAddr,

    /// Also answer requests that call this server by this name; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,

    /// A file with the token that clients must show
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// How long an answer may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) within: Duration,
}

/// A question in SQL.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// One statement, such as SELECT
    #[arg(value_name = "SQL")]
    pub(crate) statement: String,

    /// Print each row as a JSON object on a line of its own
    #[arg(long)]
    pub(crate) json: bool,

    /// How many rows to print at most
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) limit: usize,

    /// How long the answer may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub(crate) within: Duration,
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
            (&["backup", "--db", "m.db"], "<OUT>"),
            (&["check", "m.db"], "m.db"),
            (&["sql", "--db", "m.db"], "<SQL>"),
            (&["sql", "SELECT 1"], "--db"),
            (&["sql", "--db", "m.db", "SELECT 1", "--limit", "all"], "'all'"),
            (&["query", "--db", "m.db"], "<EXPR>"),
            (&["query", "--db", "m.db", "up", "--step", "1m"], "--from"),
            (&["query", "--db", "m.db", "up", "--from", "1h", "--at", "now"], "--at"),
            (&["export"], "--db"),
            (&["export", "--db", "m.db", "--format", "xml"], "openmetrics"),
            (&["export", "--db", "m.db", "--from", "soon"], "RFC 3339"),
            (&["export", "--db", "m.db", "--tag", "table"], "table=flights"),
            (&["import", "--db", "m.db"], "FILE"),
            (&["import", "--db", "m.db", "a.om", "--max-series", "many"], "many"),
            (&["promql-test"], "FILE"),
        ] {
            let error = Arguments::try_parse_from(std::iter::once(&"monitor").chain(words)).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
