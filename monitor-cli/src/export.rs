//! `monitor export`: the values of a store, to a file or to standard output.
//!
//! A file is written under another name and renamed when it is complete, so that nobody meets half of it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process,
};

use indicatif::ProgressBar;
use monitor_sinks::{Exported, Format, Query, Store, TableExport};
use serde_json::json;

use crate::{
    arguments::{Export, SQLITE},
    exit::Exit,
    failure::Failure,
};

/// Exports what the arguments select.
pub(crate) fn run(export: &Export) -> Result<Exit, Failure> {
    if export.format == SQLITE {
        return tables(export).map(|()| Exit::Done);
    }
    let format: Format = export.format.parse()?;
    let query = query(export)?;
    match &export.output {
        Some(path) => {
            spare_the_store(export, path)?;
            let exported = to_file(&query, format, path)?;
            let _ = writeln!(io::stdout(), "{}", summary(export, &exported));
        }
        None => match query.export(format, &mut BufWriter::new(io::stdout().lock())) {
            Ok(exported) => {
                let _ = writeln!(io::stderr(), "{}", summary(export, &exported));
            }
            // Whoever reads has enough.
            Err(error) if error.is_broken_pipe() => {}
            Err(error) => return Err(error.into()),
        },
    }
    Ok(Exit::Done)
}

/// Writes everything as plain tables.
fn tables(export: &Export) -> Result<(), Failure> {
    let Some(path) = &export.output else {
        return Err(Failure::Usage(String::from("--format sqlite writes a file; name it with --output FILE")));
    };
    let is_selected = export.metric.is_some() || export.service.is_some() || !export.tag.is_empty();
    if is_selected || export.window.is_narrow() {
        return Err(Failure::Usage(String::from(
            "--format sqlite writes everything; leave --metric, --service, --tag, --last, --from and --to out, or choose another form",
        )));
    }
    let bar = ProgressBar::new(100);
    let written = Store::open_read_only(&export.db)?
        .export_tables(path, |so_far| bar.set_position((so_far.share * 100.0) as u64));
    bar.finish_and_clear();
    let TableExport { app_rows, system_rows, warnings, .. } = written?;
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let summary = if export.json {
        json!({"app_rows": app_rows, "system_rows": system_rows, "warnings": warnings}).to_string()
    } else {
        let damaged = warnings.iter().map(|warning| format!("\nmonitor export: damaged and left out: {warning}"));
        format!(
            "monitor export: {app_rows} rows of app_metrics, {system_rows} of system_metrics{}",
            damaged.collect::<String>()
        )
    };
    let _ = writeln!(io::stdout(), "{summary}");
    Ok(())
}

fn query(export: &Export) -> Result<Query, Failure> {
    let mut query = Store::open_read_only(&export.db)?.query();
    if let Some(metric) = &export.metric {
        query = query.metric(metric);
    }
    if let Some(service) = &export.service {
        query = query.service(service);
    }
    for (key, value) in &export.tag {
        query = query.tag(key, value);
    }
    Ok(export.window.narrow(query))
}

/// A file that is there is replaced, but not the store that is read.
fn spare_the_store(export: &Export, output: &Path) -> Result<(), Failure> {
    if fs::canonicalize(output).is_ok_and(|output| fs::canonicalize(&export.db).is_ok_and(|store| store == output)) {
        let message =
            format!("--output {} is the store itself, and would replace it; name another file", output.display());
        return Err(Failure::Usage(message));
    }
    Ok(())
}

fn to_file(query: &Query, format: Format, path: &Path) -> Result<Exported, Failure> {
    let failed = |source| Failure::File { doing: "write", path: path.to_owned(), source };
    let part = part_of(path);
    let file = File::create_new(&part).map_err(failed)?;
    let written = query
        .export(format, &mut BufWriter::new(&file))
        .map_err(Failure::from)
        .and_then(|exported| file.sync_all().and_then(|()| fs::rename(&part, path)).map(|()| exported).map_err(failed));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// The name that a file has until it is complete.
fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", process::id()));
    path.with_file_name(name)
}

fn summary(export: &Export, exported: &Exported) -> String {
    let Exported { series, samples, bytes, warnings, .. } = exported;
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    if export.json {
        return json!({"series": series, "samples": samples, "bytes": bytes, "warnings": warnings}).to_string();
    }
    let mut lines = vec![format!("monitor export: {samples} values of {series} series, {bytes} bytes")];
    lines.extend(warnings.iter().map(|warning| format!("monitor export: damaged and left out: {warning}")));
    lines.join("\n")
}
