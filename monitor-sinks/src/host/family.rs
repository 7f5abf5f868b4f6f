//! What is sampled, in groups that can be switched off and slowed down one by one.
//!
//! A family is a group that comes from the same sources at the same cost. Its name is a label of the sampler's own
//! metrics, so that cost and failures can be told apart.

use std::time::Duration;

/// A group of values of the host that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Family {
    /// Time of each processor by mode, utilisation, counts of processors, context switches, forks, interrupts.
    Cpu,
    /// Load averages.
    Load,
    /// Memory and swap.
    Memory,
    /// Time that work waited for processors, memory and disks (pressure stall information).
    Pressure,
    /// Bytes, operations and busy time of each disk.
    Disk,
    /// Bytes, packets, errors and drops of each network interface.
    Network,
    /// Sockets in use.
    Socket,
    /// Page faults, paging, swapping, kills for want of memory.
    Paging,
    /// Retransmissions, listen overflows, errors of the network protocols.
    Protocol,
    /// File handles of the whole system.
    FileHandle,
    /// This process: CPU time, memory, threads, descriptors, faults.
    OwnProcess,
    /// The container (control group) that this process runs in: limits, usage, throttling.
    Container,
    /// Size and use of each mounted file system.
    Filesystem,
    /// All processes: their number, and those that use the most CPU and memory.
    Process,
    /// CPU time of each thread of this process, by thread name.
    OwnThread,
    /// Values of files in the directory given to [`HostSampling::textfiles`](super::HostSampling::textfiles).
    Textfile,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 16] = [
        Self::Cpu,
        Self::Load,
        Self::Memory,
        Self::Pressure,
        Self::Disk,
        Self::Network,
        Self::Socket,
        Self::Paging,
        Self::Protocol,
        Self::FileHandle,
        Self::OwnProcess,
        Self::Container,
        Self::Filesystem,
        Self::Process,
        Self::OwnThread,
        Self::Textfile,
    ];

    /// The family's name as the label `family` spells it, for example `own_process`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Load => "load",
            Self::Memory => "memory",
            Self::Pressure => "pressure",
            Self::Disk => "disk",
            Self::Network => "network",
            Self::Socket => "socket",
            Self::Paging => "paging",
            Self::Protocol => "protocol",
            Self::FileHandle => "file_handle",
            Self::OwnProcess => "own_process",
            Self::Container => "container",
            Self::Filesystem => "filesystem",
            Self::Process => "process",
            Self::OwnThread => "own_thread",
            Self::Textfile => "textfile",
        }
    }

    /// How often it is read at most, unless the settings say otherwise. Zero means at each sample.
    pub(crate) const fn cadence(self) -> Duration {
        match self {
            // The kernel works out new averages every 5 s.
            Self::Load | Self::Paging | Self::FileHandle | Self::Process | Self::OwnThread => Duration::from_secs(5),
            Self::Protocol | Self::Filesystem => Duration::from_secs(10),
            _ => Duration::ZERO,
        }
    }

    /// The place of the family in tables.
    pub(crate) const fn place(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_place_and_a_name_of_its_own() {
        for (place, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family.place(), place);
            assert_eq!(Family::ALL.iter().filter(|other| other.name() == family.name()).count(), 1);
        }
    }
}
