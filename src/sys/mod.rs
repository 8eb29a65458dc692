//! The operating system, where std is not enough.
#![allow(unsafe_code, clippy::allow_attributes, reason = "the environment has no lock")]

mod memory;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(not(target_os = "linux"))]
#[path = "no_namespace.rs"]
mod namespace;
mod open_files;
mod shared_memory;

use std::fs;
use std::num::NonZeroUsize;
use std::thread;

pub(crate) use self::memory::MemoryGroups;
pub(crate) use self::namespace::NetworkNamespace;
pub(crate) use self::open_files::too_few_open_files;
pub(crate) use self::shared_memory::SharedMemory;

/// Processors that this process may use: affinity and cgroup quota are respected.
pub(crate) fn cores() -> u32 {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

/// Most resident memory of this process so far, in bytes. 0 where there is no `/proc`.
pub(crate) fn peak_resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

/// Processor time of this process so far, in milliseconds.
pub(crate) fn cpu_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec * 1000 + time.tv_nsec / 1_000_000).unwrap_or_default()
}
