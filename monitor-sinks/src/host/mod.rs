//! The host: what the machine, the container and this process use, sampled on a grid of wall-clock time.
//!
//! ```text
//! HostSampling ─► Host ─► tasks ─► readers (linux: files of proc and sys; elsewhere: portable) ─► record
//!                   └───► slow: readers that may hang, on threads of their own
//! ```
//!
//! - `settings`, `family`, `pattern`: what to sample.
//! - `record`: the series with their newest values; `device`: devices by name; `task`: readers, their cadence, cost and failures.
//! - `slow`: threads for readers that must not delay the others; `top`: the greatest users of CPU and memory.
//! - `textfile`: values that other programs leave in files; `exposition`: what these may hold.
//! - `linux`: readers over the files of proc and sys; `portable`: readers over the crate `sysinfo`.
//!
//! Invariants:
//!
//! - A sample never waits: what may hang is read by another thread and picked up when it is there.
//! - A sample that finds no new device allocates nothing.
//! - Counters hold what was counted since sampling began; a source that begins again at 0 adds what it has reached.
//!   Ratios come from two readings of the same source, so the first sample has none.
//! - No bytes in any file make it panic; what cannot be read is counted, said once, and left out.
//! - Sampling keeps within its budget of CPU time by reading less often, and says so in a metric.

mod cost;
mod device;
mod exposition;
mod family;
#[cfg(target_os = "linux")]
mod linux;
pub(crate) mod pattern;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
mod record;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only the readers of Linux need all of it"))]
mod settings;
mod slow;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only the readers of Linux need all of it"))]
mod task;
mod textfile;
mod top;

use std::time::{Duration, Instant, SystemTime};

use monitor_core::Sample;

#[cfg(target_os = "linux")]
use self::linux as system;
#[cfg(not(target_os = "linux"))]
use self::portable as system;
use self::{
    record::{Record, Scale, Slot},
    slow::{Budget, Slow, Work},
    task::{Reader, Tasks, Turn},
    textfile::Textfiles,
    top::Shared,
};
use crate::{
    error::Error,
    util::{
        report,
        time::{duration_micros, to_micros},
    },
};

pub use self::{
    family::Family,
    settings::HostSampling,
    top::{TopProcess, TopProcesses},
};

/// The sampler by itself, for programs that want the values without a store.
///
/// A [`Monitor`](crate::Monitor) that was given [`HostSampling`] drives one on its background thread.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use monitor_sinks::{Host, HostSampling};
///
/// let mut host = Host::open(HostSampling::every(Duration::from_secs(1)))?;
/// host.sample(host.due_us());
/// for sample in host.samples().filter(|sample| sample.key.name.starts_with("system_memory")) {
///     println!("{} {:?}", sample.key.name, sample.value);
/// }
/// host.delivered();
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
pub struct Host {
    settings: HostSampling,
    interval_us: i64,
    /// The next instant of the grid.
    next_us: i64,
    turn: Turn,
    record: Record,
    work: Work,
    slow: Vec<Slow>,
    samples: Slot,
    top: Shared,
}

impl Host {
    /// Prepares sampling and starts the threads of slow families.
    ///
    /// # Errors
    ///
    /// If a setting is out of range. What the system does not offer is no error.
    pub fn open(settings: HostSampling) -> Result<Self, Error> {
        settings.check()?;
        let top = Shared::default();
        let mut groups = system::slow(&settings, &top);
        if let Some(folder) = &settings.textfiles {
            let files: Box<dyn Reader> = Box::new(Textfiles::open(folder)?);
            groups.push(vec![(Family::Textfile, files)]);
        }
        let budget = Budget::new(settings.budget, groups.len() + 1);
        let tasks = Tasks::new(system::basic(&settings), &settings);
        let work = Work { tasks, budget: budget.clone(), place: 0 };
        let mut slow = Vec::new();
        for (place, readers) in groups.into_iter().enumerate() {
            let tasks = Tasks::new(readers, &settings);
            if tasks.is_empty() {
                continue;
            }
            match Slow::start(Work { tasks, budget: budget.clone(), place: place + 1 }) {
                Ok(started) => slow.push(started),
                Err(error) => report::line(format_args!("host sampling goes on without its slow families: {error}")),
            }
        }
        let mut record = Record::default();
        let samples = record.counter("monitored_host_samples_total", "", Scale::Whole, &[]);
        let interval_us = duration_micros(settings.interval);
        let next_us = after(to_micros(SystemTime::now()), interval_us);
        let turn = Turn::new(Instant::now());
        Ok(Self { settings, interval_us, next_us, turn, record, work, slow, samples, top })
    }

