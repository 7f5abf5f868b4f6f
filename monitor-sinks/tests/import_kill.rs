//! Promise: an import that is killed leaves the store as it was, and can be done again.
//!
//! `MONITORED_KILLS` sets how many are killed.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    fmt::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use common::{random::Random, start};
use monitor_sinks::{Import, Store};

const CHILD: &str = "MONITOR_SINKS_TEST_IMPORT";

const SERIES: u64 = 12;
const VALUES: u64 = 1_300;

fn text() -> String {
    let mut text = String::from("# TYPE rows counter\n");
    for series in 0..SERIES {
        for value in 0..VALUES {
            writeln!(text, "rows_total{{series=\"{series}\"}} {value} {}", 1_790_000_000 + 10 * value).unwrap();
        }
    }
    text + "# EOF\n"
}

/// Imports into the path in the environment.
#[test]
fn child_that_imports_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut import = Import::open(Path::new(&path)).unwrap();
    import.read("text", text().as_bytes()).unwrap();
    import.finish().unwrap();
}

fn child(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_imports_until_it_is_killed"])
        .env(CHILD, path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn increase(path: &Path, metric: &str) -> f64 {
    let series = Store::open_read_only(path).unwrap().query().metric(metric).series();
    series.map_or(0.0, |series| series.iter().map(monitor_sinks::Series::increase).sum())
}

#[test]
fn a_killed_import_leaves_the_store_as_it_was() {
    let kills = std::env::var("MONITORED_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(8);
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(0x1234_5678_9abc_def1);
    let (mut unfinished, mut path) = (0, folder.path().join("0.db"));
    let begun = Instant::now();
    assert!(child(&folder.path().join("whole.db")).wait().unwrap().success());
    let whole = begun.elapsed();
    let wanted = (SERIES * (VALUES - 1)) as f64;
    for round in 0..kills {
        if !path.exists() {
            let (monitor, feed) = start(&path);
            feed.with(|registry| registry.count("calls_total", &[], 5));
            monitor.shutdown().unwrap();
        }
        let mut child = child(&path);
        // At any moment of its life, and now and then after it.
        std::thread::sleep(whole.mul_f64(random.below(1_000) as f64 / 900.0));
        child.kill().unwrap();
        let is_told = child.wait().unwrap().success();

        let found = increase(&path, "rows_total");
        let is_there = (found - wanted).abs() < 0.5;
        assert!(is_there || (found == 0.0 && !is_told), "round {round}: {found} of {wanted}");
        assert!((increase(&path, "calls_total") - 5.0).abs() < 0.5);
        assert!(Store::open_read_only(&path).unwrap().check().unwrap().is_empty());
        if is_there {
            path = folder.path().join(format!("{}.db", round + 1));
        } else {
            unfinished += 1;
        }
    }
    assert!(unfinished > 0, "none was killed before it was finished");
    if path.exists() {
        // A recording in between removes what was left, in its upkeep.
        let (monitor, feed) = start(&path);
        feed.with(|registry| registry.count("calls_total", &[], 1));
        monitor.shutdown().unwrap();
    }
    for _ in 0..2 {
        let mut import = Import::open(&path).unwrap();
        import.read("text", text().as_bytes()).unwrap();
        import.finish().unwrap();
        assert!((increase(&path, "rows_total") - wanted).abs() < 0.5);
    }
    assert!(Store::open_read_only(&path).unwrap().check().unwrap().is_empty());
}
