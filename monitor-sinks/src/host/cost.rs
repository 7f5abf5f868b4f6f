//! What sampling costs: the CPU time of the thread that samples.

use std::time::Duration;

/// The CPU time that this thread has used.
#[cfg(target_os = "linux")]
pub(super) fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// The time since the first call, which is at least the CPU time that this thread has used since then.
#[cfg(not(target_os = "linux"))]
pub(super) fn thread_cpu() -> Duration {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
