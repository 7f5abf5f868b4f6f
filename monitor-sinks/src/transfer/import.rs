//! Reading OpenMetrics and Prometheus text with timestamps into a store.
//!
//! First all texts are read to their ends and staged, then what they hold is written, and in the end made visible at
//! once. So a mistake in the last line leaves nothing behind, and neither does a process that is killed.
//!
//! The two formats are told apart by `# EOF`, which ends every OpenMetrics text and no other. Its timestamps are seconds,
//! those of the Prometheus format are milliseconds. A text whose timestamps look like seconds and that has no end is
//! taken for one that was cut short.

use std::{fmt, io::Read, path::Path, time::SystemTime};

use monitor_core::{MAX_NAME, MetricKind, Number};

use super::{
    assemble::{Assembler, Counts},
    lines::{Lines, Problem},
    meaning::{Meaning, Part},
    stage::Stage,
};
use crate::{
    error::Error,
    exposition::{Line, Sample, number_of, shown},
    store::Backfill,
    util::time::{from_micros, to_micros},
};

/// Bytes between two reports of progress.
const REPORT_BYTES: u64 = 1 << 20;

/// Samples between two reports of progress while they are written.
const REPORT_SAMPLES: u64 = 10_000;

/// How far in the future a sample may lie: clocks differ, but not by more.
const AHEAD_US: i64 = 86_400_000_000;

/// Milliseconds of less than this are in the first three years after 1970; as seconds they reach to the year 5138.
const SECONDS_BELOW: f64 = 1e11;

/// An import of OpenMetrics or Prometheus text with timestamps into a store.
///
/// The texts may have their series in any order and be of any time since 1970, older or younger than what the store
/// holds. They are complete in the store after [`finish`](Self::finish), and not there at all before it: an import that
/// is dropped or killed leaves the store as it was. What the store has already, the same series at the same time, is
/// left out, so that importing a text twice does not double it.
///
/// Counters are counted from their first sample on, with resets; what they had before is not growth of theirs. A later
/// import goes on from an earlier one, so that the texts of one day after the other add up. Histograms
/// and summaries of other programs stay the plain series that they are written as; what
/// [`Query::export`](crate::Query::export) has written becomes what it was. Samples without a type are gauges. The label
/// `service` names the service. Exemplars are left out.
///
/// An import keeps its resolution: it is not rolled up, and kept for as long as anything is, see
/// [`Retention::hours`](crate::Retention::hours). Memory is bounded by the number of series; samples wait in the folder
/// for temporary files.
///
/// # Examples
///
/// ```no_run
/// use std::fs::File;
///
/// use monitor_sinks::Import;
///
/// let mut import = Import::open("metrics.db")?;
/// import.read("january.om", File::open("january.om")?)?;
/// import.read("february.om", File::open("february.om")?)?;
/// println!("{} values", import.finish()?.samples);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is in the store before finish()"]
pub struct Import {
    store: Backfill,
    stage: Stage,
    most_series: usize,
    service: Option<String>,
    at: Option<i64>,
    report: Option<Report>,
    /// Of all texts that have been read.
    bytes: u64,
    samples: u64,
}

type Report = Box<dyn FnMut(Progress)>;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes read so far, of all texts.
    pub bytes: u64,
    /// Lines with a value that were read so far or, once all are read, written so far.
    pub samples: u64,
    /// Whether all texts are read and their values are being written.
    pub is_writing: bool,
}

/// What was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// How many series have got values.
    pub series: u64,
    /// How many values were written. A distribution of an export is one value, of several lines.
    pub samples: u64,
    /// How many values were left out because the store had them.
    pub known: u64,
    /// How many lines gave a value again; the last one counts.
    pub repeated: u64,
    /// How many bytes were read.
    pub bytes: u64,
    /// The time of the oldest value that was written.
    pub first: Option<SystemTime>,
    /// The time of the newest value that was written.
    pub last: Option<SystemTime>,
}

