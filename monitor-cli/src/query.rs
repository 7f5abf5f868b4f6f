//! `monitor query`: answers an expression of PromQL, as a table or a plot for people, or as JSON for programs.
//!
//! The JSON is the `data` of the answer that the HTTP interface of Prometheus gives, on one line. What is remarkable about
//! an answer goes to standard error.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    time::{Duration, SystemTime},
};

use monitor_sinks::{
    Question, Store,
    promql::{Answer, Data, Labels, Line, Point, Value},
};
use serde_json::{Value as Json, json};

use crate::{
    arguments::Query,
    exit::Exit,
    failure::Failure,
    plot,
    table::{self, Cell, escaped},
};

/// How many instants a range has if no step is given, about: as many as a wide terminal has columns.
const INSTANTS: u32 = 120;

/// Asks and prints.
pub(crate) fn run(query: &Query) -> Result<Exit, Failure> {
    let store = Store::open_read_only(&query.db)?;
    let question = store.promql(&query.expression).within(query.within);
    let answer = ask(query, &store, &question)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if query.json {
        writeln!(out, "{}", json_of(answer.data()))
    } else {
        write_answer(answer.data(), io::stdout().is_terminal(), &mut out)
    };
    // Whoever reads may have seen enough.
    let _ = printed.and_then(|()| out.flush());
    for remark in answer.warnings().iter().chain(answer.infos()) {
        let _ = writeln!(io::stderr(), "monitor query: {remark}");
    }
    Ok(Exit::Done)
}

fn ask(query: &Query, store: &Store, question: &Question) -> Result<Answer, Failure> {
    let Some(from) = query.from else {
        return Ok(match query.at {
            Some(at) => question.at(at),
            None => question.newest(),
        }?);
    };
    let to = match query.to {
        Some(to) => to,
        None => store.promql_source().newest()?.unwrap_or_else(SystemTime::now),
    };
    Ok(question.range(from, to, query.step.unwrap_or_else(|| step(from, to)))?)
}

/// A step in whole seconds.
fn step(from: SystemTime, to: SystemTime) -> Duration {
    let span = to.duration_since(from).unwrap_or_default() / INSTANTS;
    Duration::from_secs(span.as_secs().max(1))
}

fn write_answer(data: &Data, is_terminal: bool, out: &mut impl Write) -> io::Result<()> {
    match data {
        Data::Scalar { value, .. } => writeln!(out, "{}", Value::Float(*value)),
        Data::Text { value, .. } => writeln!(out, "{}", escaped(value.chars())),
        Data::Vector(elements) if elements.is_empty() => writeln!(out, "no series"),
        Data::Matrix(lines) if lines.is_empty() => writeln!(out, "no series"),
        Data::Vector(elements) => {
            let row = |labels: &Labels, value: &Value| vec![named(labels), number(value)];
            let rows: Vec<Vec<Cell>> = elements.iter().map(|element| row(&element.labels, &element.value)).collect();
            table::write(&["series", "value"].map(String::from), &rows, out)
        }
        Data::Matrix(lines) if is_terminal => lines.iter().try_for_each(|line| plot::write(line, out)),
        Data::Matrix(lines) => table::write(&["time", "series", "value"].map(String::from), &points(lines), out),
        _ => writeln!(out, "{data:?}"),
    }
}

/// A row for each point.
fn points(lines: &[Line]) -> Vec<Vec<Cell>> {
    let of_line = |line: &Line| {
        let series = named(&line.labels);
        let row =
            |point: &Point| vec![Cell::number(seconds(point.time).to_string()), series.clone(), number(&point.value)];
        line.points.iter().map(row).collect::<Vec<_>>()
    };
    lines.iter().flat_map(of_line).collect()
}

fn named(labels: &Labels) -> Cell {
    Cell::text(plot::name(labels))
}

fn number(value: &Value) -> Cell {
    let text = value.to_string();
    if value.as_float().is_some() { Cell::number(text) } else { Cell::text(text) }
}

/// Milliseconds as seconds.
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

fn json_of(data: &Data) -> Json {
    match data {
        Data::Scalar { time, value } => {
            json!({"resultType": "scalar", "result": [seconds(*time), Value::Float(*value).to_string()]})
        }
        Data::Text { time, value } => json!({"resultType": "string", "result": [seconds(*time), value]}),
        Data::Vector(elements) => {
            let element = |labels, time, value| {
                let (key, sample) = json_sample(time, value);
                json!({"metric": json_labels(labels), key: sample})
            };
            let elements = elements.iter().map(|one| element(&one.labels, one.time, &one.value));
            json!({"resultType": "vector", "result": elements.collect::<Vec<_>>()})
        }
        Data::Matrix(lines) => {
            json!({"resultType": "matrix", "result": lines.iter().map(json_line).collect::<Vec<_>>()})
        }
        _ => Json::Null,
    }
}

fn json_line(line: &Line) -> Json {
    let mut object = json!({"metric": json_labels(&line.labels)});
    for point in &line.points {
        let (key, sample) = json_sample(point.time, &point.value);
        if let Json::Array(samples) = &mut object[format!("{key}s")] {
            samples.push(sample);
        } else {
            object[format!("{key}s")] = json!([sample]);
        }
    }
    object
}

fn json_labels(labels: &Labels) -> Json {
    labels.iter().map(|(label, value)| (label.to_owned(), Json::from(value))).collect()
}

/// What a sample is called, and the sample.
fn json_sample(time: i64, value: &Value) -> (&'static str, Json) {
    let Some(histogram) = value.as_histogram() else {
        return ("value", json!([seconds(time), value.to_string()]));
    };
    let text = |value: f64| Value::Float(value).to_string();
    // Which bounds belong to a bucket: the upper one, the lower one, both.
    let rule = |lower: f64, upper: f64| match () {
        () if lower < 0.0 && upper > 0.0 => 3,
        () if upper <= 0.0 => 1,
        () => 0,
    };
    let bucket = |(lower, upper, count)| json!([rule(lower, upper), text(lower), text(upper), text(count)]);
    let buckets: Vec<Json> = histogram.buckets().map(bucket).collect();
    let parts = json!({"count": text(histogram.count()), "sum": text(histogram.sum()), "buckets": buckets});
    ("histogram", json!([seconds(time), parts]))
}

#[cfg(test)]
mod tests {
    use monitor_sinks::promql::Histogram;

    use super::*;

    #[test]
    fn a_histogram_is_written_as_prometheus_does() {
        let histogram = Histogram::exponential(0, 3, 1.5).zero(0.001, 1.0).positive([(1, 2.0)]);
        let (key, sample) = json_sample(1_500, &histogram.into());
        let buckets = json!([[3, "-0.001", "0.001", "1"], [0, "1", "2", "2"]]);
        assert_eq!((key, sample), ("histogram", json!([1.5, {"count": "3", "sum": "1.5", "buckets": buckets}])));
    }

    #[test]
    fn a_step_is_whole_seconds_and_fills_a_terminal() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(step(at(0), at(86_400)), Duration::from_mins(12));
        assert_eq!(step(at(0), at(10)), Duration::from_secs(1));
        assert_eq!(step(at(10), at(0)), Duration::from_secs(1));
    }
}
