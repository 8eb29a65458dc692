//! Frames from a page.
//!
//! A [`PageSource`] seeks its page and takes a picture, one frame after the other. A
//! [`FrameGrabber`] takes the picture: off the window of a private display (`display`), on command
//! of the compositor (`begin_frame`), by a screenshot, or drawn into a canvas of the page
//! (`canvas`), which [`verify`] holds against the others.

mod autoscale;
mod begin_frame;
mod canvas;
mod captures;
mod compressed;
mod display;
mod draw_only;
mod fallback;
mod frame_socket;
mod meter;
mod open;
mod screenshot;
mod source;
pub(crate) mod verify;

use std::sync::Arc;
use std::time::Duration;

use self::begin_frame::{BeginFrame, Ticks};
use self::canvas::Canvas;
pub(crate) use self::captures::{Captures, FrameCaptures, TransitionFrame};
use self::compressed::Compressed;
use self::display::Display;
use self::display::window_of;
use self::draw_only::DrawOnly;
pub(crate) use self::fallback::FallbackChain;
pub(crate) use self::meter::SessionMeter;
pub(crate) use self::open::{OpenError, OpenPage, can_begin_frame, can_display, can_screenshot};
use self::screenshot::Screenshot;
pub(crate) use self::source::{Autoscaling, PageSource, PageSources, Timing};
use crate::browser::{BrowserError, Chrome, ChromeKind, Page, PageOptions, Surface};
use crate::error::Error;
use crate::frame::{Picture, Size};
use crate::page::{HostKind, HostPage, LayerKind, LoadOptions, RuntimeWarning, STAGE, Step};
use crate::plan::{Backend, Compression};
use crate::time::{FrameIndex, FrameRate};
use crate::transition::Transition;

/// The page's activity while its picture is taken, for errors.
const DRAWING: &str = "drawing";

/// Console lines that an error carries.
const CONSOLE_LINES: usize = 8;

/// A frame to be shown and taken.
#[derive(Clone, Copy, Debug)]
struct CaptureRequest {
    /// The frame, counted from the beginning of the composition.
    at: FrameIndex,
    rate: FrameRate,
    /// Whether the page has just been loaded, so that no picture is the same.
    is_fresh: bool,
    /// Whether it must not depend on earlier drawings.
    begins_batch: bool,
    /// Frames of its batch that follow.
    ahead: u64,
    /// Whether it is drawn even if it is proved to look like the frame before.
    is_forced: bool,
}

impl CaptureRequest {
    /// The move of the page for this frame; it `may_go_on` through frames that look the same.
    const fn step(self, may_go_on: bool) -> Step {
        Step { at: self.at, rate: self.rate, ahead: if may_go_on { self.ahead } else { 0 } }
    }
}

/// A grabber's memory of its page's drawings, to know what the next frame needs.
///
/// Chrome's pixels depend a little on earlier drawings: layers keep the scale and the subpixel
/// place of their first drawing, and moves below a tolerance are not drawn. So frames are drawn in
/// batches: the first is drawn as if nothing had come before, each of the others on top of the one
/// before, and a session that draws one draws those before it, too.
#[derive(Clone, Copy, Debug, Default)]
struct History {
    has_drawn: bool,
    /// Whether the page was drawn as if nothing had come before, and not again since.
    is_pristine: bool,
}

/// The needs of a frame.
#[derive(Clone, Copy, Debug)]
struct Need {
    /// Whether the frame is drawn even if the page has not changed.
    must_draw: bool,
    /// Whether the frame, if drawn, is drawn as if nothing had come before.
    anew: bool,
}

impl History {
    const fn need(self, request: CaptureRequest) -> Need {
        let is_first = request.is_fresh || !self.has_drawn;
        Need {
            must_draw: is_first || request.is_forced || (request.begins_batch && !self.is_pristine),
            anew: is_first || request.begins_batch,
        }
    }

    const fn drawn(&mut self, anew: bool) {
        *self = Self { has_drawn: true, is_pristine: anew };
    }
}

/// Facts about a frame whose picture has left the browser.
#[derive(Debug, Default)]
struct Captured {
    /// Whether it looks like the frame before.
    is_same: bool,
    /// The time that the page took to show the frame's time.
    seek: Duration,
    warnings: Vec<RuntimeWarning>,
    /// The number of following frames that are known to look the same.
    still: u64,
}

/// A way to take pictures, with its state.
///
/// The calls for each frame are `begin finish decode`. The next frame may begin before the last one
/// is decoded, so that the page draws while we decode.
trait FrameGrabber: Send {
    /// Whether pictures depend on earlier drawings, as [`History`] explains.
    fn has_history(&self) -> bool {
        true
    }

