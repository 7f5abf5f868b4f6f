//! Times and bytes: how they are taken, and what they come to.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// How long many things of one kind took: on the clock, and of the processor's time alone.
///
/// The clock is what promises are about. Where it says much more than the processor, the thread waited: for the disk, or
/// because others were at work on this machine.
#[derive(Debug, Default, Clone)]
pub(crate) struct Times {
    clock: Vec<Duration>,
    processor: Vec<Duration>,
    /// After how many a part of the work was done.
    parts: Vec<usize>,
}

/// Parts of equal work that a load is cut into. Each has six hours of it, all that comes round within that time included;
/// the best part of one system beside the best of another says the least of what else the machine did.
pub(crate) const PARTS: usize = 4;

impl Times {
    /// Does `work`, and takes its time.
    pub(crate) fn take<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (begun, busy) = (Instant::now(), processor_time());
        let done = work();
        self.clock.push(begun.elapsed());
        self.processor.push(processor_time().saturating_sub(busy));
        done
    }

    /// Does `work` so many times, and takes each.
    pub(crate) fn repeat<T>(times: usize, mut work: impl FnMut() -> T) -> Self {
        let mut taken = Self::default();
        for _ in 0..times {
            let _ = std::hint::black_box(taken.take(&mut work));
        }
        taken
    }

    /// Adds the times of `more`.
    pub(crate) fn extend(&mut self, more: Self) {
        self.clock.extend(more.clock);
        self.processor.extend(more.processor);
    }

    pub(crate) fn count(&self) -> usize {
        self.clock.len()
    }

    pub(crate) fn total_s(&self) -> f64 {
        self.clock.iter().sum::<Duration>().as_secs_f64()
    }

    /// Takes note that `done` of `all` are done.
    pub(crate) fn reached(&mut self, done: usize, all: usize) {
        if (self.parts.len() + 1) * all <= done * PARTS {
            self.parts.push(self.clock.len());
        }
    }

    /// Seconds that each part took.
    pub(crate) fn parts_s(&self) -> impl Iterator<Item = f64> {
        let begins = std::iter::once(0).chain(self.parts.iter().copied());
        begins.zip(&self.parts).map(|(begin, &end)| self.clock[begin..end].iter().sum::<Duration>().as_secs_f64())
    }

    pub(crate) fn processor_s(&self) -> f64 {
        self.processor.iter().sum::<Duration>().as_secs_f64()
    }

    /// The time of nearest rank, in milliseconds; 0 if nothing was taken. `q` is between 0 (the best) and 1.
    pub(crate) fn quantile_ms(&self, q: f64) -> f64 {
        let mut sorted = self.clock.clone();
        sorted.sort_unstable();
        let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
        sorted.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    pub(crate) fn best_ms(&self) -> f64 {
        self.quantile_ms(0.0)
    }

    pub(crate) fn median_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }

    pub(crate) fn longest_ms(&self) -> f64 {
        self.quantile_ms(1.0)
    }

    /// The longest by the processor's time.
    pub(crate) fn busiest_ms(&self) -> f64 {
        self.processor.iter().max().map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    /// On the clock, in milliseconds.
    pub(crate) fn last_ms(&self) -> f64 {
        self.clock.last().map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// What this thread has had of the processor so far.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// What this process has written so far, as the kernel counts it.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Written {
    /// Bytes handed to `write` calls.
    pub(crate) calls: u64,
    /// Bytes of pages that were made dirty, each counted once until it goes to the disk.
    pub(crate) pages: u64,
}

impl Written {
    /// Up to now. Zeros where the system does not tell.
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0);
        Self { calls: field("wchar:"), pages: field("write_bytes:") }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { calls: self.calls - before.calls, pages: self.pages - before.pages }
    }
}

/// The bytes of a file, or of all files in a folder and below; 0 if there is none.
pub(crate) fn bytes(path: &Path) -> u64 {
    let Ok(found) = fs::metadata(path) else { return 0 };
    if !found.is_dir() {
        return found.len();
    }
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| bytes(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_cut_into_parts_of_equal_work() {
        let mut times = Times::default();
        for done in 1..=8 {
            times.clock.push(Duration::from_secs(done));
            times.reached(done as usize, 8);
        }
        assert_eq!(times.parts_s().collect::<Vec<_>>(), [3.0, 7.0, 11.0, 15.0]);
    }

    #[test]
    fn a_quantile_is_the_time_of_nearest_rank() {
        let clock = (1..=100).rev().map(Duration::from_millis).collect();
        let times = Times { clock, ..Times::default() };
        for (q, wanted) in [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            assert!((times.quantile_ms(q) - wanted).abs() < 1e-9, "{q}");
        }
        assert!(Times::default().longest_ms().abs() < f64::EPSILON);
    }
}
