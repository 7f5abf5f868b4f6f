//! No text and no data makes a question panic, overflow the stack or run on; what is too much is refused.
#![cfg(feature = "promql")]

#[path = "common/random.rs"]
mod random;

use std::{
    cell::Cell,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use monitor_sinks::promql::{Error, Histogram, Labels, Memory, Query, Select, Series, Source, format, testing};
use random::Random;

/// Numbers, histograms, ends and gaps.
fn memory() -> Memory {
    let mut memory = Memory::new();
    for (name, job) in [("a_total", "x"), ("a_total", "y"), ("b_bucket", "x"), ("h", "x"), ("h", "y")] {
        let labels =
            Labels::new([("__name__", name), ("job", job), ("le", if name == "b_bucket" { "+Inf" } else { "" })]);
        for minute in 0..20_i32 {
            let time = i64::from(minute) * 60_000;
            match (name, minute % 7) {
                (_, 6) => {}
                ("h", 3) => memory.push(&labels, time, 1.0),
                ("h", _) => {
                    let schema = if job == "x" { minute % 5 } else { -53 };
                    let count = u64::from(minute.unsigned_abs());
                    let histogram = if schema == -53 {
                        Histogram::custom([1.0, f64::from(minute)], count, 1.0)
                    } else {
                        Histogram::exponential(schema, count, f64::NAN).negative([(1, 2.0)]).zero(0.5, 1.0)
                    };
                    memory.push(&labels, time, histogram.positive([(0, 1.0), (2, f64::from(minute))]));
                }
                (_, 5) => memory.push(&labels, time, monitor_sinks::promql::stale()),
                _ => memory.push(&labels, time, f64::from(minute % 5) - 1.0),
            }
        }
    }
    memory
}

const SEEDS: [&str; 24] = [
    "sum by (job) (rate(a_total[5m])) / on (job) group_left (le) b_bucket",
    "histogram_quantile(0.9, sum by (le) (rate(b_bucket[5m] offset 1m)))",
    "max_over_time((a_total + fill(0) h)[10m:1m] @ end())",
    "topk(2, a_total) unless on () vector(1) == bool 2",
    "label_replace(a_total, \"x\", \"$1\", \"job\", \"(.*)\")",
    "count_values without (le) (\"v\", {__name__=~\".+\"})",
    "quantile_over_time(scalar(a_total) - 1, h[3m])",
    "histogram_fraction(-1, 1, h) or histogram_stdvar(h) > -1",
    "delta(h[9m]) + avg(h) * 1e300 - rate(h[4m])",
    "h >/ 1 </ -1 % 2 ^ 3 atan2 4",
    "avg_over_time(h[8m]) or sum_over_time(h[1h])",
    "limit_ratio(-0.5, h) and limitk(2, h) or bottomk(1, h)",
    "absent_over_time(a_total{job=\"x\"}[5m]) or absent(nothing{a=\"b\"})",
    "increase(a_total[5m] smoothed) + changes(a_total[5m] anchored)",
    "a_total offset (step() * 2 - min(1m, 30s)) @ start()",
    "info(a_total, {job=~\".*\"}) or sort_by_label_desc(h, \"job\")",
    "predict_linear(a_total[9m], 1e9) or double_exponential_smoothing(a_total[9m], 0.5, 0.5)",
    "histogram_quantiles(h, \"q\", 0.5, NaN) or days_in_month(a_total * 1e300)",
    "resets(h[20m:30s]) + irate(h[20m]) - idelta(h[20m])",
    "stddev(a_total) + stdvar by (job) (h) + group(h) + count(h)",
    "\"a\\xff\\u00e9\" # comment",
    "clamp(a_total, -0.5, Inf) + round(a_total, 0) - -0x1F + 1_0 + 010",
    "a_total{job!~\"x|(?i:Y)\", le=\"\"}[5m:] @ -1e9",
    "-(-(+(1 - 2)) * +a_total) >= bool ignoring (job) group_right () a_total",
];

const SIGNS: &[u8] = b"()[]{},:@\"'`\\+-*/^%<>=!~#0123456789xe. \n\xff";

/// A text that was cut, glued and broken.
fn mutated(random: &mut Random) -> String {
    let mut bytes = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..(at + random.below(6)).min(bytes.len()), [])),
            2 => bytes.insert(at, SIGNS[random.below(SIGNS.len())]),
            3 => {
                let other = SEEDS[random.below(SEEDS.len())].as_bytes();
                let from = random.below(other.len());
                let piece = &other[from..(from + random.below(20)).min(other.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
            _ => {
                let number: &[u8] =
                    [b"1e400".as_slice(), b"-9223372036854775808", b"1000y", b"1ms", b"NaN", b"0"][random.below(6)];
                drop(bytes.splice(at..at, number.iter().copied()));
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn any_text_is_answered_or_refused() {
    let memory = memory();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut answers, mut refused) = (0, 0);
    for _ in 0..1500 {
        let text = mutated(&mut random);
        let query = Query::new(&memory, &text).max_samples(2_000);
        for answer in [query.at(600_000), query.range(-60_000, 900_000, 240_000)] {
            if answer.is_ok() { answers += 1 } else { refused += 1 }
        }
        if let Ok(printed) = format(&text) {
            assert_eq!(format(&printed).as_deref().ok(), Some(printed.as_str()), "{text:?}");
        }
    }
    assert!(answers > 500 && refused > 500, "{answers} answers, {refused} refused: the texts prove nothing");
}

#[test]
fn any_script_is_run_or_refused() {
    let mut random = Random(7);
    let seed = "load 1m\n x{a=\"b\"} 1+2x3 _ stale {{schema:1 buckets:[1 2] custom_values:[1]}}x2\n\neval range from 0 to \
                1m step 1m x[1m] @ 3\n expect fail msg: y\n x 1 2\n\neval instant at 1m x\n expect range vector from 0 \
                to 1m step 0\n x 1\n";
    for _ in 0..1000 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = random.below(128) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"{}[]x_-+0 \n:\"@"[random.below(14)]),
            }
        }
        let report = testing::run(&String::from_utf8_lossy(&bytes));
        assert!(
            report.passed + report.failed.len() + report.skipped.len() > 0 || !bytes.windows(4).any(|w| w == b"eval")
        );
    }
}

