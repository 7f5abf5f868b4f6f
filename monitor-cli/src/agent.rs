//! `monitor agent`: samples the machine into a store until it is told to stop.

use std::{io, io::Write, process, time::Duration};

use monitor_sinks::Monitor;
use serde_json::{Value as Json, json};

use crate::{arguments::Agent, exit::Exit, failure::Failure, stop::Stop};

/// The longest interval at which a monitor stores.
const LONGEST_FLUSH: Duration = Duration::from_hours(1);

/// Samples until a signal comes, then stores what is left.
pub(crate) fn run(agent: &Agent) -> Result<Exit, Failure> {
    let stop = Stop::prepare().map_err(Failure::Signals)?;
    let monitor = Monitor::builder()
        .service(&agent.service)
        .sqlite(&agent.db)
        .flush_every(agent.flush.unwrap_or(agent.every.min(LONGEST_FLUSH)))
        .host(agent.sampling())
        .start()
        .map_err(Failure::Store)?;
    let path = monitor.store().path().to_owned();
    let started = format!(
        "sampling this machine every {3:?} into {0} as service {1:?}, process {2}; stop it with Ctrl-C or SIGTERM. Watch it: \
         monitor top --db \"{0}\". Ask it: Store::open_read_only(\"{0}\")?.query().metric(\"cpu_percent_total\").series()?",
        path.display(),
        agent.service,
        process::id(),
        agent.every,
    );
    let details = json!({
        "event": "started", "db": path.to_string_lossy(), "service": agent.service, "pid": process::id(),
        "every_seconds": agent.every.as_secs_f64(),
    });
    say(agent, &started, &details);
    let signal = stop.wait();
    monitor.shutdown().map_err(Failure::Store)?;
    let stopped = format!("stopped by {signal}; everything is stored in {}", path.display());
    say(agent, &stopped, &json!({"event": "stopped", "by": signal, "db": path.to_string_lossy()}));
    Ok(Exit::Done)
}

/// Prints a line, for people or for programs. Nobody may be there to read it.
fn say(agent: &Agent, line: &str, details: &Json) {
    let text = if agent.json { format!("{details}\n") } else { format!("monitor agent: {line}\n") };
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
