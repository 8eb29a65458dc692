//! Frames read off the window of a private display: raw, and exactly what the compositor drew.
//!
//! The composition stands on the page's stage, above a mark that identifies the picture on screen.
//! The compositor presents both at once, so a picture under the right mark is whole and is the
//! right one. Only what was drawn since the last picture is read and patched into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{CaptureRequest, Captured, DRAWING, FrameGrabber, History, Need};
use crate::browser::{BrowserError, CallId, Page, Screen};
use crate::frame::{Picture, PixelFormat, Rect, Size};
use crate::page::{self, Moved, Sought, Step};

/// The longest wait for the display before the page's health is checked.
const SLICE: Duration = Duration::from_millis(250);

/// Height of the strip below the picture, in pixels.
const MARK_HEIGHT: u32 = 8;

/// The column in the strip at which the mark is read.
const MARK_X: u32 = 4;
const MARK_Y: u32 = 4;

/// The smallest window, in CSS pixels: browsers handle smaller ones badly.
const MIN_WINDOW: Size = Size { width: 640, height: 400 };

/// The number of distinct pictures: numbers fit into the three color components of the mark.
const NUMBERS: u32 = 1 << 24;

/// The window that holds the picture of a page of `size` and its mark, in device pixels.
pub(crate) fn window_of(size: Size, scale: f64) -> Size {
    let (picture, least) = (size.scaled(scale), MIN_WINDOW.scaled(scale));
    Size {
        width: picture.width.max(least.width),
        height: (picture.height + MARK_HEIGHT).max(least.height),
    }
}

#[derive(Debug)]
pub(super) struct Display {
    size: Size,
    /// The mark of the picture shown last.
    number: u32,
    history: History,
    /// The frame under way, and the way to show it.
    call: Option<(CallId, Step, page::Show)>,
    /// The area drawn since the last picture.
    drawn: Option<Rect>,
    /// The part of the picture that was read and has yet to be patched in.
    read: Option<Rect>,
    last: Option<Arc<Picture>>,
}

impl Display {
    pub(super) fn new(size: Size) -> Self {
        Self {
            size,
            number: 0,
            history: History::default(),
            call: None,
            drawn: None,
            read: None,
            last: None,
        }
    }

    fn next_number(&mut self) -> u32 {
        self.number = (self.number + 1) % NUMBERS;
        self.number
    }

    /// Waits until the picture under the current mark is on screen.
    fn await_mark(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        let until = Instant::now() + timeout;
        let late = || BrowserError::Timeout {
            doing: "waiting for the frame on its display".into(),
            seconds: timeout.as_secs_f64(),
        };
        loop {
            let soon = until.min(Instant::now() + SLICE);
            let drawn = match screen_of(page)?.drawn(soon) {
                Ok(drawn) => drawn,
                Err(BrowserError::Timeout { .. }) => {
                    // A display does not report a page that is gone.
                    let left = until.saturating_duration_since(Instant::now());
                    page.prove(DRAWING, left)?;
                    if left.is_zero() {
                        return Err(late());
                    }
                    page.evaluate::<u8>("0", left).map_err(|e| match e {
                        BrowserError::Timeout { .. } => late(),
                        e => e,
                    })?;
                    continue;
                }
                Err(e) => return Err(e),
            };
            let screen = screen_of(page)?;
            self.drawn = Some(self.drawn.map_or(drawn, |before| before.union(drawn)));
            let at = Rect { x: MARK_X, y: self.size.height + MARK_Y, width: 1, height: 1 };
            let pixel = screen.fetch(at)?;
            if u32::from_le_bytes([pixel[0], pixel[1], pixel[2], 0]) == self.number {
                // Changes may have come between the last look and the pixel.
                let since = screen.drawn_so_far()?;
                self.drawn =
                    self.drawn.map(|drawn| since.map_or(drawn, |since| drawn.union(since)));
                return Ok(());
            }
        }
    }
}

impl FrameGrabber for Display {
    fn begin(
        &mut self,
        page: &mut Page,
        request: CaptureRequest,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let number = self.next_number();
        let Need { must_draw, anew } = self.history.need(request);
        let show = page::Show { number, must_draw, anew };
        // A picture that must be drawn is one of this frame.
        let step = request.step(!must_draw);
        self.call = Some((page::begin_show(page, step, show, timeout)?, step, show));
        Ok(())
    }

