//! Errors between the engine and Chrome.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;

use rustix::process::Signal;

use crate::time::FrameIndex;

/// Advice for a page that navigates away.
pub(crate) const LEFT: &str = "a page that does so on purpose says `data-allow-navigation` on its \
                               root element; the video then shows what is there";

/// Advice for a process that was killed.
const KILLED: &str =
    "if this machine is short of memory, give it more or use fewer sessions (--workers 1)";

/// The reason why a browser did not obey.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// No browser on this machine.
    #[error("no Chrome found; looked for {}", .tried.join(", "))]
    NotFound {
        /// Names and paths that were tried.
        tried: Vec<String>,
    },

    /// The program could not be started.
    #[error("cannot start {}: {source}", .path.display())]
    CannotStart {
        /// The browser.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// No directory for the files of a browser.
    #[error("cannot make the browser's profile in {}: {source}", .directory.display())]
    NoProfile {
        /// The directory for temporary files.
        directory: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// No private display for the browser's window.
    #[error("no private display: {0}")]
    Display(String),

    /// The display server is gone, or did not live long enough to start.
    #[error("the private display died: {0}")]
    DisplayDied(String),

    /// No pictures from a canvas of the page.
    #[error("no canvas to draw into: {0}")]
    Canvas(String),

    /// The program ended before it answered for the first time.
    #[error("{} ended at once{}{}", .path.display(), status_text(*.status), tail_text(.output))]
    EndedAtOnce {
        /// The browser.
        path: PathBuf,
        /// Its exit status, where that is known.
        status: Option<ExitStatus>,
        /// The last lines that it printed.
        output: Vec<String>,
    },

    /// The browser process is gone.
    #[error("Chrome died while {doing}{}", tail_text(.output))]
    Died {
        /// The request during which it died.
        doing: String,
        /// The last lines that it printed.
        output: Vec<String>,
    },

    /// The page's own process is gone, usually for lack of memory.
    #[error("the page's renderer crashed while {doing}")]
    Crashed {
        /// The request during which it crashed.
        doing: String,
    },

    /// A process that pictures depend on is gone. Chrome starts another, without its state.
    #[error("Chrome's {process} died while {doing}")]
    Lost {
        /// The process.
        process: &'static str,
        /// The activity during which it was lost.
        doing: String,
    },

    /// The kernel killed a process because there was no memory left for it.
    #[error("{what}: the kernel killed it for lack of memory{}", limit_text(*.limit))]
    OutOfMemory {
        /// The consequence.
        what: String,
        /// The limit of this process's control group in bytes, if it has one.
        limit: Option<u64>,
    },

    /// No answer within the deadline.
    #[error("no answer from Chrome within {seconds} s while {doing}")]
    Timeout {
        /// The request that was not answered.
        doing: String,
        /// The deadline.
        seconds: f64,
    },

    /// Chrome refused a command.
    #[error("Chrome refused {method}: {message}")]
    Refused {
        /// The command.
        method: &'static str,
        /// Chrome's reason.
        message: String,
    },

    /// Chrome's answer does not follow its protocol.
    #[error("unexpected answer to {method}: {message}")]
    Answer {
        /// The command.
        method: &'static str,
        /// The fault in it.
        message: String,
    },

    /// A script of the page threw.
    #[error("the page threw: {message}")]
    Script {
        /// The exception, with its place in the source where that is known.
        message: String,
    },

    /// The page's document did not stay while it was rendered.
    #[error("the page {what}")]
    Left {
        /// The page's action, as the rest of a sentence about it.
        what: String,
        /// The composition's frame in which the page acted, where that is known.
        at: Option<FrameIndex>,
    },

    /// A captured picture cannot be read.
    #[error("unreadable picture: {0}")]
    Picture(String),

    /// The caller asked for the stop.
    #[error("cancelled")]
    Cancelled,
}

impl BrowserError {
    /// Whether a fresh browser may succeed where this one failed.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Died { .. }
                | Self::Crashed { .. }
                | Self::Lost { .. }
                | Self::OutOfMemory { .. }
                | Self::DisplayDied(_)
                | Self::Timeout { .. }
                | Self::Picture(_)
        ) || self.is_start_killed()
    }

    /// Whether a process has ended that should still run.
    pub(crate) fn is_death(&self) -> bool {
        matches!(
            self,
            Self::Died { .. }
                | Self::Crashed { .. }
                | Self::Lost { .. }
                | Self::OutOfMemory { .. }
                | Self::DisplayDied(_)
                | Self::EndedAtOnce { .. }
        )
    }

    /// Whether a browser that ended at once was killed.
    fn is_start_killed(&self) -> bool {
        let Self::EndedAtOnce { status: Some(status), .. } = self else { return false };
        let killing = [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP];
        status.signal().is_some_and(|number| killing.iter().any(|s| s.as_raw() == number))
    }

    /// Advice to the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } | Self::CannotStart { .. } => Some(
                "run ./setup.sh, install the package chromium-headless-shell or chromium, or set \
                 PAGEREEL_CHROME to the program"
                    .into(),
            ),
            Self::NoProfile { .. } => {
                Some("set TMPDIR to a directory that can be written to and has room for it".into())
            }
            Self::EndedAtOnce { output, .. } if output.iter().any(|l| is_about_sandbox(l)) => Some(
                "its sandbox does not work here; on a machine that you trust the page with, use \
                 --no-sandbox"
                    .into(),
            ),
            Self::Display(_) => Some("install the package xvfb".into()),
            Self::EndedAtOnce { .. } if self.is_start_killed() => Some(KILLED.into()),
            Self::EndedAtOnce { .. } => {
                Some("`pagereel doctor` tries the browser and says what it lacks".into())
            }
            Self::OutOfMemory { .. } => {
                Some("give it more memory, or use fewer sessions (--workers 1)".into())
            }
            Self::Crashed { .. } | Self::Lost { .. } | Self::Died { .. } | Self::DisplayDied(_) => {
                Some(KILLED.into())
            }
            Self::Left { .. } => Some(LEFT.into()),
            Self::Timeout { .. } => Some(
                "if the page really takes that long, raise the job's `timeouts.frame` or \
                 `timeouts.ready`"
                    .into(),
            ),
            _ => None,
        }
    }
}

/// Whether the line reports that Chrome ended for want of a sandbox. Lines of its sandbox's code
/// also come when it is killed.
fn is_about_sandbox(line: &str) -> bool {
    ["No usable sandbox", "without --no-sandbox", "SUID sandbox helper"]
        .iter()
        .any(|text| line.contains(text))
}

fn status_text(status: Option<ExitStatus>) -> String {
    status.map(|s| format!(" ({s})")).unwrap_or_default()
}

fn limit_text(limit: Option<u64>) -> String {
    limit.map(|bytes| format!(" (its limit is {} MB)", bytes >> 20)).unwrap_or_default()
}

fn tail_text(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!("; it said: {}", lines.join(" | ")) }
}
