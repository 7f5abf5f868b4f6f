//! Hands alerts over to an Alertmanager, which then groups, routes and silences them.
//!
//! What it should hold follows from what fires now. As a channel of a monitor it is given messages as any other one, so that
//! rules, routes and silences apply to it; they only say which alerts it is to hold.

mod level;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use self::level::Level;
use super::{
    Active, Channel, Kind, Message, Receipt, Refusal, Secret, Settings, Watcher,
    secret::without,
    webhook::{check_url, http},
};
use crate::{
    error::Error,
    util::{report, time::to_micros},
};

/// How soon it is told again if it did not take it.
const RETRY: Duration = Duration::from_secs(5);

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
}

/// The way to its thread, until it ends.
type Updates = Arc<Mutex<Option<Sender<Vec<Active>>>>>;

/// The settings of a hand-over.
#[must_use = "it begins with `start`"]
pub struct Builder {
    url: String,
    headers: Vec<(String, Secret)>,
    resend: Duration,
    timeout: Duration,
}

impl Alertmanager {
    /// The Alertmanager at this address, without `/api/v2/alerts`.
    pub fn at(url: impl Into<String>) -> Builder {
        let (resend, timeout) = (Duration::from_mins(1), Duration::from_secs(10));
        Builder { url: url.into(), headers: Vec::new(), resend, timeout }
    }

    /// Says what fires now, and what has ended in the last quarter of an hour as far as it is known. It never waits.
    ///
    /// What fired at the last update and is not in this one has ended.
    pub fn update(&self, active: Vec<Active>) {
        update(&self.updates, active);
    }
}

fn update(updates: &Updates, active: Vec<Active>) {
    if let Some(updates) = &*updates.lock().unwrap_or_else(PoisonError::into_inner) {
        // Its thread ends after this.
        let _ = updates.send(active);
    }
}

impl Channel for Alertmanager {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        match message.kind {
            Kind::Meta | Kind::Test => {
                Err(Refusal::of_message("an Alertmanager is told of alerts, and of nothing else"))
            }
            _ => Ok(Receipt::new("handed over as long as it fires")),
        }
    }

    fn settings(&self) -> Settings {
        Settings { digest: false, ..Settings::default() }
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
    /// The address makes no sense, or the system has no room for another thread.
    pub fn start(self) -> Result<Alertmanager, Error> {
        check_url(&self.url)?;
        let (updates, inbox) = crossbeam_channel::unbounded();
        let level = Level::new(i64::try_from(self.resend.as_millis()).unwrap_or(i64::MAX / 8));
        let teller = Teller { level, agent: http::agent(), settings: self, is_failing: false };
        let spawned = thread::Builder::new().name(String::from("alertmanager")).spawn(move || teller.run(&inbox));
        let thread = spawned.map_err(|error| Error::stream("start the thread of an Alertmanager", error))?;
        Ok(Alertmanager { updates: Arc::new(Mutex::new(Some(updates))), thread: Some(thread) })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("resend", &self.resend).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

struct Teller {
    level: Level,
    agent: ureq::Agent,
    settings: Builder,
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
        let settings = &self.settings;
        let url = format!("{}/api/v2/alerts", settings.url.trim_end_matches('/'));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(settings.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        let bodies = self.level.tell(now_ms());
        let secrets: Vec<&str> = http::secrets(&settings.headers).collect();
        let told = bodies.iter().try_for_each(|body| {
            let told = http::post(&self.agent, &url, &headers, body, Instant::now() + settings.timeout);
            without(told, &secrets).map(drop)
        });
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
