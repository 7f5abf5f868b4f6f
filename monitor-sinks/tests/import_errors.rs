//! Promise: a text that cannot be imported is refused with its line and a cure, and leaves nothing behind.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    io::{self, Read},
    path::Path,
    time::{Duration, SystemTime},
};

use monitor_core::MetricKind;
use monitor_sinks::{Error, Import, Imported, Store};

fn import(path: &Path, text: &[u8]) -> Result<Imported, Error> {
    let mut import = Import::open(path)?.most_series(5);
    import.read("node.om", text)?;
    import.finish()
}

#[test]
fn every_mistake_names_its_text_its_line_and_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    for (text, line, word) in [
        ("a 1\n# EOF\n", 1, "no timestamp"),
        ("a 1 2\nb\n# EOF\n", 2, "no value"),
        ("a one 2\n# EOF\n", 1, "no number"),
        ("a 1 soon\n# EOF\n", 1, "no timestamp"),
        ("a 1 NaN\n# EOF\n", 1, "no timestamp"),
        ("a 1 2 3\n# EOF\n", 1, "after the value"),
        ("a 1 -1\n# EOF\n", 1, "before 1970"),
        ("a 1 1\na 1 1700000000000\n# EOF\n", 2, "in the future"),
        ("a 1 1700000000000000\n", 1, "in the future"),
        ("a 1 1700000000\n", 1, "cut short"),
        ("a 1 1700000000.5\n", 1, "# EOF"),
        ("a 1 1700000000000", 1, "no end"),
        ("# EOF\na 1 1\n", 2, "after `# EOF` in line 1"),
        ("# TYPE a counter\na_total -1 1\n# EOF\n", 2, "negative"),
        ("# TYPE a widget\n", 1, "no type"),
        ("# TYPE a gauge\n# TYPE a counter\n", 2, "two types"),
        ("a_total 1 1\n# TYPE a counter\n", 2, "after its samples"),
        ("a{x=\"1\",x=\"2\"} 1 1\n", 1, "twice"),
        ("a{x=\"1} 1 1\n", 1, "closing quote"),
        ("a-b 1\n", 1, "no number"),
        ("{x=\"1\"} 1 1\n", 1, "name"),
        ("a 1 1\nb 1 1\nc 1 1\nd 1 1\ne 1 1\nf 1 1\n# EOF\n", 6, "more than 5"),
        ("# HELP a Stored by monitored as timer a\n# TYPE a histogram\na_bucket{le=\"0.1\"} 1 1\n", 3, "no bound"),
        ("# HELP a Stored by monitored as timer a\n# TYPE a histogram\na_bucket 1 1\n", 3, "`le`"),
        ("# HELP a Stored by monitored as timer b-c\n", 1, "name"),
    ] {
        let error = import(&path, text.as_bytes()).unwrap_err();
        let message = error.to_string();
        assert!(error.is_bad_input() && message.contains("node.om"), "{text:?}: {message}");
        assert!(message.contains(&format!("line {line}: ")) && message.contains(word), "{text:?}: {message}");
    }
    let error = import(&path, b"a 1 1\nb{x=\"\xff\"} 1 1\n").unwrap_err().to_string();
    assert!(error.contains("line 2: ") && error.contains("UTF-8"), "{error}");
    let store = Store::open_read_only(&path).unwrap();
    assert!(store.query().series().unwrap().is_empty() && store.check().unwrap().is_empty());
}

#[test]
fn a_text_that_fails_is_left_out_and_the_import_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let mut import = Import::open(&path).unwrap();
    import.read("good", &b"a 1 1700000000\n# EOF\n"[..]).unwrap();
    import.read("bad", &b"a 2 1700000001\na x 1700000002\n# EOF\n"[..]).unwrap_err();
    import.read("other", &b"a 3 1700000003000\n"[..]).unwrap();
    let imported = import.finish().unwrap();
    assert_eq!((imported.samples, imported.series), (2, 1));
    let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!((imported.first, imported.last), (at(1_700_000_000), at(1_700_000_003)));
    let series = Store::open_read_only(&path).unwrap().query().series().unwrap();
    let values: Vec<f64> = series[0].points.iter().map(|point| point.value).collect();
    assert_eq!(values, [1.0, 3.0]);
}

#[test]
fn samples_without_a_timestamp_are_of_the_time_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut import = Import::open(&path).unwrap().at(at).service("web");
    import.read("now", &b"# TYPE a_total counter\na_total 7\nb 2\n"[..]).unwrap();
    import.finish().unwrap();
    let series = Store::open_read_only(&path).unwrap().query().service("web").series().unwrap();
    assert_eq!(series.len(), 2);
    assert_eq!((series[0].kind, series[0].points[0].time), (MetricKind::Counter, at));
    assert_eq!(series[1].kind, MetricKind::Gauge);
}

/// Endless bytes, of which somebody should notice that they are no text.
struct Endless {
    line: Vec<u8>,
    given: u64,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        for byte in out.iter_mut() {
            *byte = self.line[(self.given % self.line.len() as u64) as usize];
            self.given += 1;
        }
        Ok(out.len())
    }
}

#[test]
fn endless_lines_series_and_metrics_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    for (line, word) in [(&b"x"[..], "longer than"), (&b"\0"[..], "longer than"), (&b"\xf0"[..], "longer than")] {
        let mut input = Endless { line: line.to_vec(), given: 0 };
        let error = Import::open(&path).unwrap().read("endless", &mut input).unwrap_err();
        assert!(error.is_bad_input() && error.to_string().contains(word), "{error}");
        assert!(input.given < 1 << 20, "{} bytes were read", input.given);
    }
    let many = (0..2_000).map(|number| format!("a{{n=\"{number}\"}} 1 1\n")).collect::<Vec<_>>().concat();
    let error = Import::open(&path).unwrap().most_series(1_000).read("many", many.as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("line 1001: ") && error.to_string().contains("more than 1000 series"),
        "{error}"
    );
    let many = (0..2_000).map(|number| format!("# TYPE a{number} gauge\n")).collect::<Vec<_>>().concat();
    let error = Import::open(&path).unwrap().most_series(1_000).read("many", many.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("more than 1000 metrics"), "{error}");
}

#[test]
fn a_text_that_cannot_be_read_is_named() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let error = Import::open(folder.path().join("m.db")).unwrap().read("day.om", Broken).unwrap_err();
    assert!(error.to_string().contains("day.om") && error.to_string().contains("on fire"), "{error}");
}

#[test]
fn a_store_that_is_recorded_to_is_refused_and_so_is_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let (monitor, _feed) = common::start(&path);
    assert!(Import::open(&path).unwrap_err().is_in_use());
    monitor.shutdown().unwrap();
    drop(Import::open(&path).unwrap());
    let other = folder.path().join("other.db");
    std::fs::write(&other, "this is not a database, but long enough to be looked at as one\n".repeat(20)).unwrap();
    assert!(Import::open(&other).unwrap_err().is_not_a_database());
}
