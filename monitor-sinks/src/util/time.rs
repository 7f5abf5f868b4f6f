//! Wall-clock instants as the store writes them: whole microseconds since 1970 in UTC, negative before.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `time` in microseconds, rounded down and kept in range.
pub(crate) fn to_micros(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => duration_micros(since),
        Err(before) => {
            let before = before.duration();
            let partial = i64::from(before.subsec_nanos() % 1_000 != 0);
            duration_micros(before).saturating_neg().saturating_sub(partial)
        }
    }
}

/// The inverse of [`to_micros`]; what the platform's clock cannot express becomes 1970.
pub(crate) fn from_micros(micros: i64) -> SystemTime {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

/// Whole microseconds of `duration`, kept in range.
pub(crate) fn duration_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_before_and_after_1970_come_back() {
        for micros in [0, 1, -1, 999, -1_000, 1_700_000_000_123_456] {
            assert_eq!(to_micros(from_micros(micros)), micros);
        }
    }

    #[test]
    fn fractions_are_rounded_towards_the_past() {
        assert_eq!(to_micros(UNIX_EPOCH + Duration::from_nanos(1_999)), 1);
        assert_eq!(to_micros(UNIX_EPOCH - Duration::from_nanos(1)), -1);
    }

    #[test]
    fn the_ends_of_the_range_do_not_panic() {
        from_micros(i64::MAX);
        from_micros(i64::MIN);
        assert_eq!(duration_micros(Duration::MAX), i64::MAX);
    }
}
