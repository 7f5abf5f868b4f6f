//! Cuts a range of time into steps.
//!
//! Steps are aligned: each ends at a whole multiple of its length since 1970 in UTC, whenever the question is asked, so
//! that the same instant falls into the same step today and tomorrow, and so that steps of whole stored windows can be
//! answered from these. The first and the last are cut short by the range. A step holds its end and not its beginning, so
//! that steps add up to the range.

use std::time::Duration;

use crate::{
    error::Error,
    store::{Tier, Window},
    util::time::duration_micros,
};

/// The most steps of an answer.
const MOST_STEPS: i64 = 11_000;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Lengths that people read with ease, ascending; then come days, doubled again and again.
const ROUND: [i64; 15] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    12 * HOUR,
];

/// A range of time and its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    range: Window,
    /// `None` makes the whole range one step.
    step_us: Option<i64>,
}

impl Grid {
    /// All of `range` as one step.
    pub(super) const fn whole(range: Window) -> Self {
        Self { range, step_us: None }
    }

    /// Steps of `step` that cover `range`.
    pub(super) fn stepped(range: Window, step: Duration) -> Result<Self, Error> {
        let step_us = duration_micros(step);
        if step_us == 0 {
            return Err(Error::setting(format!(
                "step({step:?}) makes no windows; give at least a microsecond, such as step(Duration::from_secs(60))"
            )));
        }
        let grid = Self { range, step_us: Some(step_us) };
        if grid.steps() > MOST_STEPS {
            let fewer = Self::at_most(range, MOST_STEPS.unsigned_abs() as usize);
            return Err(Error::setting(format!(
                "step({step:?}) makes {} windows of {:?}, more than {MOST_STEPS}; ask for a shorter time, give a step of \
                 {:?} or more, or at_most(...)",
                grid.steps(),
                length(range),
                Duration::from_micros(fewer.step_us.unwrap_or(i64::MAX).unsigned_abs()),
            )));
        }
        Ok(grid)
    }

    /// The shortest round steps of which `most` or fewer cover `range`.
    pub(super) fn at_most(range: Window, most: usize) -> Self {
        let days = (0..24).map(|doubled| DAY << doubled);
        let grids = ROUND.into_iter().chain(days).map(|step_us| Self { range, step_us: Some(step_us) });
        grids.into_iter().find(|grid| grid.len() <= most).unwrap_or(Self::whole(range))
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.steps()).unwrap_or(0)
    }

    /// The step that holds `ts`; what lies outside of the range is in the nearest.
    pub(super) fn place(&self, ts: i64) -> usize {
        let Some(step) = self.step_us else { return 0 };
        let place = ts.saturating_sub(1).div_euclid(step).saturating_sub(self.range.after.div_euclid(step));
        usize::try_from(place).unwrap_or(0).min(self.len().saturating_sub(1))
    }

    /// From when to when the step at `place` lasts.
    pub(super) fn window(&self, place: usize) -> Window {
        let Window { after, until } = self.range;
        let Some(step) = self.step_us else { return self.range };
        let number = after.div_euclid(step).saturating_add_unsigned(place as u64);
        let edge = |number: i64| number.saturating_mul(step).clamp(after, until);
        Window { after: edge(number), until: edge(number.saturating_add(1)) }
    }

    /// The coarsest tier with windows of which none is in two steps.
    pub(super) fn coarsest(&self) -> Tier {
        let fits = |tier: &Tier| self.step_us.is_some_and(|step| step % tier.step_us() == 0);
        Tier::ROLLED.into_iter().rev().find(fits).unwrap_or(Tier::Raw)
    }

    fn steps(&self) -> i64 {
        match (self.range, self.step_us) {
            (Window { after, until }, _) if after >= until => 0,
            (_, None) => 1,
            (Window { after, until }, Some(step)) => {
                (until - 1).div_euclid(step).saturating_sub(after.div_euclid(step)).saturating_add(1)
            }
        }
    }
}

