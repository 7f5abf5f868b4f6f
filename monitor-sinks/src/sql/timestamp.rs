//! Instants as text: `2026-11-28 10:23:07.000250`, UTC.
//!
//! The form has a fixed width, so that texts compare as instants do, within the years 0 to 9999; what lies outside is
//! shown as the nearest end. SQLite's own `datetime('now')` is a prefix of it, so both compare as they should.
//!
//! A comparison with any text, well-formed or not, is turned into one of instants by looking for the border among the
//! texts themselves. So it means exactly what SQLite makes of it, and no form of text needs to be understood.

/// The first microsecond of the year 0.
const FIRST: i64 = -62_167_219_200_000_000;
/// The last microsecond of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;

/// The text of an instant in microseconds since 1970.
pub(super) fn text(ts: i64) -> String {
    let ts = ts.clamp(FIRST, LAST);
    let (seconds, micros) = (ts.div_euclid(1_000_000), ts.rem_euclid(1_000_000));
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}")
}

/// The last instant whose text is at or before `bound`: `i64::MIN` if there is none, `i64::MAX` if that holds for all.
pub(super) fn last_until(bound: &str) -> i64 {
    last_where(|text| text <= bound)
}

/// The last instant whose text is before `bound`, as [`last_until`].
pub(super) fn last_before(bound: &str) -> i64 {
    last_where(|text| text < bound)
}

/// The last instant that `keeps`, which is true for all up to it.
fn last_where(keeps: impl Fn(&str) -> bool) -> i64 {
    let (mut kept, mut limit) = (FIRST - 1, LAST + 1);
    while limit - kept > 1 {
        let middle = kept + (limit - kept) / 2;
        if keeps(&text(middle)) {
            kept = middle;
        } else {
            limit = middle;
        }
    }
    match kept {
        LAST => i64::MAX,
        kept if kept < FIRST => i64::MIN,
        kept => kept,
    }
}

/// Year, month and day of a day counted from 1970, by the Gregorian calendar.
///
/// Years are taken to begin in March, so that the leap day is their last one (Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `civil_from_days`).
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::random::Random;

    #[test]
    fn instants_are_written_as_sqlite_writes_them() {
        let connection = Connection::open_in_memory().unwrap();
        let mut random = Random(7);
        let ends = [FIRST, LAST, 0, -1, 951_782_400_000_000, 1_709_164_800_000_000, 4_107_542_399_999_999];
        let any = (0..2_000).map(|_| FIRST + (random.next() % (LAST - FIRST).unsigned_abs()).cast_signed());
        for ts in ends.into_iter().chain(any) {
            let seconds: String = connection
                .query_row("SELECT strftime('%Y-%m-%d %H:%M:%S', ?1, 'unixepoch')", [ts.div_euclid(1_000_000)], |row| {
                    row.get(0)
                })
                .unwrap();
            assert_eq!(text(ts), format!("{seconds}.{:06}", ts.rem_euclid(1_000_000)));
        }
        assert_eq!((text(i64::MIN), text(i64::MAX)), (text(FIRST), text(LAST)));
    }

    #[test]
    fn borders_are_those_of_the_texts() {
        let ts = 1_700_000_000_000_250;
        for bound in [text(ts).as_str(), "2023-11-14 22:13:20", "2023-11-14T22", "2023", "2023-11-14 22:13:20.0002501"]
        {
            let (until, before) = (last_until(bound), last_before(bound));
            assert!(text(until).as_str() <= bound && text(until + 1).as_str() > bound, "{bound}");
            assert!(text(before).as_str() < bound && text(before + 1).as_str() >= bound, "{bound}");
        }
        assert_eq!((last_until(&text(ts)), last_before(&text(ts))), (ts, ts - 1));
    }

    #[test]
    fn texts_of_no_sense_are_before_or_after_everything() {
        assert_eq!((last_until(""), last_before("")), (i64::MIN, i64::MIN));
        assert_eq!((last_until("yesterday"), last_before("~")), (i64::MAX, i64::MAX));
    }
}
