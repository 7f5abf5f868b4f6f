//! When a rule is evaluated next.
//!
//! A rule has an interval of its own, or that of all. One that takes long is evaluated less often, so that it takes no more
//! than its share of the time; the background thread has other things to do.

use std::time::Duration;

use super::{clock::Now, live::Limits};

/// A rule that takes longer is evaluated less often.
const CHEAP: Duration = Duration::from_millis(5);

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
    due_ms: u64,
}

impl Pace {
    /// A rule that is due at once, and then with this interval if it has one.
    pub(super) fn schedule(self, interval: Option<Duration>) -> Schedule {
        let own = interval.map(|interval| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1));
        let every = own.unwrap_or(self.every).max(1);
        let slack = own.map_or(self.slack, |every| self.flush_every.min(every) / 2);
        Schedule { every, slack, share: self.limits.share, interval_ms: every, due_ms: 0 }
    }
}

impl Schedule {
    pub(super) const fn every_ms(&self) -> u64 {
        self.every
    }

    pub(super) const fn is_due(&self, now: Now) -> bool {
        now.steady_ms >= self.due_ms
    }

    /// In how many milliseconds it is due; it is evaluated at the flush after that.
    pub(super) const fn due_in_ms(&self, steady_ms: u64) -> u64 {
        (self.due_ms + self.slack).saturating_sub(steady_ms)
    }

    /// Plans the next evaluation after one that took so long.
    pub(super) fn plan(&mut self, now: Now, took: Duration) {
        let rest = if took < CHEAP {
            0
        } else {
            u64::try_from(took.as_millis()).unwrap_or(u64::MAX).saturating_mul(self.share)
        };
        self.interval_ms = rest.div_ceil(self.every).max(1).saturating_mul(self.every);
        self.due_ms = now.steady_ms.saturating_add(self.interval_ms).saturating_sub(self.slack);
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
    fn what_takes_long_rests_for_so_much_longer_in_whole_intervals() {
        let mut schedule = pace().schedule(None);
        schedule.plan(at(0), Duration::from_millis(110));
        assert_eq!(schedule.interval_ms, 6_000);
        let mut schedule = pace().schedule(Some(Duration::from_mins(1)));
        schedule.plan(at(0), Duration::from_millis(110));
        assert_eq!(schedule.interval_ms, 60_000);
    }
}
