//! The instants at which series have samples: those that a server would have which had scraped at every flush.
//!
//! A store holds a value when it changed, and once a minute. A server that scrapes has one each time, and the rules of
//! PromQL, a lookback of five minutes and rates between the first and the last sample of a range, rest on that. So a value
//! is told at every flush of its recording until the next one. A series that nobody has written for two minutes is gone,
//! and so is every series when its recording is over: a marker says so one interval after the last flush, where a server
//! would have failed to scrape.
//!
//! Where flushes were rolled up, a window stands for many of them. It is told once a minute, because ranges of five
//! minutes are common and need two samples at least; [`Mark::share`] says how far into the window an instant is.

use crate::{
    error::Error,
    store::{FULL_EVERY_US, Flush, Reader, Tier, Told, Window, is_imported},
};

/// A series without a value for so long, while its recording went on, is gone: one of two rows would be full.
const GONE_US: i64 = 2 * FULL_EVERY_US;

/// How long before the first sample that is wanted the value may have been written that holds there.
pub(super) const HELD_US: i64 = GONE_US;

/// How far apart the instants are that a window is told at.
const WITHIN_US: i64 = 60_000_000;

/// All flushes and windows of a stretch of time.
#[derive(Debug)]
pub(super) struct Grid {
    marks: Vec<Mark>,
    /// The time between two flushes.
    interval: i64,
    /// Whether nothing follows the last mark, and nobody records any more.
    is_over: bool,
}

/// A flush, or what a recording did in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The time that its values are stored with.
    ts: i64,
    run: u64,
    /// The instants that it stands for lie after the one and up to the other; a flush stands for the latter alone.
    after: i64,
    until: i64,
}

/// What there is to be told of a series at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// The flush before the first one in its recording that has this value.
    Before(&'a Told),
    /// This value, after a share of the window that it was stored for; 1 for a flush.
    Value(&'a Told, f64),
    /// What it was before.
    Same,
    /// Nothing any more.
    End,
}

impl Grid {
    /// Reads when there were flushes that samples in `window` depend on.
    pub(super) fn read(reader: &Reader, window: Window) -> Result<Self, Error> {
        // A window that reaches beyond the end may bear the value at the end.
        let reach = Window {
            after: window.after.saturating_sub(HELD_US),
            until: Tier::Hours.window_end(window.until).max(window.until),
        };
        let mut flushes = reader.flushes(reach)?;
        let needed = flushes.partition_point(|flush| flush.ts < window.until);
        let end = flushes.get(needed).map_or(i64::MIN, |flush| flush.ts);
        flushes.truncate(flushes.partition_point(|flush| flush.ts <= end).max(needed));
        let last = flushes.last().map(|flush| flush.ts);
        let is_over = match last {
            Some(last) => reader.is_quiet() && reader.next(last)?.is_none(),
            None => false,
        };
        Ok(Self::of(&flushes, reader.interval_us()?, is_over))
    }

    fn of(flushes: &[Flush], interval: i64, is_over: bool) -> Self {
        let mut marks: Vec<Mark> = Vec::with_capacity(flushes.len());
        // Backwards, because a window is over when the next recording begins in it.
        let (mut ended, mut later) = (i64::MAX, None);
        for &Flush { ts, run, tier } in flushes.iter().rev() {
            if let Some(later) = later.filter(|later| *later != run) {
                ended = begin_of(later);
            }
            later = Some(run);
            marks.push(match tier {
                Tier::Minutes | Tier::Hours => {
                    let after = (ts - tier.step_us()).max(begin_of(run)).min(ts - 1);
                    Mark { ts, run, after, until: ended.clamp(after + 1, ts) }
                }
                _ => Mark { ts, run, after: ts - 1, until: ts },
            });
        }
        marks.reverse();
        Self { marks, interval: interval.max(1_000), is_over }
    }

    /// The recording of the first mark.
    pub(super) fn first_run(&self) -> Option<u64> {
        self.marks.first().map(|mark| mark.run)
    }

    /// The time that the last value which matters is stored with.
    pub(super) fn until(&self) -> Option<i64> {
        self.marks.last().map(|mark| mark.ts)
    }

    /// How many instants there are, about.
    pub(super) fn len(&self) -> usize {
        self.marks.iter().map(|mark| usize::try_from((mark.until - mark.after) / WITHIN_US).unwrap_or(0) + 1).sum()
    }

    /// Tells `visit`, in the order of time, what there is to be told of a series with these entries. `run` is the recording
    /// before the first mark that the series has a value of; a series that `lasts` is not gone before its recording is.
    pub(super) fn lay<'a>(
        &self,
        entries: &'a [Told],
        mut run: Option<u64>,
        lasts: bool,
        visit: &mut dyn FnMut(i64, Step<'a>),
    ) {
        let mut entries = entries.iter().peekable();
        let mut written = i64::MIN;
        for (place, mark) in self.marks.iter().enumerate() {
            // What was imported, and what has been rolled up since the flushes were read.
            while let Some(told) = entries.next_if(|told| told.ts < mark.ts) {
                visit(told.ts, Step::Value(told, 1.0));
            }
            if run.is_some_and(|run| run != mark.run) {
                visit(self.end_before(place), Step::End);
                run = None;
            }
            match entries.next_if(|told| (told.ts, told.run) == (mark.ts, mark.run)) {
                Some(told) => {
                    if run.is_none() {
                        visit(self.before(place), Step::Before(told));
                    }
                    mark.instants().for_each(|at| visit(at, Step::Value(told, mark.share(at))));
                    (run, written) = (Some(mark.run), mark.ts);
                }
                None if run.is_none() => {}
                None if !lasts && mark.until.saturating_sub(written) >= GONE_US => {
                    visit(mark.until, Step::End);
                    run = None;
                }
                None => mark.instants().for_each(|at| visit(at, Step::Same)),
            }
        }
        entries.for_each(|told| visit(told.ts, Step::Value(told, 1.0)));
        if self.is_over && run.is_some() {
            visit(self.end_before(self.marks.len()), Step::End);
        }
    }

    /// When a recording ended whose last mark comes before `place`.
    fn end_before(&self, place: usize) -> i64 {
        let last = place.checked_sub(1).map_or(i64::MIN, |last| self.marks[last].until.saturating_add(self.interval));
        self.marks.get(place).and_then(|next| next.instants().next()).map_or(last, |next| last.min(next))
    }

    /// The last instant of its recording before a mark; for the first mark, when the recording began.
    fn before(&self, place: usize) -> i64 {
        let mark = self.marks[place];
        let previous = place.checked_sub(1).map(|last| self.marks[last]).filter(|last| last.run == mark.run);
        previous.map_or_else(|| begin_of(mark.run).min(mark.after), |last| last.until)
    }
}

impl Mark {
    /// The instants that it is told at.
    fn instants(self) -> impl Iterator<Item = i64> {
        let first = self.after.div_euclid(WITHIN_US).saturating_add(1).saturating_mul(WITHIN_US);
        let whole = (0..).map(move |minute| first + minute * WITHIN_US).take_while(move |&at| at < self.until);
        whole.chain([self.until])
    }

    /// How far into it an instant is, up to 1 at its end.
    fn share(self, at: i64) -> f64 {
        (at - self.after) as f64 / (self.until - self.after) as f64
    }
}

/// When a recording began: its name says so. Of an import nothing is known.
fn begin_of(run: u64) -> i64 {
    if is_imported(run) { i64::MIN } else { i64::try_from(run).unwrap_or(i64::MIN) }
}
