//! Chooses the backend that captures a render, and the next one when it does not work.

use super::guess::declared_pixels;
use crate::browser::{self, BrowserError, Chrome, ChromeKind};
use crate::capture::SessionOptions;
use crate::error::{Error, Result};
use crate::job::{CaptureMode, Entry, Job};
use crate::plan::Backend;
use crate::sys;

/// Pixels of all frames up to which drawing on command ends a render sooner than a window does.
///
/// Measured on two cores: a window's browser has its first frame 245 ms later than the headless
/// shell, after 450 ms more of processor time; its frames of 640x360 then come 1.9 ms sooner each.
const SHORT: f64 = 25e6;

/// The use of a page's pictures, for which a page is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    /// Pictures are taken.
    Taken,
    /// Frames are drawn, and their pictures stay in the browser.
    Left,
    /// No frame is drawn.
    None,
}

impl Pictures {
    /// Whether frames are drawn.
    pub(super) fn are_wanted(self) -> bool {
        self != Self::None
    }

    /// Whether frames are drawn and no pictures taken.
    pub(super) fn are_left(self) -> bool {
        self == Self::Left
    }
}

/// A browser, and the way in which pictures leave it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub chrome: Chrome,
    pub backend: Backend,
}

impl Candidate {
    /// Makes sessions capture by this backend.
    pub(super) fn apply(self, options: &mut SessionOptions) {
        options.draw_by(self.chrome, self.backend);
    }
}

/// The first backend to try. Where nothing `is_captured`, the browser that starts fastest will do.
pub(super) fn choose(
    job: &Job,
    entry: &Entry,
    is_captured: bool,
    reasons: &mut Vec<String>,
) -> Result<Candidate> {
    if let Some(limit) = sys::too_few_open_files() {
        return Err(Error::FewFiles(limit));
    }
    match job.capture.mode {
        CaptureMode::Display => {
            let candidate = display(job).map_err(Error::NoBrowser)?;
            reasons.push("display: the job says so".into());
            Ok(candidate)
        }
        CaptureMode::Canvas if is_captured => {
            reasons.push("canvas: the job says so".into());
            canvas(job)
        }
        CaptureMode::Auto if is_captured && job.alpha => {
            reasons.push("canvas: it keeps alpha".into());
            canvas(job)
        }
        CaptureMode::Auto if is_captured => {
            let shell = Some(job).filter(|job| is_short(job, entry)).and_then(on_command);
            let Some(chosen) = shell else { return best(job, reasons) };
            reasons.push("beginFrame: so few pixels are drawn sooner than a window opens".into());
            Ok(chosen)
        }
        _ => headless(job, reasons),
    }
}

/// Whether a render, by the words of its job and its page, has at most [`SHORT`] pixels.
fn is_short(job: &Job, entry: &Entry) -> bool {
    let Entry::File { root, page } = entry else { return false };
    declared_pixels(job, &root.join(page)).is_some_and(|pixels| pixels <= SHORT)
}

/// The fastest backend that captures the compositor's own pictures.
pub(super) fn best(job: &Job, reasons: &mut Vec<String>) -> Result<Candidate> {
    if job.alpha {
        reasons.push("screenshot: it keeps alpha".into());
        return screenshot(job).map_err(Error::NoBrowser);
    }
    match display(job) {
        Ok(candidate) => {
            reasons.push("display: raw pixels, and what the compositor shows".into());
            Ok(candidate)
        }
        Err(e) => {
            reasons.push(format!("not display: {e}"));
            headless(job, reasons)
        }
    }
}

/// The backend that draws only requested frames, if its browser is installed.
pub(super) fn on_command(job: &Job) -> Option<Candidate> {
    let chrome = browser::find_kind(job.browser.path.as_deref(), ChromeKind::HeadlessShell)?;
    Some(Candidate { chrome, backend: Backend::BeginFrame })
}

/// The backend of `options` and those after it, in the order in which they are tried.
pub(super) fn all(job: &Job, options: SessionOptions) -> Vec<SessionOptions> {
    let mut all = vec![options];
    while let Some(last) = all.last() {
        let failed = BrowserError::Cancelled;
        let Some(next) = after(job, last.backend, &failed, &mut Vec::new()) else { break };
        let mut options = last.clone();
        next.apply(&mut options);
        all.push(options);
    }
    all
}

/// The backend after `failed`, which did not work because of `error`, if there is one.
pub(super) fn after(
    job: &Job,
    failed: Backend,
    error: &BrowserError,
    reasons: &mut Vec<String>,
) -> Option<Candidate> {
    match failed {
        Backend::Canvas => {
            reasons.push(format!("not canvas: {error}"));
            best(job, reasons).ok()
        }
        Backend::Display => {
            reasons.push(format!("not display: {error}"));
            headless(job, reasons).ok()
        }
        Backend::BeginFrame => {
            reasons.push(format!("screenshot: beginFrame does not work here ({error})"));
            screenshot(job).ok()
        }
        Backend::Screenshot => None,
    }
}

fn display(job: &Job) -> Result<Candidate, BrowserError> {
    let named = job.browser.path.as_deref();
    let chrome = browser::find_kind(named, ChromeKind::Browser)
        .ok_or_else(|| BrowserError::Display("it needs an ordinary Chromium".into()))?;
    if browser::find_xvfb().is_none() {
        return Err(BrowserError::Display("Xvfb is not installed (Debian package xvfb)".into()));
    }
    Ok(Candidate { chrome, backend: Backend::Display })
}

/// Any Chrome draws into canvases; the shell need not present them.
fn canvas(job: &Job) -> Result<Candidate> {
    let chrome = browser::find(job.browser.path.as_deref()).map_err(Error::NoBrowser)?;
    Ok(Candidate { chrome, backend: Backend::Canvas })
}

fn screenshot(job: &Job) -> Result<Candidate, BrowserError> {
    let chrome = browser::find(job.browser.path.as_deref())?;
    Ok(Candidate { chrome, backend: Backend::Screenshot })
}

fn headless(job: &Job, reasons: &mut Vec<String>) -> Result<Candidate> {
    let chrome = browser::find(job.browser.path.as_deref()).map_err(Error::NoBrowser)?;
    let is_shell = chrome.kind == ChromeKind::HeadlessShell;
    let backend = match job.capture.mode {
        CaptureMode::Screenshot => {
            reasons.push("screenshot: the job says so".into());
            Backend::Screenshot
        }
        CaptureMode::BeginFrame if is_shell => {
            reasons.push("beginFrame: the job says so".into());
            Backend::BeginFrame
        }
        CaptureMode::BeginFrame => {
            return Err(Error::NoBrowser(BrowserError::NotFound {
                tried: vec![format!(
                    "a headless shell for capture mode beginFrame ({} is none)",
                    chrome.path.display()
                )],
            }));
        }
        _ if is_shell => {
            reasons.push("beginFrame: the browser is a headless shell".into());
            Backend::BeginFrame
        }
        _ => {
            reasons.push("screenshot: the browser is not a headless shell".into());
            Backend::Screenshot
        }
    };
    Ok(Candidate { chrome, backend })
}
