//! What was asked: the parameters of a request, from its address and from a form in its body.
//!
//! A parameter may come several times; where one value is wanted the first counts, as in Prometheus, and those of the
//! body come first.

use std::time::Duration;

use super::answer::Failure;
use crate::promql::{self, Matcher, function::days_to, syntax::parse_duration};

/// Parameters by name, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

/// A stretch of time, both ends included, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
}

/// The farthest instant from 1970, 140,000 years; with farther ones clients mean "any time". It is exact in microseconds.
const FARTHEST: i64 = 1 << 52;

impl Parameters {
    pub(super) fn new(body: &[u8], query: &str) -> Self {
        let pairs = form_urlencoded::parse(body).chain(form_urlencoded::parse(query.as_bytes()));
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a parameter, if it is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// Every value of a parameter.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// An instant, in milliseconds since 1970.
    pub(super) fn instant(&self, name: &str) -> Result<Option<i64>, Failure> {
        let read = |text| instant(text).ok_or_else(|| cannot_parse(name, text, "timestamp"));
        self.text(name).map(read).transpose()
    }

    /// An instant that must be there.
    pub(super) fn required_instant(&self, name: &str) -> Result<i64, Failure> {
        self.instant(name)?.ok_or_else(|| cannot_parse(name, "", "timestamp"))
    }

    /// A length, in milliseconds.
    pub(super) fn length(&self, name: &str) -> Result<Option<i64>, Failure> {
        let read = |text| length(text).ok_or_else(|| cannot_parse(name, text, "duration"));
        self.text(name).map(read).transpose()
    }

    /// A length that must be there.
    pub(super) fn required_length(&self, name: &str) -> Result<i64, Failure> {
        self.length(name)?.ok_or_else(|| cannot_parse(name, "", "duration"))
    }

    /// The time that a client gives, and no more than `most`.
    pub(super) fn time_limit(&self, most: Duration) -> Result<Duration, Failure> {
        let wanted = self.length("timeout")?.and_then(|millis| u64::try_from(millis).ok());
        Ok(wanted.map_or(most, |millis| Duration::from_millis(millis).min(most)))
    }

    /// How many items of an answer are wanted; 0 and nothing stand for all.
    pub(super) fn limit(&self, name: &str) -> Result<usize, Failure> {
        match self.text(name).map(str::parse) {
            None | Some(Ok(0)) => Ok(usize::MAX),
            Some(Ok(limit)) => Ok(limit),
            Some(Err(_)) => Err(Failure::parameter(name, "limit must be a whole number, 0 for none")),
        }
    }

    /// `start` and `end`; what is not given is as far away as can be.
    pub(super) fn window(&self) -> Result<Window, Failure> {
        let start = self.instant("start")?.unwrap_or(-FARTHEST);
        let end = self.instant("end")?.unwrap_or(FARTHEST);
        if end < start {
            return Err(Failure::parameter("end", "end timestamp must not be before start timestamp"));
        }
        Ok(Window { start, end })
    }

    /// Every `match[]`, as conditions.
    pub(super) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, Failure> {
        let read = |text: &str| promql::selector(text).map_err(|error| Failure::parameter("match[]", error));
        self.all("match[]").map(read).collect()
    }
}

fn cannot_parse(name: &str, text: &str, what: &str) -> Failure {
    Failure::parameter(name, format_args!("cannot parse {text:?} to a valid {what}"))
}

/// Seconds since 1970 or RFC 3339, as milliseconds.
fn instant(text: &str) -> Option<i64> {
    let millis = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => (seconds * 1000.0).round() as i64,
        Ok(_) => return None,
        Err(_) => rfc3339(text)?,
    };
    Some(millis.clamp(-FARTHEST, FARTHEST))
}

/// Seconds, or a duration such as `1h30m`, as milliseconds.
fn length(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.abs() < FARTHEST as f64 => Some((seconds * 1000.0).round() as i64),
        Ok(_) => None,
        Err(_) => parse_duration(text),
    }
}

/// `2015-07-01T20:10:51.781+02:00` as milliseconds since 1970.
fn rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let (time, offset) = without_offset(time)?;
    // Far years have a sign and more than four digits.
    let (sign, date) = match date.strip_prefix(['+', '-']) {
        Some(rest) => (if date.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, date),
    };
    let [year, month, day] = parts(date, '-')?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = parts(whole, ':')?;
    let is_day = year < 1 << 32 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_day || hour > 23 || minute > 59 || second > 60 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let minutes = (days_to(sign * year, month, day) * 24 + hour) * 60 + minute - offset;
    Some((minutes * 60 + second).saturating_mul(1000).saturating_add(thousandths))
}

/// A time of day without the offset from UTC at its end, and that in minutes.
fn without_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let [hours, minutes] = parts(&time[at + 1..], ':')?;
    let sign = if time[at..].starts_with('-') { -1 } else { 1 };
    (hours < 24 && minutes < 60).then_some((&time[..at], sign * (hours * 60 + minutes)))
}

/// Exactly `N` whole numbers between separators, none of them negative.
fn parts<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
    text.split(separator).map(number).collect::<Option<Vec<i64>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_seconds_or_rfc_3339() {
        for (text, wanted) in [
            ("1435781451.781", Some(1_435_781_451_781)),
            ("-1.5", Some(-1500)),
            ("2015-07-01T20:10:51.781Z", Some(1_435_781_451_781)),
            ("2015-07-01T22:10:51.781999+02:00", Some(1_435_781_451_781)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("-292273086-05-16T16:47:06Z", Some(-9_223_309_901_257_974_000)),
            ("yesterday", None),
            ("2015-07-01", None),
            ("2015-13-01T00:00:00Z", None),
            ("2015-07-01T00:00:00", None),
            ("2015-07-01T00:00:00.é0Z", None),
            ("NaN", None),
            ("+Inf", None),
            ("", None),
        ] {
            let wanted = wanted.map(|millis: i64| millis.clamp(-FARTHEST, FARTHEST));
            assert_eq!(instant(text), wanted, "{text}");
        }
    }

    #[test]
    fn lengths_are_seconds_or_units() {
        for (text, wanted) in
            [("15", Some(15_000)), ("0.5", Some(500)), ("1h30m", Some(5_400_000)), ("5x", None), ("NaN", None)]
        {
            assert_eq!(length(text), wanted, "{text}");
        }
    }

    #[test]
    fn the_body_comes_before_the_address() {
        let parameters = Parameters::new(b"query=a%2Bb+c&match[]=x", "query=other&match%5B%5D=y&empty=");
        assert_eq!(parameters.text("query"), Some("a+b c"));
        assert_eq!(parameters.all("match[]").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(parameters.text("empty"), None);
    }

    #[test]
    fn a_selector_must_select_something() {
        let selectors = |text: &str| Parameters::new(format!("match[]={text}").as_bytes(), "").selectors();
        assert!(selectors("up%7Ba=\"\"%7D").is_ok());
        for wrong in ["", "%7B%7D", "%7Ba=~\".*\"%7D", "rate(a[5m])", "a[5m]", "a offset 5m", "a @ 3", "1", "("] {
            assert!(selectors(wrong).is_err(), "{wrong}");
        }
    }
}
