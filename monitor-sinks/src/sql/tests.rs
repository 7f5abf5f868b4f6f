//! The machine's table against the answers for short names, over rows and segments; pages of a store that is written to.

use std::{path::Path, time::Duration};

use monitor_core::{MetricKind, Number, Sample, SeriesKey};

use super::*;
use crate::{
    registry::{Registry, key},
    store::{Origin, Retention, Settings, Writer},
    util::time::to_micros,
};

const START: i64 = 1_700_000_000_000_000;
const SECOND: i64 = 1_000_000;

fn writer(path: &Path, second: i64, retention: Retention) -> Writer {
    let settings = Settings {
        service: String::from("host"),
        interval: Duration::from_secs(10),
        start_patience: Duration::ZERO,
        patience: Duration::ZERO,
        retention,
        vitals: false,
    };
    Writer::open(path, settings, START + second * SECOND).unwrap()
}

fn write(writer: &mut Writer, registry: &mut Registry, second: i64) {
    let samples = || {
        let all = registry.samples();
        all.map(|(index, key, value, changed)| Origin::Host.sample(Sample { index, key, value, changed }))
    };
    writer.write(START + second * SECOND, samples, &[]).unwrap();
    registry.delivered();
}

fn bytes(device: &str, direction: &str) -> SeriesKey {
    let labels = [("device", device), ("direction", direction)];
    let key = key(MetricKind::Counter, "system_network_io_bytes_total", &labels);
    SeriesKey { unit: String::from("bytes"), ..key }
}

/// Two recordings of an hour each, of a machine with two network devices, one of which is quiet most of the time.
fn record(path: &Path, upkeep: bool) {
    for run in 0..2 {
        let mut registry = Registry::default();
        let begin = run * 4_000;
        let mut writer = writer(path, begin, Retention::FOREVER);
        for second in (begin..begin + 3_600).step_by(10) {
            registry.add(bytes("eth0", "transmit"), Number::Int(7));
            registry.add(bytes("eth0", "receive"), Number::Int(1_000));
            if second % 50 == 0 {
                registry.add(bytes("eth1", "transmit"), Number::Int(100));
            }
            registry.gauge("system_cpu_total_utilization_ratio", &[], second as f64 / 10_000.0);
            registry.gauge("system_cpu_utilization_ratio", &[("cpu", "1")], 0.5);
            write(&mut writer, &mut registry, second);
        }
        while upkeep && writer.maintain(START + (begin + 3_600) * SECOND).unwrap() {}
        writer.close().unwrap();
    }
}

fn points(store: &Store, sql: &str) -> Vec<(i64, f64)> {
    let rows = store.sql(sql).rows().unwrap();
    rows.iter().map(|row| (row[0].as_i64().unwrap(), row[1].as_f64().unwrap())).collect()
}

#[test]
fn short_names_have_the_values_that_a_query_answers_with() {
    for upkeep in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        record(&path, upkeep);
        let store = Store::open_read_only(&path).unwrap();
        for name in ["cpu_percent_total", "cpu_percent_per_core", "network_bytes_sent", "network_bytes_recv"] {
            let wanted = &store.query().metric(name).series().unwrap()[0];
            let wanted: Vec<_> = wanted.points.iter().map(|point| (to_micros(point.time), point.value)).collect();
            let sql = format!("SELECT ts, value FROM system_metrics WHERE metric_name = '{name}' ORDER BY ts");
            assert_eq!(points(&store, &sql), wanted, "{name}");
            assert!(wanted.len() >= 700, "{name} {}", wanted.len());
            // A window inside of a segment, with what was last seen before it.
            let (from, to) = (START + 1_803 * SECOND, START + 1_900 * SECOND);
            let inside: Vec<_> = wanted.into_iter().filter(|point| point.0 > from && point.0 <= to).collect();
            let sql = format!(
                "SELECT ts, value FROM system_metrics WHERE metric_name = '{name}' AND ts > {from} AND ts <= {to}"
            );
            assert_eq!(points(&store, &sql), inside, "{name}");
        }
        let rows = store.sql("SELECT DISTINCT metric_type, unit, tags FROM system_metrics ORDER BY 1, 2, 3").rows();
        let rows: Vec<_> = rows.unwrap().into_iter().map(|row| format!("{} {} {}", row[0], row[1], row[2])).collect();
        assert_eq!(rows, ["cpu percent {\"core\":1}", "cpu percent {}", "network bytes {}"]);
    }
}

#[test]
fn the_machine_is_exported_under_the_same_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    record(&path, true);
    let store = Store::open_read_only(&path).unwrap();
    let plain = folder.path().join("plain.db");
    let export = store.export_tables(&plain, |_| {}).unwrap();
    assert_eq!((export.app_rows, export.system_rows), (0, 4 * 720));
    let sql =
        "SELECT metric_name, count(*), sum(value), min(timestamp), min(unit), min(tags) FROM system_metrics GROUP BY 1";
    let wanted: Vec<Vec<SqlValue>> = store.sql(sql).rows().unwrap().into_iter().collect();
    let plain = rusqlite::Connection::open(plain).unwrap();
    let mut statement = plain.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| (0..6).map(|place| row.get_ref(place).map(SqlValue::from)).collect());
    let rows: Vec<Vec<SqlValue>> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    for (row, wanted) in rows.iter().zip(&wanted) {
        assert_eq!((&row[..2], &row[3..]), (&wanted[..2], &wanted[3..]));
        assert!((row[2].as_f64().unwrap() - wanted[2].as_f64().unwrap()).abs() < 1e-6);
    }
}

