//! Which way of capture a render takes, and which comes next when it does not work.

use crate::browser::{self, BrowserError, Chrome, ChromeKind, Surface};
use crate::capture::{SessionOptions, Way};
use crate::error::{Error, Result};
use crate::job::{CaptureMode, Job};

/// A browser, and where it draws.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub chrome: Chrome,
    pub surface: Surface,
}

impl Candidate {
    /// Makes sessions take this way.
    pub(super) fn apply(self, options: &mut SessionOptions) {
        options.page.chrome = self.chrome;
        options.page.surface = self.surface;
        options.resize(options.page.size);
    }
}

/// The way to begin with.
pub(super) fn choose(job: &Job, reasons: &mut Vec<String>) -> Result<Candidate> {
    // Not yet by itself: opening a page on a display still stalls at times.
    if job.capture.mode == CaptureMode::Display {
        let candidate = display(job).map_err(Error::NoBrowser)?;
        reasons.push("display: the job says so".into());
        return Ok(candidate);
    }
    headless(job, reasons)
}

/// The way after `way`, which has failed for `error`, if there is one.
pub(super) fn after(
    job: &Job,
    way: Way,
    error: &BrowserError,
    reasons: &mut Vec<String>,
) -> Option<Candidate> {
    match way {
        Way::BeginFrame => {
            reasons.push(format!("screenshot: begin-frame capture does not work here ({error})"));
            let chrome = browser::find(job.browser.path.as_deref()).ok()?;
            Some(Candidate { chrome, surface: Surface::Headless })
        }
        _ => None,
    }
}

fn display(job: &Job) -> Result<Candidate, BrowserError> {
    let named = job.browser.path.as_deref();
    let chrome = browser::find_kind(named, ChromeKind::Browser)
        .ok_or_else(|| BrowserError::Display("it needs an ordinary Chromium".into()))?;
    if browser::find_xvfb().is_none() {
        return Err(BrowserError::Display("Xvfb is not installed (Debian package xvfb)".into()));
    }
    Ok(Candidate { chrome, surface: Surface::Display })
}

fn headless(job: &Job, reasons: &mut Vec<String>) -> Result<Candidate> {
    let chrome = browser::find(job.browser.path.as_deref()).map_err(Error::NoBrowser)?;
    let is_shell = chrome.kind == ChromeKind::HeadlessShell;
    let surface = match job.capture.mode {
        CaptureMode::Screenshot => {
            reasons.push("screenshot: the job says so".into());
            Surface::Headless
        }
        CaptureMode::BeginFrame if is_shell => {
            reasons.push("begin-frame: the job says so".into());
            Surface::BeginFrame
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
            reasons.push("begin-frame: the browser is a headless shell".into());
            Surface::BeginFrame
        }
        _ => {
            reasons.push("screenshot: the browser is not a headless shell".into());
            Surface::Headless
        }
    };
    Ok(Candidate { chrome, surface })
}
