//! Which way of capture a render takes, and which comes next when it does not work.

use crate::browser::{self, BrowserError, Chrome, ChromeKind, Surface};
use crate::capture::SessionOptions;
use crate::error::{Error, Result};
use crate::job::{CaptureMode, Job};
use crate::plan::Way;
use crate::sys;

/// A browser, and where it draws.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub chrome: Chrome,
    pub surface: Surface,
    /// Whether the page is drawn into a canvas, for nobody to see it elsewhere.
    pub canvas: bool,
}

impl Candidate {
    /// Makes sessions take this way.
    pub(super) fn apply(self, options: &mut SessionOptions) {
        options.page.chrome = self.chrome;
        options.page.surface = self.surface;
        options.page.canvas = self.canvas;
        options.resize(options.page.size);
    }
}

/// The way to begin with. Where nothing `is_captured`, the browser that starts fastest will do.
pub(super) fn choose(job: &Job, is_captured: bool, reasons: &mut Vec<String>) -> Result<Candidate> {
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
        CaptureMode::Auto if is_captured => best(job, reasons),
        _ => headless(job, reasons),
    }
}

/// The way that shows what the compositor shows, for the least time.
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

/// The way in which nothing is drawn that was not asked for, if there is one.
pub(super) fn on_command(job: &Job) -> Option<Candidate> {
    let chrome = browser::find_kind(job.browser.path.as_deref(), ChromeKind::HeadlessShell)?;
    Some(Candidate { chrome, surface: Surface::BeginFrame, canvas: false })
}

/// The way of `options` and those after it, as they come when each in turn fails.
pub(super) fn all(job: &Job, options: SessionOptions) -> Vec<SessionOptions> {
    let mut all = vec![options];
    while let Some(last) = all.last() {
        let failed = BrowserError::Cancelled;
        let Some(next) = after(job, last.way(), &failed, &mut Vec::new()) else { break };
        let mut options = last.clone();
        next.apply(&mut options);
        all.push(options);
    }
    all
}

/// The way after `way`, which has failed for `error`, if there is one.
pub(super) fn after(
    job: &Job,
    way: Way,
    error: &BrowserError,
    reasons: &mut Vec<String>,
) -> Option<Candidate> {
    match way {
        Way::Canvas => {
            reasons.push(format!("not canvas: {error}"));
            best(job, reasons).ok()
        }
        Way::Display => {
            reasons.push(format!("not display: {error}"));
            headless(job, reasons).ok()
        }
        Way::BeginFrame => {
            reasons.push(format!("screenshot: begin-frame capture does not work here ({error})"));
            screenshot(job).ok()
        }
        Way::Screenshot => None,
    }
}

fn display(job: &Job) -> Result<Candidate, BrowserError> {
    let named = job.browser.path.as_deref();
    let chrome = browser::find_kind(named, ChromeKind::Browser)
        .ok_or_else(|| BrowserError::Display("it needs an ordinary Chromium".into()))?;
    if browser::find_xvfb().is_none() {
        return Err(BrowserError::Display("Xvfb is not installed (Debian package xvfb)".into()));
    }
    Ok(Candidate { chrome, surface: Surface::Display, canvas: false })
}

/// Any Chrome draws into canvases; the shell need not show them to anybody.
fn canvas(job: &Job) -> Result<Candidate> {
    let chrome = browser::find(job.browser.path.as_deref()).map_err(Error::NoBrowser)?;
    let surface = match chrome.kind {
        ChromeKind::HeadlessShell => Surface::BeginFrame,
        ChromeKind::Browser => Surface::Headless,
    };
    Ok(Candidate { chrome, surface, canvas: true })
}

fn screenshot(job: &Job) -> Result<Candidate, BrowserError> {
    let chrome = browser::find(job.browser.path.as_deref())?;
    Ok(Candidate { chrome, surface: Surface::Headless, canvas: false })
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
    Ok(Candidate { chrome, surface, canvas: false })
}
