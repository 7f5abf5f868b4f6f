//! A server in a thread of its own, its settings, its start and its end.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use axum::{Router, middleware};
use tokio::{
    runtime::{self, Runtime},
    sync::{Semaphore, watch},
};

use super::{
    Token,
    api::{self, Api},
    connection,
    error::{Error, Kind},
    guard::{Guard, guard},
    unread::Room,
};
use crate::promql::Source;

/// Answers questions of Prometheus' clients until it is stopped or dropped.
///
/// It never writes, and by default only programs of this machine can reach it. One thread serves all connections;
/// questions are answered by others, which come and go.
///
/// # Examples
///
/// ```
/// use monitor_sinks::{http::Server, promql::{Labels, Memory}};
///
/// let mut memory = Memory::new();
/// memory.push(&Labels::new([("__name__", "up")]), 0, 1.0);
/// let server = Server::builder(memory).listen("127.0.0.1:0".parse().unwrap()).start()?;
/// println!("curl 'http://{}/api/v1/query?query=up&time=0'", server.address());
/// server.stop();
/// # Ok::<(), monitor_sinks::http::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a server stops when it is dropped"]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// The settings of a server.
#[must_use = "a server starts with `start`"]
pub struct Builder {
    source: Arc<dyn Source + Send + Sync>,
    listen: SocketAddr,
    hosts: Vec<String>,
    token: Option<Token>,
    limits: api::Limits,
    unread: usize,
    connections: usize,
    head_time: Duration,
    connection_time: Duration,
}

impl Server {
    /// A server of what `source` has.
    pub fn builder(source: impl Source + Send + Sync + 'static) -> Builder {
        Builder {
            source: Arc::new(source),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            hosts: Vec::new(),
            token: None,
            limits: api::Limits { time: Duration::from_secs(30), samples: 5_000_000, at_once: 4 },
            unread: 256 << 20,
            connections: 512,
            head_time: Duration::from_secs(10),
            connection_time: Duration::from_mins(1),
        }
    }

    /// Where it listens; the port is the one that was found free if 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, lets answers that are on their way out, and returns when its thread has ended. That takes no
    /// longer than twice the time limit of a question.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Builder {
    /// Where to listen; `127.0.0.1:9090`, the port of Prometheus, if not said. With port 0 a free one is found.
    ///
    /// What is not a loopback address can be reached by other machines; then a token must be set.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Also answers requests for this name, with any port if none is in it.
    ///
    /// Without it, only `localhost`, loopback addresses and the address that the server listens at are answered, so that
    /// no page in a browser gets at the data by a name of its own.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into().to_ascii_lowercase());
        self
    }

    /// Answers only clients that show this token. Every user of a machine can reach its loopback addresses; there a token
    /// keeps them apart.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// How long a question may take, waiting for its turn included; 30 seconds if not said. Clients can ask for less.
    pub fn time_limit(mut self, time: Duration) -> Self {
        self.limits.time = time;
        self
    }

    /// How many samples a question may hold; 5 million if not said, at most about 160 MB, and as much again for the text
    /// of an answer that is as large.
    pub fn max_samples(mut self, samples: usize) -> Self {
        self.limits.samples = samples;
        self
    }

    /// How many questions are answered at a time; 4 if not said. Others wait for their turn.
    pub fn at_once(mut self, questions: usize) -> Self {
        self.limits.at_once = questions;
        self
    }

    /// How many bytes of large answers may wait for clients that read slowly; 256 MiB if not said. Further large ones are
    /// refused. One alone may be larger.
    pub fn max_unread(mut self, bytes: usize) -> Self {
        self.unread = bytes;
        self
    }

    /// How many connections there may be; 512 if not said. Further ones wait until one is closed.
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most;
        self
    }

    /// How long a client may take to send a head, and be silent between two requests; 10 seconds if not said.
    pub fn head_time(mut self, time: Duration) -> Self {
        self.head_time = time;
        self
    }

    /// After how long a connection is closed once what is on its way is out; a minute if not said. It bounds how long a
    /// client can take to read an answer, together with the time limit of a question.
    pub fn connection_time(mut self, time: Duration) -> Self {
        self.connection_time = time;
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    ///
    /// If the address is in use or not one of this machine's, if other machines could reach it and there is no token, if
    /// a limit is 0, or if no thread can be started.
    pub fn start(self) -> Result<Server, Error> {
        self.check()?;
        let bound = |source| Kind::Bind { address: self.listen, source: Arc::new(source) };
        let listener = TcpListener::bind(self.listen).map_err(bound)?;
        listener.set_nonblocking(true).map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;
        let failed = |source| Kind::Thread { source: Arc::new(source) };
        let runtime = self.runtime().map_err(failed)?;
        let listener = runtime.block_on(async { tokio::net::TcpListener::from_std(listener) }).map_err(bound)?;
        let (stop, stopped) = watch::channel(false);
        let limits = connection::Limits {
            most: self.connections,
            head: self.head_time,
            life: self.connection_time,
            rest: self.limits.time,
        };
        let router = self.router(address);
        let serve = move || {
            runtime.block_on(connection::serve(listener, router, limits, stopped));
            runtime.shutdown_timeout(limits.rest);
        };
        let thread = thread::Builder::new().name(String::from("monitored-http")).spawn(serve).map_err(failed)?;
        Ok(Server { address, stop, thread: Some(thread) })
    }

    fn check(&self) -> Result<(), Error> {
        let is_loopback = self.listen.ip().is_loopback();
        if !is_loopback && self.token.is_none() {
            return Err(Kind::Open { address: self.listen }.into());
        }
        let api::Limits { time, samples, at_once } = self.limits;
        let times = [("a time limit", time), ("a time for heads", self.head_time), ("a time", self.connection_time)];
        let counts = [
            ("samples", samples),
            ("questions at a time", at_once),
            ("bytes of unread answers", self.unread),
            ("connections", self.connections),
        ];
        let zero_time = times.iter().find(|(_, time)| time.is_zero()).map(|(what, _)| format!("{what} of 0"));
        let zero_count = counts.iter().find(|(_, count)| *count == 0).map(|(what, _)| format!("0 {what}"));
        match zero_time.or(zero_count) {
            Some(zero) => Err(Kind::Setting { message: format!("with {zero} nothing can be answered") }.into()),
            None => Ok(()),
        }
    }

    fn runtime(&self) -> std::io::Result<Runtime> {
        let name = "monitored-query";
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_io().enable_time().thread_name(name).max_blocking_threads(self.limits.at_once).build()
    }

    fn router(self, address: SocketAddr) -> Router {
        let guarding = Arc::new(Guard { address, hosts: self.hosts, token: self.token });
        let turns = Arc::new(Semaphore::new(self.limits.at_once.min(Semaphore::MAX_PERMITS)));
        let room = Room::new(self.unread);
        let api = Api { source: self.source, limits: self.limits, address, started: SystemTime::now(), turns, room };
        Arc::new(api).router().layer(middleware::from_fn_with_state(guarding, guard))
    }
}
