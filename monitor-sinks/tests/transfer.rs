//! Promise: what is exported as OpenMetrics and imported into another store gives the same answers there.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{path::Path, time::SystemTime};

use common::{key, start};
use monitor_core::{MetricKind, Number};
use monitor_sinks::{Error, Format, Import, Imported, Series, Store};

fn export(store: &Store, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let exported = store.query().export(format, &mut out).unwrap();
    assert_eq!((exported.bytes, exported.warnings.len()), (out.len() as u64, 0));
    out
}

fn import(path: &Path, text: &[u8]) -> Result<Imported, Error> {
    let mut import = Import::open(path)?;
    import.read("text", text)?;
    import.finish()
}

/// A store with two recordings of every kind of series and every class of float.
fn record(path: &Path) -> Store {
    for round in 0..2_u64 {
        let (monitor, feed) = start(path);
        for (step, odd) in
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX, 0.1].into_iter().enumerate()
        {
            feed.with(move |registry| {
                registry.gauge("odd", &[("kind", "a \"b\"\\\n")], odd);
                registry.count("rows_loaded", &[("table", "flights")], 1 + step as u64);
                registry.count("large_total", &[], if step == 0 { (1 << 53) + 1 } else { 2 });
                registry.add(key(MetricKind::Counter, "cost_seconds_total", &[]), Number::Float(0.1 + round as f64));
                for value in 0..5_u64 {
                    registry.record(MetricKind::Histogram, "size_bytes", &[], (value * value * 1_000) as f64);
                    registry.call("etl", "parse", "ok", 0.001 * (value + 1) as f64);
                }
                registry.record(MetricKind::Histogram, "size_bytes", &[], 1e300);
            });
            monitor.flush().unwrap();
        }
        monitor.shutdown().unwrap();
    }
    Store::open_read_only(path).unwrap()
}

fn answers(store: &Store) -> Vec<Series> {
    store.query().series().unwrap()
}

#[test]
fn an_imported_export_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let there = record(&folder.path().join("there.db"));
    let text = export(&there, Format::OpenMetrics);
    let path = folder.path().join("here.db");
    let imported = import(&path, &text).unwrap();
    let here = Store::open_read_only(&path).unwrap();
    assert!(here.check().unwrap().is_empty(), "{:?}", here.check().unwrap());

    let (wanted, found) = (answers(&there), answers(&here));
    assert_eq!(imported.series, wanted.len() as u64);
    assert_eq!(found.len(), wanted.len());
    let mut points = 0;
    for (wanted, found) in wanted.iter().zip(&found) {
        let names = |series: &Series| {
            (series.name.clone(), series.kind, series.unit.clone(), series.service.clone(), series.labels.clone())
        };
        assert_eq!(names(found), names(wanted));
        assert_eq!(found.points.len(), wanted.points.len(), "{}", wanted.name);
        points += wanted.points.len() as u64;
        for (found, wanted) in found.points.iter().zip(&wanted.points) {
            assert_eq!(found.time, wanted.time);
        }
        match wanted.kind {
            MetricKind::Counter | MetricKind::Gauge => {
                for (found, wanted) in found.points.iter().zip(&wanted.points) {
                    let is_same = found.value.to_bits() == wanted.value.to_bits();
                    assert!(is_same || (found.value.is_nan() && wanted.value.is_nan()), "{found:?} {wanted:?}");
                }
                let is_same = (found.increase() - wanted.increase()).abs() <= 1e-12 * wanted.increase().abs();
                assert!(is_same || found.increase().is_nan(), "{}: {}", wanted.name, found.increase());
            }
            _ => {
                assert_eq!(found.distribution().buckets(), wanted.distribution().buckets());
                let (sum, known) = (found.distribution().sum(), wanted.distribution().sum());
                assert!((sum - known).abs() <= 1e-12 * known, "{sum} {known}");
            }
        }
    }
    assert_eq!(imported.samples, points);
    let calls = |store: &Store| store.query().function("parse").stats().unwrap().calls;
    assert_eq!(calls(&here), calls(&there));
    assert_eq!(calls(&here), 70);
}

#[test]
fn an_export_of_an_import_is_the_text_that_was_imported() {
    let folder = tempfile::tempdir().unwrap();
    let there = record(&folder.path().join("there.db"));
    let first = export(&there, Format::OpenMetrics);
    let path = folder.path().join("here.db");
    import(&path, &first).unwrap();
    let second = export(&Store::open_read_only(&path).unwrap(), Format::OpenMetrics);
    // The time since when a counter counts is that of its first value then, and sums are sums of differences.
    let kept = |text: &[u8]| -> Vec<String> {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let is_kept = |line: &&str| !line.contains("_created") && !line.contains("_sum");
        text.lines().filter(is_kept).map(str::to_owned).collect()
    };
    assert_eq!(kept(&second), kept(&first));
    assert!(first.ends_with(b"# EOF\n"));
}

#[test]
fn importing_a_text_again_does_not_double_it() {
    let folder = tempfile::tempdir().unwrap();
    let there = record(&folder.path().join("there.db"));
    let text = export(&there, Format::OpenMetrics);
    let path = folder.path().join("here.db");
    let first = import(&path, &text).unwrap();
    let before = export(&Store::open_read_only(&path).unwrap(), Format::JsonLines);
    let second = import(&path, &text).unwrap();
    assert_eq!((second.samples, second.series, second.known), (0, 0, first.samples));
    assert_eq!(export(&Store::open_read_only(&path).unwrap(), Format::JsonLines), before);
    // Nor does importing it into the store that it is of.
    let again = import(there.path(), &text).unwrap();
    assert_eq!((again.samples, again.known), (0, first.samples));
}

