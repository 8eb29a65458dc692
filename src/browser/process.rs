//! A browser process that never outlives us.
//!
//! Three nets, each enough for most falls: Chrome ends itself when the DevTools pipe closes; we
//! kill its whole process group when the render ends; and a [`Watchdog`] kills the group and
//! removes the profile if we are killed (SIGKILL).

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tempfile::TempDir;

use super::BrowserError;
use super::display::Display;
use super::watchdog::Watchdog;
use super::{fonts, home};
use crate::frame::Size;
use crate::network::SharedNamespace;

/// The longest wait for the end of a killed group.
const GROUP_END: Duration = Duration::from_millis(300);

/// The number of attempts to remove a profile, and the pause in between.
const PROFILE_ATTEMPTS: u32 = 5;
const PROFILE_PAUSE: Duration = Duration::from_millis(20);

/// Longest path of a directory in which Chrome can still make its socket, of 108 bytes in all.
const MAX_TEMPORARY_PATH: usize = 60;

/// Lines of Chrome's own output that errors quote.
const OUTPUT_LINES: usize = 4;

/// A running browser with all its children, its profile and its watchdog.
#[derive(Debug)]
pub(super) struct ChromeProcess {
    path: PathBuf,
    child: Child,
    group: Pid,
    /// Present until all else is gone.
    watchdog: Option<Watchdog>,
    profile: TempDir,
    display: Option<Display>,
}

/// Our ends of the DevTools pipe.
pub(super) struct PipeEnds {
    pub commands: OwnedFd,
    pub answers: OwnedFd,
}

impl ChromeProcess {
    /// Starts the browser in a process group and with a profile of its own.
    ///
    /// With `screen`, on a private display of that size; with `network`, inside that namespace.
    pub(super) fn start(
        path: &Path,
        arguments: &[String],
        screen: Option<Size>,
        network: Option<&SharedNamespace>,
    ) -> Result<(Self, PipeEnds), BrowserError> {
        let cannot = |source| BrowserError::CannotStart { path: path.to_owned(), source };
        let no_profile =
            |source| BrowserError::NoProfile { directory: tempfile::env::temp_dir(), source };
        let profile = tempfile::Builder::new()
            .prefix("pagereel-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(no_profile)?;
        let output = File::create(output_path(profile.path())).map_err(no_profile)?;
        let mut watchdog = Watchdog::start(profile.path()).map_err(cannot)?;
        let display =
            screen.map(|size| Display::start(size, profile.path(), &mut watchdog)).transpose()?;
        let (their_commands, commands) = pipe().map_err(cannot)?;
        let (answers, their_answers) = pipe().map_err(cannot)?;

        let mut command = Command::new(path);
        // Before the pipe takes its descriptors, one of which may be that of the network's
        // namespace.
        if let Some(network) = network {
            network.0.enter(&mut command);
        }
        command
            .args(arguments)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            // A file, so that no pipe is held open by a straggler.
            .stdout(output.try_clone().map_err(cannot)?)
            .stderr(output)
            .process_group(display.as_ref().map_or(0, |d| d.pid().as_raw_nonzero().get()))
            .fd_mappings(vec![
                FdMapping { parent_fd: their_commands, child_fd: 3 },
                FdMapping { parent_fd: their_answers, child_fd: 4 },
            ])
            .map_err(|e| cannot(io::Error::other(e)))?;
        if let Some(display) = &display {
            display.show(&mut command);
        }
        fonts::pin(&mut command, profile.path()).map_err(no_profile)?;
        home::give(&mut command, profile.path()).map_err(no_profile)?;

        // A window's browser leaves a directory there when it is killed. It also makes a socket in
        // it, whose path must not be long.
        if profile.path().as_os_str().len() <= MAX_TEMPORARY_PATH {
            command.env("TMPDIR", profile.path());
        }
        let child = command.spawn();
        // The command holds Chrome's ends of the pipe open.
        drop(command);
        let mut child = match child {
            Ok(child) => child,
            Err(e) => return Err(cannot(e)),
        };
        let group = display.as_ref().map_or_else(|| Pid::from_child(&child), Display::pid);

        if display.is_none() && watchdog.guard_group(group).is_err() {
            end_group(group, &mut child, None);
            return Err(Watchdog::lost());
        }
        let watchdog = Some(watchdog);
        let process = Self { path: path.to_owned(), child, group, watchdog, profile, display };
        Ok((process, PipeEnds { commands, answers }))
    }

    /// The program that runs.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The group of the browser and its children.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

    /// The display that its window is on, if it has one.
    pub(super) fn display(&mut self) -> Option<&mut Display> {
        self.display.as_mut()
    }

    /// The browser's exit status, if it has ended.
    pub(super) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The last lines that Chrome has printed, without its usual noise.
    pub(super) fn output(&self) -> Vec<String> {
        let bytes = fs::read(output_path(self.profile.path())).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.contains("dbus"))
            .collect();
        let from = lines.len().saturating_sub(OUTPUT_LINES);
        lines[from..].iter().map(|&line| line.to_owned()).collect()
    }
}