#[test]
fn a_text_that_is_too_long_is_not_read() {
    let started = Instant::now();
    let error = Query::new(&Memory::new(), "1 + ".repeat(300_000) + "1").at(0).unwrap_err();
    assert!(error.is_limit(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn nesting_is_refused_before_the_stack_ends() {
    // A small stack, as threads of servers have.
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(|| {
            let memory = memory();
            let ask = |text: String| Query::new(&memory, text).max_text(usize::MAX).range(0, 60_000, 60_000);
            assert!(ask(format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000))).unwrap_err().is_limit());
            for deep in [
                format!("a_total{}", " + a_total".repeat(199)),
                format!("{}a_total{}", "abs(".repeat(62), ")".repeat(62)),
                format!("{}a_total{}", "sum(".repeat(62), ")".repeat(62)),
                format!("{}vector(1){}", "max_over_time((".repeat(20), ")[1m:30s])".repeat(20)),
            ] {
                let answer = ask(deep);
                assert!(
                    answer.as_ref().is_ok_and(|_| true) || answer.as_ref().is_err_and(Error::is_limit),
                    "{answer:?}"
                );
            }
        })
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn steps_samples_and_time_are_limited() {
    let memory = memory();
    let query = Query::new(&memory, "a_total");
    assert!(query.range(0, 11_000, 1).unwrap_err().is_limit());
    assert!(query.range(0, 10_999, 1).is_ok());
    assert!(query.range(0, 1, 0).unwrap_err().is_invalid_setting());
    assert!(query.range(1, 0, 1).unwrap_err().is_invalid_setting());
    assert!(query.range(5, 10, i64::MAX).unwrap_err().is_invalid_setting());
    assert!(query.at(i64::MAX).unwrap_err().is_invalid_setting());
    let error = query.clone().max_samples(10).range(0, 1_000_000, 1000).unwrap_err();
    assert!(error.is_limit());
    assert_eq!(error.to_string(), "query processing would load too many samples into memory in query execution");
    let late = query.deadline(Instant::now()).range(0, 1_000_000, 1000).unwrap_err();
    assert!(late.is_timeout(), "{late}");
    assert!(Query::new(&memory, "nothing[1000y:1ms]").max_samples(10_000).at(0).unwrap_err().is_limit());
    assert!(
        Query::new(&memory, "nothing[1000y:1ms]")
            .deadline(Instant::now() + Duration::from_millis(50))
            .at(0)
            .unwrap_err()
            .is_timeout()
    );
}

#[test]
fn a_regular_expression_that_grows_is_refused() {
    let started = Instant::now();
    for pattern in ["(((a{1000}){1000}){1000})", "(a|b|ab)*{100}{100}", "(.{1,999}){999}"] {
        let error = Query::new(&Memory::new(), format!("x{{a=~\"{pattern}\"}}")).at(0).unwrap_err();
        assert!(error.is_syntax(), "{pattern}: {error}");
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Counts how often it is asked, and never ends by itself.
struct Endless(Cell<usize>);

impl Source for Endless {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        self.0.set(self.0.get() + 1);
        for number in 0.. {
            let labels = Labels::new([("__name__", select.name().unwrap_or("x")), ("n", &format!("{number}"))]);
            if give(Series::new(labels).with_floats([(select.to, 1.0)])).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Counts how often a source is asked.
struct Counting<'a>(&'a Memory, Cell<usize>);

impl Source for Counting<'_> {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        self.1.set(self.1.get() + 1);
        self.0.select(select, give)
    }
}

#[test]
fn a_source_is_stopped_at_the_limit_and_asked_once_for_a_selector() {
    let source = Endless(Cell::new(0));
    assert!(Query::new(&source, "count(x)").max_samples(1000).at(0).unwrap_err().is_limit());
    assert_eq!(source.0.get(), 1);

    let memory = memory();
    let counting = Counting(&memory, Cell::new(0));
    let text = "rate(a_total[5m]) + rate(a_total[10m] offset 1m) + a_total + max_over_time(a_total[5m:1m]) + h";
    Query::new(&counting, text).range(0, 600_000, 1000).unwrap();
    assert_eq!(counting.1.get(), 2);
}
