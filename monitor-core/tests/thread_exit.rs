//! Promise: what a thread records in its very last moments, in the destructors of its thread-locals, counts too.

use std::cell::RefCell;
use std::thread;

use monitor_core::__private::{CallSite, Meta, Outcome, call, enter};
use monitor_core::{Collector, Counter, SeriesKey, Value};

static SITE: CallSite = CallSite::new(Meta::new("late", module_path!(), file!(), line!()));
static ROWS: Counter = Counter::new("late_rows");

/// Records when its thread-local is destroyed.
struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        call(&SITE, || ROWS.add(3_u64), |()| Outcome::Ok);
        drop(enter(&SITE));
    }
}

thread_local! {
    static BEFORE: RefCell<Option<Late>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<Late>> = const { RefCell::new(None) };
}

fn total(collector: &Collector, is: impl Fn(&SeriesKey) -> bool) -> f64 {
    let of = |value: Value<'_>| if let Value::Counter { total, .. } = value { total.as_f64() } else { 0.0 };
    collector.samples().filter(|sample| is(sample.key)).map(|sample| of(sample.value)).sum()
}

#[test]
#[allow(clippy::float_cmp)]
fn records_made_by_destructors_of_thread_locals_count() {
    const THREADS: u32 = if cfg!(miri) { 4 } else { 200 };
    for _ in 0..THREADS {
        let recorder = thread::spawn(|| {
            // One thread-local is destroyed before the monitor's own, the other after it, whichever order holds here.
            BEFORE.with(|late| *late.borrow_mut() = Some(Late));
            call(&SITE, || (), |()| Outcome::Ok);
            AFTER.with(|late| *late.borrow_mut() = Some(Late));
        });
        recorder.join().unwrap();
    }
    let mut collector = Collector::new();
    collector.collect();
    let ok = |key: &SeriesKey| {
        key.name == "function_calls_total" && key.labels.contains(&("function".to_owned(), "late".to_owned()))
    };
    assert_eq!(total(&collector, ok), f64::from(5 * THREADS));
    assert_eq!(total(&collector, |key| key.name == "late_rows"), f64::from(6 * THREADS));
}
