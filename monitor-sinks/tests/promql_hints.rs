//! Promise: a question tells the store what it needs, takes what the store says, and gives up in time.
#![cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]
#![allow(clippy::float_cmp, reason = "what was recorded comes back bit by bit")]

mod common;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    ops::ControlFlow,
    time::{Duration, Instant, SystemTime},
};

use common::{
    Random,
    damaged::{self, SERIES},
    scraped, start,
    tape::{HOUR, MINUTE, START, Tape},
};
use monitor_core::MetricKind;
use monitor_sinks::{
    Retention, Store, StoreSource,
    promql::{Data, Error, Labels, Memory, Query, Select, Series, Source, selector},
};
use rusqlite::Connection;

/// Notes what it is asked.
struct Noting<'a> {
    source: &'a dyn Source,
    asked: RefCell<Vec<(String, i64, i64, i64)>>,
    /// Selections that ended because it was too late.
    late: Cell<usize>,
}

impl<'a> Noting<'a> {
    fn new(source: &'a dyn Source) -> Self {
        Self { source, asked: RefCell::default(), late: Cell::new(0) }
    }
}

impl Source for Noting<'_> {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        let Select { function, range, step, from, .. } = *select;
        self.asked.borrow_mut().push((function.to_owned(), range, step, from));
        let answer = self.source.select(select, give);
        self.late.set(self.late.get() + usize::from(answer.as_ref().is_err_and(Error::is_timeout)));
        answer
    }

    fn gives_whole_series(&self) -> bool {
        self.source.gives_whole_series()
    }
}

#[test]
fn a_source_learns_what_its_samples_are_for_if_it_is_one_thing() {
    let memory = Memory::new();
    for (text, wanted) in [
        ("sum(rate(x[5m] offset 1m))", ("rate", 300_000, 10_000, 1_000_000 - 360_000)),
        ("x", ("", 0, 0, 700_000)),
        ("rate(x[5m]) + x", ("", 0, 0, 700_000)),
        ("rate(x[5m]) / rate(x[10m])", ("", 0, 0, 400_000)),
        ("max_over_time(rate(x[5m])[10m:])", ("", 0, 0, 100_000)),
    ] {
        let noting = Noting::new(&memory);
        Query::new(&noting, text).range(1_000_000, 1_100_000, 10_000).unwrap();
        let (function, range, step, from) = wanted;
        assert_eq!(*noting.asked.borrow(), [(function.to_owned(), range, step, from)], "{text}");
    }
}

/// Gets no hints, because it says that series may come in pieces.
struct Unhinted<'a>(&'a dyn Source);

impl Source for Unhinted<'_> {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        assert_eq!((select.function, select.range, select.step), ("", 0, 0));
        self.0.select(select, give)
    }
}

