//! Frames drawn into a canvas of the page and sent to us as raw pixels.
//!
//! The composition stands on our stage (`page/stage_canvas.js`); after each seek the stage draws it
//! with `drawElementImage`, reads the canvas and sends the rows that have changed over a socket. No
//! compositor, no screenshot and no compression are involved. In the headless shell nothing is
//! presented either: frames are begun on command and without display. A seek that changes nothing
//! costs one evaluation.
//!
//! Chrome records and draws the whole composition anew for each picture, so pixels do not depend on
//! the frames before. Not everything that a compositor shows can be drawn this way;
//! [`super::verify`] compares with pictures of another backend.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headless_chrome::protocol::cdp::types::Method as _;

use super::begin_frame::Ticks;
use super::frame_socket::{FrameSocket, Header};
use super::{CaptureRequest, Captured, FrameGrabber};
use crate::browser::{BrowserError, CallId, Page};
use crate::frame::{Picture, PixelFormat, Size};
use crate::network::Wall;
use crate::page::{self, Asked, HeadlessExperimental, Moved, Step};

#[derive(Debug)]
pub(super) struct Canvas {
    socket: FrameSocket,
    size: Size,
    /// The origin of the composition, whose stage connects to the socket.
    origin: String,
    /// Ticks, where frames are begun on command.
    ticks: Option<Ticks>,
    /// The number of the last requested picture.
    number: u32,
    /// Whether no frame has been requested since the page was loaded.
    is_first: bool,
    /// The last move of the page.
    step: Option<Step>,
    under_way: Option<UnderWay>,
    /// The announced header whose pixels are not yet read, and their deadline.
    announced: Option<(Header, Instant)>,
    last: Option<Arc<Picture>>,
}

/// The progress of the frame that has begun.
#[derive(Debug)]
enum UnderWay {
    /// The page is being moved, and must be done by the deadline.
    Seeking(CallId, Instant),
    Painting(Result<Painting, BrowserError>),
}

/// The page has moved; the call begins the frame in which it is painted.
#[derive(Debug)]
struct Painting {
    asked: Asked,
    tick: Option<CallId>,
}

impl Canvas {
    /// Opens the socket for pictures of the composition at `url`.
    pub(super) fn open(
        url: &str,
        size: Size,
        ticks: Option<Ticks>,
        wall: &Wall,
    ) -> Result<Self, BrowserError> {
        let no_socket = |e| BrowserError::Canvas(format!("no socket for pictures: {e}"));
        let listener = wall.listen().map_err(no_socket)?;
        let origin = url::Url::parse(url).map(|url| url.origin().ascii_serialization());
        Ok(Self {
            socket: FrameSocket::open(size, listener).map_err(no_socket)?,
            size,
            origin: origin.unwrap_or_default(),
            ticks,
            number: 0,
            is_first: true,
            step: None,
            under_way: None,
            announced: None,
            last: None,
        })
    }

    fn next_number(&mut self) -> u32 {
        self.number = self.number.wrapping_add(1);
        self.number
    }

    /// Begins a frame without a picture, where frames are begun on command.
    fn begin_tick(
        &mut self,
        page: &mut Page,
        timeout: Duration,
    ) -> Result<Option<CallId>, BrowserError> {
        let Some(ticks) = &mut self.ticks else { return Ok(None) };
        page.begin(&ticks.command(None, false), timeout).map(Some)
    }

