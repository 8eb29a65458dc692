//! Leaves out frames that an output cannot show.

use crate::error::Result;
use crate::frame::Frame;
use crate::pipeline::{Artifact, FrameSink};
use crate::plan::Thinning;
use crate::time::FrameIndex;

/// Passes on some of the frames, numbered anew.
pub(super) struct ThinnedSink {
    inner: Box<dyn FrameSink>,
    thinning: Thinning,
    /// The number of frames that came.
    seen: u64,
    /// The number of frames passed on, and their total.
    written: u64,
    frames: u64,
}

impl ThinnedSink {
    /// Creates the sink; `frames` is the number that `inner` expects.
    pub(super) const fn new(inner: Box<dyn FrameSink>, thinning: Thinning, frames: u64) -> Self {
        Self { inner, thinning, seen: 0, written: 0, frames }
    }
}

impl FrameSink for ThinnedSink {
    fn write(&mut self, frame: Frame) -> Result<()> {
        let is_shown =
            self.written < self.frames && self.thinning.source(self.written) == self.seen;
        self.seen += 1;
        if !is_shown {
            return Ok(());
        }
        let index = FrameIndex(self.written);
        self.written += 1;
        self.inner.write(Frame { index, ..frame })
    }

    fn finish(self: Box<Self>) -> Result<Artifact> {
        self.inner.finish()
    }
}
