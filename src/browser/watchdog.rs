//! Ends a browser when the engine is no longer able to.
//!
//! A shell that waits for our end of its standard input to close: that also happens when we are
//! killed. It runs from before the browser starts until its profile is gone, so in any order of
//! signals, either the engine or the watchdog cleans up.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Pid;

use super::BrowserError;

/// Ends a process group and removes the profile `$1` at the end of its input, from which it first
/// reads the processes to end.
///
/// A browser that was not yet announced ends by itself, and may write into its profile once more.
///
/// A display server gets its signal first, so that it removes its socket and its lock; the script
/// removes them if it could not.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
group= display= number=
while read -r key first second; do
  case $key in
    group) group=$first ;;
    display) display=$first number=$second ;;
  esac
done
if [ "$display" ]; then
  kill -TERM "$display"
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$display" && sleep 0.1 || break
  done
fi
if [ "$group" ]; then
  kill -KILL "-$group"
fi
lock=/tmp/.X$number-lock
if [ "$number" ] && [ -e "$lock" ]; then
  read -r owner < "$lock"
  if [ "$owner" = "$display" ]; then
    rm -f -- "$lock" "/tmp/.X11-unix/X$number"
  fi
fi
lock=/tmp/.tX$number-lock
if [ "$number" ] && [ -e "$lock" ]; then
  owner=
  read -r owner < "$lock"
  if [ -z "$owner" ] || [ "$owner" = "$display" ]; then
    rm -f -- "$lock"
  fi
fi
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$1"
  sleep 0.5
  [ -e "$1" ] || break
done
"#;

/// A running watchdog. Dropping it calls it off.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts one that will remove the directory `profile`.
    pub(super) fn start(profile: &Path) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "pagereel-watchdog"])
            .arg(profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        command.spawn().map(Self)
    }

    /// The error for a watchdog that does not listen: only another program ends it.
    pub(super) fn lost() -> BrowserError {
        BrowserError::Lost { process: "watchdog", doing: "it started".into() }
    }

    /// Makes it end the process group `leader`, too.
    pub(super) fn guard_group(&mut self, leader: Pid) -> io::Result<()> {
        self.tell(&format!("group {}", leader.as_raw_nonzero()))
    }

    /// Makes it end the display server `leader` of that number, too, with its process group.
    pub(super) fn guard_display(&mut self, leader: Pid, number: u32) -> io::Result<()> {
        self.tell(&format!("display {} {number}", leader.as_raw_nonzero()))?;
        self.guard_group(leader)
    }

    fn tell(&mut self, line: &str) -> io::Result<()> {
        match &mut self.0.stdin {
            Some(input) => input.write_all(format!("{line}\n").as_bytes()),
            None => Ok(()),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Before its input closes, which would trigger it.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
