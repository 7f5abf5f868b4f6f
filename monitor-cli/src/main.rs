//! The program `monitor`.
//!
//! One word says what it does: `monitor agent` samples the machine into a metric store; `functions`, `sites` and `series`
//! show what is in one, and `top` shows it while it is recorded; `query` and `sql` ask one; `export` and `import` take
//! values out of one and into one; `backup`, `check` and `salvage` take care of one; `alerts`, `explain`, `ack`, `silence`
//! and `unsilence` are about what goes wrong, `rules` and `alert` about rules and channels before anything does; `serve`
//! lets clients of Prometheus ask one; `promql-test` runs test scripts of PromQL; `completions` teaches a shell these
//! words. What is printed is for people, but for what they ask to have as JSON; everything that went wrong goes to standard
//! error. Scripts branch on the exit code, see `exit`.

mod activity;
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
mod arguments;
mod care;
mod colour;
mod completions;
#[cfg(feature = "alerts")]
mod configured;
#[cfg(not(feature = "alerts"))]
#[path = "configured_not.rs"]
mod configured;
mod duration;
mod exit;
mod export;
mod failure;
mod filter;
mod functions;
mod import;
mod instant;
mod plot;
mod promql_test;
mod query;
#[cfg(feature = "alerts")]
mod rules;
mod series;
mod serve;
mod sites;
mod sql;
#[cfg(unix)]
mod stop;
#[cfg(not(unix))]
#[path = "stop_polled.rs"]
mod stop;
// Compiled and tested wherever the program is.
#[cfg(all(test, unix))]
mod stop_polled;
mod table;
mod top;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use self::{
    arguments::{Arguments, Command},
    failure::Failure,
};

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Agent(agent) => agent::run(&agent),
        Command::Alerting(about) => alerting::run(&about),
        Command::Backup(copy) => care::backup(&copy).map_err(Failure::Store),
        Command::Check(check) => care::check(&check).map_err(Failure::Store),
        Command::Salvage(copy) => care::salvage(&copy).map_err(Failure::Store),
        Command::Completions(shell) => Ok(completions::run(&shell)),
        Command::Export(export) => export::run(&export),
        Command::Functions(functions) => functions::run(&functions),
        Command::Import(import) => import::run(&import),
        Command::PromqlTest(scripts) => Ok(promql_test::run(&scripts)),
        Command::Query(query) => query::run(&query),
        Command::Series(series) => series::run(&series),
        Command::Serve(serve) => serve::run(&serve),
        Command::Sites(sites) => sites::run(&sites),
        Command::Sql(question) => sql::run(&question).map_err(Failure::Store),
        Command::Top(top) => top::run(&top),
    };
    let exit = result.unwrap_or_else(|failure| {
        let _ = writeln!(std::io::stderr(), "monitor: {failure}");
        failure.exit()
    });
    ExitCode::from(exit as u8)
}
