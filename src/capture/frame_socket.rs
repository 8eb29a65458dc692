//! Pictures that a page sends to us: binary messages over a `WebSocket` on loopback.
//!
//! The DevTools pipe would carry pixels as base64 in JSON. The socket listens on 127.0.0.1 only,
//! and takes only a connection that names its random token, so neither another session nor another
//! program on the machine can put pictures into a film. There is no thread: the session reads while
//! it waits for its picture, and every wait has a deadline.
//!
//! A picture is a [`Header`], followed by the rows that changed if there are any. Anything else
//! that the page reports is a text message.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Bytes, Message, WebSocket, accept_hdr_with_config};

use crate::browser::BrowserError;
use crate::frame::Size;
use crate::network::FRAMES_HOST;

/// The interval between looks for a connection.
const POLL: Duration = Duration::from_millis(2);

/// Longest wait for bytes before the caller may check other things.
const SLICE: Duration = Duration::from_millis(100);

/// The time that a client has to present the token. Our page needs a few milliseconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes read at a time: pictures come in megabytes.
const READ_BYTES: usize = 1 << 20;

/// The header before a picture's pixels: it tells which rows follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The number of the picture, as requested.
    pub number: u32,
    pub size: Size,
    /// The first row that follows.
    pub top: u32,
    /// The number of rows that follow; 0 if the picture is the same as the one before.
    pub rows: u32,
}

impl Header {
    /// Five numbers of 32 bits, little-endian.
    const BYTES: usize = 20;

    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let mut words = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let mut word = || words.next();
        let (number, width, height) = (word()?, word()?, word()?);
        let (top, rows) = (word()?, word()?);
        let fits = top.checked_add(rows).is_some_and(|end| end <= height);
        fits.then_some(Self { number, size: Size { width, height }, top, rows })
    }
}

/// The socket to which one page sends its pictures.
#[derive(Debug)]
pub(super) struct FrameSocket {
    listener: TcpListener,
    token: String,
    port: u16,
    /// The page's connection; a page that is loaded again makes a new one.
    stream: Option<WebSocket<TcpStream>>,
    config: WebSocketConfig,
}

impl FrameSocket {
    /// Listens for pictures of at most `size` at a socket that the page can reach.
    pub(super) fn open(size: Size, listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let mut token = String::new();
        for byte in random {
            write!(token, "{byte:02x}").expect("writing to a string");
        }
        let picture = size.width as usize * size.height as usize * 4;
        let message = picture.max(Header::BYTES);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(message))
            .max_frame_size(Some(message));
        Ok(Self { listener, token, port, stream: None, config })
    }

    /// The address that the page connects to.
    pub(super) fn address(&self) -> String {
        format!("ws://{FRAMES_HOST}:{}/{}", self.port, self.token)
    }

    /// Accepts the page's connection if there is one; a new one replaces the old.
    fn accept(&mut self) -> Result<(), BrowserError> {
        loop {
            match self.listener.accept() {
                Ok((stream, peer)) if peer.ip().is_loopback() => {
                    if let Some(stream) = self.shake_hands(stream) {
                        self.stream = Some(stream);
                    }
                }
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(lost(&e)),
            }
        }
    }

    /// Accepts a client that sends the token in time, and no other.
    fn shake_hands(&self, stream: TcpStream) -> Option<WebSocket<TcpStream>> {
        stream.set_nonblocking(false).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_write_timeout(Some(HANDSHAKE_TIMEOUT)).ok()?;
        stream.set_read_timeout(Some(POLL)).ok()?;
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
        let judge = |request: &Request, response: Response| {
            if request.uri().path().strip_prefix('/') == Some(&*self.token) {
                return Ok(response);
            }
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::FORBIDDEN;
            Err(refusal)
        };
        let mut shaking = accept_hdr_with_config(stream, judge, Some(self.config));
        loop {
            match shaking {
                Ok(stream) => return Some(stream),
                Err(HandshakeError::Interrupted(half)) if Instant::now() < deadline => {
                    shaking = half.handshake();
                }
                Err(error) => {
                    tracing::warn!(%error, "a stranger knocked at the socket for pictures");
                    return None;
                }
            }
        }
    }

    /// Reads the header of a picture; `None` if nothing has come for a moment.
    pub(super) fn header(&mut self, deadline: Instant) -> Result<Option<Header>, BrowserError> {
        match self.receive(deadline.min(Instant::now() + SLICE))? {
            None => Ok(None),
            Some(Message::Binary(bytes)) => match Header::read(&bytes) {
                Some(header) => Ok(Some(header)),
                None => Err(BrowserError::Picture("its header makes no sense".into())),
            },
            Some(Message::Text(text)) => Err(BrowserError::Picture(text.to_string())),
            Some(_) => Err(BrowserError::Picture("the page closed its socket".into())),
        }
    }

    /// Reads the pixels that follow a header.
    pub(super) fn pixels(&mut self, deadline: Instant) -> Result<Bytes, BrowserError> {
        match self.receive(deadline)? {
            Some(Message::Binary(bytes)) => Ok(bytes),
            Some(_) => Err(BrowserError::Picture("its pixels did not follow".into())),
            None => Err(BrowserError::Timeout { doing: "sending a picture".into(), seconds: 0.0 }),
        }
    }

    /// Waits for the next message; `None` when the deadline passes.
    fn receive(&mut self, deadline: Instant) -> Result<Option<Message>, BrowserError> {
        loop {
            self.accept()?;
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(stream) = &mut self.stream else {
                if left.is_zero() {
                    return Ok(None);
                }
                thread::sleep(POLL.min(left));
                continue;
            };
            // Zero would mean forever.
            let wait = left.max(Duration::from_millis(1));
            stream.get_ref().set_read_timeout(Some(wait)).map_err(|e| lost(&e))?;
            match stream.read() {
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(message) => return Ok(Some(message)),
                Err(tungstenite::Error::Io(e))
                    if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if deadline <= Instant::now() {
                        return Ok(None);
                    }
                }
                Err(error) => {
                    self.stream = None;
                    return Err(lost(&error));
                }
            }
        }
    }
}

