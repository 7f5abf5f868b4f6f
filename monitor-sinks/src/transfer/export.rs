//! Writing out what a query selects, series by series, each in the order of time.
//!
//! A series is read in pages of time. A page is copied before it is written, so that no transaction is open while a slow
//! disk or a paused reader keeps the writing waiting, and the store is opened anew for each series, so that a recording
//! may begin meanwhile. Pages get longer where little is stored and shorter where much is: what is held is one page.

use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
};

use super::{csv::Csv, json::JsonLines, openmetrics::OpenMetrics, stored::is_plain};
use crate::{
    error::Error,
    query::Query,
    store::{Detail, Encoded, Entry, Found, Owned, Reader, Store, StoredSeries, Tier, Told, Warning, Window},
    util::distance::nearest,
};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Comma-separated values with a line of headings: `time, name, kind, unit, service, labels, value, increase, count,
    /// sum, min, max`.
    ///
    /// Labels are a JSON object. A counter has its total as `value` and what it grew by as `increase`; a gauge its value;
    /// a histogram or timer `count`, `sum`, `min` and `max` of what was recorded since the line before. Gauges that were
    /// rolled up have the last value of their window, and the other columns beside it. Buckets are left out.
    Csv,
    /// A JSON object a line, with the columns of the CSV form as keys where they have a value, and `buckets` as pairs of
    /// upper edge and count. What JSON has no number for is a text: `"NaN"`, `"+Inf"`, `"-Inf"`.
    JsonLines,
    /// OpenMetrics text with timestamps, which Prometheus, promtool and [`Import`](crate::Import) read.
    ///
    /// Histograms and timers are cumulative buckets, one for each bucket that was ever in use, so that quantiles are as
    /// good as they are here. What is lost: the smallest and largest values, which become the edges of their buckets; of
    /// gauges that were rolled up all but the last value; and the class of a not-a-number.
    OpenMetrics,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Csv, Self::JsonLines, Self::OpenMetrics];

    /// The word for it: `csv`, `jsonl` or `openmetrics`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::OpenMetrics => "openmetrics",
        }
    }

    fn sheet(self) -> Box<dyn Sheet> {
        match self {
            Self::Csv => Box::new(Csv),
            Self::JsonLines => Box::new(JsonLines),
            Self::OpenMetrics => Box::new(OpenMetrics::default()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    /// Reads the word for a format.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let hint = nearest(text, names.into_iter(), 1)
                .first()
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Error::setting(format!("there is no format `{text}`; choose one of {}{hint}", names.join(", ")))
        })
    }
}

/// What was written by an export.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Exported {
    /// How many series had a value in the window.
    pub series: u64,
    /// How many values they had.
    pub samples: u64,
    /// How many bytes were written.
    pub bytes: u64,
    /// What was damaged and is therefore missing. Empty means that the export is complete.
    pub warnings: Vec<Warning>,
}

impl Query {
    /// Writes every value of the series that match, in the window, to `out`.
    ///
    /// Series are ordered by name, kind, service and labels; the values of each by time. Where single values have been
    /// rolled up, the windows are written, each at the time of its end. A short name stands for the metrics behind it.
    ///
    /// A counter that the window cuts into begins with the first total in it: what it grew by up to there is not in an
    /// OpenMetrics text.
    ///
    /// Memory is bounded; `out` should be buffered. A recording is not disturbed.
    ///
    /// # Errors
    ///
    /// As [`series`](Self::series); and if `out` cannot be written to ([`Error::is_broken_pipe`]).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::{fs::File, io::BufWriter, time::Duration};
    ///
    /// use monitor_sinks::{Format, Store};
    ///
    /// let store = Store::open_read_only("metrics.db")?;
    /// let mut file = BufWriter::new(File::create("day.om")?);
    /// let day = store.query().last(Duration::from_secs(86_400));
    /// println!("{} values", day.export(Format::OpenMetrics, &mut file)?.samples);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export(&self, format: Format, out: &mut dyn Write) -> Result<Exported, Error> {
        let (mut series, window) = self.selection("export() writes all that is stored of single series")?;
        series.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
        let mut export = Export {
            store: self.store(),
            sheet: format.sheet(),
            out: Counted { out, bytes: 0 },
            done: Exported::default(),
        };
        export.begin()?;
        for series in &series {
            export.series(series, window)?;
        }
        export.finish()
    }
}

