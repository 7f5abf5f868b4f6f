//! The clock of the hot path: the processor's time-stamp counter where it can be trusted, else [`Instant`].
//!
//! Reading the counter takes about 10 ns and `Instant` 25 to 30 ns, and a call is timed by two reads: the clock is most
//! of what monitoring a call costs. One word, `FACTOR`, answers both questions of the hot path, whether the counter may
//! be used and how its ticks convert. Zero means "use `Instant`": so it starts, and so it becomes again when the counter
//! is found to jump. The factor is first known 2 ms after the first measured call, with no thread ever waiting for it,
//! and the background thread corrects it at every drain ([`discipline`]).

mod calibration;
mod counter;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use calibration::{Calibration, Reading, Verdict};
use once_cell::sync::OnceCell;

/// Units of 2^-30 s in 2^32 ticks of the counter; 0 while the counter is not in use.
static FACTOR: AtomicU64 = AtomicU64::new(0);

/// Units of 2^-30 s in 2^32 ns.
const NANOS_FACTOR: u64 = 4_611_686_018;

/// Marks a [`Stamp`] that holds nanoseconds. A counter at 5 GHz reaches this bit after 58 years.
const PORTABLE: u64 = 1 << 63;

/// A point in time on this process's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    /// In place of the time of a call of which nothing is counted.
    pub(crate) const OFF: Self = Self(u64::MAX);
    /// In place of the time of a call that is part of one that counts.
    pub(crate) const NESTED: Self = Self(u64::MAX - 1);
    /// In place of the time of a call whose duration is not taken.
    pub(crate) const UNTIMED: Self = Self(u64::MAX - 2);
    /// In place of the time of a call that has not begun.
    pub(crate) const WAITING: Self = Self(u64::MAX - 3);

    /// Whether this is a time, and none of the words above.
    #[inline(always)]
    pub(crate) const fn is_time(self) -> bool {
        self.0 < Self::WAITING.0
    }
}

/// The current time. Never blocks, never fails.
#[inline(always)]
#[must_use]
pub fn now() -> Stamp {
    if FACTOR.load(Ordering::Relaxed) != 0 { Stamp(counter::read() & !PORTABLE) } else { portable_now() }
}

/// The time since `start`, in units of 2^-30 s; 0 if the clock went backwards.
#[inline(always)]
#[must_use]
pub fn units_since(start: Stamp) -> u64 {
    let factor = FACTOR.load(Ordering::Relaxed);
    if factor != 0 && start.0 < PORTABLE {
        let ticks = (counter::read() & !PORTABLE).saturating_sub(start.0);
        scale(ticks, factor)
    } else {
        portable_since(start)
    }
}

/// `duration` in units of 2^-30 s, rounded to the nearest, so that whole nanoseconds survive the way there and back.
#[must_use]
pub fn to_units(duration: Duration) -> u64 {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let exact = u128::from(nanos) << 30;
    u64::try_from((exact + 500_000_000) / 1_000_000_000).unwrap_or(u64::MAX)
}

/// Compares the counter with the system's clock, and corrects or gives up the counter. Called at every drain.
pub fn discipline() {
    if usable() && FACTOR.load(Ordering::Relaxed) != 0 {
        observe(Duration::from_millis(50));
    }
}

/// Leaves the counter alone from now on: for systems that say that it cannot be trusted.
pub fn use_portable() {
    USABLE.store(UNUSABLE, Ordering::Relaxed);
    FACTOR.store(0, Ordering::Relaxed);
}

/// Whether durations are read from the processor's counter at this moment.
#[must_use]
pub fn is_counter() -> bool {
    FACTOR.load(Ordering::Relaxed) != 0
}

const UNKNOWN: u8 = 0;
const UNUSABLE: u8 = 1;
const FIT: u8 = 2;
static USABLE: AtomicU8 = AtomicU8::new(UNKNOWN);

fn usable() -> bool {
    match USABLE.load(Ordering::Relaxed) {
        UNKNOWN => {
            let fit = counter::is_invariant();
            let answer = if fit { FIT } else { UNUSABLE };
            // Another thread may have been told meanwhile to leave the counter alone: its word stands.
            let _ = USABLE.compare_exchange(UNKNOWN, answer, Ordering::Relaxed, Ordering::Relaxed);
            fit
        }
        answer => answer == FIT,
    }
}

