//! When a rule is evaluated next.
//!
//! A rule has an interval of its own, or that of all. The background thread has other things to do, so one that takes long is
//! evaluated less often: it takes no more than its share of the time, and all such rules together no more than theirs. Of
//! those that are due, the ones that have waited the longest come first. So a hundred objectives, each of which
//! reads days from the store, are spread over the minute and not evaluated in one flush.

use std::time::Duration;

use super::{LONGEST_SPAN_MS, clock::Now, live::Limits};
use crate::promql::Reach;

/// A rule that takes longer is evaluated less often.
const CHEAP_MS: u64 = 5;

/// What a rule is expected to take that reads the store, before it was evaluated for the first time.
const UNKNOWN_MS: u64 = 50;

/// All rules that take long have one in so many seconds,
const TOGETHER: u64 = 10;
/// and no more than this at once.
const MOST_MS: i64 = 250;

/// One of them that has to wait is looked at again after this time.
const WAIT_MS: u64 = 1_000;

/// How often rules are evaluated, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often, where a rule says nothing.
    pub(super) every: u64,
    /// A flush may come so much early.
    pub(super) slack: u64,
    /// How often there is a flush.
    pub(super) flush_every: u64,
    pub(super) limits: Limits,
}

/// The next evaluation of a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    every: u64,
    slack: u64,
    share: u64,
    /// How far apart evaluations are at the moment.
    pub(super) interval_ms: u64,
    pub(super) due_ms: u64,
    /// While others come first.
    not_before_ms: u64,
    /// How long it is expected to take.
    takes_ms: u64,
}

/// What rules that take long may use at the moment.
#[derive(Debug)]
pub(super) struct Allowance {
    /// `None` where they are not bounded.
    left_ms: Option<i64>,
}

impl Pace {
    /// A rule that is due at once, and then with this interval if it has one.
    pub(super) fn schedule(self, interval: Option<Duration>) -> Schedule {
        let own = interval.map(|interval| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1));
        let every = own.unwrap_or(self.every).max(1);
        let slack = own.map_or(self.slack, |every| self.flush_every.min(every) / 2);
        let share = self.limits.share;
        Schedule { every, slack, share, interval_ms: every, due_ms: 0, not_before_ms: 0, takes_ms: 0 }
    }
}

impl Schedule {
    pub(super) const fn every_ms(&self) -> u64 {
        self.every
    }

    /// Of a rule that reaches so far.
    pub(super) fn reaching(mut self, reach: &Reach) -> Self {
        let is_in_memory = reach.names.is_some() && reach.back.is_some_and(|back| back <= LONGEST_SPAN_MS);
        self.takes_ms = if is_in_memory { 0 } else { UNKNOWN_MS };
        self
    }

    pub(super) const fn is_due(&self, now: Now) -> bool {
        now.steady_ms >= self.due_ms && now.steady_ms >= self.not_before_ms
    }

    /// Whether it takes long.
    pub(super) const fn is_long(&self) -> bool {
        self.takes_ms >= CHEAP_MS
    }

    /// In how many milliseconds it is due; it is evaluated at the flush after that.
    pub(super) fn due_in_ms(&self, steady_ms: u64) -> u64 {
        (self.due_ms + self.slack).max(self.not_before_ms).saturating_sub(steady_ms)
    }

    /// Plans the next evaluation after one that took so long.
    pub(super) fn plan(&mut self, now: Now, took: Duration) {
        self.takes_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let rest = if self.is_long() { self.takes_ms.saturating_mul(self.share) } else { 0 };
        self.interval_ms = rest.div_ceil(self.every).max(1).saturating_mul(self.every);
        self.due_ms = now.steady_ms.saturating_add(self.interval_ms).saturating_sub(self.slack);
    }
}

impl Allowance {
    pub(super) fn new(limits: Limits) -> Self {
        Self { left_ms: (limits.share > 0).then_some(MOST_MS) }
    }

