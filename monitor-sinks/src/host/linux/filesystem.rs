//! File systems: size, use, inodes, whether they are read-only, do not answer, or fail.
//!
//! `used` is what is not free, and the ratio is used over used plus available to programs, as `df` has it: blocks that
//! only the superuser may use are `reserved`, neither used nor free. A file system that is mounted several times is listed
//! once, at the shortest path.
//!
//! Asking a file system whose server is gone can take for ever, so other threads do it. When none of them answers for a
//! while, one more is started, so that the other mounts go on; a mount that has not answered in time is stuck and not
//! asked again until it answers. The number of threads has an end: if all of them hang, the file systems stay as they
//! are, and that is a failure.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    asker::{Askers, Usage, ask},
    file::KernelFile,
    mount,
};
use crate::host::{
    pattern::Selection,
    record::{Record, Slot},
    settings::HostSampling,
    task::{Reader, Turn},
};

/// How long a file system may take to answer before it is stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long nobody may answer before one more thread asks.
const PAUSE: Duration = Duration::from_millis(100);

/// Mounts that are told apart.
const MOST_MOUNTS: usize = 512;

/// Types without a disk behind them, those that asking would mount, and those that are always full.
const UNREAL: &str = "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs \
    fuse.gvfsd-fuse fuse.portal fusectl hugetlbfs iso9660 mqueue nsfs proc pstore ramfs rpc_pipefs securityfs \
    selinuxfs squashfs sysfs tracefs erofs";

/// Places of the system's own, and files that containers have mounted one by one.
const UNWANTED: [&str; 6] = ["/proc/*", "/sys/*", "/dev/*", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// Reads the file systems.
pub(super) struct Filesystem {
    table: KernelFile,
    root: PathBuf,
    selection: Selection,
    unwanted: Selection,
    askers: Askers<Id>,
    mounts: HashMap<Id, State>,
    patience: Duration,
}

/// What makes a mount the same as before: its point, device and type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Id {
    point: Vec<u8>,
    source: Vec<u8>,
    kind: Vec<u8>,
}

#[derive(Debug)]
struct State {
    slots: Slots,
    is_here: bool,
    /// When it was asked, if it has not answered yet.
    asked: Option<Instant>,
}

#[derive(Debug)]
struct Slots {
    size: Slot,
    states: [Slot; 3],
    utilization: Slot,
    inodes: [Slot; 2],
    read_only: Slot,
    stuck: Slot,
    error: Slot,
}

impl Slots {
    fn new(id: &Id, out: &mut Record) -> Self {
        let [point, source, kind] = [&id.point, &id.source, &id.kind].map(|text| String::from_utf8_lossy(text));
        let labels = [("mountpoint", &*point), ("device", &*source), ("type", &*kind)];
        let with = |state| [labels[0], labels[1], labels[2], ("state", state)];
        let mut gauge = |name, unit, labels: &[(&str, &str)]| out.gauge(name, unit, labels);
        Self {
            size: gauge("system_filesystem_size_bytes", "bytes", &labels),
            states: ["used", "free", "reserved"]
                .map(|state| gauge("system_filesystem_usage_bytes", "bytes", &with(state))),
            utilization: gauge("system_filesystem_utilization_ratio", "", &labels),
            inodes: ["used", "free"].map(|state| gauge("system_filesystem_inodes", "", &with(state))),
            read_only: gauge("system_filesystem_read_only", "", &labels),
            stuck: gauge("system_filesystem_stuck", "", &labels),
            error: gauge("system_filesystem_error", "", &labels),
        }
    }

    /// Retires what the file system said of itself, because it does not say so any more.
    fn retire_values(&self, out: &mut Record) {
        out.retire_all(&[self.size, self.utilization, self.read_only]);
        out.retire_all(&self.states);
        out.retire_all(&self.inodes);
    }

    fn retire(&self, out: &mut Record) {
        self.retire_values(out);
        out.retire_all(&[self.stuck, self.error]);
    }

    fn write(&self, answer: &io::Result<Usage>, out: &mut Record) {
        out.set(self.stuck, 0.0);
        out.set(self.error, f64::from(u8::from(answer.is_err())));
        let Ok(usage) = answer else { return self.retire_values(out) };
        if usage.size == 0 {
            // It has no size, so there is nothing to say of it.
            return self.retire(out);
        }
        let used = usage.size.saturating_sub(usage.free);
        out.set(self.size, usage.size as f64);
        let reserved = usage.free.saturating_sub(usage.available);
        for (slot, bytes) in self.states.iter().zip([used, usage.available, reserved]) {
            out.set(*slot, bytes as f64);
        }
        out.set(self.utilization, super::memory::ratio(used, used.saturating_add(usage.available)));
        if usage.inodes > 0 {
            out.set(self.inodes[0], usage.inodes.saturating_sub(usage.inodes_free) as f64);
            out.set(self.inodes[1], usage.inodes_free as f64);
        }
        out.set(self.read_only, f64::from(u8::from(usage.is_read_only)));
    }
}

