//! Promise: a disk that turns read-only while it is recorded to is an outage, and recording goes on by itself once it has
//! been repaired and mounted again.
//!
//! A file system with an open file is not made read-only on request; it becomes so by a failure. So this makes a small
//! ext4 fail, which needs Linux, root and a loop device.
#![cfg(all(target_os = "linux", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::fs;

use common::{disk::Disk, start};

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
