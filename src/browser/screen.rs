//! The contents of a private display: changed areas, and pixels.
//!
//! DAMAGE reports every drawing, MIT-SHM hands pixels over in shared memory. The server serves one
//! request at a time, so a picture is never read half drawn.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::cookie::Cookie;
use x11rb::errors::{ConnectError, ConnectionError, ReplyError};
use x11rb::protocol::Event;
use x11rb::protocol::damage::{self, ConnectionExt as _};
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat};
use x11rb::rust_connection::{DefaultStream, PollMode, RustConnection, Stream};
use x11rb::utils::RawFdContainer;

use super::BrowserError;
use super::display::{COOKIE_NAME, Display};
use crate::cancel::CancelToken;
use crate::frame::{Rect, Size};
use crate::sys::SharedMemory;

/// The interval at which a wait checks the cancel token.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// The time that the server has to start, and for requests that need no waiting.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of one pixel: blue, green, red, unused.
const PIXEL_BYTES: usize = 4;

/// A connection to a display of one screen.
#[derive(Debug)]
pub(crate) struct Screen {
    connection: RustConnection<Watched>,
    wait: Arc<Wait>,
    root: u32,
    segment: shm::Seg,
    memory: SharedMemory,
}

impl Screen {
    /// Connects to `display`, moves the pointer out of the picture, and begins to listen.
    pub(super) fn connect(
        display: &mut Display,
        size: Size,
        cancel: CancelToken,
    ) -> Result<Self, BrowserError> {
        let failed =
            |what: &str, e: &dyn std::fmt::Display| BrowserError::Display(format!("{what}: {e}"));
        let stream = display.take_stream().ok_or_else(|| {
            BrowserError::Display("the connection to its display is taken".into())
        })?;
        let stream = DefaultStream::from_unix_stream(stream).map(|(stream, _)| stream);
        let stream = stream.map_err(|e| failed("no connection to the display server", &e))?;
        let until = Instant::now() + CALL_TIMEOUT;
        let wait = Arc::new(Wait(Mutex::new(WaitState { until, cancel })));
        let stream = Watched { stream, wait: Arc::clone(&wait) };
        let connection = RustConnection::connect_to_stream_with_auth_info(
            stream,
            0,
            COOKIE_NAME.to_vec(),
            display.cookie.to_vec(),
        )
        .map_err(|e: ConnectError| display.explain(&format!("it refuses us: {e}")))?;

        let setup = || -> Result<Self, ReplyError> {
            let screen = &connection.setup().roots[0];
            let (root, depth) = (screen.root, screen.root_depth);
            if depth != 24 {
                return Err(ConnectionError::UnsupportedExtension.into());
            }
            for extension in [shm::X11_EXTENSION_NAME, damage::X11_EXTENSION_NAME] {
                if connection.extension_information(extension)?.is_none() {
                    return Err(ConnectionError::UnsupportedExtension.into());
                }
            }
            connection.damage_query_version(1, 1)?.reply()?;
            let bytes = size.width as usize * size.height as usize * PIXEL_BYTES;
            let memory = SharedMemory::new(bytes).map_err(ConnectionError::IoError)?;
            let fd: OwnedFd = memory.fd().try_clone_to_owned().map_err(ConnectionError::IoError)?;
            let new_id = || {
                connection.generate_id().map_err(|e| ConnectionError::IoError(io::Error::other(e)))
            };
            let segment = new_id()?;
            connection.shm_attach_fd(segment, fd, false)?.check()?;
            let watch = new_id()?;
            connection.damage_create(watch, root, damage::ReportLevel::RAW_RECTANGLES)?.check()?;
            let corner = |side: u32| i16::try_from(side.saturating_sub(1)).unwrap_or(i16::MAX);
            let (x, y) = (corner(size.width), corner(size.height));
            connection.warp_pointer(x11rb::NONE, root, 0, 0, 0, 0, x, y)?.check()?;
            let wait = Arc::clone(&wait);
            Ok(Self { connection, wait, root, segment, memory })
        };
        setup().map_err(|e| match e {
            ReplyError::ConnectionError(_) if display.was_killed() => display.explain(""),
            e => failed("the display server lacks what we need", &e),
        })
    }

    /// Sets the token that ends waits from now on.
    pub(super) fn set_cancel(&mut self, cancel: CancelToken) {
        self.wait.lock().cancel = cancel;
    }

    /// The area drawn since the last call, as one rectangle; waits for it until `until`.
    pub(crate) fn drawn(&mut self, until: Instant) -> Result<Rect, BrowserError> {
        let mut drawn = self.drawn_so_far()?;
        while drawn.is_none() {
            self.wait.set(until);
            let event = self.connection.wait_for_event().map_err(|e| self.explain(e.into()))?;
            drawn = rect_of(&event);
        }
        let more = self.drawn_so_far()?;
        let drawn = drawn.unwrap_or_default();
        Ok(more.map_or(drawn, |more| drawn.union(more)))
    }

