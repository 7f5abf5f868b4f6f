//! Promise: one client cannot keep others from being answered, nor take more than its share.
#![cfg(feature = "http")]

#[path = "common/http.rs"]
mod http;
#[path = "common/random.rs"]
mod random;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    ops::ControlFlow,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use http::{PATIENCE, builder, connect, get, memory, post, reply};
use monitor_sinks::{
    http::Server,
    promql::{Error, Labels, Select, Series, Source},
};

/// The answer that a client gets when nothing disturbs it.
fn is_answered(address: SocketAddr) {
    let begin = Instant::now();
    assert_eq!(get(address, "/api/v1/query?query=calls_total&time=1000").status, 200);
    assert_eq!(get(address, "/-/ready").status, 200);
    assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
}

#[test]
fn slow_and_silent_clients_keep_nobody_waiting() {
    let server = builder(memory()).start().unwrap();
    let address = server.address();
    let head = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n");
    let mut clients: Vec<TcpStream> = (0..64).map(|_| connect(address)).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        match at % 4 {
            // Connected, and silent.
            0 => {}
            // A head that does not end.
            1 => client.write_all(head.as_bytes()).unwrap(),
            // A body that does not come.
            2 => {
                let post =
                    format!("POST /api/v1/query HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000\r\n\r\nquery=");
                client.write_all(post.as_bytes()).unwrap();
            }
            // One direction closed.
            _ => client.shutdown(std::net::Shutdown::Write).unwrap(),
        }
    }
    for _ in 0..3 {
        is_answered(address);
        // A byte at a time; a client that was refused meanwhile may not be there any more.
        for client in clients.iter_mut().skip(1).step_by(4) {
            let _ = client.write_all(b"x");
        }
    }
}

#[test]
fn clients_that_do_not_read_keep_nobody_waiting() {
    let server = builder(memory()).start().unwrap();
    let address = server.address();
    let long = format!(
        "GET /api/v1/query_range?query=calls_total&start=0&end=1000&step=0.1 HTTP/1.1\r\nHost: {address}\r\n\r\n"
    );
    let mut clients: Vec<TcpStream> = (0..64).map(|_| connect(address)).collect();
    for client in &mut clients {
        client.write_all(long.as_bytes()).unwrap();
    }
    is_answered(address);
}

