//! The store against others, under one load in one run.

mod load;
mod measure;
mod ours;
mod report;

use std::{error::Error, process::ExitCode};

use clap::{Parser, ValueEnum};

use self::{
    load::{DAY, FUNCTIONS, Grid, SCALARS},
    ours::Filled,
    report::{Bound, Report},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures the store under a day of load, beside other systems.
#[derive(Debug, Parser)]
#[command(name = "store")]
struct Options {
    /// Measures one system alone.
    #[arg(long, value_enum)]
    only: Option<System>,
    /// Takes eight hours of the load.
    #[arg(long)]
    quick: bool,
    /// Takes so many flushes of the load; a day has 8,640.
    #[arg(long, value_name = "N", conflicts_with = "quick")]
    flushes: Option<usize>,
    /// Leaves histograms out, and what is asked of them.
    #[arg(long)]
    no_histograms: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum System {
    Ours,
}

impl Options {
    fn flushes(&self) -> usize {
        self.flushes.unwrap_or(if self.quick { DAY / 3 } else { DAY })
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(report) => {
            let (held, missed) = report.verdict();
            println!("{report}\n{held} bounds held, {missed} missed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("store: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Outcome<Report> {
    let folder = tempfile::tempdir()?;
    let mut report = Report::default();
    let flushes = options.flushes();
    let scalars = ours::fill(folder.path(), None, flushes)?;
    ingest(&mut report, "Ours: 950 series", &scalars, flushes);
    let log = ours::pinned_log(folder.path(), None)?;
    report.line("largest log while a reader holds 1,200 flushes", log as f64 / 1e6, "MB", Bound::AtMost(32.0));
    anatomy(&scalars)?;
    if options.no_histograms {
        return Ok(report);
    }
    for grid in [Grid::Fine, Grid::Coarse] {
        let filled = ours::fill(folder.path(), Some(grid), flushes)?;
        ingest(&mut report, &format!("Ours: 950 series and 200 histograms, {grid:?} buckets"), &filled, flushes);
        let more = (filled.bytes - scalars.bytes) as f64 / (flushes * FUNCTIONS) as f64;
        report.line("buckets in use, a histogram and flush", filled.buckets, "", Bound::None);
        report.line("bytes of a histogram sample", more, "B", Bound::None);
        anatomy(&filled)?;
        if grid == Grid::Coarse {
            let log = ours::pinned_log(folder.path(), Some(grid))?;
            report.line("largest log while a reader holds 1,200 flushes", log as f64 / 1e6, "MB", Bound::AtMost(32.0));
            questions(&mut report, &filled)?;
        }
    }
    Ok(report)
}

fn ingest(report: &mut Report, title: &str, filled: &Filled, flushes: usize) {
    let samples = (flushes * SCALARS) as f64;
    report.section(title);
    report.line("scalar samples a second, upkeep included", samples / filled.total_s(), "", Bound::None);
    report.line("share of upkeep in it", 100.0 * filled.slices.total_s() / filled.total_s(), "%", Bound::None);
    report.line("bytes of the file a scalar sample", filled.bytes as f64 / samples, "B", Bound::None);
    report.line(
        "bytes written a sample, by write calls",
        filled.written.calls as f64 / samples,
        "B",
        Bound::AtMost(64.0),
    );
    report.line("bytes written a sample, by dirty pages", filled.written.pages as f64 / samples, "B", Bound::None);
    report.line("flush, median", filled.flushes.median_ms(), "ms", Bound::AtMost(0.2));
    report.line("flush, 99 of 100", filled.flushes.quantile_ms(0.99), "ms", Bound::None);
    report.line("flush, longest", filled.flushes.longest_ms(), "ms", Bound::AtMost(50.0));
    report.line("slice of upkeep, 999 of 1,000", filled.slices.quantile_ms(0.999), "ms", Bound::None);
    report.line("slice of upkeep, longest", filled.slices.longest_ms(), "ms", Bound::AtMost(50.0));
}

fn anatomy(filled: &Filled) -> Outcome<()> {
    for (part, bytes) in ours::anatomy(&filled.path)? {
        eprintln!("{bytes:>12} bytes {part}");
    }
    Ok(())
}

fn questions(report: &mut Report, filled: &Filled) -> Outcome<()> {
    let asked = ours::ask(filled)?;
    report.section("Ours: questions");
    for (what, times, most) in [
        ("raw day of one series", &asked.raw_day, 1.0),
        ("p99 of one function over 24 h", &asked.function_day, 2.0),
        ("p99 by function over the last hour, 200 functions", &asked.functions_hour, 10.0),
        ("latest of all series", &asked.latest, 1.0),
    ] {
        report.line(format!("{what}, median"), times.median_ms(), "ms", Bound::AtMost(most));
        report.line(format!("{what}, best"), times.best_ms(), "ms", Bound::None);
    }
    let slices = ours::expire(filled)?;
    report.line("an expired hour deleted", 1e3 * slices.total_s(), "ms", Bound::AtMost(20.0));
    report.line("longest slice of it", slices.longest_ms(), "ms", Bound::AtMost(5.0));
    Ok(())
}

/// Says on standard error how far it is, now and then.
fn progress(what: &str, at: usize, of: usize) {
    if at % 1_080 == 0 {
        eprintln!("{what}: {at} of {of} flushes");
    }
}
