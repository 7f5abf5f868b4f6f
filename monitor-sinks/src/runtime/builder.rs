//! The settings of a monitor. Steps never fail; what is wrong is said by the last one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use crossbeam_channel::bounded;
use monitor_core::Collector;

use super::{
    Monitor, Source,
    attendant::{Invited, Occasion},
    plan::{Plan, Renewal},
    sampler::Chosen,
    thread,
};
use crate::{
    error::Error,
    store::{Retention, Settings, Store, Writer},
    util::time::{duration_micros, to_micros},
};

/// Fast enough to watch, slow enough to cost nothing.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// Shorter ones would do nothing else than draining.
const SHORTEST: Duration = Duration::from_millis(1);

/// Beyond an hour a crash would lose more than anyone expects.
const LONGEST: Duration = Duration::from_hours(1);

/// How long `start` waits for a database that another connection holds locked, which may be one that is just ending.
const START_PATIENCE: Duration = Duration::from_secs(2);

/// A flush never waits longer than this for a lock: the values are safe where they are.
const FLUSH_PATIENCE: Duration = Duration::from_millis(500);

/// Longer names are a mistake, such as a file's contents.
const LONGEST_SERVICE: usize = 200;

/// Commands that may wait. Each flush that is waited for takes one place.
const COMMANDS: usize = 16;

