//! Promise: a disk that turns read-only while it is recorded to is an outage, and recording goes on by itself once it has
//! been repaired and mounted again.
//!
//! A file system with an open file is not made read-only on request; it becomes so by a failure. So this makes a small
//! ext4 fail, which needs Linux, root and a loop device.
#![cfg(all(target_os = "linux", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use common::start;

/// A small ext4 on a file. Unmounted when dropped.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// `None`, and it says so, where that is not allowed.
    fn make() -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(disk.home()).unwrap();
        fs::File::create(disk.image("first")).and_then(|image| image.set_len(24 << 20)).unwrap();
        let is_made = run("mkfs.ext4", &["-q", "-F", "-O", "^has_journal"], &[&disk.image("first")]);
        if is_made && disk.mount("first") {
            return Some(disk);
        }
        let message = "SKIPPED: this test mounts a small ext4, which needs Linux, root and a loop device";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("{message}");
        None
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn image(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mount(&self, image: &str) -> bool {
        run("mount", &["-o", "loop,errors=remount-ro"], &[&self.image(image), &self.home()])
    }

    /// Makes it fail, after which every write is refused.
    fn fail(&self) {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let home = self.home();
        let line = mounts.lines().find(|line| line.contains(home.to_str().unwrap())).unwrap();
        let device = Path::new(line.split(' ').next().unwrap()).file_name().unwrap().to_str().unwrap();
        fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "a test").unwrap();
    }

    /// Repairs a copy of it and mounts that in its place.
    fn repair(&self) {
        assert!(run("umount", &["-l"], &[&self.home()]));
        assert!(run("sync", &[], &[]));
        fs::copy(self.image("first"), self.image("second")).unwrap();
        run("e2fsck", &["-fy"], &[&self.image("second")]);
        assert!(self.mount("second"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["-l"], &[&self.home()]);
    }
}

fn run(program: &str, arguments: &[&str], paths: &[&Path]) -> bool {
    Command::new(program).args(arguments).args(paths).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_disk_that_fails_and_is_repaired() {
    let Some(disk) = Disk::make() else { return };
    let (monitor, feed) = start(&disk.home().join("metrics.db"));
    let calls = |count: u64| {
        for _ in 0..count {
            feed.with(|registry| registry.call("m", "f", "ok", 0.1));
        }
    };
    calls(2);
    monitor.flush().unwrap();
    assert!(run("sync", &[], &[]));
    disk.fail();
    calls(3);
    for _ in 0..3 {
        monitor.flush().unwrap_err();
    }
    assert_eq!(fs::read_dir(disk.home()).unwrap().filter(|entry| is_aside(entry.as_ref().unwrap())).count(), 0);
    disk.repair();
    calls(4);
    monitor.flush().unwrap();
    assert_eq!(monitor.query().function("f").stats().unwrap().calls, 9, "nothing is lost");
    assert_eq!(monitor.store().check().unwrap(), []);
    monitor.shutdown().unwrap();
    assert_eq!(fs::read_dir(disk.home()).unwrap().filter(|entry| is_aside(entry.as_ref().unwrap())).count(), 0);
}

/// Whether a file is a store that was taken for damaged.
fn is_aside(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().contains(".corrupt-")
}
