//! The line that the kernel writes about a process or thread: `proc/PID/stat`.
//!
//! The command name stands in round brackets and may hold any bytes, brackets and line ends included, so it reaches from
//! the first opening bracket to the last closing one.

use super::parse::{fields, number};

/// The flag of a thread of the kernel, which has no program.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What is used of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat<'a> {
    pub(super) command: &'a [u8],
    pub(super) is_kernel_thread: bool,
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    /// CPU time in ticks.
    pub(super) user: u64,
    pub(super) system: u64,
    pub(super) threads: u64,
    /// When it started, in ticks since the system did.
    pub(super) start: u64,
    /// In bytes.
    pub(super) virtual_memory: u64,
    /// In pages.
    pub(super) resident: u64,
}

impl<'a> Stat<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let open = bytes.iter().position(|byte| *byte == b'(')?;
        let close = bytes.iter().rposition(|byte| *byte == b')')?;
        let command = bytes.get(open + 1..close)?;
        // The fields after the name, of which the first is the state; some of those in between may be negative.
        let mut fields = fields(bytes[close + 1..].trim_ascii()).skip(1);
        let mut skip = |count: usize| fields.nth(count).and_then(number);
        let flags = skip(5)?;
        let minor_faults = skip(0)?;
        let major_faults = skip(1)?;
        let user = skip(1)?;
        let system = skip(0)?;
        let threads = skip(4)?;
        let start = skip(1)?;
        let virtual_memory = skip(0)?;
        // An exiting process may have a size below 0 for a moment.
        let resident = fields.next().map(|field| number(field).unwrap_or(0))?;
        // A field that nothing follows may have lost its end.
        fields.next()?;
        let is_kernel_thread = flags & KERNEL_THREAD != 0;
        Some(Self {
            command,
            is_kernel_thread,
            minor_faults,
            major_faults,
            user,
            system,
            threads,
            start,
            virtual_memory,
            resident,
        })
    }

    /// CPU time in ticks.
    pub(super) const fn ticks(&self) -> u64 {
        self.user.saturating_add(self.system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str =
        "S 1 4242 4242 0 -1 4194304 100 9 7 8 150 50 1 2 20 0 3 0 999 2998272 381 18446744073709551615\n";

    #[test]
    fn the_fields_are_where_the_kernel_puts_them() {
        let line = format!("4242 (worker) {REST}");
        let stat = Stat::parse(line.as_bytes()).unwrap();
        assert_eq!((stat.command, stat.is_kernel_thread), (&b"worker"[..], false));
        assert_eq!((stat.minor_faults, stat.major_faults), (100, 7));
        assert_eq!((stat.user, stat.system, stat.ticks()), (150, 50, 200));
        assert_eq!((stat.threads, stat.start), (3, 999));
        assert_eq!((stat.virtual_memory, stat.resident), (2_998_272, 381));
    }

    #[test]
    fn a_name_may_hold_brackets_blanks_and_line_ends() {
        for name in [") (", "a) R 1 (b", "x\ny", "", "((", "\n)"] {
            let line = format!("7 ({name}) {REST}");
            let stat = Stat::parse(line.as_bytes()).unwrap();
            assert_eq!((stat.command, stat.start), (name.as_bytes(), 999));
        }
    }

    #[test]
    fn what_is_cut_off_is_no_line() {
        let line = format!("4242 (worker) {REST}");
        for length in 0..80 {
            assert_eq!(Stat::parse(&line.as_bytes()[..length]), None, "{length}");
        }
        assert_eq!(Stat::parse(b") ("), None);
    }
}