impl Filesystem {
    pub(super) fn new(settings: &HostSampling) -> Self {
        Self {
            table: KernelFile::new(mount::table(settings)),
            root: settings.root.clone(),
            selection: settings.mounts.clone(),
            unwanted: Selection::excluding(&UNWANTED),
            askers: Askers::new(ask),
            mounts: HashMap::new(),
            patience: PATIENCE,
        }
    }

    /// Brings the mounts up to date with the table.
    fn look(&mut self, bytes: &[u8], out: &mut Record) {
        let wanted = |point: &str| {
            let is_named = !self.selection.include.is_empty();
            (is_named || self.unwanted.takes(point)) && self.selection.takes(point)
        };
        let chosen = choose(bytes, wanted);
        self.mounts.values_mut().for_each(|state| state.is_here = false);
        for id in chosen.into_iter().take(MOST_MOUNTS) {
            let make = |id: &Id, out: &mut Record| State { slots: Slots::new(id, out), is_here: true, asked: None };
            match self.mounts.get_mut(&id) {
                Some(state) => state.is_here = true,
                None => drop(self.mounts.insert(id.clone(), make(&id, out))),
            }
        }
        // One that is gone but has not answered yet still holds a thread; it is forgotten when it does.
        self.mounts.retain(|_, state| {
            if !state.is_here {
                state.slots.retire(out);
            }
            state.is_here || state.asked.is_some()
        });
    }

    /// Asks every mount that has answered before.
    fn ask_all(&mut self, now: Instant) {
        for (id, state) in self.mounts.iter_mut().filter(|(_, state)| state.is_here && state.asked.is_none()) {
            state.asked = Some(now);
            let point = Path::new(std::ffi::OsStr::from_bytes(&id.point));
            let path = self.root.join(point.strip_prefix("/").unwrap_or(point));
            self.askers.ask(id.clone(), path);
        }
    }

    /// Takes answers until there are no more to wait for.
    fn take_answers(&mut self, out: &mut Record) {
        let end = Instant::now() + self.patience;
        // Those that were late before are not waited for again.
        let late: Vec<Id> = self.late(self.patience);
        while self.mounts.iter().any(|(id, state)| state.asked.is_some() && !late.contains(id)) {
            let left = end.saturating_duration_since(Instant::now());
            match self.askers.answer(left.min(PAUSE)) {
                Some((id, answer)) => self.take(&id, &answer, out),
                None if left.is_zero() => break,
                None => self.askers.reinforce(),
            }
        }
        while let Some((id, answer)) = self.askers.answer(Duration::ZERO) {
            self.take(&id, &answer, out);
        }
    }

    /// The mounts that were asked this long ago and have not answered.
    fn late(&self, patience: Duration) -> Vec<Id> {
        let is_late = |state: &State| state.asked.is_some_and(|asked| asked.elapsed() >= patience);
        self.mounts.iter().filter(|(_, state)| is_late(state)).map(|(id, _)| id.clone()).collect()
    }

    fn take(&mut self, id: &Id, answer: &io::Result<Usage>, out: &mut Record) {
        let Some(state) = self.mounts.get_mut(id) else { return };
        state.asked = None;
        if state.is_here {
            state.slots.write(answer, out);
        }
    }
}

impl Reader for Filesystem {
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut turn.buffer);
        let bytes = self.table.read(&mut buffer);
        let looked = bytes.map(|bytes| bytes.map(|bytes| self.look(bytes, out)));
        turn.buffer = buffer;
        looked?;
        self.ask_all(Instant::now());
        self.take_answers(out);
        let stuck: Vec<&State> = self.mounts.values().filter(|state| state.asked.is_some() && state.is_here).collect();
        for state in &stuck {
            state.slots.retire_values(out);
            out.set(state.slots.stuck, 1.0);
        }
        if !stuck.is_empty() && self.askers.is_exhausted() {
            return Err(io::Error::other(format!("{} file systems do not answer", stuck.len())));
        }
        Ok(())
    }
}

