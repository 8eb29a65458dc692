//! Frames from a page.
//!
//! A [`PageSource`] seeks its page and takes a picture, one frame after the other. How the picture
//! is taken is a [`Grab`]: on command of the compositor (`begin_frame`) or by a screenshot.

mod begin_frame;
mod meter;
mod screenshot;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::ImageFormat;
use serde::{Deserialize, Serialize};

use self::begin_frame::BeginFrame;
pub(crate) use self::meter::Meter;
use self::screenshot::Screenshot;
use crate::browser::{BrowserError, CallId, Page, PageOptions};
use crate::error::{Error, Result};
use crate::frame::{Frame, Picture, Size, decode};
use crate::page::{self, Description, LoadError, LoadOptions, Sought, Tree};
use crate::pipeline::{CancelToken, FrameSource, OpenSource};
use crate::report::Warning;
use crate::time::{FrameIndex, FrameRate};

/// Console lines that an error carries.
const CONSOLE_LINES: usize = 8;

/// How long the first drawn frame may take before another way of capture is chosen.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a session's page is tried before the render fails.
const OPEN_ATTEMPTS: u32 = 3;

/// Warnings of the page runtime that explain why a page has no length.
const TELLING: [&str; 5] = [
    "timeline_missing",
    "sub_timeline_script_failure",
    "sub_timeline_readiness_timeout",
    "composition_missing",
    "composition_empty",
];

/// How often memory and processor time are looked at.
const METER_INTERVAL: Duration = Duration::from_millis(500);

/// How pictures leave the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    /// Each frame is drawn and read by one `HeadlessExperimental.beginFrame`.
    BeginFrame,
    /// The browser draws when it likes; `Page.captureScreenshot` reads.
    Screenshot,
}

/// How pictures are compressed on the way out of the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Lossless.
    Png,
    /// Lossy, quality 1 to 100.
    Jpeg(u8),
}

impl Compression {
    const fn image_format(self) -> ImageFormat {
        match self {
            Self::Png => ImageFormat::Png,
            Self::Jpeg(_) => ImageFormat::Jpeg,
        }
    }
}

/// One way of taking pictures, with its state.
trait Grab: Send {
    /// Asks for a picture of the page as it is now.
    fn begin(&mut self, page: &mut Page, timeout: Duration) -> Result<CallId, BrowserError>;