    fn finish(&mut self, page: &mut Page, timeout: Duration) -> Result<Captured, BrowserError> {
        let (mut call, step, show) = self.call.take().expect("finish follows begin");
        let mut before = page.log.staying.documents;
        let mut shown = page.finish_evaluate::<Shown>(call, timeout);
        let mut documents = 0;
        // The window then shows the next document, at the same time.
        while page::follow(page, before, timeout, &mut |_| Ok(()))? {
            before = page.log.staying.documents;
            documents += 1;
            if documents == page::MAX_DOCUMENTS {
                return Err(page::goes_on_and_on());
            }
            let show = page::Show { must_draw: true, anew: true, ..show };
            call = page::begin_show(page, step, show, timeout)?;
            shown = page.finish_evaluate(call, timeout);
        }
        let shown = shown?;
        let seek = page::measured(shown.ms);
        let Moved { warnings, still, .. } = shown.sought.read(page, step)?;
        if let Some(anew) = shown.anew {
            self.history.drawn(anew);
            self.await_mark(page, timeout)?;
            let part = self.drawn.take().and_then(|drawn| drawn.within(self.size));
            let whole = Rect { x: 0, y: 0, width: self.size.width, height: self.size.height };
            self.read = if self.last.is_some() { part } else { Some(whole) };
            if let Some(part) = self.read {
                screen_of(page)?.fetch(part)?;
            }
        }
        Ok(Captured { is_same: self.read.is_none(), seek, warnings, still })
    }

    fn decode(&mut self, page: &mut Page) -> Result<Arc<Picture>, BrowserError> {
        if let Some(part) = self.read.take() {
            let pixels = screen_of(page)?.fetched();
            let picture = patched(self.last.as_deref(), self.size, part, pixels);
            self.last = Some(Arc::new(picture));
        }
        Ok(Arc::clone(self.last.as_ref().expect("the first picture is never the same")))
    }

    fn check_blank(&mut self, page: &mut Page, _timeout: Duration) -> Result<(), BrowserError> {
        screen_of(page)?.fetch(Rect { x: 0, y: 0, width: 1, height: 1 }).map(drop)
    }

    fn draw_first(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        let number = self.next_number();
        page::set_mark(page, number, timeout)?;
        self.await_mark(page, timeout)
    }

    fn tick(&mut self, _page: &mut Page, _timeout: Duration) -> Result<(), BrowserError> {
        Ok(())
    }
}

/// The stage's answer after it was moved.
#[derive(Debug, serde::Deserialize)]
struct Shown {
    sought: Sought,
    /// Milliseconds of the seek.
    ms: f64,
    /// Present if there is a new picture under a new mark: whether it was drawn anew.
    anew: Option<bool>,
}

fn screen_of(page: &mut Page) -> Result<&mut Screen, BrowserError> {
    page.screen().ok_or_else(|| BrowserError::Display("the browser has none".into()))
}

/// The last picture with one part replaced by rows of BGRX pixels.
fn patched(last: Option<&Picture>, size: Size, part: Rect, pixels: &[u8]) -> Picture {
    let format = PixelFormat::Bgrx8;
    let n = format.bytes_per_pixel();
    let bytes = part.width as usize * part.height as usize * n;
    let data = match last {
        Some(last) if !part.covers(size) => {
            let mut data = last.data.clone();
            let (row, stride) = (part.width as usize * n, size.width as usize * n);
            let rows = data.chunks_exact_mut(stride).skip(part.y as usize);
            for (to, from) in rows.zip(pixels[..bytes].chunks_exact(row)) {
                to[part.x as usize * n..][..row].copy_from_slice(from);
            }
            data
        }
        _ => pixels[..bytes].to_vec(),
    };
    Picture { size, format, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_replaces_nothing_around_it() {
        let size = Size { width: 3, height: 3 };
        let last = Picture { size, format: PixelFormat::Bgrx8, data: (0..36).collect() };
        let part = Rect { x: 1, y: 1, width: 2, height: 1 };
        let patched = patched(Some(&last), size, part, &[100; 8]);
        let expected: Vec<u8> =
            (0..36).map(|i| if (16..24).contains(&i) { 100 } else { i }).collect();
        assert_eq!(patched.data, expected);
    }
}
