//! Statements read and do nothing else, within limits, whatever they say; and every error says what to do.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use common::random::Random;
use common::{Feed, Tmpfs, start};
use monitor_sinks::{Error, Monitor, SqlValue, Store};

/// A store that is being recorded to, with a few values.
fn store(path: &Path) -> (Store, Monitor, Feed) {
    let (monitor, feed) = start(path);
    for _ in 0..3 {
        feed.with(|registry| {
            registry.call("m", "f", "ok", 0.25);
            registry.gauge("level", &[("room", "a")], 1.5);
            registry.count("rows", &[], 10);
        });
        monitor.flush().unwrap();
    }
    (monitor.store().clone(), monitor, feed)
}

fn refused(store: &Store, sql: &str) -> Error {
    let error = store.sql(sql).rows().expect_err(sql);
    assert!(error.is_refused(), "{sql}: {error}");
    error
}

fn wrong(store: &Store, sql: &str) -> String {
    let error = store.sql(sql).rows().expect_err(sql);
    assert!(error.is_invalid_sql(), "{sql}: {error}");
    error.to_string()
}

#[test]
fn every_kind_of_statement_but_reading_ones_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (store, monitor, _feed) = store(&path);
    let other = folder.path().join("other.db");
    let attach = format!("ATTACH '{}' AS other", other.display());
    let vacuum = format!("VACUUM INTO '{}'", other.display());
    for (sql, named) in [
        ("DELETE FROM series", "DELETE from `series`"),
        ("INSERT INTO meta VALUES('a', 1)", "INSERT into `meta`"),
        ("REPLACE INTO meta VALUES('a', 1)", "INSERT into `meta`"),
        ("UPDATE series SET name = 'x'", "UPDATE of `series`"),
        ("WITH a AS (SELECT 1) DELETE FROM series", "DELETE"),
        ("DELETE FROM app_metrics", "a change of table app_metrics"),
        ("INSERT INTO temp.samples(ts) VALUES(1)", "INSERT into `samples`"),
        ("CREATE TABLE t(a)", ""),
        ("CREATE TEMP TABLE t(a)", ""),
        ("CREATE TEMP VIEW v AS SELECT 1", ""),
        ("CREATE TEMP TRIGGER t INSERT ON series BEGIN SELECT 1; END", ""),
        ("CREATE VIRTUAL TABLE temp.t USING fts5(a)", ""),
        ("CREATE VIRTUAL TABLE temp.t USING monitored_samples(samples)", ""),
        ("CREATE INDEX i ON series(name)", ""),
        ("DROP TABLE series", ""),
        ("DROP TABLE app_metrics", ""),
        ("ALTER TABLE series RENAME TO x", "ALTER TABLE `series`"),
        ("PRAGMA journal_mode = DELETE", "PRAGMA journal_mode"),
        ("PRAGMA query_only = OFF", "PRAGMA query_only"),
        ("PRAGMA writable_schema = ON", "PRAGMA writable_schema"),
        ("PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint"),
        ("PRAGMA temp_store_directory = '/'", "PRAGMA temp_store_directory"),
        ("SELECT * FROM pragma_integrity_check", "PRAGMA integrity_check"),
        ("SELECT load_extension('x')", "the function load_extension()"),
        ("SELECT fts3_tokenizer('x')", "the function fts3_tokenizer()"),
        ("BEGIN IMMEDIATE", "a transaction of your own"),
        ("SAVEPOINT s", "a transaction of your own"),
        ("COMMIT", "a transaction of your own"),
        ("REINDEX", "REINDEX"),
        ("ANALYZE", ""),
        ("DETACH main", "DETACH"),
        (attach.as_str(), "ATTACH"),
        (vacuum.as_str(), "VACUUM"),
        ("VACUUM", "VACUUM"),
        ("EXPLAIN DELETE FROM series", "DELETE from `series`"),
        ("SELECT 1; DELETE FROM series", "DELETE from `series`"),
    ] {
        let error = refused(&store, sql);
        assert!(error.to_string().starts_with(named) && error.to_string().contains("SELECT"), "{sql}: {error}");
    }
    assert!(!other.exists());
    monitor.shutdown().unwrap();
    assert!(Store::open_read_only(&path).unwrap().check().unwrap().is_empty());
    assert_eq!(store.sql("SELECT count(*) FROM series WHERE name = 'rows'").rows().unwrap().len(), 1);
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _monitor, _feed) = store(&folder.path().join("metrics.db"));
    let message = wrong(&store, "SELECT *\nFORM app_metrics");
    assert!(message.contains("line 2, column 1") && message.contains("`FORM app_metrics`"), "{message}");
    let message = wrong(&store, "SELECT * FROM app_metric");
    assert!(message.contains("did you mean app_metrics?") && message.contains("system_metrics"), "{message}");
    let message = wrong(&store, "SELECT * FROM nothing_like_it");
    for table in ["app_metrics", "samples", "series", "latest", "function_hourly", "about"] {
        assert!(message.contains(table), "{message}");
    }
    let message = wrong(&store, "SELECT nam FROM series");
    assert!(message.contains("column 8") && message.contains("table_xinfo"), "{message}");
    assert!(wrong(&store, "SELECT median(1)").contains("no such function: median"));
    assert!(wrong(&store, "SELECT 1; SELECT 2").contains("more than one"));
    assert!(wrong(&store, " -- nothing\n ; ").contains("no statement"));
    assert!(wrong(&store, "SELECT 'a\0b'").contains("NUL"));
    assert!(wrong(&store, "SELECT").contains("incomplete"));
    assert!(wrong(&store, "SELECT abs(-9223372036854775808)").contains("overflow"), "at run time too");
}

