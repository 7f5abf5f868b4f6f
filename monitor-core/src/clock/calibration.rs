//! How many ticks make a second, found out and kept up from pairs of readings. Pure: the readings are passed in.
//!
//! One calibration at start is not enough: peers that do it once drift by up to 289 ppm when the machine is busy at that
//! moment. Here every drain adds a reading. The rate is taken over a long baseline, so it sharpens to below 1 ppm within
//! seconds; and a rate over the last interval that differs from it by more than 500 ppm beyond the reading error means
//! that the counter jumped (suspend, migration to another host), whereupon everything starts again.

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) ticks: u64,
    pub(super) nanos: u64,
}

/// What follows from a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too early to say.
    Wait,
    /// The counter may be used with this factor (units of 2^-30 s in 2^32 ticks).
    Factor(u64),
    /// The counter jumped: use the portable clock until the next `Factor`.
    Jumped,
    /// The counter jumped too often to be worth another try.
    GiveUp,
}

/// The baseline is moved up once it is this old, so that a slow change of rate is followed.
const LONGEST_BASELINE_NANOS: u64 = 600_000_000_000;
/// The least distance of two readings that give a rate.
const SHORTEST_BASELINE_NANOS: u64 = 1_000_000;
/// What a pair of readings may be off by when the thread was interrupted between its halves.
const READING_ERROR_NANOS: u64 = 200_000;
/// More than this many jumps, and the counter is not used any more.
const JUMPS_ALLOWED: u32 = 8;

/// The state of the calibration.
#[derive(Debug)]
pub(super) struct Calibration {
    base: Option<Reading>,
    last: Option<Reading>,
    factor: u64,
    jumps: u32,
}

impl Calibration {
    pub(super) const fn new() -> Self {
        Self { base: None, last: None, factor: 0, jumps: 0 }
    }

    /// The last known factor; 0 if there has been none.
    pub(super) const fn factor(&self) -> u64 {
        self.factor
    }

    /// Nanoseconds since the last reading.
    pub(super) fn since_last(&self, nanos: u64) -> Option<u64> {
        self.last.map(|last| nanos.saturating_sub(last.nanos))
    }

    /// Takes a reading into account.
    pub(super) fn observe(&mut self, now: Reading) -> Verdict {
        let (Some(base), Some(last)) = (self.base, self.last) else {
            return self.restart(now, Verdict::Wait);
        };
        if self.jumped(last, now) {
            self.jumps += 1;
            let verdict = if self.jumps > JUMPS_ALLOWED { Verdict::GiveUp } else { Verdict::Jumped };
            return self.restart(now, verdict);
        }
        if now.nanos.saturating_sub(base.nanos) < SHORTEST_BASELINE_NANOS {
            return Verdict::Wait;
        }
        let Some(factor) = factor(base, now) else {
            return self.restart(now, Verdict::Jumped);
        };
        self.factor = factor;
        self.last = Some(now);
        if now.nanos - base.nanos > LONGEST_BASELINE_NANOS {
            self.base = self.last;
        }
        Verdict::Factor(factor)
    }

    fn restart(&mut self, now: Reading, verdict: Verdict) -> Verdict {
        self.base = Some(now);
        self.last = Some(now);
        verdict
    }

    /// Whether the counter, at the known rate, is elsewhere than the system's clock says.
    fn jumped(&self, last: Reading, now: Reading) -> bool {
        if now.ticks < last.ticks || now.nanos < last.nanos {
            return true;
        }
        if self.base == self.last {
            return false;
        }
        let elapsed = now.nanos - last.nanos;
        let units = (u128::from(now.ticks - last.ticks) * u128::from(self.factor)) >> 32;
        let predicted = ((units * 1_000_000_000) >> 30) as u64;
        predicted.abs_diff(elapsed) > elapsed / 2000 + READING_ERROR_NANOS
    }
}

/// The factor of the rate between two readings; `None` for a rate no counter has (below 1 MHz or above 100 GHz).
fn factor(from: Reading, to: Reading) -> Option<u64> {
    let (ticks, nanos) = (to.ticks.checked_sub(from.ticks)?, to.nanos.checked_sub(from.nanos)?);
    if nanos == 0 || u128::from(ticks) * 1_000 < u128::from(nanos) || ticks / 100 > nanos {
        return None;
    }
    // nanos * 2^30 / 1e9 units in `ticks` ticks, times 2^32.
    let units = (u128::from(nanos) << 62) / (1_000_000_000 * u128::from(ticks));
    u64::try_from(units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter of 2.6 GHz that is read `nanos` after the start.
    fn at(nanos: u64) -> Reading {
        Reading { ticks: 1_000 + nanos * 26 / 10, nanos }
    }

    fn factor_of(verdict: Verdict) -> f64 {
        let Verdict::Factor(factor) = verdict else { panic!("{verdict:?}") };
        factor as f64
    }

    #[test]
    fn two_readings_give_the_rate() {
        let mut calibration = Calibration::new();
        assert_eq!(calibration.observe(at(0)), Verdict::Wait);
        let found = factor_of(calibration.observe(at(2_000_000)));
        let wanted = f64::from(1 << 30) / 2.6e9 * 4_294_967_296.0;
        assert!((found / wanted - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_rate_sharpens_with_the_baseline() {
        let mut calibration = Calibration::new();
        calibration.observe(Reading { ticks: 1_000 + 260, nanos: 0 });
        let rough = factor_of(calibration.observe(at(2_000_000)));
        let sharp = factor_of(calibration.observe(at(10_000_000_000)));
        let wanted = f64::from(1 << 30) / 2.6e9 * 4_294_967_296.0;
        assert!((sharp / wanted - 1.0).abs() < (rough / wanted - 1.0).abs() / 100.0);
    }

    #[test]
    fn a_suspended_counter_is_noticed_and_learned_again() {
        let mut calibration = Calibration::new();
        calibration.observe(at(0));
        calibration.observe(at(2_000_000));
        let stopped = Reading { ticks: at(3_000_000).ticks, nanos: 60_000_000_000 };
        assert_eq!(calibration.observe(stopped), Verdict::Jumped);
        let after = Reading { ticks: stopped.ticks + 5_200_000, nanos: stopped.nanos + 2_000_000 };
        assert!(matches!(calibration.observe(after), Verdict::Factor(_)));
    }

    #[test]
    fn an_interrupted_reading_is_not_a_jump() {
        let mut calibration = Calibration::new();
        calibration.observe(at(0));
        calibration.observe(at(2_000_000));
        let late = Reading { ticks: at(1_000_000_000).ticks + 260_000, nanos: 1_000_000_000 };
        assert!(matches!(calibration.observe(late), Verdict::Factor(_)));
    }

    #[test]
    fn a_counter_that_keeps_jumping_is_given_up() {
        let mut calibration = Calibration::new();
        calibration.observe(at(0));
        let verdicts: Vec<_> = (1..40_u64)
            .map(|step| {
                let jumped = if step % 2 == 0 { 1_000_000_000 } else { 0 };
                calibration.observe(Reading { ticks: step * 26_000_000 + jumped, nanos: step * 10_000_000 })
            })
            .collect();
        assert!(verdicts.contains(&Verdict::GiveUp));
    }

    #[test]
    fn a_counter_that_stands_still_has_no_rate() {
        let mut calibration = Calibration::new();
        calibration.observe(Reading { ticks: 5, nanos: 0 });
        assert_eq!(calibration.observe(Reading { ticks: 5, nanos: 5_000_000 }), Verdict::Jumped);
    }
}
