//! What a server says of itself and of its metrics, and lists of things that there are none of here.
//!
//! Clients ask for these to find out whom they talk to. Nothing is told that is not about the data: no path, no
//! environment, no argument of the program.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::ControlFlow,
};

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Failure},
    api::Question,
};
use crate::{
    promql::{Labels, Metadata},
    util::time::{rfc3339, to_micros},
};

/// The Prometheus whose answers these are: clients decide by it what they may ask.
const VERSION: &str = "3.0.0";

/// `/api/v1/status/buildinfo`
pub(super) fn buildinfo(_: &Question) -> Result<Answer, Failure> {
    answer(&json!({
        "version": VERSION,
        "revision": concat!("monitored ", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// `/api/v1/status/runtimeinfo`
pub(super) fn runtimeinfo(question: &Question) -> Result<Answer, Failure> {
    let started = rfc3339(to_micros(question.api.started));
    answer(&json!({
        "startTime": started,
        "CWD": "",
        "reloadConfigSuccess": true,
        "lastConfigTime": started,
        "corruptionCount": 0,
        "goroutineCount": 0,
        "GOMAXPROCS": question.api.limits.at_once,
        "GOMEMLIMIT": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": "",
    }))
}

/// `/api/v1/status/flags`: the settings that a question meets.
pub(super) fn flags(question: &Question) -> Result<Answer, Failure> {
    let limits = question.api.limits;
    answer(&json!({
        "query.lookback-delta": "5m",
        "query.max-concurrency": limits.at_once.to_string(),
        "query.max-samples": limits.samples.to_string(),
        "query.timeout": format!("{}s", limits.time.as_secs_f64()),
        "web.enable-admin-api": "false",
        "web.enable-lifecycle": "false",
        "web.listen-address": question.api.address.to_string(),
    }))
}

/// `/api/v1/status/tsdb`: how many series, by name, label and pair, over the last hour.
pub(super) fn tsdb(question: &Question) -> Result<Answer, Failure> {
    let limit = match question.parameters.limit("limit")? {
        usize::MAX => 10,
        limit => limit.min(1000),
    };
    let mut counted = Counted::default();
    let window = super::parameter::Window { start: question.now - 3_600_000, end: question.now };
    question.each(&[], window, &mut |labels| {
        counted.add(labels);
        ControlFlow::Continue(())
    })?;
    let sizes = counted.values.iter().map(|(name, values)| (name, values.iter().map(String::len).sum::<usize>()));
    let lengths = counted.values.iter().map(|(name, values)| (name, values.len()));
    answer(&json!({
        "headStats": {
            "numSeries": counted.series,
            "numLabelPairs": counted.pairs.len(),
            "chunkCount": 0,
            "minTime": window.start,
            "maxTime": window.end,
        },
        "seriesCountByMetricName": largest(counted.names.iter().map(|(name, count)| (name, *count)), limit),
        "labelValueCountByLabelName": largest(lengths, limit),
        "memoryInBytesByLabelName": largest(sizes, limit),
        "seriesCountByLabelValuePair": largest(counted.pairs.iter().map(|(pair, count)| (pair, *count)), limit),
    }))
}

/// `/api/v1/metadata`
pub(super) fn metadata(question: &Question) -> Result<Answer, Failure> {
    let limit = question.parameters.limit("limit")?;
    let wanted = question.parameters.text("metric");
    let all = question.api.source.metadata().map_err(|error| Failure::of_source(&error))?;
    let is_wanted = |metric: &&Metadata| wanted.is_none_or(|name| name == metric.name);
    let described = all.iter().filter(is_wanted).take(limit).map(|metric| {
        let Metadata { name, kind, help, unit } = metric;
        (name.clone(), json!([{ "type": kind, "help": help, "unit": unit }]))
    });
    answer(&Value::Object(described.collect::<Map<_, _>>()))
}

/// `/api/v1/rules`
pub(super) fn rules(_: &Question) -> Result<Answer, Failure> {
    answer(&json!({ "groups": [] }))
}

/// `/api/v1/alerts`
pub(super) fn alerts(_: &Question) -> Result<Answer, Failure> {
    answer(&json!({ "alerts": [] }))
}

/// `/api/v1/alertmanagers`
pub(super) fn alertmanagers(_: &Question) -> Result<Answer, Failure> {
    answer(&json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] }))
}

/// `/api/v1/targets`
pub(super) fn targets(_: &Question) -> Result<Answer, Failure> {
    answer(&json!({ "activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {} }))
}

/// `/api/v1/targets/metadata`
pub(super) fn targets_metadata(_: &Question) -> Result<Answer, Failure> {
    answer(&json!([]))
}

#[allow(clippy::unnecessary_wraps, reason = "it ends functions of one type")]
fn answer(data: &Value) -> Result<Answer, Failure> {
    Ok(Answer::data(data.to_string()))
}

/// Series, counted in several ways.
#[derive(Default)]
struct Counted {
    series: usize,
    names: BTreeMap<String, usize>,
    pairs: BTreeMap<String, usize>,
    values: BTreeMap<String, BTreeSet<String>>,
}

impl Counted {
    fn add(&mut self, labels: &Labels) {
        self.series += 1;
        *self.names.entry(labels.name().to_owned()).or_default() += 1;
        for (label, value) in labels.iter() {
            let mut pair = String::new();
            let _ = write!(pair, "{label}={value}");
            *self.pairs.entry(pair).or_default() += 1;
            self.values.entry(label.to_owned()).or_default().insert(value.to_owned());
        }
    }
}

/// The largest counts, with their names.
fn largest<'a>(counts: impl Iterator<Item = (&'a String, usize)>, limit: usize) -> Value {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(limit);
    counts.into_iter().map(|(name, count)| json!({ "name": name, "value": count })).collect()
}