impl Drop for ChromeProcess {
    fn drop(&mut self) {
        end_group(self.group, &mut self.child, self.display.as_mut());
        // A process that has just been killed may have been writing.
        for _ in 0..PROFILE_ATTEMPTS {
            match fs::remove_dir_all(self.profile.path()) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => thread::sleep(PROFILE_PAUSE),
                _ => break,
            }
        }
        // Only now: if the engine is killed in between, the watchdog does the rest. It must not
        // live longer, as the group's number is ours only until its leader is reaped.
        drop(self.watchdog.take());
        drop(self.child.wait());
        drop(self.display.take());
    }
}

/// Ends the group. Its leader is not reaped here: until it is, the number stays the group's.
fn end_group(group: Pid, child: &mut Child, display: Option<&mut Display>) {
    let leads = display.is_none();
    if let Some(display) = display {
        display.end();
    }
    if let Err(e) = kill_process_group(group, Signal::KILL) {
        tracing::debug!(%e, "the browser's process group is already gone");
    }
    if !leads {
        drop(child.wait());
    }
    // Killed is not yet gone: a large renderer needs a moment to give its memory back.
    let until = Instant::now() + GROUP_END;
    let id = group.as_raw_nonzero().get();
    while processes().is_some_and(|mut all| all.any(|p| p.group == id && !p.has_ended))
        && Instant::now() < until
    {
        thread::sleep(Duration::from_millis(4));
    }
}

fn output_path(profile: &Path) -> PathBuf {
    profile.join("output.txt")
}

/// A pipe that no other child inherits: (read end, write end).
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let ends = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        // Room for a whole command, and fewer turns for a picture of some megabytes. Refused when
        // the user's quota is used up, which costs only speed.
        rustix::pipe::fcntl_setpipe_size(&ends.1, 1 << 20).ok();
        Ok(ends)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let ends = rustix::pipe::pipe()?;
        for end in [&ends.0, &ends.1] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        }
        Ok(ends)
    }
}

/// Resource use of a group of processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    /// Resident memory now, in bytes; pages shared between processes count once for each.
    pub resident_bytes: u64,
    /// Processor time of the living processes and of children they waited for, in milliseconds.
    pub cpu_ms: u64,
}

/// Adds up the resource use of the process group `group`. Zero where there is no `/proc`.
pub(crate) fn group_usage(group: i32) -> Usage {
    let members = processes().into_iter().flatten().filter(|process| process.group == group);
    members.fold(Usage::default(), |usage, process| Usage {
        resident_bytes: usage.resident_bytes + process.usage.resident_bytes,
        cpu_ms: usage.cpu_ms + process.usage.cpu_ms,
    })
}

/// The system's figures about one process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProcessStat {
    pub group: i32,
    /// Whether it has ended, or is about to; it may not have been reaped.
    pub has_ended: bool,
    usage: Usage,
}

/// All processes of the system; `None` where there is no `/proc`.
fn processes() -> Option<impl Iterator<Item = ProcessStat>> {
    let is_number = |name: &OsStr| name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit);
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let entries = entries.filter(move |entry| is_number(&entry.file_name()));
    Some(entries.filter_map(|entry| {
        ProcessStat::parse(&fs::read_to_string(entry.path().join("stat")).ok()?)
    }))
}

/// `PF_EXITING` of the kernel's `sched.h`: set before a process closes its files.
const EXITING: u64 = 4;

impl ProcessStat {
    /// Reads a line of `/proc/<pid>/stat`; see `proc_pid_stat(5)` for the numbers.
    pub(super) fn parse(line: &str) -> Option<Self> {
        // The name in parentheses may itself contain spaces.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |i: usize| fields.get(i - 3).and_then(|f| f.parse::<u64>().ok());
        let ticks = number(14)? + number(15)? + number(16)? + number(17)?;
        Some(Self {
            group: fields.get(2)?.parse().ok()?,
            has_ended: matches!(*fields.first()?, "Z" | "X") || number(9)? & EXITING != 0,
            usage: Usage {
                cpu_ms: ticks * 1000 / rustix::param::clock_ticks_per_second(),
                resident_bytes: number(24)? * rustix::param::page_size() as u64,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_told_from_the_living() {
        let line = |state: &str| {
            format!(
                "812 (a (b) c) {state} 1 800 800 0 -1 4194560 9 8 7 6 10 20 30 40 20 0 3 0 5 4096 2 9"
            )
        };
        let living = ProcessStat::parse(&line("S")).unwrap();
        assert_eq!((living.group, living.has_ended), (800, false));
        let tick = 1000 / rustix::param::clock_ticks_per_second();
        assert_eq!(living.usage.cpu_ms, 100 * tick);
        assert_eq!(living.usage.resident_bytes, 2 * rustix::param::page_size() as u64);
        assert!(ProcessStat::parse(&line("Z")).unwrap().has_ended);
        assert_eq!(ProcessStat::parse("812 (a"), None);
    }
}
