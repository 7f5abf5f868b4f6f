//! A look at the machine that this runs on, and how it did over a minute.
//!
//! ```text
//! cargo run --release --example host            # watches for a minute
//! cargo run --release --example host -- 10s     # or for as long as you say
//! ```
//!
//! Everything that is shown was sampled by the background thread of a monitor, stored, and asked for again: what this
//! program prints about itself, another one could print about this machine next week.

mod figures;
mod shape;
mod snapshot;
mod trend;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use monitored::prelude::*;
use monitored::{Family, HostSampling};

use figures::Figures;

/// How often the machine is sampled here.
const EVERY: Duration = Duration::from_millis(500);

/// Long enough for two samples of everything, which ratios and rates need.
const WARM_UP: Duration = Duration::from_millis(2_600);

fn main() -> Result<(), Box<dyn Error>> {
    let watch = match std::env::args().nth(1) {
        None => Duration::from_mins(1),
        Some(text) => seconds(&text).ok_or("say how long to watch as 5s, up to 3600s, or nothing for a minute")?,
    };
    let folder = tempfile::tempdir()?;
    // Slow families are usually read every 5 or 10 s; here somebody is waiting.
    let host = HostSampling::every(EVERY)
        .cadence(Family::Process, Duration::from_secs(1))
        .cadence(Family::Filesystem, Duration::from_secs(1));
    let monitor = Monitor::builder().service("example").sqlite(folder.path().join("host.db")).host(host).start()?;
    let start = Instant::now();

    wait_until(start, WARM_UP.min(watch), watch)?;
    monitor.flush()?;
    snapshot::print(&mut io::stdout().lock(), &Figures::of(&monitor))?;

    wait_until(start, watch, watch)?;
    monitor.flush()?;
    trend::print(&mut io::stdout().lock(), &Figures::of(&monitor), watch)?;
    monitor.shutdown()?;
    Ok(())
}

/// A number of seconds, such as `10s` or `10`.
fn seconds(text: &str) -> Option<Duration> {
    let number: u64 = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    (1..=3_600).contains(&number).then(|| Duration::from_secs(number))
}

/// Waits, and says how far it is to whoever looks on.
fn wait_until(start: Instant, until: Duration, whole: Duration) -> io::Result<()> {
    let mut err = io::stderr();
    let is_watched = err.is_terminal();
    while start.elapsed() < until {
        if is_watched {
            let done = start.elapsed().as_secs_f64() / whole.as_secs_f64();
            write!(
                err,
                "\r  watching {} {:>3.0} s of {:.0} s ",
                shape::bar(done, 30),
                start.elapsed().as_secs_f64(),
                whole.as_secs_f64()
            )?;
            err.flush()?;
        }
        sleep(Duration::from_millis(200).min(until.saturating_sub(start.elapsed())));
    }
    if is_watched {
        write!(err, "\r{:70}\r", "")?;
    }
    Ok(())
}