#[test]
fn what_is_left_out_by_hints_changes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = Random(5);
    scraped::record(&path, &mut random);
    let source = Store::open_read_only(&path).unwrap().promql_source();
    let texts = [
        "rate(sizes[5m])",
        "increase(sizes[47s] offset 3m)",
        "sum(rate(sizes[20m]))",
        "rate(rows_total[70s])",
        "sum by (le) (rate(sizes_bucket[5m]))",
        "increase(sizes_count[90s])",
    ];
    let (mut found, length) = (0, scraped::LENGTH.unsigned_abs() / 1_000);
    for _ in 0..10 {
        for text in texts {
            let from = START / 1_000 + (random.next() % length).cast_signed();
            let to = from + (random.next() % length).cast_signed();
            let step = [1_000, 10_000, 37_000, 600_000][random.below(4)].max((to - from) / 500);
            let hinted = Query::new(&source, text).range(from, to, step).unwrap();
            let unhinted = Query::new(&Unhinted(&source), text).range(from, to, step).unwrap();
            assert_eq!(hinted.data(), unhinted.data(), "{text} from {from} to {to} by {step}");
            let at = [from, to][random.below(2)];
            let hinted = Query::new(&source, text).at(at).unwrap();
            assert_eq!(hinted.data(), Query::new(&Unhinted(&source), text).at(at).unwrap().data(), "{text} at {at}");
            found += usize::from(hinted.data() != &Data::Vector(Vec::new()));
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn what_is_left_out_by_hints_is_nothing_that_goes_on_in_what_is_not_stored_yet() {
    let folder = tempfile::tempdir().unwrap();
    let (monitor, feed) = start(&folder.path().join("metrics.db"));
    for round in 1..=100_u32 {
        feed.with(move |registry| registry.record(MetricKind::Histogram, "sizes", &[], f64::from(round)));
        // Some flushes have two values, and the last value comes after the last flush.
        if round % 3 > 0 && round < 100 {
            monitor.flush().unwrap();
        }
        // Flushes within a millisecond would make a single sample.
        let flushed = Instant::now();
        while flushed.elapsed() < Duration::from_millis(2) {
            std::thread::yield_now();
        }
    }
    let source = monitor.promql_source();
    for text in ["rate(sizes[100ms])", "increase(sizes[5s])", "sum by (le) (rate(sizes_bucket[100ms]))"] {
        loop {
            let begun = SystemTime::now();
            let to = i64::try_from(begun.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap();
            let hinted = Query::new(&source, text).range(to - 1_000, to, 250).unwrap();
            let unhinted = Query::new(&Unhinted(&source), text).range(to - 1_000, to, 250).unwrap();
            // What ended two seconds ago is the past, of which only flushes are told.
            if begun.elapsed().unwrap() < Duration::from_millis(1_500) {
                assert_eq!(hinted.data(), unhinted.data(), "{text}");
                break;
            }
        }
    }
    let seen = monitor.promql("histogram_count(sizes)").newest().unwrap().first_float();
    assert_eq!(seen, Some(100.0));
}

#[test]
fn a_series_in_pieces_is_read_again_as_a_whole() {
    struct Pieces(Cell<usize>);
    impl Source for Pieces {
        fn select(&self, _: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
            self.0.set(self.0.get() + 1);
            for piece in [[(1_000, 1.0), (2_000, 2.0)], [(3_000, 3.0), (4_000, 4.0)]] {
                let _ = give(Series::new(Labels::new([("__name__", "x")])).with_floats(piece));
            }
            Ok(())
        }

        fn gives_whole_series(&self) -> bool {
            true
        }
    }
    let source = Pieces(Cell::new(0));
    let answer = Query::new(&source, "sum_over_time(x[1m])").at(5_000).unwrap();
    assert_eq!((answer.first_float(), source.0.get()), (Some(10.0), 2));
}

thread_local! {
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    static BEGUN: Instant = Instant::now();
}

/// A clock that goes on by a second whenever it is looked at.
fn ticking() -> Instant {
    LOOKS.set(LOOKS.get() + 1);
    BEGUN.with(|begun| *begun + Duration::from_secs(LOOKS.get().into()))
}

#[test]
fn the_deadline_is_looked_at_while_the_store_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut tape = Tape::record(&folder.path().join("metrics.db"), START, MINUTE, Retention::FOREVER);
    let end = START + 30 * HOUR;
    for flush in 1..=30 * 60 {
        tape.registry.count("rows_total", &[], flush % 7);
        tape.flush(START + flush.cast_signed() * MINUTE);
        tape.upkeep(START + flush.cast_signed() * MINUTE);
    }
    let source = tape.store().promql_source();
    let noting = Noting::new(&source);
    let ask = |seconds: u64| {
        LOOKS.set(0);
        let deadline = BEGUN.with(|begun| *begun + Duration::from_secs(seconds));
        let query = Query::new(&noting, "count_over_time(rows_total[30h])").deadline(deadline).clock(ticking);
        query.at(end / 1_000)
    };
    assert_eq!(ask(1_000).unwrap().first_float(), Some(1_800.0));
    let looks = LOOKS.get();
    assert!(looks >= 3, "{looks}");
    for seconds in 1..u64::from(looks) {
        assert!(ask(seconds).unwrap_err().is_timeout(), "{seconds}");
        assert!(LOOKS.get() <= looks, "{seconds}");
    }
    assert!(noting.late.get() > 0);
}

/// The labels of series that have a value in `(from, to]`, found by reading all samples.
fn read_labels(source: &StoreSource, from: i64, to: i64) -> BTreeSet<String> {
    let text = format!("last_over_time({{service=\"bench\"}}[{}ms])", to - from);
    let answer = Query::new(source, text).at(to).unwrap();
    let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
    elements.iter().map(|element| element.labels.to_string()).collect()
}

#[test]
fn labels_are_those_of_series_with_samples_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let mut random = Random(11);
    scraped::record(&path, &mut random);
    let source = Store::open_read_only(&path).unwrap().promql_source();
    let matchers = selector("{service=\"bench\"}").unwrap();
    for _ in 0..30 {
        let from = (START - 10 * MINUTE) / 1_000 + (random.next() % 8_400_000).cast_signed();
        let to = from + 1 + (random.next() % 7_200_000).cast_signed();
        let mut found = BTreeSet::new();
        let give = &mut |labels: Labels| {
            found.insert(labels.to_string());
            ControlFlow::Continue(())
        };
        source.labels(&Select::new(&matchers, from, to), give).unwrap();
        assert!(read_labels(&source, from, to).is_subset(&found), "{from} to {to}: {found:?}");
        // A series that ends has a marker there, at most two minutes after its last value.
        assert!(found.is_subset(&read_labels(&source, from - 130_000, to)), "{from} to {to}: {found:?}");
    }
}

#[test]
fn what_is_damaged_is_told_with_its_span() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.db");
    let store = damaged::record(&path);
    let newest = store.promql_source().newest().unwrap().unwrap();
    let ask = |text: &str| store.promql(text).at(newest).unwrap();
    assert!(ask("increase(metric_0[3h])").warnings().is_empty());
    let connection = Connection::open(&path).unwrap();
    let (t0, t1): (i64, i64) = connection
        .query_row("SELECT t0, t1 FROM segment WHERE tier = 0 ORDER BY t1 DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let changed = connection
        .execute(
            "UPDATE chunk SET b = zeroblob(length(b)) WHERE segment = (SELECT id FROM segment WHERE t0 = ?1 AND tier = 0)",
            [t0],
        )
        .unwrap();
    assert!(changed >= SERIES);
    drop(connection);
    let answer = ask("increase(metric_0[3h])");
    let moment = |micros: i64| {
        let seconds = micros / 1_000_000 % 86_400;
        format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    };
    let [warning] = answer.warnings() else { panic!("{:?}", answer.warnings()) };
    assert!(warning.contains("damaged, and missing from this answer"), "{warning}");
    assert!(warning.contains(&moment(t0)) && warning.contains(&moment(t1)), "{warning} {}", moment(t0));
    assert!(warning.ends_with("its checksum does not match (1:10)"), "{warning}");
}
