//! Reads the processor's time-stamp counter.

#[cfg(all(target_arch = "x86_64", not(miri), not(loom)))]
mod arch {
    use core::arch::x86_64::{__cpuid, _rdtsc};

    /// The counter now. Not ordered against the instructions around it: ordering costs as much again and gains a few
    /// nanoseconds.
    #[inline(always)]
    pub(crate) fn read() -> u64 {
        // SAFETY: `rdtsc` has no requirements on x86-64; a system that forbids it to programs is caught by none of our
        // users' targets (it faults under `prctl(PR_SET_TSC)`, which a program sets on itself).
        unsafe { _rdtsc() }
    }

    /// Whether the counter runs at one rate in all states of the processor (CPUID `0x8000_0007`, EDX bit 8).
    pub(crate) fn is_invariant() -> bool {
        const HIGHEST: u32 = 0x8000_0000;
        const POWER: u32 = 0x8000_0007;
        __cpuid(HIGHEST).eax >= POWER && __cpuid(POWER).edx & (1 << 8) != 0
    }
}

#[cfg(all(target_arch = "aarch64", not(miri), not(loom)))]
mod arch {
    /// The virtual counter now.
    #[inline(always)]
    pub(crate) fn read() -> u64 {
        let ticks: u64;
        // SAFETY: reading CNTVCT_EL0 is allowed at EL0 on the systems that Rust supports, and changes nothing.
        unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
        ticks
    }

    /// The architecture guarantees one rate (Arm ARM, "Generic Timer").
    pub(crate) fn is_invariant() -> bool {
        true
    }
}

#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri), not(loom))))]
mod arch {
    /// Never called: the counter is not used here.
    pub(crate) fn read() -> u64 {
        0
    }

    pub(crate) fn is_invariant() -> bool {
        false
    }
}

pub(super) use arch::{is_invariant, read};
