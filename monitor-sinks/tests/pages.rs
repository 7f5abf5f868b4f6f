//! Paging is exact: whatever the writer seals, rolls up and drops between two pages, everything that was stored when it began
//! comes once, in the order of time, and the writer is never held up.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use std::{path::Path, time::Duration};

use common::{
    Random, key,
    tape::{HOUR, MINUTE, START, Tape, micros, time},
};
use monitor_core::{Distribution, MetricKind, Number};
use monitor_sinks::{Points, Reading, Retention, Stored};

/// Hours of flushes every minute of three series.
struct Recording {
    tape: Tape,
    now: i64,
    random: Random,
}

impl Recording {
    fn begin(path: &Path, retention: Retention) -> Self {
        Self { tape: Tape::record(path, START, MINUTE, retention), now: START, random: Random(0xfeed) }
    }

    fn go_on(&mut self, minutes: i64, upkeep: bool) {
        for _ in 0..minutes {
            self.now += MINUTE;
            let value = self.random.below(100);
            self.tape.registry.count("rows", &[], value as u64);
            self.tape.registry.gauge("level", &[], value as f64);
            self.tape.registry.record(MetricKind::Histogram, "sizes", &[], value as f64);
            self.tape.flush(self.now);
            if upkeep {
                self.tape.upkeep(self.now);
            }
        }
    }
}

/// What was counted in all.
#[derive(Debug, Default, PartialEq)]
struct Sum {
    rows: u64,
    sizes: u64,
    levels: u64,
    level: u64,
}

