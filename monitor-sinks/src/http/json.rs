//! Values as JSON, in the spelling of Prometheus.
//!
//! Numbers are texts, because JSON knows neither infinities nor not-a-number; instants are seconds with at most three
//! decimals. The text is written at once: a tree of values would need several times the memory of the answer.

use std::fmt::Write as _;

use crate::promql::{Data, Element, Histogram, Labels, Line, Point, Value};

/// The data of an answer to a query: its type, and what it holds.
pub(super) fn data(out: &mut String, data: &Data) {
    let name = match data {
        Data::Scalar { .. } => "scalar",
        Data::Text { .. } => "string",
        Data::Vector(_) => "vector",
        Data::Matrix(_) => "matrix",
    };
    let _ = write!(out, r#"{{"resultType":"{name}","result":"#);
    match data {
        Data::Scalar { time, value } => pair(out, *time, |out| number(out, *value)),
        Data::Text { time, value } => pair(out, *time, |out| text(out, value)),
        Data::Vector(elements) => list(out, elements, element),
        Data::Matrix(lines) => list(out, lines, line),
    }
    out.push('}');
}

/// A list, each item written by `write`.
pub(super) fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    out.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// A text, escaped.
pub(super) fn text(out: &mut String, value: &str) {
    let _ = write!(out, "{}", serde_json::Value::from(value));
}

/// An object of texts.
pub(super) fn labels(out: &mut String, labels: &Labels) {
    out.push('{');
    for (at, (label, value)) in labels.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        text(out, label);
        out.push(':');
        text(out, value);
    }
    out.push('}');
}

/// A number as text, as Go writes it: with an exponent below a millionth and from 10^21 on.
pub(super) fn number(out: &mut String, value: f64) {
    let size = value.abs();
    let _ = if value.is_infinite() {
        out.write_str(if value > 0.0 { r#""+Inf""# } else { r#""-Inf""# })
    } else if size > 0.0 && size < 1e-6 || size >= 1e21 {
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        write!(out, r#""{digits}e{sign}{exponent:0>2}""#)
    } else {
        write!(out, r#""{value}""#)
    };
}

/// Milliseconds as seconds.
pub(super) fn instant(out: &mut String, millis: i64) {
    let (seconds, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    let sign = if millis < 0 { "-" } else { "" };
    let _ = if rest == 0 { write!(out, "{sign}{seconds}") } else { write!(out, "{sign}{seconds}.{rest:03}") };
}

fn element(out: &mut String, element: &Element) {
    out.push_str(r#"{"metric":"#);
    labels(out, &element.labels);
    out.push_str(if element.value.as_float().is_some() { r#","value":"# } else { r#","histogram":"# });
    point(out, element.time, &element.value);
    out.push('}');
}

fn line(out: &mut String, line: &Line) {
    out.push_str(r#"{"metric":"#);
    labels(out, &line.labels);
    for (name, is_float) in [("values", true), ("histograms", false)] {
        let mut points = line.points.iter().filter(|point| point.value.as_float().is_some() == is_float).peekable();
        if points.peek().is_some() {
            let _ = write!(out, r#","{name}":"#);
            list(out, points, |out, Point { time, value }| point(out, *time, value));
        }
    }
    out.push('}');
}

fn point(out: &mut String, time: i64, value: &Value) {
    pair(out, time, |out| match value {
        Value::Float(value) => number(out, *value),
        Value::Histogram(value) => histogram(out, value),
    });
}

fn pair(out: &mut String, time: i64, write: impl FnOnce(&mut String)) {
    out.push('[');
    instant(out, time);
    out.push(',');
    write(out);
    out.push(']');
}

/// Count, sum and buckets; the first number of a bucket says which of its bounds belong to it.
fn histogram(out: &mut String, histogram: &Histogram) {
    out.push_str(r#"{"count":"#);
    number(out, histogram.count());
    out.push_str(r#","sum":"#);
    number(out, histogram.sum());
    let mut buckets = histogram.buckets().peekable();
    if buckets.peek().is_some() {
        out.push_str(r#","buckets":"#);
        list(out, buckets, |out, (lower, upper, count)| {
            let _ = write!(out, "[{}", inclusion(histogram.is_custom(), lower, upper));
            for value in [lower, upper, count] {
                out.push(',');
                number(out, value);
            }
            out.push(']');
        });
    }
    out.push('}');
}

/// 0: the upper bound belongs to the bucket; 1: the lower one; 2: neither; 3: both.
fn inclusion(is_custom: bool, lower: f64, upper: f64) -> u8 {
    let is_around_zero = lower <= 0.0 && upper >= 0.0;
    let (has_lower, has_upper) = if is_custom {
        (lower == f64::NEG_INFINITY, true)
    } else {
        (is_around_zero || lower < 0.0, is_around_zero || upper > 0.0)
    };
    match (has_lower, has_upper) {
        (false, true) => 0,
        (true, false) => 1,
        (false, false) => 2,
        (true, true) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_are_texts_as_go_writes_them() {
        for (value, wanted) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (9.5e-7, "9.5e-07"),
            (1e20, "100000000000000000000"),
            (-1e21, "-1e+21"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(written(|out| number(out, value)), format!("\"{wanted}\""));
        }
    }

    #[test]
    fn instants_are_seconds_with_three_decimals_or_none() {
        for (millis, wanted) in [(0, "0"), (1500, "1.500"), (1_435_781_451_781, "1435781451.781"), (-1, "-0.001")] {
            assert_eq!(written(|out| instant(out, millis)), wanted);
        }
    }

    #[test]
    fn a_histogram_says_which_bounds_belong_to_its_buckets() {
        let both = Histogram::exponential(0, 9, 3.5).positive([(1, 2.0)]).negative([(0, 4.0)]).zero(0.001, 3.0);
        assert_eq!(
            written(|out| histogram(out, &both)),
            r#"{"count":"9","sum":"3.5","buckets":[[1,"-1","-0.5","4"],[3,"-0.001","0.001","3"],[0,"1","2","2"]]}"#
        );
        let custom = Histogram::custom([0.5, 1.0], 3, 2.0).positive([(0, 1.0), (2, 2.0)]);
        assert_eq!(
            written(|out| histogram(out, &custom)),
            r#"{"count":"3","sum":"2","buckets":[[3,"-Inf","0.5","1"],[0,"1","+Inf","2"]]}"#
        );
        assert_eq!(written(|out| histogram(out, &Histogram::exponential(0, 0, 0.0))), r#"{"count":"0","sum":"0"}"#);
    }

    #[test]
    fn hostile_labels_are_escaped() {
        let hostile = Labels::new([("a\"b", "</script>\n\\\u{0}")]);
        let wanted = r#"{"a\"b":"</script>\n\\\u0000"}"#;
        assert_eq!(written(|out| labels(out, &hostile)), wanted);
    }
}
