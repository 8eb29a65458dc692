//! All errors that can end a render, by who is at fault.

use std::path::{Path, PathBuf};

pub use crate::av::AvError;
pub use crate::browser::BrowserError;
use crate::job::JobError;
use crate::time::{FrameIndex, Moment};
use crate::warning::Warning;

/// The result of a fallible engine operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why a render failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The job is invalid.
    #[error(transparent)]
    Job(#[from] JobError),

    /// The page opened, but it is not a composition that can be rendered.
    #[error("{message}")]
    Composition {
        /// The fault, and the expectation.
        message: String,
        /// The page's last console lines.
        console: Vec<String>,
        /// Advice, where it is better than the general one.
        hint: Option<String>,
    },

    /// A still is wanted of a moment that the composition does not have.
    #[error(
        "the composition has no {moment}: it is {duration} s long, with the frames 0 to {}",
        .frames.saturating_sub(1)
    )]
    NoSuchMoment {
        /// The requested moment.
        moment: Moment,
        /// Length of the composition in seconds.
        duration: f64,
        /// The number of its frames.
        frames: u64,
    },

    /// No usable browser: not found, not startable.
    #[error("{0}")]
    NoBrowser(BrowserError),

    /// The browser failed outside of any frame.
    #[error("{source}")]
    Browser {
        /// The browser's error.
        source: BrowserError,
        /// The page's last console lines.
        console: Vec<String>,
    },

    /// A frame could not be captured.
    #[error("frame {}: {source}", .index.0)]
    Capture {
        /// The output frame.
        index: FrameIndex,
        /// The browser's error.
        source: BrowserError,
        /// The page's last console lines.
        console: Vec<String>,
    },

    /// A video or picture cannot be shown in a frame. No other browser would help.
    #[error("frame {}: {label}: {message}", .index.0)]
    Media {
        /// The output frame.
        index: FrameIndex,
        /// The element, such as `<video id="intro">`.
        label: String,
        /// The fault.
        message: String,
        /// The advice about it.
        hint: Option<String>,
    },

    /// The job is strict and there are warnings.
    #[error("{}", strict_message(.0))]
    Strict(Vec<Warning>),

    /// The encoder or the muxer refused.
    #[error("{0}")]
    Encode(#[from] AvError),

    /// A requirement of every render is missing.
    #[error("this machine cannot render yet")]
    Unable,

    /// The encoder that the job asks for is not in the linked libav.
    #[error("no encoder `{name}` in the linked libavcodec")]
    NoEncoder {
        /// The encoder's name in FFmpeg.
        name: String,
    },

    /// The finished file differs from the plan.
    #[error("{}: the written file failed verification: {message}", .path.display())]
    Verify {
        /// The file, under its final name.
        path: PathBuf,
        /// The difference.
        message: String,
    },

    /// A file or directory could not be read or written.
    #[error("{}: {doing}: {source}", .path.display())]
    Io {
        /// The failed action, such as "cannot create".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// A frame of the caller's own sink was refused.
    #[error("the frame sink failed: {0}")]
    Sink(Box<dyn std::error::Error + Send + Sync>),

    /// A work folder, or this machine, does not fit what was planned.
    #[error("{message}")]
    Work {
        /// The kind of misfit.
        fault: WorkFault,
        /// What was found, and what was expected.
        message: String,
    },

    /// Data would grow beyond its bound.
    #[error("too much: {0}")]
    Limit(String),

    /// A session lost a frame; its own error gives the reason.
    #[error("frame {} was never rendered", .0.0)]
    MissingFrame(FrameIndex),

    /// The caller requested the stop.
    #[error("cancelled")]
    Cancelled,

    /// The browser cannot be isolated in a network of its own, and the job requires it.
    #[error("network.isolation is `required`, and there is no network namespace here: {0}")]
    NoIsolation(#[source] std::io::Error),

    /// The limit of open files is too low for a browser.
    #[error("this process may have only {0} files open at once, which is too few for a browser")]
    FewFiles(u64),

    /// The operating system refused something basic, such as a thread.
    #[error("{doing}: {source}")]
    System {
        /// The failed action.
        doing: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },

    /// A bug.
    #[error("thread `{thread}` panicked (a bug): {message}")]
    Panicked {
        /// The thread's name.
        thread: String,
        /// The panic's message.
        message: String,
    },
}

/// Why a work folder cannot be used: one code for each cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkFault {
    /// The plan is of another version of the format.
    FormatUnknown,
    /// There is no plan.
    PlanMissing,
    /// The job and its page come to something else than the plan.
    PlanChanged,
    /// A file that was read is not what it was.
    InputChanged,
    /// Another browser, another libav, another version, another way to take pictures.
    EnvironmentMismatch,
    /// A picture of the plan comes out differently.
    CanaryMismatch,
    /// There is no such chunk.
    ChunkOutOfRange,
    /// What is to be put together is not all there.
    ChunkMissing,
    /// A file of a chunk was changed.
    ChunkCorrupt,
    /// Another process works there.
    InUse,
    /// The directory holds other things.
    NotAWorkFolder,
    /// The render has nothing that could be divided.
    Indivisible,
}

impl WorkFault {
    /// A stable name, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::FormatUnknown => "plan_format_unknown",
            Self::PlanMissing => "plan_missing",
            Self::PlanChanged => "plan_changed",
            Self::InputChanged => "plan_input_changed",
            Self::EnvironmentMismatch => "plan_environment_mismatch",
            Self::CanaryMismatch => "canary_mismatch",
            Self::ChunkOutOfRange => "chunk_index_out_of_range",
            Self::ChunkMissing => "chunk_missing",
            Self::ChunkCorrupt => "chunk_corrupt",
            Self::InUse => "work_folder_in_use",
            Self::NotAWorkFolder => "work_folder_foreign",
            Self::Indivisible => "plan_indivisible",
        }
    }

    const fn exit_code(self) -> u8 {
        match self {
            Self::FormatUnknown
            | Self::PlanChanged
            | Self::InputChanged
            | Self::EnvironmentMismatch
            | Self::CanaryMismatch => 4,
            Self::PlanMissing
            | Self::ChunkOutOfRange
            | Self::NotAWorkFolder
            | Self::Indivisible => 2,
            Self::ChunkMissing | Self::ChunkCorrupt => 1,
            // The other one will be done some time.
            Self::InUse => 75,
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::FormatUnknown | Self::PlanChanged => {
                "use the version, the job and the page that the plan was made with, or another work \
                 folder"
            }
            Self::InputChanged => {
                "give every worker the files that the plan was made with, or plan anew in another \
                 work folder"
            }
            Self::EnvironmentMismatch => {
                "give every worker the same image: program, browser, libav; or plan anew in another \
                 work folder"
            }
            Self::CanaryMismatch => {
                "install the same fonts and the same browser on every worker, and let them draw in \
                 the same way"
            }
            Self::PlanMissing => "`pagereel plan JOB --chunks auto --work DIR` makes it",
            Self::ChunkOutOfRange => "`pagereel status DIR` says how many there are",
            Self::ChunkMissing => "render what is missing: `pagereel status DIR` lists it",
            Self::ChunkCorrupt => "remove its file and its record, and render it again",
            Self::InUse => "wait for it, or choose another work folder",
            Self::NotAWorkFolder => "choose an empty directory, or one that is not there yet",
            Self::Indivisible => "render it as a whole",
        }
    }
}

