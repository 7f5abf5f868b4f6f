//! Hands alerts over to an Alertmanager, which then groups, routes and silences them.
//!
//! What it should hold follows from what fires now. As a channel of a monitor it is given messages as any other one, so that
//! rules, routes and silences apply to it; they only say which alerts it is to hold.

mod level;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use self::level::Level;
use super::{
    Active, Channel, Kind, Message, Receipt, Refusal, Secret, Settings, Severity, Watcher,
    secret::without,
    webhook::{check_url, http},
};
use crate::{
    error::Error,
    util::{report, time::to_micros},
};

/// How soon it is told again if it did not take it.
const RETRY: Duration = Duration::from_secs(5);

/// A quarter of the time after which a test ends by itself if it cannot be ended.
const TEST_MS: i64 = 15_000;

/// Tells an Alertmanager what fires, by its second interface, until it is dropped.
///
/// Alerts that fire are told at once and each minute, with an end in four minutes, so that they end there even if this
/// program is killed; those that are over for a quarter of an hour. Names of labels that are not allowed there are written
/// with underscores. Several Alertmanagers of a cluster are each told by one of these.
///
/// # Examples
///
/// ```no_run
/// use monitor_sinks::notify::{Active, Alertmanager};
///
/// let alertmanager = Alertmanager::at("http://127.0.0.1:9093").start()?;
/// alertmanager.update(vec![Active::new("high_cpu", 1_700_000_000_000)]);
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Alertmanager {
    updates: Updates,
    thread: Option<JoinHandle<()>>,
    door: Arc<Door>,
}

/// The way to its thread, until it ends.
type Updates = Arc<Mutex<Option<Sender<Vec<Active>>>>>;

/// The settings of a hand-over.
#[must_use = "it begins with `start`"]
pub struct Builder {
    url: String,
    headers: Vec<(String, Secret)>,
    ca_file: Option<PathBuf>,
    resend: Duration,
    timeout: Duration,
}

impl Alertmanager {
    /// The Alertmanager at this address, without `/api/v2/alerts`.
    pub fn at(url: impl Into<String>) -> Builder {
        let (resend, timeout) = (Duration::from_mins(1), Duration::from_secs(10));
        Builder { url: url.into(), headers: Vec::new(), ca_file: None, resend, timeout }
    }

    /// Says what fires now, and what has ended in the last quarter of an hour as far as it is known. It never waits.
    ///
    /// What fired at the last update and is not in this one has ended.
    pub fn update(&self, active: Vec<Active>) {
        update(&self.updates, active);
    }

    /// Sends an alert that says that it is a test, and ends it.
    fn test(&self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        let begun_ms = now_ms();
        let mut alert = Active::new("MonitoredTest", begun_ms);
        alert.severity = Severity::Low;
        alert.labels.insert(String::from("test"), message.fingerprint.clone());
        alert.annotations.insert(String::from("summary"), message.title.clone());
        alert.annotations.insert(String::from("description"), message.text.clone());
        let mut level = Level::new(TEST_MS);
        let mut answer = String::new();
        for active in [&[alert][..], &[]] {
            level.update(active, now_ms());
            for body in level.tell(now_ms()) {
                answer = self.door.post(&body, deadline)?.text;
            }
        }
        Ok(Receipt::new(format!("{answer}; it held the alert MonitoredTest, and was told that it is over")))
    }
}

fn update(updates: &Updates, active: Vec<Active>) {
    if let Some(updates) = &*updates.lock().unwrap_or_else(PoisonError::into_inner) {
        // Its thread ends after this.
        let _ = updates.send(active);
    }
}

impl Channel for Alertmanager {
    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        match message.kind {
            Kind::Meta => Err(Refusal::of_message("an Alertmanager is told of alerts, and of nothing else")),
            Kind::Test => self.test(message, deadline),
            _ => Ok(Receipt::new("handed over as long as it fires")),
        }
    }

    fn settings(&self) -> Settings {
        Settings { digest: false, timeout: self.door.timeout, ..Settings::default() }
    }

    fn watcher(&self) -> Option<Watcher> {
        let updates = Arc::clone(&self.updates);
        Some(Arc::new(move |active| update(&updates, active)))
    }
}