#[inline(always)]
fn scale(ticks: u64, factor: u64) -> u64 {
    ((u128::from(ticks) * u128::from(factor)) >> 32) as u64
}

/// The instant that nanoseconds are counted from. Allocates nothing: an allocator may be monitored.
fn anchor() -> Instant {
    // Not the standard library's: whoever checks this crate for races compiles this one, and sees the order it keeps.
    static ANCHOR: OnceCell<Instant> = OnceCell::new();
    *ANCHOR.get_or_init(Instant::now)
}

fn nanos() -> u64 {
    anchor().elapsed().as_nanos() as u64
}

#[cold]
#[inline(never)]
fn portable_now() -> Stamp {
    if usable() {
        observe(Duration::from_millis(2));
    }
    Stamp(nanos() | PORTABLE)
}

#[cold]
#[inline(never)]
fn portable_since(start: Stamp) -> u64 {
    if start.0 >= PORTABLE {
        return scale(nanos().saturating_sub(start.0 & !PORTABLE), NANOS_FACTOR);
    }
    // The counter was given up while this call ran: convert with what was last known of it.
    let ticks = (counter::read() & !PORTABLE).saturating_sub(start.0);
    CALIBRATION.try_lock().map_or(0, |calibration| scale(ticks, calibration.factor()))
}

static CALIBRATION: Mutex<Calibration> = Mutex::new(Calibration::new());

/// Shows the calibration a fresh pair of readings if the last one is at least `apart` ago. Never waits for the lock.
fn observe(apart: Duration) {
    let Ok(mut calibration) = CALIBRATION.try_lock() else { return };
    let apart_nanos = apart.as_nanos() as u64;
    if calibration.since_last(nanos()).is_some_and(|elapsed| elapsed < apart_nanos) {
        return;
    }
    match calibration.observe(reading()) {
        Verdict::Wait => {}
        Verdict::Factor(factor) => FACTOR.store(factor, Ordering::Relaxed),
        Verdict::Jumped => {
            FACTOR.store(0, Ordering::Relaxed);
            crate::own::CLOCK_JUMPS.add(1_u64);
        }
        Verdict::GiveUp => {
            use_portable();
            crate::own::CLOCK_JUMPS.add(1_u64);
        }
    }
}

/// Both clocks at the same moment, as nearly as can be: the tightest of several tries.
fn reading() -> Reading {
    let mut best = (u64::MAX, Reading { ticks: 0, nanos: 0 });
    for _ in 0..5 {
        let before = counter::read();
        let nanos = nanos();
        let after = counter::read();
        let width = after.saturating_sub(before);
        if width < best.0 {
            best = (width, Reading { ticks: before + width / 2, nanos });
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_agree_with_the_system_clock() {
        for _ in 0..50 {
            let (start, reference) = (now(), Instant::now());
            while reference.elapsed() < Duration::from_micros(300) {}
            let measured = units_since(start) as f64 / f64::from(1 << 30);
            let elapsed = reference.elapsed().as_secs_f64();
            assert!(measured >= 299e-6, "{measured} s");
            assert!(measured <= elapsed + 50e-6 || measured < elapsed * 1.5, "{measured} s, not {elapsed} s");
        }
    }

    #[test]
    fn whole_nanoseconds_survive_as_units() {
        for nanos in [0_u64, 1, 2, 30, 31, 1_000, 999_999_999, 86_400_000_000_000] {
            let units = to_units(Duration::from_nanos(nanos));
            let back = crate::to_duration(units as f64 / f64::from(1 << 30));
            assert_eq!(back.as_nanos(), u128::from(nanos));
        }
        assert_eq!(to_units(Duration::MAX), u64::MAX);
    }

    #[test]
    fn nanoseconds_scale_to_units() {
        assert!(scale(1_000_000_000, NANOS_FACTOR).abs_diff(1 << 30) <= 1);
    }
}