#[test]
fn a_sum_reads_two_minutes_more_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    record(&path, true);
    let store = Store::open_read_only(&path).unwrap();
    let scanned = |name: &str| {
        let sql = "SELECT count(*) FROM system_metrics WHERE metric_name = ?1 AND ts > ?2 AND ts <= ?3";
        let rows = store.sql(sql).bind(name).bind(START + 600 * SECOND).bind(START + 1_200 * SECOND).rows().unwrap();
        (rows.rows[0][0].as_i64().unwrap(), rows.scanned())
    };
    assert_eq!(scanned("cpu_percent_total"), (60, 60));
    let (rows, read) = scanned("network_bytes_sent");
    assert_eq!(rows, 60);
    assert!((72..=100).contains(&read), "{read}");
}

#[test]
fn a_page_taken_up_after_its_rows_were_sealed_repeats_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut registry = Registry::default();
    let mut writer = writer(&path, 0, Retention::FOREVER);
    for second in 0..800 {
        registry.gauge("level", &[], second as f64);
        write(&mut writer, &mut registry, second * 10);
    }
    let store = Store::open_read_only(&path).unwrap();
    let reader = store.reader().unwrap();
    let series = reader.series(Some(&["level"])).unwrap();
    let mut pages = reader.pages(vec![series[0].id], crate::store::Window::ALL).unwrap();
    let mut seen = Vec::new();
    let mut count = 0;
    loop {
        let mut visit = |found: crate::store::Found<'_>| {
            if let crate::store::Found::Entry { ts, .. } = found {
                seen.push(ts);
            }
        };
        if !reader.next_page(&mut pages, &mut visit).unwrap() {
            break;
        }
        count += 1;
        // As soon as the first page of rows has been read, everything is sealed.
        while !seen.is_empty() && writer.maintain(START + 8_000 * SECOND).unwrap() {}
    }
    assert!(count > 2, "{count} pages");
    assert_eq!(seen, (0..800).map(|second| START + second * 10 * SECOND).collect::<Vec<_>>());
}

#[test]
fn windows_that_were_rolled_up_keep_sums_and_extremes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut registry = Registry::default();
    let retention = Retention::default().raw(Duration::from_hours(1));
    let mut writer = writer(&path, 0, retention);
    let hours = 30;
    for flush in 0..hours * 60 {
        registry.gauge("system_load_average_1m", &[], f64::from(flush % 10));
        registry.count("system_context_switches_total", &[], 3);
        write(&mut writer, &mut registry, i64::from(flush) * 60);
        while writer.maintain(START + i64::from(flush) * 60 * SECOND).unwrap() {}
    }
    writer.close().unwrap();
    let store = Store::open_read_only(&path).unwrap();
    let sum = "SELECT sum(increase), count(*), sum(count) FROM samples WHERE name = 'system_context_switches_total'";
    let row = store.sql(sum).rows().unwrap().into_iter().next().unwrap();
    assert_eq!(row[0], SqlValue::Real(f64::from(3 * hours * 60)));
    assert!(row[1].as_i64().unwrap() < i64::from(hours * 60), "most was rolled up");
    let load = "SELECT max(max), min(min), sum(count) FROM system_metrics WHERE metric_name = 'load_avg_1m'";
    let row = store.sql(load).rows().unwrap().into_iter().next().unwrap();
    let whole = f64::from(hours * 60);
    assert_eq!(row, [SqlValue::Real(9.0), SqlValue::Real(0.0), SqlValue::Real(whole)]);
}

#[test]
fn a_statement_that_is_stepped_through_slowly_does_not_hold_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut registry = Registry::default();
    let mut writer = writer(&path, 0, Retention::FOREVER);
    for second in 0..100 {
        registry.gauge("level", &[], second as f64);
        write(&mut writer, &mut registry, second * 10);
    }
    let store = Store::open_read_only(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    let mut second = 1_000;
    let mut busy_with = |sql: &str| -> i64 {
        let session = Arc::new(Session::new(store.clone(), None));
        let (_quiet, connection) = store.reader().unwrap().into_parts();
        table::register(&connection, &session).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        assert!(rows.next().unwrap().is_some());
        second += 10;
        registry.gauge("level", &[], 0.5);
        write(&mut writer, &mut registry, second);
        other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(busy_with("SELECT value FROM samples"), 0);
    assert_eq!(busy_with("SELECT value FROM system_metrics WHERE timestamp > '2000'"), 0);
    assert_eq!(busy_with("SELECT ts FROM head"), 1, "as a plain table does");
}
