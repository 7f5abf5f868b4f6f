//! Promise: what Prometheus answers, this server answers, in the same form.
#![cfg(feature = "http")]

#[path = "common/http.rs"]
mod http;

use std::time::{SystemTime, UNIX_EPOCH};

use http::{ask, builder, get, memory, post};
use monitor_sinks::promql::{Histogram, Labels, Memory, Metadata, Select, Series, Source};
use serde_json::{Value, json};

#[test]
fn an_instant_query_answers_with_a_value_for_each_series() {
    let server = builder(memory()).start().unwrap();
    let wanted = json!({ "resultType": "vector", "result": [
        { "metric": { "__name__": "calls_total", "job": "etl" }, "value": [1000.5, "100"] },
        { "metric": { "__name__": "calls_total", "job": "web" }, "value": [1000.5, "200"] },
    ]});
    assert_eq!(get(server.address(), "/api/v1/query?query=calls_total&time=1000.5").data(), wanted);
    assert_eq!(post(server.address(), "/api/v1/query", "query=calls_total&time=1000.5").data(), wanted);
    assert_eq!(get(server.address(), "/api/v1/query?query=calls_total&time=1970-01-01T00:16:40.5Z").data(), wanted);
    // The form comes before the address.
    assert_eq!(post(server.address(), "/api/v1/query?query=1&time=0", "query=calls_total&time=1000.5").data(), wanted);
}

#[test]
fn every_type_has_its_form() {
    let server = builder(memory()).start().unwrap();
    let data = |query: &str| get(server.address(), &format!("/api/v1/query?time=1000&query={query}")).data();
    assert_eq!(data("1%2B1"), json!({ "resultType": "scalar", "result": [1000, "2"] }));
    assert_eq!(data("%22a%22"), json!({ "resultType": "string", "result": [1000, "a"] }));
    assert_eq!(data("nothing"), json!({ "resultType": "vector", "result": [] }));
    let values: Vec<Value> =
        data("temperature")["result"].as_array().unwrap().iter().map(|element| element["value"][1].clone()).collect();
    assert_eq!(values, ["-Inf", "+Inf", "NaN"]);
    let range = data("calls_total%7Bjob=%22web%22%7D[20s]");
    let values = json!([[990, "198"], [1000, "200"]]);
    let metric = json!({ "__name__": "calls_total", "job": "web" });
    assert_eq!(range, json!({ "resultType": "matrix", "result": [{ "metric": metric, "values": values }] }));
}

#[test]
fn a_range_query_answers_with_a_value_for_each_step() {
    let server = builder(memory()).start().unwrap();
    let wanted = json!({ "resultType": "matrix", "result": [
        { "metric": { "job": "etl" }, "values": [[900, "0.1"], [930.25, "0.1"], [960.5, "0.1"]] },
    ]});
    let asked = "query=rate(calls_total%7Bjob=%22etl%22%7D[1m])&start=900&end=990&step=30.25";
    assert_eq!(get(server.address(), &format!("/api/v1/query_range?{asked}")).data(), wanted);
    assert_eq!(post(server.address(), "/api/v1/query_range", asked).data(), wanted);
}

#[test]
fn native_histograms_have_a_form_of_their_own() {
    let mut memory = Memory::new();
    let labels = Labels::new([("__name__", "parse_seconds")]);
    memory.push(&labels, 0, Histogram::exponential(0, 9, 3.5).positive([(1, 2.0)]).zero(0.001, 7.0));
    memory.push(&labels, 60_000, 4.0);
    let server = builder(memory).start().unwrap();
    let buckets = json!([[3, "-0.001", "0.001", "7"], [0, "1", "2", "2"]]);
    let histogram = json!({ "count": "9", "sum": "3.5", "buckets": buckets });
    let metric = json!({ "__name__": "parse_seconds" });
    let data = get(server.address(), "/api/v1/query?query=parse_seconds&time=1").data();
    assert_eq!(data["result"], json!([{ "metric": metric, "histogram": [1, histogram] }]));
    let data = get(server.address(), "/api/v1/query_range?query=parse_seconds&start=0&end=60&step=1m").data();
    assert_eq!(data["result"], json!([{ "metric": metric, "values": [[60, "4"]], "histograms": [[0, histogram]] }]));
}

