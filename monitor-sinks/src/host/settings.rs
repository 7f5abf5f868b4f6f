//! What to sample of the host, how often, and what to leave out. Steps never fail; what is wrong is said when the
//! sampler is opened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{family::Family, pattern::Selection};
use crate::error::Error;

/// More often the system's own counters do not move.
const SHORTEST: Duration = Duration::from_millis(100);

/// Beyond an hour a sample says nothing about what happened between it and the next.
const LONGEST: Duration = Duration::from_hours(1);

/// What is read less often than this may as well be left out.
const LONGEST_CADENCE: Duration = Duration::from_hours(24);

/// Longer lists than this are a table of processes, which is not what a time series is for.
const MOST_TOP: usize = 32;

/// Interfaces that come and go with containers, of which the other end is counted anyway.
const PASSING_INTERFACES: [&str; 4] = ["veth*", "cali*", "lxc*", "tap*"];

/// Devices without a disk of their own.
const UNREAL_DISKS: [&str; 3] = ["loop*", "ram*", "fd*"];

/// Settings of host sampling.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use monitor_sinks::{Family, HostSampling};
///
/// let host = HostSampling::every(Duration::from_secs(30))
///     .without(Family::Pressure)
///     .cadence(Family::Filesystem, Duration::from_secs(60))
///     .exclude_mounts(["/mnt/backup*"])
///     .top(10);
/// # drop(host);
/// ```
#[derive(Debug, Clone)]
#[must_use = "settings sample nothing until a monitor is started with them"]
pub struct HostSampling {
    pub(super) interval: Duration,
    pub(super) is_on: [bool; Family::ALL.len()],
    pub(super) cadence: [Duration; Family::ALL.len()],
    pub(super) top: usize,
    pub(super) mounts: Selection,
    pub(super) interfaces: Selection,
    pub(super) disks: Selection,
    pub(super) textfiles: Option<PathBuf>,
    pub(super) root: PathBuf,
    pub(super) budget: f64,
}

impl HostSampling {
    /// Samples the host each time this long has passed, on whole multiples of it in wall-clock time: 100 ms to 1 h.
    ///
    /// All families are on. Some are read less often, see [`cadence`](Self::cadence).
    pub fn every(interval: Duration) -> Self {
        Self {
            interval,
            is_on: [true; Family::ALL.len()],
            cadence: Family::ALL.map(Family::cadence),
            top: 5,
            mounts: Selection::default(),
            interfaces: Selection::excluding(&PASSING_INTERFACES),
            disks: Selection::excluding(&UNREAL_DISKS),
            textfiles: None,
            root: PathBuf::from("/"),
            budget: 0.005,
        }
    }

    /// Samples these families and no others.
    pub fn only(mut self, families: impl IntoIterator<Item = Family>) -> Self {
        self.is_on = [false; Family::ALL.len()];
        for family in families {
            self.is_on[family.place()] = true;
        }
        self
    }

    /// Leaves a family out.
    pub const fn without(mut self, family: Family) -> Self {
        self.is_on[family.place()] = false;
        self
    }

    /// Takes a family in again that was left out.
    pub const fn with(mut self, family: Family) -> Self {
        self.is_on[family.place()] = true;
        self
    }

    /// Reads a family at most this often. It is read at samples only, so never more often than the interval.
    ///
    /// Default: file systems and protocols every 10 s; processes, threads, load, paging and file handles every 5 s; the
    /// others at each sample. Within a family, what takes a file of its own and changes slowly is read less often still: descriptors
    /// and bytes of this process and details of the container every 5 s, limits every 10 s, links every 30 s. A cadence
    /// of more than a day is a day.
    pub const fn cadence(mut self, family: Family, cadence: Duration) -> Self {
        self.cadence[family.place()] = cadence;
        self
    }

    /// How many processes the lists of the greatest users of CPU and of memory have, 0 to 32. Default: 5.
    pub const fn top(mut self, processes: usize) -> Self {
        self.top = processes;
        self
    }

    /// Takes only mount points that match one of these patterns, in which `*` stands for any text and `?` for one byte.
    pub fn include_mounts<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.mounts.include.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Leaves out mount points that match one of these patterns.
    pub fn exclude_mounts<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.mounts.exclude.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Takes only network interfaces that match one of these patterns.
    pub fn include_interfaces<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.interfaces.include.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Leaves out network interfaces that match one of these patterns, in place of the default: `veth*`, `cali*`, `lxc*`
    /// and `tap*`, which come and go with containers and virtual machines.
    pub fn exclude_interfaces<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.interfaces.exclude = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Takes only disks that match one of these patterns.
    pub fn include_disks<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.disks.include.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Leaves out disks that match one of these patterns, in place of the default: `loop*`, `ram*` and `fd*`. Partitions
    /// are never taken, as they are part of a disk.
    pub fn exclude_disks<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.disks.exclude = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Reads the files `*.prom` of this directory, which hold values in the Prometheus text format. Default: none.
    pub fn textfiles(mut self, directory: impl AsRef<Path>) -> Self {
        self.textfiles = Some(directory.as_ref().to_owned());
        self
    }

