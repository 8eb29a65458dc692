//! What is done to renders, and what it takes to do it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// What is done to a render.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// SIGKILL to one process whose name is this.
    Kill(&'static str),
    /// SIGKILL to any process under the engine.
    KillAny,
    /// SIGKILL to any two.
    KillTwo,
    /// SIGKILL to any process under the engine while it starts.
    KillEarly,
    /// SIGSTOP to one process, the engine included, and SIGCONT later.
    Stop,
    /// SIGSTOP to all, as when a machine is suspended, and SIGCONT later.
    StopAll,
    /// SIGINT, SIGTERM or SIGHUP to the engine.
    End,
    /// SIGKILL to the engine.
    KillEngine,
    /// Two signals to the engine in a row.
    EndTwice,
    /// A file system for the output that is too small for it.
    FullDisk,
    /// A small file system for the profiles.
    SmallProfile,
    /// Few file descriptors.
    FewFiles,
    /// A control group with little memory.
    LittleMemory,
    /// The time of day jumps, by up to a year, to and fro.
    Clock,
}

/// All of them, in the order in which they are tried.
pub(crate) const FAULTS: [Fault; 18] = [
    Fault::Kill("gpu-process"),
    Fault::KillEngine,
    Fault::Kill("renderer"),
    Fault::LittleMemory,
    Fault::Kill("NetworkService"),
    Fault::End,
    Fault::KillAny,
    Fault::Stop,
    Fault::Kill("StorageService"),
    Fault::FullDisk,
    Fault::KillTwo,
    Fault::EndTwice,
    Fault::Kill("browser"),
    Fault::FewFiles,
    Fault::KillEarly,
    Fault::Clock,
    Fault::Kill("Xvfb"),
    Fault::StopAll,
];

/// Tried in turn with the others, but less often: most of them end with no file.
pub(crate) const SELDOM: [Fault; 1] = [Fault::SmallProfile];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill("gpu-process") => "SIGKILL to the GPU process",
            Self::Kill("renderer") => "SIGKILL to a renderer",
            Self::Kill("NetworkService") => "SIGKILL to the network service",
            Self::Kill("StorageService") => "SIGKILL to the storage service",
            Self::Kill("Xvfb") => "SIGKILL to the display server",
            Self::Kill(_) => "SIGKILL to the browser",
            Self::KillAny => "SIGKILL to any process but the engine",
            Self::KillTwo => "SIGKILL to any two",
            Self::KillEarly => "SIGKILL to any one in the first half second",
            Self::Stop => "any process stands still, up to 2.5 s",
            Self::StopAll => "all processes stand still, up to 2.5 s",
            Self::End => "SIGINT, SIGTERM or SIGHUP to the engine",
            Self::KillEngine => "SIGKILL to the engine",
            Self::EndTwice => "two signals to the engine",
            Self::FullDisk => "the output's disk is full",
            Self::SmallProfile => "the profile's disk is full",
            Self::FewFiles => "few file descriptors",
            Self::LittleMemory => "little memory, in a control group",
            Self::Clock => "the time of day jumps",
        })
    }
}

impl Fault {
    /// Whether this can be brought about here: some need root, one a C compiler.
    pub(crate) fn is_possible(self) -> bool {
        match self {
            Self::FullDisk | Self::SmallProfile => {
                tempfile::tempdir().is_ok_and(|place| Mount::tmpfs(place.path(), "64k").is_some())
            }
            Self::LittleMemory => Group::new(256 << 20).is_some(),
            Self::Clock => {
                let place = tempfile::tempdir();
                place.is_ok_and(|place| Clock::new(place.path()).is_ok())
            }
            _ => true,
        }
    }

    /// Whether this is done to processes at some moment; the rest is there from the start.
    pub(crate) fn is_sudden(self) -> bool {
        !matches!(self, Self::FullDisk | Self::SmallProfile | Self::FewFiles | Self::LittleMemory)
    }
}

/// Numbers that follow from a seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        dice.roll();
        dice
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(usize::try_from(self.below(list.len() as u64)).ok()?)
    }
}

/// A file system in memory.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn tmpfs(at: &Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at);
        let is_there = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        is_there.then(|| Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// A control group with a limit on memory, by its directory.
pub(crate) struct Group(pub(crate) PathBuf);

impl Group {
    pub(crate) fn new(bytes: u64) -> Option<Self> {
        let name = format!("pagereel-chaos-{}-{bytes}", std::process::id());
        let tops =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        tops.into_iter().find_map(|(top, limit)| {
            let group = Self(Path::new(top).join(&name));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(limit), bytes.to_string()).ok()?;
            Some(group)
        })
    }

    /// The shell command by which a process enters.
    pub(crate) fn entrance(&self) -> String {
        format!("echo $$ > '{}'", self.0.join("cgroup.procs").display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Not as long as anything is in it.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The time of day of all processes of a render, which can be moved.
///
/// A library that the loader puts in front of the C library. The monotonic clock is left alone: no
/// administrator can move it.
pub(crate) struct Clock {
    library: PathBuf,
    jump: PathBuf,
}

const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long long none;
static volatile long long *jump;
static long long seconds(void) {
  if (!jump) {
    const char *name = getenv("CHAOS_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *at = file < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    jump = at == MAP_FAILED ? &none : at;
  }
  return *jump;
}
int clock_gettime(clockid_t id, struct timespec *at) {
  int code = syscall(SYS_clock_gettime, id, at);
  if (!code && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += seconds();
  return code;
}
int gettimeofday(struct timeval *at, void *zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
"#;

impl Clock {
    /// Compiles the library into a directory.
    pub(crate) fn new(place: &Path) -> Result<Self> {
        let (source, library) = (place.join("clock.c"), place.join("clock.so"));
        fs::write(&source, CLOCK)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source);
        let status = compiler.stderr(Stdio::null()).status().context("there is no C compiler")?;
        ensure!(status.success(), "the clock does not compile");
        let clock = Self { library, jump: place.join("clock.jump") };
        clock.set(0)?;
        Ok(clock)
    }

    pub(crate) fn apply(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("CHAOS_CLOCK", &self.jump);
    }

    /// Moves it to so many seconds from the true time.
    pub(crate) fn set(&self, seconds: i64) -> Result<()> {
        use std::io::Write as _;
        // In place: it is mapped.
        let mut file = fs::OpenOptions::new();
        let mut file = file.write(true).create(true).truncate(false).open(&self.jump)?;
        file.write_all(&seconds.to_ne_bytes())?;
        Ok(())
    }
}
