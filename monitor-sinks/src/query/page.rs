//! Everything that is stored of some series, page by page.
//!
//! A page is read in one transaction, so that it is of one moment, and nothing is held between two: no transaction, which
//! would keep the writer's log from being recycled, no connection, which would keep a writer from starting, and no more
//! memory than one page takes.
//!
//! Meanwhile the writer goes on sealing, rolling up and dropping. A page therefore ends at a whole hour, where the windows
//! of all tiers end: whichever of them answers for what follows, nothing comes twice and nothing is left out.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use monitor_core::{Distribution, Number};

use super::{Part, Query, Resolution, by_name};
use crate::{
    error::Error,
    store::{Detail, Entry, Found, Reader, SeriesInfo, Span, Store, Tier, Warning, Warnings, Window},
    util::time::from_micros,
};

/// How many hours a page covers at most. What is stored of them at the shortest intervals still fits into memory with ease.
const MOST_HOURS: i64 = 64;

/// Pages with fewer readings than this are made longer, those with more shorter.
const PAGE: usize = 4_096;

/// What is stored of a series at one time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stored {
    /// The series, by its place in [`Points::series`].
    pub series: usize,
    /// When it was stored; for a window that was rolled up, its end.
    pub time: SystemTime,
    /// How fine it is.
    pub resolution: Resolution,
    /// The value, bit by bit as it was stored.
    pub reading: Reading,
}

/// A stored value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reading {
    /// A counter.
    #[non_exhaustive]
    Counter {
        /// The total since its recording began.
        total: Number,
        /// What was added since its reading before, whatever recording that was of.
        increase: Number,
    },
    /// A gauge's value.
    Gauge(f64),
    /// The values of a gauge in a window that was rolled up.
    #[non_exhaustive]
    Window {
        /// The last one.
        last: f64,
        /// The smallest one.
        smallest: f64,
        /// The largest one.
        largest: f64,
        /// All of them, added up.
        sum: f64,
        /// How many there were: one when it changed, and one a minute.
        count: f64,
    },
    /// What a histogram or timer has recorded since its reading before.
    Values(Distribution),
}

/// Everything that is stored of some series, one series after the other, each in the order of time.
///
/// What is written after the iterator was made is not in it, but for what falls into the same hour. Where flushes have been
/// dropped, before or meanwhile, windows stand in for them. An error ends the iterator.
#[derive(Debug)]
pub struct Points {
    store: Store,
    series: Vec<Arc<SeriesInfo>>,
    ids: Vec<u64>,
    window: Window,
    /// The series that is being read, and up to where it has been.
    current: usize,
    seen: i64,
    hours: i64,
    page: VecDeque<Stored>,
    warnings: Warnings,
}

impl Points {
    /// The series, ordered by name, service and labels.
    #[must_use]
    pub fn series(&self) -> &[Arc<SeriesInfo>] {
        &self.series
    }

    /// What was found to be damaged so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings.clone().into_vec()
    }

    /// Reads the next page of the current series, or goes on to the next series if there is none.
    fn turn(&mut self) -> Result<(), Error> {
        let reader = self.store.reader()?;
        let Some(until) = reader.at_once(|| self.read(&reader))? else {
            self.current += 1;
            self.seen = self.window.after;
            return Ok(());
        };
        self.seen = until;
        self.hours = if self.page.len() < PAGE { (self.hours * 2).min(MOST_HOURS) } else { (self.hours / 2).max(1) };
        Ok(())
    }

    /// Fills the page. Returns up to where it goes, `None` if nothing is left.
    fn read(&mut self, reader: &Reader) -> Result<Option<i64>, Error> {
        let Some(next) = reader.next(self.seen)?.filter(|next| *next <= self.window.until) else { return Ok(None) };
        let hour = Tier::Hours.window_end(next);
        let until = hour.saturating_add((self.hours - 1) * Tier::Hours.step_us()).min(self.window.until);
        let Self { ids, current, seen, page, warnings, .. } = self;
        let mut resolution = Resolution::Flushes;
        let mut buckets = Vec::new();
        let window = Window { after: *seen, until };
        reader.walk(&ids[*current..=*current], window, Detail::Each, Tier::Raw, &mut |found| match found {
            Found::Tier(tier) => resolution = tier.into(),
            Found::Flush { .. } | Found::Line { .. } => {}
            Found::Damaged(warning) => warnings.push(warning),
            Found::Entry { ts, entry, .. } => match reading(entry, &mut buckets) {
                Ok(reading) => {
                    page.push_back(Stored { series: *current, time: from_micros(ts), resolution, reading });
                }
                Err(reason) => warnings.push(Warning::new(ts, reason)),
            },
        })?;
        Ok(Some(until))
    }
}

impl Iterator for Points {
    type Item = Result<Stored, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(stored) = self.page.pop_front() {
                return Some(Ok(stored));
            }
            if self.current == self.ids.len() {
                return None;
            }
            if let Err(error) = self.turn() {
                self.page.clear();
                self.current = self.ids.len();
                return Some(Err(error));
            }
        }
    }
}

impl Query {
    /// Everything that is stored of the series that match, value by value and bit by bit.
    ///
    /// The answer is read as the iterator goes on, a page at a time, however much there is; see [`Points`].
    ///
    /// # Errors
    ///
    /// If a name asked for is unknown ([`Error::is_unknown_name`]), if a short name or steps are asked for
    /// ([`Error::is_invalid_setting`]), or if the store cannot be read. Each step of the iterator may fail in reading the
    /// store.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # let store = monitor_sinks::Store::open_read_only("metrics.db")?;
    /// let mut points = store.query().metric("rows_loaded").points()?;
    /// while let Some(stored) = points.next() {
    ///     let stored = stored?;
    ///     println!("{:?} {:?} {:?}", points.series()[stored.series].labels, stored.time, stored.reading);
    /// }
    /// # Ok::<(), monitor_sinks::Error>(())
    /// ```
    pub fn points(&self) -> Result<Points, Error> {
        self.refuse(Part::ALL, "points() answers with all that is stored of single series", "ask for steps()")?;
        let asked = self.checked(SystemTime::now())?;
        let reader = self.store.reader()?;
        let mut series = self.matching_in_full(&reader)?;
        series.sort_by(by_name);
        // To the end of the hour: what is stored now may lie in a window that ends later by the time it is read.
        let newest = reader.covered()?.map_or(i64::MIN, |covered| Tier::Hours.window_end(covered.until));
        let window = Window { until: asked.window.until.min(newest), ..asked.window };
        Ok(Points {
            store: self.store.clone(),
            ids: series.iter().map(|series| series.id).collect(),
            series: series.into_iter().map(|series| series.info).collect(),
            window,
            current: 0,
            seen: window.after,
            hours: 1,
            page: VecDeque::new(),
            warnings: Warnings::default(),
        })
    }
}

fn reading(entry: Entry<'_>, buckets: &mut Vec<(u16, u64)>) -> Result<Reading, &'static str> {
    Ok(match entry {
        Entry::Counter { total, increase } => Reading::Counter { total, increase },
        Entry::Gauge(value) => Reading::Gauge(value),
        Entry::Span(Span { last, smallest, largest, sum, count }) => {
            Reading::Window { last, smallest, largest, sum, count }
        }
        Entry::Distribution(encoded) => {
            encoded.buckets(buckets)?;
            let extremes = Some((encoded.min, encoded.max));
            Reading::Values(Distribution::from_parts(buckets.clone(), encoded.sum, extremes))
        }
    })
}
