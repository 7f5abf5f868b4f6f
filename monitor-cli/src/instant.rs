//! Instants as people write them: RFC 3339, seconds since 1970, `now`, or a span before now; and as they are shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::duration;

const FORMS: &str = "write RFC 3339 such as 2026-11-28T10:00:00Z, seconds since 1970, or a span before now such as 2h";

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Reads an instant, as of the clock now.
pub(crate) fn parse(text: &str) -> Result<SystemTime, String> {
    parse_at(text, SystemTime::now())
}

fn parse_at(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && let Some(since) = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    {
        return UNIX_EPOCH.checked_add(since).ok_or_else(|| FORMS.to_owned());
    }
    if let Ok(span) = duration::parse(text.strip_suffix("ago").unwrap_or(text).trim_end()) {
        return now.checked_sub(span).ok_or_else(|| FORMS.to_owned());
    }
    rfc3339(text).ok_or_else(|| FORMS.to_owned())
}

/// An instant as RFC 3339 in UTC, to the second, so that it can be given back as an argument.
pub(crate) fn shown(time: SystemTime) -> String {
    let seconds = seconds(time).floor() as i64;
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// `2026-11-28`, `2026-11-28T10:00`, with seconds, a fraction and a zone if there is one; else it is UTC.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = (number(date.get(..4)?)?, number(date.get(5..7)?)?, number(date.get(8..)?)?);
    let has_dashes = date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    if !has_dashes || !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    let seconds = days(year, month, day) * DAY;
    if rest.is_empty() {
        return at(seconds, 0.0);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone);
    let (time, fraction) = match time.split_once('.') {
        Some((time, digits)) => (time, format!("0.{}", digits.chars().all(|c| c.is_ascii_digit()).then_some(digits)?)),
        None => (time, String::from("0")),
    };
    let mut parts = time.split(':');
    let hour = number(parts.next()?).filter(|hour| *hour < 24)?;
    let minute = number(parts.next()?).filter(|minute| *minute < 60)?;
    let second = parts.next().map_or(Some(0), number).filter(|second| *second < 60)?;
    if parts.next().is_some() {
        return None;
    }
    at(seconds + hour * 3_600 + minute * 60 + second - offset(zone)?, fraction.parse().ok()?)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, zone) = zone.split_at_checked(1)?;
    let (hours, minutes) = zone.split_once(':')?;
    let seconds = number(hours).filter(|hours| *hours < 24)? * 3_600 + number(minutes).filter(|it| *it < 60)? * 60;
    Some(if sign == "-" { -seconds } else { seconds })
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn at(seconds: i64, fraction: f64) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    time?.checked_add(Duration::try_from_secs_f64(fraction).ok()?)
}

/// Days from 1970 to a day of the Gregorian calendar (Howard Hinnant's `days_from_civil`).
const fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March put the leap day at their end, in eras of 400 years.
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day since 1970 (Howard Hinnant's `civil_from_days`).
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months count from March.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + days.div_euclid(146_097) * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(text: &str) -> f64 {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        seconds(parse_at(text, now).unwrap())
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for text in ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2000-02-29T12:34:56Z", "2024-12-31T23:59:59Z"] {
            assert_eq!(shown(parse(text).unwrap()), text);
        }
        let every_day = (-800_000..800_000).step_by(17);
        for day in every_day {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }

    #[test]
    fn every_form_is_read() {
        for (text, wanted) in [
            ("now", 1e9),
            ("0", 0.0),
            ("1700000000.25", 1_700_000_000.25),
            ("2h", 1e9 - 7_200.0),
            ("2h ago", 1e9 - 7_200.0),
            ("3d", 1e9 - 259_200.0),
            ("500ms ago", 1e9 - 0.5),
            ("1970-01-01", 0.0),
            ("1969-12-31T23:59:59Z", -1.0),
            ("2000-02-29T12:34:56.5Z", 951_827_696.5),
            ("2024-03-01 00:00", 1_709_251_200.0),
            ("2024-03-01T01:30:00+01:30", 1_709_251_200.0),
            ("2024-02-29t20:00:00-04:00", 1_709_251_200.0),
            ("2100-03-01", 4_107_542_400.0),
        ] {
            assert!((since(text) - wanted).abs() < 1e-6, "{text}: {}", since(text));
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_forms() {
        for text in [
            "",
            "soon",
            "-1",
            "1.2.3",
            "2h later",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-03-01T24:00",
            "2024-03-01T10",
            "2024-03-01T10:61",
            "2024-03-01T10:00:00+25:00",
            "2024-03-01X10:00",
            "2024/03/01",
            "99999999999999999999999",
            "2024-03-01T10:00:00.x",
            "über-zehn-zeichen",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("RFC 3339") && error.contains("2h"), "{text}");
        }
    }
}