    /// The area drawn since the last call, as far as it is known.
    pub(crate) fn drawn_so_far(&mut self) -> Result<Option<Rect>, BrowserError> {
        self.wait.set(Instant::now() + CALL_TIMEOUT);
        let mut drawn: Option<Rect> = None;
        while let Some(event) =
            self.connection.poll_for_event().map_err(|e| self.explain(e.into()))?
        {
            if let Some(rect) = rect_of(&event) {
                drawn = Some(drawn.map_or(rect, |drawn| drawn.union(rect)));
            }
        }
        Ok(drawn)
    }

    /// The pixels of `rect` as they are now: rows without padding, four bytes each (BGRX).
    pub(crate) fn fetch(&mut self, rect: Rect) -> Result<&[u8], BrowserError> {
        let bytes = rect.width as usize * rect.height as usize * PIXEL_BYTES;
        let narrow = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        let place = |n: u32| i16::try_from(n).unwrap_or(i16::MAX);
        self.wait.set(Instant::now() + CALL_TIMEOUT);
        let request = self.connection.shm_get_image(
            self.root,
            place(rect.x),
            place(rect.y),
            narrow(rect.width),
            narrow(rect.height),
            u32::MAX,
            ImageFormat::Z_PIXMAP.into(),
            self.segment,
            0,
        );
        let reply = request.map_err(ReplyError::from).and_then(Cookie::reply);
        let reply = reply.map_err(|e| self.explain(e))?;
        if reply.size as usize != bytes || bytes > self.memory.len() {
            return Err(BrowserError::Picture(format!(
                "the display server gave {} bytes, expected {bytes}",
                reply.size
            )));
        }
        Ok(&self.memory.as_slice()[..bytes])
    }

    /// The pixels that were fetched last.
    pub(crate) fn fetched(&self) -> &[u8] {
        self.memory.as_slice()
    }

    fn explain(&self, error: ReplyError) -> BrowserError {
        match error {
            ReplyError::ConnectionError(ConnectionError::IoError(e))
                if e.kind() == io::ErrorKind::TimedOut =>
            {
                BrowserError::Timeout {
                    doing: "the display shows nothing new".into(),
                    seconds: 0.0,
                }
            }
            _ if self.wait.is_cancelled() => BrowserError::Cancelled,
            error => BrowserError::Died {
                doing: format!("reading its display ({error})"),
                output: Vec::new(),
            },
        }
    }
}

fn rect_of(event: &Event) -> Option<Rect> {
    let Event::DamageNotify(event) = event else { return None };
    let area = event.area;
    let (x, y) = (u32::try_from(area.x).ok()?, u32::try_from(area.y).ok()?);
    Some(Rect { x, y, width: area.width.into(), height: area.height.into() })
}

/// The deadline of the connection's waits, and the token that ends them.
#[derive(Debug)]
struct Wait(Mutex<WaitState>);

#[derive(Debug)]
struct WaitState {
    until: Instant,
    cancel: CancelToken,
}

impl Wait {
    fn set(&self, until: Instant) {
        self.lock().until = until;
    }

    fn left(&self) -> Duration {
        self.lock().until.saturating_duration_since(Instant::now())
    }

    fn is_cancelled(&self) -> bool {
        self.lock().cancel.is_cancelled()
    }

    fn lock(&self) -> MutexGuard<'_, WaitState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server's socket, with a deadline for every wait.
#[derive(Debug)]
struct Watched {
    stream: DefaultStream,
    wait: Arc<Wait>,
}

impl Stream for Watched {
    fn poll(&self, mode: PollMode) -> io::Result<()> {
        let mut flags = PollFlags::empty();
        if mode.readable() {
            flags |= PollFlags::IN;
        }
        if mode.writable() {
            flags |= PollFlags::OUT;
        }
        loop {
            if self.wait.is_cancelled() {
                return Err(io::Error::other("cancelled"));
            }
            let left = self.wait.left();
            let slice = Timespec::try_from(left.min(CANCEL_INTERVAL)).map_err(io::Error::other)?;
            let mut fds = [PollFd::from_borrowed_fd(self.stream.as_fd(), flags)];
            match poll(&mut fds, Some(&slice)) {
                Ok(0) if left.is_zero() => return Err(io::ErrorKind::TimedOut.into()),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn read(&self, buf: &mut [u8], fds: &mut Vec<RawFdContainer>) -> io::Result<usize> {
        self.stream.read(buf, fds)
    }

    fn write(&self, buf: &[u8], fds: &mut Vec<RawFdContainer>) -> io::Result<usize> {
        self.stream.write(buf, fds)
    }

    fn write_vectored(
        &self,
        bufs: &[IoSlice<'_>],
        fds: &mut Vec<RawFdContainer>,
    ) -> io::Result<usize> {
        self.stream.write_vectored(bufs, fds)
    }
}
