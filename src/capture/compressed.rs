//! Backends that take compressed pictures over the DevTools pipe.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::{CaptureRequest, Captured, FrameGrabber, History};
use crate::browser::{BrowserError, CallId, Page};
use crate::frame::{Picture, decode};
use crate::page::{self, Moved};
use crate::plan::Compression;

/// A source of compressed pictures.
pub(super) trait Camera: Send {
    /// Whether pictures have an alpha channel, even where the page is opaque.
    fn keeps_alpha(&self) -> bool {
        false
    }

    /// Asks for a picture of the page as it is now.
    fn begin(&mut self, page: &mut Page, timeout: Duration) -> Result<CallId, BrowserError>;

    /// Waits for the compressed picture. `None` means that nothing was drawn, as the page looks the
    /// same as before; never returned if the picture `must_differ`.
    fn finish(
        &mut self,
        page: &mut Page,
        id: CallId,
        must_differ: bool,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, BrowserError>;

    /// Draws once without a picture.
    fn draw(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError>;

    /// Draws once, and ensures that the page was drawn in its present state.
    fn draw_surely(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.draw(page, timeout)
    }

    /// Lets the page live while it loads.
    fn tick(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError>;
}

/// Takes pictures with a camera and decodes them.
#[derive(Debug)]
pub(super) struct Compressed<C> {
    camera: C,
    compression: Compression,
    history: History,
    /// The frame under way: facts about it, and the call that brings its picture if it needs one.
    under_way: Option<(Captured, Option<CallId>)>,
    taken: Option<Vec<u8>>,
    last: Option<Last>,
}

/// A picture, and the bytes it came from.
#[derive(Debug)]
struct Last {
    compressed: Vec<u8>,
    picture: Arc<Picture>,
}

impl<C: Camera> Compressed<C> {
    pub(super) fn new(camera: C, compression: Compression) -> Self {
        Self {
            camera,
            compression,
            history: History::default(),
            under_way: None,
            taken: None,
            last: None,
        }
    }

    /// Makes the browser draw everything anew, as if no frame had come before.
    fn forget_drawing(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        page::conceal(page, true, timeout)?;
        self.camera.draw_surely(page, timeout)?;
        page::conceal(page, false, timeout)
    }

    fn take_once(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        let id = self.camera.begin(page, timeout)?;
        self.camera.finish(page, id, true, timeout).map(drop)
    }
}

impl<C: Camera> FrameGrabber for Compressed<C> {
    fn begin(
        &mut self,
        page: &mut Page,
        request: CaptureRequest,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let start = Instant::now();
        let need = self.history.need(request);
        // A picture that must be drawn is one of this frame.
        let camera = &mut self.camera;
        let mut has_drawn = false;
        let moved = page::seek(page, request.step(!need.must_draw), timeout, &mut |page| {
            has_drawn = true;
            draw_if_it_can(camera, page, timeout)
        })?;
        let Moved { changed, warnings, still } = moved;
        let is_same = !changed && !need.must_draw;
        let taken = Captured { is_same, seek: start.elapsed(), warnings, still };
        let call = if is_same {
            None
        } else {
            // The drawings on the way depend on how long it took.
            let anew = need.anew || has_drawn;
            if anew {
                self.forget_drawing(page, timeout)?;
            }
            self.history.drawn(anew);
            Some(self.camera.begin(page, timeout)?)
        };
        self.under_way = Some((taken, call));
        Ok(())
    }

    fn finish(&mut self, page: &mut Page, timeout: Duration) -> Result<Captured, BrowserError> {
        let (mut taken, call) = self.under_way.take().expect("finish follows begin");
        if let Some(id) = call {
            // The page has just been shown again, so something must be new.
            let must_differ = self.history.is_pristine;
            let picture = self.camera.finish(page, id, must_differ, timeout)?;
            if picture.is_none() && must_differ {
                return Err(BrowserError::Picture("nothing was drawn".into()));
            }
            self.taken = picture.filter(|picture| {
                self.last.as_ref().is_none_or(|last| last.compressed != *picture)
            });
            taken.is_same = self.taken.is_none();
        }
        Ok(taken)
    }

    fn decode(&mut self, _page: &mut Page) -> Result<Arc<Picture>, BrowserError> {
        if let Some(compressed) = self.taken.take() {
            let picture = decode(&compressed, self.compression.image_format())
                .map_err(|e| BrowserError::Picture(e.to_string()))?;
            let picture = if self.camera.keeps_alpha() { picture.into_rgba() } else { picture };
            self.last = Some(Last { compressed, picture: Arc::new(picture) });
        }
        let last = self.last.as_ref().expect("the first picture is never the same");
        Ok(Arc::clone(&last.picture))
    }

    fn check_blank(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.take_once(page, timeout)
    }

    fn draw_first(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.take_once(page, timeout)
    }

    fn draw(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        draw_if_it_can(&mut self.camera, page, timeout)
    }

    fn tick(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.camera.tick(page, timeout)
    }
}

/// Draws once, unless the browser is already drawing.
fn draw_if_it_can<C: Camera>(
    camera: &mut C,
    page: &mut Page,
    timeout: Duration,
) -> Result<(), BrowserError> {
    match camera.draw(page, timeout) {
        Err(BrowserError::Refused { .. }) => Ok(()),
        result => result,
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
pub(super) fn picture_of(
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
