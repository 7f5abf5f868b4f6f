//! Promise: only those are answered who may ask, on every route, and nobody can write.
#![cfg(feature = "http")]

#[path = "common/http.rs"]
mod http;

use http::{ask, builder, get, memory};
use monitor_sinks::http::Token;

const ROUTES: [&str; 12] = [
    "/",
    "/metrics",
    "/federate?match[]=up",
    "/-/healthy",
    "/-/ready",
    "/api/v1/query?query=1",
    "/api/v1/labels",
    "/api/v1/label/job/values",
    "/api/v1/status/buildinfo",
    "/api/v1/rules",
    "/api/v1/nothing",
    "/../etc/passwd",
];

#[test]
fn every_route_refuses_hosts_and_pages_of_others() {
    let server = builder(memory()).start().unwrap();
    let address = server.address();
    for route in ROUTES {
        let status = |headers: &str| {
            ask(address, &format!("GET {route} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n")).status
        };
        assert_eq!(status("Host: evil.example"), 421, "{route}");
        assert_eq!(status(&format!("Host: evil.example:{}", address.port())), 421, "{route}");
        assert_eq!(status(&format!("Host: {address}\r\nOrigin: http://evil.example")), 403, "{route}");
        assert_eq!(status(&format!("Host: {address}\r\nSec-Fetch-Site: cross-site")), 403, "{route}");
        assert!(matches!(status(&format!("Host: {address}")), 200 | 404), "{route}");
    }
    assert_eq!(ask(address, "GET /metrics HTTP/1.0\r\n\r\n").status, 421);
}

#[test]
fn every_route_wants_the_token() {
    let secret = "0123456789abcdef0123456789abcdef";
    let server = builder(memory()).token(Token::new(secret).unwrap()).start().unwrap();
    let address = server.address();
    for route in ROUTES {
        let refused = get(address, route);
        assert_eq!(refused.status, 401, "{route}");
        assert!(refused.head.contains("www-authenticate: bearer") && refused.body.is_empty(), "{refused:?}");
        let shown = format!("Host: {address}\r\nAuthorization: Bearer {secret}");
        let request = format!("GET {route} HTTP/1.1\r\n{shown}\r\nConnection: close\r\n\r\n");
        assert!(matches!(ask(address, &request).status, 200 | 404), "{route}");
    }
}

#[test]
fn a_name_that_is_allowed_is_answered() {
    let server = builder(memory()).host("Metrics.Example").start().unwrap();
    let request = "GET /-/ready HTTP/1.1\r\nHost: metrics.example\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(server.address(), request).status, 200);
}

#[test]
fn every_response_keeps_browsers_from_showing_and_sharing_it() {
    let server = builder(memory()).start().unwrap();
    for route in ROUTES {
        let head = get(server.address(), route).head;
        for header in [
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "content-security-policy: default-src 'none'",
        ] {
            assert!(head.contains(header), "{route}: {head}");
        }
        assert!(!head.contains("access-control"), "{route}: {head}");
    }
}

#[test]
fn nothing_can_be_written() {
    let server = builder(memory()).start().unwrap();
    let address = server.address();
    let before = get(address, "/api/v1/series?match[]=calls_total").body;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"] {
        let routes = [
            "/api/v1/write",
            "/api/v1/admin/tsdb/delete_series",
            "/api/v1/admin/tsdb/snapshot",
            "/-/reload",
            "/-/quit",
        ];
        for route in routes.into_iter().chain(["/metrics", "/api/v1/rules", "/-/healthy"]) {
            let request = format!(
                "{method} {route}?match[]=calls_total HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let status = ask(address, &request).status;
            assert!(matches!(status, 400 | 404 | 405), "{method} {route}: {status}");
        }
    }
    assert_eq!(get(address, "/api/v1/series?match[]=calls_total").body, before);
}

#[test]
fn a_server_that_others_can_reach_does_not_start_without_a_token() {
    let open = builder(memory()).listen("0.0.0.0:0".parse().unwrap());
    let error = open.start().unwrap_err();
    assert!(error.is_invalid_setting());
    assert_eq!(
        error.to_string(),
        "other machines can reach 0.0.0.0:0, so clients must show a token; set one, or listen at 127.0.0.1"
    );
}

#[test]
fn an_address_in_use_is_said_so() {
    let server = builder(memory()).start().unwrap();
    let error = builder(memory()).listen(server.address()).start().unwrap_err();
    assert!(error.is_in_use(), "{error}");
    assert!(builder(memory()).max_samples(0).start().unwrap_err().is_invalid_setting());
}
