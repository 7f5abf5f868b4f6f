//! Whether an answer is what a script expects.
//!
//! Numbers may differ by a millionth of their sum; zero must be zero.

use super::{
    points::Written,
    script::{Case, Message, Remarks, Times},
};
use crate::promql::{
    Answer, Error, Memory, Query,
    histogram::Histogram,
    labels::Labels,
    value::{Data, Element, Line, Value, is_stale},
};

const TOLERANCE: f64 = 1e-6;
/// How far around an instant it is asked for as part of a range.
const MINUTE: i64 = 60_000;

type Checked = Result<(), String>;

/// Asks the question of a case and compares.
pub(super) fn check(case: &Case, source: &Memory) -> Checked {
    let query = Query::new(source, &case.expr);
    let answer = match case.times {
        Times::Instant(at) | Times::RangeVector { at, .. } => query.at(at),
        Times::Range { start, end, step } => query.range(start, end, step),
    };
    let answer = match (&case.fail, answer) {
        (Some(wanted), Err(error)) => return failure(wanted, &error),
        (Some(_), Ok(_)) => return Err(String::from("must fail, but has an answer")),
        (None, answer) => answer.map_err(|error| error.to_string())?,
    };
    remarks("warning", &case.warnings, answer.warnings())?;
    remarks("info", &case.infos, answer.infos())?;
    compare(case, &answer)?;
    match case.times {
        // Over a range, results are ordered by labels.
        Times::Instant(at) if !case.ordered && case.text.is_none() => in_range(case, &query, at),
        _ => Ok(()),
    }
}

/// The same question as the middle of a range.
fn in_range(case: &Case, query: &Query<'_>, at: i64) -> Checked {
    let answer = query.range(at - MINUTE, at + MINUTE, MINUTE).map_err(|error| format!("as a range: {error}"))?;
    let Data::Matrix(lines) = answer.data() else { return Err(String::from("as a range: no matrix came out")) };
    let elements = lines.iter().filter_map(|line| {
        let point = line.points.iter().find(|point| point.time == at)?;
        Some(Element { labels: line.labels.clone(), time: at, value: point.value.clone() })
    });
    let elements: Vec<Element> = elements.collect();
    let result = match (case.number, &elements[..]) {
        (Some(number), [Element { value: Value::Float(value), .. }]) => number_is(number, *value),
        (Some(_), _) => Err(String::from("no number came out")),
        (None, elements) => vector(case, elements),
    };
    result.map_err(|message| format!("as a range: {message}"))
}

fn failure(wanted: &Message, error: &Error) -> Checked {
    let error = error.to_string();
    if is_wanted(wanted, &error) { Ok(()) } else { Err(format!("must fail with {wanted:?}, but says {error:?}")) }
}

fn remarks(kind: &str, expected: &Remarks, found: &[String]) -> Checked {
    if expected.none && !found.is_empty() {
        return Err(format!("no {kind} expected, but: {}", found.join("; ")));
    }
    for wanted in &expected.wanted {
        if !found.iter().any(|found| is_wanted(wanted, found)) {
            return Err(format!("{kind} {wanted:?} expected, but: {}", found.join("; ")));
        }
    }
    let unexpected = found.iter().find(|found| !expected.wanted.iter().any(|wanted| is_wanted(wanted, found)));
    match unexpected.filter(|_| !expected.wanted.is_empty()) {
        Some(found) => Err(format!("{kind} not expected: {found}")),
        None => Ok(()),
    }
}

/// Whether a message is meant; its place, which comes last, need not be given.
fn is_wanted(wanted: &Message, found: &str) -> bool {
    let without_place = found.rsplit_once(" (").map_or(found, |(message, _)| message);
    match wanted {
        Message::Any => true,
        Message::Exactly(message) => found == message || without_place == message,
        Message::Matching(pattern) => pattern.is_match(found),
    }
}

fn compare(case: &Case, answer: &Answer) -> Checked {
    match (answer.data(), case.times) {
        (Data::Text { value, .. }, _) => match &case.text {
            Some(text) if text == value => Ok(()),
            _ => Err(format!("{:?} expected, but it is {value:?}", case.text)),
        },
        (Data::Scalar { value, .. }, _) => match case.number {
            Some(number) => number_is(number, *value),
            None => Err(String::from("series expected, but a scalar came out")),
        },
        (Data::Vector(elements), _) => vector(case, elements),
        (Data::Matrix(lines), Times::Range { start, step, .. } | Times::RangeVector { start, step, .. }) => {
            matrix(case, lines, start, step)
        }
        (Data::Matrix(_), Times::Instant(_)) => Err(String::from("a range came out; write expect range vector")),
    }
}

