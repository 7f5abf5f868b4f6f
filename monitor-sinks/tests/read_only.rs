//! A store is read wherever it lies and whoever writes to it, or the error says why not.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{fs, path::Path};

use common::{Tmpfs, start};
use monitor_sinks::{Error, Store};
use rusqlite::Connection;

fn calls(store: &Store) -> u64 {
    store.query().function("f").stats().unwrap().calls
}

fn refused(path: &Path) -> Error {
    let error = Store::open_read_only(path).expect_err("it must not open");
    assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    error
}

#[test]
fn while_it_is_written_and_after_a_clean_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.flush().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(calls(&store), 1);
    monitor.shutdown().unwrap();
    assert_eq!(calls(&store), 1);
    assert_eq!(calls(&Store::open_read_only(&path).unwrap()), 1);
}

#[test]
fn on_a_file_system_that_cannot_be_written_to() {
    let Some(disk) = Tmpfs::mount(4_096) else { return };
    let path = disk.path().join("odd name?#%.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.shutdown().unwrap();
    assert!(disk.remount("ro"));
    assert_eq!(calls(&Store::open_read_only(&path).unwrap()), 1);
}

/// As after a crash: the log holds rows that the file does not.
#[test]
fn with_a_log_that_a_crash_left() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("metrics.db"), folder.path().join("copy.db"));
    let (monitor, feed) = start(&path);
    for _ in 0..3 {
        feed.with(|registry| registry.call("m", "f", "ok", 0.1));
        monitor.flush().unwrap();
    }
    fs::copy(&path, &copy).unwrap();
    fs::copy(folder.path().join("metrics.db-wal"), folder.path().join("copy.db-wal")).unwrap();
    assert_eq!(calls(&Store::open_read_only(&copy).unwrap()), 3);
    let (again, feed) = start(&copy);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    again.shutdown().unwrap();
    assert_eq!(calls(&Store::open_read_only(&copy).unwrap()), 4);
}

#[test]
fn many_threads_at_once_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.flush().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let store = store.clone();
            scope.spawn(move || {
                let mut seen = 0;
                for _ in 0..40 {
                    let now = calls(&store);
                    assert!(now >= seen, "a count never shrinks");
                    seen = now;
                }
            });
        }
        for _ in 0..60 {
            feed.with(|registry| registry.call("m", "f", "ok", 0.1));
            monitor.flush().unwrap();
        }
    });
    assert_eq!(calls(&store), 61);
}

#[test]
fn a_query_leaves_no_files_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.shutdown().unwrap();
    for lease in ["with", "without"] {
        assert_eq!(calls(&Store::open_read_only(&path).unwrap()), 1, "{lease}");
        for suffix in ["-wal", "-shm"] {
            assert!(!folder.path().join(format!("metrics.db{suffix}")).exists(), "{suffix} {lease}");
        }
        let _ = fs::remove_file(folder.path().join("metrics.db-lock"));
    }
}

#[test]
fn queries_never_keep_a_recording_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.call("m", "f", "ok", 0.1));
    monitor.shutdown().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(calls(&store) >= 1);
            }
        });
        for _ in 0..20 {
            let feed = common::Feed::default();
            let builder = common::builder(&path).start_patience(std::time::Duration::from_secs(2));
            let monitor = builder.start_with(feed.source());
            feed.with(|registry| registry.call("m", "f", "ok", 0.1));
            let result = monitor.and_then(monitor_sinks::Monitor::shutdown);
            if result.is_err() {
                done.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            result.unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(calls(&store), 21);
}

#[test]
fn what_is_not_a_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused(folder.path()).is_folder());
    assert!(refused(&folder.path().join("missing.db")).is_not_found());
    assert!(refused(&folder.path().join("missing/metrics.db")).is_not_found());

    let path = folder.path().join("notes.txt");
    fs::write(&path, "not a database at all").unwrap();
    assert!(refused(&path).is_not_a_database());

    let path = folder.path().join("empty.db");
    fs::write(&path, "").unwrap();
    assert!(refused(&path).is_not_found());

    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE x(y)").unwrap();
    assert!(refused(&path).is_of_another_application());

    let path = folder.path().join("newer.db");
    start(&path).0.shutdown().unwrap();
    let newer = "PRAGMA user_version = 1000; UPDATE meta SET v = 1000 WHERE k = 'readable_from'";
    Connection::open(&path).unwrap().execute_batch(newer).unwrap();
    assert!(refused(&path).is_schema_too_new());
}

#[test]
fn a_store_is_shared_and_sent_freely() {
    const fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Store>();
    shared::<monitor_sinks::Query>();
}

#[test]
fn a_monitor_is_shared_between_threads() {
    const fn shared<T: Send + Sync + 'static>() {}
    shared::<monitor_sinks::Monitor>();
}
