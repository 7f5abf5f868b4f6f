//! The program `monitor`.
//!
//! One word says what it does; so far there is `monitor agent`, which samples the machine into a metric store. What is
//! printed is for people: one line at the start and one at the end on standard output, everything that went wrong on
//! standard error. Scripts branch on the exit code, see `exit`.

mod agent;
mod arguments;
mod duration;
mod exit;
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
    };
    let exit = result.unwrap_or_else(|failure| {
        let _ = writeln!(std::io::stderr(), "monitor: {failure}");
        failure.exit()
    });
    ExitCode::from(exit as u8)
}
