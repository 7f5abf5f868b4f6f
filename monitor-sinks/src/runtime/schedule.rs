//! When a drain is due.
//!
//! Drains happen at whole multiples of the interval since 1970, so that the rows of all programs on all machines share
//! their times, and a row's time says nothing about when its program was started. The waiting itself is done by the
//! monotonic clock, in steps of at most one interval; the wall clock, which can be set, is asked anew at each waking.
//! This file is the arithmetic: instants come in, decisions go out.

use std::time::Duration;

/// What to do at some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait this long, and ask again.
    Wait(Duration),
    /// Drain, and stamp the row with this time in milliseconds.
    Drain { at_ms: i64 },
}

/// A grid of instants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    interval_ms: i64,
    /// The instant of the next drain.
    next_ms: i64,
}

impl Grid {
    /// A grid of `interval_ms`, which is at least 1; the first drain is due at the grid's next instant after `now`.
    pub(super) fn new(interval_ms: i64, now: Now) -> Self {
        let mut grid = Self { interval_ms: interval_ms.max(1), next_ms: 0 };
        grid.next_ms = grid.after(now.millis);
        grid
    }

    /// Decides what to do at `now`. Instants that have been missed are passed over, not made up for.
    pub(super) fn step(&mut self, now: Now) -> Step {
        if now.millis >= self.next_ms {
            let at_ms = now.millis - now.millis.rem_euclid(self.interval_ms);
            self.next_ms = self.after(now.millis);
            return Step::Drain { at_ms };
        }
        if self.next_ms - now.millis > self.interval_ms {
            // The wall clock went back; the instant planned for is too far away by now.
            self.next_ms = self.after(now.millis);
        }
        let whole = Duration::from_millis((self.next_ms - now.millis).unsigned_abs());
        Step::Wait(whole.saturating_sub(Duration::from_nanos(u64::from(now.nanos))))
    }

    fn after(&self, now_ms: i64) -> i64 {
        now_ms - now_ms.rem_euclid(self.interval_ms) + self.interval_ms
    }
}

/// A wall-clock instant: milliseconds since 1970 and the nanoseconds (below a million) on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) millis: i64,
    pub(super) nanos: u32,
}

/// How far the wall clock went back between two readings, if by more than two intervals, which is more than the
/// correction of a running clock.
pub(super) fn step_back(before_ms: i64, now_ms: i64, interval_ms: i64) -> Option<Duration> {
    let back = before_ms.saturating_sub(now_ms);
    (back > interval_ms.saturating_mul(2)).then(|| Duration::from_millis(back.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Now {
        Now { millis, nanos: 0 }
    }

    const fn wait(millis: u64) -> Step {
        Step::Wait(Duration::from_millis(millis))
    }

    #[test]
    fn drains_fall_on_whole_intervals_wherever_the_program_started() {
        let mut grid = Grid::new(1_000, at(5_300));
        assert_eq!(grid.step(at(5_300)), wait(700));
        assert_eq!(grid.step(at(6_000)), Step::Drain { at_ms: 6_000 });
        assert_eq!(grid.step(at(6_000)), wait(1_000));
    }

    #[test]
    fn a_late_waking_is_stamped_with_the_instant_that_was_due() {
        let mut grid = Grid::new(1_000, at(5_300));
        assert_eq!(grid.step(at(6_012)), Step::Drain { at_ms: 6_000 });
        assert_eq!(grid.step(at(6_020)), wait(980));
    }

    #[test]
    fn an_early_waking_waits_for_the_rest() {
        let mut grid = Grid::new(1_000, at(5_300));
        assert_eq!(grid.step(Now { millis: 5_999, nanos: 400_000 }), Step::Wait(Duration::from_micros(600)));
        assert_eq!(grid.step(at(6_000)), Step::Drain { at_ms: 6_000 });
    }

    #[test]
    fn missed_instants_are_passed_over() {
        let mut grid = Grid::new(1_000, at(5_300));
        assert_eq!(grid.step(at(3_600_450)), Step::Drain { at_ms: 3_600_000 });
        assert_eq!(grid.step(at(3_600_450)), wait(550));
    }

    #[test]
    fn a_clock_that_went_back_does_not_stop_the_drains() {
        let mut grid = Grid::new(1_000, at(3_600_000));
        assert_eq!(grid.step(at(200)), wait(800));
        assert_eq!(grid.step(at(1_000)), Step::Drain { at_ms: 1_000 });
    }

    #[test]
    fn the_years_before_1970_have_a_grid_too() {
        let mut grid = Grid::new(1_000, at(-1_500));
        assert_eq!(grid.step(at(-1_500)), wait(500));
        assert_eq!(grid.step(at(-1_000)), Step::Drain { at_ms: -1_000 });
    }

    #[test]
    fn no_wait_is_longer_than_an_interval() {
        for interval in [1, 7, 1_000, 3_600_000] {
            for now in [0, 1, 999, 123_456_789, 1_700_000_000_123] {
                let Step::Wait(wait) = Grid::new(interval, at(now)).step(at(now)) else { panic!("due at once") };
                assert!(!wait.is_zero() && wait <= Duration::from_millis(interval as u64), "{interval} {now}");
            }
        }
    }

    #[test]
    fn only_a_step_of_more_than_two_intervals_counts() {
        assert_eq!(step_back(10_000, 8_000, 1_000), None);
        assert_eq!(step_back(10_000, 7_999, 1_000), Some(Duration::from_millis(2_001)));
        assert_eq!(step_back(10_000, 20_000, 1_000), None);
        assert_eq!(step_back(i64::MAX, i64::MIN, i64::MAX), None);
    }
}
