//! Ways that take compressed pictures over the DevTools pipe.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::{Compression, Grab, Shot, Taken};
use crate::browser::{BrowserError, CallId, Page};
use crate::frame::{Picture, decode};
use crate::page;

/// What takes the pictures.
pub(super) trait Camera: Send {
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

/// Takes pictures with a camera and decodes them.
#[derive(Debug)]
pub(super) struct Compressed<C> {
    camera: C,
    compression: Compression,
    /// The frame under way: what is known of it, and the call that brings its picture if it needs
    /// one.
    under_way: Option<(Taken, Option<CallId>)>,
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
        Self { camera, compression, under_way: None, taken: None, last: None }
    }

    /// Makes the browser draw everything anew, as if no frame had come before.
    ///
    /// Layers keep the scale and the subpixel place at which they were first drawn, so without this
    /// the pixels would depend on which frames this session has rendered.
    fn forget_drawing(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        page::conceal(page, true, timeout)?;
        self.camera.draw(page, timeout)?;
        page::conceal(page, false, timeout)
    }

    fn take_once(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        let id = self.camera.begin(page, timeout)?;
        self.camera.finish(page, id, timeout).map(drop)
    }
}

impl<C: Camera> Grab for Compressed<C> {
    fn begin(
        &mut self,
        page: &mut Page,
        shot: Shot,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let start = Instant::now();
        let (has_changed, warnings) = page::seek(page, shot.at, shot.rate, timeout)?.into_parts();
        let is_same = !has_changed && !shot.is_fresh && self.last.is_some();
        let taken = Taken { is_same, seek: start.elapsed(), warnings };
        let call = if is_same {
            None
        } else {
            self.forget_drawing(page, timeout)?;
            Some(self.camera.begin(page, timeout)?)
        };
        self.under_way = Some((taken, call));
        Ok(())
    }

    fn finish(&mut self, page: &mut Page, timeout: Duration) -> Result<Taken, BrowserError> {
        let (mut taken, call) = self.under_way.take().expect("finish follows begin");
        if let Some(id) = call {
            let picture = self.camera.finish(page, id, timeout)?;
            // The page has just come out of hiding, so there must be something new.
            let picture =
                picture.ok_or_else(|| BrowserError::Picture("nothing was drawn".into()))?;
            taken.is_same = self.last.as_ref().is_some_and(|last| last.compressed == picture);
            self.taken = (!taken.is_same).then_some(picture);
        }
        Ok(taken)
    }

    fn develop(&mut self, _page: &mut Page) -> Result<Arc<Picture>, BrowserError> {
        if let Some(compressed) = self.taken.take() {
            let picture = decode(&compressed, self.compression.image_format())
                .map_err(|e| BrowserError::Picture(e.to_string()))?;
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

    fn tick(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        self.camera.tick(page, timeout)
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
