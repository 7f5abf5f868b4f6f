//! Wall-clock instants as the store writes them: whole milliseconds since 1970 in UTC, negative before.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `time` in milliseconds, rounded down and kept in range.
pub(crate) fn to_millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => duration_millis(since),
        Err(before) => {
            let before = before.duration();
            let partial = i64::from(before.subsec_nanos() % 1_000_000 != 0);
            duration_millis(before).saturating_neg().saturating_sub(partial)
        }
    }
}

/// The inverse of [`to_millis`]; what the platform's clock cannot express becomes 1970.
pub(crate) fn from_millis(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

/// Whole milliseconds of `duration`, kept in range.
pub(crate) fn duration_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_before_and_after_1970_come_back() {
        for millis in [0, 1, -1, 999, -1_000, 1_700_000_000_123] {
            assert_eq!(to_millis(from_millis(millis)), millis);
        }
    }

    #[test]
    fn fractions_are_rounded_towards_the_past() {
        assert_eq!(to_millis(UNIX_EPOCH + Duration::from_micros(1_999)), 1);
        assert_eq!(to_millis(UNIX_EPOCH - Duration::from_micros(1)), -1);
    }

    #[test]
    fn the_ends_of_the_range_do_not_panic() {
        from_millis(i64::MAX);
        from_millis(i64::MIN);
        assert_eq!(duration_millis(Duration::MAX), i64::MAX);
    }
}
