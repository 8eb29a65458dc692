//! A private X display: an Xvfb that only its owner can open.
//!
//! It has no TCP socket, and its Unix socket asks for a random cookie. It leads the process group
//! that the browser then joins, so that one signal ends both; and it ends by itself when its last
//! client is gone (`-terminate`), even if the engine was killed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::watchdog::Watchdog;
use super::{BrowserError, find};
use crate::frame::Size;

/// The program.
const XVFB: &str = "Xvfb";

/// The directory of display servers' sockets.
const SOCKETS: &str = "/tmp/.X11-unix";

/// The longest time from the end of a server's connections to its own end.
const DEATH_TIMEOUT: Duration = Duration::from_millis(200);

/// The time that the server has to start, and to end after a signal.
const START_TIMEOUT: Duration = Duration::from_secs(20);
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// The interval between looks for the server's socket.
const SOCKET_POLL: Duration = Duration::from_millis(1);

/// The number of display numbers that are tried.
const NUMBERS_TRIED: u32 = 8;

/// The numbers of displays, above those in common use.
const NUMBERS: std::ops::Range<u32> = 1000..50_000;

/// The authorization protocol of the cookie.
pub(super) const COOKIE_NAME: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// A running display server.
#[derive(Debug)]
pub(super) struct Display {
    child: Child,
    authority: PathBuf,
    /// The file of the server's output.
    log: PathBuf,
    number: u32,
    pub cookie: [u8; 16],
    /// Our own connection, until it is taken. The server ends with its last client.
    stream: Option<UnixStream>,
}

/// The path of the display server, if it is installed.
pub(crate) fn find_xvfb() -> Option<PathBuf> {
    find::on_path(Path::new(XVFB))
}

impl Display {
    /// Starts a server with one screen, in a process group of its own, its files in `directory`.
    ///
    /// The server takes connections, and answers once it is ready.
    ///
    /// The watchdog guards it from then on.
    pub(super) fn start(
        screen: Size,
        directory: &Path,
        watchdog: &mut Watchdog,
    ) -> Result<Self, BrowserError> {
        let failed = |e: io::Error| BrowserError::Display(format!("{XVFB} does not start: {e}"));
        let xvfb = find_xvfb().ok_or_else(|| {
            BrowserError::Display(format!("{XVFB} is not installed (Debian package xvfb)"))
        })?;
        can_listen()?;
        let mut cookie = [0; 16];
        getrandom::fill(&mut cookie).map_err(|e| failed(io::Error::other(e)))?;
        let authority = directory.join("authority");
        write_authority(&authority, &cookie).map_err(failed)?;
        let mut tried = 1;
        loop {
            let number = free_number().map_err(failed)?;
            let log = directory.join("display.txt");
            let output = File::create(&log).map_err(failed)?;
            let mut command = Command::new(&xvfb);
            command
                .arg(format!(":{number}"))
                .args(["-nolisten", "tcp", "-terminate", "-s", "0", "-dpi", "96"])
                .args(["-screen", "0", &format!("{}x{}x24", screen.width, screen.height)])
                .args(["+extension", "MIT-SHM", "+extension", "DAMAGE", "-extension", "GLX"])
                .arg("-auth")
                .arg(&authority)
                .stdin(Stdio::null())
                .stdout(output.try_clone().map_err(failed)?)
                .stderr(output)
                .process_group(0);
            let child = command.spawn().map_err(failed)?;
            let authority = authority.clone();
            let mut display = Self { child, authority, log, number, cookie, stream: None };
            watchdog.guard_display(display.pid(), number).map_err(|_e| Watchdog::lost())?;
            match display.connect() {
                Ok(stream) => {
                    display.stream = Some(stream);
                    return Ok(display);
                }
                // Another program may have taken the number meanwhile.
                Err(_) if display.has_ended() && tried < NUMBERS_TRIED => tried += 1,
                Err(e) => return Err(display.explain(&e.to_string())),
            }
        }
    }

