//! The tables that older scripts know show what was recorded under the names that those scripts use, read no more than a
//! statement asks for, and can be taken along as a plain database.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use common::{Registry, start};
use monitor_core::{MetricKind, Sample};
use monitor_sinks::{Retention, Sql, SqlValue, Store, TableProgress, store::bench::Recorder};
use rusqlite::Connection;

/// 2023-11-14 22:13:20 UTC, and half a second.
const START: i64 = 1_700_000_000_500_000;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// Records `flushes` flushes ten seconds apart, sealed as they come of age.
fn record(path: &Path, flushes: i64, feed: impl Fn(i64, &mut Registry)) -> Store {
    let mut recorder = Recorder::open(path, START, Duration::from_secs(10), Retention::FOREVER).unwrap();
    let mut registry = Registry::default();
    for flush in 0..flushes {
        let at = START + flush * 10 * SECOND;
        feed(flush, &mut registry);
        let samples = || registry.samples().map(|(index, key, value, changed)| Sample { index, key, value, changed });
        recorder.flush(at, samples).unwrap();
        registry.delivered();
        while recorder.upkeep(at).unwrap() {}
    }
    recorder.close().unwrap();
    Store::open_read_only(path).unwrap()
}

/// Five functions and a few metrics, for an hour and 40 minutes: some of it is sealed, some is not.
const FLUSHES: i64 = 600;

fn feed(flush: i64, registry: &mut Registry) {
    for function in 0..5 {
        registry.call("etl", &format!("Loader::step_{function}"), "ok", 0.5);
    }
    if flush % 10 == 0 {
        registry.call("etl", "Loader::step_0", "error", 1.5);
        let labels = [("module", "etl"), ("function", "Loader::step_0"), ("error_type", "Io")];
        registry.count("function_errors_total", &labels, 1);
    }
    if flush % 100 == 0 {
        registry.call("etl", "Loader::step_0", "panicked", 2.5);
        registry.call("etl", "Loader::step_0", "cancelled", 2.5);
    }
    registry.count("rows_loaded", &[("table", "flights")], 5);
    registry.gauge("queue_depth", &[], flush as f64);
    registry.record(MetricKind::Histogram, "batch_size", &[], 100.0);
}

fn stored() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = record(&folder.path().join("metrics.db"), FLUSHES, feed);
    (folder, store)
}

fn one(question: &Sql) -> Vec<SqlValue> {
    let rows = question.rows().unwrap();
    assert_eq!(rows.len(), 1, "{question:?}");
    rows.into_iter().next().unwrap()
}

fn value(store: &Store, sql: &str) -> SqlValue {
    one(&store.sql(sql)).remove(0)
}

