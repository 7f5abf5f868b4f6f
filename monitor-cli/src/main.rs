//! The program `monitor`.
//!
//! One word says what it does: `monitor agent` samples the machine into a metric store, `monitor promql-test` runs test
//! scripts of PromQL. What is printed is for people: results on standard output, everything that went wrong on standard
//! error. Scripts branch on the exit code, see `exit`.

mod agent;
mod arguments;
mod duration;
mod exit;
mod promql_test;
#[cfg(unix)]
mod stop;
#[cfg(not(unix))]
#[path = "stop_polled.rs"]
mod stop;
// Compiled and tested wherever the program is.
#[cfg(all(test, unix))]
mod stop_polled;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use self::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Agent(agent) => agent::run(&agent),
        Command::PromqlTest(scripts) => Ok(promql_test::run(&scripts)),
    };
    let exit = result.unwrap_or_else(|failure| {
        let _ = writeln!(std::io::stderr(), "monitor: {failure}");
        failure.exit()
    });
    ExitCode::from(exit as u8)
}
