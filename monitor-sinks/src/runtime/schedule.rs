//! When a drain is due.
//!
//! Drains begin at whole multiples of the interval since 1970, so that the rows of all programs on all machines fall due
//! together, and a row's time says nothing about when its program was started. (A row is stamped when its values have
//! been read, a moment later.) The waiting itself is done by the monotonic clock, in steps of at most one interval; the
//! wall clock, which can be set, is asked anew at each waking. This file is the arithmetic: instants, in microseconds
//! since 1970, come in, decisions go out.

use std::time::Duration;

/// What to do at some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait this long, and ask again.
    Wait(Duration),
    /// Drain.
    Drain,
}

/// A grid of instants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    interval_us: i64,
    /// The instant of the next drain.
    next_us: i64,
}

impl Grid {
    /// A grid of `interval_us`, which is at least 1; the first drain is due at the grid's next instant after `now_us`.
    pub(super) fn new(interval_us: i64, now_us: i64) -> Self {
        let mut grid = Self { interval_us: interval_us.max(1), next_us: 0 };
        grid.next_us = grid.after(now_us);
        grid
    }

    /// Decides what to do at `now_us`. Instants that have been missed are passed over, not made up for.
    pub(super) fn step(&mut self, now_us: i64) -> Step {
        if now_us >= self.next_us {
            self.next_us = self.after(now_us);
            return Step::Drain;
        }
        if self.next_us - now_us > self.interval_us {
            // The wall clock went back; the instant planned for is too far away by now.
            self.next_us = self.after(now_us);
        }
        Step::Wait(Duration::from_micros((self.next_us - now_us).unsigned_abs()))
    }

    fn after(&self, now_us: i64) -> i64 {
        now_us - now_us.rem_euclid(self.interval_us) + self.interval_us
    }
}

impl Step {
    /// What to do at `now_us` if something else is due at `due_us`: a drain comes earlier for it, never later.
    pub(super) fn with_due(self, now_us: i64, due_us: Option<i64>) -> Self {
        match (self, due_us) {
            (Self::Wait(wait), Some(due_us)) if due_us > now_us => {
                Self::Wait(wait.min(Duration::from_micros(due_us.abs_diff(now_us))))
            }
            (Self::Wait(_), Some(_)) => Self::Drain,
            (step, _) => step,
        }
    }
}

/// How far the wall clock went back between two readings, if by more than two intervals, which is more than the
/// correction of a running clock.
pub(super) fn step_back(before_us: i64, now_us: i64, interval_us: i64) -> Option<Duration> {
    let back = before_us.saturating_sub(now_us);
    (back > interval_us.saturating_mul(2)).then(|| Duration::from_micros(back.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn wait(micros: u64) -> Step {
        Step::Wait(Duration::from_micros(micros))
    }

    #[test]
    fn drains_fall_on_whole_intervals_wherever_the_program_started() {
        let mut grid = Grid::new(1_000, 5_300);
        assert_eq!(grid.step(5_300), wait(700));
        assert_eq!(grid.step(6_000), Step::Drain);
        assert_eq!(grid.step(6_000), wait(1_000));
    }

    #[test]
    fn a_late_waking_does_not_put_off_the_next() {
        let mut grid = Grid::new(1_000, 5_300);
        assert_eq!(grid.step(6_012), Step::Drain);
        assert_eq!(grid.step(6_020), wait(980));
    }

    #[test]
    fn an_early_waking_waits_for_the_rest() {
        let mut grid = Grid::new(1_000_000, 5_300_000);
        assert_eq!(grid.step(5_999_400), wait(600));
        assert_eq!(grid.step(6_000_000), Step::Drain);
    }

    #[test]
    fn missed_instants_are_passed_over() {
        let mut grid = Grid::new(1_000, 5_300);
        assert_eq!(grid.step(3_600_450), Step::Drain);
        assert_eq!(grid.step(3_600_450), wait(550));
    }

    #[test]
    fn a_clock_that_went_back_does_not_stop_the_drains() {
        let mut grid = Grid::new(1_000, 3_600_000);
        assert_eq!(grid.step(200), wait(800));
        assert_eq!(grid.step(1_000), Step::Drain);
    }

    #[test]
    fn the_years_before_1970_have_a_grid_too() {
        let mut grid = Grid::new(1_000, -1_500);
        assert_eq!(grid.step(-1_500), wait(500));
        assert_eq!(grid.step(-1_000), Step::Drain);
    }

    #[test]
    fn no_wait_is_longer_than_an_interval() {
        for interval in [1, 7, 1_000, 3_600_000_000] {
            for now in [0, 1, 999, 123_456_789, 1_700_000_000_123_456] {
                let Step::Wait(wait) = Grid::new(interval, now).step(now) else { panic!("due at once") };
                assert!(!wait.is_zero() && wait <= Duration::from_micros(interval as u64), "{interval} {now}");
            }
        }
    }

    #[test]
    fn what_else_is_due_brings_a_drain_forward_and_never_puts_it_off() {
        assert_eq!(wait(700).with_due(300, None), wait(700));
        assert_eq!(wait(700).with_due(300, Some(500)), wait(200));
        assert_eq!(wait(700).with_due(300, Some(5_000)), wait(700));
        assert_eq!(wait(700).with_due(300, Some(i64::MAX)), wait(700));
        for due in [300, 299, i64::MIN] {
            assert_eq!(wait(700).with_due(300, Some(due)), Step::Drain);
        }
        assert_eq!(Step::Drain.with_due(300, Some(5_000)), Step::Drain);
    }

    #[test]
    fn an_early_drain_leaves_the_grid_where_it_was() {
        let mut grid = Grid::new(1_000, 5_300);
        assert_eq!(grid.step(5_500).with_due(5_500, Some(5_500)), Step::Drain);
        assert_eq!(grid.step(5_500), wait(500));
    }

    #[test]
    fn only_a_step_of_more_than_two_intervals_counts() {
        assert_eq!(step_back(10_000, 8_000, 1_000), None);
        assert_eq!(step_back(10_000, 7_999, 1_000), Some(Duration::from_micros(2_001)));
        assert_eq!(step_back(10_000, 20_000, 1_000), None);
        assert_eq!(step_back(i64::MAX, i64::MIN, i64::MAX), None);
    }
}
