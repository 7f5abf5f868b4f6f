//! The promises of the store, with the figures that hold or miss them.
//!
//! Sizes of a histogram sample are differences: of a store with histograms and one without, in either system.

use crate::{
    Measured, OurHistograms, Ours, Peer, Seed,
    load::{FUNCTIONS, SCALARS},
    measure::Times,
    ours::{Filled, Questions},
    promql,
    report::{Bound, Report, number},
};

/// The figures of what was measured.
pub(crate) fn report(measured: &Measured) -> Report {
    let mut report = Report::default();
    let samples = (measured.flushes * SCALARS) as f64;
    if let Some(ours) = &measured.ours {
        if measured.seed.is_some() || measured.prometheus.is_some() {
            report.section("Against others");
        }
        if let Some(seed) = &measured.seed {
            against_seed(&mut report, ours, seed, samples);
        }
        if let Some(peer) = &measured.prometheus {
            against_prometheus(&mut report, ours, peer, measured.flushes);
        }
        writing(&mut report, "Writing 950 series", &ours.scalars, ours.pinned_log, samples);
        if let Some(with) = &ours.histograms {
            let both = samples + (measured.flushes * FUNCTIONS) as f64;
            writing(&mut report, "Writing 950 series and 200 histograms", &with.fine, with.pinned_log, both);
            asking(&mut report, with, measured.prometheus.as_ref());
            deleting(&mut report, with);
        }
    }
    if !measured.promql.is_empty() {
        promql::report(&mut report, &measured.promql);
    }
    if let Some(seed) = &measured.seed {
        of_seed(&mut report, seed);
    }
    if let Some(peer) = &measured.prometheus {
        of_prometheus(&mut report, peer, measured.flushes);
    }
    if let Some(ours) = &measured.ours {
        of_ours(&mut report, ours, measured.flushes);
    }
    report
}

/// The figures as a document of their own.
pub(crate) fn document(measured: &Measured, report: &Report) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let version = measured.prometheus.as_ref().map_or("", |peer| &peer.version);
    let (held, missed) = report.verdict();
    format!(
        "# Benchmarks

Written by `cargo xtask peers`; what is measured, and how, is in `benches/peers`.

## The store

One load for all: 200 functions with four counters each and 150 series of the machine, {flushes} flushes of 10 seconds,
and for some figures a histogram for each function besides. Machine: {cores} cores, {arch}, {os}. Prometheus {version},
from Debian's package; SQLite {sqlite} for us and for the seed. {held} bounds held, {missed} missed.

{report}",
        flushes = number(measured.flushes as f64),
        arch = std::env::consts::ARCH,
        os = std::env::consts::OS,
        sqlite = rusqlite::version(),
    )
}

fn against_seed(report: &mut Report, ours: &Ours, seed: &Seed, samples: f64) {
    let (rate, size) = (samples / ours.scalars.total_s(), ours.scalars.bytes as f64 / samples);
    report.line("rate of samples, × the seed's own flush", rate / seed.as_written.rate(), "", Bound::AtLeast(100.0));
    report.line("rate of samples, × the seed's tables tuned", rate / seed.tuned.rate(), "", Bound::None);
    report.line("size of the seed's tables with an index, × ours", seed.tuned.size() / size, "", Bound::AtLeast(60.0));
}

fn against_prometheus(report: &mut Report, ours: &Ours, peer: &Peer, flushes: usize) {
    let best = peer.scalars.times.parts_s().fold(f64::INFINITY, f64::min) / ours.scalars.best_part_s();
    report.line("rate of samples, × what Prometheus receives, best quarters", best, "", Bound::AtLeast(1.5));
    let rate = peer.scalars.times.total_s() / ours.scalars.total_s();
    report.line("rate of samples, × what Prometheus receives, all in all", rate, "", Bound::None);
    let size = ours.scalars.bytes as f64 / peer.scalars.bytes as f64;
    report.line("size of a scalar sample, × Prometheus", size, "", Bound::AtMost(0.9));
    let (Some(with), Some(peers)) = (&ours.histograms, &peer.histograms) else { return };
    let grids = ["8 buckets an octave", "32 buckets an octave"];
    for ((grid, ours_with), peer_with) in grids.into_iter().zip([&with.coarse, &with.fine]).zip(peers) {
        let size = histogram(ours_with.bytes, ours.scalars.bytes, flushes)
            / histogram(peer_with.bytes, peer.scalars.bytes, flushes);
        report.line(format!("size of a histogram sample, {grid}, × Prometheus"), size, "", Bound::AtMost(0.95));
        let rate = peer_with.times.total_s() / ours_with.total_s();
        report.line(format!("rate with histograms, {grid}, × what Prometheus receives"), rate, "", Bound::None);
    }
}

/// Bytes of a histogram sample.
fn histogram(with: u64, without: u64, flushes: usize) -> f64 {
    (with as f64 - without as f64) / (flushes * FUNCTIONS) as f64
}