#[test]
fn parameters_take_their_values_and_misfits_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _monitor, _feed) = store(&folder.path().join("metrics.db"));
    let values = [
        SqlValue::Null,
        SqlValue::Integer(i64::MIN),
        SqlValue::Real(-0.5),
        SqlValue::Text(String::from("it's \u{1f980}\0")),
        SqlValue::Blob(vec![0, 255]),
    ];
    let question = values.iter().fold(store.sql("SELECT ?1, ?2, ?3, ?4, ?5"), |sql, value| sql.bind(value.clone()));
    assert_eq!(question.rows().unwrap().into_iter().next().unwrap(), values);
    let rows = store.sql("SELECT :a || :b").bind_named(":b", "y").bind_named(":a", "x").rows().unwrap();
    assert_eq!(rows.iter().next().unwrap()[0].as_str(), Some("xy"));
    for (question, named) in [
        (store.sql("SELECT ?1"), "`?1` has no value"),
        (store.sql("SELECT :from"), "`:from` has no value"),
        (store.sql("SELECT 1").bind(1), "0 parameters"),
        (store.sql("SELECT :a || ?1").bind("x").bind_named(":a", "y"), "two values"),
        (store.sql("SELECT :a").bind_named("a", 1), "no parameter `a`"),
    ] {
        let error = question.rows().unwrap_err();
        assert!(error.is_invalid_setting() && error.to_string().contains(named), "{error}");
    }
}

#[test]
fn an_answer_beyond_its_limits_says_which_and_how_to_change_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _monitor, _feed) = store(&folder.path().join("metrics.db"));
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    let over = |question: monitor_sinks::Sql, named: &str| {
        let error = question.rows().unwrap_err();
        assert!(error.is_over_limit() && error.to_string().contains(named), "{error}");
    };
    over(store.sql(format!("{endless} SELECT i FROM n")).most_rows(1_000), "most_rows(");
    over(store.sql(format!("{endless} SELECT hex(zeroblob(1000)) FROM n")).most_bytes(100_000), "most_bytes(");
    over(store.sql(format!("{endless} SELECT max(i) FROM n")).within(Duration::from_millis(20)), "within(");
    over(store.sql("SELECT * FROM app_metrics").within(Duration::ZERO), "within(");
    over(store.sql("SELECT length(hex(zeroblob(250000)))"), "256 KiB");

    let cut = store.sql(format!("{endless} SELECT i FROM n")).first(3).rows().unwrap();
    assert_eq!((cut.len(), cut.is_cut()), (3, true));
    let whole = store.sql("VALUES(1), (2), (3)").first(3).rows().unwrap();
    assert_eq!((whole.len(), whole.is_cut()), (3, false));
    assert!(store.sql("SELECT 1 AS a, 2 AS b WHERE 0").rows().unwrap().columns() == ["a", "b"]);
}

