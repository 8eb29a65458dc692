//! Opening a page and loading the composition.

use std::sync::Arc;
use std::time::Duration;

use super::{
    BeginFrame, CONSOLE_LINES, CaptureRequest, Compressed, DRAWING, Display, FrameGrabber,
    Screenshot, SessionOptions, browser_error,
};
use crate::browser::{BrowserError, LEFT, Page};
use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::frame::{Picture, Size};
use crate::page::{self, Description, LayerKind, LoadError, Rehearsed, TrackFile, Tree};
use crate::plan::{Backend, Compression};
use crate::time::{FrameIndex, FrameRate};
use crate::warning::Warning;

/// The longest wait for the first drawn frame before another backend is chosen.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(15);

/// Frames that are rehearsed at a time.
const REHEARSED_AT_ONCE: u64 = 30;

/// Warnings of the page runtime that explain why a page has no length.
const TELLING: [&str; 5] = [
    "timeline_missing",
    "sub_timeline_script_failure",
    "sub_timeline_readiness_timeout",
    "composition_missing",
    "composition_empty",
];

/// A page that stands at the beginning of its composition, ready to be seeked.
pub(crate) struct OpenPage {
    pub(super) page: Page,
    pub(super) grabber: Box<dyn FrameGrabber>,
    /// The composition's frame that was sought last.
    pub(super) sought: Option<FrameIndex>,
    pub description: Description,
    pub warnings: Vec<Warning>,
}

/// The result of loading a composition.
pub(super) struct Loaded {
    pub description: Description,
    pub warnings: Vec<Warning>,
    /// The reason why it cannot be rendered, where it never became ready.
    pub refusal: Option<Error>,
}

/// The reason why a page could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The browser does not start at all.
    NoBrowser(BrowserError),
    /// The page cannot be drawn by this backend; another may do.
    CannotGrab(BrowserError),
    /// Anything else.
    Failed(Error),
}

impl OpenError {
    /// Whether another try may succeed, given that one has before.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::NoBrowser(e) | Self::CannotGrab(e) => e.is_transient() || e.is_death(),
            Self::Failed(e) => e.is_transient(),
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoBrowser(BrowserError::Cancelled) => Self::Cancelled,
            OpenError::NoBrowser(source) => Self::NoBrowser(source),
            OpenError::CannotGrab(source) => browser_error(source, Vec::new()),
            OpenError::Failed(error) => error,
        }
    }
}

impl OpenPage {
    /// Opens a browser, loads the composition, and draws it once.
    pub(crate) fn open(options: &SessionOptions, cancel: &CancelToken) -> Result<Self, OpenError> {
        match Self::open_unready(options, cancel, &mut |_| ())? {
            (page, None) => Ok(page),
            (_, Some(refusal)) => Err(OpenError::Failed(refusal)),
        }
    }

    /// Opens a page even if it does not become ready, and returns the reason. `awaited` is told what
    /// it waits for while that takes long.
    pub(crate) fn open_unready(
        options: &SessionOptions,
        cancel: &CancelToken,
        awaited: &mut dyn FnMut(&str),
    ) -> Result<(Self, Option<Error>), OpenError> {
        let mut page = Page::open(&options.page, cancel).map_err(|e| match e {
            BrowserError::Display(_) => OpenError::CannotGrab(e),
            e => OpenError::NoBrowser(e),
        })?;
        let mut grabber = options.grabber().map_err(OpenError::CannotGrab)?;
        // On a blank page, to distinguish a browser that cannot draw from a page that stalls.
        grabber.check_blank(&mut page, first_timeout(options)).map_err(OpenError::CannotGrab)?;
        if let Err(e) = page::inject(&mut page, &options.load) {
            return Err(OpenError::Failed(load_error(e.into(), &page)));
        }
        let Loaded { description, warnings, refusal } =
            load(&mut page, grabber.as_mut(), options, awaited)?;
        Ok((Self { page, grabber, sought: None, description, warnings }, refusal))
    }

    /// Leaves videos of a kind out of the pictures from now on.
    pub(crate) fn begin_layers(&mut self, kind: LayerKind, timeout: Duration) -> Result<()> {
        page::begin_layers(&mut self.page, kind, timeout)
            .map_err(|e| browser_error(e, self.console()))
    }

    /// The share of the composition, from 0 to 1, that shows a video that can be left out for
    /// speed.
    pub(crate) fn aligned_share(&mut self, seconds: f64, timeout: Duration) -> Result<f64> {
        page::aligned_share(&mut self.page, seconds, timeout)
            .map_err(|e| browser_error(e, self.console()))
    }

    /// Fails if the page has left, or a process that it depends on has died.
    pub(crate) fn prove(&mut self, timeout: Duration) -> Result<()> {
        let proof = self.page.prove("looking at the page", timeout);
        proof
            .and_then(|()| self.page.has_stayed(FrameIndex(u64::MAX)))
            .map_err(|e| browser_error(e, self.console()))
    }