/// The mounts of a table that are to be asked, each file system once.
fn choose(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<Id> {
    // The last mount at a point covers those before it.
    let mut points = BTreeMap::new();
    for mount in mount::mounts(bytes) {
        points.insert(mount.point.to_vec(), mount);
    }
    let mut devices: BTreeMap<Vec<u8>, (usize, Id)> = BTreeMap::new();
    for (point, mount) in points {
        if UNREAL.split(' ').any(|kind| kind.as_bytes() == mount.kind) || !wanted(&String::from_utf8_lossy(&point)) {
            continue;
        }
        // A part of a file system says the same as the whole; the whole comes first, then the shortest path.
        let rank = point.len() + if *mount.root == *b"/" { 0 } else { 1 << 20 };
        let id = Id { point, source: mount.source.to_vec(), kind: mount.kind.to_vec() };
        match devices.get(mount.number) {
            Some((known, _)) if *known <= rank => {}
            _ => drop(devices.insert(mount.number.to_vec(), (rank, id))),
        }
    }
    let mut chosen: Vec<Id> = devices.into_values().map(|(_, id)| id).collect();
    chosen.sort();
    chosen
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const TABLE: &[u8] = b"22 1 254:1 / / rw - ext4 /dev/vda1 rw\n\
        23 22 0:21 / /proc rw - proc proc rw\n\
        24 22 0:30 / /run rw - tmpfs tmpfs rw\n\
        25 22 254:1 /var/data /srv/data rw - ext4 /dev/vda1 rw\n\
        26 22 254:1 / /mnt rw - ext4 /dev/vda1 rw\n\
        27 22 254:2 / /home rw - xfs /dev/vdb rw\n\
        28 22 0:44 / /home rw - nfs4 server:/home rw\n\
        29 22 254:3 /conf /etc/hosts rw - ext4 /dev/vdc rw\n";

    fn points(bytes: &[u8]) -> Vec<String> {
        let unwanted = Selection::excluding(&UNWANTED);
        let chosen = choose(bytes, |point| unwanted.takes(point));
        chosen.into_iter().map(|id| String::from_utf8(id.point).unwrap()).collect()
    }

    #[test]
    fn each_file_system_is_chosen_once_and_only_what_is_not_covered() {
        assert_eq!(points(TABLE), ["/", "/home", "/run"]);
        assert!(points(b"").is_empty() && points(b"\n\nx y z\n").is_empty());
    }

    /// Whether the file system at `/stuck` hangs.
    static GATE: Mutex<()> = Mutex::new(());

    fn ask_or_hang(path: &Path) -> io::Result<Usage> {
        if path.ends_with("stuck") {
            drop(GATE.lock());
        }
        if path.ends_with("failing") {
            return Err(io::Error::from_raw_os_error(5));
        }
        let usage = Usage { size: 100, free: 40, available: 30, inodes: 10, inodes_free: 4, is_read_only: false };
        Ok(usage)
    }

    fn value(out: &Record, name: &str, point: &str, state: Option<&str>) -> Option<f64> {
        let has = |key: &str, value: &str, labels: &[(String, String)]| {
            labels.iter().any(|label| (&*label.0, &*label.1) == (key, value))
        };
        let found = out.samples().find(|sample| {
            sample.key.name == format!("system_filesystem_{name}")
                && has("mountpoint", point, &sample.key.labels)
                && state.is_none_or(|state| has("state", state, &sample.key.labels))
        })?;
        match found.value {
            monitor_core::Value::Gauge(value) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn a_stuck_mount_is_marked_not_asked_again_and_delays_no_other() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proc/self")).unwrap();
        let table = "1 0 8:1 / /a rw - ext4 /dev/sda1 rw\n2 0 8:2 / /stuck rw - ext4 /dev/sda2 rw\n\
            3 0 8:3 / /z rw - ext4 /dev/sda3 rw\n4 0 8:4 / /failing rw - ext4 /dev/sda4 rw\n";
        std::fs::write(folder.path().join("proc/self/mountinfo"), table).unwrap();
        let settings = HostSampling::every(Duration::from_secs(1)).root(folder.path());
        let (mut out, mut turn) = (Record::default(), Turn::new(Instant::now()));
        let mut reader = Filesystem {
            askers: Askers::new(ask_or_hang),
            patience: Duration::from_millis(300),
            ..Filesystem::new(&settings)
        };
        let gate = GATE.lock().unwrap();
        for _ in 0..3 {
            reader.read(&mut turn, &mut out).unwrap();
        }
        assert_eq!(value(&out, "stuck", "/stuck", None), Some(1.0));
        assert_eq!(value(&out, "size_bytes", "/stuck", None), None);
        for point in ["/a", "/z"] {
            assert_eq!(value(&out, "stuck", point, None), Some(0.0), "{point}");
            assert_eq!(value(&out, "utilization_ratio", point, None), Some(60.0 / 90.0));
            let states = ["used", "free", "reserved"].map(|state| value(&out, "usage_bytes", point, Some(state)));
            assert_eq!(states, [Some(60.0), Some(30.0), Some(10.0)]);
        }
        assert_eq!(value(&out, "error", "/failing", None), Some(1.0));
        // Of the threads, one hangs and the others wait for work, however often the mounts were asked.
        assert!(reader.askers.threads() <= 3);
        drop(gate);
        while reader.mounts.values().any(|state| state.asked.is_some()) {
            reader.take_answers(&mut out);
        }
        assert_eq!(value(&out, "stuck", "/stuck", None), Some(0.0));
        assert_eq!(value(&out, "size_bytes", "/stuck", None), Some(100.0));
    }
}
