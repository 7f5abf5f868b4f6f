//! Questions in PromQL to both systems, over one load and in turns: ours as a call in this process and over HTTP,
//! Prometheus over HTTP, each on a connection that is kept.
//!
//! All questions are asked five seconds after a flush, because Prometheus before version 3 counts a sample at the very
//! beginning of a range and ours does not: in between flushes both look at the same samples. An answer counts only if it
//! has as many series and points as Prometheus' and the same last values, as far as buckets allow.
//!
//! Each burst asks every way a few times before the next burst begins, so what else this machine does meets all of them.
//! Bounds are on the best times: who was never disturbed is compared with who was never disturbed.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use monitor_sinks::{Store, http, promql::Answer};
use serde_json::Value;
use ureq::Agent;

use crate::{
    Outcome,
    load::{START_US, STEP_US},
    measure::Times,
    report::{Bound, Report},
};

/// How often all ways are asked in turn.
const BURSTS: usize = 7;
/// How often our ways are asked in a burst; Prometheus, which takes longer, is asked once.
const ASKED: usize = 5;
/// How far two answers of numbers may be apart: both compute them from the same samples.
const ROUNDING: f64 = 1e-6;
/// Buckets of an octave.
const OCTAVE: u32 = 32;
/// How much wider than its lower edge the bucket is that the store gives a quantile in, at 256 an octave.
const FINEST: f64 = 0.003;

/// What is asked, and what part of Prometheus' time it may take.
#[derive(Debug)]
struct Question {
    what: &'static str,
    text: &'static str,
    /// In seconds; without it, the question is about the end of the load.
    step: Option<u64>,
    /// How far two answers may be apart, as a part of them.
    apart: fn() -> f64,
    most: f64,
}

const QUESTIONS: [Question; 4] = [
    Question {
        what: "sum(rate()) of 200 series over 24 h, step 60 s",
        text: "sum(rate(function_calls_total[5m]))",
        step: Some(60),
        apart: || ROUNDING,
        most: 0.5,
    },
    Question {
        what: "a day of one series, as a range of samples",
        text: "system_cpu_utilization_ratio{cpu=\"7\"}[1d]",
        step: None,
        apart: || ROUNDING,
        most: 0.2,
    },
    Question {
        what: "a day of one series, step 10 s",
        text: "system_cpu_utilization_ratio{cpu=\"7\"}",
        step: Some(10),
        apart: || ROUNDING,
        most: 0.2,
    },
    Question {
        what: "p99 by function over the last hour, 200 functions",
        text: "histogram_quantile(0.99, sum by (function) (increase(function_calls_duration_seconds[1h])))",
        step: None,
        apart: width,
        most: 0.05,
    },
];

/// How long a question took, each way.
#[derive(Debug)]
pub(crate) struct Answered {
    question: &'static Question,
    call: Times,
    http: Times,
    peer: Times,
}

/// Asks the store at `path`, which holds the load up to `end_us`, and the Prometheus at `peer`, which holds it too.
pub(crate) fn ask(path: &Path, end_us: i64, peer: &str) -> Outcome<Vec<Answered>> {
    let store = Store::open_read_only(path)?;
    let listen = "127.0.0.1:0".parse()?;
    let server = http::Server::builder(store.promql_source()).listen(listen).start()?;
    let ours = format!("http://{}", server.address());
    let agent: Agent = Agent::config_builder().build().into();
    let mut answered = Vec::new();
    for question in &QUESTIONS {
        eprintln!("promql: {}", question.what);
        let over_http = |address: &str| question.ask(&agent, address, end_us);
        same(question, &over_http(&ours)?, &over_http(peer)?)?;
        let mut times = Answered { question, call: Times::default(), http: Times::default(), peer: Times::default() };
        for _ in 0..BURSTS {
            times.call.extend(Times::repeat(ASKED, || question.call(&store, end_us)));
            times.http.extend(Times::repeat(ASKED, || over_http(&ours)));
            times.peer.extend(Times::repeat(1, || over_http(peer)));
        }
        answered.push(times);
    }
    server.stop();
    Ok(answered)
}

/// The figures, with their bounds.
pub(crate) fn report(report: &mut Report, answered: &[Answered]) {
    report.section("Questions in PromQL, part of the time that Prometheus takes over HTTP");
    for Answered { question, call, http, peer } in answered {
        let what = question.what;
        report.line(format!("{what}, best"), call.best_ms() / peer.best_ms(), "", Bound::AtMost(question.most));
        report.line(format!("{what}, median"), call.median_ms() / peer.median_ms(), "", Bound::None);
        report.line(format!("{what}, over HTTP, best"), http.best_ms() / peer.best_ms(), "", Bound::None);
        report.line(format!("{what}, over HTTP, median"), http.median_ms() / peer.median_ms(), "", Bound::None);
    }
    report.section("Questions in PromQL, plainly");
    for Answered { question, call, http, peer } in answered {
        for (way, times) in [("a call", call), ("HTTP", http), ("Prometheus", peer)] {
            report.line(format!("{}, {way}, best", question.what), times.best_ms(), "ms", Bound::None);
            report.line(format!("{}, {way}, median", question.what), times.median_ms(), "ms", Bound::None);
        }
    }
}