#[test]
fn labels_their_values_and_series_are_listed() {
    let server = builder(memory()).start().unwrap();
    let data = |path: &str| get(server.address(), &format!("/api/v1/{path}")).data();
    assert_eq!(data("labels"), json!(["__name__", "job", "place"]));
    assert_eq!(data("labels?match[]=calls_total"), json!(["__name__", "job"]));
    assert_eq!(data("labels?start=2000"), json!([]));
    assert_eq!(data("label/__name__/values"), json!(["calls_total", "temperature"]));
    assert_eq!(data("label/job/values?match[]=%7Bjob=~%22w.*%22%7D&match[]=temperature"), json!(["web"]));
    assert_eq!(data("label/%6Aob/values"), json!(["etl", "web"]));
    assert_eq!(data("label/nothing/values"), json!([]));
    let etl = json!({ "__name__": "calls_total", "job": "etl" });
    let web = json!({ "__name__": "calls_total", "job": "web" });
    assert_eq!(data("series?match[]=calls_total"), json!([etl, web]));
    assert_eq!(data("series?match[]=calls_total&match[]=%7Bjob=%22etl%22%7D&start=990&end=1000"), json!([etl, web]));
    assert_eq!(data("series?match[]=temperature&end=900"), json!([]));
    // Both ends of a window belong to it.
    assert_eq!(data("series?match[]=calls_total&start=1000&end=1000"), json!([etl, web]));
    assert_eq!(post(server.address(), "/api/v1/series", "match[]=calls_total").data(), json!([etl, web]));
    assert_eq!(post(server.address(), "/api/v1/labels", "match[]=calls_total").data(), json!(["__name__", "job"]));
}

#[test]
fn what_a_limit_leaves_out_is_a_warning() {
    let server = builder(memory()).start().unwrap();
    for (path, wanted) in [
        ("labels?limit=2", json!(["__name__", "job"])),
        ("label/job/values?limit=1", json!(["etl"])),
        ("series?match[]=calls_total&limit=1", json!([{ "__name__": "calls_total", "job": "etl" }])),
    ] {
        let reply = get(server.address(), &format!("/api/v1/{path}"));
        assert_eq!(reply.data(), wanted);
        assert_eq!(reply.json()["warnings"], json!(["results truncated due to limit"]), "{path}");
    }
    let reply = get(server.address(), "/api/v1/query?query=calls_total&time=1000&limit=1");
    assert_eq!(reply.data()["result"].as_array().unwrap().len(), 1);
    assert_eq!(reply.json()["warnings"], json!(["results truncated due to limit"]));
    let reply = get(server.address(), "/api/v1/labels?limit=3");
    assert_eq!(reply.json().get("warnings"), None);
}

#[test]
fn remarks_of_the_engine_come_with_the_answer() {
    let mut memory = memory();
    let labels = Labels::new([("__name__", "rows")]);
    (0..=5).for_each(|step| memory.push(&labels, 900_000 + step * 10_000, step as f64));
    let server = builder(memory).start().unwrap();
    let json = |query: &str| get(server.address(), &format!("/api/v1/query?time=1000&query={query}")).json();
    assert_eq!(json("rows").get("infos"), None);
    let infos = json("increase(rows[5m])")["infos"].clone();
    assert!(infos[0].as_str().is_some_and(|info| info.starts_with("PromQL info: ")), "{infos}");
    let warnings = json("quantile(2,calls_total)")["warnings"].clone();
    assert!(warnings[0].as_str().is_some_and(|warning| warning.starts_with("PromQL warning: ")), "{warnings}");
}

