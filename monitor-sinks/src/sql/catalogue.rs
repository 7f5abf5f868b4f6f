//! The streams of each table: what series are called in it.
//!
//! In `samples` a series goes by its own name. The other two use the names that older scripts write for what they record
//! themselves:
//!
//! - A function `f`: `f.calls` and, of these, `f.success`; `f.errors`, with the type of the error among the tags, where a
//!   panic counts as an error of the type `panic`; `f.duration`. A method's type stands before it: `Loader.parse.calls`.
//!   The module is a tag. Such scripts write a row for each call; here a row tells of all calls of a flush, so calls are
//!   added up (`sum(metric_value)`) instead of counted, and a duration is the mean, with `count`, `sum`, `min` and `max`
//!   beside it.
//! - Other counters: each row is what was added. Gauges, histograms and timers: the value, or the mean.
//! - The machine: the short names, see `query::Alias`. Counters are totals there.
//!
//! What such scripts have no name for keeps its own.

use std::collections::{BTreeMap, BTreeSet};

use monitor_core::{
    MetricKind,
    names::{CALLS, DURATION, ERRORS},
};

use super::{
    column::Shape,
    stream::{Measure, Stream, json, labels},
};
use crate::{
    error::Error,
    query::{Alias, Form},
    store::{Origin, Reader, StoredSeries},
};

/// The streams of `shape`.
pub(super) fn streams(shape: Shape, reader: &Reader) -> Result<Vec<Stream>, Error> {
    let series = reader.series(None)?;
    let host: BTreeSet<u64> = reader.of_origin(Origin::Host)?.into_iter().collect();
    let from_host = |series: &&StoredSeries| host.contains(&series.id);
    Ok(match shape {
        Shape::Samples => series.iter().map(|series| own(series, Measure::Value)).collect(),
        Shape::App => series.iter().filter(|series| !from_host(series)).flat_map(of_app).collect(),
        Shape::System => of_system(series.iter().filter(from_host)),
    })
}

/// A series under its own name.
fn own(series: &StoredSeries, measure: Measure) -> Stream {
    Stream {
        name: series.name.clone(),
        service: series.service.clone(),
        kind: kind(series.kind),
        unit: series.unit.clone(),
        tags: json(labels(series, |_| true)),
        members: vec![series.id],
        measure,
        variant: 0,
    }
}

const fn kind(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Histogram => "histogram",
        MetricKind::Timer => "timer",
        _ => "gauge",
    }
}

/// What a program recorded.
fn of_app(series: &StoredSeries) -> Vec<Stream> {
    let outcome = series.label("outcome");
    let panic = Some(("error_type", serde_json::Value::from("panic")));
    match series.name.as_str() {
        CALLS if outcome == "ok" => {
            vec![of_function(series, 0, "calls", None), of_function(series, 1, "success", None)]
        }
        CALLS if outcome == "panicked" => {
            vec![of_function(series, 0, "calls", None), of_function(series, 1, "errors", panic)]
        }
        CALLS => vec![of_function(series, 0, "calls", None)],
        ERRORS => vec![of_function(series, 0, "errors", None)],
        DURATION => vec![of_function(series, 0, "duration", None)],
        _ => vec![own(series, Measure::Increase)],
    }
}

fn of_function(
    series: &StoredSeries,
    variant: u8,
    what: &str,
    more: Option<(&'static str, serde_json::Value)>,
) -> Stream {
    let function = series.label("function").replace("::", ".");
    let service = ("service", serde_json::Value::from(series.service.as_str()));
    Stream {
        name: format!("{function}.{what}"),
        tags: json(labels(series, |key| key != "function").chain([service]).chain(more)),
        variant,
        ..own(series, Measure::Increase)
    }
}

/// What was sampled of a machine.
fn of_system<'a>(all: impl Iterator<Item = &'a StoredSeries>) -> Vec<Stream> {
    let mut streams = Vec::new();
    let mut sums: BTreeMap<(String, String, String), Stream> = BTreeMap::new();
    for series in all {
        let Some(alias) = Alias::of(series).filter(|alias| !matches!(alias.form, Form::PercentOf(_))) else {
            streams.push(Stream { kind: family(&series.name), ..own(series, Measure::Value) });
            continue;
        };
        let stream = shortly(series, alias);
        if matches!(alias.form, Form::SumOver(_)) {
            let key = (stream.name.clone(), stream.service.clone(), stream.tags.clone());
            sums.entry(key).and_modify(|sum| sum.members.push(series.id)).or_insert(stream);
        } else {
            streams.push(stream);
        }
    }
    streams.extend(sums.into_values());
    streams
}