    /// Waits for the end of a frame. If it could not begin, the caller begins another.
    fn finish_tick(page: &mut Page, id: CallId, timeout: Duration) -> Result<(), BrowserError> {
        let name = HeadlessExperimental::BeginFrame::NAME;
        match page.finish(id, name, timeout, |_| Ok(())) {
            Ok(()) | Err(BrowserError::Refused { .. }) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Waits until the page has moved, and paints it if there will be a picture.
    fn paint(
        &mut self,
        page: &mut Page,
        call: CallId,
        until: Instant,
    ) -> Result<Painting, BrowserError> {
        let asked: Asked = page.finish_evaluate(call, left(until))?;
        let tick = if asked.is_awaited { self.begin_tick(page, left(until))? } else { None };
        Ok(Painting { asked, tick })
    }

    /// Waits until the page announces the last requested picture.
    fn announcement(
        &mut self,
        page: &mut Page,
        mut tick: Option<CallId>,
        timeout: Duration,
    ) -> Result<Header, BrowserError> {
        let until = Instant::now() + timeout;
        while !left(until).is_zero() {
            if let Some(id) = tick.take() {
                Self::finish_tick(page, id, left(until))?;
            }
            match self.socket.header(until)? {
                Some(header) if header.size != self.size => {
                    let text = format!("it is {}, expected {}", header.size, self.size);
                    return Err(BrowserError::Picture(text));
                }
                Some(header) if header.number == self.number => return Ok(header),
                // The header is an answer from before the page was loaded again.
                Some(header) if header.rows > 0 => drop(self.socket.pixels(until)?),
                Some(_) => {}
                None if self.ticks.is_some() => tick = self.begin_tick(page, left(until))?,
                // Notices that the page is gone, or the render cancelled.
                None => page.evaluate::<u8>("0", left(until)).map(drop)?,
            }
        }
        let seconds = timeout.as_secs_f64();
        Err(BrowserError::Timeout { doing: "drawing into the canvas".into(), seconds })
    }
}

impl FrameGrabber for Canvas {
    fn has_history(&self) -> bool {
        false
    }

    fn begin(
        &mut self,
        page: &mut Page,
        request: CaptureRequest,
        timeout: Duration,
    ) -> Result<(), BrowserError> {
        let must_draw = std::mem::take(&mut self.is_first) || request.is_forced;
        let number = self.next_number();
        let step = request.step(!must_draw);
        self.step = Some(step);
        let call = page::begin_shoot(page, step, number, must_draw, timeout)?;
        self.under_way = Some(UnderWay::Seeking(call, Instant::now() + timeout));
        Ok(())
    }

    fn finish(&mut self, page: &mut Page, timeout: Duration) -> Result<Captured, BrowserError> {
        let painting = match self.under_way.take().expect("finish follows begin") {
            UnderWay::Seeking(call, until) => self.paint(page, call, until),
            UnderWay::Painting(painting) => painting,
        };
        let Painting { asked, tick } = painting?;
        let step = self.step.expect("finish follows begin");
        if asked.is_awaited {
            let header = self.announcement(page, tick, timeout)?;
            self.announced = (header.rows > 0).then(|| (header, Instant::now() + timeout));
        }
        let seek = page::measured(asked.ms);
        let Moved { warnings, still, .. } = asked.sought.read(page, step)?;
        Ok(Captured { is_same: self.announced.is_none(), seek, warnings, still })
    }

    fn decode(&mut self, page: &mut Page) -> Result<Arc<Picture>, BrowserError> {
        let arrived = match self.announced.take() {
            Some((header, until)) => Some((header, self.socket.pixels(until)?)),
            None => None,
        };
        // By now the page is at the next frame. It is painted while this one is read.
        self.under_way = match self.under_way.take() {
            Some(UnderWay::Seeking(call, until)) if self.ticks.is_some() => {
                Some(UnderWay::Painting(self.paint(page, call, until)))
            }
            under_way => under_way,
        };
        if let Some((header, rows)) = arrived {
            self.last = Some(Arc::new(patched(self.last.as_deref(), header, &rows)?));
        }
        Ok(Arc::clone(self.last.as_ref().expect("the first picture is never the same")))
    }

    fn check_blank(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        page.allow_loopback(&self.origin, timeout)?;
        if page::has_canvas(page, timeout)? {
            return Ok(());
        }
        Err(BrowserError::Canvas("this browser has no drawElementImage".into()))
    }

    fn draw_first(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        let number = self.next_number();
        page::connect_canvas(page, &self.socket.address(), number, timeout)?;
        let tick = self.begin_tick(page, timeout)?;
        let header = self.announcement(page, tick, timeout)?;
        // The page sends only the rows that differ from this picture.
        let rows = self.socket.pixels(Instant::now() + timeout)?;
        self.last = Some(Arc::new(patched(None, header, &rows)?));
        self.is_first = true;
        Ok(())
    }

    fn tick(&mut self, page: &mut Page, timeout: Duration) -> Result<(), BrowserError> {
        match self.begin_tick(page, timeout)? {
            Some(id) => Self::finish_tick(page, id, timeout),
            None => Ok(()),
        }
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// The last picture, with the rows that `header` announces put in their place.
fn patched(last: Option<&Picture>, header: Header, rows: &[u8]) -> Result<Picture, BrowserError> {
    let format = PixelFormat::Rgba8;
    let stride = header.size.width as usize * format.bytes_per_pixel();
    let (top, bottom) = (header.top as usize, (header.top + header.rows) as usize);
    if rows.len() != header.rows as usize * stride {
        let text = format!("{} bytes came for {} rows", rows.len(), header.rows);
        return Err(BrowserError::Picture(text));
    }
    let data = if header.rows == header.size.height {
        rows.to_vec()
    } else {
        let Some(last) = last.filter(|last| last.size == header.size && last.format == format)
        else {
            return Err(BrowserError::Picture("a part came, and there is no whole".into()));
        };
        [&last.data[..top * stride], rows, &last.data[bottom * stride..]].concat()
    };
    Ok(Picture { size: header.size, format, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_into_their_place() {
        let size = Size { width: 1, height: 3 };
        let header = |top, rows| Header { number: 1, size, top, rows };
        let whole = patched(None, header(0, 3), &[1; 12]).unwrap();
        assert_eq!(whole.data, [1; 12]);
        let part = patched(Some(&whole), header(1, 1), &[2; 4]).unwrap();
        assert_eq!(part.data, [1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1]);
        assert!(patched(None, header(1, 1), &[2; 4]).is_err());
        assert!(patched(Some(&whole), header(1, 1), &[2; 8]).is_err());
    }
}
