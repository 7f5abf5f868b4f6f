//! The filters of Prometheus that make numbers readable, as its templates have them.

use minijinja::{Environment, Error, ErrorKind, Value};

use super::seed;
use crate::{promql::value::general, util::time::rfc3339};

/// Makes the filters known.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("humanize", |value: Value| number(&value).map(humanize));
    environment.add_filter("humanize1024", |value: Value| number(&value).map(humanize1024));
    environment.add_filter("humanizeDuration", |value: Value| number(&value).map(duration));
    environment.add_filter("humanizePercentage", |value: Value| {
        number(&value).map(|value| format!("{}%", digits(value * 100.0)))
    });
    environment.add_filter("humanizeTimestamp", |value: Value| number(&value).map(timestamp));
    environment.add_filter("printf", printf);
}

/// The number that a value is, or is the text of.
fn number(value: &Value) -> Result<f64, Error> {
    let parsed = value.as_str().map(|text| text.parse::<f64>().ok());
    let number = parsed.unwrap_or_else(|| f64::try_from(value.clone()).ok());
    number.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{value} is not a number")))
}

/// With a prefix of the International System.
fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return digits(value);
    }
    let scaled = |value: f64, prefix: &str| format!("{}{prefix}", digits(value));
    let mut value = value;
    if value.abs() >= 1.0 {
        let mut prefix = "";
        for larger in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if value.abs() < 1000.0 {
                break;
            }
            prefix = larger;
            value /= 1000.0;
        }
        return scaled(value, prefix);
    }
    let mut prefix = "";
    for smaller in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = smaller;
        value *= 1000.0;
    }
    scaled(value, prefix)
}

/// With a prefix of powers of 1024.
fn humanize1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return digits(value);
    }
    let (mut value, mut prefix) = (value, "");
    for larger in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if value.abs() < 1024.0 {
            break;
        }
        prefix = larger;
        value /= 1024.0;
    }
    format!("{}{prefix}", digits(value))
}

/// Seconds as days, hours, minutes and seconds; below one with a prefix.
fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return digits(seconds);
    }
    if seconds == 0.0 {
        return String::from("0s");
    }
    if seconds.abs() < 1.0 {
        return format!("{}s", humanize_small(seconds));
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = seconds.abs() as i64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    let rest = whole % 60;
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {rest}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {rest}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {rest}s")
    } else {
        format!("{sign}{}s", digits(seconds.abs()))
    }
}

fn humanize_small(value: f64) -> String {
    let (mut value, mut prefix) = (value, "");
    for smaller in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = smaller;
        value *= 1000.0;
    }
    format!("{}{prefix}", digits(value))
}

/// Seconds since 1970 as an instant.
fn timestamp(seconds: f64) -> String {
    if !seconds.is_finite() || seconds.abs() > 1e12 {
        return digits(seconds);
    }
    let text = rfc3339((seconds * 1e6).round() as i64);
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap_or((&text, ""));
    let time = time.trim_end_matches('0').trim_end_matches('.');
    format!("{date} {time} +0000 UTC")
}

/// Go's `%.4g`.
fn digits(value: f64) -> String {
    if value.is_finite() { seed::format_value(Value::from(value), ".4g").unwrap_or_default() } else { general(value) }
}

/// Go's `printf` with one value: a text with one of `%f`, `%.2f`, `%e`, `%g`, `%d`, `%s`, `%v`, and `%%`.
#[allow(clippy::needless_pass_by_value, reason = "what the templates give to filters")]
fn printf(value: Value, format: &str) -> Result<String, Error> {
    let (mut out, mut rest, mut is_used) = (String::new(), format, false);
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_alphabetic());
        let (Some(end), false) = (end, is_used) else {
            return Err(Error::new(ErrorKind::InvalidOperation, format!("`{format}` is no format for one value")));
        };
        is_used = true;
        let verb = &rest[..=end];
        out.push_str(&match verb {
            "v" | "s" if value.is_number() => general(number(&value)?),
            "v" | "s" => value.to_string(),
            _ => seed::format_value(Value::from(number(&value)?), verb)?,
        });
        rest = &rest[end + 1..];
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taken from what Prometheus documents and tests.
    #[test]
    fn numbers_read_as_prometheus_writes_them() {
        for (value, wanted) in
            [(0.0, "0"), (1.0, "1"), (1_234_567.0, "1.235M"), (0.12, "120m"), (-1e9, "-1G"), (f64::INFINITY, "+Inf")]
        {
            assert_eq!(humanize(value), wanted);
        }
        for (value, wanted) in [(0.0, "0"), (1.0, "1"), (1_048_576.0, "1Mi"), (0.12, "0.12")] {
            assert_eq!(humanize1024(value), wanted);
        }
        for (value, wanted) in [
            (0.0, "0s"),
            (1.0, "1s"),
            (60.0, "1m 0s"),
            (3_600.0, "1h 0m 0s"),
            (86_400.0, "1d 0h 0m 0s"),
            (-86_400.0, "-1d 0h 0m 0s"),
            (1_234_567.0, "14d 6h 56m 7s"),
            (0.0001, "100us"),
            (12.3456, "12.35s"),
        ] {
            assert_eq!(duration(value), wanted);
        }
        assert_eq!(timestamp(1_435_065_584.128), "2015-06-23 13:19:44.128 +0000 UTC");
    }

    #[test]
    fn one_value_is_printed_as_go_prints_it() {
        let print = |format| printf(Value::from(0.256), format).unwrap();
        assert_eq!(
            [print("%.1f%%"), print("at %v"), print("%s"), print("%5.2f|")],
            ["0.3%", "at 0.256", "0.256", " 0.26|"]
        );
        assert!(printf(Value::from(1.0), "%d and %d").is_err() && printf(Value::from(1.0), "%").is_err());
    }
}