impl Sum {
    fn add(&mut self, points: &Points, stored: &Stored) {
        match (points.series()[stored.series].name.as_str(), &stored.reading) {
            ("rows", Reading::Counter { increase: Number::Int(increase), .. }) => self.rows += increase,
            ("level", Reading::Gauge(value)) => {
                self.levels += 1;
                self.level += *value as u64;
            }
            ("level", Reading::Window { sum, count, .. }) => {
                self.levels += *count as u64;
                self.level += *sum as u64;
            }
            ("sizes", Reading::Values(values)) => self.sizes += values.count(),
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
}

fn read_all(mut points: Points, mut between: impl FnMut(usize)) -> Sum {
    let (mut sum, mut last, mut read) = (Sum::default(), (0, i64::MIN), 0);
    while let Some(stored) = points.next() {
        let stored = stored.unwrap();
        let place = (stored.series, micros(stored.time));
        assert!(place > last, "{place:?} after {last:?}");
        last = place;
        sum.add(&points, &stored);
        read += 1;
        between(read);
    }
    assert_eq!(points.warnings(), []);
    sum
}

#[test]
fn everything_comes_once_while_the_writer_seals_rolls_up_and_drops() {
    for seed in 1..6 {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention::default().raw(Duration::from_hours(2)).minutes(Duration::from_hours(9));
        let mut recording = Recording::begin(&folder.path().join("metrics.db"), retention);
        recording.random = Random(seed);
        // Nothing is sealed yet, so everything happens while it is read.
        recording.go_on(20 * 60, false);
        let query = recording.tape.store().query();
        let wanted = read_all(query.points().unwrap(), |_| {});
        assert_eq!(wanted.levels, 20 * 60);
        let mut turns = Random(seed ^ 0xbead);
        let mut next = 1;
        let found = read_all(query.points().unwrap(), |read| {
            if read == next {
                next += 1 + turns.below(120);
                recording.go_on((turns.next() % 20).cast_signed(), false);
                (0..turns.below(16)).for_each(|_| recording.tape.upkeep_a_bit(recording.now));
            }
        });
        let left = recording.tape.store().query().metric("level").series().unwrap().remove(0);
        assert!(left.resolutions().len() > 1, "nothing was rolled up and dropped meanwhile");
        assert_eq!(found, wanted, "seed {seed}");
    }
}

/// Nothing of what was there gets lost with the windows that stand in for it; what came in the same hour may be in them.
#[test]
fn an_end_in_the_middle_of_a_window_loses_nothing() {
    for seed in 1..4 {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention::default().raw(Duration::from_hours(1)).minutes(Duration::from_hours(2));
        let mut recording = Recording::begin(&folder.path().join("metrics.db"), retention);
        recording.random = Random(seed);
        recording.go_on(5 * 60 + 33, false);
        let query = recording.tape.store().query();
        let least = read_all(query.points().unwrap(), |_| {});
        let points = query.points().unwrap();
        recording.go_on(27, false);
        let most = read_all(query.points().unwrap(), |_| {});
        recording.go_on(20 * 60, true);
        let found = read_all(points, |_| {});
        assert!(least.rows < found.rows && found.rows <= most.rows, "{least:?} {found:?} {most:?}");
        assert!(least.levels < found.levels && found.levels <= most.levels, "{least:?} {found:?} {most:?}");
        assert_eq!(found.levels, found.sizes);
    }
}

#[test]
fn a_series_at_a_time_gives_the_same_as_all_of_them_and_windows_as_everything() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention::default().raw(Duration::from_hours(2));
    let mut recording = Recording::begin(&folder.path().join("metrics.db"), retention);
    recording.go_on(15 * 60, true);
    let store = recording.tape.store();
    let all = read_all(store.query().points().unwrap(), |_| {});
    let mut sum = Sum::default();
    for metric in ["rows", "level", "sizes"] {
        let mut after = START;
        while after < recording.now {
            let query = store.query().metric(metric).between(time(after), time(after + 3 * HOUR));
            let Sum { rows, sizes, levels, level } = read_all(query.points().unwrap(), |_| {});
            sum = Sum {
                rows: sum.rows + rows,
                sizes: sum.sizes + sizes,
                levels: sum.levels + levels,
                level: sum.level + level,
            };
            after += 3 * HOUR;
        }
    }
    assert_eq!(sum, all);
    assert_eq!(all.levels, 15 * 60);
}

#[test]
fn a_reader_between_two_pages_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut recording = Recording::begin(&path, Retention::FOREVER);
    recording.go_on(20 * 60, false);
    let mut points = recording.tape.store().query().points().unwrap();
    points.next().unwrap().unwrap();
    // The log can be recycled as a whole, and another writer may take over.
    let connection = rusqlite::Connection::open(&path).unwrap();
    let pinned = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(pinned("PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    drop(connection);
    recording.tape.stop();
    points.next().unwrap().unwrap();
    let tape = Tape::record(&path, recording.now + MINUTE, MINUTE, Retention::FOREVER);
    assert_eq!(points.map(Result::unwrap).count(), 3 * 20 * 60 - 2);
    drop(tape);
}

/// Values that are easily bent on the way.
const FLOATS: [f64; 14] = [
    0.0,
    -0.0,
    0.1,
    -17.25,
    5e-324,
    -5e-324,
    f64::MIN_POSITIVE,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1e300,
    9_007_199_254_740_993.0,
];

fn gauges(stored: &[Stored]) -> Vec<u64> {
    let bits = |stored: &Stored| match stored.reading {
        Reading::Gauge(value) | Reading::Window { last: value, .. } => Some(value.to_bits()),
        _ => None,
    };
    stored.iter().filter_map(bits).collect()
}

fn totals(stored: &[Stored]) -> Vec<Number> {
    let total = |stored: &Stored| match stored.reading {
        Reading::Counter { total, .. } => Some(total),
        _ => None,
    };
    stored.iter().filter_map(total).collect()
}

#[test]
fn every_value_comes_back_bit_by_bit_from_rows_chunks_and_windows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let retention = Retention::default().raw(Duration::from_hours(8));
    let mut tape = Tape::record(&path, START, 5 * MINUTE, retention);
    let odd_nan = f64::from_bits(0xfff8_dead_beef_0001);
    let floats: Vec<f64> = FLOATS.into_iter().chain([odd_nan]).collect();
    let (mut levels, mut whole, mut fractional, mut values) = (Vec::new(), Vec::new(), Vec::new(), Distribution::new());
    let (mut total, mut sum) = (0_u64, 0.0);
    // One flush a window, so that each value is the last of one.
    for (flush, at) in (1..=40).enumerate() {
        let float = floats[flush % floats.len()];
        tape.registry.gauge("level", &[], float);
        levels.push(float.to_bits());
        let more = [1, 1 << 53, 1 << 58, 0, (1 << 50) + 1][flush % 5];
        tape.registry.count("whole", &[], more);
        total += more;
        whole.push(Number::Int(total));
        let more = [0.1, 1e-300, 1e15, 0.3][flush % 4];
        tape.registry.add(key(MetricKind::Counter, "fractional", &[]), Number::Float(more));
        sum += more;
        fractional.push(sum.to_bits());
        let value = [0.0, 5e-324, 0.003, 1e9, f64::MAX / 64.0][flush % 5];
        tape.registry.record(MetricKind::Timer, "sizes", &[], value);
        values.record(value);
        tape.flush(START + at * 5 * MINUTE);
    }
    let check = |tape: &Tape, layer: &str| {
        let stored = |metric: &str| -> Vec<Stored> {
            tape.store().query().metric(metric).points().unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(gauges(&stored("level")), levels, "{layer}");
        assert_eq!(totals(&stored("whole")), whole, "{layer}");
        let found: Vec<u64> = totals(&stored("fractional")).iter().map(|total| total.as_f64().to_bits()).collect();
        assert_eq!(found, fractional, "{layer}");
        let mut found = Distribution::new();
        for stored in stored("sizes") {
            let Reading::Values(values) = stored.reading else { panic!("not values") };
            found.merge(&values);
        }
        assert_eq!(found, values, "{layer}");
        let groups = tape.store().query().group_by([""; 0]).groups().unwrap();
        let increase = |metric: &str| groups.iter().find(|group| group.name == metric).unwrap().summary.increase();
        assert_eq!(increase("whole"), Some(total as f64), "{layer}");
        assert_eq!(increase("sizes"), Some(40.0), "{layer}");
    };
    let count =
        |sql: &str| -> i64 { rusqlite::Connection::open(&path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap() };
    check(&tape, "rows");
    tape.upkeep(START + 4 * HOUR);
    assert!(count("SELECT sum(flushes) FROM segment") > 30, "little was sealed");
    check(&tape, "chunks");
    tape.upkeep(START + 20 * HOUR);
    assert_eq!(count("SELECT count(*) FROM unsealed"), 0);
    assert_eq!(count("SELECT count(*) FROM segment WHERE tier = 0"), 0);
    check(&tape, "windows");
}