/// Ends within the time limit of a request, for what is being told is told to its end.
impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.updates.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Builder {
    /// Adds a header, such as `Authorization`.
    pub fn header(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.headers.push((name.into(), value));
        self
    }

    /// Trusts the certificates in this file of PEM, and no others; those that the system trusts if not said.
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.ca_file = Some(path.as_ref().to_owned());
        self
    }

    /// How often what fires is told again; each minute if not said. Less than a second counts as one.
    pub fn resend_every(mut self, resend: Duration) -> Self {
        self.resend = resend.max(Duration::from_secs(1));
        self
    }

    /// How long a request may take; 10 seconds if not said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Begins, with nothing that fires.
    ///
    /// # Errors
    ///
    /// The address or the file of certificates makes no sense, or the system has no room for another thread.
    pub fn start(self) -> Result<Alertmanager, Error> {
        check_url(&self.url)?;
        let url = format!("{}/api/v2/alerts", self.url.trim_end_matches('/'));
        let agent = http::agent(self.ca_file.as_deref())?;
        let door = Arc::new(Door { url, headers: self.headers, agent, timeout: self.timeout });
        let (updates, inbox) = crossbeam_channel::unbounded();
        let level = Level::new(i64::try_from(self.resend.as_millis()).unwrap_or(i64::MAX / 8));
        let teller = Teller { level, door: Arc::clone(&door), is_failing: false };
        let spawned = thread::Builder::new().name(String::from("alertmanager")).spawn(move || teller.run(&inbox));
        let thread = spawned.map_err(|error| Error::stream("start the thread of an Alertmanager", error))?;
        Ok(Alertmanager { updates: Arc::new(Mutex::new(Some(updates))), thread: Some(thread), door })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("resend", &self.resend).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Where alerts are handed in.
struct Door {
    url: String,
    headers: Vec<(String, Secret)>,
    agent: ureq::Agent,
    timeout: Duration,
}

impl Door {
    fn post(&self, body: &str, deadline: Instant) -> Result<Receipt, Refusal> {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        let secrets: Vec<&str> = http::secrets(&self.headers).collect();
        without(http::post(&self.agent, &self.url, &headers, body, deadline), &secrets)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

struct Teller {
    level: Level,
    door: Arc<Door>,
    is_failing: bool,
}

impl Teller {
    fn run(mut self, inbox: &Receiver<Vec<Active>>) {
        loop {
            let wait = u64::try_from(self.level.next_ms().saturating_sub(now_ms())).unwrap_or(0);
            match inbox.recv_timeout(Duration::from_millis(wait.min(3_600_000))) {
                // Only the last of several counts.
                Ok(active) => {
                    let active = inbox.try_iter().last().unwrap_or(active);
                    self.level.update(&active, now_ms());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.level.next_ms() <= now_ms() {
                self.tell();
            }
        }
    }

    fn tell(&mut self) {
        let (door, bodies) = (&self.door, self.level.tell(now_ms()));
        let told = bodies.iter().try_for_each(|body| door.post(body, Instant::now() + door.timeout).map(drop));
        match told {
            Ok(()) if self.is_failing => report::line(format_args!("the Alertmanager takes alerts again")),
            Ok(()) => {}
            Err(refusal) => {
                self.level.failed(now_ms() + RETRY.as_millis() as i64);
                if !self.is_failing {
                    report::line(format_args!("the Alertmanager does not take alerts: {refusal}"));
                }
                self.is_failing = true;
                return;
            }
        }
        self.is_failing = false;
    }
}

fn now_ms() -> i64 {
    to_micros(SystemTime::now()).div_euclid(1_000)
}
