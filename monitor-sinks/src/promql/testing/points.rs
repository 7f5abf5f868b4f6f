//! Series and their points, as scripts write them.
//!
//! A point is a number, `stale`, a histogram in double braces, or `_` for none. `1x3` is a point and three repetitions,
//! `1+2x3` a point and three more, each 2 above the one before.

use crate::promql::{
    histogram::{CUSTOM, Histogram, Reset},
    labels::{Labels, NAME},
    matcher::MatchOp,
    syntax::parse_matchers,
    value::{Value, stale},
};

/// A point that is there, or a gap.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) value: Option<Value>,
    /// Whether what is known of a reset was written, so that it must be as written.
    pub(super) has_reset: bool,
}

/// More points than this are not meant.
const MOST: usize = 1_000_000;

/// Reads `name{label="value"} points`.
pub(super) fn parse_series(line: &str) -> Result<(Labels, Vec<Written>), String> {
    let end = end_of_metric(line);
    let labels = parse_labels(&line[..end])?;
    let mut points = Vec::new();
    for item in items(&line[end..])?.into_iter().take_while(|item| !item.starts_with('#')) {
        points.extend(parse_item(item).map_err(|message| format!("{item}: {message}"))?);
        if points.len() > MOST {
            return Err(format!("more than {MOST} points"));
        }
    }
    Ok((labels, points))
}

/// Reads `name{label="value"}`; either part may be missing.
pub(super) fn parse_labels(text: &str) -> Result<Labels, String> {
    let (name, braces) = text.split_at(text.find('{').unwrap_or(text.len()));
    let mut pairs = Vec::new();
    if !name.is_empty() {
        pairs.push((NAME.to_owned(), name.trim().to_owned()));
    }
    if !braces.is_empty() {
        for matcher in parse_matchers(braces).map_err(|error| error.to_string())? {
            if matcher.op != MatchOp::Equal {
                return Err(format!("{text} is not a series; write its labels with ="));
            }
            pairs.push((matcher.label, matcher.value));
        }
    }
    Ok(Labels::new(pairs))
}

/// Where the points begin.
fn end_of_metric(line: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    let mut depth = 0;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            (None, c) if c.is_whitespace() && depth == 0 && !line[at..].trim_start().starts_with('{') => return at,
            (None, c) if c.is_whitespace() && depth == 0 && line[at..].trim_start().starts_with("{{") => return at,
            _ => {}
        }
    }
    line.len()
}

/// Splits points at spaces that are not inside of braces.
fn items(text: &str) -> Result<Vec<&str>, String> {
    let (mut items, mut start, mut depth) = (Vec::new(), None, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match (start, c.is_whitespace() && depth == 0) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                items.push(&text[from..at]);
                start = None;
            }
            _ => {}
        }
    }
    items.extend(start.map(|from| &text[from..]));
    if depth == 0 { Ok(items) } else { Err(String::from("braces are not closed")) }
}

fn parse_item(item: &str) -> Result<Vec<Written>, String> {
    if item.starts_with("{{") {
        return histogram_item(item);
    }
    let (text, times) = split_times(item)?;
    let repeated = |value: Option<f64>, times: usize| {
        let value = value.map(Value::Float);
        Ok(vec![Written { value, has_reset: false }; times])
    };
    match text {
        "_" => repeated(None, times.unwrap_or(1)),
        "stale" => repeated(Some(stale()), times.map_or(1, |times| times + 1)),
        _ => {
            let end = number_end(text);
            let first = parse_number(&text[..end])?;
            let step = if end == text.len() { 0.0 } else { parse_number(&text[end..])? };
            if end < text.len() && times.is_none() {
                return Err(String::from("a step needs a number of repetitions, such as x5"));
            }
            let mut value = first;
            let mut points = Vec::new();
            for _ in 0..=times.unwrap_or(0) {
                points.push(Written { value: Some(Value::Float(value)), has_reset: false });
                value += step;
            }
            Ok(points)
        }
    }
}

/// The text before `xN`, and the number.
fn split_times(item: &str) -> Result<(&str, Option<usize>), String> {
    let Some((text, times)) = item.rsplit_once('x') else { return Ok((item, None)) };
    let times: usize = times.parse().map_err(|_| format!("{times:?} is no number of repetitions"))?;
    if times > MOST { Err(format!("more than {MOST} repetitions")) } else { Ok((text, Some(times))) }
}

/// Where the first number of `1e-5+2` ends.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_sign = |byte: u8| byte == b'+' || byte == b'-';
    let follows_exponent = |at: usize| {
        matches!(bytes[at - 1], b'e' | b'E')
            && bytes[at - 2..at - 1].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    };
    (1..bytes.len()).find(|&at| is_sign(bytes[at]) && !(at >= 2 && follows_exponent(at))).unwrap_or(bytes.len())
}

/// A number with a sign, as the language of questions knows it.
pub(super) fn parse_number(text: &str) -> Result<f64, String> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || ["inf", "nan"].iter().any(|word| digits.eq_ignore_ascii_case(word));
    let value: Option<f64> = if is_number { digits.parse().ok() } else { None };
    value.map(|value| sign * value).ok_or_else(|| format!("{text:?} is not a number"))
}

