//! Watches whether the processes that pictures depend on are still the same.
//!
//! Chrome silently restarts its GPU, network and storage processes when they die. Pictures drawn or
//! files loaded meanwhile may be wrong, and the page's state in the old process (a WebGL context,
//! say) is gone. So a picture counts only if all these processes have outlived it.
//!
//! The state is read from `/proc`; where there is none, nothing is watched.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::BrowserError;
use super::process::ProcessStat;
use crate::sys::MemoryGroups;

/// Bytes of a line of `/proc/<pid>/stat`, which has at most 52 numbers and a short name.
const STAT_BYTES: usize = 1024;

/// The role of a process for the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Composites; draws WebGL and canvases.
    Gpu,
    /// Loads files.
    Network,
    /// Keeps the pages' storage.
    Storage,
    /// Starts the others, and reports to the browser how they ended: without it, the end of a
    /// renderer goes unnoticed.
    Zygote,
    /// Runs pages: this one, its frames of other sites, or one in reserve.
    Renderer,
}

impl Part {
    /// The part of a process with these arguments; `None` if pictures do not depend on it, or if it
    /// may end when idle, as most services do.
    fn of(arguments: &[u8]) -> Option<Self> {
        // A process that has renamed itself separates them by spaces.
        let mut words = arguments.split(|&byte| byte == 0 || byte == b' ');
        let kind = words.clone().find_map(|word| word.strip_prefix(b"--type="))?;
        match kind {
            b"gpu-process" => Some(Self::Gpu),
            b"renderer" => Some(Self::Renderer),
            b"zygote" => Some(Self::Zygote),
            b"utility" => {
                match words.find_map(|word| word.strip_prefix(b"--utility-sub-type="))? {
                    b"network.mojom.NetworkService" => Some(Self::Network),
                    b"storage.mojom.StorageService" => Some(Self::Storage),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gpu => "GPU process",
            Self::Network => "network process",
            Self::Storage => "storage process",
            Self::Zygote => "zygote",
            Self::Renderer => "renderer",
        }
    }
}

#[derive(Debug)]
struct Member {
    id: i32,
    part: Part,
    /// Its `/proc/<pid>/stat`: once open, it describes this process and no other of its number.
    stat: File,
}

impl Member {
    /// Whether it lives and is not about to end: its pipes close only after that shows.
    fn is_alive(&self) -> bool {
        let mut line = [0; STAT_BYTES];
        match self.stat.read_at(&mut line, 0) {
            Ok(length) => {
                let stat = ProcessStat::parse(&String::from_utf8_lossy(&line[..length]));
                stat.is_none_or(|stat| !stat.has_ended)
            }
            Err(e) => e.raw_os_error() != Some(rustix::io::Errno::SRCH.raw_os_error()),
        }
    }
}

/// The state of a browser's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    /// A renderer has ended: the page's, or one that was no longer needed.
    RendererEnded,
    /// This process is gone, and with it content that a picture may show.
    Lost(&'static str),
}

/// The processes of one browser that pictures depend on.
#[derive(Debug)]
pub(super) struct Watch {
    group: i32,
    members: Vec<Member>,
    lost: Option<Part>,
}

impl Watch {
    /// Watches the process group `group`, without members at first.
    pub(super) const fn new(group: i32) -> Self {
        Self { group, members: Vec::new(), lost: None }
    }

    /// Forgets the renderers: when a page has gone to another address, its last one may end.
    pub(super) fn forget_renderers(&mut self) {
        self.members.retain(|member| member.part != Part::Renderer);
    }

    /// Adds processes that have come since.
    pub(super) fn scan(&mut self) {
        let Ok(entries) = fs::read_dir("/proc") else { return };
        for entry in entries.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if self.members.iter().all(|member| member.id != id || !member.is_alive())
                && let Some(member) = self.member(id, &entry.path())
            {
                self.members.push(member);
            }
        }
    }

    fn member(&self, id: i32, directory: &Path) -> Option<Member> {
        let stat = File::open(directory.join("stat")).ok()?;
        let mut line = [0; STAT_BYTES];
        let length = stat.read_at(&mut line, 0).ok()?;
        let now = ProcessStat::parse(&String::from_utf8_lossy(&line[..length]))?;
        if now.group != self.group || now.has_ended {
            return None;
        }
        let part = Part::of(&fs::read(directory.join("cmdline")).ok()?)?;
        Some(Member { id, part, stat })
    }

    /// Checks whether all known processes are still there. A lost one stays lost; the end of a
    /// renderer is reported once.
    pub(super) fn health(&mut self) -> Health {
        let mut has_renderer_ended = false;
        let lost = &mut self.lost;
        self.members.retain(|member| {
            let is_alive = member.is_alive();
            match member.part {
                _ if is_alive => {}
                Part::Renderer => has_renderer_ended = true,
                part => *lost = Some(part),
            }
            is_alive
        });
        match self.lost {
            Some(part) => Health::Lost(part.name()),
            None if has_renderer_ended => Health::RendererEnded,
            None => Health::Well,
        }
    }

    /// The lost process, as far as a loss has been noticed.
    pub(super) fn lost(&self) -> Option<&'static str> {
        self.lost.map(Part::name)
    }
}

