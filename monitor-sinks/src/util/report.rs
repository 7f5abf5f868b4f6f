//! Log lines of the background thread.
//!
//! They go to standard error, one line at each change of state and none in between, because a program that cannot reach
//! its disk must not fill another one with complaints. A closed or full standard error is ignored (`eprintln!` would
//! panic), and a message that spans lines is folded into one.

use std::{fmt, io::Write};

/// Writes one line, `monitored: message`. Never fails and never panics.
pub(crate) fn line(message: fmt::Arguments<'_>) {
    let text = format!("monitored: {message}").replace(['\n', '\r'], " ") + "\n";
    // One write call, so that lines of several threads do not mix.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