impl Question {
    /// The answer as a value.
    fn call(&self, store: &Store, end_us: i64) -> Outcome<Answer> {
        let (from, to) = (time(first_s(end_us)), time(last_s(end_us)));
        let question = store.promql(self.text);
        Ok(match self.step {
            Some(step) => question.range(from, to, Duration::from_secs(step))?,
            None => question.at(to)?,
        })
    }

    /// The answer as text, read to its end.
    fn ask(&self, agent: &Agent, address: &str, end_us: i64) -> Outcome<String> {
        let last = last_s(end_us).to_string();
        let mut answer = match self.step {
            Some(step) => agent
                .get(format!("{address}/api/v1/query_range"))
                .query("query", self.text)
                .query("start", first_s(end_us).to_string())
                .query("end", last)
                .query("step", step.to_string())
                .call()?,
            None => {
                agent.get(format!("{address}/api/v1/query")).query("query", self.text).query("time", last).call()?
            }
        };
        Ok(answer.body_mut().read_to_string()?)
    }
}

/// Half a step after the last flush.
fn last_s(end_us: i64) -> u64 {
    (end_us + STEP_US / 2).unsigned_abs() / 1_000_000
}

/// Five minutes after the beginning of the load, or a day before its end: ours knows that counters began at 0, which
/// Prometheus does not, so ranges that reach back to the beginning are left out.
fn first_s(end_us: i64) -> u64 {
    let begin_s = START_US.unsigned_abs() / 1_000_000 + 305;
    begin_s.max(last_s(end_us).saturating_sub(86_400))
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// How far two quantiles may be apart that lie in the same bucket, as a part of the one of Prometheus.
///
/// Prometheus is sent our buckets under the numbers of its own, so that it has as many, side by side as ours are. But ours
/// are equal parts of an octave, and its own grow by a factor: under its numbers an edge lies lower than ours, by up to
/// 5.8 % of ours in the middle of an octave. It tells some value in its bucket, and we one near the middle of ours. Numbered
/// by where they lie, our buckets would meet two in one at the end of an octave and leave gaps at its beginning, and sizes
/// could not be compared.
fn width() -> f64 {
    let part = |number: u32, of: f64| (f64::from(number) + of) / f64::from(OCTAVE);
    let apart = |number: u32| {
        let (middle, lower, upper) = (1.0 + part(number, 0.5), part(number, 0.0).exp2(), part(number, 1.0).exp2());
        (middle / lower - 1.0).max(1.0 - middle / upper)
    };
    (0..OCTAVE).map(apart).fold(0.0, f64::max) + FINEST
}

/// An answer that is wrong says nothing about speed.
fn same(question: &Question, ours: &str, theirs: &str) -> Outcome<()> {
    let (ours, theirs) = (Shape::of(ours)?, Shape::of(theirs)?);
    let is_near = (ours.last - theirs.last).abs() <= (question.apart)() * theirs.last.abs();
    if ours.series == theirs.series && ours.points == theirs.points && ours.points > 0 && is_near {
        return Ok(());
    }
    Err(format!("{}: {ours:?}, and of Prometheus {theirs:?}", question.text).into())
}

/// How much an answer holds.
#[derive(Debug)]
struct Shape {
    series: usize,
    points: usize,
    /// The sum of the last values of all series.
    last: f64,
}

impl Shape {
    fn of(answer: &str) -> Outcome<Self> {
        let answer: Value = serde_json::from_str(answer)?;
        let series = answer["data"]["result"].as_array().ok_or("the answer has no result")?;
        let value = |point: &Value| point[1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        let mut shape = Self { series: series.len(), points: 0, last: 0.0 };
        for one in series {
            let points = one["values"].as_array().map_or(std::slice::from_ref(&one["value"]), Vec::as_slice);
            shape.points += points.len();
            shape.last += points.last().map_or(f64::NAN, value);
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_by_its_series_its_points_and_its_last_values() {
        let answer = |values: &str| format!("{{\"data\":{{\"result\":[{{\"values\":[[1,\"7\"],{values}]}}]}}}}");
        let (question, p99) = (&QUESTIONS[0], &QUESTIONS[3]);
        same(question, &answer("[2,\"100\"]"), &answer("[2,\"100.00001\"]")).unwrap();
        same(question, &answer("[2,\"100\"]"), &answer("[2,\"101\"]")).unwrap_err();
        same(p99, &answer("[2,\"107\"]"), &answer("[2,\"100\"]")).unwrap();
        same(p99, &answer("[2,\"108\"]"), &answer("[2,\"100\"]")).unwrap_err();
        same(question, &answer("[2,\"100\"]"), &answer("[2,\"100\"],[3,\"100\"]")).unwrap_err();
        same(question, &answer("[2,\"NaN\"]"), &answer("[2,\"NaN\"]")).unwrap_err();
    }
}