fn lost(error: &dyn std::error::Error) -> BrowserError {
    BrowserError::Picture(format!("the page's socket failed: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const SIZE: Size = Size { width: 4, height: 2 };

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    fn words(words: [u32; 5]) -> Vec<u8> {
        words.into_iter().flat_map(u32::to_le_bytes).collect()
    }

    /// Sends from a thread of its own, as a page does.
    fn send(address: String, messages: Vec<Message>) -> thread::JoinHandle<bool> {
        thread::spawn(move || {
            let Ok((mut socket, _)) = tungstenite::connect(address) else { return false };
            messages.into_iter().all(|message| socket.send(message).is_ok())
        })
    }

    #[test]
    fn pictures_arrive_and_strangers_do_not() {
        let mut socket =
            FrameSocket::open(SIZE, TcpListener::bind(("127.0.0.1", 0)).unwrap()).unwrap();
        let mut silent = TcpStream::connect(("127.0.0.1", socket.port)).unwrap();
        let stranger =
            send(format!("ws://127.0.0.1:{}/{}", socket.port, "0".repeat(32)), Vec::new());
        let messages = vec![
            Message::binary(words([7, 4, 2, 1, 1])),
            Message::binary(vec![9; 16]),
            Message::text("no canvas"),
        ];
        let page = send(socket.address().replace(FRAMES_HOST, "127.0.0.1"), messages);
        let header = loop {
            if let Some(header) = socket.header(soon()).unwrap() {
                break header;
            }
        };
        assert_eq!(header, Header { number: 7, size: SIZE, top: 1, rows: 1 });
        assert_eq!(socket.pixels(soon()).unwrap(), vec![9; 16]);
        let said = socket.header(soon()).unwrap_err();
        assert!(matches!(said, BrowserError::Picture(text) if text == "no canvas"));
        assert!(!stranger.join().unwrap());
        assert!(page.join().unwrap());
        // A silent client is disconnected.
        assert_eq!(silent.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn nothing_is_waited_for_without_end() {
        let mut socket =
            FrameSocket::open(SIZE, TcpListener::bind(("127.0.0.1", 0)).unwrap()).unwrap();
        let start = Instant::now();
        assert_eq!(socket.header(start + Duration::from_millis(20)).unwrap(), None);
        assert!(socket.pixels(start + Duration::from_millis(40)).is_err());
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn headers_that_make_no_sense() {
        assert!(Header::read(&words([1, 4, 2, 0, 2])).is_some());
        for wrong in [words([1, 4, 2, 1, 2]), words([1, 4, 2, u32::MAX, 1]), vec![0; 19]] {
            assert_eq!(Header::read(&wrong), None);
        }
    }
}