/// Settings of a [`Monitor`].
#[derive(Debug, Clone)]
#[must_use = "a builder records nothing until it is started"]
pub struct Builder {
    service: Option<String>,
    path: Option<PathBuf>,
    interval: Duration,
    start_patience: Duration,
    retention: Retention,
    max_series: Option<usize>,
    pub(super) samplers: Chosen,
    pub(super) invited: Invited,
    pub(super) plan: Option<Arc<dyn Plan>>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            service: None,
            path: None,
            interval: DEFAULT_INTERVAL,
            start_patience: START_PATIENCE,
            retention: Retention::default(),
            max_series: None,
            samplers: Chosen::default(),
            invited: Invited::default(),
            plan: None,
        }
    }

    /// Names the service that functions and metrics belong to, where they name none themselves: 1 to 200 bytes.
    ///
    /// Default: the name of the program's file.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Records to the SQLite file at `path`, which is created if it does not exist. Its folder must exist.
    pub fn sqlite(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    /// Stores what was recorded each time this long has passed: 1 ms to 1 h.
    ///
    /// A crash of the program loses what was recorded since the last flush. Default: 1 s.
    pub const fn flush_every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Keeps what is recorded for this long. Default: every flush for 48 hours, windows of five minutes for 30 days,
    /// windows of an hour for 400 days.
    pub const fn retain(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Bounds the series of all metrics together, for the process. A tag whose values never end, such as a user's number,
    /// must not fill the memory: what is beyond the bound is counted in the series of its metric with the tag
    /// `overflow="true"`, and in `monitored_series_overflow_total`. Each metric has a bound of its own besides, see
    /// [`set_series_limit`](monitor_core::set_series_limit). Series that exist stay.
    ///
    /// Default: 10,000, or what the monitor before this one was given.
    pub const fn max_series(mut self, limit: usize) -> Self {
        self.max_series = Some(limit);
        self
    }

    /// Waits this long for a locked database when starting, instead of 2 s.
    #[doc(hidden)]
    pub const fn start_patience(mut self, patience: Duration) -> Self {
        self.start_patience = patience;
        self
    }

    /// Opens the store and starts the background thread.
    ///
    /// A store that is found damaged, now or later, does not stop the program: it is set aside as
    /// `NAME.corrupt-SECONDS`, recording goes on in a new file, and what can be read is saved in the background to
    /// `NAME.salvaged-SECONDS`. One line on standard error tells of it, and the counter `monitored_damaged_stores_total`.
    ///
    /// # Errors
    ///
    /// If a setting is missing or out of range, or the store cannot be recorded to; see the predicates of [`Error`]. A
    /// file that is not a metric store is not touched.
    pub fn start(self) -> Result<Monitor, Error> {
        if !tsc_is_trusted() {
            monitor_core::clock::use_portable();
        }
        self.launch(Collector::new)
    }

    /// Like [`start`](Self::start), with values from `source` in place of what this process records.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_with(self, source: impl Source) -> Result<Monitor, Error> {
        self.launch(move || source)
    }

    fn launch<S: Source>(mut self, source: impl FnOnce() -> S) -> Result<Monitor, Error> {
        let Some(plan) = self.plan.take() else { return self.open(source, None) };
        let mut renewal = Renewal { plan, base: self, fixed: String::new() };
        let builder = renewal.builder()?;
        renewal.fixed = builder.fixed();
        builder.open(source, Some(renewal))
    }

    /// What is taken at a start only, in words that are equal if it is.
    pub(super) fn fixed(&self) -> String {
        let Self { service, path, interval, retention, samplers, .. } = self;
        format!("{service:?} {path:?} {interval:?} {retention:?} {samplers:?}")
    }

    /// The source is made last: a collector takes over from the one before it, and nothing may fail after that.
    fn open<S: Source>(self, source: impl FnOnce() -> S, renewal: Option<Renewal>) -> Result<Monitor, Error> {
        let path = self
            .path
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty())
            .ok_or_else(|| Error::setting("a monitor needs a store; name its file with sqlite(\"metrics.db\")"))?;
        if !(SHORTEST..=LONGEST).contains(&self.interval) {
            let message = format!("flush_every({:?}) is out of range; choose 1 ms to 1 h, such as 1 s", self.interval);
            return Err(Error::setting(message));
        }
        let service = self.service.clone().unwrap_or_else(program_name);
        if service.is_empty() || service.len() > LONGEST_SERVICE {
            let message = format!(
                "a service name has 1 to {LONGEST_SERVICE} bytes, this one has {}; name it with service(\"...\")",
                service.len()
            );
            return Err(Error::setting(message));
        }
        let settings = Settings {
            service: service.clone(),
            interval: self.interval,
            start_patience: self.start_patience,
            patience: FLUSH_PATIENCE.min(self.interval),
            retention: self.retention,
            vitals: true,
        };
        let samplers = self.samplers.open()?;
        let now_us = to_micros(SystemTime::now());
        let mut writer = Writer::open(path, settings, now_us)?;
        let path = writer.path().clone();
        let (store, interval) = (Store::at(path.clone()), self.interval);
        let attendance = self.invited.attend(Occasion {
            service: &service,
            interval,
            store,
            writer: &mut writer,
            now_us,
            is_first: true,
        })?;
        if let Some(limit) = self.max_series {
            monitor_core::set_total_series_limit(limit);
        }
        let (commands, inbox) = bounded(COMMANDS);
        let handle = thread::spawn(writer, source, samplers, attendance, inbox, duration_micros(self.interval))
            .map_err(|error| Error::io("start the background thread for", &path, error))?;
        Ok(Monitor::new(path, commands, handle, renewal))
    }
}

fn program_name() -> String {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(Path::file_stem).map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| String::from("unknown"))
}

/// Whether the system, where it says so, holds the processor's time-stamp counter fit for keeping time. Linux tests it
/// against other clocks, over all processors, which a program cannot.
fn tsc_is_trusted() -> bool {
    let folder = Path::new("/sys/devices/system/clocksource/clocksource0");
    let read = |name| std::fs::read_to_string(folder.join(name));
    match (read("current_clocksource"), read("available_clocksource")) {
        (Ok(current), Ok(available)) => lists_tsc(&current) || lists_tsc(&available),
        _ => true,
    }
}

fn lists_tsc(sources: &str) -> bool {
    sources.split_whitespace().any(|source| source == "tsc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_stamp_counter_is_trusted_only_by_its_name() {
        assert!(lists_tsc("kvm-clock tsc acpi_pm\n"));
        assert!(!lists_tsc("hpet acpi_pm tsc-early\n"));
        assert!(!lists_tsc(""));
    }

    #[test]
    fn the_default_service_is_the_program() {
        assert!(!program_name().is_empty());
    }
}
