//! Conversion ahead of the encoder, on a thread of its own.
//!
//! While an encoder works on one frame, the next is brought into its format. Both channels are
//! bounded: a slow encoder blocks the thread, and with it the caller that pushes pictures.

use std::any::Any;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::converter::Converter;
use crate::av::VideoFrame;
use crate::error::{Error, Result};
use crate::frame::Picture;

/// Pictures on their way at the same time: one that is converted, one that waits for the encoder.
const DEPTH: usize = 2;

/// The name of the thread, for messages.
const NAME: &str = "convert";

/// Converts pictures in their order, a limited number ahead of their use.
#[derive(Debug)]
pub(super) struct Ahead {
    /// `None` when no more come: the thread ends then.
    pictures: Option<Sender<(Arc<Picture>, u64)>>,
    converted: Receiver<Result<VideoFrame>>,
    /// `None` once it was joined.
    thread: Option<JoinHandle<()>>,
    under_way: usize,
}

impl Ahead {
    pub(super) fn new(mut converter: Converter) -> Result<Self> {
        let (pictures, asked) = bounded::<(Arc<Picture>, u64)>(DEPTH);
        let (answer, converted) = bounded(DEPTH);
        let convert = move || {
            for (picture, number) in asked {
                if answer.send(converter.convert(&picture, number)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name(NAME.into())
            .spawn(convert)
            .map_err(|source| Error::System { doing: "cannot start a thread", source })?;
        Ok(Self { pictures: Some(pictures), converted, thread: Some(thread), under_way: 0 })
    }

    /// Takes the picture of frame `number`. Returns converted frames in their order: none while
    /// there is room for more, one as soon as there is not.
    pub(super) fn push(
        &mut self,
        picture: Arc<Picture>,
        number: u64,
    ) -> Result<Option<VideoFrame>> {
        let first = if self.under_way == DEPTH { self.pop()? } else { None };
        let sent = self.pictures.as_ref().is_some_and(|to| to.send((picture, number)).is_ok());
        if !sent {
            return Err(self.panicked());
        }
        self.under_way += 1;
        Ok(first)
    }

    /// Waits for the next converted frame; `None` if none is under way.
    pub(super) fn pop(&mut self) -> Result<Option<VideoFrame>> {
        if self.under_way == 0 {
            return Ok(None);
        }
        self.under_way -= 1;
        match self.converted.recv() {
            Ok(frame) => frame.map(Some),
            Err(_) => Err(self.panicked()),
        }
    }

    /// Ends the converter's input: no more pictures come.
    pub(super) fn end(&mut self) {
        self.pictures = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }

    /// The error for a thread that has ended before its time.
    fn panicked(&mut self) -> Error {
        self.pictures = None;
        let panic = self.thread.take().and_then(|thread| thread.join().err());
        let text = |panic: &Box<dyn Any + Send>| {
            let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            text.or_else(|| panic.downcast_ref::<String>().cloned())
        };
        let message = panic.as_ref().and_then(text).unwrap_or_else(|| "no message".into());
        Error::Panicked { thread: NAME.into(), message }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // The thread may wait for its frames to be taken.
        while self.under_way > 0 && self.converted.recv().is_ok() {
            self.under_way -= 1;
        }
        self.end();
    }
}
