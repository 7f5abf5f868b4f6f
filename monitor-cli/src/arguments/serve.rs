//! `monitor serve`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use crate::duration;

pub(super) const NOTES: &str = "\
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

    /// Tell what happens as JSON, an object a line
    #[arg(long)]
    pub(crate) json: bool,
}
