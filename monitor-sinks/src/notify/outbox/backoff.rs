//! When a failed attempt is made again: twice as late each time, at a random instant until then.
//!
//! The whole wait is random ("full jitter"), so that many programs whose server comes back do not all call it at once.

/// The longest wait in the first quarter of an hour, in which most failures end, and after it.
const EARLY_CAP_MS: i64 = 30_000;
const LATE_CAP_MS: i64 = 300_000;
const EARLY_MS: i64 = 900_000;

const FIRST_MS: i64 = 1_000;

/// How long to wait after so many failures in a row, the first of which was `since_ms` ago.
pub(super) fn wait_ms(failures: u32, for_ms: i64, jitter: &mut Jitter) -> i64 {
    let cap = if for_ms < EARLY_MS { EARLY_CAP_MS } else { LATE_CAP_MS };
    let step = FIRST_MS.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(cap);
    jitter.up_to(step)
}

/// Random waits. Two programs that start at once should not have the same seed; nothing else depends on it.
#[derive(Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// Numbers that follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number from 1 to `most`.
    fn up_to(&mut self, most: i64) -> i64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1).unsigned_abs()).cast_signed() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_cap_and_use_their_whole_range() {
        let mut jitter = Jitter::new(7);
        for (failures, for_ms, most) in
            [(1, 0, 1_000), (2, 0, 2_000), (5, 0, 16_000), (6, 0, 30_000), (90, 0, 30_000), (90, EARLY_MS, 300_000)]
        {
            let waits: Vec<i64> = (0..2_000).map(|_| wait_ms(failures, for_ms, &mut jitter)).collect();
            assert!(waits.iter().all(|wait| (1..=most).contains(wait)));
            assert!(waits.iter().any(|wait| *wait < most / 10) && waits.iter().any(|wait| *wait > most * 9 / 10));
        }
    }
}
