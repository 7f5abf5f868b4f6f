//! Promise: a global allocator may be monitored, with all that it calls.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::thread;

use monitored::{Mode, monitored};

struct Allocator;

// SAFETY: every call goes to the system's allocator unchanged.
#[monitored]
unsafe impl GlobalAlloc for Allocator {
    #[monitored(slow = "1ns", objective(latency = "1s", target = 99))]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = classify(layout.size());
        let _ = check(class);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[monitored]
fn classify(size: usize) -> u32 {
    size.max(1).ilog2()
}

#[monitored(tags(class))]
fn check(class: u32) -> Result<u32, &'static str> {
    if class > 40 { Err("huge") } else { Ok(class) }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn calls(function: &str) -> u64 {
    monitored::sites().iter().filter(|site| site.function == function).map(|site| site.figures.calls).sum()
}

#[test]
fn a_monitored_allocator_is_counted_and_does_not_call_itself_for_ever() {
    let work = || {
        let map: BTreeMap<u32, String> = (0..1_000).map(|n| (n, n.to_string())).collect();
        monitored::set("classify", Mode::Count);
        assert_eq!(map.len(), 1_000);
    };
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(work)).collect();
    work();
    for thread in threads {
        thread.join().unwrap();
    }
    for function in ["Allocator::alloc", "Allocator::dealloc", "classify", "check"] {
        assert!(calls(function) >= 5_000, "{function}: {}", calls(function));
    }
    assert!(monitored::sites().iter().all(|site| site.figures.in_flight <= 2));
}
