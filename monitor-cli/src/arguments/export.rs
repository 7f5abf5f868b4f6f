//! `monitor export`.

use std::path::PathBuf;

use clap::{Args, builder::PossibleValuesParser};
use monitor_sinks::Format;

use super::Window;

pub(super) const NOTES: &str = "\
Times are RFC 3339 (2026-11-28T10:00:00Z; without a zone they are UTC), seconds since 1970, `now`, or a span before now
such as 2h or `2h ago`.

Exit codes: 0 done, also if nobody reads to the end; 1 failed; 2 the arguments make no sense, or name what the
store does not have.";

/// What is to be exported, and where to.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The store to read; a recording is not disturbed
    #[arg(long, value_name = "FILE")]
    pub(crate) db: PathBuf,

    /// The form: csv, jsonl, openmetrics, or sqlite: a file with the tables `app_metrics` and `system_metrics`
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = formats())]
    pub(crate) format: String,

    /// Only this metric
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,

    /// Only this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// Only series with this label; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub(crate) tag: Vec<(String, String)>,

    #[command(flatten)]
    pub(crate) window: Window,

    /// The file to write, which appears when it is complete [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Tell what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The form that is a database of its own.
pub(crate) const SQLITE: &str = "sqlite";

fn formats() -> PossibleValuesParser {
    Format::ALL.map(Format::name).into_iter().chain([SQLITE]).collect::<Vec<_>>().into()
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write a key and a value, such as table=flights")?;
    Ok((key.to_owned(), value.to_owned()))
}