/// The promises of writing; those of bytes are about series with one number.
fn writing(report: &mut Report, title: &str, filled: &Filled, pinned_log: u64, samples: f64) {
    let is_scalar = filled.buckets == 0.0;
    let bound = |most| if is_scalar { Bound::AtMost(most) } else { Bound::None };
    report.section(title);
    report.line("flush, median", filled.flushes.median_ms(), "ms", Bound::AtMost(0.2));
    report.line("flush, 99 of 100", filled.flushes.quantile_ms(0.99), "ms", Bound::None);
    report.line("flush, longest", filled.flushes.longest_ms(), "ms", Bound::AtMost(50.0));
    report.line("flush, longest by the processor's time", filled.flushes.busiest_ms(), "ms", Bound::None);
    report.line("slice of upkeep, 999 of 1,000", filled.slices.quantile_ms(0.999), "ms", Bound::None);
    report.line("slice of upkeep, longest", filled.slices.longest_ms(), "ms", Bound::AtMost(50.0));
    report.line("slice of upkeep, longest by the processor's time", filled.slices.busiest_ms(), "ms", Bound::None);
    report.line("bytes given to write calls, a sample", filled.written.calls as f64 / samples, "B", bound(64.0));
    report.line("bytes of pages made dirty, a sample", filled.written.pages as f64 / samples, "B", Bound::None);
    report.line("log while a reader holds 1,200 flushes", pinned_log as f64 / 1e6, "MB", bound(32.0));
}

fn asking(report: &mut Report, with: &OurHistograms, peer: Option<&Peer>) {
    report.section("Questions (ours in the process; Prometheus, for information, over HTTP)");
    let theirs = peer.and_then(|peer| peer.histograms.as_ref()).map(|[_, fine]| &fine.questions);
    for (place, (what, times, most)) in questions(&with.questions).into_iter().enumerate() {
        report.line(format!("{what}, median"), times.median_ms(), "ms", Bound::AtMost(most));
        report.line(format!("{what}, best"), times.best_ms(), "ms", Bound::None);
        if let Some(theirs) = theirs.and_then(|theirs| theirs.get(place)) {
            report.line(format!("{what}, Prometheus, median"), theirs.median_ms(), "ms", Bound::None);
        }
    }
    report.section("The same questions half an hour later, when that half hour lies in rows");
    for (what, times, most) in questions(&with.questions_midway) {
        report.line(format!("{what}, median"), times.median_ms(), "ms", Bound::AtMost(most));
        report.line(format!("{what}, best"), times.best_ms(), "ms", Bound::None);
    }
}

/// What is asked, how long the answers took, and how long they may take.
fn questions(asked: &Questions) -> [(&'static str, &Times, f64); 4] {
    [
        ("raw day of one series", &asked.raw_day, 1.0),
        ("p99 of one function over 24 h", &asked.function_day, 2.0),
        ("p99 by function over the last hour, 200 functions", &asked.functions_hour, 10.0),
        ("latest of all series", &asked.latest, 1.0),
    ]
}

fn deleting(report: &mut Report, with: &OurHistograms) {
    let Some(slices) = &with.expired else { return };
    report.section("An expired hour");
    report.line("deleted, in all", 1e3 * slices.total_s(), "ms", Bound::AtMost(20.0));
    report.line("longest slice", slices.longest_ms(), "ms", Bound::AtMost(5.0));
    report.line("longest slice by the processor's time", slices.busiest_ms(), "ms", Bound::None);
}

fn of_ours(report: &mut Report, ours: &Ours, flushes: usize) {
    let samples = (flushes * SCALARS) as f64;
    let scalars = &ours.scalars;
    report.section("Ours, plainly");
    report.line("scalar samples a second, upkeep included", samples / scalars.total_s(), "", Bound::None);
    let busy = 100.0 * scalars.processor_s() / scalars.total_s();
    report.line("share of the processor's time in the time on the clock", busy, "%", Bound::None);
    report.line("share of upkeep in the time", 100.0 * scalars.slices.total_s() / scalars.total_s(), "%", Bound::None);
    report.line("bytes of the file, a scalar sample", scalars.bytes as f64 / samples, "B", Bound::None);
    let Some(with) = &ours.histograms else { return };
    for (grid, filled) in [("8 buckets an octave", &with.coarse), ("32 buckets an octave", &with.fine)] {
        let size = histogram(filled.bytes, scalars.bytes, flushes);
        report.line(format!("bytes of a histogram sample, {grid}"), size, "B", Bound::None);
        report.line(format!("buckets in use in it, {grid}"), filled.buckets, "", Bound::None);
        let rate = samples / filled.total_s();
        report.line(format!("scalar samples a second beside histograms, {grid}"), rate, "", Bound::None);
    }
}

fn of_seed(report: &mut Report, seed: &Seed) {
    report.section("The seed's tables, plainly");
    for (which, taken) in [("as written", &seed.as_written), ("tuned, with an index", &seed.tuned)] {
        report.line(format!("flushes of the load, {which}"), taken.flushes as f64, "", Bound::None);
        report.line(format!("samples a second, {which}"), taken.rate(), "", Bound::None);
        report.line(format!("bytes of the file, a sample, {which}"), taken.size(), "B", Bound::None);
        report.line(format!("transaction, median, {which}"), taken.times.median_ms(), "ms", Bound::None);
    }
}

fn of_prometheus(report: &mut Report, peer: &Peer, flushes: usize) {
    let samples = (flushes * SCALARS) as f64;
    report.section("Prometheus, plainly");
    report.line("scalar samples received a second", samples / peer.scalars.times.total_s(), "", Bound::None);
    report.line("bytes of its blocks, a scalar sample", peer.scalars.bytes as f64 / samples, "B", Bound::None);
    report.line("blocks", peer.scalars.blocks as f64, "", Bound::None);
    let grids = ["8 buckets an octave", "32 buckets an octave"];
    for (grid, with) in grids.into_iter().zip(peer.histograms.iter().flatten()) {
        let size = histogram(with.bytes, peer.scalars.bytes, flushes);
        report.line(format!("bytes of a histogram sample, {grid}"), size, "B", Bound::None);
        let rate = samples / with.times.total_s();
        report.line(format!("scalar samples received a second beside histograms, {grid}"), rate, "", Bound::None);
    }
}
