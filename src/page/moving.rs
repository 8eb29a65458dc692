//! Moving a page from frame to frame, and its reports then.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{POLL, RUNTIME_FACE, RuntimeWarning};
use crate::browser::{BrowserError, Page};
use crate::time::{FrameIndex, FrameRate};

/// The destination of a page's move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The frame, counted from the beginning of the composition.
    pub at: FrameIndex,
    pub rate: FrameRate,
    /// The number of further frames through which the page may move by itself, as long as nothing
    /// changes.
    pub ahead: u64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, rate, ahead } = self;
        write!(f, "{},{},{},{ahead}", at.0, rate.num, rate.den)
    }
}

/// The page's report after it was moved.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Sought {
    /// Whether it may look different from the frame shown before.
    Changed(bool),
    /// The same, with warnings, and the number of further frames that look the same.
    Noted {
        changed: bool,
        warnings: Vec<RuntimeWarning>,
        #[serde(default)]
        still: u64,
        /// The page's action instead of staying.
        #[serde(default)]
        gone: Option<String>,
        /// The composition's frame in which it acted.
        #[serde(default)]
        at: Option<i64>,
    },
}

/// The report in parts.
#[derive(Debug)]
pub(crate) struct Moved {
    /// Whether the page may look different.
    pub changed: bool,
    /// Warnings on the way.
    pub warnings: Vec<RuntimeWarning>,
    /// The number of further frames that look like this one, if it looks like the one before.
    pub still: u64,
}

/// Most warnings of one frame, and most characters of each text, that are taken from a page.
const MAX_WARNINGS: usize = 100;
const MAX_TEXT: usize = 2000;

impl Sought {
    /// The answer of `page` to `step`, checked: the page's code could return anything.
    pub(crate) fn read(self, page: &mut Page, step: Step) -> Result<Moved, BrowserError> {
        if let Self::Noted { gone: Some(what), at, .. } = &self
            && !page.may_leave
        {
            let at = at.and_then(|at| u64::try_from(at).ok()).map(FrameIndex);
            let what = what.chars().take(MAX_TEXT).collect();
            page.log.staying.leave(what, at);
        }
        page.has_stayed(step.at)?;
        Ok(match self {
            Self::Changed(changed) => Moved { changed, warnings: Vec::new(), still: 0 },
            Self::Noted { changed, mut warnings, still, .. } => {
                warnings.truncate(MAX_WARNINGS);
                for text in warnings.iter_mut().flat_map(|w| [&mut w.code, &mut w.message]) {
                    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
                        text.truncate(end);
                    }
                }
                let still = if changed { 0 } else { still.min(step.ahead) };
                Moved { changed, warnings, still }
            }
        })
    }
}

/// A time that a page has measured, in milliseconds.
pub(crate) fn measured(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

/// The most times that the page is asked for one frame while it goes from document to document.
pub(crate) const MAX_DOCUMENTS: u32 = 5;

/// Waits for the next document of a page that may leave and does. Returns whether it did.
///
/// `draw` draws it meanwhile.
pub(crate) fn follow(
    page: &mut Page,
    before: u64,
    timeout: Duration,
    draw: &mut dyn FnMut(&mut Page) -> Result<(), BrowserError>,
) -> Result<bool, BrowserError> {
    if !page.may_leave {
        return Ok(false);
    }
    let until = Instant::now() + timeout;
    let is_ready = runtime!("?.status().ready ?? (document.readyState === 'complete')");
    while Instant::now() < until {
        let left = until.saturating_duration_since(Instant::now());
        let ready = match page.evaluate::<bool>(is_ready, left) {
            // A document of another origin does not answer, and the last one no longer does.
            Err(BrowserError::Script { .. } | BrowserError::Refused { .. }) => true,
            answer => answer?,
        };
        if ready && !page.log.staying.is_leaving() {
            break;
        }
        draw(page)?;
        std::thread::sleep(POLL);
    }
    Ok(page.log.staying.documents != before)
}

/// Whether the page waits for the browser to draw, which it does not by itself under begin-frame
/// control.
const WANTS_DRAWING: &str = runtime!("?.wantsDrawing() === true");

/// Moves the page to one frame: everything in it then stands at exactly `index·den/num` seconds.
///
/// `draw` draws the page while the page waits to be drawn.
pub(crate) fn seek(
    page: &mut Page,
    step: Step,
    timeout: Duration,
    draw: &mut dyn FnMut(&mut Page) -> Result<(), BrowserError>,
) -> Result<Moved, BrowserError> {
    let name = if step.ahead > 0 { "seekOn" } else { "seek" };
    let seek = format!("globalThis.__pagereel?.{name}({step}) ?? true");
    for _ in 0..MAX_DOCUMENTS {
        let before = page.log.staying.documents;
        let sought = page.evaluate_attended::<Sought>(&seek, WANTS_DRAWING, timeout, draw);
        // The page now shows the next document, at the same time.
        if !follow(page, before, timeout, draw)? {
            return sought
                .map_err(|e| page.has_stayed(step.at).err().unwrap_or(e))?
                .read(page, step);
        }
    }
    Err(goes_on_and_on())
}

/// The error of a page whose documents never end.
pub(crate) fn goes_on_and_on() -> BrowserError {
    BrowserError::Left { what: "goes on and on to other documents".into(), at: None }
}

/// The progress of a page through frames that are not drawn.
#[derive(Debug, Deserialize)]
struct Passed {
    /// Whether all frames that matter have been visited.
    through: bool,
    /// The last visited frame.
    at: i64,
}

/// Makes the page visit the frames before `at` that it depends on, without drawing them.
///
/// `timeout` applies to each of them, not to all.
pub(crate) fn pass(
    page: &mut Page,
    at: FrameIndex,
    rate: FrameRate,
    timeout: Duration,
    draw: &mut dyn FnMut(&mut Page) -> Result<(), BrowserError>,
) -> Result<(), BrowserError> {
    let pass = format!("{RUNTIME_FACE}.pass({},{},{})", at.0, rate.num, rate.den);
    let mut last = -2;
    loop {
        let passed: Passed = page.evaluate_attended(&pass, WANTS_DRAWING, timeout, draw)?;
        if passed.through {
            return Ok(());
        }
        if passed.at <= last {
            let doing = format!("passing frame {}", passed.at + 1);
            return Err(BrowserError::Timeout { doing, seconds: timeout.as_secs_f64() });
        }
        last = passed.at;
    }
}
