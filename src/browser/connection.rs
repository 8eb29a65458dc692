//! The DevTools pipe: JSON messages, each ended by a zero byte.
//!
//! One thread owns it and reads it only while it waits for an answer; what arrives meanwhile is
//! handed to `note`. No reader thread, no lock, no queue: an answer costs two system calls.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::watch::{Health, Watch};
use crate::cancel::CancelToken;

/// The interval at which a wait checks the cancel token, and whether an answer can still come.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// The size of one read, in bytes.
const READ_BYTES: usize = 1 << 20;

/// A message larger than this is an error (a 16K picture in base64 is smaller).
const MAX_MESSAGE_BYTES: usize = 2 << 30;

/// The reason why there is no message.
#[derive(Debug)]
pub(super) enum PipeError {
    /// The other end is closed.
    Closed,
    /// The deadline has passed.
    Timeout,
    /// A process that the answer depends on is gone.
    Lost,
    Cancelled,
}

/// A command as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Command<'a> {
    id: u32,
    method: &'a str,
    params: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
}

/// Any message as it is read: an answer or an event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    pub id: Option<u32>,
    #[serde(borrow)]
    pub method: Option<&'a str>,
    #[serde(borrow)]
    pub params: Option<&'a RawValue>,
    /// The session that an event is about.
    #[serde(borrow)]
    pub session_id: Option<&'a str>,
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    pub error: Option<RemoteError>,
}

/// Chrome's reason for a refusal.
#[derive(Deserialize)]
pub(super) struct RemoteError {
    pub message: String,
    #[serde(default)]
    pub data: String,
}

#[derive(Debug)]
pub(super) struct Connection {
    commands: OwnedFd,
    answers: OwnedFd,
    cancel: CancelToken,
    next_id: u32,
    /// The bytes read so far; the current message begins at `start`.
    buffer: Vec<u8>,
    start: usize,
}

impl Connection {
    pub(super) fn new(
        commands: OwnedFd,
        answers: OwnedFd,
        cancel: CancelToken,
    ) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&commands)?;
        rustix::fs::fcntl_setfl(&commands, flags | rustix::fs::OFlags::NONBLOCK)?;
        Ok(Self { commands, answers, cancel, next_id: 0, buffer: Vec::new(), start: 0 })
    }

    /// Sets the token that ends waits from now on.
    pub(super) fn set_cancel(&mut self, cancel: CancelToken) {
        self.cancel = cancel;
    }

    /// Writes one command; its answer will carry the returned number.
    pub(super) fn send(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: &RawValue,
        deadline: Instant,
    ) -> Result<u32, PipeError> {
        self.next_id += 1;
        let command = Command { id: self.next_id, method, params, session_id: session };
        let mut bytes = serde_json::to_vec(&command).expect("plain fields serialize");
        bytes.push(0);
        let mut left = bytes.as_slice();
        while !left.is_empty() {
            match rustix::io::write(&self.commands, left) {
                Ok(written) => left = &left[written..],
                Err(rustix::io::Errno::AGAIN) => {
                    wait_for(&self.commands, PollFlags::OUT, deadline, &self.cancel, &mut || {
                        false
                    })?;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(PipeError::Closed),
            }
        }
        Ok(self.next_id)
    }

    /// Waits for the next message of any kind. It stays valid until the next call.
    ///
    /// A long wait checks `watch` now and then.
    pub(super) fn receive(
        &mut self,
        deadline: Instant,
        watch: &mut Watch,
    ) -> Result<&[u8], PipeError> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut scanned = 0;
        loop {
            if let Some(at) = memchr::memchr(0, &self.buffer[scanned..]) {
                let end = scanned + at;
                self.start = end + 1;
                return Ok(&self.buffer[..end]);
            }
            scanned = self.buffer.len();
            if scanned > MAX_MESSAGE_BYTES {
                return Err(PipeError::Closed);
            }
            let mut is_lost = || matches!(watch.health(), Health::Lost(_));
            wait_for(&self.answers, PollFlags::IN, deadline, &self.cancel, &mut is_lost)?;
            self.buffer.reserve(READ_BYTES);
            let spare = rustix::buffer::spare_capacity(&mut self.buffer);
            match rustix::io::read(&self.answers, spare) {
                Ok(0) => return Err(PipeError::Closed),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(PipeError::Closed),
            }
        }
    }
}

/// Waits until the descriptor is ready, the deadline passes, or the render is cancelled.
fn wait_for(
    fd: &OwnedFd,
    flags: PollFlags,
    deadline: Instant,
    cancel: &CancelToken,
    is_lost: &mut dyn FnMut() -> bool,
) -> Result<(), PipeError> {
    loop {
        if cancel.is_cancelled() {
            return Err(PipeError::Cancelled);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let slice = left.min(CANCEL_INTERVAL);
        let timeout = Timespec::try_from(slice).expect("a slice is short");
        let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), flags)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) if left.is_zero() => return Err(PipeError::Timeout),
            Ok(0) if is_lost() => return Err(PipeError::Lost),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(_) => return Err(PipeError::Closed),
        }
    }
}
