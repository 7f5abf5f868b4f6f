//! A client that says exactly what a test wants it to say.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use monitor_sinks::{
    http::{Builder, Server},
    promql::{Labels, Memory},
};
use serde_json::Value;

/// Longer than any answer takes, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A server of this source at a free port, on loopback.
pub(crate) fn builder(memory: Memory) -> Builder {
    Server::builder(memory).listen("127.0.0.1:0".parse().unwrap())
}

/// `calls_total` of two jobs, a value each ten seconds from 0 to 1000 s, and `temperature` with odd values.
pub(crate) fn memory() -> Memory {
    let mut memory = Memory::new();
    for (job, rise) in [("etl", 1.0), ("web", 2.0)] {
        let labels = Labels::new([("__name__", "calls_total"), ("job", job)]);
        (0..=100).for_each(|step| memory.push(&labels, step * 10_000, rise * step as f64));
    }
    for (place, value) in [("cold", f64::NEG_INFINITY), ("hot", f64::INFINITY), ("none", f64::NAN)] {
        memory.push(&Labels::new([("__name__", "temperature"), ("place", place)]), 1_000_000, value);
    }
    memory
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Reply {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

pub(crate) fn post(address: SocketAddr, path: &str, form: &str) -> Reply {
    ask(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ),
    )
}

/// Sends a request, and reads until the server closes the connection.
pub(crate) fn ask(address: SocketAddr, request: &str) -> Reply {
    let mut stream = connect(address);
    // A request that is refused need not be read to its end.
    let _ = stream.write_all(request.as_bytes());
    reply(&mut stream)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn reply(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {text:?}, {end:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The data of a success.
    pub(crate) fn data(&self) -> Value {
        let json = self.json();
        assert_eq!((self.status, json["status"].as_str()), (200, Some("success")), "{self:?}");
        json["data"].clone()
    }

    /// Status, kind and message of a failure.
    pub(crate) fn failure(&self) -> (u16, String, String) {
        let json = self.json();
        assert_eq!(json["status"], "error", "{self:?}");
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        (self.status, text("errorType"), text("error"))
    }
}
