//! Promise: whatever is damaged in a store, the rest of it can be saved; what is saved is sound, and was recorded.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use common::random::Random;
use common::{
    damaged::{ALL_SERIES, PAGE, STEPS, gauge, increase, points, record},
    start,
};
use monitor_sinks::{Salvage, Store};
use rusqlite::Connection;

/// A folder with a store, and the bytes of its file.
struct Fixture {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    original: Store,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let original = record(&path);
        assert_eq!(original.check().unwrap(), []);
        Self { bytes: fs::read(path).unwrap(), folder, original }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Saves what is left in `bytes`, and sees that it is sound.
    fn save(&self, bytes: &[u8]) -> Result<(Salvage, Store), monitor_sinks::Error> {
        let (damaged, saved) = (self.path("damaged.db"), self.path("saved.db"));
        let _ = fs::remove_file(&saved);
        fs::write(&damaged, bytes).unwrap();
        let report = Store::salvage(&damaged, &saved)?;
        assert_eq!(fs::read(&damaged).unwrap(), bytes, "the original is left as it is");
        let store = Store::open_read_only(&saved).unwrap();
        assert_eq!(store.check().unwrap(), [], "{report}");
        Ok((report, store))
    }

    fn pages(&self) -> usize {
        self.bytes.len() / PAGE
    }

    /// Whether every value of the copy was recorded under its name.
    fn was_recorded(copy: &Store) -> bool {
        [1, 28].into_iter().all(|number| {
            let known: BTreeSet<u64> = (1..=STEPS).map(|step| gauge(number, step).to_bits()).collect();
            points(copy, &format!("metric_{number}")).iter().all(|point| known.contains(&point.1))
        })
    }
}

fn count(path: &Path, table: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM {table}");
    Connection::open(path).unwrap().query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs()
}

#[test]
fn a_sound_store_is_saved_as_it_is() {
    let fixture = Fixture::new();
    let (report, copy) = fixture.save(&fixture.bytes).unwrap();
    assert_eq!(report.losses(), []);
    assert_eq!((report.damaged_pages, report.pages as usize), (0, fixture.pages()));
    assert_eq!(report.series as usize, ALL_SERIES);
    let path = fixture.path("metrics.db");
    for (saved, table) in [(report.flushes, "unsealed"), (report.segments, "segment"), (report.chunks, "chunk")] {
        assert!(saved > 0);
        assert_eq!(saved, count(&path, table), "{table}");
    }
    for table in ["last_value", "series", "about", "meta", "function_hourly"] {
        assert_eq!(count(&fixture.path("saved.db"), table), count(&path, table), "{table}");
    }
    assert_eq!(points(&copy, "metric_1"), points(&fixture.original, "metric_1"));
    assert_eq!(increase(&copy, "metric_0").to_bits(), increase(&fixture.original, "metric_0").to_bits());
    // And goes on like any other.
    let (monitor, feed) = start(&fixture.path("saved.db"));
    feed.with(|registry| registry.count("rows", &[], 1));
    monitor.shutdown().unwrap();
    assert_eq!(copy.check().unwrap(), []);
}

#[test]
fn what_is_only_in_the_log_is_saved_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy, saved) = ("metrics.db", "copy.db", "saved.db");
    let at = |name: &str| folder.path().join(name);
    let (monitor, feed) = start(&at(path));
    for round in 1..=20_u64 {
        feed.with(move |registry| {
            registry.count("rows", &[], round);
            registry.call("m", "f", "ok", 0.001);
        });
        monitor.flush().unwrap();
    }
    let busy = Store::salvage(at(path), at(saved)).unwrap_err();
    assert!(busy.is_in_use(), "{busy}");
    for suffix in ["", "-wal"] {
        fs::copy(at(&format!("{path}{suffix}")), at(&format!("{copy}{suffix}"))).unwrap();
    }
    monitor.shutdown().unwrap();
    let report = Store::salvage(at(copy), at(saved)).unwrap();
    assert_eq!((report.flushes, report.losses().len()), (20, 0));
    let store = Store::open_read_only(at(saved)).unwrap();
    assert!((increase(&store, "rows") - 210.0).abs() < 0.1);
    assert_eq!(store.query().function("f").stats().unwrap().calls, 20);
}

#[test]
fn a_store_of_the_first_schema_is_saved_into_one_of_this() {
    let folder = tempfile::tempdir().unwrap();
    let (path, saved) = (folder.path().join("metrics.db"), folder.path().join("saved.db"));
    fs::write(&path, include_bytes!("golden/version-1.store")).unwrap();
    let report = Store::salvage(&path, &saved).unwrap();
    assert_eq!((report.flushes, report.losses().len()), (20, 0));
    let store = Store::open_read_only(&saved).unwrap();
    assert_eq!(store.check().unwrap(), []);
    assert_eq!(store.query().function("load").stats().unwrap().calls, 20);
}

