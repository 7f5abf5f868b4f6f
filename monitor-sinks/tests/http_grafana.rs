//! Promise: the calls that Grafana's data source for Prometheus makes get answers of the form that it reads.
//!
//! They are those of its health check, of its query editor and of its panels: forms that are posted, windows in seconds,
//! limits, one connection for many calls.
#![cfg(feature = "http")]

#[path = "common/http.rs"]
mod http;

use std::net::SocketAddr;

use http::{ask, builder, connect, memory, reply};
use serde_json::{Value, json};

const WINDOW: &str = "start=0&end=1200";

fn call(address: SocketAddr, method: &str, path: &str, form: &str) -> Value {
    let headers = "User-Agent: Grafana/11.3.0\r\nAccept-Encoding: gzip\r\nX-Grafana-Org-Id: 1\r\nContent-Type: \
                   application/x-www-form-urlencoded\r\nConnection: close";
    let length = form.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\nContent-Length: {length}\r\n\r\n");
    ask(address, &(head + form)).data()
}

#[test]
fn the_health_check_and_what_it_finds_out_are_answered() {
    let server = builder(memory()).start().unwrap();
    let data = call(server.address(), "POST", "/api/v1/query", "query=1%2B1&time=4");
    assert_eq!(data, json!({ "resultType": "scalar", "result": [4, "2"] }));
    let build = call(server.address(), "GET", "/api/v1/status/buildinfo", "");
    assert!(
        build["version"].as_str().is_some_and(|version| version.starts_with("3.")) && build.get("features").is_none()
    );
    assert_eq!(call(server.address(), "GET", "/api/v1/rules", ""), json!({ "groups": [] }));
}

#[test]
fn the_editor_is_answered() {
    let server = builder(memory()).start().unwrap();
    let post = |path: &str, form: &str| call(server.address(), "POST", &format!("/api/v1/{path}"), form);
    let get = |path: &str| call(server.address(), "GET", &format!("/api/v1/{path}"), "");
    assert_eq!(get(&format!("label/__name__/values?{WINDOW}&limit=40000")), json!(["calls_total", "temperature"]));
    let selector = "match%5B%5D=%7B__name__%3D%22calls_total%22%7D";
    assert_eq!(post("labels", &format!("{WINDOW}&{selector}&limit=40000")), json!(["__name__", "job"]));
    assert_eq!(get(&format!("label/job/values?{WINDOW}&{selector}")), json!(["etl", "web"]));
    let series = post("series", &format!("{WINDOW}&{selector}&limit=40000"));
    assert_eq!(series[1], json!({ "__name__": "calls_total", "job": "web" }));
    assert_eq!(get("metadata?limit=5000"), json!({}));
    assert_eq!(post("format_query", "query=sum(rate(calls_total%5B5m%5D))"), json!("sum(rate(calls_total[5m]))"));
}

#[test]
fn panels_are_answered() {
    let server = builder(memory()).start().unwrap();
    let form = "query=sum+by+%28job%29+%28rate%28calls_total%5B1m0s%5D%29%29&start=600&end=615&step=15";
    let wanted = json!({ "resultType": "matrix", "result": [
        { "metric": { "job": "etl" }, "values": [[600, "0.1"], [615, "0.1"]] },
        { "metric": { "job": "web" }, "values": [[600, "0.2"], [615, "0.2"]] },
    ]});
    assert_eq!(call(server.address(), "POST", "/api/v1/query_range", form), wanted);
    let exemplars = format!("query=calls_total&{WINDOW}");
    assert_eq!(call(server.address(), "POST", "/api/v1/query_exemplars", &exemplars), json!([]));
}

#[test]
fn one_connection_serves_many_calls() {
    let server = builder(memory()).start().unwrap();
    let address = server.address();
    let mut stream = connect(address);
    let call = |last: &str| format!("GET /api/v1/query?query=1&time=1 HTTP/1.1\r\nHost: {address}\r\n{last}\r\n");
    let all = call("").repeat(20) + &call("Connection: close\r\n");
    std::io::Write::write_all(&mut stream, all.as_bytes()).unwrap();
    let reply = reply(&mut stream);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body.matches(r#""result":[1,"1"]"#).count(), 21);
}
