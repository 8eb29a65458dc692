//! Draws frames without taking pictures: the cost of drawing alone, for the benches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::begin_frame::BeginFrame;
use super::compressed::Camera as _;
use super::{CaptureRequest, Captured, FrameGrabber, History};
use crate::browser::{BrowserError, Page};
use crate::frame::{Picture, PixelFormat, Size};
use crate::page::{self, Moved};
use crate::plan::Compression;

/// Draws each changed frame on top of the one before, and hands over the same blank picture.
#[derive(Debug)]
pub(super) struct DrawOnly {
    camera: BeginFrame,
    history: History,
    taken: Captured,
    blank: Arc<Picture>,
}

impl DrawOnly {
    pub(super) fn new(size: Size) -> Self {
        let format = PixelFormat::Rgb8;
        let bytes = size.width as usize * size.height as usize * format.bytes_per_pixel();
        Self {
            camera: BeginFrame::new(Compression::Png),
            history: History::default(),
            taken: Captured::default(),
            blank: Arc::new(Picture { size, format, data: vec![0; bytes] }),
        }
    }
}

impl FrameGrabber for DrawOnly {
    fn begin(
        &mut self,
        page: &mut Page,
        request: CaptureRequest,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let start = Instant::now();
        let must_draw = self.history.need(request).must_draw;
        let Moved { changed: has_changed, warnings, still } =
            page::seek(page, request.step(!must_draw), timeout, &mut |page| {
                self.camera.draw(page, timeout)
            })?;
        self.taken = Captured { is_same: true, seek: start.elapsed(), warnings, still };
        if has_changed || must_draw {
            // Never anew, because no pictures are compared.
            self.history.drawn(true);
            self.camera.draw(page, timeout)?;
        }
        Ok(())
    }

    fn finish(&mut self, _page: &mut Page, _timeout: Duration) -> Result<Captured, BrowserError> {
        Ok(std::mem::take(&mut self.taken))
    }

    fn decode(&mut self, _page: &mut Page) -> Result<Arc<Picture>, BrowserError> {
        Ok(Arc::clone(&self.blank))
    }

    fn check_blank(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.camera.draw(page, timeout)
    }

    fn draw_first(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.camera.draw(page, timeout)
    }

    fn tick(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.camera.tick(page, timeout)
    }
}