#[test]
fn a_damaged_page_costs_what_it_holds_and_no_series() {
    let fixture = Fixture::new();
    let path = fixture.path("metrics.db");
    let (heads, chunks) = (count(&path, "unsealed"), count(&path, "chunk"));
    let mut random = Random(0x00dd_ba11_00dd_ba11);
    let (mut has_lost, mut hits) = (0, 0);
    for page in 0..fixture.pages() {
        for fill in [Some(0), None] {
            let mut bytes = fixture.bytes.clone();
            bytes[page * PAGE..][..PAGE].fill_with(|| fill.unwrap_or_else(|| random.next() as u8));
            let (report, copy) = fixture.save(&bytes).unwrap();
            assert_eq!(report.series as usize, ALL_SERIES, "page {page}: {report}");
            assert!(Fixture::was_recorded(&copy), "page {page}");
            // The rows of all segments are in one page here, and chunks are worth nothing without.
            let is_whole = report.chunks + 60 >= chunks && report.flushes + 60 >= heads;
            hits += u32::from(!is_whole);
            assert!(is_whole || report.segments == 0, "page {page}: {report}, of {heads} and {chunks}");
            let is_less = report.flushes < heads || report.chunks < chunks;
            assert!(!is_less || !report.losses().is_empty(), "page {page}: a loss is told: {report}");
            has_lost += u32::from(is_less);
        }
    }
    assert_eq!(hits, 2, "of one page, each time that it is hit");
    assert!(has_lost > 12, "most pages hold something: {has_lost}");
}

#[test]
fn without_header_schema_and_indexes_nothing_is_lost() {
    let fixture = Fixture::new();
    let whole = fixture.save(&fixture.bytes).unwrap().0;
    for length in [16, 100, PAGE] {
        let mut bytes = fixture.bytes.clone();
        bytes[..length].fill(0);
        assert!(Store::open_read_only(fixture.path("damaged.db")).is_ok());
        let (report, copy) = fixture.save(&bytes).unwrap();
        assert!(Store::open_read_only(fixture.path("damaged.db")).is_err(), "SQLite cannot read it");
        assert_eq!(
            (report.series, report.flushes, report.segments, report.chunks),
            (whole.series, whole.flushes, whole.segments, whole.chunks)
        );
        assert_eq!(points(&copy, "metric_1"), points(&fixture.original, "metric_1"));
        fs::write(fixture.path("damaged.db"), &fixture.bytes).unwrap();
    }
    let path = fixture.path("metrics.db");
    let database = Connection::open(&path).unwrap();
    database
        .execute_batch("DROP VIEW latest; DROP TABLE last_value; DROP TABLE about; DROP INDEX segment_time;")
        .unwrap();
    drop(database);
    let (report, _) = fixture.save(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((report.flushes, report.chunks), (whole.flushes, whole.chunks));
}

#[test]
fn the_rest_of_a_file_that_is_cut_off_is_saved() {
    let fixture = Fixture::new();
    let whole = fixture.save(&fixture.bytes).unwrap().0;
    for tenths in 1..10 {
        let length = fixture.bytes.len() / 10 * tenths + 77;
        match fixture.save(&fixture.bytes[..length]) {
            Ok((report, copy)) => {
                assert!(report.chunks <= whole.chunks && report.series <= whole.series, "{report}");
                assert!(Fixture::was_recorded(&copy));
            }
            Err(error) => assert!(tenths < 2, "{tenths}: {error}"),
        }
    }
    let (report, _) = fixture.save(&fixture.bytes[..fixture.bytes.len() - 1]).unwrap();
    assert!(report.chunks + 1 >= whole.chunks, "one byte costs one row: {report}");
}

#[test]
fn bytes_that_are_flipped_anywhere_cost_at_most_what_they_are_in() {
    let fixture = Fixture::new();
    let whole = fixture.save(&fixture.bytes).unwrap().0;
    let mut random = Random(0x0b17_f11b_0b17_f11b);
    for round in 0..50 {
        let mut bytes = fixture.bytes.clone();
        for _ in 0..=round % 12 {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        let (report, copy) = fixture.save(&bytes).unwrap();
        assert!(Fixture::was_recorded(&copy), "round {round}");
        assert!(report.series + 1 >= whole.series, "round {round}: {report}");
        assert!(report.chunks == whole.chunks || !report.losses().is_empty(), "round {round}: {report}");
    }
}

#[test]
fn what_was_deleted_stays_deleted_even_if_nothing_tells_what_is_in_use() {
    let fixture = Fixture::new();
    let whole = fixture.save(&fixture.bytes).unwrap().0;
    let mut bytes = fixture.bytes.clone();
    // The second page is the map of those after it.
    bytes[PAGE..2 * PAGE].fill(0);
    let (report, copy) = fixture.save(&bytes).unwrap();
    assert_eq!(report.flushes, whole.flushes, "rows that are sealed do not come back");
    assert!(increase(&copy, "metric_0") <= increase(&fixture.original, "metric_0"));
}

#[test]
fn arbitrary_bytes_are_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let (path, saved) = (folder.path().join("noise"), folder.path().join("saved.db"));
    let mut random = Random(0x0123_4567_89ab_cdef);
    for length in [1, 2, 99, 8_191, 8_192, 60_000, 200_000] {
        fs::write(&path, (0..length).map(|_| random.next() as u8).collect::<Vec<_>>()).unwrap();
        let error = Store::salvage(&path, &saved).unwrap_err();
        assert!(error.to_string().contains("noise"), "{error}");
    }
    assert!(Store::salvage(folder.path().join("missing.db"), &saved).unwrap_err().is_not_found());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left of what came to nothing");
    fs::write(&saved, "precious").unwrap();
    assert!(Store::salvage(&path, &saved).unwrap_err().is_already_there());
    assert_eq!(fs::read(&saved).unwrap(), b"precious");
}
