//! A monitor that cannot record says so when it starts: what, where, and what to do about it.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{fs, path::Path, time::Duration};

use common::{Feed, Tmpfs, builder, start};
use monitor_sinks::{Error, Monitor};
use rusqlite::Connection;

fn refused(path: &Path) -> Error {
    let error = builder(path).start_with(Feed::default().source()).expect_err("it must not start");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(error.to_string().contains(name), "the message names the file: {error}");
    error
}

#[test]
fn a_path_that_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused(folder.path()).is_folder());
}

#[test]
fn a_folder_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused(&folder.path().join("missing/metrics.db")).is_not_found());
}

#[test]
fn a_folder_that_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "text").unwrap();
    assert!(refused(&folder.path().join("file/metrics.db")).is_not_found());
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_nobody_may_write_to() {
    assert!(refused(Path::new("/sys/metrics.db")).is_read_only());
}

#[test]
fn a_read_only_file_system() {
    let Some(disk) = Tmpfs::mount(2_048) else { return };
    let path = disk.path().join("metrics.db");
    start(&path).0.shutdown().unwrap();
    assert!(disk.remount("ro"));
    assert!(refused(&path).is_read_only());
    assert!(refused(&disk.path().join("other.db")).is_read_only());
}

#[test]
fn a_file_that_is_not_a_database_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["hello", &"a long text, longer than a database header. ".repeat(500)] {
        let path = folder.path().join("notes.txt");
        fs::write(&path, text).unwrap();
        assert!(refused(&path).is_not_a_database());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was put beside it");
    }
}

#[test]
fn a_single_byte_is_not_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "x").unwrap();
    assert!(refused(&path).is_not_a_database());
    assert!(monitor_sinks::Store::open_read_only(&path).unwrap_err().is_not_a_database());
    assert_eq!(fs::read(&path).unwrap(), b"x");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was put beside it");
}

#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("null.db");
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let error = builder(&path).start_with(Feed::default().source()).unwrap_err();
    assert!(error.to_string().contains("/dev/null is not a regular file"), "{error}");
    assert!(!Path::new("/dev/null-lock").exists());
    let error = monitor_sinks::Store::open_read_only("/dev/null").unwrap_err();
    assert!(error.to_string().contains("is not a regular file"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("link.db");
    std::os::unix::fs::symlink("nowhere.db", &path).unwrap();
    let error = refused(&path);
    assert!(error.is_not_found() && error.to_string().contains("link to nowhere.db"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was put beside it");
}

#[test]
fn files_beside_the_store_that_cannot_be_written_are_named() {
    for suffix in ["-lock", "-wal", "-shm"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        start(&path).0.shutdown().unwrap();
        let name = format!("metrics.db{suffix}");
        let _ = fs::remove_file(folder.path().join(&name));
        fs::create_dir(folder.path().join(&name)).unwrap();
        let message = refused(&path).to_string();
        assert!(message.contains(&format!("{name} cannot be written")), "{message}");
    }
}

#[test]
fn a_full_disk_leaves_nothing_that_is_neither_empty_nor_a_store() {
    for room in [0, 4_096, 8_192, 16_384, 24_576, 40_960, 65_536] {
        let Some(disk) = Tmpfs::mount(1_024) else { return };
        let path = disk.path().join("metrics.db");
        let ballast = disk.path().join("ballast");
        fs::write(&ballast, vec![0; 1_024 * 1_024 - room]).unwrap();
        let started = builder(&path).start_with(Feed::default().source());
        let refused = started.as_ref().err().map(Error::is_full);
        assert_ne!(refused, Some(false), "{room}: {started:?}");
        if refused.is_some() {
            assert!(!path.exists() || monitor_sinks::Store::open_read_only(&path).is_ok(), "{room}");
        }
        drop(started);
        fs::remove_file(&ballast).unwrap();
        start(&path).0.shutdown().unwrap();
    }
}

#[test]
fn a_database_of_another_application_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for application_id in [0, 42] {
        let path = folder.path().join(format!("other{application_id}.db"));
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE series(x); INSERT INTO series VALUES(7);").unwrap();
        other.pragma_update(None, "application_id", application_id).unwrap();
        drop(other);
        let before = fs::read(&path).unwrap();
        assert!(refused(&path).is_of_another_application());
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing was put beside them");
}

#[test]
fn a_newer_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    start(&path).0.shutdown().unwrap();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = refused(&path);
    assert!(error.is_schema_too_new() && error.to_string().contains("schema 7"), "{error}");
}

#[test]
fn a_database_that_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    start(&path).0.shutdown().unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(refused(&path).is_locked());
    other.execute_batch("ROLLBACK").unwrap();
    start(&path).0.shutdown().unwrap();
}

#[test]
fn a_store_that_is_being_recorded_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (first, _feed) = start(&path);
    let error = refused(&path);
    assert!(error.is_in_use() && error.to_string().contains("this process"), "{error}");
    #[cfg(unix)]
    {
        let alias = folder.path().join("alias.db");
        std::os::unix::fs::symlink(&path, &alias).unwrap();
        let error = builder(&alias).start_with(Feed::default().source()).unwrap_err();
        assert!(error.is_in_use(), "{error}");
    }
    first.shutdown().unwrap();
    start(&path).0.shutdown().unwrap();
}

#[test]
fn an_empty_file_is_welcome() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    fs::write(&path, "").unwrap();
    start(&path).0.shutdown().unwrap();
    start(&path).0.shutdown().unwrap();
}

#[test]
fn settings_out_of_range() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let hour = Duration::from_hours(1);
    let settings = [
        builder(&path).flush_every(Duration::ZERO),
        builder(&path).flush_every(Duration::from_micros(999)),
        builder(&path).flush_every(hour + Duration::from_millis(1)),
        builder(&path).flush_every(Duration::MAX),
        builder(&path).service(""),
        builder(&path).service("x".repeat(201)),
        Monitor::builder().service("no store"),
        Monitor::builder().sqlite(""),
    ];
    for setting in settings {
        let error = setting.start_with(Feed::default().source()).unwrap_err();
        assert!(error.is_invalid_setting(), "{error}");
    }
    assert!(!path.exists(), "a wrong setting creates no file");
}