#[test]
fn hostile_statements_end_in_an_error_and_soon() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _monitor, _feed) = store(&folder.path().join("metrics.db"));
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("SELECT {}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let statements = [
        format!("SELECT '{}'", "x".repeat(1_000_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(5_000)),
        "SELECT 1;".repeat(10_000),
        nested("(", "1", ")", 40_000),
        nested("abs(", "1", ")", 10_000),
        nested("(SELECT ", "1", ")", 10_000),
        nested("* FROM (SELECT ", "1", ")", 5_000),
        nested("NOT ", "1", "", 20_000),
        nested("CASE WHEN 1 THEN ", "1", " END", 4_000),
        format!("SELECT 1{}", "+1".repeat(40_000)),
        format!("SELECT 1 WHERE 1{}", " AND 1".repeat(10_000)),
        format!("SELECT 1 IN ({}1)", "1,".repeat(30_000)),
        format!("SELECT {}1", "1,".repeat(30_000)),
        format!("SELECT coalesce({}1)", "1,".repeat(30_000)),
        format!("SELECT count(*) FROM series{}", ", series".repeat(100)),
        format!(
            "SELECT count(*) FROM samples a0{}",
            (1..60).map(|n| format!(", samples a{n}")).collect::<Vec<_>>().concat()
        ),
        String::from(
            "SELECT count(*) FROM json_each('[1]'), samples a, samples b, samples c, series d, series e, series f,
                      series g, series h, series i, series j, series k, series l, series m, series n, series o",
        ),
        format!("SELECT 'x' LIKE '{}'", "%_".repeat(40_000)),
        String::from("WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i * 3 + random() FROM n) SELECT count(*) FROM n"),
        String::from(
            "WITH RECURSIVE n(s) AS (SELECT 'ab' UNION ALL SELECT s || s FROM n) SELECT max(length(s)) FROM n",
        ),
        String::from("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT group_concat(i) FROM n"),
        String::from("SELECT printf('%1000000000d', 1)"),
        // Work within one call of a function, which no clock interrupts.
        String::from("SELECT instr(hex(zeroblob(120000)), hex(zeroblob(60000)) || '1')"),
        String::from("SELECT length(replace(hex(zeroblob(120000)), hex(zeroblob(60000)) || '1', 'x'))"),
        format!("SELECT hex(zeroblob(120000)) LIKE '{}1'", "%0".repeat(490)),
        format!("SELECT hex(zeroblob(120000)) GLOB '{}1'", "*0".repeat(490)),
        format!("SELECT hex(zeroblob(120000)) LIKE '{}%1'", "%0".repeat(490)),
        format!("SELECT hex(zeroblob(120000)) LIKE '%{}1'", "0".repeat(990)),
        String::from("SELECT randomblob(1000000000)"),
        format!(
            "WITH {}z AS (SELECT 1) SELECT 1 FROM a9",
            (0..10)
                .map(|n| match n {
                    0 => String::from("a0 AS (SELECT 1 UNION ALL SELECT 1), "),
                    n => format!("a{n} AS (SELECT 1 FROM a{0} x, a{0} y, a{0} z), ", n - 1),
                })
                .collect::<String>()
        ),
    ];
    for sql in statements {
        let begin: String = sql.chars().take(60).collect();
        let started = Instant::now();
        let answer = store.sql(sql).within(Duration::from_millis(100)).most_rows(1_000).rows();
        if let Err(error) = answer {
            let expected = error.is_over_limit() || error.is_invalid_sql();
            assert!(expected && error.to_string().len() < 1_000, "{begin}: {error}");
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{begin} took {:?}", started.elapsed());
    }
    assert_eq!(store.sql("SELECT 1").rows().unwrap().len(), 1, "the store is none the worse");
}

#[test]
fn statements_that_only_tell_of_tables_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _monitor, _feed) = store(&folder.path().join("metrics.db"));
    let rows = store.sql("PRAGMA table_xinfo(app_metrics)").rows().unwrap();
    let names: Vec<_> = rows.iter().filter_map(|row| row[1].as_str()).collect();
    assert_eq!(names[..4], ["id", "timestamp", "metric_name", "metric_value"]);
    for sql in [
        "EXPLAIN QUERY PLAN SELECT * FROM app_metrics WHERE metric_name = 'rows'",
        "SELECT * FROM pragma_table_info('system_metrics')",
        "SELECT name FROM sqlite_master",
        "SELECT * FROM about",
        "SELECT name, json_extract(labels, '$.room') FROM series",
        "SELECT * FROM latest",
        "SELECT name, sum(value) OVER (ORDER BY ts) FROM samples",
        "VALUES(1)",
    ] {
        assert!(!store.sql(sql).rows().unwrap().is_empty(), "{sql}");
    }
}

