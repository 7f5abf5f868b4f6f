//! Spans of time as people write them: `500ms`, `10s`, `5m`, `1h`, `7d`.

use std::time::Duration;

/// Reads a whole number with a unit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(String::from("write a whole number and a unit, ms, s, m, h or d, such as 10s")),
    };
    let number: u64 = number.parse().map_err(|_| String::from("write a number before the unit, such as 10s"))?;
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(|| String::from("that is too long"))
}

/// Reads how long to look back.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err(String::from("nothing happens in no time; write a longer one, such as 10s")),
        span => Ok(span),
    }
}

/// A span as it can be given as an argument, to the millisecond if it is not of whole seconds.
pub(crate) fn shown(span: Duration) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let milliseconds = span.as_millis();
    let unit = units.into_iter().find(|(unit, _)| milliseconds >= *unit && milliseconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{milliseconds}ms"), |(unit, name)| format!("{}{name}", milliseconds / unit))
}

/// A span that need not be exact, rounded down: `3d`, `5h`.
pub(crate) fn about(span: Duration) -> String {
    let units = [86_400, 3_600, 60, 1];
    let seconds = span.as_secs();
    let unit = units.into_iter().find(|unit| seconds >= 2 * unit).unwrap_or(1);
    shown(Duration::from_secs(seconds / unit * unit))
}

/// Reads how often to sample.
pub(crate) fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse(text)?;
    let is_possible = (Duration::from_millis(100)..=Duration::from_hours(1)).contains(&interval);
    if is_possible { Ok(interval) } else { Err(String::from("choose 100ms to 1h, such as 10s")) }
}

/// Reads how often to draw anew.
pub(crate) fn parse_refresh(text: &str) -> Result<Duration, String> {
    let interval = parse(text)?;
    let is_possible = (Duration::from_millis(250)..=Duration::from_hours(1)).contains(&interval);
    if is_possible { Ok(interval) } else { Err(String::from("choose 250ms to 1h, such as 2s")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_read() {
        for (text, wanted) in [
            ("500ms", Duration::from_millis(500)),
            ("10s", Duration::from_secs(10)),
            ("5m", Duration::from_mins(5)),
            ("5min", Duration::from_mins(5)),
            ("1h", Duration::from_hours(1)),
            ("10d", Duration::from_hours(240)),
            ("0s", Duration::ZERO),
        ] {
            assert_eq!(parse(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn spans_are_shown_as_they_are_given_or_about_so() {
        let shown = [500, 90_000, 60_000, 7_200_000, 172_800_000, 1_500].map(|ms| shown(Duration::from_millis(ms)));
        assert_eq!(shown, ["500ms", "90s", "1m", "2h", "2d", "1500ms"]);
        let about = [119, 181, 7_199, 7_201, 200_000, 94_909_932].map(|seconds| about(Duration::from_secs(seconds)));
        assert_eq!(about, ["119s", "3m", "119m", "2h", "2d", "1098d"]);
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "10w", "99999999999999999999s", "٣s"] {
            assert!(parse(text).unwrap_err().contains("10s"), "{text}");
        }
        assert!(parse("9999999999999999h").is_err());
        for text in ["0s", "99ms", "2h"] {
            assert!(parse_interval(text).unwrap_err().contains("100ms to 1h"), "{text}");
        }
        assert!(parse_span("0s").unwrap_err().contains("such as 10s"));
        assert!(parse_refresh("249ms").unwrap_err().contains("250ms to 1h"));
    }
}