/// A form of export: what is written for what.
pub(super) trait Sheet {
    /// Before everything else.
    fn begin(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Whether [`series`](Self::series) wants to know which buckets are in use. It costs another look at the values.
    fn wants_buckets(&self) -> bool {
        false
    }

    /// Before the values of a series; `buckets` are the numbers of those in use, ascending.
    fn series(&mut self, _series: &StoredSeries, _buckets: &[u16], _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// A value of the series.
    fn value(&mut self, series: &StoredSeries, told: &Told, out: &mut dyn Write) -> io::Result<()>;

    /// After everything else.
    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// An export that is going on.
struct Export<'a> {
    store: &'a Store,
    sheet: Box<dyn Sheet>,
    out: Counted<'a>,
    done: Exported,
}

impl Export<'_> {
    fn begin(&mut self) -> Result<(), Error> {
        self.sheet.begin(&mut self.out).map_err(unwritable)
    }

    fn finish(mut self) -> Result<Exported, Error> {
        self.sheet.end(&mut self.out).and_then(|()| self.out.flush()).map_err(unwritable)?;
        Ok(Exported { bytes: self.out.bytes, ..self.done })
    }

    fn series(&mut self, series: &StoredSeries, window: Window) -> Result<(), Error> {
        let reader = self.store.reader()?;
        let Some(covered) = reader.covered()? else { return Ok(()) };
        let window = Window { after: window.after.max(covered.after), until: window.until.min(covered.until) };
        let mut buckets = Vec::new();
        if self.sheet.wants_buckets() && !is_plain(series.kind) {
            buckets = buckets_of(&reader, series.id, window)?;
        }
        let mut pages = Pages::over(window);
        let mut any = false;
        while let Some(page) = pages.next(&reader, series.id, &mut self.done.warnings)? {
            if !any && !page.is_empty() {
                any = true;
                self.done.series += 1;
                self.sheet.series(series, &buckets, &mut self.out).map_err(unwritable)?;
            }
            for told in &page {
                self.sheet.value(series, told, &mut self.out).map_err(unwritable)?;
            }
            self.done.samples += page.len() as u64;
        }
        Ok(())
    }
}

fn unwritable(error: io::Error) -> Error {
    Error::stream("write the export", error)
}

/// The numbers of the buckets that a series uses in a window.
fn buckets_of(reader: &Reader, id: u64, window: Window) -> Result<Vec<u16>, Error> {
    let mut numbers = Vec::new();
    let mut buckets = Vec::new();
    reader.walk(&[id], window, Detail::Merged, Tier::Raw, &mut |found| {
        let Found::Entry { entry: Entry::Distribution(encoded), .. } = found else { return };
        if Encoded::buckets(&encoded, &mut buckets).is_ok() {
            numbers.extend(buckets.iter().map(|bucket| bucket.0));
            numbers.sort_unstable();
            numbers.dedup();
        }
    })?;
    Ok(numbers)
}

/// The values of a series, a stretch of time at a time.
struct Pages {
    /// What is left.
    window: Window,
    /// How long the next stretch is, in microseconds.
    length: i64,
}

impl Pages {
    /// The first stretch; ten minutes are few values of any series.
    const FIRST_US: i64 = 600_000_000;

    /// Values that a page should have about.
    const GOOD: std::ops::Range<usize> = 512..4_096;

    const fn over(window: Window) -> Self {
        Self { window, length: Self::FIRST_US }
    }

    /// The next page, which may be empty; `None` after the last one.
    fn next(&mut self, reader: &Reader, id: u64, warnings: &mut Vec<Warning>) -> Result<Option<Vec<Told>>, Error> {
        if self.window.after >= self.window.until {
            return Ok(None);
        }
        let until = self.window.after.saturating_add(self.length).min(self.window.until);
        let window = Window { after: self.window.after, until };
        let mut page = Vec::new();
        let mut damaged = |warning: Warning| {
            // Every series meets the same damaged row.
            if warnings.len() < MOST_WARNINGS && !warnings.contains(&warning) {
                warnings.push(warning);
            }
        };
        reader.walk(&[id], window, Detail::Each, Tier::Raw, &mut |found| match found {
            Found::Entry { ts, run, entry, .. } => match Owned::of(entry) {
                Ok(value) => page.push(Told { ts, run, value }),
                Err(reason) => damaged(Warning::new(ts, reason)),
            },
            Found::Flush { .. } | Found::Tier(_) | Found::Line { .. } => {}
            Found::Damaged(warning) => damaged(warning),
        })?;
        self.window.after = until;
        if page.len() < Self::GOOD.start {
            self.length = self.length.saturating_mul(2);
        } else if page.len() >= Self::GOOD.end {
            self.length = (self.length / 2).max(1_000);
        }
        Ok(Some(page))
    }
}

/// The most warnings that are told.
const MOST_WARNINGS: usize = 100;

/// Counts what is written.
struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_that_is_misspelt_is_told_the_nearest() {
        assert_eq!("jsonl".parse::<Format>().unwrap(), Format::JsonLines);
        let message = "openmetric".parse::<Format>().unwrap_err().to_string();
        assert!(message.contains("csv, jsonl, openmetrics") && message.contains("did you mean `openmetrics`"));
    }
}
