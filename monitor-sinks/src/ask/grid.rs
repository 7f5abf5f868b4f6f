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
    store::{FULL_EVERY_US, Flush, Reader, Tier, Window, is_imported},
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
    /// The coarsest tier that some of it is of.
    tier: Tier,
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
pub(super) enum Step {
    /// The flush before the first one in its recording that has the entry's value.
    Before,
    /// The entry's value, after a share of the window that it was stored for; 1 for a flush.
    Value(f64),
    /// What it was before.
    Same,
    /// Nothing any more.
    End,
}

/// How far the telling of a series has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Laying {
    /// Of the next mark.
    place: usize,
    /// The recording that it has a value of.
    run: Option<u64>,
    /// The mark that the value is of.
    written: i64,
    /// Whether it is not gone before its recording is.
    lasts: bool,
}

impl Grid {
    /// Reads when there were flushes that samples in `window` depend on, and windows where flushes are not kept for so long.
    ///
    /// Before `exact_since` windows do, wherever there are some.
    pub(super) fn read(reader: &Reader, window: Window, exact_since: i64) -> Result<Self, Error> {
        // A window that reaches beyond the end may bear the value at the end.
        let reach = Window {
            after: window.after.saturating_sub(HELD_US),
            until: Tier::Hours.window_end(window.until).max(window.until),
        };
        let mut flushes = Vec::new();
        for (stretch, coarsest) in stretches(reach, exact_since) {
            flushes.append(&mut reader.flushes(stretch, coarsest)?);
        }
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
        let tier = flushes.iter().map(|flush| flush.tier).max().unwrap_or(Tier::Raw);
        let marks = if tier == Tier::Raw {
            flushes.iter().map(|&Flush { ts, run, .. }| Mark { ts, run, after: ts - 1, until: ts }).collect()
        } else {
            Self::windows(flushes)
        };
        Self { marks, interval: interval.max(1_000), tier, is_over }
    }

    /// The marks of flushes, some of which are windows.
    fn windows(flushes: &[Flush]) -> Vec<Mark> {
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
        marks
    }

    /// The part of it whose instants lie after `after`, some of them at least.
    pub(super) fn since(&self, after: i64) -> Self {
        let marks = self.marks.iter().copied().filter(|mark| mark.until > after).collect();
        Self { marks, ..*self }
    }

    /// The recording of the first mark.
    pub(super) fn first_run(&self) -> Option<u64> {
        self.marks.first().map(|mark| mark.run)
    }

    /// The coarsest tier that some of it is of.
    pub(super) const fn tier(&self) -> Tier {
        self.tier
    }

    /// The time that the last value which matters is stored with.
    pub(super) fn until(&self) -> Option<i64> {
        self.marks.last().map(|mark| mark.ts)
    }

    /// How many instants there are, about.
    pub(super) fn len(&self) -> usize {
        let within = |mark: &Mark| usize::try_from((mark.until - mark.after) / WITHIN_US).unwrap_or(0);
        self.marks.iter().map(|mark| if mark.is_flush() { 1 } else { within(mark) + 1 }).sum()
    }

    /// Begins to tell of a series. `run` is the recording before the first mark that it has a value of; a series that `lasts`
    /// is not gone before its recording is.
    pub(super) const fn begin(run: Option<u64>, lasts: bool) -> Laying {
        Laying { place: 0, run, written: i64::MIN, lasts }
    }

    /// Tells `visit`, in the order of time, what there is of a series up to its next entry, and of this. Entries come in the
    /// order of time.
    pub(super) fn entry(&self, laying: &mut Laying, ts: i64, run: u64, visit: &mut impl FnMut(i64, Step)) {
        // Most series have an entry at each flush, and most of the time goes by here.
        if let Some(mark) = self.marks.get(laying.place)
            && (mark.ts, mark.run, laying.run) == (ts, run, Some(run))
            && mark.is_flush()
        {
            visit(ts, Step::Value(1.0));
            laying.written = ts;
            laying.place += 1;
            return;
        }
        loop {
            // What was imported, and what has been rolled up since the flushes were read, has no mark.
            let Some(mark) = self.marks.get(laying.place).filter(|mark| mark.ts <= ts) else {
                visit(ts, Step::Value(1.0));
                return;
            };
            self.end_other(laying, mark.run, visit);
            if (ts, run) == (mark.ts, mark.run) {
                if laying.run.is_none() {
                    visit(self.before(laying.place), Step::Before);
                }
                mark.each(|at| visit(at, Step::Value(mark.share(at))));
                (laying.run, laying.written) = (Some(run), ts);
                laying.place += 1;
                return;
            }
            Self::pass(laying, *mark, visit);
        }
    }