#[test]
fn a_store_is_read_by_sql_however_it_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (store, monitor, _feed) = store(&path);
    let count = |store: &Store| {
        let rows = store.sql("SELECT sum(metric_value) FROM app_metrics WHERE metric_name = 'rows'").rows().unwrap();
        rows.iter().next().unwrap()[0].as_f64()
    };
    assert_eq!(count(&store), Some(30.0));
    monitor.shutdown().unwrap();
    assert_eq!(count(&store), Some(30.0));
    let before = fs::read(&path).unwrap();
    assert_eq!(count(&Store::open_read_only(&path).unwrap()), Some(30.0));
    assert_eq!(fs::read(&path).unwrap(), before, "nothing was changed");
    fs::remove_file(&path).unwrap();
    assert!(store.sql("SELECT 1").rows().unwrap_err().is_not_found());
}

/// Two runs of ten flushes of a program, by the first schema, which had no segments.
const FIRST: &[u8] = include_bytes!("golden/version-1.store");

#[test]
fn a_store_of_an_older_schema_is_read_by_sql_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    fs::write(&path, FIRST).unwrap();
    let store = Store::open_read_only(&path).unwrap();
    let sql = "SELECT sum(metric_value) FROM app_metrics WHERE metric_name = 'load.calls'";
    assert_eq!(store.sql(sql).rows().unwrap().iter().next().unwrap()[0], SqlValue::Real(20.0));
    let plain = folder.path().join("plain.db");
    assert!(store.export_tables(&plain, |_| {}).unwrap().app_rows > 20);
    assert_eq!(fs::read(&path).unwrap(), FIRST, "reading changes nothing");
}

#[test]
fn a_store_on_a_read_only_file_system_is_read_by_sql() {
    let Some(disk) = Tmpfs::mount(4_096) else { return };
    let path = disk.path().join("metrics.db");
    let (store, monitor, _feed) = store(&path);
    monitor.shutdown().unwrap();
    assert!(disk.remount("ro"));
    let sql = "SELECT count(*) FROM samples JOIN series ON series.id = samples.series WHERE series.name = 'rows'";
    assert_eq!(store.sql(sql).rows().unwrap().iter().next().unwrap()[0], SqlValue::Integer(3));
}