impl Error {
    /// Whether a fresh browser may succeed where this one failed.
    pub fn is_transient(&self) -> bool {
        self.browser().is_some_and(BrowserError::is_transient)
    }

    /// Whether a process has died that may live longer the next time.
    pub(crate) fn is_death(&self) -> bool {
        self.browser().is_some_and(BrowserError::is_death)
    }

    fn browser(&self) -> Option<&BrowserError> {
        match self {
            Self::NoBrowser(source)
            | Self::Browser { source, .. }
            | Self::Capture { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The program's exit code for this error.
    ///
    /// 1 the render failed, 2 the job is invalid, 3 the environment lacks something, 4 this machine
    /// does not fit the plan of a work folder, 75 browsers died repeatedly or the folder is in use
    /// (`EX_TEMPFAIL`: a later attempt may succeed), 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Job(_) | Self::NoSuchMoment { .. } => 2,
            Self::Work { fault, .. } => fault.exit_code(),
            _ if self.is_death() && self.is_transient() => 75,
            Self::NoBrowser(_)
            | Self::NoEncoder { .. }
            | Self::NoIsolation(_)
            | Self::FewFiles(_)
            | Self::Unable => 3,
            Self::Cancelled => 130,
            _ => 1,
        }
    }

    /// A stable name of the kind of error, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Job(_) => "job",
            Self::Work { fault, .. } => fault.code(),
            Self::Composition { .. } => "composition",
            Self::NoSuchMoment { .. } => "no_such_moment",
            Self::NoBrowser(_) => "no_browser",
            Self::Browser { .. } => "browser",
            Self::Capture { .. } => "capture",
            Self::Media { .. } => "media",
            Self::Strict(_) => "strict",
            Self::Encode(_) => "encode",
            Self::Unable => "unable",
            Self::NoEncoder { .. } => "no_encoder",
            Self::Verify { .. } => "verify",
            Self::Io { .. } => "io",
            Self::Cancelled => "cancelled",
            Self::MissingFrame(_) => "missing_frame",
            Self::Sink(_) => "sink",
            Self::NoIsolation(_) => "no_isolation",
            Self::FewFiles(_) => "few_files",
            Self::Limit(_) => "limit",
            Self::System { .. } => "system",
            Self::Panicked { .. } => "panicked",
        }
    }

    /// Advice to the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Job(e) => e.hint(),
            Self::Work { fault, .. } => Some(fault.hint().into()),
            Self::NoBrowser(e) => e.hint(),
            Self::Browser { source, .. } | Self::Capture { source, .. } => source.hint(),
            Self::Composition { hint: Some(hint), .. } => Some(hint.clone()),
            Self::Media { hint, .. } => hint.clone(),
            Self::Composition { .. } => Some(
                "`pagereel check` shows what the engine finds in the page; a job's `duration` and \
                 `size` override the page"
                    .into(),
            ),
            Self::Unable => Some("see what is marked MISSING above".into()),
            Self::Strict(warnings) => Some(strict_hint(warnings)),
            Self::Encode(e) => e.hint(),
            Self::NoEncoder { .. } => {
                Some("install a libavcodec built with it; `pagereel doctor` lists them".into())
            }
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull => {
                    Some("free some space, or write elsewhere".into())
                }
                std::io::ErrorKind::PermissionDenied => {
                    Some("choose an output directory that you may write to".into())
                }
                _ => None,
            },
            Self::NoIsolation(_) => Some(
                "allow user namespaces to this user, or CAP_SYS_ADMIN to the container; or set \
                 network.isolation to `auto`, where the browser's own rules hold instead"
                    .into(),
            ),
            Self::FewFiles(_) => Some(
                "raise the limit, to 1024 for one: `ulimit -n 1024`, or LimitNOFILE of a service"
                    .into(),
            ),
            Self::Verify { .. } | Self::Panicked { .. } | Self::MissingFrame(_) => {
                Some("this is a bug in pagereel; please report it with the job".into())
            }
            _ => None,
        }
    }

    /// The page's last console lines, oldest first.
    pub fn console(&self) -> &[String] {
        match self {
            Self::Composition { console, .. }
            | Self::Browser { console, .. }
            | Self::Capture { console, .. } => console,
            _ => &[],
        }
    }

    /// The explanatory value of this error for a failed render, when several threads fail at once.
    ///
    /// When one stage fails its neighbors fail with it, and the user must see the cause.
    pub(crate) fn weight(&self) -> u8 {
        match self {
            Self::MissingFrame(_) => 0, // The session that lost the frame says why.
            Self::Cancelled => 1,
            _ => 2,
        }
    }

    /// An [`Error::Io`], for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// The advice of the warnings, each once, and the field that allows them.
fn strict_hint(warnings: &[Warning]) -> String {
    let mut hints: Vec<&str> = Vec::new();
    for hint in warnings.iter().filter_map(|warning| warning.hint.as_deref()) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints.push("render without `strict` to accept these as warnings");
    hints.join("; or ")
}

fn strict_message(warnings: &[Warning]) -> String {
    let list: Vec<_> = warnings.iter().map(|w| w.message.as_str()).collect();
    format!("the job is strict, and the page is not complete: {}", list.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_that_cannot_be_shown_restarts_no_browser() {
        let error = Error::Media {
            index: FrameIndex(12),
            label: "#v".into(),
            message: "cannot decode picture 3".into(),
            hint: None,
        };
        assert_eq!(error.to_string(), "frame 12: #v: cannot decode picture 3");
        assert!(!error.is_transient() && !error.is_death());
        assert_eq!((error.exit_code(), error.code()), (1, "media"));
    }
}