    /// Begins to show a frame and asks for its picture.
    fn begin(
        &mut self,
        page: &mut Page,
        request: CaptureRequest,
        timeout: Duration,
    ) -> Result<(), BrowserError>;

    /// Waits until the picture has left the page, or is known to be the last one again.
    fn finish(&mut self, page: &mut Page, timeout: Duration) -> Result<Captured, BrowserError>;

    /// Returns the picture that `finish` took. The same `Arc` as before if it is the same picture.
    fn decode(&mut self, page: &mut Page) -> Result<Arc<Picture>, BrowserError>;

    /// Checks whether a blank page can be captured.
    fn check_blank(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError>;

    /// Draws a page once that was just loaded.
    fn draw_first(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError>;

    /// Draws once because the page waits for it. Nothing is taken.
    fn draw(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.tick(page, timeout)
    }

    /// Lets the page run while it loads.
    fn tick(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError>;
}

/// The options that a session needs to open its page.
#[derive(Clone, Debug)]
pub(crate) struct SessionOptions {
    /// Set by [`Self::draw_by`].
    pub backend: Backend,
    pub page: PageOptions,
    pub load: LoadOptions,
    pub compression: Compression,
    /// The timeout of one frame, from seek to picture.
    pub frame_timeout: Duration,
    /// Whether frames that are proved to look like the one before are not drawn.
    pub reuses: bool,
    /// Whether frames are drawn without taking pictures.
    pub is_blind: bool,
    /// The kind of videos that are left out of the pictures; mattes say where they show.
    pub layers: Option<LayerKind>,
    /// Transitions during which pictures are taken of two scenes.
    pub transitions: Arc<[Transition]>,
}

/// The surface on which a browser of this kind draws for `backend`.
pub(crate) const fn surface_of(backend: Backend, kind: ChromeKind) -> Surface {
    match (backend, kind) {
        (Backend::Display, _) => Surface::Display,
        // Any Chrome draws into canvases; the shell need not present them.
        (Backend::Screenshot, _) | (Backend::Canvas, ChromeKind::Browser) => Surface::Headless,
        (Backend::BeginFrame, _) | (Backend::Canvas, ChromeKind::HeadlessShell) => {
            Surface::BeginFrame
        }
    }
}

impl SessionOptions {
    /// Whether a frame may take more than one picture.
    fn takes_captures(&self) -> bool {
        self.layers.is_some() || !self.transitions.is_empty()
    }

    /// Sets the backend and its browser.
    pub(crate) fn draw_by(&mut self, chrome: Chrome, backend: Backend) {
        self.page.surface = surface_of(backend, chrome.kind);
        self.page.chrome = chrome;
        self.backend = backend;
        self.resize(self.page.size);
    }

    /// Sets the size of the composition in CSS pixels, and the options that depend on it.
    pub(crate) fn resize(&mut self, size: Size) {
        let setting = match self.backend {
            Backend::Display => Some(HostKind::Window),
            Backend::Canvas => Some(HostKind::Canvas),
            Backend::BeginFrame | Backend::Screenshot => None,
        };
        self.page.size = size;
        let scale = self.page.scale;
        let is_window = setting == Some(HostKind::Window);
        self.page.window = if is_window { window_of(size, scale) } else { size };
        self.page.stage = setting.map(|_| STAGE);
        let is_transparent = self.page.is_transparent;
        self.load.staging =
            setting.map(|setting| HostPage { setting, size, scale, is_transparent });
    }

    fn grabber(&self) -> Result<Box<dyn FrameGrabber>, BrowserError> {
        let compression = self.compression;
        let size = self.page.size.scaled(self.page.scale);
        Ok(match self.backend {
            _ if self.is_blind => Box::new(DrawOnly::new(size)),
            Backend::Display => Box::new(Display::new(size)),
            Backend::BeginFrame => {
                Box::new(Compressed::new(BeginFrame::new(compression), compression))
            }
            Backend::Screenshot => {
                let camera = Screenshot::new(compression, self.page.is_transparent);
                Box::new(Compressed::new(camera, compression))
            }
            Backend::Canvas => {
                let ticks = (self.page.surface == Surface::BeginFrame).then(Ticks::new);
                Box::new(Canvas::open(&self.load.url, size, ticks, &self.page.access.wall)?)
            }
        })
    }
}

fn browser_error(source: BrowserError, console: Vec<String>) -> Error {
    match source {
        BrowserError::Cancelled => Error::Cancelled,
        source => Error::Browser { source, console },
    }
}