    /// Takes note that time has passed.
    pub(super) fn grow(&mut self, elapsed_ms: u64) {
        let more = i64::try_from(elapsed_ms / TOGETHER).unwrap_or(i64::MAX);
        self.left_ms = self.left_ms.map(|left| left.saturating_add(more).min(MOST_MS));
    }

    /// Takes note of an evaluation.
    pub(super) fn spend(&mut self, schedule: &Schedule) {
        let took = if schedule.is_long() { i64::try_from(schedule.takes_ms).unwrap_or(i64::MAX) } else { 0 };
        self.left_ms = self.left_ms.map(|left| left.saturating_sub(took));
    }

    /// Lets those of `due` wait that there is no time for; they take long, and the first has waited the longest.
    pub(super) fn share_out<'a>(&self, due: impl Iterator<Item = &'a mut Schedule>, now: Now) {
        let Some(mut left) = self.left_ms else { return };
        for schedule in due {
            if left <= 0 {
                schedule.not_before_ms = now.steady_ms.saturating_add(WAIT_MS);
            }
            left = left.saturating_sub(i64::try_from(schedule.takes_ms).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(steady_ms: u64) -> Now {
        Now { wall_ms: 0, steady_ms, at_ms: 0, elapsed_ms: 0, stepped_ms: None }
    }

    fn pace() -> Pace {
        Pace { every: 1_000, slack: 1_000, flush_every: 1_000, limits: Limits::USUAL }
    }

    #[test]
    fn a_rule_without_an_interval_is_evaluated_at_each_flush_however_early() {
        let mut schedule = pace().schedule(None);
        for steady_ms in [0, 400, 1_000] {
            assert!(schedule.is_due(at(steady_ms)), "{steady_ms}");
            schedule.plan(at(steady_ms), Duration::ZERO);
        }
        assert_eq!(schedule.due_in_ms(1_000), 1_000);
    }

    #[test]
    fn an_interval_of_its_own_is_kept_to_half_a_flush() {
        let mut schedule = pace().schedule(Some(Duration::from_mins(1)));
        schedule.plan(at(0), Duration::ZERO);
        assert!(!schedule.is_due(at(59_000)) && schedule.is_due(at(59_600)));
        assert_eq!((schedule.interval_ms, schedule.due_in_ms(10_000)), (60_000, 50_000));
    }

    #[test]
    fn of_rules_that_take_long_those_that_have_waited_the_longest_come_first() {
        let reach = Reach { names: Some(Vec::new()), back: Some(30 * 86_400_000) };
        let mut all = vec![pace().schedule(Some(Duration::from_mins(1))).reaching(&reach); 100];
        let mut allowance = Allowance::new(Limits::USUAL);
        let mut runs = vec![0; all.len()];
        for second in 0..1_000 {
            let now = at(second * 1_000);
            allowance.grow(1_000);
            let mut due: Vec<&mut Schedule> = all.iter_mut().filter(|schedule| schedule.is_due(now)).collect();
            due.sort_by_key(|schedule| schedule.due_ms);
            allowance.share_out(due.into_iter(), now);
            let mut spent = 0;
            for (place, schedule) in all.iter_mut().enumerate().filter(|(_, schedule)| schedule.is_due(now)) {
                schedule.plan(now, Duration::from_millis(110));
                allowance.spend(schedule);
                runs[place] += 1;
                spent += 110;
            }
            assert!(spent <= 550, "{spent} ms in one flush");
        }
        let total: u64 = runs.iter().sum();
        assert!((900..=912).contains(&total), "{total} evaluations of 110 ms in 1,000 s");
        assert!(runs.iter().all(|&runs| (8..=10).contains(&runs)), "{runs:?}");
    }

    #[test]
    fn what_takes_long_rests_for_so_much_longer_in_whole_intervals() {
        let mut schedule = pace().schedule(None);
        schedule.plan(at(0), Duration::from_millis(110));
        assert_eq!(schedule.interval_ms, 6_000);
        let mut schedule = pace().schedule(Some(Duration::from_mins(1)));
        schedule.plan(at(0), Duration::from_millis(110));
        assert_eq!(schedule.interval_ms, 60_000);
    }
}
