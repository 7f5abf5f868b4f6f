//! Promise: what a question over a range holds in memory follows a block of instants, and not the range.
#![cfg(feature = "promql")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ops::ControlFlow,
    sync::Arc,
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
const SERIES: i64 = 5;
const BUCKETS: i32 = 2_000;
/// Histograms that a series has in turns.
const TURNS: i64 = 7;

/// Series of large histograms, each with a sample every ten seconds, for ever.
struct Durations {
    histograms: Vec<Histogram>,
    /// How often it was asked.
    asked: Cell<usize>,
}

impl Durations {
    fn new() -> Self {
        let buckets = || (0..BUCKETS).map(|bucket| (bucket, 1.0));
        let histogram = |turn: i64| Histogram::exponential(3, turn.unsigned_abs(), turn as f64).positive(buckets());
        Self { histograms: (0..TURNS).map(histogram).collect(), asked: Cell::new(0) }
    }
}

impl Source for Durations {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        self.asked.set(self.asked.get() + 1);
        for number in 0..SERIES {
            let labels = Labels::new([("__name__", "durations"), ("function", &format!("f{number}"))]);
            let first = select.from.div_euclid(10 * SECOND) + 1;
            let histograms = (first..=select.to.div_euclid(10 * SECOND)).map(|at| {
                let turn = usize::try_from((at + number) % TURNS).unwrap();
                (at * 10 * SECOND, Arc::new(self.histograms[turn].clone()))
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

const BEGIN: i64 = 1_000_000 * SECOND;

/// The answer, the bytes that it took, and how often the source was asked.
fn ask(text: &str, instants: i64) -> (Answer, usize, usize) {
    let source = Durations::new();
    let query = Query::new(&source, text);
    let (answer, peak) = peak(|| query.range(BEGIN, BEGIN + (instants - 1) * 10 * SECOND, 10 * SECOND).unwrap());
    (answer, peak, source.asked.get())
}

#[test]
fn a_longer_range_takes_no_more_than_its_answer() {
    for text in ["histogram_count(last_over_time(durations[20s]))", "sum by (function) (histogram_count(durations))"] {
        let (_, short, _) = ask(text, 400);
        let (answer, long, asked) = ask(text, 1_600);
        let Data::Matrix(lines) = answer.data() else { panic!("{answer:?}") };
        let points: Vec<usize> = lines.iter().map(|line| line.points.len()).collect();
        assert_eq!(points, [1_600; SERIES as usize], "{text}");
        // At once it would be 1,600 instants of 5 series with 2,000 buckets of 16 bytes.
        let at_once = 1_600 * 5 * 2_000 * 16;
        // A block, a series of the whole range, and the answer, each point of which takes 24 bytes.
        assert!(long < at_once * 2 / 5, "{text}: {long} bytes");
        let (block, series, points) = (40 << 20, 2_000 * 16, 24 * 2);
        assert!(short < block + 400 * (series + 5 * points), "{text}: {short} bytes");
        assert!(long < block + 1_600 * (series + 5 * points), "{text}: {long} bytes");
        assert!((2..=60).contains(&asked), "{text}: asked {asked} times");
    }
}

/// The values of the first series.
fn values(text: &str, instants: i64) -> Vec<f64> {
    let (answer, _, asked) = ask(text, instants);
    assert!(asked > 1, "{text}: {asked}");
    let Data::Matrix(lines) = answer.data() else { panic!("{answer:?}") };
    assert!(lines.iter().all(|line| line.points.len() == lines[0].points.len()), "{text}");
    lines[0].points.iter().map(|point| point.value.as_float().unwrap()).collect()
}

#[test]
fn blocks_change_no_answer() {
    let count = |place: i64| ((BEGIN / 10 / SECOND + place) % TURNS) as f64;
    let instants = 700;
    let expected = |of: &dyn Fn(i64) -> f64| (0..instants).map(of).collect::<Vec<_>>();
    for (text, wanted) in [
        ("histogram_count(durations)", expected(&|place| count(place))),
        ("histogram_count(durations offset 30s)", expected(&|place| count(place - 3))),
        ("histogram_count(last_over_time(durations[1m]))", expected(&|place| count(place))),
        (
            "histogram_count(durations) - histogram_count(durations @ end())",
            expected(&|place| count(place) - count(instants - 1)),
        ),
        ("sum_over_time(histogram_count(durations)[70s:10s])", expected(&|_| 21.0)),
        ("count(limitk(3, durations)) + scalar(count(durations @ start()))", expected(&|_| 8.0)),
    ] {
        assert_eq!(values(text, instants), wanted, "{text}");
    }
}
