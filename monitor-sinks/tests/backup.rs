//! Promise: a backup is a complete store, whatever happens to the original meanwhile, or it is not there.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use common::{Tmpfs, start};
use monitor_sinks::Store;

fn rows(store: &Store) -> f64 {
    store.query().metric("rows").series().unwrap()[0].increase()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_beside_a_recording_at_full_speed_holds_what_was_stored_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    let record = |round: u64| {
        feed.with(move |registry| {
            registry.count("rows", &[], 1);
            let filler = "x".repeat(900);
            registry.gauge("level", &[("round", &format!("{}{filler}", round % 400))], round as f64);
        });
        monitor.flush().unwrap();
    };
    (0..400).for_each(record);
    let done = AtomicBool::new(false);
    let (copies, longest) = thread::scope(|scope| {
        let copying = scope.spawn(|| {
            let mut copies = Vec::new();
            for number in 0..3 {
                let copy = folder.path().join(format!("copy{number}.db"));
                let (before, mut steps) = (rows(monitor.store()), Vec::new());
                let bytes = monitor.store().backup_with(&copy, |progress| steps.push(progress)).unwrap();
                copies.push((copy, before, bytes, steps));
            }
            done.store(true, Ordering::Relaxed);
            copies
        });
        let mut longest = Duration::ZERO;
        while !done.load(Ordering::Relaxed) {
            let begun = Instant::now();
            record(400);
            longest = longest.max(begun.elapsed());
        }
        (copying.join().unwrap(), longest)
    });
    let after = rows(monitor.store());
    monitor.shutdown().unwrap();
    assert!(longest < Duration::from_secs(2), "a flush waited {longest:?} for a backup");
    for (copy, before, bytes, steps) in copies {
        assert_eq!(fs::metadata(&copy).unwrap().len(), bytes);
        let last = steps.last().unwrap();
        assert_eq!((last.copied_bytes, last.total_bytes), (bytes, bytes));
        assert!(steps.len() > 1, "it is made in steps");
        let store = Store::open_read_only(&copy).unwrap();
        assert!(rows(&store) >= before && rows(&store) <= after);
        assert_eq!(store.check().unwrap(), []);
        // It is recorded to like any other.
        let (again, feed) = start(&copy);
        let in_copy = rows(again.store());
        feed.with(|registry| registry.count("rows", &[], 1));
        again.flush().unwrap();
        assert!((rows(again.store()) - in_copy - 1.0).abs() < 0.1);
        again.shutdown().unwrap();
    }
}

#[test]
fn a_store_that_nobody_records_to_is_copied_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.count("rows", &[], 3));
    monitor.shutdown().unwrap();
    let (before, sound) = (names(folder.path()), fs::read(&path).unwrap());
    let other = tempfile::tempdir().unwrap();
    let copy = other.path().join("copy.db");
    Store::open_read_only(&path).unwrap().backup(&copy).unwrap();
    assert_eq!(names(folder.path()), before);
    assert_eq!(fs::read(&path).unwrap(), sound);
    assert_eq!(names(other.path()), ["copy.db"]);
    assert!((rows(&Store::open_read_only(&copy).unwrap()) - 3.0).abs() < 0.1);
}

#[test]
fn nothing_is_ever_replaced_and_a_backup_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.count("rows", &[], 3));
    monitor.shutdown().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    let note = folder.path().join("note.txt");
    fs::write(&note, "precious").unwrap();
    for taken in [&note, &path] {
        let error = store.backup(taken).unwrap_err();
        assert!(error.is_already_there() && error.to_string().contains("choose another name"), "{error}");
    }
    assert_eq!(fs::read(&note).unwrap(), b"precious");
    assert!(store.backup(folder.path().join("missing/copy.db")).unwrap_err().is_not_found());

    let Some(disk) = Tmpfs::mount(64) else { return };
    let error = store.backup(disk.path().join("copy.db")).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert!(names(&disk.path()).is_empty(), "{:?}", names(&disk.path()));
}