    /// Waits for the picture, compressed. `None` means that nothing has been drawn.
    fn finish(
        &mut self,
        page: &mut Page,
        id: CallId,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, BrowserError>;

    /// Draws once without a picture.
    fn draw(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError>;

    /// Lets the page live while it loads.
    fn tick(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError>;
}

/// All that a session needs to know before it opens its page.
#[derive(Clone, Debug)]
pub(crate) struct SessionOptions {
    pub page: PageOptions,
    pub load: LoadOptions,
    pub compression: Compression,
    /// For one frame, from seek to picture.
    pub frame_timeout: Duration,
}

impl SessionOptions {
    pub(crate) const fn way(&self) -> Way {
        if self.page.begin_frame { Way::BeginFrame } else { Way::Screenshot }
    }
}

/// A page that stands at the beginning of its composition, ready to be seeked.
pub(crate) struct OpenPage {
    page: Page,
    grab: Box<dyn Grab>,
    pub description: Description,
    pub warnings: Vec<Warning>,
}

/// What loading a composition has led to.
struct Loaded {
    description: Description,
    warnings: Vec<Warning>,
    /// Why it cannot be rendered, where it never became ready.
    refusal: Option<Error>,
}

/// Why a page could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The browser does not start at all.
    NoBrowser(BrowserError),
    /// The page cannot be drawn in this way; another may do.
    CannotGrab(BrowserError),
    /// Anything else.
    Failed(Error),
}

impl OpenError {
    /// Whether another try may succeed, given that one has before.
    fn is_transient(&self) -> bool {
        match self {
            Self::NoBrowser(BrowserError::EndedAtOnce { .. }) => true,
            Self::NoBrowser(e) | Self::CannotGrab(e) => e.is_transient(),
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
        match Self::open_unready(options, cancel)? {
            (page, None) => Ok(page),
            (_, Some(refusal)) => Err(OpenError::Failed(refusal)),
        }
    }

    /// Opens a page even if it does not become ready, and says why it does not.
    pub(crate) fn open_unready(
        options: &SessionOptions,
        cancel: &CancelToken,
    ) -> Result<(Self, Option<Error>), OpenError> {
        let mut page = Page::open(&options.page, cancel).map_err(OpenError::NoBrowser)?;
        let mut grab: Box<dyn Grab> = match options.way() {
            Way::BeginFrame => Box::new(BeginFrame::new(options.compression)),
            Way::Screenshot => Box::new(Screenshot::new(options.compression)),
        };
        // On a blank page, so that a browser that cannot draw is told from a page that stalls.
        grab_once(grab.as_mut(), &mut page, first_timeout(options))
            .map_err(OpenError::CannotGrab)?;
        if let Err(e) = page::inject(&mut page, &options.load) {
            return Err(OpenError::Failed(load_error(e.into(), &page)));
        }
        let Loaded { description, warnings, refusal } = load(&mut page, grab.as_mut(), options)?;
        Ok((Self { page, grab, description, warnings }, refusal))
    }

    /// What the composition is made of.
    pub(crate) fn inspect(&mut self, timeout: Duration) -> Result<Tree> {
        page::inspect(&mut self.page, timeout).map_err(|e| browser_error(e, self.console()))
    }

    /// Errors and failures that the page has shown so far, as warnings.
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

    /// What may explain that something is missing from the page, most telling first.
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
    grab_once(&mut BeginFrame::new(Compression::Png), page, FIRST_FRAME_TIMEOUT)
}

/// Whether `page` can be captured by screenshot.
pub(crate) fn can_screenshot(page: &mut Page) -> Result<(), BrowserError> {
    grab_once(&mut Screenshot::new(Compression::Png), page, FIRST_FRAME_TIMEOUT)
}

/// Loads the composition, reads what it declares, and draws it once.
fn load(
    page: &mut Page,
    grab: &mut dyn Grab,
    options: &SessionOptions,
) -> Result<Loaded, OpenError> {
    let failed = |e, page: &Page| OpenError::Failed(load_error(e, page));
    let call = options.load.call_timeout;
    let mut tick = |page: &mut Page| grab.tick(page, call);
    let warnings = match page::load(page, &options.load, &mut tick) {
        Ok(warnings) => warnings,
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
    let description = page::describe(page, call).map_err(|e| failed(e.into(), page))?;
    // The first picture of a fresh page can be incomplete: it is thrown away. Some pages stall in
    // it for ever.
    grab_once(grab, page, first_timeout(options)).map_err(|e| match e {
        BrowserError::Timeout { .. } => OpenError::CannotGrab(e),
        e => failed(e.into(), page),
    })?;
    Ok(Loaded { description, warnings, refusal: None })
}

fn first_timeout(options: &SessionOptions) -> Duration {
    FIRST_FRAME_TIMEOUT.min(options.frame_timeout)
}

fn grab_once(grab: &mut dyn Grab, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
    let id = grab.begin(page, timeout)?;
    grab.finish(page, id, timeout).map(drop)
}

fn load_error(error: LoadError, page: &Page) -> Error {
    let console = page.log.console_tail(CONSOLE_LINES);
    match error {
        LoadError::Browser(e) => browser_error(e, console),
        LoadError::Absent(message) | LoadError::NotReady(message) => {
            Error::Composition { message, console, hint: None }
        }
    }
}

fn browser_error(source: BrowserError, console: Vec<String>) -> Error {
    match source {
        BrowserError::Cancelled => Error::Cancelled,
        source => Error::Browser { source, console },
    }
}

/// Where the frames of a render stand in the composition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub frame_rate: FrameRate,
    /// The composition's frame that is output frame 0.
    pub first: u64,
    pub size: Size,
}

/// Opens the sessions of one render.
pub(crate) struct PageSources {
    pub options: SessionOptions,
    pub timing: Timing,
    pub meter: Arc<Meter>,
    /// The page of the probe, which becomes the first session's.
    pub probed: std::sync::Mutex<Option<OpenPage>>,
}

impl OpenSource for PageSources {
    fn open(&self, session: usize, cancel: &CancelToken) -> Result<Box<dyn FrameSource>> {
        let probed = self.probed.lock().ok().and_then(|mut probed| probed.take());
        let open = match probed {
            Some(open) => open,
            None => self.open_again(cancel)?,
        };
        Ok(Box::new(PageSource {
            page: open.page,
            grab: open.grab,
            is_rewindable: open.description.rewindable,
            sought: None,
            options: self.options.clone(),
            timing: self.timing,
            queue: VecDeque::new(),
            grabbing: None,
            last: None,
            meter: Arc::clone(&self.meter),
            session,
            metered: Instant::now(),
        }))
    }
}

impl PageSources {
    /// Opens the page as the probe did. What worked then is tried more than once.
    fn open_again(&self, cancel: &CancelToken) -> Result<OpenPage> {
        let mut attempt = 1;
        loop {
            match OpenPage::open(&self.options, cancel) {
                Ok(page) => return Ok(page),
                Err(e) if attempt < OPEN_ATTEMPTS && e.is_transient() => attempt += 1,
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// A picture, and the bytes it came from.
struct Last {
    compressed: Vec<u8>,
    picture: Arc<Picture>,
}

/// A frame under way.
#[derive(Clone, Copy, Debug)]
enum Grabbing {
    /// The answer to this call is its picture.
    Picture(CallId),
    /// It looks like the last one.
    Same,
}

/// Renders the frames of one session, in any order.
struct PageSource {
    page: Page,
    grab: Box<dyn Grab>,
    /// Whether the page can go back in time by itself.
    is_rewindable: bool,
    /// The composition's frame that was sought last.
    sought: Option<FrameIndex>,
    options: SessionOptions,
    timing: Timing,
    /// Submitted, oldest first.
    queue: VecDeque<FrameIndex>,
    /// The first in `queue`, under way.
    grabbing: Option<Grabbing>,
    last: Option<Last>,
    meter: Arc<Meter>,
    session: usize,
    metered: Instant,
}

impl FrameSource for PageSource {
    fn depth(&self) -> usize {
        2
    }

    fn submit(&mut self, index: FrameIndex) -> Result<()> {
        self.queue.push_back(index);
        if self.grabbing.is_none() { self.start(index) } else { Ok(()) }
    }

    fn collect(&mut self) -> Result<Frame> {
        let index = *self.queue.front().expect("collect follows submit");
        let grabbing = self.grabbing.take().expect("the first frame in the queue is under way");
        let timeout = self.options.frame_timeout;
        let compressed = match grabbing {
            Grabbing::Same => None,
            Grabbing::Picture(id) => Some(
                self.grab
                    .finish(&mut self.page, id, timeout)
                    // The page has just come out of hiding, so there must be something new.
                    .and_then(|picture| {
                        picture.ok_or_else(|| BrowserError::Picture("nothing was drawn".into()))
                    })
                    .map_err(|e| self.frame_error(index, e))?,
            ),
        };
        self.queue.pop_front();
        // The page draws the next frame while this one is decoded.
        if let Some(&next) = self.queue.front() {
            self.start(next)?;
        }
        let picture = self.develop(index, compressed)?;
        if self.metered.elapsed() > METER_INTERVAL {
            self.metered = Instant::now();
            self.meter.sample(self.page.group(), self.page.usage());
        }
        Ok(Frame { index, picture })
    }
}

impl PageSource {
    /// Seeks to one frame and asks for its picture.
    fn start(&mut self, index: FrameIndex) -> Result<()> {
        let timeout = self.options.frame_timeout;
        let at = FrameIndex(self.timing.first + index.0);
        let rate = self.timing.frame_rate;
        let is_fresh = self.go_back(index, at)?;
        self.sought = Some(at);
        let seeking = Instant::now();
        let sought = page::seek(&mut self.page, at, rate, timeout);
        self.meter.sought(self.session, seeking.elapsed());
        let started = sought.and_then(|sought| {
            let has_changed = match sought {
                Sought::Changed(changed) => changed,
                Sought::Noted { changed, warnings } => {
                    self.meter.noted(warnings.into_iter().map(Warning::from));
                    changed
                }
            };
            if !has_changed && !is_fresh && self.last.is_some() {
                return Ok(Grabbing::Same);
            }
            self.forget_drawing()?;
            self.grab.begin(&mut self.page, timeout).map(Grabbing::Picture)
        });
        self.grabbing = Some(started.map_err(|e| self.frame_error(index, e))?);
        Ok(())
    }

    /// Loads the page again if it has passed `at` and cannot go back. Returns whether it did.
    fn go_back(&mut self, index: FrameIndex, at: FrameIndex) -> Result<bool> {
        if self.sought.is_none_or(|sought| sought <= at) || self.can_rewind(index)? {
            return Ok(false);
        }
        let call = self.options.load.call_timeout;
        page::forget(&mut self.page, &self.options.load.url, call)
            .map_err(|e| self.frame_error(index, e))?;
        // The same page was ready before: if it is not this time, the frame is lost.
        let loaded = load(&mut self.page, self.grab.as_mut(), &self.options)?;
        self.is_rewindable = loaded.description.rewindable;
        loaded.refusal.map_or(Ok(true), Err)
    }

    /// Asked again, because timers may have come since the page was loaded.
    fn can_rewind(&mut self, index: FrameIndex) -> Result<bool> {
        if !self.is_rewindable {
            return Ok(false);
        }
        match page::describe(&mut self.page, self.options.frame_timeout) {
            Ok(description) => Ok(description.rewindable),
            Err(e) => Err(self.frame_error(index, e)),
        }
    }

    /// Makes the browser draw everything anew, as if no frame had come before.
    ///
    /// Layers keep the scale and the subpixel place at which they were first drawn, so without this
    /// the pixels would depend on which frames this session has rendered.
    fn forget_drawing(&mut self) -> Result<(), BrowserError> {
        let timeout = self.options.frame_timeout;
        page::conceal(&mut self.page, true, timeout)?;
        self.grab.draw(&mut self.page, timeout)?;
        page::conceal(&mut self.page, false, timeout)
    }

    /// Decodes a picture, or takes the last one again.
    fn develop(&mut self, index: FrameIndex, compressed: Option<Vec<u8>>) -> Result<Arc<Picture>> {
        let same = |last: &&Last| compressed.as_ref().is_none_or(|c| *c == last.compressed);
        if let Some(last) = self.last.as_ref().filter(same) {
            self.meter.reused(self.session);
            return Ok(Arc::clone(&last.picture));
        }
        let unreadable = |text: String| self.frame_error(index, BrowserError::Picture(text));
        let Some(compressed) = compressed else {
            return Err(unreadable("nothing was drawn".into()));
        };
        let picture = decode(&compressed, self.options.compression.image_format())
            .map_err(|e| unreadable(e.to_string()))?;
        if picture.size != self.timing.size {
            let (got, wanted) = (picture.size, self.timing.size);
            return Err(unreadable(format!("it is {got}, expected {wanted}")));
        }
        let picture = Arc::new(picture);
        self.last = Some(Last { compressed, picture: Arc::clone(&picture) });
        Ok(picture)
    }

    fn frame_error(&self, index: FrameIndex, source: BrowserError) -> Error {
        match source {
            BrowserError::Cancelled => Error::Cancelled,
            source => {
                let console = self.page.log.console_tail(CONSOLE_LINES);
                Error::Capture { index, source, console }
            }
        }
    }
}

impl Drop for PageSource {
    fn drop(&mut self) {
        self.meter.sample(self.page.group(), self.page.usage());
        self.meter.ended(self.page.group());
    }
}

/// A picture in an answer, as base64.
#[derive(Deserialize)]
struct Base64Picture<'a> {
    #[serde(borrow, rename = "screenshotData", alias = "data")]
    data: Option<&'a str>,
}

impl Base64Picture<'_> {
    /// The compressed picture, if the answer has one.
    fn decode(&self) -> Option<Result<Vec<u8>, BrowserError>> {
        let text = self.data.filter(|text| !text.is_empty())?;
        Some(BASE64_STANDARD.decode(text).map_err(|e| BrowserError::Picture(e.to_string())))
    }
}

/// Reads the picture out of an answer.
fn picture_of(
    page: &mut Page,
    id: CallId,
    name: &'static str,
    timeout: Duration,
) -> Result<Option<Vec<u8>>, BrowserError> {
    let picture = page.finish(id, name, timeout, |result| {
        let answer: Base64Picture<'_> = serde_json::from_str(result.get())?;
        Ok(answer.decode())
    })?;
    picture.transpose()
}
