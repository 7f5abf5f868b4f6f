//! `monitor agent`: samples the machine into a store until it is told to stop.

use std::{
    io,
    io::{IsTerminal, Write},
    process,
    time::Duration,
};

use monitor_sinks::Monitor;
use serde_json::{Value as Json, json};

use crate::{
    arguments::Agent,
    configured,
    exit::Exit,
    failure::Failure,
    stop::{Asked, Stop},
};

/// The longest interval at which a monitor stores.
const LONGEST_FLUSH: Duration = Duration::from_hours(1);

/// Samples until a signal comes, then stores what is left.
pub(crate) fn run(agent: &Agent) -> Result<Exit, Failure> {
    let mut stop = Stop::prepare().map_err(Failure::Signals)?;
    // A service is told to read its settings anew by a hang-up, and must not end by it if it has none. A terminal that is
    // closed ends what was started in it.
    if agent.config.is_some() || !io::stdin().is_terminal() {
        stop.expect_reloads().map_err(Failure::Signals)?;
    }
    let monitor = start(agent)?;
    let path = monitor.store().path().to_owned();
    let started = format!(
        "sampling this machine into {0} as process {1}; {2}; stop it with Ctrl-C or SIGTERM. Watch it: \
         monitor top --db \"{0}\". Ask it: Store::open_read_only(\"{0}\")?.query().metric(\"cpu_percent_total\").series()?",
        path.display(),
        process::id(),
        settings(agent),
    );
    let details = json!({
        "event": "started", "db": path.to_string_lossy(), "service": agent.service, "pid": process::id(),
        "every_seconds": agent.every.as_secs_f64(), "config": agent.config,
    });
    say(agent, &started, &details);
    let signal = loop {
        match stop.next() {
            Asked::Stop(signal) => break signal,
            // A failure was told on standard error.
            Asked::Reload if configured::reload(&monitor) => {
                say(agent, "read its rules and channels anew", &json!({"event": "reloaded"}));
            }
            Asked::Reload => {}
        }
    };
    monitor.shutdown().map_err(Failure::Store)?;
    let stopped = format!("stopped by {signal}; everything is stored in {}", path.display());
    say(agent, &stopped, &json!({"event": "stopped", "by": signal, "db": path.to_string_lossy()}));
    Ok(Exit::Done)
}

fn start(agent: &Agent) -> Result<Monitor, Failure> {
    let mut builder =
        Monitor::builder().service(&agent.service).flush_every(agent.flush.unwrap_or(agent.every.min(LONGEST_FLUSH)));
    let (mut samples, mut store) = (true, agent.db.clone());
    if let Some(path) = &agent.config {
        let own;
        (builder, samples, own) = configured::begin(builder, agent, path)?;
        store = store.or(own);
    }
    if store.is_none() {
        let cure = "name one with --db FILE, or in the [store] of a monitor.toml with --config FILE";
        return Err(Failure::Usage(format!("there is no store to record to; {cure}")));
    }
    if let Some(db) = &agent.db {
        builder = builder.sqlite(db);
    }
    if samples {
        builder = builder.host(agent.sampling());
    }
    builder.start().map_err(Failure::Store)
}

/// How it samples, in words.
fn settings(agent: &Agent) -> String {
    match &agent.config {
        Some(path) => format!("as {} says", path.display()),
        None => format!("every {:?}, service {:?}", agent.every, agent.service),
    }
}

/// Prints a line, for people or for programs. Nobody may be there to read it.
fn say(agent: &Agent, line: &str, details: &Json) {
    let text = if agent.json { format!("{details}\n") } else { format!("monitor agent: {line}\n") };
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
