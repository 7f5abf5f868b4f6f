//! A real pipeline under full monitoring: flights out of New York, with their real gaps.
//!
//! ```text
//! cargo run --release --example flights                   January 2013, 27,004 flights
//! cargo run --release --example flights -- --full FILE    a whole year (CSV, may be gzipped), with a progress bar
//! ```
//!
//! Rows are read in batches, parsed, validated and transformed on several threads, summed up by carrier and route, and
//! ranked in an asynchronous stage. Each step carries `#[monitored]`; nothing else in the code knows of it. At the end
//! the program asks the store what happened.

mod flight;
mod options;
mod pipeline;
mod ranking;
mod report;

use std::error::Error;
use std::time::{Duration, Instant};

use monitored::Monitor;

use options::Options;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some(options) = Options::from_arguments()? else { return Ok(()) };

    // The three lines that turn monitoring on.
    let monitor = if options.bare {
        None
    } else {
        Some(
            Monitor::builder()
                .service("flights")
                .sqlite(&options.database)
                .flush_every(Duration::from_secs(1))
                .start()?,
        )
    };

    let started = Instant::now();
    let summary = pipeline::run(&options)?;
    let best = ranking::best_carriers(&summary, 5);
    let elapsed = started.elapsed();

    let mut out = std::io::stdout().lock();
    report::result(&mut out, &summary, &best, elapsed)?;
    if let Some(monitor) = monitor {
        monitor.flush()?;
        report::monitoring(&mut out, &monitor, &options)?;
        monitor.shutdown()?;
    }
    Ok(())
}
