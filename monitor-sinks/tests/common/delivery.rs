//! An outbox in a file, a notifier on it, and receivers that behave as a test says.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use monitor_sinks::notify::{
    Channel, Class, Kind, Message,
    notifier::Notifier,
    outbox::{self, Note},
};
use rusqlite::Connection;

/// Longer than any delivery takes, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How much later than its deadline a channel may return.
pub(crate) const OVERSHOOT: Duration = Duration::from_millis(100);

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// What is sent in most tests.
pub(crate) fn message(kind: Kind, fingerprint: &str) -> Message {
    let mut message = Message::new(kind, "high_cpu", fingerprint);
    message.title = format!("CPU of {fingerprint}");
    message.instance = String::from("test");
    (message.started_ms, message.at_ms) = (now_ms(), now_ms());
    message
}

/// The thread that stores and sends, played by the test.
pub(crate) struct Post {
    pub(crate) connection: Connection,
    pub(crate) notifier: Notifier,
    woken: mpsc::Receiver<()>,
}

impl Post {
    pub(crate) fn start(path: &Path, channels: Vec<(&str, Box<dyn Channel>)>) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        outbox::create(&connection).unwrap();
        let (wake, woken) = mpsc::channel();
        let channels = channels.into_iter().map(|(name, channel)| (name.to_owned(), channel)).collect();
        let notifier = Notifier::start(channels, move || {
            let _ = wake.send(());
        })
        .unwrap();
        Self { connection, notifier, woken }
    }

    pub(crate) fn queue(&self, message: &Message, channel: &str) {
        outbox::insert(&self.connection, message, channel, now_ms(), 0).unwrap();
    }

    /// What one flush does.
    pub(crate) fn turn(&mut self) -> Vec<Note> {
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        let turn = self.notifier.turn(&transaction, now_ms()).unwrap();
        transaction.commit().unwrap();
        self.notifier.committed(turn)
    }

    /// Flushes until something happens that the test waits for; all that happened.
    pub(crate) fn until(&mut self, mut is_it: impl FnMut(&Note) -> bool) -> Vec<Note> {
        let begin = Instant::now();
        let mut notes = Vec::new();
        loop {
            let new = self.turn();
            let is_over = new.iter().any(&mut is_it);
            notes.extend(new);
            if is_over {
                return notes;
            }
            assert!(begin.elapsed() < PATIENCE, "it did not happen; what did: {notes:?}");
            let _ = self.woken.recv_timeout(Duration::from_millis(20));
        }
    }

    pub(crate) fn until_sent(&mut self) -> Vec<Note> {
        self.until(|note| matches!(note, Note::Sent { .. }))
    }

    /// Waits until a message has been sent or refused.
    pub(crate) fn wait(&self) {
        self.woken.recv_timeout(PATIENCE).unwrap();
    }

    pub(crate) fn states(&self) -> Vec<(String, String, u64)> {
        outbox::counts(&self.connection).unwrap()
    }
}

/// Sends to a peer that does not answer as it should: it takes `least`, and no more than the time that there is. The least
/// of three attempts counts, because the machine may be busy with other tests.
pub(crate) fn keeps_its_deadline(channel: &mut impl Channel, time: Duration, least: Duration) {
    let attempt = |_| {
        let begin = Instant::now();
        let refusal = channel.send(&message(Kind::Firing, "f00d"), begin + time).unwrap_err();
        assert_eq!(refusal.class, Class::Transient, "{refusal}");
        assert!(begin.elapsed() >= least, "{:?}: {refusal}", begin.elapsed());
        begin.elapsed()
    };
    let took = (0..3).map(attempt).min().unwrap();
    assert!(took < time + OVERSHOOT, "{took:?}");
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that answers each request, which it counts from 0, as the test says.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    requests: mpsc::Receiver<Request>,
}

impl Receiver {
    pub(crate) fn start(mut answer: impl FnMut(usize, &Request, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            let mut number = 0;
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let Some(request) = read(&mut stream) else { continue };
                let _ = sender.send(request.clone());
                answer(number, &request, &mut stream);
                number += 1;
            }
        });
        Self { address, requests }
    }

    pub(crate) fn answering(status: &'static str) -> Self {
        Self::start(move |_, _, stream| reply(stream, status, ""))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn try_next(&self) -> Option<Request> {
        self.requests.try_recv().ok()
    }
}

/// Answers with this status and these headers, each ended by a line end.
pub(crate) fn reply(stream: &mut TcpStream, status: &str, headers: &str) {
    let _ = write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: 2\r\nConnection: close\r\n\r\nok");
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let request = Request { at: Instant::now(), head, body: String::new() };
            let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
                return Some(Request { body, ..request });
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}

/// A server that accepts and never says a word.
pub(crate) fn hanging() -> SocketAddr {
    serve(|stream| {
        thread::sleep(2 * PATIENCE);
        drop(stream);
    })
}

/// A server that says `start`, and then a letter each 50 milliseconds, for ever.
pub(crate) fn dripping(start: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        let _ = stream.write_all(start.as_bytes());
        while stream.write_all(b"2").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    })
}

fn serve(talk: impl Fn(TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let talk = talk.clone();
            thread::spawn(move || talk(stream));
        }
    });
    address
}