#[test]
fn mistakes_are_answered_with_kind_and_status() {
    let server = builder(memory()).max_samples(100).start().unwrap();
    for (path, status, kind, message) in [
        ("query?query=sum(", 400, "bad_data", "invalid parameter \"query\": 1:5"),
        ("query", 400, "bad_data", "invalid parameter \"query\": "),
        (
            "query?query=1&time=x",
            400,
            "bad_data",
            "invalid parameter \"time\": cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query?query=1&timeout=x",
            400,
            "bad_data",
            "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
        ),
        ("query?query=1&limit=-1", 400, "bad_data", "invalid parameter \"limit\": "),
        ("query?query=calls_total[1h]&time=1000", 422, "execution", "query processing would load too many samples"),
        (
            "query_range?query=1&end=1&step=1",
            400,
            "bad_data",
            "invalid parameter \"start\": cannot parse \"\" to a valid",
        ),
        (
            "query_range?query=1&start=1&end=0&step=1",
            400,
            "bad_data",
            "invalid parameter \"end\": end timestamp must not",
        ),
        ("query_range?query=1&start=0&end=1&step=0", 400, "bad_data", "invalid parameter \"step\": zero or negative"),
        (
            "query_range?query=1&start=0&end=11001&step=1",
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        ("query_range?query=a[5m]&start=0&end=1&step=1", 400, "bad_data", "invalid expression type \"range vector\""),
        ("query?query=1&timeout=0", 503, "timeout", "query timed out in query"),
        ("series", 400, "bad_data", "no match[] parameter provided"),
        (
            "series?match[]=%7B%7D",
            400,
            "bad_data",
            "invalid parameter \"match[]\": 1:1: vector selector must contain at least",
        ),
        ("labels?match[]=rate(a[5m])", 400, "bad_data", "invalid parameter \"match[]\": "),
        ("labels?start=2&end=1", 400, "bad_data", "invalid parameter \"end\": end timestamp must not"),
        ("format_query?query=(", 400, "bad_data", "invalid parameter \"query\": "),
        ("parse_query?query=(", 400, "bad_data", "invalid parameter \"query\": "),
        ("query_exemplars?query=(", 400, "bad_data", "invalid parameter \"query\": "),
    ] {
        let (found_status, found_kind, found) = get(server.address(), &format!("/api/v1/{path}")).failure();
        assert_eq!((found_status, found_kind.as_str()), (status, kind), "{path}: {found}");
        assert!(found.starts_with(message), "{path}: {found}");
    }
    // One more point than there are steps is no mistake.
    let data = get(server.address(), "/api/v1/query_range?query=1&start=0&end=11000&step=1");
    assert_eq!(data.failure().0, 422, "more samples than the limit of this server");
    let server = builder(memory()).start().unwrap();
    let data = get(server.address(), "/api/v1/query_range?query=1&start=0&end=11000&step=1").data();
    assert_eq!(data["result"][0]["values"].as_array().unwrap().len(), 11_001);
}

#[test]
fn small_questions_and_lists_of_what_is_not_there_are_answered() {
    let server = builder(Memory::new()).start().unwrap();
    for (path, wanted) in [
        ("rules", json!({ "groups": [] })),
        ("alerts", json!({ "alerts": [] })),
        ("alertmanagers", json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] })),
        ("targets", json!({ "activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {} })),
        ("targets/metadata", json!([])),
        ("metadata", json!({})),
        ("query_exemplars?query=up&start=0&end=1", json!([])),
        ("format_query?query=sum%20by(a)(up)", json!("sum by (a) (up)")),
        ("parse_query?query=2", json!({ "type": "numberLiteral", "val": "2" })),
    ] {
        assert_eq!(get(server.address(), &format!("/api/v1/{path}")).data(), wanted, "{path}");
    }
}

#[test]
fn a_server_says_what_it_is() {
    let server = builder(now(5.0)).start().unwrap();
    let data = |path: &str| get(server.address(), &format!("/api/v1/status/{path}")).data();
    let build = data("buildinfo");
    assert_eq!(build["version"], "3.0.0");
    assert_eq!(build.get("features"), None, "Grafana takes what has features for something else than Prometheus");
    assert!(data("runtimeinfo")["startTime"].as_str().unwrap().ends_with('Z'));
    assert_eq!(data("flags")["query.max-samples"], "5000000");
    let tsdb = data("tsdb");
    assert_eq!(tsdb["headStats"]["numSeries"], 1);
    assert_eq!(tsdb["seriesCountByMetricName"], json!([{ "name": "free_bytes", "value": 1 }]));
    for (path, wanted) in [("/-/healthy", "Healthy"), ("/-/ready", "Ready")] {
        let reply = get(server.address(), path);
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains(wanted));
    }
    assert_eq!(
        ask(server.address(), &format!("HEAD /-/ready HTTP/1.0\r\nHost: {}\r\n\r\n", server.address())).status,
        200
    );
}