    /// Finds the system's files, such as `proc` and `sys`, under this path instead of `/`; for a sampler in a container
    /// that has the host's mounted somewhere.
    pub fn root(mut self, path: impl AsRef<Path>) -> Self {
        path.as_ref().clone_into(&mut self.root);
        self
    }

    /// How much of one core sampling may use by itself: more than 0, at most 1. Default: 0.005, which is 0.5 %.
    ///
    /// Families on a thread of their own, the list of processes before all, are then read less often.
    pub const fn budget(mut self, share_of_one_core: f64) -> Self {
        self.budget = share_of_one_core;
        self
    }

    /// Whether `family` is to be read.
    pub(super) const fn is_on(&self, family: Family) -> bool {
        self.is_on[family.place()]
    }

    /// How long it is from one reading of `family` to the next, at least.
    pub(super) fn cadence_of(&self, family: Family) -> Duration {
        self.cadence[family.place()].clamp(self.interval, LONGEST_CADENCE)
    }

    /// Where the system's file `name` is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Says what is out of range, if anything is.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(SHORTEST..=LONGEST).contains(&self.interval) {
            return Err(Error::setting(format!(
                "HostSampling::every({:?}) is out of range; choose 100 ms to 1 h, such as 10 s",
                self.interval
            )));
        }
        if self.top > MOST_TOP {
            return Err(Error::setting(format!("top({}) is out of range; choose 0 to {MOST_TOP}", self.top)));
        }
        if !(self.budget > 0.0 && self.budget <= 1.0) {
            return Err(Error::setting(format!(
                "budget({}) is out of range; it is a share of one core, more than 0 and at most 1, such as 0.005",
                self.budget
            )));
        }
        let selections = [(&self.mounts, "mounts"), (&self.interfaces, "interfaces"), (&self.disks, "disks")];
        if let Some((_, what)) = selections.iter().find(|(selection, _)| selection.has_empty()) {
            let message = format!("a pattern for {what} is empty; leave it out, or write \"*\" for all");
            return Err(Error::setting(message));
        }
        if !self.root.is_dir() {
            let root = self.root.display();
            return Err(Error::setting(format!("root({root}) is no folder; give the one that has proc and sys in it")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(settings: &HostSampling) -> String {
        settings.check().map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_is_out_of_range_is_named_with_a_cure() {
        let ten = || HostSampling::every(Duration::from_secs(10));
        for (settings, word) in [
            (HostSampling::every(Duration::ZERO), "every"),
            (HostSampling::every(Duration::from_hours(2)), "every"),
            (ten().top(33), "top"),
            (ten().budget(0.0), "budget"),
            (ten().budget(f64::NAN), "budget"),
            (ten().exclude_disks([""]), "disks"),
            (ten().root("/no/such/folder"), "root"),
        ] {
            let message = message(&settings);
            assert!(message.contains(word) && message.contains(';'), "{message}");
        }
        assert_eq!(message(&ten()), "");
    }

    #[test]
    fn families_are_switched_one_by_one() {
        let settings =
            HostSampling::every(Duration::from_secs(1)).only([Family::Cpu, Family::Disk]).without(Family::Disk);
        let on: Vec<_> = Family::ALL.into_iter().filter(|family| settings.is_on(*family)).collect();
        assert_eq!(on, [Family::Cpu]);
        assert!(settings.with(Family::Load).is_on(Family::Load));
    }

    #[test]
    fn no_cadence_is_shorter_than_the_interval() {
        let settings = HostSampling::every(Duration::from_secs(30));
        assert_eq!(settings.cadence_of(Family::Process), Duration::from_secs(30));
        let settings = HostSampling::every(Duration::from_secs(1)).cadence(Family::Process, Duration::from_secs(7));
        assert_eq!(settings.cadence_of(Family::Process), Duration::from_secs(7));
        let settings = settings.cadence(Family::Process, Duration::MAX);
        assert_eq!(settings.cadence_of(Family::Process), Duration::from_hours(24));
    }
}
