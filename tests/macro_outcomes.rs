//! How calls end is counted once each, whatever shape the function has.

#![allow(clippy::float_cmp, reason = "totals of calls are whole")]

use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use monitor_core::{Collector, Sample, Value};
use monitored::{ErrorKind, monitored};

type Make = fn(Act) -> BoxFuture<'static, Result<u8, Failure>>;
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[derive(Debug, ErrorKind)]
enum Failure {
    MissingField(#[expect(dead_code, reason = "only the variant counts")] u8),
    #[error_kind("number")]
    BadNumber,
}

impl Failure {
    fn code(&self) -> String {
        format!("E{}", if matches!(self, Self::BadNumber) { 2 } else { 1 })
    }
}

/// What a future does when it is polled.
#[derive(Clone, Copy)]
enum Act {
    Succeed,
    Fail,
    Panic,
    Wait,
}

async fn act(act: Act) -> Result<u8, Failure> {
    match act {
        Act::Succeed => Ok(1),
        Act::Fail => Err(Failure::MissingField(1)),
        Act::Panic => panic!("as asked"),
        Act::Wait => pending().await,
    }
}

mod shapes {
    use super::*;

    #[monitored]
    pub(super) async fn plain(how: Act) -> Result<u8, Failure> {
        act(how).await
    }

    #[monitored]
    pub(super) fn opaque(how: Act) -> impl Future<Output = Result<u8, Failure>> + Send {
        async move { act(how).await }
    }

    #[monitored]
    pub(super) fn boxed_tail(how: Act) -> BoxFuture<'static, Result<u8, Failure>> {
        Box::pin(async move { act(how).await })
    }

    #[monitored]
    pub(super) fn boxed_again(how: Act) -> Pin<Box<dyn Future<Output = Result<u8, Failure>> + Send>> {
        if let Act::Succeed = how {
            return Box::pin(ready(Ok(1)));
        }
        Box::pin(act(how))
    }

    #[monitored(time = busy)]
    pub(super) async fn busy(how: Act) -> Result<u8, Failure> {
        act(how).await
    }

    #[monitored(time = both)]
    pub(super) fn both(how: Act) -> impl Future<Output = Result<u8, Failure>> + Send {
        act(how)
    }

    pub(super) trait Fetch {
        fn fetch(&self, how: Act) -> BoxFuture<'_, Result<u8, Failure>>;

        /// As `#[async_trait]` writes it.
        #[monitored(name = "async_trait")]
        fn provided<'life0, 'async_trait>(
            &'life0 self,
            how: Act,
        ) -> Pin<Box<dyn Future<Output = Result<u8, Failure>> + Send + 'async_trait>>
        where
            'life0: 'async_trait,
            Self: Sync + 'async_trait,
        {
            Box::pin(async move {
                if let Some(ret) = None::<Result<u8, Failure>> {
                    return ret;
                }
                let this = self;
                let ret: Result<u8, Failure> = { this.fetch(how).await };
                ret
            })
        }
    }

    impl Fetch for () {
        fn fetch(&self, how: Act) -> BoxFuture<'_, Result<u8, Failure>> {
            Box::pin(act(how))
        }
    }
}

#[test]
fn a_future_ends_in_one_of_four_ways_and_counts_once() {
    use shapes::Fetch as _;
    let make: [(&str, Make); 7] = [
        ("plain", |how| Box::pin(shapes::plain(how))),
        ("opaque", |how| Box::pin(shapes::opaque(how))),
        ("boxed_tail", shapes::boxed_tail),
        ("boxed_again", shapes::boxed_again),
        ("busy", |how| Box::pin(shapes::busy(how))),
        ("both", |how| Box::pin(shapes::both(how))),
        ("async_trait", |how| ().provided(how)),
    ];
    for (function, make) in make {
        drop(make(Act::Succeed));
        assert_eq!(count(function, "ok") + count(function, "cancelled"), 0.0, "{function}: never polled, never called");
        assert!(matches!(poll(&mut make(Act::Succeed)), Poll::Ready(Ok(1))));
        assert!(matches!(poll(&mut make(Act::Fail)), Poll::Ready(Err(_))));
        let mut panics = make(Act::Panic);
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut panics))).is_err());
        drop(panics);
        let mut waits = make(Act::Wait);
        assert!(poll(&mut waits).is_pending() && poll(&mut waits).is_pending());
        assert_eq!(in_flight(function), 1, "{function}");
        // The future began here and ends on another thread.
        thread::spawn(move || drop(waits)).join().unwrap();
        for outcome in ["ok", "error", "panicked", "cancelled"] {
            assert_eq!(count(function, outcome), 1.0, "{function} {outcome}");
        }
        assert_eq!(in_flight(function), 0, "{function}");
        assert_eq!(errors(function, "missing_field"), 1.0, "{function}");
    }
}

#[monitored(time = busy, name = "sleeps_busy")]
async fn sleeps_busy() {
    thread::sleep(Duration::from_millis(20));
    yield_once().await;
}

#[monitored(time = both, name = "sleeps_both")]
async fn sleeps_both() {
    thread::sleep(Duration::from_millis(20));
    yield_once().await;
}

