//! Answers of ours and of the real Prometheus, in one form, so that they can be compared.

use std::collections::{BTreeMap, BTreeSet};

use monitor_sinks::promql::{Data, Labels, Line, Query, Value};
use serde_json::Value as Json;

use super::prometheus::Prometheus;

/// An answer: points by series and instant, and the series in the order of an answer at an instant.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) points: BTreeMap<String, Vec<(i64, f64)>>,
    order: Vec<String>,
}

/// When something is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    At(i64),
    /// From, to, and the step.
    Over(i64, i64, i64),
}

/// How many points are the same; else what is not.
pub(crate) fn same(
    ours: &Result<Found, String>,
    theirs: &Result<Found, String>,
    is_sorted: bool,
) -> Result<usize, String> {
    let (ours, theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(_), Err(_)) => return Ok(0),
        _ => return Err(format!("{ours:?} for {theirs:?}")),
    };
    let keys = |found: &Found| found.points.keys().cloned().collect::<BTreeSet<_>>();
    if keys(ours) != keys(theirs) || is_sorted && ours.order != theirs.order {
        return Err(format!("{:?} for {:?}", ours.order, theirs.order));
    }
    let mut compared = 0;
    for (series, points) in &ours.points {
        let wanted = &theirs.points[series];
        let is_same = |(ours, theirs): (&(i64, f64), &(i64, f64))| ours.0 == theirs.0 && near(ours.1, theirs.1);
        if points.len() != wanted.len() || !points.iter().zip(wanted).all(is_same) {
            return Err(format!("{series} {points:?} for {wanted:?}"));
        }
        compared += points.len();
    }
    Ok(compared)
}

fn near(ours: f64, theirs: f64) -> bool {
    let is_near = (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0);
    is_near || ours.is_nan() && theirs.is_nan() || ours.is_infinite() && ours.to_bits() == theirs.to_bits()
}

/// What we answer.
pub(crate) fn ours(query: &Query, when: When) -> Result<Found, String> {
    let answer = match when {
        When::At(at) => query.at(at),
        When::Over(from, to, step) => query.range(from, to, step),
    };
    let answer = answer.map_err(|error| error.to_string())?;
    let labels =
        |labels: &Labels| labels.iter().map(|(label, value)| format!("{label}={value};")).collect::<Vec<_>>().concat();
    let float = |value: &Value| value.as_float().expect("no native histograms are asked for");
    let all = match answer.data() {
        Data::Scalar { time, value } => vec![(String::new(), vec![(*time, *value)])],
        Data::Vector(elements) => {
            elements.iter().map(|one| (labels(&one.labels), vec![(one.time, float(&one.value))])).collect()
        }
        Data::Matrix(lines) => {
            let points = |line: &Line| line.points.iter().map(|point| (point.time, float(&point.value))).collect();
            lines.iter().map(|line| (labels(&line.labels), points(line))).collect()
        }
        other => panic!("no texts are asked for: {other:?}"),
    };
    Ok(Found { order: all.iter().map(|series| series.0.clone()).collect(), points: all.into_iter().collect() })
}

/// What the server answers.
pub(crate) fn theirs(server: &Prometheus, text: &str, when: When) -> Result<Found, String> {
    let seconds = |millis: i64| format!("{}.{:03}", millis / 1_000, millis % 1_000);
    let answer = match when {
        When::At(at) => server.ask("query", &[("query", text), ("time", &seconds(at))]),
        When::Over(from, to, step) => server.ask(
            "query_range",
            &[("query", text), ("start", &seconds(from)), ("end", &seconds(to)), ("step", &seconds(step))],
        ),
    };
    if answer["status"] != "success" {
        return Err(answer["error"].to_string());
    }
    let result = &answer["data"]["result"];
    let point = |point: &Json| {
        let millis = (point[0].as_f64().unwrap() * 1e3).round() as i64;
        (millis, point[1].as_str().unwrap().parse::<f64>().unwrap())
    };
    if answer["data"]["resultType"] == "scalar" {
        return Ok(Found { points: [(String::new(), vec![point(result)])].into(), order: vec![String::new()] });
    }
    let label = |(label, value): (&String, &Json)| format!("{label}={};", value.as_str().unwrap());
    let labels = |one: &Json| one["metric"].as_object().unwrap().iter().map(label).collect::<Vec<_>>().concat();
    let points = |one: &Json| match one["values"].as_array() {
        Some(values) => values.iter().map(point).collect(),
        None => vec![point(&one["value"])],
    };
    let all: Vec<(String, Vec<(i64, f64)>)> =
        result.as_array().unwrap().iter().map(|one| (labels(one), points(one))).collect();
    Ok(Found { order: all.iter().map(|series| series.0.clone()).collect(), points: all.into_iter().collect() })
}
