//! What can be said on the command line: a file for each command, and `window`, which several of them know.

mod agent;
#[cfg(feature = "alerts")]
mod alert;
#[cfg(feature = "alerts")]
mod alerting;
#[cfg(not(feature = "alerts"))]
#[path = "alerting_not.rs"]
mod alerting;
#[cfg(feature = "alerts")]
mod alerts;
mod care;
mod completions;
mod export;
mod functions;
mod import;
mod promql_test;
mod query;
#[cfg(feature = "alerts")]
mod rules;
mod series;
mod serve;
mod sites;
mod sql;
mod top;
mod window;

use clap::{Parser, Subcommand};

pub(crate) use self::{
    agent::Agent,
    alerting::Alerting,
    care::{Check, Copy},
    completions::Completions,
    export::{Export, SQLITE},
    functions::{Column, Functions},
    import::Import,
    promql_test::PromqlTest,
    query::Query,
    series::Series,
    serve::Serve,
    sites::Sites,
    sql::Sql,
    top::Top,
    window::Window,
};
#[cfg(feature = "alerts")]
pub(crate) use self::{
    alert::{Alert, AlertTask, ChannelTest},
    alerts::{Ack, Alerts, Explain, Silence, Unsilence},
    rules::{DryRun, Rules, Task as RuleTask},
};
use crate::exit::EXIT_CODES;

/// The words after `monitor`.
#[derive(Debug, Parser)]
#[command(
    name = "monitor",
    version,
    about = "Samples a machine into a metric store, asks it, and moves values in and out of it",
    after_help = EXIT_CODES,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sample this machine until it is told to stop
    #[command(after_help = agent::NOTES)]
    Agent(Agent),
    /// Show how often functions were called, how they ended and how long they took
    #[command(after_help = functions::NOTES)]
    Functions(Functions),
    /// Watch functions and the machine in a terminal while they are recorded
    #[command(after_help = top::NOTES)]
    Top(Top),
    /// List the functions that are monitored, with their tags and source files, or single slow calls
    #[command(after_help = sites::NOTES)]
    Sites(Sites),
    /// List the series of a store with their newest values
    #[command(after_help = series::NOTES)]
    Series(Series),
    #[command(flatten)]
    Alerting(Alerting),
    /// Answer an expression of PromQL
    #[command(after_help = query::NOTES)]
    Query(Query),
    /// Answer clients of Prometheus, such as Grafana, over HTTP until it is told to stop
    #[command(after_help = serve::NOTES)]
    Serve(Serve),
    /// Answer a question in SQL
    #[command(after_help = sql::NOTES)]
    Sql(Sql),
    /// Write the values of a store as CSV, JSON lines or OpenMetrics text
    #[command(after_help = export::NOTES)]
    Export(Export),
    /// Read OpenMetrics or Prometheus text with timestamps into a store
    #[command(after_help = import::NOTES)]
    Import(Import),
    /// Copy a store to a new file while it is recorded to
    #[command(after_help = care::COPY_NOTES)]
    Backup(Copy),
    /// Look for damage: every checksum, every value, and whether the parts fit together
    #[command(after_help = care::CHECK_NOTES)]
    Check(Check),
    /// Save what can still be read of a damaged store into a new one
    #[command(after_help = care::SALVAGE_NOTES)]
    Salvage(Copy),
    /// Run test scripts of PromQL
    #[command(after_help = promql_test::NOTES)]
    PromqlTest(PromqlTest),
    /// Print what makes a shell complete the words of this command
    #[command(after_help = completions::NOTES)]
    Completions(Completions),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_that_answers_does_so_in_json_too() {
        let command = Arguments::command();
        let speaks_json = |command: &clap::Command| command.get_arguments().any(|argument| argument.get_id() == "json");
        let mute: Vec<&str> =
            command.get_subcommands().filter(|command| !speaks_json(command)).map(clap::Command::get_name).collect();
        // What it prints is for a shell.
        assert_eq!(mute, ["completions"]);
    }

    #[test]
    fn exit_codes_are_in_the_help_of_the_program_and_of_every_command() {
        let mut command = Arguments::command();
        assert!(command.render_help().to_string().contains("Exit codes of all commands"));
        for command in command.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let help = command.render_help().to_string();
            assert!(help.contains("Exit codes:"), "{help}");
        }
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
            (&["agent", "--db", "m.db", "--every", "10"][..], "'10'"),
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
            (&["functions"], "--db"),
            (&["functions", "--db", "m.db", "--sort", "p98"], "p99"),
            (&["functions", "--db", "m.db", "--last", "an hour"], "such as 10s"),
            (&["functions", "--db", "m.db", "--last", "0s"], "longer"),
            (&["functions", "--db", "m.db", "--last", "1h", "--from", "2h"], "--from"),
            (&["functions", "--db", "m.db", "--to", "yesterday"], "RFC 3339"),
            (&["functions", "--db", "m.db", "--limit", "-1"], "-1"),
            (&["sites"], "--db"),
            (&["series", "up"], "--db"),
            (&["top", "--db", "m.db", "--every", "1ms"], "250ms to 1h"),
            (&["top", "--db", "m.db", "--last", "1"], "such as 10s"),
            (&["completions", "tcsh"], "powershell"),
        ] {
            let error = Arguments::try_parse_from(std::iter::once(&"monitor").chain(words)).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
