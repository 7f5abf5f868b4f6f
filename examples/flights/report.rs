//! What the example prints: its own result, and what the monitor knows.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use monitored::{FunctionStats, Monitor};

use crate::options::Options;
use crate::pipeline::Summary;
use crate::ranking::Ranked;

const HOUR: Duration = Duration::from_hours(1);

/// The result of the pipeline.
pub(crate) fn result(out: &mut impl Write, summary: &Summary, best: &[Ranked], elapsed: Duration) -> io::Result<()> {
    let rate = summary.rows as f64 / elapsed.as_secs_f64();
    writeln!(
        out,
        "{} rows in {:.0} ms ({:.0} rows/s): {} flights on {} routes, {} rows dropped\n",
        summary.rows,
        elapsed.as_secs_f64() * 1e3,
        rate,
        summary.rows - summary.dropped,
        summary.by_route.len(),
        summary.dropped,
    )?;
    writeln!(out, "least delayed carriers")?;
    for carrier in best {
        writeln!(
            out,
            "  {}. {}  {:>+6.1} min at arrival, {:>2.0} % late, {:>6} flights",
            carrier.rank,
            String::from_utf8_lossy(&carrier.carrier),
            carrier.delays.mean(),
            100.0 * carrier.delays.late as f64 / carrier.delays.flights as f64,
            carrier.delays.flights,
        )?;
    }
    Ok(())
}

/// What happened, as the store tells it.
pub(crate) fn monitoring(
    out: &mut impl Write,
    monitor: &Monitor,
    options: &Options,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let functions = monitor.query().service("flights").last(HOUR).functions()?;
    let total: f64 = functions.iter().map(seconds).sum();
    writeln!(out, "\nfunctions, last hour (this run and earlier ones on the same file)")?;
    writeln!(
        out,
        "  {:<24} {:>9} {:>8} {:>6} {:>10} {:>10} {:>10} {:>7}  errors by type",
        "function", "calls", "errors", "cancel", "p50", "p99", "total", "share"
    )?;
    for function in &functions {
        let by_type: Vec<String> =
            function.errors_by_type.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        writeln!(
            out,
            "  {:<24} {:>9} {:>8} {:>6} {:>10} {:>10} {:>10} {:>6.1}%  {}",
            function.function,
            function.calls,
            function.errors,
            function.cancelled,
            shown(function.quantile(0.5)),
            shown(function.quantile(0.99)),
            shown(function.total()),
            100.0 * seconds(function) / total.max(f64::MIN_POSITIVE),
            by_type.join(", "),
        )?;
    }
    writeln!(out, "  (share: of all time spent in monitored functions; a function's time includes those it calls)")?;

    let rows = monitor.query().metric("rows_read").service("flights").last(HOUR).series()?;
    let read: f64 = rows.iter().map(monitored::Series::increase).sum();
    writeln!(out, "\nrows_read, last hour: {read}")?;
    writeln!(out, "stored in {}", options.database.display())?;
    writeln!(
        out,
        "\nnext: ask for one function in your own code
    let store = monitored::Store::open_read_only(\"{}\")?;
    let parse = store.query().function(\"parse\").last(Duration::from_secs(3600)).stats()?;
or process a whole year: cargo run --release --example flights -- --full FILE",
        options.database.display(),
    )?;
    Ok(())
}

fn seconds(function: &FunctionStats) -> f64 {
    function.total().unwrap_or_default().as_secs_f64()
}

/// A duration with three digits and its unit.
fn shown(duration: Option<Duration>) -> String {
    let Some(duration) = duration else { return String::from("-") };
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "us"),
        s => (s * 1e9, "ns"),
    };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}
