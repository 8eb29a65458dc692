//! A private X display: an Xvfb that nobody else can open.
//!
//! It has no TCP socket, and its Unix socket asks for a random cookie. It leads the process group
//! that the browser then joins, so that one signal ends both; and it ends by itself when its last
//! client is gone (`-terminate`), whatever has become of us.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::process::pipe;
use super::{BrowserError, find};
use crate::frame::Size;

/// The program.
const XVFB: &str = "Xvfb";

/// How long it may take to start, and to end once it is told to.
const START_TIMEOUT: Duration = Duration::from_secs(20);
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// The authorization protocol of the cookie.
pub(super) const COOKIE_NAME: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// A running display server.
#[derive(Debug)]
pub(super) struct Display {
    child: Child,
    authority: PathBuf,
    pub number: u32,
    pub cookie: [u8; 16],
}

/// Where the display server is, if it is installed.
pub(crate) fn find_xvfb() -> Option<PathBuf> {
    find::on_path(Path::new(XVFB))
}

impl Display {
    /// Starts a server with one screen, in a process group of its own, its files in `directory`.
    pub(super) fn start(screen: Size, directory: &Path) -> Result<Self, BrowserError> {
        let failed = |e: io::Error| BrowserError::Display(format!("{XVFB} does not start: {e}"));
        let xvfb = find_xvfb().ok_or_else(|| {
            BrowserError::Display(format!("{XVFB} is not installed (Debian package xvfb)"))
        })?;
        let mut cookie = [0; 16];
        getrandom::fill(&mut cookie).map_err(|e| failed(io::Error::other(e)))?;
        let authority = directory.join("authority");
        write_authority(&authority, &cookie).map_err(failed)?;
        let output = directory.join("display.txt");
        let log = File::create(&output).map_err(failed)?;
        let (number_end, their_end) = pipe().map_err(failed)?;
        let mut command = Command::new(xvfb);
        command
            .args(["-displayfd", "3", "-nolisten", "tcp", "-terminate", "-s", "0", "-dpi", "96"])
            .args(["-screen", "0", &format!("{}x{}x24", screen.width, screen.height)])
            .args(["+extension", "MIT-SHM", "+extension", "DAMAGE"])
            .arg("-auth")
            .arg(&authority)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .process_group(0)
            .fd_mappings(vec![FdMapping { parent_fd: their_end, child_fd: 3 }])
            .map_err(|e| failed(io::Error::other(e)))?;
        let child = command.spawn().map_err(failed)?;
        drop(command);
        let mut display = Self { child, authority, number: 0, cookie };
        match read_number(&mut File::from(number_end)) {
            Ok(number) => {
                display.number = number;
                Ok(display)
            }
            Err(e) => {
                display.end();
                drop(display.child.kill());
                drop(display.child.wait());
                let said = fs::read_to_string(output).unwrap_or_default();
                let said = said.lines().map(str::trim).rfind(|line| !line.is_empty());
                let said = said.map_or_else(|| e.to_string(), str::to_owned);
                Err(BrowserError::Display(format!("{XVFB} does not start: {said}")))
            }
        }
    }

    /// The server's process, which leads its group.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Makes `command` open its windows here.
    pub(super) fn show(&self, command: &mut Command) {
        command
            .env("DISPLAY", format!(":{}", self.number))
            .env("XAUTHORITY", &self.authority)
            .env_remove("WAYLAND_DISPLAY")
            // Nobody is asked for a theme, a font setting or an accessibility tree.
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .env("DBUS_SYSTEM_BUS_ADDRESS", "disabled:")
            .env("NO_AT_BRIDGE", "1");
    }

    /// Tells the server to end, so that it removes its socket and lock, and waits for it.
    ///
    /// Its process is left to be waited for: until then its number stays the group's.
    pub(super) fn end(&mut self) {
        if let Err(e) = kill_process(self.pid(), Signal::TERM) {
            tracing::debug!(%e, "the display server is already gone");
        }
        let until = Instant::now() + END_TIMEOUT;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(self.pid()), options), Ok(None)) {
            if Instant::now() > until {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Takes the ended server off the process table.
    pub(super) fn reap(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Writes an Xauthority file with one entry that holds for any display (family 0xFFFF, "wild").
fn write_authority(path: &Path, cookie: &[u8; 16]) -> io::Result<()> {
    let mut entry = vec![0xff, 0xff, 0, 0, 0, 0];
    for part in [COOKIE_NAME, cookie] {
        let length = u16::try_from(part.len()).map_err(io::Error::other)?;
        entry.extend(length.to_be_bytes());
        entry.extend(part);
    }
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(&entry)
}

/// Waits for the number that the server has found free.
fn read_number(end: &mut File) -> io::Result<u32> {
    let until = Instant::now() + START_TIMEOUT;
    let mut text = Vec::new();
    while !text.ends_with(b"\n") {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = [PollFd::from_borrowed_fd(end.as_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(e.into()),
        }
        let mut bytes = [0; 16];
        let read = end.read(&mut bytes)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.extend(&bytes[..read]);
    }
    String::from_utf8_lossy(&text).trim().parse().map_err(io::Error::other)
}
