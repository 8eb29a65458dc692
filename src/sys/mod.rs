//! System calls beyond std.
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

#[cfg(target_os = "linux")]
use rustix::thread::CpuSet;

pub(crate) use self::memory::MemoryGroups;
pub(crate) use self::namespace::NetworkNamespace;
pub(crate) use self::open_files::too_few_open_files;
pub(crate) use self::shared_memory::SharedMemory;

/// The number of processors that this process may use, by affinity and cgroup quota.
pub(crate) fn cores() -> u32 {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

/// Time for which the processors that this process may use have been idle since the machine began, all
/// together, in milliseconds. `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn idle_ms() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let allowed = rustix::thread::sched_getaffinity(None).ok();
    let idle = idle_ms_in(&stat, |cpu| {
        allowed.as_ref().is_none_or(|set| cpu < CpuSet::MAX_CPU && set.is_set(cpu))
    });
    // Some sandboxes fill the file with zeros.
    Some(idle).filter(|&idle| idle > 0)
}

/// The system does not say.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn idle_ms() -> Option<u64> {
    None
}

/// The sum of the idle times of processors that are allowed, by the text of `/proc/stat`.
///
/// A line is `cpu0 user nice system idle iowait …` in hundredths of a second (proc(5)); the one of all
/// together has no number.
#[cfg(target_os = "linux")]
fn idle_ms_in(stat: &str, is_allowed: impl Fn(usize) -> bool) -> u64 {
    let ticks = stat.lines().filter_map(|line| {
        let (number, times) = line.strip_prefix("cpu")?.split_once(' ')?;
        let cpu: usize = number.parse().ok()?;
        let mut times = times.split_ascii_whitespace().skip(3).map(str::parse::<u64>);
        let (idle, waiting) = (times.next()?.ok()?, times.next()?.ok()?);
        is_allowed(cpu).then_some(idle + waiting)
    });
    ticks.sum::<u64>() * 10
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_processors_are_idle_for_us() {
        let stat = "cpu  93217 5 3 60 9 0 0\ncpu0 1 2 3 40 4 0 0\ncpu1 1 2 3 20 5 0 0\nintr 5\n";
        assert_eq!(idle_ms_in(stat, |_| true), 690);
        assert_eq!(idle_ms_in(stat, |cpu| cpu == 1), 250);
        assert_eq!(idle_ms_in("cpu0 1\ncpux\n\n", |_| true), 0);
    }

    #[test]
    fn this_machine_tells_its_idle_time() {
        let up = fs::read_to_string("/proc/uptime").unwrap();
        let up: f64 = up.split(' ').next().unwrap().parse().unwrap();
        let idle = idle_ms().unwrap() as f64 / 1e3;
        assert!(idle > 0.0 && idle < (up + 5.0) * 1024.0);
    }
}