    /// When the next sample is due, in microseconds since 1970: a whole multiple of the interval.
    #[must_use]
    pub const fn due_us(&self) -> i64 {
        self.next_us
    }

    /// Whether a sample is due at `now_us`: its instant has come, or the wall clock was set back by so much that waiting
    /// for it would leave instants out.
    #[must_use]
    pub const fn is_due(&self, now_us: i64) -> bool {
        now_us >= self.next_us || self.next_us.saturating_sub(now_us) > self.interval_us
    }

    /// Takes a sample, whose time is `at_us`, in microseconds since 1970. Instants that were missed are passed over.
    pub fn sample(&mut self, at_us: i64) {
        self.sample_at(at_us, Instant::now());
    }

    /// Every series that has a value, as of the newest sample. Those that were taken and not delivered are `changed`.
    pub fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.record.samples()
    }

    /// Takes note that what `samples` listed as changed has been stored.
    pub fn delivered(&mut self) {
        self.record.delivered();
    }

    /// The processes that used the most CPU and memory at the newest scan; empty before the first one has ended.
    #[must_use]
    pub fn top(&self) -> TopProcesses {
        self.top.get()
    }

    fn sample_at(&mut self, at_us: i64, now: Instant) {
        self.next_us = after(at_us, self.interval_us);
        self.turn.now = now;
        self.work.turn(&mut self.turn, &mut self.record);
        self.record.add(self.samples, 1);
        let wait = Duration::from_micros(self.next_us.saturating_sub(at_us).unsigned_abs());
        for slow in &mut self.slow {
            slow.pick_up(&mut self.record);
            slow.prepare(now, wait);
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("settings", &self.settings).field("next_us", &self.next_us).finish_non_exhaustive()
    }
}

/// The first instant of the grid after `now_us`.
const fn after(now_us: i64, interval_us: i64) -> i64 {
    now_us.saturating_sub(now_us.rem_euclid(interval_us)).saturating_add(interval_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        let settings = HostSampling::every(Duration::from_secs(10)).only([Family::Load, Family::Memory]);
        Host::open(settings).unwrap()
    }

    #[test]
    fn samples_are_due_on_whole_intervals() {
        let mut host = host();
        host.sample(1_700_000_003_000_000);
        assert_eq!(host.due_us(), 1_700_000_010_000_000);
        assert!(!host.is_due(1_700_000_009_999_999) && host.is_due(1_700_000_010_000_000));
        host.sample(1_700_000_010_000_400);
        assert_eq!(host.due_us(), 1_700_000_020_000_000);
    }

    #[test]
    fn a_wall_clock_that_jumps_costs_one_sample_at_most() {
        let mut host = host();
        host.sample(1_700_000_000_000_000);
        // A machine that was suspended does not make up for what it missed.
        host.sample(1_700_090_000_000_001);
        assert_eq!(host.due_us(), 1_700_090_010_000_000);
        // Set back, the instant that was planned is too far away to be waited for.
        assert!(host.is_due(1_700_000_000_000_000));
        host.sample(1_700_000_000_000_000);
        assert_eq!(host.due_us(), 1_700_000_010_000_000);
        host.sample(-5);
        assert_eq!(host.due_us(), 0);
    }

    #[test]
    fn what_was_taken_is_changed_until_it_is_delivered() {
        let mut host = host();
        let memory = |host: &Host| {
            let mut samples = host.samples();
            samples
                .find(|sample| sample.key.name == "system_memory_total_bytes")
                .map(|sample| (sample.index, sample.changed))
        };
        assert_eq!(memory(&host), None);
        host.sample(0);
        let (index, changed) = memory(&host).unwrap();
        assert!(changed);
        host.delivered();
        assert_eq!(memory(&host), Some((index, false)));
        host.sample(10_000_000);
        assert_eq!(memory(&host), Some((index, true)));
    }

    #[test]
    fn bad_settings_are_refused() {
        assert!(Host::open(HostSampling::every(Duration::ZERO)).unwrap_err().is_invalid_setting());
    }
}