#[test]
fn busy_time_is_the_time_in_polls() {
    fn run(mut future: BoxFuture<'_, ()>) {
        assert!(poll(&mut future).is_pending());
        thread::sleep(Duration::from_millis(200));
        assert!(poll(&mut future).is_ready());
    }
    run(Box::pin(sleeps_busy()));
    run(Box::pin(sleeps_both()));
    let total = |function| site(function).figures.total;
    assert!((20..200).contains(&total("sleeps_busy").as_millis()), "{:?}", total("sleeps_busy"));
    assert!(total("sleeps_both").as_millis() >= 220, "{:?}", total("sleeps_both"));
    let busy = sample(&[("function", "sleeps_both")], |sample| match sample.value {
        Value::Distribution(busy) if sample.key.name.contains("busy") => Some(busy.sum()),
        _ => None,
    });
    let busy = busy.expect("a metric of its own");
    assert!((0.02..0.2).contains(&busy), "{busy}");
}

#[monitored(error = Failure::code)]
fn coded(n: u8) -> Result<u8, Failure> {
    match n {
        0 => Err(Failure::BadNumber),
        1 => Err(Failure::MissingField(1)),
        n => Ok(n),
    }
}

#[monitored]
fn kinds(n: u8) -> Result<u8, Failure> {
    coded(n)
}

#[monitored(ok_if = Option::is_some)]
fn found(n: u8) -> Option<u8> {
    n.checked_sub(1)
}

#[monitored(error_if = |code| *code >= 500)]
fn status(code: u16) -> u16 {
    code
}

#[monitored(error_if = |returned| matches!(returned, Err(Failure::BadNumber)))]
fn only_bad_numbers(n: u8) -> Result<u8, Failure> {
    coded(n)
}

#[monitored(none = error)]
fn none_is_an_error(n: u8) -> Option<u8> {
    n.checked_sub(1)
}

#[monitored]
fn none_is_no_error(n: u8) -> Option<u8> {
    n.checked_sub(1)
}

#[test]
fn the_attribute_says_what_an_error_is_and_how_it_is_called() {
    for n in 0..4 {
        let _ = (kinds(n), found(n), only_bad_numbers(n), none_is_an_error(n), none_is_no_error(n));
    }
    for code in [200, 404, 500, 503] {
        status(code);
    }
    for (function, ok, kinds) in [
        ("kinds", 2.0, &[("number", 1.0), ("missing_field", 1.0)] as &[_]),
        ("coded", 4.0, &[("E1", 2.0), ("E2", 2.0)]),
        ("found", 3.0, &[("not_ok", 1.0)]),
        ("status", 2.0, &[("error_if", 2.0)]),
        ("only_bad_numbers", 3.0, &[("number", 1.0)]),
        ("none_is_an_error", 3.0, &[("none", 1.0)]),
        ("none_is_no_error", 4.0, &[]),
    ] {
        assert_eq!(count(function, "ok"), ok, "{function}");
        for (kind, times) in kinds {
            assert_eq!(errors(function, kind), *times, "{function} {kind}");
        }
        assert_eq!(count(function, "error"), kinds.iter().map(|(_, times)| times).sum::<f64>(), "{function}");
    }
}

struct Row {
    region: String,
}

#[monitored(tags(region = self.region, table, kind = "row"))]
impl Row {
    fn consumed(self, table: String) -> (String, String) {
        // Both tags were read before the call, so that their sources can be moved.
        (self.region, table)
    }

    async fn consumed_later(self, table: String) -> (String, String) {
        ready(()).await;
        (self.region, table)
    }

    fn without_self(table: u8) -> u8 {
        table
    }

    fn without_table(&self) -> usize {
        self.region.len()
    }
}

#[test]
fn tags_are_read_from_arguments_before_the_body_runs() {
    let row = |region: &str| Row { region: region.to_owned() };
    for region in ["eu", "us", "eu"] {
        row(region).consumed("flights".to_owned());
        let mut later = Box::pin(row(region).consumed_later("flights".to_owned()));
        assert!(poll(&mut later).is_ready());
    }
    Row::without_self(3);
    row("eu").without_table();
    for function in ["Row::consumed", "Row::consumed_later"] {
        let of = |region| calls(&[("function", function), ("region", region), ("table", "flights"), ("kind", "row")]);
        assert_eq!((of("eu"), of("us")), (2.0, 1.0), "{function}");
    }
    assert_eq!(calls(&[("function", "Row::without_self"), ("table", "3")]), 1.0);
    assert_eq!(calls(&[("function", "Row::without_table"), ("region", "eu")]), 1.0);
}

#[monitored(outermost)]
fn recursive(depth: u32) -> u32 {
    if depth == 0 { 0 } else { recursive(depth - 1) + 1 }
}

#[monitored]
fn boxed_recursion(depth: u32) -> BoxFuture<'static, u32> {
    Box::pin(async move { if depth == 0 { 0 } else { boxed_recursion(depth - 1).await + 1 } })
}