#[test]
fn large_answers_that_are_not_read_leave_room_for_small_ones() {
    let mut memory = memory();
    for at in 0..60 {
        memory.push(&Labels::new([("__name__", "many".to_owned()), ("at", at.to_string())]), 0, 1.0 / 3.0);
    }
    let server = builder(memory).max_unread(1 << 20).start().unwrap();
    let address = server.address();
    // About 16 MB, more than the buffers between the two take.
    let large = "/api/v1/query_range?query=many&start=0&end=100&step=0.01";
    let mut slow = connect(address);
    slow.write_all(format!("GET {large} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut begin = [0; 12];
    slow.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    let (status, kind, _) = get(address, large).failure();
    assert_eq!((status, kind.as_str()), (503, "unavailable"));
    is_answered(address);
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > 10_000_000 && rest.ends_with(b"}"), "{}", rest.len());
    assert_eq!(get(address, large).status, 200);
}

#[test]
fn a_head_that_takes_too_long_ends_the_connection() {
    let server = builder(memory()).head_time(Duration::from_millis(100)).start().unwrap();
    for begin in ["", "GET /metrics HTTP/1.1\r\nHost: lo"] {
        let mut client = connect(server.address());
        client.write_all(begin.as_bytes()).unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap_or_else(|error| panic!("still open after {begin:?}: {error}"));
    }
    is_answered(server.address());
}

#[test]
fn a_connection_ends_at_last_however_slowly_its_client_reads() {
    let limits = builder(memory()).connection_time(Duration::from_millis(100)).time_limit(Duration::from_secs(1));
    let server = limits.connections(1).start().unwrap();
    let address = server.address();
    let mut slow = connect(address);
    let long = "/api/v1/query_range?query=calls_total&start=0&end=1000&step=0.1";
    // More answers than the buffers between the two hold.
    for _ in 0..100 {
        let _ = slow.write_all(format!("GET {long} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes());
    }
    is_answered(address);
}

#[test]
fn heads_and_bodies_have_a_largest_size() {
    let server = builder(memory()).start().unwrap();
    let address = server.address();
    let long = "a".repeat(1 << 20);
    let many = "X: y\r\n".repeat(10_000);
    for request in [
        format!("GET /?{long} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {address}\r\nX: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {address}\r\n{many}\r\n\r\n"),
    ] {
        let mut client = connect(address);
        let _ = client.write_all(request.as_bytes());
        let mut head = [0; 12];
        // The connection may be reset before the answer is read, for the server does not read the rest.
        if client.read_exact(&mut head).is_ok() {
            assert!(matches!(&head[9..12], b"414" | b"431" | b"400"), "{head:?}");
        }
    }
    assert_eq!(post(address, "/api/v1/query", &format!("query={}", "1%2B".repeat(50_000))).failure().0, 422);
    let mut client = connect(address);
    let declared = format!(
        "POST /api/v1/query HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n"
    );
    client.write_all(declared.as_bytes()).unwrap();
    assert_eq!(reply(&mut client).failure().0, 413);
    is_answered(address);
}

#[test]
fn what_is_no_http_is_refused() {
    let server = builder(memory()).start().unwrap();
    let mut numbers = random::Random(7);
    for _ in 0..200 {
        let mut client = connect(server.address());
        let bytes: Vec<u8> = (0..numbers.below(300)).map(|_| numbers.next() as u8).collect();
        let _ = client.write_all(&bytes);
        let _ = client.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "{bytes:?}");
    }
    is_answered(server.address());
}

#[test]
fn no_parameter_makes_a_question_panic() {
    const PATHS: [&str; 12] = [
        "query",
        "query_range",
        "query_exemplars",
        "format_query",
        "parse_query",
        "labels",
        "label/job/values",
        "series",
        "metadata",
        "status/tsdb",
        "../../federate",
        "../../metrics",
    ];
    const NAMES: [&str; 11] =
        ["query", "time", "start", "end", "step", "limit", "timeout", "match[]", "lookback_delta", "metric", "other"];
    const VALUES: [&str; 24] = [
        "",
        "0",
        "-1",
        "1e308",
        "-1e308",
        "1e-308",
        "NaN",
        "Inf",
        "9223372036854775807",
        "18446744073709551616",
        "1h30m",
        "999999999y",
        "5m5m",
        "-292273086-05-16T16:47:06Z",
        "2292277025-08-18T07:12:54Z",
        "1970-01-01T00:00:00-99:99",
        "é",
        "%FF%00",
        "calls_total",
        "sum(calls_total",
        "%7B__name__=~%22.%2B%22%7D",
        "rate(calls_total[1m])",
        "T",
        "--T::Z",
    ];
    let server = builder(memory()).time_limit(Duration::from_secs(5)).start().unwrap();
    let mut numbers = random::Random(11);
    for _ in 0..1000 {
        let path = PATHS[numbers.below(PATHS.len())];
        let path = path.strip_prefix("../..").map_or_else(|| format!("/api/v1/{path}"), str::to_owned);
        let pairs: Vec<String> = (0..numbers.below(6))
            .map(|_| format!("{}={}", NAMES[numbers.below(NAMES.len())], VALUES[numbers.below(VALUES.len())]))
            .collect();
        let path = format!("{path}?{}", pairs.join("&"));
        let status = get(server.address(), &path).status;
        assert!(matches!(status, 200 | 400 | 422 | 503), "{status}: {path}");
    }
}

/// A source whose answers wait until they are let go.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

impl Source for Gate {
    fn select(&self, _: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
        let _ = give(Series::new(Labels::new([("__name__", "late")])).with_floats([(0, 1.0)]));
        Ok(())
    }
}

fn gated() -> (Gate, monitor_sinks::http::Builder) {
    let gate = Gate::default();
    (gate.clone(), Server::builder(gate).listen("127.0.0.1:0".parse().unwrap()))
}

#[test]
fn slow_questions_wait_for_each_other_only() {
    let (gate, builder) = gated();
    let server = builder.at_once(1).time_limit(Duration::from_millis(500)).start().unwrap();
    let address = server.address();
    let mut first = connect(address);
    let ask = format!("GET /api/v1/query?query=late&time=1 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    first.write_all(ask.as_bytes()).unwrap();
    while get(address, "/api/v1/rules?timeout=50ms").status == 200 {}
    assert_eq!(get(address, "/-/ready").status, 200);
    let (status, kind, message) = get(address, "/api/v1/rules").failure();
    assert_eq!((status, kind.as_str(), message.as_str()), (503, "timeout", "query timed out in query queue"));
    // What waits for a source that does not answer is late, too.
    assert_eq!(reply(&mut first).failure().0, 503);
    gate.open();
    while get(address, "/api/v1/rules").status != 200 {}
    assert_eq!(get(address, "/api/v1/query?query=late&time=1").status, 200);
}

#[test]
fn a_server_that_is_stopped_lets_answers_out_and_accepts_nothing_more() {
    let (gate, builder) = gated();
    let server = builder.at_once(1).start().unwrap();
    let address = server.address();
    let mut client = connect(address);
    let ask = format!("GET /api/v1/query?query=late&time=1 HTTP/1.1\r\nHost: {address}\r\n\r\n");
    client.write_all(ask.as_bytes()).unwrap();
    let mut idle = connect(address);
    // The question is being answered once no other one gets its turn.
    while get(address, "/api/v1/rules?timeout=50ms").status == 200 {}
    let stopping = std::thread::spawn(move || server.stop());
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    assert!(!stopping.is_finished());
    gate.open();
    assert_eq!(reply(&mut client).status, 200);
    stopping.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_panic_of_a_source_is_an_answer() {
    struct Panics;
    impl Source for Panics {
        fn select(&self, _: &Select<'_>, _: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
            panic!("on purpose")
        }
    }
    let server = Server::builder(Panics).listen("127.0.0.1:0".parse().unwrap()).start().unwrap();
    for _ in 0..10 {
        assert_eq!(get(server.address(), "/api/v1/query?query=a").failure().0, 500);
    }
    assert_eq!(get(server.address(), "/api/v1/query?query=1").status, 200);
}
