//! The store against others, under one load in one run.
//!
//! `cargo xtask peers` runs it, with all that is measured; the options take less. What the figures mean and which
//! bounds they have to keep is in `figures`; the load is in `load`.

mod figures;
mod load;
mod measure;
mod ours;
mod prometheus;
mod report;
mod seed;

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};

use self::{
    load::{DAY, Grid, HOUR},
    prometheus::{Prometheus, Received},
    seed::Taken,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures the store under a day of load, beside the tables of the seed document and Prometheus.
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
    /// Writes the figures to this file, if nothing was left out.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Fails if a bound is missed.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum System {
    Ours,
    Seed,
    Prometheus,
}

/// What was measured, of each system.
#[derive(Debug, Default)]
struct Measured {
    flushes: usize,
    ours: Option<Ours>,
    seed: Option<Seed>,
    prometheus: Option<Peer>,
}

#[derive(Debug)]
struct Ours {
    scalars: ours::Filled,
    pinned_log: u64,
    histograms: Option<OurHistograms>,
}

#[derive(Debug)]
struct OurHistograms {
    coarse: ours::Filled,
    fine: ours::Filled,
    pinned_log: u64,
    questions: ours::Questions,
    /// Half an hour later, when that half hour lies in rows.
    questions_midway: ours::Questions,
    /// Slices in which an hour was deleted; `None` if the load is too short for one to expire.
    expired: Option<measure::Times>,
}

#[derive(Debug)]
struct Seed {
    as_written: Taken,
    tuned: Taken,
}

#[derive(Debug)]
struct Peer {
    version: String,
    scalars: Received,
    /// With coarse buckets and with fine ones.
    histograms: Option<[Received; 2]>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Outcome<()> {
    // On the disk that the programs are built on: a file system in memory would flatter whoever waits for the disk.
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).ok_or("the program lies in no target folder")?;
    let folder = tempfile::tempdir_in(target)?;
    let measured = measure(options, target, folder.path())?;
    let report = figures::report(&measured);
    println!("{report}");
    let (held, missed) = report.verdict();
    println!("\n{held} bounds held, {missed} missed");
    match &options.write {
        Some(file) if measured.is_complete() => std::fs::write(file, figures::document(&measured, &report))?,
        Some(file) => eprintln!("store: {} is left as it is, because not everything was measured", file.display()),
        None => {}
    }
    if options.check && missed > 0 { Err(format!("{missed} bounds are missed").into()) } else { Ok(()) }
}

fn measure(options: &Options, target: &Path, folder: &Path) -> Outcome<Measured> {
    let flushes = options.flushes.unwrap_or(if options.quick { DAY / 3 } else { DAY });
    let is_wanted = |system| options.only.is_none_or(|only| only == system);
    let mut measured = Measured { flushes, ..Measured::default() };
    if is_wanted(System::Ours) {
        measured.ours = Some(Ours::measure(folder, flushes, options.no_histograms)?);
    }
    if is_wanted(System::Seed) {
        measured.seed = Some(Seed::measure(folder, flushes)?);
    }
    if is_wanted(System::Prometheus) {
        match Prometheus::find(target) {
            Ok(program) => measured.prometheus = Some(Peer::measure(&program, folder, flushes, options.no_histograms)?),
            Err(error) => eprintln!("store: SKIPPED, all that is measured against Prometheus: {error}"),
        }
    }
    Ok(measured)
}

impl Measured {
    /// Whether nothing was left out.
    fn is_complete(&self) -> bool {
        let ours = self.ours.as_ref().and_then(|ours| ours.histograms.as_ref());
        let prometheus = self.prometheus.as_ref().and_then(|peer| peer.histograms.as_ref());
        self.flushes >= DAY && ours.is_some() && self.seed.is_some() && prometheus.is_some()
    }
}

impl Ours {
    fn measure(folder: &Path, flushes: usize, no_histograms: bool) -> Outcome<Self> {
        let scalars = ours::fill(folder, None, flushes)?;
        let pinned_log = ours::pinned_log(folder, None)?;
        let histograms = if no_histograms { None } else { Some(OurHistograms::measure(folder, flushes)?) };
        Ok(Self { scalars, pinned_log, histograms })
    }
}

impl OurHistograms {
    fn measure(folder: &Path, flushes: usize) -> Outcome<Self> {
        let coarse = ours::fill(folder, Some(Grid::Coarse), flushes)?;
        let fine = ours::fill(folder, Some(Grid::Fine), flushes)?;
        let pinned_log = ours::pinned_log(folder, Some(Grid::Fine))?;
        let questions = ours::ask(&fine)?;
        let questions_midway = ours::ask(&ours::fill(folder, Some(Grid::Fine), flushes + HOUR / 2)?)?;
        let expired = if flushes >= ours::EXPIRES { Some(ours::expire(&fine)?) } else { None };
        Ok(Self { coarse, fine, pinned_log, questions, questions_midway, expired })
    }
}

impl Seed {
    /// A tenth of the load for the tuned tables, and a hundredth for what the seed wrote.
    fn measure(folder: &Path, flushes: usize) -> Outcome<Self> {
        let as_written = seed::as_written(folder, flushes.div_ceil(100))?;
        let tuned = seed::tuned(folder, flushes.div_ceil(10))?;
        Ok(Self { as_written, tuned })
    }
}

impl Peer {
    fn measure(program: &Prometheus, folder: &Path, flushes: usize, no_histograms: bool) -> Outcome<Self> {
        let scalars = program.receive(folder, None, flushes)?;
        let with = |grid| program.receive(folder, Some(grid), flushes);
        let histograms = if no_histograms { None } else { Some([with(Grid::Coarse)?, with(Grid::Fine)?]) };
        Ok(Self { version: program.version.clone(), scalars, histograms })
    }
}

/// Says on standard error how far it is, now and then.
fn progress(what: &str, at: usize, of: usize) {
    if at.is_multiple_of(1_080) {
        eprintln!("{what}: {at} of {of} flushes");
    }
}
