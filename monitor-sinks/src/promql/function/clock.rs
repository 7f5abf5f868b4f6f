//! Dates of the Gregorian calendar in UTC.

/// The parts of an instant, as numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub(crate) year: f64,
    pub(crate) month: f64,
    pub(crate) day: f64,
    /// 0 is Sunday.
    pub(crate) day_of_week: f64,
    /// 1 is the first of January.
    pub(crate) day_of_year: f64,
    pub(crate) days_in_month: f64,
    pub(crate) hour: f64,
    pub(crate) minute: f64,
}

const DAY: i64 = 86_400;
/// The Gregorian calendar repeats after as many days.
const ERA: i64 = 146_097;

impl Moment {
    /// The instant `seconds` after the beginning of 1970; fractions are cut off.
    ///
    /// What is not a number, or beyond the calendar of Prometheus, is the last instant of that calendar.
    pub(crate) fn at(seconds: f64) -> Self {
        let is_known = seconds.abs() < i64::MAX as f64;
        let seconds = if is_known { seconds as i64 } else { i64::MAX };
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = date(days);
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        Self {
            year: year as f64,
            month: month as f64,
            day: day as f64,
            day_of_week: (days + 4).rem_euclid(7) as f64,
            day_of_year: (days - days_to(year, 1, 1) + 1) as f64,
            days_in_month: (days_to(next_year, next_month, 1) - days_to(year, month, 1)) as f64,
            hour: (second / 3600) as f64,
            minute: (second / 60 % 60) as f64,
        }
    }
}

/// An instant in seconds since 1970, as `2006-01-02T15:04:05Z`.
pub(crate) fn written_moment(seconds: i64) -> String {
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day counted from 1970. Years begin with March here, so that a leap day ends one.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day, counted from 1970, of a date.
pub(crate) fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_before_1970() {
        for (seconds, year, month, day, of_week, of_year, in_month) in [
            (0.0, 1970, 1, 1, 4, 1, 31),
            (951_782_400.0, 2000, 2, 29, 2, 60, 29),
            (1_709_251_199.0, 2024, 2, 29, 4, 60, 29),
            (4_107_542_400.0, 2100, 3, 1, 1, 60, 31),
            (-86_400.0, 1969, 12, 31, 3, 365, 31),
        ] {
            let moment = Moment::at(seconds);
            assert_eq!((moment.year, moment.month, moment.day), (f64::from(year), f64::from(month), f64::from(day)));
            assert_eq!((moment.day_of_week, moment.day_of_year), (f64::from(of_week), f64::from(of_year)));
            assert_eq!(moment.days_in_month, f64::from(in_month));
        }
        assert_eq!((Moment::at(-1.0).hour, Moment::at(-61.0).minute), (23.0, 58.0));
    }

    #[test]
    fn a_moment_is_written_in_order_of_its_parts() {
        assert_eq!(written_moment(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(written_moment(-1), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn any_number_is_a_moment() {
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
            assert_eq!(Moment::at(seconds).year, 292_277_026_596.0);
        }
    }
}
