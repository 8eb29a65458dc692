//! Frames drawn on command: layout, paint, composite and picture in one call.
//!
//! Needs the headless shell started with `--enable-begin-frame-control`. The ticks only have to
//! rise: the page's picture depends on the runtime's clock, never on them.

use std::time::Duration;

use headless_chrome::protocol::cdp::types::Method as _;

use super::compressed::{Camera, picture_of};
use crate::browser::{BrowserError, CallId, Page};
use crate::page;
use crate::page::HeadlessExperimental::{self, ScreenshotParams, ScreenshotParamsFormat};
use crate::plan::Compression;

/// Milliseconds from one tick to the next.
const INTERVAL: f64 = 1000.0 / 60.0;

/// The first tick: Chrome refuses ticks before its own start.
const FIRST_TICK: f64 = 1e6;

/// The number of times that a busy compositor is asked again, and the first pause in between.
const RETRIES: u32 = 6;
const RETRY_DELAY: Duration = Duration::from_millis(10);

/// Rising ticks, and the command that begins a frame at the next one.
#[derive(Debug)]
pub(super) struct Ticks(f64);

impl Ticks {
    pub(super) const fn new() -> Self {
        Self(FIRST_TICK)
    }

    /// Begins a frame, with a picture if there are parameters for one.
    pub(super) fn command(
        &mut self,
        screenshot: Option<ScreenshotParams>,
        display: bool,
    ) -> HeadlessExperimental::BeginFrame {
        self.0 += INTERVAL;
        HeadlessExperimental::BeginFrame {
            frame_time_ticks: Some(self.0),
            interval: Some(INTERVAL),
            no_display_updates: Some(!display),
            screenshot,
        }
    }
}

#[derive(Debug)]
pub(super) struct BeginFrame {
    ticks: Ticks,
    compression: Compression,
}

impl BeginFrame {
    pub(super) fn new(compression: Compression) -> Self {
        Self { ticks: Ticks::new(), compression }
    }
}

impl Camera for BeginFrame {
    fn begin(&mut self, page: &mut Page, timeout: Duration) -> Result<CallId, BrowserError> {
        let (format, quality) = match self.compression {
            Compression::Png => (ScreenshotParamsFormat::Png, None),
            Compression::Jpeg(quality) => (ScreenshotParamsFormat::Jpeg, Some(quality.into())),
        };
        let screenshot =
            ScreenshotParams { format: Some(format), quality, optimize_for_speed: Some(true) };
        page::wish_for_frame(page, timeout)?;
        page.begin(&self.ticks.command(Some(screenshot), true), timeout)
    }

    fn finish(
        &mut self,
        page: &mut Page,
        mut id: CallId,
        must_differ: bool,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, BrowserError> {
        let mut retries = 0;
        loop {
            match picture_of(page, id, HeadlessExperimental::BeginFrame::NAME, timeout) {
                Ok(None) if must_differ && retries < RETRIES => {}
                // An answer without a picture means the same picture only if the compositor had the
                // page's state: a frame that begins before the page's request for it arrives draws
                // nothing.
                Ok(None) if !page::has_drawn(page, timeout)? => {
                    if retries == RETRIES {
                        return Err(BrowserError::Picture("nothing was drawn".into()));
                    }
                }
                Ok(picture) => return Ok(picture),
                Err(BrowserError::Refused { message, .. })
                    if message.contains("pending") && retries < RETRIES => {}
                Err(e) => return Err(e),
            }
            std::thread::sleep(RETRY_DELAY * 2_u32.pow(retries));
            retries += 1;
            id = self.begin(page, timeout)?;
        }
    }

    fn draw(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        let command = self.ticks.command(None, true);
        page.call(command, timeout).map(drop)
    }

    fn draw_surely(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        for retry in 0..=RETRIES {
            // On a busy machine a frame can begin before the compositor learns that the page has
            // changed.
            page::wish_for_frame(page, timeout)?;
            match self.draw(page, timeout) {
                Ok(()) if page::has_drawn(page, timeout)? => return Ok(()),
                Ok(()) => {}
                Err(BrowserError::Refused { message, .. }) if message.contains("pending") => {}
                Err(e) => return Err(e),
            }
            std::thread::sleep(RETRY_DELAY * 2_u32.pow(retry));
        }
        Err(BrowserError::Picture("nothing was drawn".into()))
    }

    fn tick(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        let command = self.ticks.command(None, false);
        match page.call(command, timeout) {
            // A page that is still drawing needs no further command.
            Ok(_) | Err(BrowserError::Refused { .. }) => Ok(()),
            Err(e) => Err(e),
        }
    }
}