    /// Waits for the server's socket, which it makes long before it answers.
    fn connect(&mut self) -> io::Result<UnixStream> {
        let until = Instant::now() + START_TIMEOUT;
        loop {
            match UnixStream::connect(socket_of(self.number)) {
                Ok(stream) => return Ok(stream),
                Err(e) if self.has_ended() || Instant::now() > until => return Err(e),
                Err(_) => std::thread::sleep(SOCKET_POLL),
            }
        }
    }

    fn has_ended(&mut self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.pid()), options), Ok(None))
    }

    /// The connection that was made at the start.
    pub(super) fn take_stream(&mut self) -> Option<UnixStream> {
        self.stream.take()
    }

    /// The error for a missing display, with the server's last output, or else `reason`.
    pub(super) fn explain(&self, reason: &str) -> BrowserError {
        if self.was_killed() {
            return BrowserError::DisplayDied(format!("{XVFB} was killed"));
        }
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let said = said.lines().map(str::trim).rfind(|line| !line.is_empty());
        BrowserError::Display(format!("{XVFB} does not start: {}", said.unwrap_or(reason)))
    }

    /// Whether the server has not ended by itself.
    pub(super) fn was_killed(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // The server's socket closes a moment before the process is gone.
        let until = Instant::now() + DEATH_TIMEOUT;
        loop {
            match waitid(WaitId::Pid(self.pid()), options) {
                Ok(Some(status)) => return status.terminating_signal().is_some(),
                Ok(None) if Instant::now() < until => std::thread::sleep(SOCKET_POLL),
                _ => return false,
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
            // The browser does not look for a theme, a font setting or an accessibility tree.
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .env("DBUS_SYSTEM_BUS_ADDRESS", "disabled:")
            .env("NO_AT_BRIDGE", "1");
    }

    /// Signals the server to end, so that it removes its socket and lock, and waits for it.
    ///
    /// The process is not reaped here: until it is, its number stays the group's.
    pub(super) fn end(&mut self) {
        if let Err(e) = kill_process(self.pid(), Signal::TERM) {
            tracing::debug!(%e, "the display server is already gone");
        }
        let until = Instant::now() + END_TIMEOUT;
        while !self.has_ended() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Display {
    /// Removes the lock and the socket that a killed server leaves behind.
    fn remove_traces(&self) {
        let own = self.pid().as_raw_nonzero().to_string();
        let owner = |lock: &Path| fs::read_to_string(lock).ok();
        let lock = lock_of(self.number);
        if owner(&lock).is_some_and(|text| text.trim() == own) {
            drop(fs::remove_file(socket_of(self.number)));
            drop(fs::remove_file(&lock));
        }
        // Until the lock is complete it has another name. An empty one belongs to this server:
        // numbers are random.
        let begun = begun_lock_of(self.number);
        if owner(&begun).is_some_and(|text| text.is_empty() || text.trim() == own) {
            drop(fs::remove_file(&begun));
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.end();
        drop(self.child.kill());
        self.remove_traces();
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

/// The path of a server's socket.
fn socket_of(number: u32) -> PathBuf {
    format!("{SOCKETS}/X{number}").into()
}

/// The path of the lock with which a server keeps its number.
fn lock_of(number: u32) -> PathBuf {
    format!("/tmp/.X{number}-lock").into()
}

/// The name under which a server first writes its lock.
fn begun_lock_of(number: u32) -> PathBuf {
    format!("/tmp/.tX{number}-lock").into()
}

/// An error if no server could make its socket: it would start without one.
fn can_listen() -> Result<(), BrowserError> {
    use rustix::fs::{Access, access};
    match access(SOCKETS, Access::WRITE_OK | Access::EXEC_OK) {
        // The server makes it where there is none.
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(e) => {
            let reason = io::Error::from(e);
            Err(BrowserError::Display(format!("{XVFB} cannot listen in {SOCKETS}: {reason}")))
        }
    }
}

/// A number that no server has now.
fn free_number() -> io::Result<u32> {
    for _ in 0..NUMBERS_TRIED {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let number = NUMBERS.start + u32::from_ne_bytes(bytes) % (NUMBERS.end - NUMBERS.start);
        if !lock_of(number).exists() && !socket_of(number).exists() {
            return Ok(number);
        }
    }
    Err(io::Error::other("no number is free"))
}
