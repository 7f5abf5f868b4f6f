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

/// An instant in microseconds as RFC 3339 writes it in UTC, with six decimals.
pub(crate) fn rfc3339(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// Year, month and day of a day since 1970 in the Gregorian calendar (Howard Hinnant's `civil_from_days`).
const fn date(days: i64) -> (i64, i64, i64) {
    // Years that begin in March put the leap day at their end, in eras of 400 years.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + later, month, day)
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
    fn instants_are_written_by_the_calendar() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_827_696_000_789, "2000-02-29T12:34:56.000789Z"),
            (1_709_251_199_000_000, "2024-02-29T23:59:59.000000Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(rfc3339(micros), text);
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
