//! `monitor serve`: the HTTP interface of Prometheus over a store, read-only, until it is told to stop.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use monitor_sinks::{
    Store,
    http::{Server, Token},
};
use serde_json::{Value as Json, json};

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
    let db = store.path().display();
    let started = format!("{db} is at http://{address} for clients of Prometheus; stop it with Ctrl-C");
    let details = json!({"event": "started", "db": db.to_string(), "address": address.to_string()});
    say(serve, &started, &details);
    let signal = stop.wait();
    server.stop();
    say(serve, &format!("stopped by {signal}"), &json!({"event": "stopped", "by": signal}));
    Ok(Exit::Done)
}

fn token(path: &Path) -> Result<Token, Failure> {
    let failed = |source| Failure::File { doing: "read the token in", path: PathBuf::from(path), source };
    let short =
        || io::Error::new(io::ErrorKind::InvalidData, "it must be one line of at least 32 characters, without spaces");
    Token::new(fs::read_to_string(path).map_err(failed)?.trim()).ok_or_else(|| failed(short()))
}

/// Prints a line, for people or for programs. Nobody may be there to read it.
fn say(serve: &Serve, line: &str, details: &Json) {
    let text = if serve.json { format!("{details}\n") } else { format!("monitor serve: {line}\n") };
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
