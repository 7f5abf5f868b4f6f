//! Promise: a monitor that serves answers over HTTP with what was recorded up to now, and stops when it ends.
#![cfg(all(feature = "http", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;
#[path = "common/http.rs"]
mod http;

use std::net::{SocketAddr, TcpStream};

use common::start;
use http::{ask, get};
use monitor_core::MetricKind;
use monitor_sinks::http::Token;

fn value(address: SocketAddr, query: &str) -> Option<String> {
    let data = get(address, &format!("/api/v1/query?query={query}")).data();
    Some(data["result"].get(0)?["value"][1].as_str()?.to_owned())
}

#[test]
fn what_was_recorded_a_moment_ago_is_answered_and_scraped() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    let address = monitor.serve("127.0.0.1:0").unwrap();
    assert!(address.ip().is_loopback());
    for total in [2, 4] {
        feed.with(|registry| {
            registry.count("rows_total", &[("table", "a")], 2);
            registry.record(MetricKind::Histogram, "sizes", &[], 0.5);
        });
        assert_eq!(value(address, "rows_total"), Some(total.to_string()));
        assert_eq!(value(address, "sizes_count"), Some((total / 2).to_string()));
        let scraped = get(address, "/metrics").body;
        for line in [
            "# TYPE rows_total counter\n",
            &format!("rows_total{{service=\"test\",table=\"a\"}} {total}.0\n"),
            "# TYPE sizes histogram\n",
            &format!("sizes_count{{service=\"test\"}} {}.0\n", total / 2),
        ] {
            assert!(scraped.contains(line), "{line} in {scraped}");
        }
        let names = get(address, "/api/v1/label/__name__/values").data();
        assert!(names.as_array().unwrap().contains(&"rows_total".into()), "{names}");
        let labels = get(address, "/api/v1/labels").data();
        assert!(labels.as_array().unwrap().contains(&"table".into()), "{labels}");
        let series = get(address, "/api/v1/series?match[]=rows_total").data();
        assert_eq!(series.as_array().unwrap().len(), 1, "{series}");
        monitor.flush().unwrap();
        assert_eq!(value(address, "rows_total"), Some(total.to_string()));
    }
}

#[test]
fn the_server_ends_with_the_monitor() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, _feed) = start(&folder.path().join("metrics.db"));
    let addresses = [monitor.serve("127.0.0.1:0").unwrap(), monitor.serve("127.0.0.1:0").unwrap()];
    for address in addresses {
        assert_eq!(get(address, "/-/ready").status, 200);
    }
    monitor.shutdown().unwrap();
    for address in addresses {
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn an_address_that_will_not_do_is_told_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, _feed) = start(&folder.path().join("metrics.db"));
    let taken = monitor.serve("127.0.0.1:0").unwrap();
    let error = monitor.serve(&taken.to_string()).unwrap_err();
    assert!(error.is_in_use());
    let message = error.to_string();
    assert!(message.contains(&taken.to_string()) && message.contains("choose another port"), "{message}");
    for (address, cure) in [("9900", "127.0.0.1:9900"), ("localhost", "127.0.0.1:9900"), ("0.0.0.0:0", "token")] {
        let error = monitor.serve(address).unwrap_err();
        assert!(error.is_invalid_setting() && error.to_string().contains(cure), "{error}");
    }
    // What was there goes on.
    assert_eq!(get(taken, "/-/ready").status, 200);
}

#[test]
fn a_server_of_its_own_settings_asks_for_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    let secret = "0123456789abcdef0123456789abcdef";
    let settings = monitor.server().listen("127.0.0.1:0".parse().unwrap());
    let server = settings.token(Token::new(secret).unwrap()).start().unwrap();
    feed.with(|registry| registry.count("rows_total", &[], 1));
    let address = server.address();
    assert_eq!(get(address, "/metrics").status, 401);
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {secret}\r\n\r\n"
    );
    let reply = ask(address, &request);
    assert!(reply.status == 200 && reply.body.contains("rows_total{service=\"test\"} 1.0\n"), "{reply:?}");
    // It is the caller's, and answers what is stored once the monitor has ended.
    monitor.shutdown().unwrap();
    assert!(ask(address, &request).status == 200);
}
