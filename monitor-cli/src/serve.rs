//! `monitor serve`: the HTTP interface of Prometheus over a store, read-only, until it is told to stop.

use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use monitor_sinks::{
    Store,
    http::{Server, Token},
};

use crate::{arguments::Serve, exit::Exit, failure::Failure, stop::Stop};

/// Serves until a signal comes, then lets answers out that are on their way.
pub(crate) fn run(serve: &Serve) -> Result<Exit, Failure> {
    let stop = Stop::prepare().map_err(Failure::Signals)?;
    let store = Store::open_read_only(&serve.db)?;
    let mut server = Server::builder(store.promql_source()).listen(serve.listen).time_limit(serve.within);
    for host in &serve.host {
        server = server.host(host);
    }
    if let Some(path) = &serve.token_file {
        server = server.token(token(path)?);
    }
    let server = server.start().map_err(Failure::Server)?;
    let address = server.address();
    say(format_args!(
        "{} is at http://{address} for clients of Prometheus; stop it with Ctrl-C",
        store.path().display()
    ));
    let signal = stop.wait();
    server.stop();
    say(format_args!("stopped by {signal}"));
    Ok(Exit::Done)
}

fn token(path: &Path) -> Result<Token, Failure> {
    let failed = |source| Failure::File { doing: "read the token in", path: PathBuf::from(path), source };
    let short =
        || io::Error::new(io::ErrorKind::InvalidData, "it must be one line of at least 32 characters, without spaces");
    Token::new(fs::read_to_string(path).map_err(failed)?.trim()).ok_or_else(|| failed(short()))
}

/// Prints a line. Nobody may be there to read it.
fn say(line: fmt::Arguments<'_>) {
    let text = format!("monitor serve: {line}\n");
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