/// Detects whether the kernel has killed for lack of memory since the browser was started.
#[derive(Debug)]
pub(super) struct MemoryWatch {
    groups: MemoryGroups,
    kills: u64,
}

impl MemoryWatch {
    pub(super) fn begin() -> Self {
        let groups = MemoryGroups::own();
        Self { kills: groups.kills(), groups }
    }

    /// The same error, or lack of memory if that caused a death or silence.
    pub(super) fn explain(&self, error: BrowserError) -> BrowserError {
        // Short waits are only parts of a longer one.
        let is_silence = matches!(error, BrowserError::Timeout { seconds, .. } if seconds >= 1.0);
        let may_be_death = error.is_death() || is_silence;
        if !may_be_death || self.groups.kills() == self.kills {
            return error;
        }
        BrowserError::OutOfMemory { what: error.to_string(), limit: self.groups.limit() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn parts_are_told_by_their_arguments() {
        let of = |text: &str| Part::of(text.as_bytes());
        assert_eq!(of("/x/chrome\0--type=gpu-process\0--headless"), Some(Part::Gpu));
        assert_eq!(of("/x/chrome --type=renderer --a "), Some(Part::Renderer));
        assert_eq!(of("/x/chrome --type=zygote --no-zygote-sandbox"), Some(Part::Zygote));
        let utility = |kind: &str| of(&format!("c\0--type=utility\0--utility-sub-type={kind}\0"));
        assert_eq!(utility("network.mojom.NetworkService"), Some(Part::Network));
        assert_eq!(utility("storage.mojom.StorageService"), Some(Part::Storage));
        assert_eq!(utility("audio.mojom.AudioService"), None, "it ends when nothing is heard");
        assert_eq!(of("/x/chrome\0--remote-debugging-pipe"), None);
    }

    #[test]
    fn a_process_that_dies_is_missed_once_and_for_all() {
        let spawn = || {
            Command::new("/bin/sh")
                .args(["-c", "while :; do sleep 60; done", "x", "--type=gpu-process"])
                .stdin(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap()
        };
        let mut child = spawn();
        let mut watch = Watch::new(i32::try_from(child.id()).unwrap());
        watch.scan();
        if watch.members.is_empty() {
            // Nothing is watched where there is no `/proc`.
            child.kill().unwrap();
            child.wait().unwrap();
            return;
        }
        assert_eq!((watch.members.len(), watch.health()), (1, Health::Well));
        watch.scan();
        assert_eq!(watch.members.len(), 1, "each once");
        child.kill().unwrap();
        // Before the child is reaped: a browser may not have noticed either.
        while watch.health() == Health::Well {
            std::thread::yield_now();
        }
        assert_eq!(watch.health(), Health::Lost("GPU process"));
        let group = rustix::process::Pid::from_child(&child);
        // The shell is gone; its children may be.
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        child.wait().unwrap();
        assert_eq!(watch.health(), Health::Lost("GPU process"));
        assert_eq!(watch.lost(), Some("GPU process"));
    }
}