    /// Tells `tell` of entries at these times, and of the flushes in between, for as long as nothing begins or ends there:
    /// when each is, with the place of the entry if there is one. Returns how many entries were told.
    pub(super) fn line(
        &self,
        laying: &mut Laying,
        times: &[i64],
        run: u64,
        mut tell: impl FnMut(i64, Option<usize>),
    ) -> usize {
        let mut told = 0;
        if laying.run != Some(run) {
            return told;
        }
        for mark in self.marks.get(laying.place..).unwrap_or_default() {
            let Some(&next) = times.get(told) else { break };
            if mark.run != run || !mark.is_flush() || mark.ts > next {
                break;
            }
            if mark.ts == next {
                tell(next, Some(told));
                told += 1;
                laying.written = next;
            } else if laying.lasts || mark.ts.saturating_sub(laying.written) < GONE_US {
                tell(mark.ts, None);
            } else {
                break;
            }
            laying.place += 1;
        }
        told
    }

    /// Tells what there is after the last entry.
    pub(super) fn finish(&self, mut laying: Laying, visit: &mut impl FnMut(i64, Step)) {
        while let Some(mark) = self.marks.get(laying.place) {
            self.end_other(&mut laying, mark.run, visit);
            Self::pass(&mut laying, *mark, visit);
        }
        if self.is_over && laying.run.is_some() {
            visit(self.end_before(self.marks.len()), Step::End);
        }
    }

    /// Ends the recording that the series had a value of, if another one is next.
    fn end_other(&self, laying: &mut Laying, next: u64, visit: &mut impl FnMut(i64, Step)) {
        if laying.run.is_some_and(|run| run != next) {
            visit(self.end_before(laying.place), Step::End);
            laying.run = None;
        }
    }

