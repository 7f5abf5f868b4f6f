//! What the tests of the public interface share.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

#[cfg(feature = "promql")]
pub(crate) mod answer;
pub(crate) mod damaged;
pub(crate) mod disk;
#[cfg(feature = "promql")]
pub(crate) mod expression;
#[cfg(feature = "promql")]
pub(crate) mod prometheus;
pub(crate) mod random;
pub(crate) mod registry;
#[cfg(feature = "promql")]
pub(crate) mod scraped;
#[cfg(feature = "promql")]
pub(crate) mod shop;
pub(crate) mod tape;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use monitor_core::Sample;
use monitor_sinks::{Builder, Monitor, runtime::Source};

pub(crate) use self::{
    random::Random,
    registry::{Registry, key},
};

/// Longer than any test, so that rows are written only when a test says so.
pub(crate) const NEVER: Duration = Duration::from_hours(1);

type Recording = Box<dyn FnOnce(&mut Registry) + Send>;

/// A source that the test feeds while a monitor drains it.
#[derive(Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<Vec<Recording>>>);

impl Feed {
    /// Records something; it is seen by the next drain.
    pub(crate) fn with(&self, recording: impl FnOnce(&mut Registry) + Send + 'static) {
        self.0.lock().unwrap().push(Box::new(recording));
    }

    pub(crate) fn source(&self) -> Fed {
        Fed { feed: self.clone(), registry: Registry::default() }
    }
}

/// The monitor's end of a feed.
pub(crate) struct Fed {
    feed: Feed,
    registry: Registry,
}

impl Source for Fed {
    fn collect(&mut self) {
        let recordings = std::mem::take(&mut *self.feed.0.lock().unwrap());
        for recording in recordings {
            recording(&mut self.registry);
        }
    }

    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.registry.samples().map(|(index, key, value, changed)| Sample { index, key, value, changed })
    }

    fn delivered(&mut self) {
        self.registry.delivered();
    }
}

/// A monitor on `path` that drains when told to, short of patience so that failing tests fail fast.
pub(crate) fn builder(path: &Path) -> Builder {
    Monitor::builder().service("test").sqlite(path).flush_every(NEVER).start_patience(Duration::from_millis(50))
}

pub(crate) fn start(path: &Path) -> (Monitor, Feed) {
    let feed = Feed::default();
    let monitor = builder(path).start_with(feed.source()).unwrap();
    (monitor, feed)
}

/// Where `promtool` is: at the path in `MONITORED_PROMTOOL`, or else in the path of programs. Where there is none the test
/// cannot run: it says so, and fails where it must not be left out.
pub(crate) fn promtool() -> Option<PathBuf> {
    let named = std::env::var_os("MONITORED_PROMTOOL").map(PathBuf::from);
    let found = named.unwrap_or_else(|| PathBuf::from("promtool"));
    if Command::new(&found).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(found);
    }
    let message = "SKIPPED: this test needs promtool, of the Debian package prometheus";
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}");
    None
}

/// A small file system of its own, unmounted when dropped.
pub(crate) struct Tmpfs {
    folder: tempfile::TempDir,
}

impl Tmpfs {
    /// Mounts one of `size_kib`. Where that is not allowed the test cannot run: it says so, and fails where it must not
    /// be left out.
    pub(crate) fn mount(size_kib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = cfg!(target_os = "linux")
            && run("mount", &["-t", "tmpfs", "-o", &format!("size={size_kib}k"), "tmpfs"], folder.path());
        if !mounted {
            let message = "SKIPPED: this test mounts a small tmpfs, which needs Linux and root";
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        }
        Some(Self { folder })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub(crate) fn remount(&self, mode: &str) -> bool {
        run("mount", &["-o", &format!("remount,{mode}")], self.folder.path())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        run("umount", &["-l"], self.folder.path());
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    Command::new(program).args(arguments).arg(path).output().is_ok_and(|output| output.status.success())
}
