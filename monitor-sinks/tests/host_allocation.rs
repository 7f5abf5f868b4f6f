//! Promise: a sample of the host that finds nothing new allocates nothing on the thread that takes it, and asks the
//! system for little.

#![cfg(target_os = "linux")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    time::Duration,
};

use monitor_sinks::{Family, Host, HostSampling};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations that this thread makes in `body`.
fn allocations(body: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    body();
    ALLOCATIONS.with(Cell::get) - before
}

fn sample(host: &mut Host) {
    host.sample(host.due_us());
    for sample in host.samples() {
        black_box(sample);
    }
    host.delivered();
}

/// What is read by the sample itself.
const BASICS: [Family; 12] = [
    Family::Cpu,
    Family::Load,
    Family::Memory,
    Family::Pressure,
    Family::Disk,
    Family::Network,
    Family::Socket,
    Family::Paging,
    Family::Protocol,
    Family::FileHandle,
    Family::OwnProcess,
    Family::Container,
];

#[test]
fn a_steady_sample_of_the_basics_allocates_nothing() {
    let settings = HostSampling::every(Duration::from_millis(100)).only(BASICS).budget(1.0);
    let settings = BASICS.iter().fold(settings, |settings, family| settings.cadence(*family, Duration::ZERO));
    let mut host = Host::open(settings).unwrap();
    // Links are read by a thread of their own; what it finds makes series when it is picked up.
    (0..20).for_each(|_| {
        sample(&mut host);
        std::thread::sleep(Duration::from_millis(5));
    });
    let names: Vec<_> = host.samples().map(|sample| sample.key.name.clone()).collect();
    assert!(names.len() > 60 && names.iter().any(|name| name == "system_cpu_time_seconds_total"), "{names:?}");
    assert_eq!(allocations(|| (0..200).for_each(|_| sample(&mut host))), 0);
}

/// The reading system calls that this thread has made.
fn reads() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("syscr: ")).and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[test]
fn a_steady_sample_reads_each_file_once() {
    let before = reads();
    let own = reads() - before;
    if own == 0 {
        eprintln!("SKIPPED, this kernel does not count reads");
        return;
    }
    let mut host = Host::open(HostSampling::every(Duration::from_millis(100)).only(BASICS).budget(1.0)).unwrap();
    sample(&mut host);
    let before = reads();
    (0..100).for_each(|_| sample(&mut host));
    // Fourteen files of every sample, one of which may not fit into one reading; the others are read every 5 s.
    let each = (reads() - before - own) as f64 / 100.0;
    assert!(each <= 17.0, "{each} reads a sample");
}

#[test]
fn the_counter_of_allocations_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
}