    /// Passes a mark that the series has no entry at.
    fn pass(laying: &mut Laying, mark: Mark, visit: &mut impl FnMut(i64, Step)) {
        laying.place += 1;
        if laying.run.is_none() {
            return;
        }
        if !laying.lasts && mark.until.saturating_sub(laying.written) >= GONE_US {
            visit(mark.until, Step::End);
            laying.run = None;
        } else {
            mark.each(|at| visit(at, Step::Same));
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

    const fn is_flush(self) -> bool {
        self.after + 1 == self.until
    }

    /// Visits the instants; of a flush, which most marks are, there is one.
    fn each(self, mut visit: impl FnMut(i64)) {
        if self.is_flush() { visit(self.until) } else { self.instants().for_each(visit) }
    }

    /// How far into it an instant is, up to 1 at its end.
    fn share(self, at: i64) -> f64 {
        (at - self.after) as f64 / (self.until - self.after) as f64
    }
}

/// The parts of a window for which windows of five minutes do, and for which they do not, in the order of time.
pub(super) fn stretches(window: Window, exact_since: i64) -> impl Iterator<Item = (Window, Tier)> {
    let border = exact_since.clamp(window.after, window.until.max(window.after));
    let (before, since) = (Window { until: border, ..window }, Window { after: border, ..window });
    let both = [(before, Tier::Minutes), (since, Tier::Raw)];
    both.into_iter().filter(|(stretch, _)| stretch.after < stretch.until)
}

/// When a recording began: its name says so. Of an import nothing is known.
fn begin_of(run: u64) -> i64 {
    if is_imported(run) { i64::MIN } else { i64::try_from(run).unwrap_or(i64::MIN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const MINUTE: i64 = 60 * SECOND;

    fn flush(ts: i64, run: i64, tier: Tier) -> Flush {
        Flush { ts, run: run.unsigned_abs(), tier }
    }

    /// What is told of a series with entries at these times, of these recordings, as letters with seconds.
    fn laid(grid: &Grid, entries: &[(i64, i64)], lasts: bool) -> Vec<String> {
        let mut laid = Vec::new();
        let mut visit = |at: i64, step: Step| {
            let letter = match step {
                Step::Before => String::from("B"),
                Step::Value(share) => format!("V{share:.2}"),
                Step::Same => String::from("S"),
                Step::End => String::from("E"),
            };
            laid.push(format!("{letter}@{}", at / SECOND));
        };
        let mut laying = Grid::begin(None, lasts);
        for &(ts, run) in entries {
            grid.entry(&mut laying, ts, run.unsigned_abs(), &mut visit);
        }
        grid.finish(laying, &mut visit);
        laid
    }

    #[test]
    fn a_value_is_told_at_every_flush_until_its_recording_is_over() {
        let raw = |second: i64, run: i64| flush(second * SECOND, run * SECOND, Tier::Raw);
        let flushes = [raw(10, 5), raw(20, 5), raw(30, 5), raw(60, 55), raw(70, 55)];
        let grid = Grid::of(&flushes, 10 * SECOND, true);
        let entries = [(20 * SECOND, 5 * SECOND), (70 * SECOND, 55 * SECOND)];
        let wanted = ["B@10", "V1.00@20", "S@30", "E@40", "B@60", "V1.00@70", "E@80"];
        assert_eq!(laid(&grid, &entries, false), wanted);
        // Of a recording that may go on, nothing is known after its last flush.
        let goes_on = Grid::of(&flushes, 10 * SECOND, false);
        assert_eq!(laid(&goes_on, &entries, false), wanted[..6]);
    }

    #[test]
    fn a_series_that_is_not_written_for_two_minutes_is_gone_if_it_would_be() {
        let flushes: Vec<Flush> = (1..=14).map(|flush_no| flush(flush_no * 30 * SECOND, 5, Tier::Raw)).collect();
        let grid = Grid::of(&flushes, 30 * SECOND, false);
        let entries = [(30 * SECOND, 5)];
        assert_eq!(laid(&grid, &entries, false), ["B@0", "V1.00@30", "S@60", "S@90", "S@120", "E@150"]);
        assert_eq!(laid(&grid, &entries, true).last().unwrap(), "S@420");
    }

    #[test]
    fn a_window_is_told_once_a_minute_for_as_long_as_its_recording_lasted_in_it() {
        let end = Tier::Minutes.step_us();
        let (first, second) = (5 * SECOND, 130 * SECOND);
        let flushes = [flush(end, first, Tier::Minutes), flush(end, second, Tier::Minutes)];
        let grid = Grid::of(&flushes, MINUTE, false);
        let entries = [(end, first), (end, second)];
        let wanted =
            ["B@5", "V0.44@60", "V0.92@120", "V1.00@130", "E@180", "B@130", "V0.29@180", "V0.65@240", "V1.00@300"];
        assert_eq!(laid(&grid, &entries, false), wanted);
        assert_eq!(grid.len(), 3 + 3);
    }

    #[test]
    fn a_line_is_told_as_its_entries_are_one_by_one() {
        let mut random = crate::random::Random(5);
        for _ in 0..300 {
            let mut flushes = Vec::new();
            let (mut ts, mut run) = (MINUTE, 5);
            for _ in 0..60 {
                ts += [10 * SECOND, 10 * SECOND, 45 * SECOND, 130 * SECOND][random.below(4)];
                let tier = if random.below(30) == 0 { Tier::Minutes } else { Tier::Raw };
                if random.below(20) == 0 {
                    run = ts - SECOND;
                }
                flushes.push(flush(ts, run, tier));
            }
            let grid = Grid::of(&flushes, 10 * SECOND, false);
            let share = 1 + random.below(6);
            // As from a store: entries of one recording together, some of times that the grid does not know.
            let entries: Vec<(i64, u64)> = flushes
                .iter()
                .filter_map(|flush| {
                    let off = i64::from(random.below(40) == 0);
                    (random.below(share) == 0).then_some((flush.ts + off, flush.run))
                })
                .collect();
            let lasts = random.below(2) == 0;
            let mut one_by_one = Vec::new();
            let mut laying = Grid::begin(None, lasts);
            for &(ts, run) in &entries {
                grid.entry(&mut laying, ts, run, &mut |at, step| one_by_one.push(told(at, step, ts)));
            }
            let mut by_line = Vec::new();
            let mut laid = Grid::begin(None, lasts);
            for line in entries.chunk_by(|left, right| left.1 == right.1) {
                let times: Vec<i64> = line.iter().map(|entry| entry.0).collect();
                let mut place = 0;
                while place < times.len() {
                    let rest = &times[place..];
                    place += grid.line(&mut laid, rest, line[0].1, |at, entry| {
                        let step = if entry.is_some() { Step::Value(1.0) } else { Step::Same };
                        by_line.push(told(at, step, entry.map_or(0, |entry| rest[entry])));
                    });
                    if let Some(&ts) = times.get(place) {
                        grid.entry(&mut laid, ts, line[0].1, &mut |at, step| by_line.push(told(at, step, ts)));
                        place += 1;
                    }
                }
            }
            assert_eq!(by_line, one_by_one);
            assert_eq!((laid.place, laid.run, laid.written), (laying.place, laying.run, laying.written));
        }
    }

    /// What is told at an instant; of a value, of which entry it is.
    fn told(at: i64, step: Step, entry: i64) -> (i64, String) {
        (at, if let Step::Value(share) = step { format!("{share} of {entry}") } else { format!("{step:?}") })
    }
}