fn number_is(expected: f64, found: f64) -> Checked {
    if is_near(expected, found) { Ok(()) } else { Err(format!("{expected} expected, but it is {found}")) }
}

fn vector(case: &Case, elements: &[Element]) -> Checked {
    if case.number.is_some() {
        return Err(String::from("a scalar expected, but series came out"));
    }
    for (place, element) in elements.iter().enumerate() {
        let expected = case.expected.iter().position(|(labels, _)| *labels == element.labels);
        let Some(at) = expected else {
            return Err(format!("{}: not expected, with {}", name(&element.labels), element.value));
        };
        if case.ordered && at != place {
            return Err(format!("{}: expected at place {}, but it is at {}", name(&element.labels), at + 1, place + 1));
        }
        let Some(written) = case.expected[at].1.first() else { return Err(String::from("a value must be written")) };
        point(&element.labels, written, Some(&element.value))?;
    }
    missing(case, |labels| elements.iter().any(|element| element.labels == *labels))
}

fn matrix(case: &Case, lines: &[Line], start: i64, step: i64) -> Checked {
    if let Some(number) = case.number {
        let mut values = lines.iter().flat_map(|line| &line.points).filter_map(|point| point.value.as_float());
        return values.try_for_each(|value| number_is(number, value));
    }
    for line in lines {
        let Some((_, written)) = case.expected.iter().find(|(labels, _)| *labels == line.labels) else {
            return Err(format!("{}: not expected, with {}", name(&line.labels), line.points.len()));
        };
        let mut points = line.points.iter().peekable();
        for (at, written) in (0..).zip(written) {
            let time = start + at * step;
            let found = points.next_if(|point| point.time == time);
            point(&line.labels, written, found.map(|point| &point.value))
                .map_err(|message| format!("{message}, at {time} ms"))?;
        }
        if let Some(point) = points.next() {
            return Err(format!("{}: {} at {} ms is not expected", name(&line.labels), point.value, point.time));
        }
    }
    missing(case, |labels| lines.iter().any(|line| line.labels == *labels))
}

/// Whether everything that is expected is there.
fn missing(case: &Case, is_there: impl Fn(&Labels) -> bool) -> Checked {
    let expected = case.expected.iter().filter(|(_, points)| points.iter().any(|point| point.value.is_some()));
    match expected.map(|(labels, _)| labels).find(|labels| !is_there(labels)) {
        Some(labels) => Err(format!("{}: expected, but it is not there", name(labels))),
        None => Ok(()),
    }
}

fn point(labels: &Labels, expected: &Written, found: Option<&Value>) -> Checked {
    let is_same = match (&expected.value, found) {
        (None, None) => true,
        (Some(Value::Float(expected)), Some(Value::Float(found))) => is_near(*expected, *found),
        (Some(Value::Histogram(histogram)), Some(Value::Histogram(found))) => {
            is_near_histogram(histogram, found) && (!expected.has_reset || histogram.reset == found.reset)
        }
        _ => false,
    };
    if is_same {
        return Ok(());
    }
    let show = |value: Option<&Value>| match value {
        Some(Value::Histogram(histogram)) => format!("{histogram} {:?}", histogram.reset),
        Some(value) => value.to_string(),
        None => String::from("nothing"),
    };
    Err(format!("{}: {} expected, but it is {}", name(labels), show(expected.value.as_ref()), show(found)))
}

fn name(labels: &Labels) -> String {
    match labels.iter().len() {
        1 if !labels.name().is_empty() => labels.name().to_owned(),
        _ => labels.to_string(),
    }
}

fn is_near_histogram(expected: &Histogram, found: &Histogram) -> bool {
    let near = |one: &[(i32, f64)], other: &[(i32, f64)]| {
        one.len() == other.len()
            && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && is_near(one.1, other.1))
    };
    let bounds = expected.bounds.len() == found.bounds.len()
        && expected.bounds.iter().zip(&*found.bounds).all(|(one, other)| is_near(*one, *other));
    expected.schema == found.schema
        && bounds
        && is_near(expected.count, found.count)
        && is_near(expected.sum, found.sum)
        && is_near(expected.zero_count, found.zero_count)
        && is_near(expected.zero_threshold, found.zero_threshold)
        && near(&expected.positive, &found.positive)
        && near(&expected.negative, &found.negative)
}

pub(super) fn is_near(one: f64, other: f64) -> bool {
    if is_stale(one) || is_stale(other) {
        return is_stale(one) && is_stale(other);
    }
    if one.is_nan() && other.is_nan() || one == other {
        return true;
    }
    let (sum, difference) = (one.abs() + other.abs(), (one - other).abs());
    if one == 0.0 || other == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}