#[test]
fn a_function_has_its_calls_successes_errors_and_durations() {
    let (_folder, store) = stored();
    let sums = "SELECT metric_name, metric_type, sum(metric_value) FROM app_metrics
                WHERE metric_name LIKE 'Loader.step\\_0.%' ESCAPE '\\' GROUP BY metric_name, metric_type ORDER BY 1";
    let rows: Vec<_> =
        store.sql(sums).rows().unwrap().iter().map(|row| format!("{} {} {}", row[0], row[1], row[2])).collect();
    let duration = 0.5 * 600.0 - 60.0 * 0.5 + 60.0 * (0.5 + 1.5) / 2.0 - 6.0 + 6.0 * (0.5 + 1.5 + 2.5 + 2.5) / 4.0;
    let wanted = [
        String::from("Loader.step_0.calls counter 672.0"),
        format!("Loader.step_0.duration timer {duration:?}"),
        String::from("Loader.step_0.errors counter 66.0"),
        String::from("Loader.step_0.success counter 600.0"),
    ];
    assert_eq!(rows, wanted);
    let mean = "SELECT sum(sum) / sum(count), min(min), max(max), sum(count) FROM app_metrics
                WHERE metric_name = 'Loader.step_0.duration'";
    let row = one(&store.sql(mean));
    assert!((row[0].as_f64().unwrap() - (300.0 + 90.0 + 30.0) / 672.0).abs() < 1e-9, "{row:?}");
    assert_eq!(row[1..], [SqlValue::Real(0.5), SqlValue::Real(2.5), SqlValue::Real(672.0)]);
    let types = "SELECT json_extract(tags, '$.error_type'), sum(metric_value), min(service_name),
                 min(json_extract(tags, '$.service')), min(json_extract(tags, '$.module'))
                 FROM app_metrics WHERE metric_name = 'Loader.step_0.errors' GROUP BY 1 ORDER BY 1";
    let rows: Vec<_> = store
        .sql(types)
        .rows()
        .unwrap()
        .into_iter()
        .map(|row| row.iter().map(SqlValue::to_string).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(rows, ["Io 60.0 bench bench etl", "panic 6.0 bench bench etl"]);
}

#[test]
fn other_metrics_keep_their_names_and_all_columns_are_as_scripts_expect_them() {
    let (_folder, store) = stored();
    let rows = store
        .sql("SELECT * FROM app_metrics WHERE metric_name = 'rows_loaded' ORDER BY timestamp LIMIT 1")
        .rows()
        .unwrap();
    let columns = ["id", "timestamp", "metric_name", "metric_value", "metric_type", "tags", "service_name"];
    assert_eq!(rows.columns(), columns);
    let row: Vec<_> = rows.iter().next().unwrap()[1..].iter().map(SqlValue::to_string).collect();
    assert_eq!(row, ["2023-11-14 22:13:20.500000", "rows_loaded", "5.0", "counter", r#"{"table":"flights"}"#, "bench"]);
    assert_eq!(
        value(&store, "SELECT sum(metric_value) FROM app_metrics WHERE metric_name = 'rows_loaded'"),
        SqlValue::Real(3_000.0)
    );
    assert_eq!(
        value(&store, "SELECT max(metric_value) FROM app_metrics WHERE metric_name = 'queue_depth'"),
        SqlValue::Real(599.0)
    );
    assert_eq!(
        value(&store, "SELECT avg(metric_value) FROM app_metrics WHERE metric_name = 'batch_size'"),
        SqlValue::Real(100.0)
    );
    let ids =
        "SELECT count(*), count(DISTINCT id), max(id) = (SELECT id FROM app_metrics ORDER BY ts DESC, id DESC LIMIT 1)
               FROM app_metrics";
    let row = one(&store.sql(ids));
    assert_eq!((&row[0], &row[2]), (&row[1], &SqlValue::Integer(1)), "ids are unique and grow");
    let columns = store.sql("SELECT * FROM system_metrics").rows().unwrap();
    assert_eq!(columns.columns(), ["id", "timestamp", "metric_type", "metric_name", "value", "unit", "tags"]);
    assert!(columns.is_empty(), "no machine was sampled");
}

#[test]
fn samples_are_what_is_stored() {
    let (_folder, store) = stored();
    let row = one(&store.sql(
        "SELECT count(*), min(time), max(ts), max(value), sum(increase), min(kind), min(labels), min(service)
         FROM samples WHERE name = 'rows_loaded'",
    ));
    let shown: Vec<_> = row.iter().map(SqlValue::to_string).collect();
    let last = (START + (FLUSHES - 1) * 10 * SECOND).to_string();
    let wanted =
        ["600", "2023-11-14 22:13:20.500000", &last, "3000.0", "3000.0", "counter", r#"{"table":"flights"}"#, "bench"];
    assert_eq!(shown, wanted);
    let joined =
        "SELECT count(*) FROM series JOIN samples ON samples.series = series.id WHERE series.name = 'queue_depth'";
    assert_eq!(value(&store, joined), SqlValue::Integer(600));
    assert_eq!(one(&store.sql("SELECT sum(count) FROM samples WHERE name = 'batch_size'"))[0], SqlValue::Real(600.0));
}

/// What is read, counted: entries of the store that were looked at.
#[test]
fn names_series_and_times_narrow_what_is_read() {
    let (_folder, store) = stored();
    let series = value(&store, "SELECT id FROM series WHERE name = 'queue_depth'");
    let from = START + 100 * MINUTE - 10 * MINUTE;
    let scanned = |sql: &str| {
        let rows = store.sql(sql).rows().unwrap();
        (rows.iter().next().unwrap()[0].as_i64().unwrap(), rows.scanned())
    };
    let all = scanned("SELECT count(*) FROM samples").1;
    assert!(all > 7_500, "{all}");
    // Ten minutes of one series are sixty entries, however they are asked for. The store ends at 23:53:10.
    for condition in [
        format!("samples WHERE series = {series} AND ts >= {from}"),
        format!("samples WHERE series = {series} AND ts > {}.5", from - 1),
        String::from("samples WHERE name = 'queue_depth' AND time >= '2023-11-14 23:43:20'"),
        String::from(
            "samples WHERE series IN (SELECT id FROM series WHERE name = 'queue_depth') AND time > '2023-11-14 23:43:20'",
        ),
        String::from(
            "series CROSS JOIN samples ON series.id = samples.series WHERE series.name = 'queue_depth' AND time > '2023-11-14 23:43:20'",
        ),
        String::from("app_metrics WHERE metric_name = 'queue_depth' AND timestamp > '2023-11-14 23:43:20'"),
        String::from(
            "app_metrics WHERE metric_name = 'queue_depth' AND timestamp BETWEEN '2023-11-14 23:43:20.5' AND '2024'",
        ),
        String::from(
            "app_metrics WHERE metric_name = 'queue_depth' AND timestamp > datetime('2023-11-15 00:43:20', '-1 hours')",
        ),
        String::from(
            "app_metrics WHERE 'queue_depth' = metric_name AND '2023-11-14 23:43:20' <= timestamp AND service_name = 'bench'",
        ),
    ] {
        assert_eq!(scanned(&format!("SELECT count(*) FROM {condition}")), (60, 60), "{condition}");
    }
    // A name that is several series reads those, once for each window.
    let calls = "app_metrics WHERE metric_name = 'Loader.step_0.calls' AND timestamp > '2023-11-14 23:43:20'";
    let (_, read) = scanned(&format!("SELECT count(*) FROM {calls}"));
    assert!((60..=4 * 60).contains(&read), "{read}");
    let (rows, read) = scanned(
        "SELECT count(*) FROM app_metrics WHERE metric_name IN ('queue_depth', 'rows_loaded') AND timestamp < '2023-11-14 22:23:20.5'",
    );
    assert_eq!((rows, read), (120, 120));
    for nothing in ["name = 'unknown'", "time > '2024'", "ts > 5 AND ts < 4", "service = 'other'", "series = 1000"] {
        assert_eq!(scanned(&format!("SELECT count(*) FROM samples WHERE {nothing}")), (0, 0), "{nothing}");
    }
}

/// Whatever is narrowed by, the answer is the one that SQLite gives for rows.
#[test]
fn every_comparison_answers_as_it_does_for_plain_rows() {
    let folder = tempfile::tempdir().unwrap();
    let store = record(&folder.path().join("metrics.db"), 90, feed);
    let plain = folder.path().join("plain.db");
    store.export_tables(&plain, |_| {}).unwrap();
    let plain = Connection::open(plain).unwrap();
    // Those scripts declare times as numbers; texts that look like one compare otherwise there.
    let times =
        ["'2023-11-14 22:20:00'", "'2023-11-14T22:20'", "'2023-11-14 22:20:00.500000'", "'x'", "''", "NULL", "x'32'"];
    let names = ["'queue_depth'", "'QUEUE_DEPTH'", "'rows_loaded'", "NULL", "5", "'Loader.step_0.errors'"];
    let mut conditions = Vec::new();
    for time in times {
        for operator in ["=", "<", "<=", ">", ">=", "!=", "IS", "IS NOT"] {
            conditions.push(format!("timestamp {operator} {time}"));
        }
        conditions.push(format!("timestamp BETWEEN {time} AND '2023-11-14 22:23'"));
    }
    for name in names {
        for operator in ["=", "<", "!=", "IS", "LIKE"] {
            conditions.push(format!("metric_name {operator} {name}"));
        }
        conditions.push(format!("metric_name = {name} COLLATE NOCASE"));
        conditions.push(format!("metric_name = {name} AND timestamp > '2023-11-14 22:20'"));
        conditions.push(format!("metric_name = {name} OR timestamp > '2023-11-14 22:25'"));
        conditions.push(format!("(metric_name = {name} OR metric_name = 'queue_depth') AND service_name = 'bench'"));
        conditions
            .push(format!("metric_name IN ({name}, 'rows_loaded') AND timestamp IN ('2023-11-14 22:20:00.500000')"));
    }
    for condition in conditions {
        let sql = format!("SELECT count(*), sum(metric_value) FROM app_metrics WHERE {condition}");
        let wanted =
            plain.query_row(&sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<f64>>(1)?))).unwrap();
        let row = one(&store.sql(&sql));
        let sum = row[1].as_f64();
        assert_eq!(row[0].as_i64(), Some(wanted.0), "{condition}");
        assert!((sum.unwrap_or(0.0) - wanted.1.unwrap_or(0.0)).abs() < 1e-6, "{condition}: {sum:?} {wanted:?}");
    }
}

/// The statements that such scripts run, with the clock of the machine.
#[test]
fn statements_of_older_scripts_work_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    feed.with(|registry| {
        registry.call("tasks", "example_task", "ok", 0.5);
        registry.gauge("queue_depth", &[], 3.0);
    });
    monitor.flush().unwrap();
    let store = monitor.store();
    let get_metrics = "SELECT * FROM app_metrics WHERE timestamp > datetime('now', '-24 hours')";
    let all = store.sql(format!("{get_metrics} ORDER BY timestamp DESC")).rows().unwrap();
    let names: Vec<_> = all.iter().filter_map(|row| row[2].as_str()).collect();
    for name in ["example_task.calls", "example_task.success", "example_task.duration", "queue_depth"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let one_of = format!("{get_metrics} AND metric_name = ? AND service_name = ? ORDER BY timestamp DESC");
    let rows = store.sql(&one_of).bind("example_task.calls").bind("test").rows().unwrap();
    assert_eq!((rows.len(), rows.scanned()), (1, 1));
    assert!(store.sql(one_of).bind("example_task.calls").bind("default").rows().unwrap().is_empty());
    let late = "SELECT count(*) FROM app_metrics WHERE timestamp > datetime('now', '+1 hours')";
    assert_eq!(one(&store.sql(late))[0], SqlValue::Integer(0));
    let grouped = "SELECT metric_name, count(*), avg(metric_value) FROM app_metrics
                   WHERE timestamp > datetime('now', '-1 hour') AND metric_type = 'timer' GROUP BY metric_name";
    let row = one(&store.sql(grouped));
    assert_eq!((row[0].as_str(), row[2].as_f64()), (Some("example_task.duration"), Some(0.5)));
}

#[test]
fn an_export_is_a_plain_database_with_the_same_rows() {
    let (folder, store) = stored();
    let path = folder.path().join("plain.db");
    let mut told: Vec<TableProgress> = Vec::new();
    let export = store.export_tables(&path, |progress| told.push(progress)).unwrap();
    assert!(export.warnings.is_empty() && told.len() > 1);
    assert!(told.is_sorted_by(|a, b| a.share < b.share && a.rows <= b.rows), "{told:?}");
    assert!((told.last().unwrap().share - 1.0).abs() < 1e-9);

    let plain = Connection::open(&path).unwrap();
    let check: String = plain.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let count: i64 = plain.query_row("SELECT count(*) FROM app_metrics", [], |row| row.get(0)).unwrap();
    assert_eq!(count, export.app_rows.cast_signed());
    let sql =
        "SELECT metric_name, count(*), sum(metric_value), min(timestamp), max(timestamp) FROM app_metrics GROUP BY 1";
    let sums = |rows: Vec<Vec<SqlValue>>| -> BTreeMap<String, Vec<String>> {
        rows.into_iter().map(|row| (row[0].to_string(), row[1..].iter().map(SqlValue::to_string).collect())).collect()
    };
    let mut statement = plain.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((0..5).map(|place| row.get_ref(place).unwrap().into()).collect()));
    let rows: Vec<Vec<SqlValue>> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5 * 3 + 1 + 3);
    assert_eq!(sums(rows), sums(store.sql(sql).rows().unwrap().into_iter().collect()));
    let disorder =
        "SELECT count(*) FROM app_metrics a JOIN app_metrics b ON b.id = a.id + 1 WHERE b.timestamp < a.timestamp";
    assert_eq!(plain.query_row(disorder, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "ids grow with time");
    let steps: String = plain
        .query_row(
            "EXPLAIN QUERY PLAN SELECT * FROM app_metrics WHERE metric_name = 'a' AND timestamp > 'b'",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(steps.contains("app_metrics_name_time"), "{steps}");
    // A script goes on with it.
    plain.execute("INSERT INTO app_metrics(timestamp, metric_name) VALUES('2030', 'x')", []).unwrap();
    assert_eq!(plain.last_insert_rowid(), export.app_rows.cast_signed() + 1);
}

#[test]
fn an_export_replaces_nothing_and_leaves_nothing_behind_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let store = record(&folder.path().join("metrics.db"), 3, feed);
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let path = folder.path().join("precious");
    fs::write(&path, "precious").unwrap();
    let before = files();
    let error = store.export_tables(&path, |_| {}).unwrap_err();
    assert!(error.is_invalid_setting() && error.to_string().contains("exists already"), "{error}");
    let late = folder.path().join("late");
    let error = store.export_tables(&late, |_| fs::write(&late, "precious").unwrap()).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(fs::read(&late).unwrap(), b"precious");
    fs::remove_file(&late).unwrap();
    assert!(store.export_tables(folder.path().join("no/folder/out.db"), |_| {}).is_err());
    assert_eq!(files(), before);
    fs::remove_file(store.path()).unwrap();
    assert!(store.export_tables(&late, |_| {}).is_err());
    assert_eq!(files(), before - 1);
}

/// A store that nobody records to is read past SQLite's locks, and whoever starts to record waits for that.
#[test]
fn a_recording_can_begin_while_an_export_or_a_statement_is_going_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let store = record(&path, 400, feed);
    let mut started = None;
    store
        .export_tables(folder.path().join("plain.db"), |_| started = started.take().or_else(|| Some(start(&path))))
        .unwrap();
    started.unwrap().0.shutdown().unwrap();

    let endless = "SELECT count(*) FROM app_metrics a JOIN samples b ON b.ts > a.ts";
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| store.sql(endless).within(Duration::from_secs(2)).rows().unwrap_err());
        // With its patience, the start comes to an end while the statement is still read.
        std::thread::sleep(Duration::from_millis(200));
        let builder = common::builder(&path).start_patience(Duration::from_millis(1_200));
        let monitor = builder.start_with(common::Feed::default().source()).unwrap();
        monitor.shutdown().unwrap();
        assert!(asked.join().unwrap().is_over_limit());
    });
}

#[test]
fn an_empty_store_is_exported_as_empty_tables() {
    let folder = tempfile::tempdir().unwrap();
    let store = record(&folder.path().join("metrics.db"), 0, feed);
    let path = folder.path().join("plain.db");
    let export = store.export_tables(&path, |_| {}).unwrap();
    assert_eq!((export.app_rows, export.system_rows), (0, 0));
    let tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('app_metrics', 'system_metrics')";
    assert_eq!(Connection::open(&path).unwrap().query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}

#[test]
fn damage_is_told_with_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let store = record(&path, 20, feed);
    let connection = Connection::open(&path).unwrap();
    let ts = START + 50 * SECOND;
    assert_eq!(connection.execute("UPDATE head SET b = zeroblob(length(b)) WHERE ts = ?1", [ts]).unwrap(), 1);
    drop(connection);
    let rows = store.sql("SELECT count(*) FROM app_metrics WHERE metric_name = 'queue_depth'").rows().unwrap();
    assert_eq!(rows.iter().next().unwrap()[0], SqlValue::Integer(19));
    assert_eq!(rows.warnings().len(), 1);
    assert!(!store.export_tables(folder.path().join("plain.db"), |_| {}).unwrap().warnings.is_empty());
}