impl Import {
    /// Opens the store at `path`, which is created if there is none, and keeps every other writer away from it.
    ///
    /// # Errors
    ///
    /// If another program records to the store ([`Error::is_in_use`]), if the path is not that of a store, or if it
    /// cannot be written to.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let store = Backfill::open(path.as_ref(), to_micros(SystemTime::now()))?;
        let most_series = 200_000;
        let stage = Stage::new(most_series)?;
        Ok(Self { store, stage, most_series, service: None, at: None, report: None, bytes: 0, samples: 0 })
    }

    /// Names the service of samples that have no label `service`. Without this they have none.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Says of what time samples without a timestamp are. Without this they are refused, because a store would take them
    /// for those of another time.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.at = Some(to_micros(time));
        self
    }

    /// Refuses texts with more series, or metrics, than this. Default: 200,000, which take about 100 MB of memory.
    pub const fn most_series(mut self, most: usize) -> Self {
        self.most_series = most;
        self.stage.set_most(most);
        self
    }

    /// Reports progress, about once a megabyte and every ten thousand values.
    pub fn progress(mut self, report: impl FnMut(Progress) + 'static) -> Self {
        self.report = Some(Box::new(report));
        self
    }

    /// Reads a text to its end. `name` is what messages call it.
    ///
    /// A text that is refused is left out as a whole; the import may go on with others.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not in the format ([`Error::is_bad_input`]). The message names the line.
    pub fn read(&mut self, name: &str, input: impl Read) -> Result<(), Error> {
        if self.service.as_ref().is_some_and(|service| service.len() > MAX_NAME) {
            return Err(Error::setting(format!("the service is longer than {MAX_NAME} bytes; shorten it")));
        }
        self.stage.begin();
        let read = self.read_text(name, input);
        if read.is_err() {
            self.stage.forget()?;
        }
        read
    }

    fn read_text(&mut self, name: &str, input: impl Read) -> Result<(), Error> {
        let mut lines = Lines::of(input);
        let mut text = Text::new(self.most_series);
        let before = self.bytes;
        loop {
            let number = lines.number() + 1;
            let line = match lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(Problem::Unreadable(error)) => return Err(Error::stream(format!("read {name}"), error)),
                Err(Problem::Wrong(what)) => return Err(Error::bad_input(name, number, what)),
            };
            let wrong = |what: String| Error::bad_input(name, number, what);
            if let Some(sample) = text.line(line, number).map_err(wrong)? {
                self.sample(&mut text, sample, number)?.map_err(wrong)?;
            }
            if (before + lines.bytes()) / REPORT_BYTES != self.bytes / REPORT_BYTES {
                self.tell(before + lines.bytes(), self.samples, false);
            }
            self.bytes = before + lines.bytes();
        }
        let now = to_micros(SystemTime::now());
        let factor = text.factor(now).map_err(|(line, what)| Error::bad_input(name, line, what))?;
        self.stage.end(factor, self.at)
    }

    /// Stages a sample. The inner error says what is wrong with it.
    fn sample(&mut self, text: &mut Text, sample: Sample<'_>, line: usize) -> Result<Result<(), String>, Error> {
        let Sample { name, labels, value, timestamp } = sample;
        let sound = || {
            let meant = text.meaning.sample(name, labels)?;
            let value = value_of(value)?;
            let is_counter = meant.as_ref().is_some_and(|meant| meant.key.kind == MetricKind::Counter);
            if is_counter && value.as_f64() < 0.0 {
                return Err(format!(
                    "the counter `{name}` is negative, which no counter is; declare it as a gauge, or as unknown"
                ));
            }
            let t = timestamp.map(|timestamp| text.times.take(timestamp, line)).transpose()?;
            if t.is_none() && self.at.is_none() {
                return Err(format!(
                    "`{name}` has no timestamp; write one after the value, or say of what time such samples are"
                ));
            }
            Ok(meant.map(|meant| (meant, t, value)))
        };
        let (mut meant, t, value) = match sound() {
            Ok(Some(sound)) => sound,
            Ok(None) => return Ok(Ok(())),
            Err(what) => return Ok(Err(what)),
        };
        if meant.key.service.is_none() {
            meant.key.service.clone_from(&self.service);
        }
        self.samples += u64::from(meant.part != Part::Created);
        self.stage.put(meant, t, value)
    }

    /// Writes everything that was read and makes it part of the store.
    ///
    /// # Errors
    ///
    /// If the store or the temporary file cannot be written to. The store is as it was then.
    pub fn finish(mut self) -> Result<Imported, Error> {
        match self.write() {
            Ok(counts) => {
                self.store.publish()?;
                let time = |of: fn((i64, i64)) -> i64| counts.span.map(|span| from_micros(of(span)));
                Ok(Imported {
                    series: counts.series,
                    samples: counts.written,
                    known: counts.known,
                    repeated: counts.repeated,
                    bytes: self.bytes,
                    first: time(|span| span.0),
                    last: time(|span| span.1),
                })
            }
            Err(error) => {
                self.store.abandon();
                Err(error)
            }
        }
    }

    fn write(&mut self) -> Result<Counts, Error> {
        let grid = self.stage.grid()?;
        let series = self.stage.take_series();
        let Self { store, stage, report, bytes, .. } = self;
        let mut assembler = Assembler::new(store, series, grid);
        let mut done = 0_u64;
        stage.each(grid, &mut |row| {
            done += 1;
            if let Some(report) = report
                && done.is_multiple_of(REPORT_SAMPLES)
            {
                report(Progress { bytes: *bytes, samples: done, is_writing: true });
            }
            assembler.take(row)
        })?;
        assembler.finish()
    }

    fn tell(&mut self, bytes: u64, samples: u64, is_writing: bool) {
        if let Some(report) = &mut self.report {
            report(Progress { bytes, samples, is_writing });
        }
    }
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("bytes", &self.bytes).field("samples", &self.samples).finish_non_exhaustive()
    }
}