/// A series under its short name.
fn shortly(series: &StoredSeries, alias: &Alias) -> Stream {
    let over: &[&str] = if let Form::SumOver(labels) = alias.form { labels } else { &[] };
    let is_left = |key: &str| !over.contains(&key) && alias.labels.iter().all(|(label, _)| *label != key);
    // The one series an older script keeps by core.
    let tags = labels(series, is_left).map(|(key, value)| match key {
        "cpu" => ("core", value.as_str().and_then(|core| core.parse::<u64>().ok()).map_or(value, Into::into)),
        _ => (key, value),
    });
    let is_percent = alias.form == Form::Percent;
    let unit = if is_percent { "percent" } else { series.unit.as_str() };
    Stream {
        name: alias.name.to_owned(),
        kind: family(alias.name),
        unit: String::from(if matches!(unit, "percent" | "bytes") { unit } else { "count" }),
        tags: json(tags),
        ..own(series, if is_percent { Measure::Percent } else { Measure::Value })
    }
}

/// What part of a machine a name is about.
fn family(name: &str) -> &'static str {
    let rest = name.strip_prefix("system_").unwrap_or(name);
    match rest.split('_').next().unwrap_or_default() {
        "cpu" | "load" => "cpu",
        "memory" | "swap" => "memory",
        "disk" | "filesystem" => "disk",
        "network" => "network",
        "total" | "process" | "processes" => "process",
        "container" => "container",
        _ => "system",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SeriesInfo;

    fn series(id: u64, name: &str, kind: MetricKind, unit: &str, labels: &[(&str, &str)]) -> StoredSeries {
        let info = SeriesInfo {
            name: name.to_owned(),
            kind,
            unit: unit.to_owned(),
            service: String::from("etl"),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        StoredSeries { id, info: info.into() }
    }

    fn shown(streams: &[Stream]) -> Vec<(&str, &str, &str, &str)> {
        streams.iter().map(|stream| (stream.name.as_str(), stream.kind, stream.unit.as_str(), &*stream.tags)).collect()
    }

    #[test]
    fn functions_go_by_the_names_of_older_scripts() {
        let of = |name, key, value| {
            let labels = [("module", "m"), ("function", "Loader::parse"), (key, value)];
            of_app(&series(1, name, MetricKind::Counter, "", &labels))
                .into_iter()
                .map(|stream| (stream.name, stream.tags))
        };
        let names = |name, key, value| of(name, key, value).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(CALLS, "outcome", "ok"), ["Loader.parse.calls", "Loader.parse.success"]);
        assert_eq!(names(CALLS, "outcome", "panicked"), ["Loader.parse.calls", "Loader.parse.errors"]);
        assert_eq!(names(CALLS, "outcome", "cancelled"), ["Loader.parse.calls"]);
        assert_eq!(names(ERRORS, "error_type", "Io"), ["Loader.parse.errors"]);
        let tags = of(ERRORS, "error_type", "Io").next().unwrap().1;
        assert_eq!(tags, r#"{"error_type":"Io","module":"m","service":"etl"}"#);
        assert!(of(CALLS, "outcome", "panicked").nth(1).unwrap().1.contains(r#""error_type":"panic""#));
    }

    #[test]
    fn the_machine_goes_by_short_names_with_the_units_of_older_scripts() {
        let gauge = MetricKind::Gauge;
        let all = [
            series(1, "system_cpu_utilization_ratio", gauge, "ratio", &[("cpu", "3")]),
            series(2, "system_memory_usage_bytes", gauge, "bytes", &[("state", "used")]),
            series(3, "system_memory_usage_bytes", gauge, "bytes", &[("state", "cached")]),
            series(4, "system_cpu_logical_count", gauge, "", &[]),
        ];
        let wanted = [
            ("cpu_percent_per_core", "cpu", "percent", r#"{"core":3}"#),
            ("memory_used", "memory", "bytes", "{}"),
            ("system_memory_usage_bytes", "memory", "bytes", r#"{"state":"cached"}"#),
            ("cpu_count_logical", "cpu", "count", "{}"),
        ];
        assert_eq!(shown(&of_system(all.iter())), wanted);
    }

    #[test]
    fn devices_are_one_stream_with_all_of_them() {
        let of = |id, device, direction| {
            let labels = [("device", device), ("direction", direction)];
            series(id, "system_network_io_bytes_total", MetricKind::Counter, "bytes", &labels)
        };
        let all = [of(1, "eth0", "transmit"), of(2, "eth0", "receive"), of(3, "eth1", "transmit")];
        let streams = of_system(all.iter());
        let members: Vec<_> = streams.iter().map(|stream| (stream.name.as_str(), &stream.members[..])).collect();
        assert_eq!(members, [("network_bytes_recv", &[2][..]), ("network_bytes_sent", &[1, 3][..])]);
    }
}
