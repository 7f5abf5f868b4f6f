//! The command line of the example.

use std::error::Error;
use std::path::PathBuf;

const USAGE: &str = "usage: flights [--full FILE] [--db FILE] [--repeat N] [--bare]

  --full FILE   process FILE (CSV, may be gzipped) instead of January 2013, with a progress bar
  --db FILE     store to FILE (default: flights.db in the folder for temporary files)
  --repeat N    process the input N times (for measuring)
  --bare        do not start the monitor (for measuring)";

/// What the example was asked to do.
pub(crate) struct Options {
    pub(crate) input: PathBuf,
    pub(crate) with_progress: bool,
    pub(crate) database: PathBuf,
    pub(crate) repeat: u32,
    pub(crate) bare: bool,
}

impl Options {
    /// Reads the command line; `None` when it only asked for help.
    pub(crate) fn from_arguments() -> Result<Option<Self>, Box<dyn Error + Send + Sync>> {
        let january = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/flights-2013-01.csv.gz");
        let mut options = Self {
            input: january.into(),
            with_progress: false,
            database: std::env::temp_dir().join("flights.db"),
            repeat: 1,
            bare: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{USAGE}"));
            match argument.as_str() {
                "--full" => (options.input, options.with_progress) = (value()?.into(), true),
                "--db" => options.database = value()?.into(),
                "--repeat" => options.repeat = value()?.parse().map_err(|error| format!("--repeat: {error}"))?,
                "--bare" => options.bare = true,
                "--help" | "-h" => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                unknown => return Err(format!("unknown argument `{unknown}`\n\n{USAGE}").into()),
            }
        }
        Ok(Some(options))
    }
}