/// A text that is being read.
struct Text {
    meaning: Meaning,
    times: Times,
    /// Where `# EOF` stands.
    end: Option<usize>,
    /// The number of the newest line, if it has no end.
    cut: Option<usize>,
}

impl Text {
    fn new(most: usize) -> Self {
        Self { meaning: Meaning::new(most), times: Times::default(), end: None, cut: None }
    }

    /// Takes a line; returns the sample in it.
    fn line<'a>(&mut self, line: &'a str, number: usize) -> Result<Option<Sample<'a>>, String> {
        self.cut = (!line.ends_with('\n')).then_some(number);
        let line = Line::read(line)?;
        if let Some(end) = self.end
            && line != Line::Blank
        {
            return Err(format!("there is something after `# EOF` in line {end}; import texts one by one"));
        }
        match line {
            Line::Sample(sample) => return Ok(Some(sample)),
            Line::Type { name, kind } => self.meaning.declare(name, kind)?,
            Line::Unit { name, unit } => self.meaning.unit(name, unit)?,
            Line::Help { name, text } => self.meaning.describe(name, text)?,
            Line::End => self.end = Some(number),
            Line::Blank => {}
        }
        Ok(None)
    }

    /// What timestamps are multiplied by to be microseconds; or a line and what is wrong with it.
    fn factor(&self, now_us: i64) -> Result<f64, (usize, String)> {
        if let (Some(line), None) = (self.cut, self.end) {
            let what = "the last line has no end, so the text may have been cut short; end it with a newline";
            return Err((line, what.to_owned()));
        }
        self.times.factor(self.end.is_some(), now_us)
    }
}

/// What is known of the timestamps of a text, each with its line.
#[derive(Debug, Default)]
struct Times {
    smallest: Option<(f64, usize)>,
    largest: Option<(f64, usize)>,
    fraction: Option<usize>,
}

impl Times {
    fn take(&mut self, text: &str, line: usize) -> Result<f64, String> {
        let t = number_of(text).ok().filter(|t| t.is_finite());
        let t = t.ok_or_else(|| format!("`{}` is no timestamp; write one such as 1700000000.5", shown(text)))?;
        if self.smallest.is_none_or(|known| t < known.0) {
            self.smallest = Some((t, line));
        }
        if self.largest.is_none_or(|known| t > known.0) {
            self.largest = Some((t, line));
        }
        if t.fract() != 0.0 {
            self.fraction.get_or_insert(line);
        }
        Ok(t)
    }

    fn factor(&self, has_end: bool, now_us: i64) -> Result<f64, (usize, String)> {
        let (Some(smallest), Some(largest)) = (self.smallest, self.largest) else { return Ok(1.0) };
        let looks_like_seconds = self.fraction.or((largest.0 < SECONDS_BELOW).then_some(largest.1));
        if let Some(line) = looks_like_seconds.filter(|_| !has_end) {
            let what = "its timestamp is in seconds as in OpenMetrics, but the text does not end with `# EOF`: it may have \
                        been cut short; add `# EOF` if it is complete, or write milliseconds for the Prometheus format";
            return Err((line, what.to_owned()));
        }
        let factor = if has_end { 1e6 } else { 1e3 };
        if smallest.0 < 0.0 {
            return Err((smallest.1, String::from("its timestamp is before 1970; remove the sample")));
        }
        if largest.0 * factor > now_us.saturating_add(AHEAD_US) as f64 {
            let unit = if has_end { "seconds, because there is an `# EOF`" } else { "milliseconds" };
            return Err((largest.1, format!("its timestamp is in the future; it is taken for {unit}")));
        }
        Ok(factor)
    }
}

/// A whole number, which stays exact, or a float.
fn value_of(text: &str) -> Result<Number, String> {
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(whole) if is_whole => Ok(Number::Int(whole)),
        _ => number_of(text).map(Number::Float),
    }
}