    /// The structure of the composition.
    pub(crate) fn inspect(&mut self, timeout: Duration) -> Result<Tree> {
        page::inspect(&mut self.page, timeout).map_err(|e| browser_error(e, self.console()))
    }

    /// Takes the picture of one frame, apart from any render. Later frames only: the page goes
    /// forward.
    pub(crate) fn picture(
        &mut self,
        at: FrameIndex,
        rate: FrameRate,
        timeout: Duration,
    ) -> Result<Arc<Picture>> {
        self.sought = Some(at);
        let request = CaptureRequest {
            at,
            rate,
            is_fresh: false,
            begins_batch: true,
            ahead: 0,
            is_forced: false,
        };
        let begun = self.grabber.begin(&mut self.page, request, timeout);
        let taken = begun.and_then(|()| self.grabber.finish(&mut self.page, timeout));
        let picture = taken.and_then(|taken| {
            self.warnings.extend(taken.warnings.into_iter().map(Warning::from));
            let picture = self.grabber.decode(&mut self.page)?;
            self.page.prove(DRAWING, timeout)?;
            self.page.has_stayed(at)?;
            Ok(picture)
        });
        picture.map_err(|e| browser_error(e, self.console()))
    }

    /// Loads the page again with `options`.
    pub(crate) fn reload(&mut self, options: &SessionOptions) -> Result<()> {
        let call = options.load.call_timeout;
        page::forget(&mut self.page, &options.load.url, call)
            .and_then(|()| page::inject(&mut self.page, &options.load))
            .map_err(|e| browser_error(e, self.console()))?;
        let loaded = load(&mut self.page, self.grabber.as_mut(), options, &mut |_| ())?;
        self.sought = None;
        loaded.refusal.map_or(Ok(()), Err)
    }

    /// Shows frames from `first` up to `end` to learn their sound. Loads the page again for it; it
    /// has to be loaded again before it is rendered.
    pub(crate) fn rehearse(
        &mut self,
        options: &SessionOptions,
        (first, end): (u64, u64),
        rate: FrameRate,
    ) -> Result<Rehearsed> {
        self.reload(options)?;
        let mut at = first;
        while at < end {
            let count = (end - at).min(REHEARSED_AT_ONCE);
            let timeout = options.frame_timeout * u32::try_from(count).unwrap_or(u32::MAX);
            self.sought = Some(FrameIndex(at + count - 1));
            let rehearsed = page::rehearse(&mut self.page, at, count, rate, timeout);
            if self.page.has_stayed(FrameIndex(u64::MAX)).is_err() {
                // The render will report in which frame.
                return Ok(Rehearsed::default());
            }
            rehearsed.map_err(|e| browser_error(e, self.console()))?;
            at += count;
        }
        // Graphs are rendered to their end, and handed over.
        page::rehearsed(&mut self.page, options.frame_timeout * 4)
            .and_then(|rehearsed| {
                self.page.prove("rehearsing", options.frame_timeout)?;
                Ok(rehearsed)
            })
            .map_err(|e| browser_error(e, self.console()))
    }

    /// The contents of the tracks that each selector finds; `None` for an invalid selector.
    pub(crate) fn read_tracks(
        &mut self,
        selectors: &[&str],
        timeout: Duration,
    ) -> Result<Vec<Option<Vec<TrackFile>>>> {
        page::read_tracks(&mut self.page, selectors, timeout)
            .map_err(|e| browser_error(e, self.console()))
    }

    /// Errors and failures of the page so far, as warnings.
    pub(crate) fn page_warnings(&self) -> Vec<Warning> {
        let errors = self.page.log.errors().iter();
        let errors = errors.map(|text| Warning::new("page_error", format!("script error: {text}")));
        let failed = self.page.log.failed_resources().iter().map(|(url, reason)| {
            Warning::new("resource_failed", format!("not loaded: {url}: {reason}"))
        });
        errors.chain(failed).collect()
    }

    /// Addresses on the composition's own server that did not load so far.
    pub(crate) fn failed_addresses(&self) -> impl Iterator<Item = &str> {
        self.page.log.failed_resources().iter().map(|(url, _)| url.as_str())
    }

    /// Uncaught exceptions so far.
    pub(crate) fn page_errors(&self) -> &[String] {
        self.page.log.errors()
    }

    /// Possible explanations for something missing from the page, most telling first.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let errors = self.page.log.errors().iter().map(|text| format!("its script failed: {text}"));
        let failed = self.page.log.failed_resources().iter();
        let failed = failed.map(|(url, reason)| format!("not loaded: {url}: {reason}"));
        let told = self.warnings.iter();
        let told = told.filter(|w| TELLING.contains(&w.code.as_str())).map(|w| w.message.clone());
        errors.chain(failed).chain(told).collect()
    }

    /// The last console lines.
    pub(crate) fn console(&self) -> Vec<String> {
        self.page.log.console_tail(CONSOLE_LINES)
    }

    /// The browser's name and version.
    pub(crate) fn product(&self) -> &str {
        &self.page.product
    }
}