/// Statements with words replaced, put in and repeated at random.
#[test]
fn anything_is_answered_or_refused_and_nothing_is_changed() {
    const WORDS: [&str; 60] = [
        "SELECT",
        "*",
        "FROM",
        "samples",
        "app_metrics",
        "system_metrics",
        "series",
        "WHERE",
        "metric_name",
        "=",
        "'rows'",
        "timestamp",
        ">",
        "datetime('now')",
        "(",
        ")",
        ",",
        "GROUP BY",
        "ORDER BY",
        "1",
        "LIMIT",
        "JOIN",
        "ON",
        "ts",
        "value",
        "AND",
        "OR",
        "NOT",
        "IN",
        "BETWEEN",
        "NULL",
        "count(*)",
        "sum(value)",
        "DELETE",
        "INSERT INTO",
        "VALUES",
        "UPDATE",
        "SET",
        "DROP TABLE",
        "CREATE",
        "TEMP",
        "TABLE",
        "PRAGMA",
        "ATTACH",
        "WITH",
        "RECURSIVE",
        "AS",
        "a",
        "UNION",
        ";",
        "?1",
        ":x",
        "1e999",
        "x'00'",
        "\"",
        "'",
        "--",
        "/*",
        "EXPLAIN",
        "\u{1f980}",
    ];
    const SOUND: [&str; 5] = [
        "SELECT * FROM samples WHERE name = 'rows' AND ts > 5 ORDER BY ts LIMIT 3",
        "SELECT metric_name , sum( metric_value ) FROM app_metrics WHERE timestamp < datetime('now') GROUP BY metric_name",
        "SELECT a.value FROM samples AS a JOIN series ON series.id = a.series WHERE a.series IN ( 1 , 2 )",
        "WITH a AS ( SELECT 1 UNION SELECT 2 ) SELECT count(*) FROM a JOIN samples ON 1 = 1",
        "SELECT value FROM system_metrics WHERE metric_name = 'rows' OR timestamp BETWEEN 1 AND 'x'",
    ];
    let folder = tempfile::tempdir().unwrap();
    let (store, monitor, _feed) = store(&folder.path().join("metrics.db"));
    let mut random = Random(11);
    let mut answered = 0;
    for _ in 0..1_000 {
        let mut words: Vec<&str> = SOUND[random.below(SOUND.len())].split(' ').collect();
        for _ in 0..random.below(4) {
            let (at, word) = (random.below(words.len()), WORDS[random.below(WORDS.len())]);
            match random.below(3) {
                0 => words[at] = word,
                1 => words.insert(at, word),
                _ => words.extend_from_within(at..),
            }
        }
        let sql = words.join(" ");
        match store.sql(&sql).within(Duration::from_millis(500)).most_rows(1_000).rows() {
            Ok(_) => answered += 1,
            Err(error) => assert!(
                error.is_invalid_sql() || error.is_refused() || error.is_over_limit() || error.is_invalid_setting(),
                "{sql}: {error}"
            ),
        }
    }
    assert!((250..950).contains(&answered), "{answered} make sense");
    monitor.shutdown().unwrap();
    assert!(store.check().unwrap().is_empty());
    let rows = store.sql("SELECT max(value) FROM samples WHERE name = 'rows'").rows().unwrap();
    assert_eq!(rows.iter().next().unwrap()[0], SqlValue::Real(30.0));
}

#[test]
fn a_writer_and_statements_get_on_with_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let (monitor, feed) = start(&path);
    feed.with(|registry| registry.count("rows", &[], 1));
    monitor.flush().unwrap();
    let store = monitor.store().clone();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = 0.0;
                while !done.load(Ordering::Relaxed) {
                    let sql = "SELECT sum(increase), max(value), count(*) FROM samples WHERE name = 'rows'";
                    let row = store.sql(sql).rows().unwrap().into_iter().next().unwrap();
                    let (sum, total) = (row[0].as_f64().unwrap(), row[1].as_f64().unwrap());
                    assert!(sum >= seen && (sum - total).abs() < 0.5, "{sum} of {total}");
                    seen = sum;
                }
            });
        }
        for _ in 0..300 {
            feed.with(|registry| registry.count("rows", &[], 1));
            monitor.flush().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let rows = store.sql("SELECT sum(increase) FROM samples WHERE name = 'rows'").rows().unwrap();
    assert_eq!(rows.iter().next().unwrap()[0].as_f64(), Some(301.0));
}