#[test]
fn imported_values_lie_between_those_that_were_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.count("rows_total", &[], 5));
    monitor.flush().unwrap();
    monitor.shutdown().unwrap();
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let recorded = seconds(answers(&Store::open_read_only(&path).unwrap())[0].points[0].time);
    let text = format!(
        "# TYPE rows counter\nrows_total{{service=\"test\"}} 10 {:.6}\nrows_total{{service=\"test\"}} 30 {:.6}\n\
         rows_total{{service=\"test\"}} 4 {:.6}\n# EOF\n",
        recorded - 3_600.0,
        recorded - 0.5,
        recorded + 0.5,
    );
    assert_eq!(import(&path, text.as_bytes()).unwrap().samples, 3);
    // Recording goes on as if nothing had been imported.
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.count("rows_total", &[], 7));
    monitor.flush().unwrap();
    monitor.shutdown().unwrap();

    let store = Store::open_read_only(&path).unwrap();
    let rows = &answers(&store)[0];
    let values: Vec<f64> = rows.points.iter().map(|point| point.value).collect();
    let recorded_later = seconds(rows.points.iter().find(|point| (point.value - 7.0).abs() < 1e-9).unwrap().time);
    let wanted: &[f64] =
        if recorded_later > recorded + 0.5 { &[10.0, 30.0, 5.0, 4.0, 7.0] } else { &[10.0, 30.0, 5.0, 7.0, 4.0] };
    assert_eq!(values, wanted);
    assert!((rows.increase() - (5.0 + 20.0 + 4.0 + 7.0)).abs() < 1e-9, "{}", rows.increase());
    assert!(rows.points.is_sorted_by_key(|point| point.time));
    assert!(store.check().unwrap().is_empty());
}

#[test]
fn imports_of_one_day_after_the_other_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    for (values, increase) in [([100, 130], 30.0), ([150, 7], 57.0), ([9, 20], 70.0)] {
        let day = 1_790_000_000 + (increase as u64) * 1_000;
        let text = format!("# TYPE c_total counter\nc_total {} {day}000\nc_total {} {day}500\n", values[0], values[1]);
        import(&path, text.as_bytes()).unwrap();
        let found = answers(&Store::open_read_only(&path).unwrap())[0].increase();
        assert!((found - increase).abs() < 1e-9, "{found}");
    }
}

#[test]
fn csv_and_json_lines_hold_every_value() {
    let folder = tempfile::tempdir().unwrap();
    let store = record(&folder.path().join("m.db"));
    let points: usize = answers(&store).iter().map(|series| series.points.len()).sum();
    let csv = String::from_utf8(export(&store, Format::Csv)).unwrap();
    assert_eq!(csv.lines().next(), Some("time,name,kind,unit,service,labels,value,increase,count,sum,min,max"));
    // One label holds a line feed.
    let odd = csv.matches(",odd,").count();
    assert!(csv.contains("9007199254740993,9007199254740993,,,,") && odd >= 14);
    let json = String::from_utf8(export(&store, Format::JsonLines)).unwrap();
    assert_eq!(json.lines().count(), points);
    for line in json.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["name"].is_string() && line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        let is_value = line["value"].is_number() || line["value"].is_string() || line["buckets"].is_array();
        assert!(is_value, "{line}");
    }
}

#[test]
fn damage_to_what_was_imported_is_found_and_told_with_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    import(&path, b"a 1 1700000000\na 2 1700000009\n# TYPE b counter\nb_total 3 1700000000\n# EOF\n").unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let flip = "UPDATE chunk SET b = CAST(substr(b, 1, length(b) - 1) || x'55' AS BLOB) WHERE series = 1";
    assert_eq!(connection.execute(flip, []).unwrap(), 1);
    drop(connection);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(store.check().unwrap().len(), 1);
    let exported = store.query().export(Format::Csv, &mut Vec::new()).unwrap();
    assert_eq!((exported.samples, exported.warnings.len()), (1, 1));
}

#[test]
fn statements_of_sql_see_what_was_imported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    import(&path, b"a 1 1700000000\na 2 1700000009\n# TYPE b counter\nb_total 3 1700000000\n# EOF\n").unwrap();
    let store = Store::open_read_only(&path).unwrap();
    let rows = store.sql("SELECT count(*) FROM samples").rows().unwrap();
    let mut json = Vec::new();
    rows.write_json_lines(&mut json).unwrap();
    assert!(String::from_utf8(json).unwrap().contains(":3"), "all values are there");
}

#[test]
fn an_export_is_narrowed_as_a_query_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = record(&folder.path().join("m.db"));
    let mut out = Vec::new();
    let exported = store.query().metric("rows_loaded").tag("table", "flights").export(Format::Csv, &mut out).unwrap();
    assert_eq!(exported.series, 1);
    let error = store.query().metric("rows_lodaed").export(Format::Csv, &mut out).unwrap_err();
    assert!(error.to_string().contains("rows_loaded"), "{error}");
    let end = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9);
    let nothing = store.query().between(SystemTime::UNIX_EPOCH, end).export(Format::OpenMetrics, &mut Vec::new());
    assert_eq!(nothing.unwrap().samples, 0);
}