/// How long a window lasts.
pub(super) fn length(window: Window) -> Duration {
    Duration::from_micros(u64::try_from(window.until.saturating_sub(window.after)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn window(after: i64, until: i64) -> Window {
        Window { after, until }
    }

    fn stepped(after: i64, until: i64, step: i64) -> Grid {
        Grid::stepped(window(after, until), Duration::from_micros(step.unsigned_abs())).unwrap()
    }

    #[test]
    fn steps_end_at_whole_multiples_and_are_cut_short_by_the_range() {
        let grid = stepped(-7, 25, 10);
        let windows: Vec<Window> = (0..grid.len()).map(|place| grid.window(place)).collect();
        assert_eq!(windows, [window(-7, 0), window(0, 10), window(10, 20), window(20, 25)]);
        assert_eq!([-6, 0, 1, 10, 11, 25].map(|ts| grid.place(ts)), [0, 0, 1, 1, 2, 3]);
        assert_eq!((grid.place(-100), grid.place(100)), (0, 3));
    }

    #[test]
    fn every_instant_is_in_the_step_that_holds_it_and_the_steps_cover_the_range() {
        let mut random = Random(5);
        let mut below = |limit: u64| (random.next() % limit).cast_signed();
        for _ in 0..2_000 {
            let after = below(2_000) - 1_000;
            let until = after + 1 + below(500);
            let grid = stepped(after, until, 1 + below(90));
            let ts = after + 1 + below((until - after).unsigned_abs());
            let Window { after: from, until: to } = grid.window(grid.place(ts));
            assert!(from < ts && ts <= to, "{grid:?} {ts}");
            let ends: Vec<i64> = (0..grid.len()).map(|place| grid.window(place).until).collect();
            assert_eq!((grid.window(0).after, ends.last()), (after, Some(&until)));
            assert!((1..grid.len()).all(|place| grid.window(place).after == ends[place - 1]));
        }
    }

    #[test]
    fn an_empty_range_has_no_step() {
        assert_eq!(stepped(5, 5, 10).len(), 0);
        assert_eq!(Grid::whole(window(5, 5)).len(), 0);
        assert_eq!(Grid::whole(window(-5, 5)).window(0), window(-5, 5));
    }

    #[test]
    fn senseless_steps_say_what_to_give_instead() {
        let day = window(0, DAY);
        let zero = Grid::stepped(day, Duration::from_nanos(999)).unwrap_err();
        assert!(zero.is_invalid_setting() && zero.to_string().contains("from_secs(60)"), "{zero}");
        let many = Grid::stepped(day, Duration::from_secs(1)).unwrap_err();
        assert!(many.is_invalid_setting() && many.to_string().contains("a step of 10s or more"), "{many}");
    }

    #[test]
    fn the_shortest_round_step_is_taken_that_makes_few_enough() {
        for (range, most, step) in [
            (window(0, HOUR), 60, MINUTE),
            (window(1, HOUR), 60, MINUTE),
            (window(-1, HOUR), 60, 2 * MINUTE),
            (window(0, 365 * DAY), 4, 128 * DAY),
            (window(0, 10), 4, SECOND),
        ] {
            let grid = Grid::at_most(range, most);
            assert_eq!(grid.step_us, Some(step), "{range:?}");
            assert!(grid.len() <= most);
        }
    }

    #[test]
    fn windows_of_a_tier_do_where_a_step_is_a_multiple_of_them() {
        let coarsest = |step| stepped(0, DAY, step).coarsest();
        assert_eq!(coarsest(MINUTE), Tier::Raw);
        assert_eq!(coarsest(7 * MINUTE), Tier::Raw);
        assert_eq!(coarsest(10 * MINUTE), Tier::Minutes);
        assert_eq!(coarsest(90 * MINUTE), Tier::Minutes);
        assert_eq!(coarsest(2 * HOUR), Tier::Hours);
        assert_eq!(Grid::whole(window(0, DAY)).coarsest(), Tier::Raw);
    }
}