/// Whether `page`, opened under begin-frame control, can be drawn on command.
pub(crate) fn can_begin_frame(page: &mut Page) -> Result<(), BrowserError> {
    let camera = BeginFrame::new(Compression::Png);
    Compressed::new(camera, Compression::Png).check_blank(page, FIRST_FRAME_TIMEOUT)
}

/// Whether `page` can be captured by screenshot.
pub(crate) fn can_screenshot(page: &mut Page) -> Result<(), BrowserError> {
    let camera = Screenshot::new(Compression::Png, false);
    Compressed::new(camera, Compression::Png).check_blank(page, FIRST_FRAME_TIMEOUT)
}

/// Whether the display that `page` is on can be read.
pub(crate) fn can_display(page: &mut Page) -> Result<(), BrowserError> {
    Display::new(Size { width: 1, height: 1 }).check_blank(page, FIRST_FRAME_TIMEOUT)
}

/// Loads the composition, reads what it declares, and draws it once.
pub(super) fn load(
    page: &mut Page,
    grabber: &mut dyn FrameGrabber,
    options: &SessionOptions,
    awaited: &mut dyn FnMut(&str),
) -> Result<Loaded, OpenError> {
    let failed = |e, page: &Page| OpenError::Failed(load_error(e, page));
    let call = options.load.call_timeout;
    page.log.staying.has_stage = options.load.staging.is_some();
    let mut tick = |page: &mut Page| grabber.tick(page, call);
    let loaded = page::load(page, &options.load, &mut tick, awaited);
    if let Err(LoadError::Absent(_) | LoadError::NotReady(_)) = &loaded {
        // A dead process is the cause, regardless of the page's apparent state.
        page.prove("loading the page", call).map_err(|e| failed(e.into(), page))?;
    }
    let mut warnings = match loaded {
        Ok(warnings) => warnings,
        Err(LoadError::Unstageable) => {
            let text = "the page does not open inside of another one".into();
            return Err(OpenError::CannotGrab(match options.backend {
                Backend::Canvas => BrowserError::Canvas(text),
                _ => BrowserError::Display(text),
            }));
        }
        Err(e @ LoadError::NotReady(_)) => {
            let refusal = load_error(e, page);
            return match page::describe(page, call) {
                Ok(description) => {
                    Ok(Loaded { description, warnings: Vec::new(), refusal: Some(refusal) })
                }
                Err(_) => Err(OpenError::Failed(refusal)),
            };
        }
        Err(e) => return Err(failed(e, page)),
    };
    page.prove_loaded(call).map_err(|e| failed(e.into(), page))?;
    let mut description = page::describe(page, call).map_err(|e| failed(e.into(), page))?;
    page.may_leave = description.allows_leaving;
    page.log.staying.bind(page.may_leave);
    // A page that has gone elsewhere does not come back by itself.
    description.rewindable &= !page.may_leave;
    let refusal =
        description.goes.as_ref().filter(|_| !page.may_leave).map(|refresh| Error::Composition {
            message: format!("the page {refresh}"),
            console: Vec::new(),
            hint: Some(LEFT.into()),
        });
    page::name_drawn_fonts(page, &mut description.warnings, call)
        .map_err(|e| failed(e.into(), page))?;
    // The page's description has them, too.
    warnings.retain(|warning| warning.code != "font_missing");
    if let Some(kind) = options.layers {
        page::begin_layers(page, kind, call).map_err(|e| failed(e.into(), page))?;
    }
    // The first picture of a fresh page can be incomplete: it is thrown away. Some pages stall in
    // it forever.
    grabber.draw_first(page, first_timeout(options)).map_err(|e| match e {
        BrowserError::Timeout { .. } => OpenError::CannotGrab(e),
        // The page itself may be innocent, with any error.
        _ if options.backend == Backend::Canvas => OpenError::CannotGrab(e),
        e => failed(e.into(), page),
    })?;
    page.prove(DRAWING, call).map_err(|e| failed(e.into(), page))?;
    page.scan_processes();
    Ok(Loaded { description, warnings, refusal })
}

fn first_timeout(options: &SessionOptions) -> Duration {
    FIRST_FRAME_TIMEOUT.min(options.frame_timeout)
}

fn load_error(error: LoadError, page: &Page) -> Error {
    let console = page.log.console_tail(CONSOLE_LINES);
    match error {
        LoadError::Browser(e) => browser_error(e, console),
        LoadError::Unstageable => Error::Composition {
            message: "the page does not open inside of another one".into(),
            console,
            hint: None,
        },
        LoadError::Absent(message) | LoadError::NotReady(message) => {
            Error::Composition { message, console, hint: None }
        }
    }
}