fn histogram_item(item: &str) -> Result<Vec<Written>, String> {
    let close = item.find("}}").ok_or("a histogram ends with }}")? + 2;
    let (first, has_reset) = parse_histogram(&item[..close])?;
    let rest = &item[close..];
    let written = |histogram: &Histogram| Written { value: Some(histogram.clone().into()), has_reset };
    if rest.is_empty() {
        return Ok(vec![written(&first)]);
    }
    let (step, times) = rest.rsplit_once('x').ok_or("after a histogram comes xN, or a step and xN")?;
    let times: usize = times.parse().map_err(|_| format!("{times:?} is no number of repetitions"))?;
    let mut points = vec![written(&first)];
    let mut histogram = first;
    for _ in 0..times.min(MOST) {
        if let Some((sign, step)) = step.split_at_checked(1) {
            let (step, _) = parse_histogram(step)?;
            let sum = if sign == "-" { histogram.subtract(&step) } else { histogram.add(&step) };
            sum.map_err(|_| "the step has other bounds than the histogram")?;
        }
        points.push(written(&histogram));
    }
    Ok(points)
}

/// Reads `{{schema:0 sum:1 count:2 buckets:[1 1]}}`; says whether what is known of a reset is in it.
fn parse_histogram(text: &str) -> Result<(Histogram, bool), String> {
    let inner =
        text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).ok_or("a histogram stands in {{ }}")?;
    let mut histogram = Histogram::empty();
    let (mut buckets, mut negative, mut offset, mut negative_offset) = (Vec::new(), Vec::new(), 0, 0);
    let mut has_reset = false;
    for (key, value) in fields(inner)? {
        let number = || parse_number(value);
        match key {
            "schema" => histogram.schema = value.parse().map_err(|_| format!("schema {value:?} is not a number"))?,
            "sum" => histogram.sum = number()?,
            "count" => histogram.count = number()?,
            "z_bucket" => histogram.zero_count = number()?,
            "z_bucket_w" => histogram.zero_threshold = number()?,
            "buckets" => buckets = list(value)?,
            "n_buckets" => negative = list(value)?,
            "custom_values" => histogram.bounds = list(value)?.into(),
            "offset" => offset = value.parse().map_err(|_| format!("offset {value:?} is not a number"))?,
            "n_offset" => negative_offset = value.parse().map_err(|_| format!("offset {value:?} is not a number"))?,
            "counter_reset_hint" => {
                has_reset = true;
                histogram.reset = parse_reset(value)?;
            }
            _ => return Err(format!("a histogram has no {key:?}")),
        }
    }
    if !(-4..=8).contains(&histogram.schema) && histogram.schema != CUSTOM {
        return Err(format!("schema {} is not known; it is -4 to 8 or {CUSTOM}", histogram.schema));
    }
    let indexed = |counts: Vec<f64>, offset: i32| (offset..).zip(counts).collect::<Vec<_>>();
    Ok((histogram.positive(indexed(buckets, offset)).negative(indexed(negative, negative_offset)), has_reset))
}

/// `key:value` and `key:[a b]`, apart.
fn fields(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut fields = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').ok_or_else(|| format!("{rest:?} is not key:value"))?;
        let end = if after.starts_with('[') {
            after.find(']').ok_or("a list of buckets ends with ]")? + 1
        } else {
            after.find(char::is_whitespace).unwrap_or(after.len())
        };
        fields.push((key.trim(), &after[..end]));
        rest = after[end..].trim_start();
    }
    Ok(fields)
}

fn list(text: &str) -> Result<Vec<f64>, String> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or("a list stands in [ ]")?;
    inner.split_whitespace().map(parse_number).collect()
}

fn parse_reset(text: &str) -> Result<Reset, String> {
    match text {
        "unknown" => Ok(Reset::Unknown),
        "reset" => Ok(Reset::Reset),
        "not_reset" => Ok(Reset::NotReset),
        "gauge" => Ok(Reset::Gauge),
        _ => Err(format!("{text:?} is not known of a reset; write unknown, reset, not_reset or gauge")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(line: &str) -> Vec<Option<f64>> {
        let (_, points) = parse_series(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        points.into_iter().map(|point| point.value.and_then(|value| value.as_float())).collect()
    }

    #[test]
    fn points_unfold() {
        assert_eq!(
            floats("m 1 2x2 _ _x2 0-1.5x2"),
            [1.0, 2.0, 2.0, 2.0]
                .map(Some)
                .into_iter()
                .chain([None; 3])
                .chain([0.0, -1.5, -3.0].map(Some))
                .collect::<Vec<_>>()
        );
        assert_eq!(floats("m 1e-3+1e+2x1 -Inf"), [Some(0.001), Some(100.001), Some(f64::NEG_INFINITY)]);
        assert_eq!(
            parse_series("m{a=\"b c\", \"d.e\"=\"}\"} 1").unwrap().0.to_string(),
            r#"{__name__="m", a="b c", "d.e"="}"}"#
        );
        for line in ["m 1+1", "m 1x", "m {{", "m 1xx1", "m{a=~\"b\"} 1", "m {{foo:1}}", "m 1x99999999999999999999"] {
            assert!(parse_series(line).is_err(), "{line}");
        }
    }

    #[test]
    fn histograms_unfold() {
        let (_, points) = parse_series("m {{schema:1 sum:2 count:3 buckets:[1 2] offset:-1}}+{{count:1}}x1").unwrap();
        assert_eq!(points.len(), 2);
        let last = points[1].value.clone().unwrap();
        assert_eq!(last.as_histogram().unwrap().count, 4.0);
    }
}
