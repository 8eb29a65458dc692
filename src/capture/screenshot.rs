//! Frames read by `Page.captureScreenshot`, which any Chrome has.

use std::time::Duration;

use headless_chrome::protocol::cdp::types::Method as _;

use super::compressed::{Camera, picture_of};
use crate::browser::{BrowserError, CallId, Page};
use crate::page::PageDomain::{CaptureScreenshot, CaptureScreenshotFormatOption, Viewport};
use crate::plan::Compression;

#[derive(Debug)]
pub(super) struct Screenshot {
    compression: Compression,
    keeps_alpha: bool,
}

impl Screenshot {
    pub(super) fn new(compression: Compression, keeps_alpha: bool) -> Self {
        Self { compression, keeps_alpha }
    }
}

impl Screenshot {
    fn command(&self, clip: Option<Viewport>) -> CaptureScreenshot {
        let (format, quality) = match self.compression {
            Compression::Png => (CaptureScreenshotFormatOption::Png, None),
            Compression::Jpeg(quality) => {
                (CaptureScreenshotFormatOption::Jpeg, Some(quality.into()))
            }
        };
        CaptureScreenshot {
            format: Some(format),
            quality,
            clip,
            from_surface: Some(true),
            capture_beyond_viewport: None,
            // Opaque pictures lose nothing by it, transparent ones the colors of what shows through.
            optimize_for_speed: Some(!self.keeps_alpha),
        }
    }
}

impl Camera for Screenshot {
    fn keeps_alpha(&self) -> bool {
        self.keeps_alpha
    }

    fn begin(&mut self, page: &mut Page, timeout: Duration) -> Result<CallId, BrowserError> {
        page.begin(&self.command(None), timeout)
    }

    fn finish(
        &mut self,
        page: &mut Page,
        id: CallId,
        _must_differ: bool,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, BrowserError> {
        picture_of(page, id, CaptureScreenshot::NAME, timeout)
    }

    fn draw(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        // A picture of one pixel waits for the page to be drawn like any other.
        let pixel = Viewport { x: 0.0, y: 0.0, width: 1.0, height: 1.0, scale: 1.0 };
        page.call(self.command(Some(pixel)), timeout).map(drop)
    }

    fn tick(&mut self, _page: &mut Page, _timeout: Duration) -> Result<(), BrowserError> {
        Ok(())
    }
}
