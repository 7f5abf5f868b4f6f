//! Readers over the files of proc and sys.
//!
//! Files are kept open and read into one buffer; devices are found by name, and first at the place where they were the
//! time before. A family is a file here; what several of them need is in `file`, `parse`, `stat` and `mount`.

mod asker;
mod container;
mod cpu;
mod disk;
mod file;
mod file_handle;
mod filesystem;
#[cfg(test)]
mod golden;
mod load;
mod memory;
mod mount;
mod network;
mod own_process;
mod own_thread;
mod paging;
mod parse;
mod pressure;
mod process;
mod protocol;
mod socket;
mod stat;

use super::{family::Family, settings::HostSampling, task::Reader, top::Shared};

/// What is read by the sample itself, in this order.
pub(super) fn basic(settings: &HostSampling) -> Vec<(Family, Box<dyn Reader>)> {
    vec![
        (Family::Cpu, Box::new(cpu::Cpu::new(settings))),
        (Family::Load, Box::new(load::Load::new(settings))),
        (Family::Memory, Box::new(memory::Memory::new(settings))),
        (Family::Pressure, Box::new(pressure::Pressure::new(settings))),
        (Family::Disk, Box::new(disk::Disk::new(settings))),
        (Family::Network, Box::new(network::Network::new(settings))),
        (Family::Socket, Box::new(socket::Socket::new(settings))),
        (Family::Paging, Box::new(paging::Paging::new(settings))),
        (Family::Protocol, Box::new(protocol::Protocol::new(settings))),
        (Family::FileHandle, Box::new(file_handle::FileHandle::new(settings))),
        (Family::OwnProcess, Box::new(own_process::OwnProcess::new(settings))),
        (Family::Container, Box::new(container::Container::new(settings))),
    ]
}

/// What is read by threads of their own, a list each.
pub(super) fn slow(settings: &HostSampling, top: &Shared) -> Vec<Vec<(Family, Box<dyn Reader>)>> {
    vec![
        vec![
            (Family::Process, Box::new(process::Process::new(settings, top))),
            (Family::OwnThread, Box::new(own_thread::OwnThread::new(settings))),
            (Family::Network, Box::new(network::Link::new(settings))),
        ],
        vec![(Family::Filesystem, Box::new(filesystem::Filesystem::new(settings)))],
    ]
}