#[test]
fn a_recursion_counts_each_call_or_its_outermost_one() {
    assert_eq!(recursive(5), 5);
    assert_eq!(count("recursive", "ok"), 1.0);
    assert!(matches!(poll(&mut boxed_recursion(5)), Poll::Ready(5)));
    assert_eq!(count("boxed_recursion", "ok"), 6.0);
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    #[monitored(name = "panics_in_drop")]
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[monitored]
fn drops_at_its_end() {
    let _guard = PanicsInDrop;
}

thread_local! {
    static LAST: CallsInDrop = const { CallsInDrop(Cell::new(0)) };
}

struct CallsInDrop(Cell<u8>);

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        called_at_the_end_of_a_thread();
    }
}

#[monitored]
fn called_at_the_end_of_a_thread() {}

#[test]
fn panics_in_drops_and_calls_at_the_end_of_a_thread_count() {
    assert!(catch_unwind(drops_at_its_end).is_err());
    assert_eq!((count("panics_in_drop", "panicked"), count("drops_at_its_end", "panicked")), (1.0, 1.0));
    thread::spawn(|| LAST.with(|last| last.0.set(1))).join().unwrap();
    assert_eq!(count("called_at_the_end_of_a_thread", "ok"), 1.0);
}

struct CleansUp;

impl Drop for CleansUp {
    fn drop(&mut self) {
        clean_up();
        let _ = clean_up_in_steps();
    }
}

#[monitored]
fn clean_up() {}

#[monitored]
fn clean_up_in_steps() -> Result<(), Failure> {
    Ok(())
}

#[test]
fn what_is_called_because_of_a_panic_and_comes_back_is_no_panic() {
    let unwound = catch_unwind(|| {
        let _cleans_up = CleansUp;
        panic!("meant");
    });
    assert!(unwound.is_err());
    for function in ["clean_up", "clean_up_in_steps"] {
        assert_eq!((count(function, "ok"), count(function, "panicked")), (1.0, 0.0), "{function}");
    }
}

#[test]
fn a_future_whose_owner_panics_is_cancelled() {
    let make: [(&str, Make); 4] = [
        ("owned_plain", |how| Box::pin(owned::owned_plain(how))),
        ("owned_boxed", owned::owned_boxed),
        ("owned_busy", |how| Box::pin(owned::owned_busy(how))),
        ("owned_both", |how| Box::pin(owned::owned_both(how))),
    ];
    for (function, make) in make {
        let unwound = catch_unwind(|| {
            let mut waits = make(Act::Wait);
            assert!(poll(&mut waits).is_pending());
            panic!("meant");
        });
        assert!(unwound.is_err());
        assert_eq!((count(function, "cancelled"), count(function, "panicked")), (1.0, 0.0), "{function}");
        assert_eq!(in_flight(function), 0, "{function}");
    }
}

mod owned {
    use super::*;

    #[monitored]
    pub(super) async fn owned_plain(how: Act) -> Result<u8, Failure> {
        act(how).await
    }

    #[monitored]
    pub(super) fn owned_boxed(how: Act) -> BoxFuture<'static, Result<u8, Failure>> {
        Box::pin(async move { act(how).await })
    }

    #[monitored(time = busy)]
    pub(super) async fn owned_busy(how: Act) -> Result<u8, Failure> {
        act(how).await
    }

    #[monitored(time = both)]
    pub(super) async fn owned_both(how: Act) -> Result<u8, Failure> {
        act(how).await
    }
}

fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

async fn yield_once() {
    let mut is_second = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut is_second, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

fn count(function: &str, outcome: &str) -> f64 {
    calls(&[("function", function), ("outcome", outcome)])
}

fn calls(labels: &[(&str, &str)]) -> f64 {
    total(monitor_core::names::CALLS, labels)
}

fn errors(function: &str, kind: &str) -> f64 {
    total(monitor_core::names::ERRORS, &[("function", function), ("error_type", kind)])
}

fn in_flight(function: &str) -> u64 {
    site(function).figures.in_flight
}

fn site(function: &str) -> monitored::SiteInfo {
    let sites = monitored::sites();
    sites.iter().find(|site| site.function == function).unwrap_or_else(|| panic!("{function}: {sites:#?}")).clone()
}

fn total(name: &str, labels: &[(&str, &str)]) -> f64 {
    let counter = |sample: &Sample<'_>| match sample.value {
        Value::Counter { total, .. } if sample.key.name == name => Some(total.as_f64()),
        _ => None,
    };
    sample(labels, counter).unwrap_or(0.0)
}

/// The first sample that has these labels, if `read` takes it.
fn sample<T>(labels: &[(&str, &str)], read: impl Fn(&Sample<'_>) -> Option<T>) -> Option<T> {
    // One collector at a time: a second one would see only what is recorded from then on. What none has delivered goes
    // from each to the next, so all of them see everything.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut collector = Collector::new();
    collector.collect();
    let has = |sample: &Sample<'_>, wanted: &(&str, &str)| {
        sample.key.labels.iter().any(|(key, value)| (key.as_str(), value.as_str()) == *wanted)
    };
    collector
        .samples()
        .filter(|sample| labels.iter().all(|wanted| has(sample, wanted)))
        .find_map(|sample| read(&sample))
}
