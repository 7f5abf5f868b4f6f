//! `monitor completions`: what makes a shell complete the words of this command.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::{
    arguments::{Arguments, Completions},
    exit::Exit,
};

/// Prints the script.
pub(crate) fn run(completions: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "monitor", &mut script);
    // Whoever reads may have seen enough.
    let _ = io::stdout().write_all(&script);
    Exit::Done
}
