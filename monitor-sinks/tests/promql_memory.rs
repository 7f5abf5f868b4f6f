//! Promise: what a question over a range holds in memory follows a block of instants, and not the range.
#![cfg(feature = "promql")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ops::ControlFlow,
};

use monitor_sinks::promql::{Answer, Data, Error, Histogram, Labels, Query, Select, Series, Source};

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Counts the bytes that each thread has allocated and not given back.
struct Counting;

fn count(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches thread-locals without destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The answer, and the bytes that were in use beyond those before, at most.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let done = work();
    (done, (PEAK.get() - before).unsigned_abs())
}

const SECOND: i64 = 1_000;
const SERIES: i64 = 20;
const BUCKETS: i32 = 200;

/// Series of histograms that count up, each with a sample every ten seconds, for ever.
struct Durations {
    /// How often it was asked.
    asked: Cell<usize>,
}

impl Source for Durations {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        self.asked.set(self.asked.get() + 1);
        for number in 0..SERIES {
            let labels = Labels::new([("__name__", "durations"), ("function", &format!("f{number}"))]);
            let first = select.from.div_euclid(10 * SECOND) + 1;
            let histograms = (first..=select.to.div_euclid(10 * SECOND)).map(|at| {
                let buckets = (0..BUCKETS).map(|bucket| (bucket, (at + number) as f64));
                let count = (at + number).unsigned_abs() * BUCKETS.unsigned_abs() as u64;
                (at * 10 * SECOND, Histogram::exponential(3, count, at as f64).positive(buckets).into())
            });
            if give(Series::new(labels).with_histograms(histograms)).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn gives_whole_series(&self) -> bool {
        true
    }
}

fn ask(text: &str, instants: i64) -> (Answer, usize, usize) {
    let source = Durations { asked: Cell::new(0) };
    let begin = 1_000_000 * SECOND;
    let query = Query::new(&source, text);
    let (answer, peak) = peak(|| query.range(begin, begin + (instants - 1) * 10 * SECOND, 10 * SECOND).unwrap());
    (answer, peak, source.asked.get())
}

#[test]
fn a_longer_range_takes_no_more_than_its_answer() {
    let text = "histogram_quantile(0.99, sum by (function) (rate(durations[20s])))";
    let (_, short, _) = ask(text, 750);
    let (answer, long, asked) = ask(text, 3_000);
    let Data::Matrix(lines) = answer.data() else { panic!("{answer:?}") };
    assert_eq!(lines.iter().map(|line| line.points.len()).collect::<Vec<_>>(), [3_000; SERIES as usize]);
    // At once it would be 3,000 instants of 20 series with 200 buckets of 16 bytes.
    let at_once = 3_000 * 20 * 200 * 16;
    assert!(long < 60 << 20 && long < at_once / 3, "{long} bytes");
    // A point has 24 bytes, and what grows by doubling has room for twice as many.
    let points = 3_000 * 20 * 24 * 2;
    assert!(long < short + short / 8 + points, "{short} bytes, then {long} bytes");
    assert!((2..=40).contains(&asked), "asked {asked} times");
}

#[test]
fn blocks_change_no_answer() {
    for text in [
        "sum(rate(durations[1m]))",
        "histogram_count(durations offset 30s)",
        "histogram_count(durations) - histogram_count(durations @ end())",
        "max_over_time(histogram_quantile(0.5, rate(durations[1m]))[2m:20s])",
        "count(limitk(3, durations)) + scalar(count(durations @ start()))",
    ] {
        let (answer, _, asked) = ask(text, 700);
        assert!(asked > 1, "{text}: {asked}");
        let Data::Matrix(lines) = answer.data() else { panic!("{answer:?}") };
        let source = Durations { asked: Cell::new(0) };
        for line in lines {
            for point in line.points.iter().step_by(97) {
                // What `@` names is the beginning and the end of the range.
                if text.contains('@') {
                    continue;
                }
                let answer = Query::new(&source, text).at(point.time).unwrap();
                let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
                let same = elements.iter().find(|element| element.labels == line.labels).unwrap();
                assert_eq!(same.value, point.value, "{text} at {}", point.time);
            }
        }
        let points: usize = lines.iter().map(|line| line.points.len()).sum();
        assert_eq!(points, 700 * lines.len(), "{text}");
    }
    let (answer, _, _) = ask("histogram_count(durations) - histogram_count(durations @ end())", 700);
    let Data::Matrix(lines) = answer.data() else { panic!("{answer:?}") };
    let values: Vec<f64> = lines[0].points.iter().map(|point| point.value.as_float().unwrap()).collect();
    let wanted: Vec<f64> = (0..700).map(|at| f64::from((at - 699) * BUCKETS)).collect();
    assert_eq!(values, wanted);
}
