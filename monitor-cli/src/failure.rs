//! Why the program ended without having done what it was asked for.

use std::{error, fmt, io, path::PathBuf};

use monitor_sinks::{Error, http, promql};

use crate::exit::Exit;

/// A failure, as it is told on standard error.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Signals cannot be waited for.
    Signals(io::Error),
    /// The store, or what it was given.
    Store(Error),
    /// Arguments that do not go together.
    Usage(String),
    /// A question in PromQL.
    Question(promql::Error),
    /// The server that was to be started.
    Server(http::Error),
    /// The terminal cannot be drawn on.
    Terminal(io::Error),
    /// A file that was named cannot be used.
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

impl Failure {
    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Store(error) => Exit::of(error),
            Self::Question(error) => Exit::of_question(error),
            Self::Server(error) if error.is_invalid_setting() => Exit::Usage,
            Self::Signals(_) | Self::Server(_) | Self::Terminal(_) | Self::File { .. } => Exit::Failed,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<promql::Error> for Failure {
    fn from(error: promql::Error) -> Self {
        Self::Question(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signals(error) => write!(f, "cannot wait for signals: {error}"),
            Self::Usage(message) => f.write_str(message),
            Self::Store(error) => error.fmt(f),
            Self::Question(error) => error.fmt(f),
            Self::Server(error) => error.fmt(f),
            Self::Terminal(error) => write!(f, "cannot use the terminal: {error}; print a frame with --once"),
            Self::File { doing, path, source } => write!(f, "cannot {doing} {}: {source}", path.display()),
        }
    }
}

impl error::Error for Failure {}
