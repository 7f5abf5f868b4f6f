//! Two clocks: the one on the wall, which people set, and one that only goes on.
//!
//! Lengths are measured by the steady clock alone. The wall clock names instants; where it is stepped, what was measured
//! before is moved with it, so that windows and rates see no step.

/// An instant, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Milliseconds since 1970, as the system has it.
    pub(crate) wall_ms: i64,
    /// Milliseconds since some beginning, by a clock that is never set and does not count while the machine sleeps.
    pub(crate) steady_ms: u64,
}

/// The clocks as they were last read.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Moment,
    /// The newest instant given out, which none comes before.
    newest_ms: i64,
}

/// A reading of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "each is of another clock, and all are in milliseconds")]
pub(crate) struct Now {
    pub(crate) wall_ms: i64,
    pub(crate) steady_ms: u64,
    /// The instant of what is measured now: the time on the wall, but always after the instant before.
    pub(crate) at_ms: i64,
    /// Since the last reading, by the steady clock.
    pub(crate) elapsed_ms: u64,
    /// By how much the wall clock was stepped since then.
    pub(crate) stepped_ms: Option<i64>,
}

/// Smaller differences are corrections of a running clock.
const STEP_MS: i64 = 2_000;

impl Clock {
    pub(crate) const fn new(moment: Moment) -> Self {
        Self { last: moment, newest_ms: moment.wall_ms }
    }

    /// The last reading.
    pub(crate) const fn last(&self) -> Moment {
        self.last
    }

    /// Reads the clocks.
    pub(crate) fn read(&mut self, moment: Moment) -> Now {
        let elapsed_ms = moment.steady_ms.saturating_sub(self.last.steady_ms);
        let walled = moment.wall_ms.saturating_sub(self.last.wall_ms);
        let off = walled.saturating_sub(i64::try_from(elapsed_ms).unwrap_or(i64::MAX));
        let stepped_ms = (off.saturating_abs() > STEP_MS).then_some(off);
        // What came before moves with the clock.
        let before = self.newest_ms.saturating_add(stepped_ms.unwrap_or(0));
        self.newest_ms = moment.wall_ms.max(before.saturating_add(1));
        self.last = moment;
        Now { wall_ms: moment.wall_ms, steady_ms: moment.steady_ms, at_ms: self.newest_ms, elapsed_ms, stepped_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(wall_ms: i64, steady_ms: u64) -> Moment {
        Moment { wall_ms, steady_ms }
    }

    #[test]
    fn only_a_difference_between_the_clocks_is_a_step() {
        let mut clock = Clock::new(at(1_000_000, 50));
        let now = clock.read(at(1_001_000, 1_050));
        assert_eq!((now.at_ms, now.elapsed_ms, now.stepped_ms), (1_001_000, 1_000, None));
        // A pause is none.
        assert_eq!(clock.read(at(1_101_000, 101_050)).stepped_ms, None);
        let ahead = clock.read(at(4_702_000, 102_050));
        assert_eq!((ahead.at_ms, ahead.elapsed_ms, ahead.stepped_ms), (4_702_000, 1_000, Some(3_600_000)));
        let back = clock.read(at(1_103_000, 103_050));
        assert_eq!((back.at_ms, back.elapsed_ms, back.stepped_ms), (1_103_000, 1_000, Some(-3_600_000)));
    }

    #[test]
    fn instants_ascend_though_a_clock_is_corrected() {
        let mut clock = Clock::new(at(1_000_000, 0));
        assert_eq!(clock.read(at(1_001_000, 1_000)).at_ms, 1_001_000);
        let corrected = clock.read(at(1_000_500, 1_500));
        assert_eq!((corrected.at_ms, corrected.stepped_ms), (1_001_001, None));
        assert_eq!(clock.read(at(1_001_500, 2_500)).at_ms, 1_001_500);
    }
}
