//! How the machine did over the whole time.

use std::io::{self, Write};
use std::time::Duration;

use crate::figures::Figures;
use crate::shape::{bytes, count, cut, mean, percent, sparkline};

/// The width of a sparkline.
const WIDTH: usize = 40;

/// A figure, what is shown of it, and how.
type Row = (&'static str, &'static str, fn(f64) -> String);

const ROWS: [Row; 10] = [
    ("CPU", "cpu_percent_total", percent),
    ("memory", "memory_percent", percent),
    ("load", "load_avg_1m", two_digits),
    ("disk read", "disk_read_bytes", bytes_a_second),
    ("disk written", "disk_write_bytes", bytes_a_second),
    ("received", "network_bytes_recv", bytes_a_second),
    ("sent", "network_bytes_sent", bytes_a_second),
    ("switches", "system_context_switches_total", a_second),
    ("processes", "total_processes", count),
    ("own memory", "process_memory_usage_bytes", bytes),
];

pub(crate) fn print(out: &mut impl Write, all: &Figures<'_>, watched: Duration) -> io::Result<()> {
    let title = format!("Over {:.0} s", watched.as_secs_f64());
    writeln!(out, "\n{:<15}{:<WIDTH$}  {:>12}{:>12}{:>12}", title, "", "least", "mean", "most")?;
    for (name, metric, shown) in ROWS {
        let values = all.course(metric, WIDTH);
        if values.is_empty() {
            continue;
        }
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        writeln!(
            out,
            "  {:<13}{:<WIDTH$}  {:>12}{:>12}{:>12}",
            cut(name, 12),
            sparkline(&values, most),
            shown(least),
            shown(mean(&values)),
            shown(most),
        )?;
    }
    Ok(())
}

fn two_digits(value: f64) -> String {
    format!("{value:.2}")
}

fn bytes_a_second(value: f64) -> String {
    bytes(value) + "/s"
}

fn a_second(value: f64) -> String {
    count(value) + "/s"
}