/// A source that knows what its metrics are.
struct Described(Memory);

impl Source for Described {
    fn select(
        &self,
        select: &Select<'_>,
        give: &mut dyn FnMut(Series) -> std::ops::ControlFlow<()>,
    ) -> Result<(), monitor_sinks::promql::Error> {
        self.0.select(select, give)
    }

    fn metadata(&self) -> Result<Vec<Metadata>, monitor_sinks::promql::Error> {
        let mut free = Metadata::new("free_bytes", "gauge");
        free.help = String::from("What is left");
        Ok(vec![free, Metadata::new("rows_total", "counter")])
    }
}

/// A source with a value of this instant.
fn now(value: f64) -> Memory {
    let mut memory = Memory::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    memory.push(&Labels::new([("__name__", "free_bytes"), ("disk", "a")]), now - 1000, value);
    memory
}

#[test]
fn metadata_tells_types_and_help() {
    let server = monitor_sinks::http::Server::builder(Described(Memory::new())).listen("127.0.0.1:0".parse().unwrap());
    let server = server.start().unwrap();
    let free = json!([{ "type": "gauge", "help": "What is left", "unit": "" }]);
    let rows = json!([{ "type": "counter", "help": "", "unit": "" }]);
    let data = |path: &str| get(server.address(), &format!("/api/v1/metadata{path}")).data();
    assert_eq!(data(""), json!({ "free_bytes": free, "rows_total": rows }));
    assert_eq!(data("?metric=free_bytes"), json!({ "free_bytes": free }));
    assert_eq!(data("?limit=1"), json!({ "free_bytes": free }));
}

#[test]
fn the_newest_values_can_be_scraped_in_the_format_that_is_preferred() {
    let server = monitor_sinks::http::Server::builder(Described(now(5.0))).listen("127.0.0.1:0".parse().unwrap());
    let server = server.start().unwrap();
    let address = server.address();
    let plain = get(address, "/metrics");
    assert!(plain.head.contains("content-type: text/plain; version=0.0.4"), "{plain:?}");
    assert_eq!(plain.body, "# HELP free_bytes What is left\n# TYPE free_bytes gauge\nfree_bytes{disk=\"a\"} 5.0\n");
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let open =
        ask(address, &format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n{accept}\r\nConnection: close\r\n\r\n"));
    assert!(open.head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{open:?}");
    assert!(open.body.ends_with("free_bytes{disk=\"a\"} 5.0\n# EOF\n"), "{open:?}");
    let federated = get(address, "/federate?match[]=free_bytes&match[]=%7Bdisk=%22a%22%7D").body;
    assert_eq!(federated.lines().count(), 3, "{federated}");
    assert!(federated.lines().last().unwrap().starts_with("free_bytes{disk=\"a\"} 5.0 1"), "{federated}");
    assert_eq!(get(address, "/federate?match[]=sum(a)").status, 400);
}
