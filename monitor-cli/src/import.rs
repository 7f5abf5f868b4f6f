//! `monitor import`: OpenMetrics and Prometheus text into a store.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};
use monitor_sinks::{Imported, Progress};
use serde_json::json;

use crate::{arguments::Import, exit::Exit, failure::Failure, instant::seconds};

/// Imports all files, or none.
pub(crate) fn run(arguments: &Import) -> Result<Exit, Failure> {
    let bar = bar(&arguments.files);
    let imported = import(arguments, bar.clone());
    bar.finish_and_clear();
    let _ = writeln!(io::stdout(), "{}", summary(arguments, &imported?));
    Ok(Exit::Done)
}

fn import(arguments: &Import, bar: ProgressBar) -> Result<Imported, Failure> {
    let mut import = monitor_sinks::Import::open(&arguments.db)?
        .most_series(arguments.max_series)
        .progress(move |progress| show(&bar, progress));
    if let Some(service) = &arguments.service {
        import = import.service(service);
    }
    if let Some(at) = arguments.at {
        import = import.at(at);
    }
    for path in &arguments.files {
        if path == Path::new("-") {
            import.read("standard input", io::stdin().lock())?;
        } else {
            let opened = File::open(path);
            let file = opened.map_err(|source| Failure::File { doing: "read", path: path.clone(), source })?;
            import.read(&path.display().to_string(), file)?;
        }
    }
    Ok(import.finish()?)
}

/// A bar over the bytes of all files, or without an end where their size is not known. It is drawn on a terminal only.
fn bar(files: &[impl AsRef<Path>]) -> ProgressBar {
    let size = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.len());
    let total: Option<u64> = files.iter().map(|path| size(path.as_ref())).sum();
    let template = "{msg} {bar:30} {bytes}/{total_bytes} {eta}";
    match (total, ProgressStyle::with_template(template)) {
        (Some(total), Ok(style)) => ProgressBar::new(total).with_style(style),
        _ => ProgressBar::new_spinner(),
    }
}

fn show(bar: &ProgressBar, progress: Progress) {
    let doing = if progress.is_writing { "writing" } else { "reading" };
    bar.set_message(format!("{doing} {} values", progress.samples));
    bar.set_position(progress.bytes);
}

fn summary(arguments: &Import, imported: &Imported) -> String {
    let Imported { series, samples, known, repeated, bytes, first, last, .. } = imported;
    let files = arguments.files.len();
    if arguments.json {
        return json!({
            "files": files, "series": series, "samples": samples, "known": known, "repeated": repeated, "bytes": bytes,
            "first_seconds": first.map(seconds), "last_seconds": last.map(seconds),
        })
        .to_string();
    }
    let mut parts = vec![format!("monitor import: {samples} values of {series} series, {bytes} bytes")];
    let left_out = [(known, "were in the store already"), (repeated, "were given again")];
    parts.extend(left_out.iter().filter(|part| *part.0 > 0).map(|(count, why)| format!("{count} {why}")));
    parts.join("; ")
}
